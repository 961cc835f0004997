/* SPDX-License-Identifier: MIT
 * The scripts are found and compiled by the daemon's own code. */
#include "lmtpd/scripts_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor/forwarding.h"
#include "doctor/pigeonhole.h"
#include "lmtpd/homes.h"
#include "lmtpd/submitter.h"
#include "runtime/dial.h"

enum {
	SUBMISSION_PATIENCE_MS = 20000, /* for all that the server is asked */
};

void scripts_check_dovecot(const struct lmtpd_config *config, struct report *report)
{
	const char *names[EXTENSIONS + 1];
	const struct sieve_config *sieve = &config->sieve;
	const struct pigeonhole_facts facts = {
		.is_enabled = sieve->is_enabled,
		.extensions = names,
		.storage = sieve->storage,
		.active = sieve->active,
		.creates = sieve->creates_folders,
		.subscribes = sieve->subscribes_folders,
		.has = {
			[PIGEONHOLE_BEFORE] = sieve->before.n > 0,
			[PIGEONHOLE_AFTER] = sieve->after.n > 0,
			[PIGEONHOLE_DEFAULT] = sieve->fallback[0] != '\0',
			[PIGEONHOLE_GLOBAL] = sieve->global[0] != '\0',
		},
	};
	size_t n = 0;

	for (int i = EXTENSION_NONE + 1; i < EXTENSIONS; i++) {
		if ((sieve_language.extensions & EXTENSION_BIT(i)) != 0) {
			names[n++] = extension_names[i];
		}
	}
	names[n] = NULL;
	pigeonhole_check(&facts, report);
}

static void check_path(const char *key, const char *path, struct report *report)
{
	if (path[0] != '\0' && access(path, F_OK) != 0) {
		report_warn(report, "script",
		    "put it there, or take it out of lmtpd.conf; the owner of the mail must be "
		    "able to read it",
		    "sieve.%s: %s: %s", key, path, strerror(errno));
	}
}

void scripts_check_admin(
    struct scripts *scripts, const struct lmtpd_config *config, struct report *report)
{
	const struct sieve_config *sieve = &config->sieve;
	const struct scripts_home nobody = { .root = NULL, .path = "", .address = "nobody" };
	struct scripts_chain chain;
	struct error error;

	for (size_t i = 0; i < sieve->before.n; i++) {
		check_path("before", sieve->before.texts[i], report);
	}
	for (size_t i = 0; i < sieve->after.n; i++) {
		check_path("after", sieve->after.texts[i], report);
	}
	check_path("default", sieve->fallback, report);
	check_path("global", sieve->global, report);
	if (scripts_open(scripts, config, &nobody, &chain, &error) != 0) {
		report_warn(report, "script", NULL, "%s", error.text);
	} else if (chain.trouble[0] != '\0') {
		report_warn(report, "script",
		    "correct it: lmtpd --sieve-check SCRIPT says all that is wrong with one",
		    "does not run: %s", chain.trouble);
	} else if (chain.n > 0) {
		report_ok(report, "script", "%zu of the admin", chain.n);
	}
	scripts_close(scripts, &chain);
}

void scripts_check_submission(const struct lmtpd_config *config, struct report *report)
{
	const char *const recipients[] = { [FORWARDING_OURS] = config->sieve.postmaster,
		[FORWARDING_OTHERS] = FORWARDING_STRANGER };
	struct forwarding_facts facts = { .endpoint = config->sieve.submission,
		.size_limit = (uint64_t)config->message_size_limit };
	struct submitter_offer offer;
	struct submitter *submitter;

	if (!config->sieve.is_enabled) {
		return;
	}
	submitter = submitter_start(NULL);
	if (submitter == NULL) {
		report_warn(report, "submission", NULL, "out of memory");
		return;
	}
	facts.is_offered = submitter_ask(submitter, &config->sieve.submitter, recipients,
	    FORWARDING_RECIPIENTS, dial_now() + SUBMISSION_PATIENCE_MS, facts.outcomes, &offer);
	submitter_stop(submitter);
	facts.has_8bitmime = offer.has_8bitmime;
	facts.has_chunking = offer.has_chunking;
	facts.has_smtputf8 = offer.has_smtputf8;
	facts.size_max = offer.size_max;
	memcpy(facts.client, offer.client, sizeof(facts.client));
	forwarding_check(&facts, report);
}

void scripts_check_init(
    struct scripts_check *check_r, struct scripts *scripts, const struct lmtpd_config *config)
{
	check_r->scripts = scripts;
	check_r->config = *config;
	check_r->config.sieve.before.n = 0;
	check_r->config.sieve.after.n = 0;
	check_r->config.sieve.fallback = "";
}

/* Returns as scripts_open(); chain_r is empty where the mailbox has no home. */
static int open_chain(struct scripts *scripts, const struct lmtpd_config *config,
    const struct mailbox *mailbox, struct scripts_chain *chain_r, struct error *error)
{
	struct home home;

	*chain_r = (struct scripts_chain){ .n = 0 };
	if (homes_find(config, mailbox, &home, error) != 0) {
		return 0; /* said elsewhere */
	}
	home.path[home.n_home] = '\0';
	return scripts_open(scripts, config,
	    &(struct scripts_home){ home.root, home.path, mailbox->address.text }, chain_r, error);
}

void scripts_check_user(void *data, struct rows *rows, const struct mailbox *mailbox)
{
	struct scripts_check *check = data;
	struct scripts_chain chain;
	struct error error;
	int result = open_chain(check->scripts, &check->config, mailbox, &chain, &error);

	if (result != 0) {
		rows_say(rows, USER_SCRIPT, NULL, "%s: mail is put off", error.text);
	} else if (chain.trouble[0] != '\0') {
		rows_say(rows, USER_SCRIPT, "let the user correct it, or activate another one",
		    "%s: does not run: %s", mailbox->address.text, chain.trouble);
	}
	scripts_close(check->scripts, &chain);
}

struct describing {
	struct scripts_description *description;
	const struct scripts_chain *chain;
	const char *path; /* of the script */
	const char *submission;
};

/* The same of the same to the same is one, by the first of them. */
static bool is_told(const struct scripts_description *description, const struct report_sending *new)
{
	for (size_t i = 0; i < description->report.n_sendings; i++) {
		if (strcmp(description->sendings[i].command, new->command) == 0 &&
		    strcmp(description->sendings[i].to, new->to) == 0) {
			return true;
		}
	}
	return false;
}

static void on_sending(void *data, const struct sieve_sending *sending)
{
	const struct describing *describing = data;
	struct scripts_description *description = describing->description;
	struct report_sending new = { .command = sending->command, .line = sending->line };

	snprintf(new.to, sizeof(new.to), "%.*s", (int)sending->to.n, sending->to.p);
	snprintf(new.script, sizeof(new.script), "%s", describing->path);
	new.server = strstr(sending->command, "reject") == NULL ? describing->submission : NULL;
	if (is_told(description, &new)) {
		return;
	}
	if (description->report.n_sendings == SCRIPTS_SENDINGS_MAX) {
		description->report.n_more++;
		return;
	}
	description->sendings[description->report.n_sendings++] = new;
}

static void describe_program(
    struct describing *describing, const struct sieve_program *program, const char *name)
{
	describing->path = scripts_path(describing->chain, name);
	sieve_program_sendings(program, on_sending, describing);
}

/* Marks what a program includes. */
static void mark_included(
    const struct scripts_chain *chain, const struct sieve_program *program, bool *is_included)
{
	size_t n;
	const struct sieve_include *includes = sieve_program_includes(program, &n);

	for (size_t i = 0; i < n; i++) {
		const struct sieve_library *found = sieve_library_find(
		    chain->library, chain->n_library, includes[i].place, includes[i].name);

		if (found != NULL) {
			is_included[found - chain->library] = true;
		}
	}
}

/* Those that run, and all that is included by one of them: others are in the library, too, of scripts that were left out. */
static void describe_sendings(const struct scripts_chain *chain, struct describing *describing)
{
	bool is_included[SIEVE_INCLUDES_MAX] = { false }, is_done[SIEVE_INCLUDES_MAX] = { false };
	bool goes_on = true;

	for (size_t i = 0; i < chain->n; i++) {
		describe_program(describing, chain->list[i].program, chain->list[i].name);
		mark_included(chain, chain->list[i].program, is_included);
	}
	while (goes_on) {
		goes_on = false;
		for (size_t i = 0; i < chain->n_library; i++) {
			const struct sieve_library *entry = &chain->library[i];

			if (is_included[i] && !is_done[i]) {
				is_done[i] = goes_on = true;
				describe_program(describing, entry->program, entry->name.p);
				mark_included(chain, entry->program, is_included);
			}
		}
	}
}

void scripts_describe(struct scripts *scripts, const struct lmtpd_config *config,
    const struct mailbox *mailbox, struct scripts_description *description_r)
{
	struct scripts_description *out = description_r;
	struct scripts_chain chain;
	struct error error;
	int result = open_chain(scripts, config, mailbox, &chain, &error);
	size_t at = 0;

	out->report = (struct report_scripts){
		.names = out->names, .trouble = out->trouble, .sendings = out->sendings
	};
	out->names[0] = '\0';
	for (size_t i = 0; i < chain.n && at < sizeof(out->names); i++) {
		at += (size_t)snprintf(out->names + at, sizeof(out->names) - at, "%s%s",
		    i > 0 ? ", " : "", scripts_path(&chain, chain.list[i].name));
	}
	snprintf(
	    out->trouble, sizeof(out->trouble), "%s", result != 0 ? error.text : chain.trouble);
	describe_sendings(
	    &chain, &(struct describing){ out, &chain, "", config->sieve.submission });
	scripts_close(scripts, &chain);
}
