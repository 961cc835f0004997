/* SPDX-License-Identifier: MIT
 * What was sent for a mailbox, and must not be sent again so soon: notices of vacation, redirected messages, and what the test
 * duplicate has seen. It stands where Dovecot keeps it, in .dovecot.lda-dupes of the home and in its form (marks_file.h), so that
 * nothing is sent twice when a mailbox moves from Dovecot's LMTP to lmtpd or back. Any thread.
 *
 * A new mark goes to the end of the file, and one that is there gets a new time in its place: both is what Dovecot
 * reads. The file is written anew when a third of it or more has expired, or when it cannot be read to its end; what cannot
 * be read at all is as if there was none. A power cut may leave half a record at the end. We keep what stands before it, and so does
 * a Dovecot that has something to mark itself; one that only looks removes the file. */
#pragma once

#include <stddef.h>
#include <time.h>

#include "base/text.h"

enum {
	MARKS_FULL = 2,            /* beside DOTLOCK_HELD */
	MARKS_MAX = 50000,         /* that count, in a file */
	MARKS_BYTES_MAX = 1 << 24, /* of a file; what is behind them is not read */
	MARKS_AT_ONCE = 128,
	/* Together less than what Dovecot reads at once. */
	MARK_ID_MAX = 3000,
	MARK_USER_MAX = 1000,
	MARKS_STALE = 10, /* seconds, Dovecot's */
};

struct mark {
	struct span id; /* 1 to MARK_ID_MAX bytes */
	time_t until;   /* seconds since 1970 */
};

/* Is an id remembered for the user, who is the mailbox as it logs in (letters in either case), at this time? No lock is
 * needed to look. home_fd is that of home_open(). Returns 1, 0 or a negative errno: then nobody can know. */
int marks_has(int home_fd, const char *user, struct span id, time_t now);

/* Remembers at most MARKS_AT_ONCE ids; they are on the disk when it returns 0. Otherwise some of them may be. Returns 0,
 * DOTLOCK_HELD, MARKS_FULL or a negative errno (-EINVAL: an id or the user is empty or too long). *patience is that of dotlock_take(). */
int marks_add(int home_fd, const char *user, const struct mark *marks, size_t n, time_t now,
    unsigned *patience);

/* Forgets an id, if it is remembered: what it stands for was not sent. Returns as marks_add(). */
int marks_forget(int home_fd, const char *user, struct span id, time_t now, unsigned *patience);

/* What one of these has returned that is not 0, for people. */
const char *marks_strerror(int result);
