/* SPDX-License-Identifier: MIT
 * --check ADDRESS: the resolver with its look-ups shown, and the Maildirs as a delivery would find
 * them. */
#include "lmtpd/dry_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lmtpd/config.h"
#include "lmtpd/homes.h"
#include "lmtpd/lookup.h"
#include "lmtpd/quota_list.h"
#include "lmtpd/room.h"
#include "lmtpd/scripts_check.h"
#include "maildir/maildir.h"
#include "runtime/privilege.h"
#include "doctor/report.h"
#include "doctor/transport.h"

enum {
	TRANSPORT_MAX = 256,
	MEGABYTE = 1048576,
};

struct dry_run {
	struct report report;
	struct lmtpd_config *config;
	struct accounts accounts;          /* of mailboxes that were counted here */
	struct scripts *scripts;           /* NULL: none run */
	char (*transports)[TRANSPORT_MAX]; /* of each address: what Postfix says; NULL: not asked */
};

static void on_trace(void *data, enum resolver_table table, const char *key, const char *found)
{
	static const char *const names[] = {
		[RESOLVER_MAILBOX] = "mailbox",
		[RESOLVER_ALIAS] = "alias",
		[RESOLVER_DOMAIN] = "domain",
	};

	report_lookup(data, names[table], key, found);
}

/* Where there is a limit, or should be one. */
static const struct report_quota *measure(
    const struct dry_run *run, const struct mailbox *mailbox, struct report_quota *quota_r)
{
	if (!quota_is_limited(&mailbox->limit) && mailbox->doubt == NULL) {
		return NULL;
	}
	quota_list_measure(run->config, mailbox, quota_r);
	return quota_r;
}

static void show_mailbox(struct dry_run *run, const struct mailbox *mailbox, int *exit_r)
{
	struct scripts_description scripts;
	struct report_quota quota;
	char whole[MAILDIR_PATH_MAX + 4096], state[ERROR_MAX + FOLDER_DIRECTORY_MAX + 64];
	struct home home;
	const char *part = "";
	struct error error;
	int result = homes_find(run->config, mailbox, &home, &error) != 0
			 ? -EINVAL
			 : maildir_probe(home.root, home.path, &part);

	snprintf(whole, sizeof(whole), "%s/%s", home.root->base, home.path);
	if (result < 0) {
		snprintf(state, sizeof(state), "cannot be written: %s%s%s", part,
		    part[0] != '\0' ? ": " : "", maildir_strerror(result, ""));
		*exit_r = EX_TEMPFAIL;
	} else {
		snprintf(state, sizeof(state), "%s%s%s%s",
		    result == MAILDIR_EXISTS ? "exists" : "made at the first delivery",
		    home.folder[0] != '\0' ? ", folder " : "", home.folder,
		    home.folder[0] == '\0' ? ""
		    : home.makes_folder    ? ", made if it is not there"
					   : ", INBOX if it is not there");
	}
	if (run->scripts != NULL) {
		scripts_describe(run->scripts, run->config, mailbox, &scripts);
	}
	report_mailbox(&run->report, mailbox->address.text, whole, state,
	    measure(run, mailbox, &quota), run->scripts == NULL ? NULL : &scripts.report);
}

/* Says where Postfix sends this mail, behind what was found here. */
static void note_transport(const struct dry_run *run, const char *transport, enum reply reply,
    struct resolution *resolution)
{
	const char *node = run->config->node;
	size_t n = strlen(resolution->note);
	char *note = resolution->note + n;
	const char *judgement = "";

	if (transport[0] == '\0') {
		transport = "no one: virtual_transport counts";
	} else if (reply == REPLY_RECIPIENT_OK) {
		judgement = transport_names(transport, node) ? ", which is this node"
							     : ": see that it leads to this node";
	}
	snprintf(note, sizeof(resolution->note) - n,
	    "%sthis node is %s; Postfix's transport_maps name %s%s", n > 0 ? "; " : "", node,
	    transport, judgement);
}

static int exit_code_of(enum reply reply)
{
	if (reply == REPLY_RECIPIENT_OK) {
		return EX_OK;
	}
	if (reply == REPLY_NO_DATABASE) {
		return EX_UNAVAILABLE;
	}
	if (reply == REPLY_FULL) {
		return EX_TEMPFAIL; /* the address is known, and there may be room tomorrow */
	}
	return reply_is_permanent(reply) ? EX_NOUSER : EX_TEMPFAIL;
}

/* Resolves the address as it would stand between the angle brackets of RCPT. */
static enum reply show_lookups(struct dry_run *run, struct directory *directory,
    const struct path *path, struct resolution *resolution_r)
{
	struct address address;
	enum reply reply;
	size_t n_detail;

	report_list(&run->report, "lookups");
	reply = lmtp_check_path(&run->config->lmtp, path, &address, &n_detail);
	if (reply == REPLY_NONE) {
		reply = lookup_resolve(
		    directory, run->config, &address, on_trace, &run->report, resolution_r);
	}
	report_list_end(&run->report);
	return reply;
}

static int show_mailboxes(
    struct dry_run *run, const struct resolution *resolution, enum reply reply)
{
	int exit_code = exit_code_of(reply);

	report_list(&run->report, "mailboxes");
	for (size_t i = 0; reply == REPLY_RECIPIENT_OK && i < resolution->n_mailboxes; i++) {
		show_mailbox(run, &resolution->mailboxes[i], &exit_code);
	}
	report_list_end(&run->report);
	return exit_code;
}

/* What the daemon says to a message of that size, 0 for any, as far as room is concerned. Its own code. */
static enum reply ask_room(
    struct dry_run *run, struct resolution *resolution, uint64_t size, enum reply otherwise)
{
	struct room *room = room_ask(&run->accounts, run->config, resolution, size);
	enum reply reply = otherwise;

	if (room == NULL) {
		return reply;
	}
	room_count(room);
	if (room->reply != REPLY_RECIPIENT_OK) {
		reply = room->reply;
	}
	if (size == 0 && room->note[0] != '\0') {
		snprintf(resolution->note, sizeof(resolution->note), "%s", room->note);
	}
	room_free(room);
	return reply;
}

/* Does it matter to one of them how large a message is? */
static bool has_limits(const struct resolution *resolution)
{
	for (size_t i = 0; i < resolution->n_mailboxes; i++) {
		if (quota_is_limited(&resolution->mailboxes[i].limit)) {
			return true;
		}
	}
	return false;
}

static enum reply reply_to_megabyte(struct dry_run *run, struct resolution *resolution)
{
	long limit = run->config->message_size_limit;

	return limit > 0 && limit < MEGABYTE ? REPLY_TOO_BIG
					     : ask_room(run, resolution, MEGABYTE, REPLY_SAVED);
}

/* Without its CR LF. */
static void write_reply(const struct dry_run *run, char line_r[REPLY_LINE_MAX + 1],
    enum reply reply, const char *address)
{
	if (run->config->lmtp.soft_bounce) {
		reply = reply_soften(reply);
	}
	line_r[reply_format(line_r, reply, address, NULL) - 2] = '\0';
}

static int show_address(
    struct dry_run *run, struct directory *directory, const char *text, const char *transport)
{
	struct resolution resolution = { .mailboxes = NULL };
	struct path path = lookup_path(text);
	char plain[512], line[REPLY_LINE_MAX + 1], megabyte[REPLY_LINE_MAX + 1];
	bool is_limited = false;
	enum reply reply;
	int exit_code;

	report_address(&run->report, text);
	reply = show_lookups(run, directory, &path, &resolution);
	exit_code = show_mailboxes(run, &resolution, reply);
	snprintf(plain, sizeof(plain), "%.*s", (int)path.n, path.text);
	if (reply == REPLY_RECIPIENT_OK && has_limits(&resolution)) {
		is_limited = true;
		write_reply(run, megabyte, reply_to_megabyte(run, &resolution), plain);
		reply = ask_room(run, &resolution, 0, reply);
		exit_code = lookup_graver(exit_code, exit_code_of(reply));
	}
	if (transport != NULL) {
		note_transport(run, transport, reply, &resolution);
	}
	write_reply(run, line, reply, plain);
	report_address_end(&run->report, line, is_limited ? megabyte : NULL,
	    resolution.note[0] != '\0' ? resolution.note : NULL);
	resolution_deinit(&resolution);
	return exit_code;
}

/* A site whose rows name nodes has Postfix send each mailbox its mail. Its maps may be root's alone to read, so
 * this comes first. */
static void ask_transports(struct dry_run *run, char *const *addresses, size_t n)
{
	bool has_maps = true;

	if (strcasestr(run->config->directory.queries[DIRECTORY_MAILBOX], "state") == NULL) {
		return;
	}
	run->transports = calloc(n, sizeof(*run->transports));
	for (size_t i = 0; run->transports != NULL && i < n && has_maps; i++) {
		struct address address;

		if (address_from_text(&address, addresses[i], strlen(addresses[i])) == ADDRESS_OK) {
			address_lower(&address);
			has_maps =
			    transport_ask(&address, run->transports[i], sizeof(*run->transports));
		}
	}
	if (!has_maps) {
		free(run->transports);
		run->transports = NULL;
	}
}

/* Behind all that root alone may see. Returns the exit code. */
static int show_addresses(struct dry_run *run, char *const *addresses, size_t n)
{
	struct directory *directory = directory_new(&run->config->directory);
	int exit_code = EX_OK;

	if (directory == NULL) {
		return EX_OSERR;
	}
	accounts_init(&run->accounts);
	run->scripts = run->config->sieve.is_enabled ? scripts_new() : NULL;
	report_begin(&run->report, "addresses");
	for (size_t i = 0; i < n; i++) {
		exit_code = lookup_graver(
		    exit_code, show_address(run, directory, addresses[i],
				   run->transports == NULL ? NULL : run->transports[i]));
	}
	report_end(&run->report, exit_code);
	accounts_deinit(&run->accounts);
	scripts_free(run->scripts);
	directory_free(directory);
	return exit_code;
}

int dry_run(const char *config_file, bool is_json, char *const *addresses, size_t n)
{
	struct dry_run run = { .report = { .is_json = is_json } };
	struct error error;
	int exit_code;

	run.config = settings_load(&lmtpd_config_form, config_file, &error);
	if (run.config == NULL) {
		fprintf(stderr, "lmtpd: %s\n", error.text);
		return EX_CONFIG;
	}
	ask_transports(&run, addresses, n);
	if (privilege_leave_root(run.config->daemon.user, run.config->daemon.group, &error) == 0) {
		exit_code = show_addresses(&run, addresses, n);
	} else {
		fprintf(stderr, "lmtpd: maildir.user: %s\n", error.text);
		exit_code = EX_CONFIG;
	}
	settings_free(run.config);
	free(run.transports);
	return exit_code;
}
