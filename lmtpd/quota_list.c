/* SPDX-License-Identifier: MIT
 * The addresses of all rows are read first: a server gives up a client that counts a mailbox between two rows for
 * too long. Of a row no more is kept than that, and what is found is printed at once. The limits are those that the
 * daemon would be told, by user_query. */
#include "lmtpd/quota_list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "doctor/database.h"
#include "lmtpd/homes.h"
#include "lmtpd/lookup.h"
#include "maildir/maildirsize.h"
#include "maildir/usage.h"

struct listing {
	const struct lmtpd_config *config;
	struct directory *directory;
	struct report report;
	struct report_quotas totals;
	struct error *error; /* why it ended early */
	int exit_code;
};

static void grave(struct listing *listing, int exit_code)
{
	listing->exit_code = lookup_graver(listing->exit_code, exit_code);
}

/* Nobody waits but who asks, and he may take his time. */
static struct usage_style patient_style(const struct lmtpd_config *config)
{
	struct usage_style style = config->rules.style;

	style.patience = 0;
	return style;
}

/* The file has sizes on disk, whatever quota.count says. */
static void compare_file(const struct lmtpd_config *config, const struct home *home,
    const struct usage *usage, struct report_quota *quota)
{
	struct usage_style style = patient_style(config);
	struct usage_memory memory = { .n = 0 };
	struct usage on_disk = *usage;
	struct maildirsize file;
	struct error ignored;
	int result = maildirsize_read(home->root, home->path, &file);

	if (result == MAILDIRSIZE_ABSENT) {
		return;
	}
	quota->has_file = true;
	if (result != MAILDIRSIZE_READ) {
		return;
	}
	quota->is_file_usable = true;
	quota->file = (struct quota){ file.bytes, file.messages };
	if (style.is_virtual) {
		style.is_virtual = false;
		result = usage_count(
		    home->root, home->path, &style, &memory, NULL, NULL, &on_disk, &ignored);
		usage_forget(&memory);
	}
	quota->is_file_right =
	    result == 0 && on_disk.bytes == file.bytes && on_disk.messages == file.messages;
}

void quota_list_measure(
    const struct lmtpd_config *config, const struct mailbox *mailbox, struct report_quota *quota_r)
{
	const struct usage_style style = patient_style(config);
	struct usage_memory memory = { .n = 0 };
	struct usage usage;
	struct home home;

	*quota_r = (struct report_quota){
		.limit = mailbox->limit,
		.count = config->count,
		.doubt = mailbox->doubt,
	};
	if (homes_find(config, mailbox, &home, &quota_r->why) != 0) {
		error_prefix(&quota_r->why, "its path is refused: ");
		return;
	}
	if (usage_count(home.root, home.path, &style, &memory, NULL, NULL, &usage, &quota_r->why) ==
	    0) {
		quota_r->why.text[0] = '\0';
		quota_r->used = (struct quota){ usage.bytes, usage.messages };
		quota_r->n_unsized = usage.unsized;
		compare_file(config, &home, &usage, quota_r);
	}
	usage_forget(&memory);
}

static void show(
    struct listing *listing, const struct mailbox *mailbox, const struct report_quota *quota)
{
	report_quota(&listing->report, mailbox->address.text, quota);
	listing->totals.n_rows++;
	listing->totals.n_unlimited += !quota_is_limited(&quota->limit);
	listing->totals.n_unread += quota->why.text[0] != '\0';
}

static void show_measured(struct listing *listing, const struct mailbox *mailbox)
{
	struct report_quota quota;

	quota_list_measure(listing->config, mailbox, &quota);
	show(listing, mailbox, &quota);
	if (quota.why.text[0] != '\0') {
		grave(listing, EX_TEMPFAIL);
	}
}

/* What cannot be counted for a reason that is not the mailbox's own. */
static void show_reason(struct listing *listing, const struct mailbox *mailbox, const char *why)
{
	struct report_quota quota = { .limit = mailbox->limit, .count = listing->config->count };

	error_set(&quota.why, "%s", why);
	show(listing, mailbox, &quota);
}

static void fail(struct listing *listing, int exit_code, const char *why)
{
	error_set(listing->error, "%s", why);
	grave(listing, exit_code);
}

/* The row that an address has. */
struct found {
	struct listing *listing;
	const char *key; /* in lower case */
	bool is_there;
	struct mailbox mailbox;
	int state; /* as mailbox_read() says */
	struct error error;
};

/* A mailbox that is disabled holds mail as well as another. */
static int on_row(void *data, const struct row *row)
{
	struct found *found = data;
	struct address lowered;

	if (found->is_there || row->columns[0].text == NULL) {
		return 0;
	}
	found->state =
	    mailbox_read(&found->mailbox, row, found->listing->config->node, &found->error);
	lowered = found->mailbox.address;
	address_lower(&lowered);
	found->is_there = found->state != -ENOMEM && strcmp(lowered.text, found->key) == 0;
	if (!found->is_there) {
		mailbox_deinit(&found->mailbox);
	}
	return found->state == -ENOMEM ? -ENOMEM : 0;
}

static void show_found(struct listing *listing, const struct found *found)
{
	if (found->state < 0) {
		show_reason(listing, &found->mailbox, found->error.text);
		grave(listing, EX_TEMPFAIL);
	} else if (found->state == MAILBOX_MOVING || found->state == MAILBOX_ELSEWHERE) {
		/* Its mail is counted there. */
		show_reason(listing, &found->mailbox, found->error.text);
	} else {
		show_measured(listing, &found->mailbox);
	}
}

/* Shows the mailbox of that very address, if there is one. is_exact: in its own case, too. Returns whether there is, or
 * a negative accident, which has been told. */
static int show_row(struct listing *listing, const struct address *address, bool is_exact)
{
	struct address lowered = *address;
	struct found found = { .listing = listing };
	int result;

	address_lower(&lowered);
	found.key = lowered.text;
	result = directory_ask(listing->directory, DIRECTORY_MAILBOX, lowered.text, on_row, &found);
	if (result < 0) {
		fail(listing, result == -ENOMEM ? EX_OSERR : EX_UNAVAILABLE,
		    result == -ENOMEM ? "out of memory" : directory_error(listing->directory));
	} else if (found.is_there &&
		   (!is_exact || strcmp(found.mailbox.address.text, address->text) == 0)) {
		show_found(listing, &found);
		result = 1;
	}
	if (found.is_there) {
		mailbox_deinit(&found.mailbox);
	}
	return result;
}

/* Those that differ in their folder alone are one. */
static bool is_shown(const struct resolution *resolution, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (strcmp(resolution->mailboxes[k].address.text,
			resolution->mailboxes[i].address.text) == 0) {
			return true;
		}
	}
	return false;
}

/* An address that leads to no mailbox stands in the place of one. */
static void show_refused(struct listing *listing, const struct path *path, enum reply reply,
    const struct resolution *resolution)
{
	struct report_quota quota = { .count = listing->config->count };
	char plain[512];

	snprintf(plain, sizeof(plain), "%.*s", (int)path->n, path->text);
	error_set(
	    &quota.why, "%s", resolution->note[0] != '\0' ? resolution->note : reply_text(reply));
	report_quota(&listing->report, plain, &quota);
	grave(listing,
	    reply == REPLY_NO_DATABASE ? EX_UNAVAILABLE
	    : reply == REPLY_NO_MAILBOX || reply == REPLY_NO_DOMAIN || reply == REPLY_BAD_MAILBOX
		? EX_NOUSER
		: EX_TEMPFAIL);
}

static void show_address(struct listing *listing, const char *text)
{
	struct path path = lookup_path(text);
	struct resolution resolution = { .mailboxes = NULL };
	struct address address;
	size_t n_detail;
	enum reply reply = lmtp_check_path(&listing->config->lmtp, &path, &address, &n_detail);
	int is_there = reply == REPLY_NONE ? show_row(listing, &address, false) : 0;

	if (is_there != 0) {
		return;
	}
	if (reply == REPLY_NONE) {
		reply = lookup_resolve(
		    listing->directory, listing->config, &address, NULL, NULL, &resolution);
	}
	if (reply == REPLY_RECIPIENT_OK) {
		for (size_t i = 0; i < resolution.n_mailboxes; i++) {
			if (!is_shown(&resolution, i)) {
				show_measured(listing, &resolution.mailboxes[i]);
			}
		}
	} else {
		show_refused(listing, &path, reply, &resolution);
	}
	resolution_deinit(&resolution);
}

/* Addresses of rows, each with its NUL. */
struct addresses {
	FILE *stream;
	char *text;
	size_t n_text, n_bad;
};

static int on_address(void *data, const struct row *row)
{
	struct addresses *addresses = data;
	const struct column *column = &row->columns[0];
	struct address address;
	size_t n;

	if (column->text == NULL ||
	    address_from_text(&address, column->text, column->n) != ADDRESS_OK) {
		addresses->n_bad++;
		return 0;
	}
	n = strlen(address.text) + 1;
	return fwrite(address.text, 1, n, addresses->stream) == n ? 0 : -ENOMEM;
}

/* A row that user_query does not find is no mailbox: --check says why. */
static void show_addresses(struct listing *listing, const struct addresses *addresses)
{
	const char *at = addresses->text, *end = addresses->text + addresses->n_text;
	int result = 0;

	listing->totals.n_bad = addresses->n_bad;
	for (; at < end && result >= 0; at += strlen(at) + 1) {
		struct address address;

		address_from_text(&address, at, strlen(at));
		result = show_row(listing, &address, true);
		listing->totals.n_bad += result == 0;
	}
}

static void show_all(struct listing *listing)
{
	const struct lmtpd_config *config = listing->config;
	struct addresses addresses = { .text = NULL };
	int exit_code;

	addresses.stream = open_memstream(&addresses.text, &addresses.n_text);
	if (addresses.stream == NULL) {
		fail(listing, EX_OSERR, "out of memory");
		return;
	}
	exit_code = database_read_users(
	    &config->directory, config->users_query, on_address, &addresses, listing->error);
	if (fclose(addresses.stream) != 0) {
		fail(listing, EX_OSERR, "out of memory");
	} else if (exit_code == EX_OK) {
		show_addresses(listing, &addresses);
	} else {
		listing->exit_code = exit_code;
	}
	free(addresses.text);
}

/* Returns an exit code. */
static int list(struct listing *listing, char *const *addresses, size_t n)
{
	report_begin(&listing->report, "mailboxes");
	for (size_t i = 0; i < n && listing->exit_code != EX_UNAVAILABLE; i++) {
		show_address(listing, addresses[i]);
	}
	if (n == 0) {
		show_all(listing);
	}
	report_quotas_end(&listing->report,
	    n == 0 && listing->error->text[0] == '\0' ? &listing->totals : NULL,
	    listing->exit_code);
	return listing->exit_code;
}

static int list_as_owner(const struct lmtpd_config *config, bool is_json, char *const *addresses,
    size_t n, struct error *error)
{
	struct listing listing = {
		.config = config,
		.report = { .is_json = is_json },
		.error = error,
	};
	int exit_code = EX_CONFIG;

	if (lmtpd_config_check_root(config, error) == 0) {
		listing.directory = directory_new(&config->directory);
		if (listing.directory == NULL) {
			error_set(error, "out of memory");
			exit_code = EX_OSERR;
		} else {
			exit_code = list(&listing, addresses, n);
		}
	}
	directory_free(listing.directory);
	return exit_code;
}

int quota_list(const char *config_file, bool is_json, char *const *addresses, size_t n)
{
	struct error error = { "" };
	struct lmtpd_config *config = lmtpd_config_load_as_owner(config_file, &error);
	int exit_code =
	    config == NULL ? EX_CONFIG : list_as_owner(config, is_json, addresses, n, &error);

	if (error.text[0] != '\0') {
		fflush(stdout); /* what was found before stands before it */
		fprintf(stderr, "lmtpd: %s\n", error.text);
	}
	if (config != NULL) {
		settings_free(config);
	}
	return exit_code;
}
