/* SPDX-License-Identifier: MIT
 * The folders that clients show: Dovecot's file "subscriptions" of a mailbox. Private to maildir; any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	SUBSCRIPTIONS_MAX = 1 << 20, /* bytes of a file that is taken */
	SUBSCRIPTIONS_STALE = 30,    /* seconds, Dovecot's */
	SUBSCRIPTIONS_LINE_MAX = 256,
};

/* Which form a file has; its text ends with NUL. */
enum subscriptions_version {
	SUBSCRIPTIONS_OLD = 1,     /* a name a line, with dots */
	SUBSCRIPTIONS_CURRENT = 2, /* two lines of header, and tabs for dots */
	SUBSCRIPTIONS_UNKNOWN = 3, /* of a Dovecot to come */
};

/* Pure: of an empty file it is the current one. */
enum subscriptions_version subscriptions_version(const char *text);

/* Pure: the line of a folder, which is the name of its directory, in line_r[SUBSCRIPTIONS_LINE_MAX], without a line
 * end. Returns its length. */
size_t subscriptions_line(char *line_r, enum subscriptions_version version, const char *folder);

/* Pure: does the text have that line? */
bool subscriptions_has(const char *text, const char *line);

/* Subscribes to a folder of the mailbox that is open. Returns 0, also when it was subscribed to already,
 * DOTLOCK_HELD or a negative errno. syncs and *patience as for dotlock_take(). */
int subscriptions_add(int mailbox_fd, const char *folder, bool syncs, unsigned *patience);
