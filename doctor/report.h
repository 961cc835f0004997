/* SPDX-License-Identifier: MIT
 * What --check prints: for people, or as JSON. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum report_status {
	REPORT_OK,
	REPORT_WARN,
	REPORT_FAIL,
};

enum {
	REPORT_TEXT_MAX = 2048, /* bytes of a detail or a remedy; longer ones are cut */
};

/* One object or array after the other, on stdout. */
struct report {
	bool is_json;
	int exit_code; /* of the first check that failed */

	/* private */
	bool needs_comma;
	bool is_terminal, has_colour;
	unsigned n_checks[REPORT_FAIL + 1];
};

/* The frame of the whole output; exit is the exit code. On a terminal the end of checks is a line
 * that counts them. */
void report_begin(struct report *report, const char *name);
void report_end(struct report *report, int exit_code);

/* One check of the set-up. remedy may be NULL. exit_code counts for the first that fails. */
void report_check(struct report *report, enum report_status status, int exit_code, const char *what,
    const char *detail, const char *remedy);

/* The same with a detail that is put together. */
void report_ok(struct report *report, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_warn(struct report *report, const char *what, const char *remedy, const char *format,
    ...) __attribute__((format(printf, 4, 5)));
void report_fail(struct report *report, int exit_code, const char *what, const char *remedy,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* What an account of the database may do beyond reading; data is a struct report_grants. Has the form
 * of schema's inspection_grant. revoke may be NULL. The first few are shown. */
struct report_grants {
	struct report *report;
	unsigned n;
};
void report_grant(void *data, const char *privileges, const char *object, const char *revoke);

/* The dry run of one address: what was looked up, where the mail would lie, what RCPT would get. */
void report_address(struct report *report, const char *address);
void report_lookup(struct report *report, const char *table, const char *key, const char *found);
void report_mailboxes(struct report *report);
void report_mailbox(
    struct report *report, const char *mailbox, const char *path, const char *state);
void report_reply(struct report *report, const char *reply, const char *note);
