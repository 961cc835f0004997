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

/* One object or array after the other, on stdout. */
struct report {
	bool is_json;
	bool needs_comma;
};

/* The frame of the whole output; exit is the exit code. */
void report_begin(struct report *report, const char *name);
void report_end(struct report *report, int exit_code);

/* One check of the set-up. remedy may be NULL. */
void report_check(struct report *report, enum report_status status, const char *what,
    const char *detail, const char *remedy);

/* The dry run of one address: what was looked up, where the mail would lie, what RCPT would get. */
void report_address(struct report *report, const char *address);
void report_lookup(struct report *report, const char *table, const char *key, const char *found);
void report_mailboxes(struct report *report);
void report_mailbox(
    struct report *report, const char *mailbox, const char *path, const char *state);
void report_reply(struct report *report, const char *reply, const char *note);
