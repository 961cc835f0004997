/* SPDX-License-Identifier: MIT
 * What --check, --maildirs and --quota print: for people, or as JSON. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/json.h"
#include "mail/quota.h"

enum report_status {
	REPORT_OK,
	REPORT_WARN,
	REPORT_FAIL,
};

enum {
	REPORT_TEXT_MAX = 2048, /* bytes of a detail or a remedy; longer ones are cut */
};

struct report {
	bool is_json;
	int exit_code; /* of the first check that failed */
	/* Told of each check in the place of printing it; NULL: it is printed. */
	void (*on_check)(void *data, enum report_status status, const char *detail);
	void *data;

	/* private */
	struct json json;
	char remedy[REPORT_TEXT_MAX];
	bool is_terminal, has_colour, has_titles;
	unsigned n_checks[REPORT_FAIL + 1];
};

/* The frame of the whole output; exit is the exit code. On a terminal the end of checks is a line
 * that counts them. */
void report_begin(struct report *report, const char *name);
void report_end(struct report *report, int exit_code);

/* Puts a remedy together, in room of the report's that it shares with the next one. */
const char *report_remedy(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* One check of the set-up, with a detail that is put together. remedy may be NULL. exit_code counts for the first
 * that fails. */
void report_check(struct report *report, enum report_status status, int exit_code, const char *what,
    const char *remedy, const char *format, va_list arguments)
    __attribute__((format(printf, 6, 0)));
void report_ok(struct report *report, const char *what, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_warn(struct report *report, const char *what, const char *remedy, const char *format,
    ...) __attribute__((format(printf, 4, 5)));
void report_fail(struct report *report, int exit_code, const char *what, const char *remedy,
    const char *format, ...) __attribute__((format(printf, 5, 6)));

/* What a mailbox holds and may hold. */
struct report_quota {
	struct quota limit;
	struct quota used;   /* if there is nothing in why */
	const char *count;   /* how it was counted: "virtual" or "disk" */
	uint64_t n_unsized;  /* messages whose name has no size */
	const char *doubt;   /* what is wrong with the limit in its row; NULL for nothing */
	struct error why;    /* it could not be counted; "" */
	bool has_file;       /* Dovecot's maildirsize is there, */
	bool is_file_usable; /* and says something: */
	struct quota file;
	bool
	    is_file_right; /* the mailbox, counted as Dovecot does for that file, holds just that */
};

/* What a command of a script may tell others. */
struct report_sending {
	const char *command; /* such as redirect */
	char to[320];        /* as the script says it; "": of that command it is not known */
	const char *server;  /* that takes it; NULL: it is the reply to the message */
	char script[320];
	unsigned line;
};

/* Which scripts run for a mailbox, divided by commas, and what is wrong with others; both may be "". And what those that run
 * may send. */
struct report_scripts {
	const char *names, *trouble;
	const struct report_sending *sendings;
	size_t n_sendings, n_more; /* that are there, and that there was no room for */
};

/* The dry run of one address: what is looked up, a list of "lookups" or "mailboxes" after the other, and what
 * RCPT would get, and after the data a message of a megabyte. found, quota, scripts, megabyte and note may be NULL. */
void report_address(struct report *report, const char *address);
void report_list(struct report *report, const char *name);
void report_lookup(struct report *report, const char *table, const char *key, const char *found);
void report_mailbox(struct report *report, const char *mailbox, const char *path, const char *state,
    const struct report_quota *quota, const struct report_scripts *scripts);
void report_list_end(struct report *report);
void report_address_end(
    struct report *report, const char *reply, const char *megabyte, const char *note);

/* Rows and Maildirs, in lists as above: a row whose Maildir is not there yet; a Maildir without a row, with
 * the time of its last change, 0 if that is not known; and what cannot be looked at. */
void report_absent(struct report *report, const char *mailbox, const char *path);
void report_stray(struct report *report, const char *path, uint64_t n_messages, time_t changed);
void report_unread(struct report *report, const char *path, const char *why);

struct report_maildirs {
	size_t n_rows, n_bad; /* that are a mailbox, and that can be none */
	size_t n_absent, n_strays, n_unread;
};

/* Ends the last list and, in the place of report_end(), the whole output. */
void report_maildirs_end(
    struct report *report, const struct report_maildirs *totals, int exit_code);

/* A row of a table; the first has the titles of the columns in front. */
void report_quota(struct report *report, const char *mailbox, const struct report_quota *quota);

struct report_quotas {
	size_t n_rows, n_bad; /* that are a mailbox, and that can be none */
	size_t n_unlimited, n_unread;
};

/* As report_maildirs_end(). totals: NULL where single addresses were asked for. */
void report_quotas_end(struct report *report, const struct report_quotas *totals, int exit_code);
