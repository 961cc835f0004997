/* SPDX-License-Identifier: MIT
 * Whether Dovecot looks for mail where lmtpd puts it: where it does not, all mail seems lost. What doveconf
 * says is judged without asking it, so that each version's words can be tested. */
#pragma once

#include "doctor/dovecot.h"
#include "doctor/report.h"

enum {
	LOCATION_MAX = 1024,
};

enum location_outcome {
	LOCATION_UNKNOWN =
	    0, /* each user may have a place of his own, or Dovecot has others than ours */
	LOCATION_SAME,
	LOCATION_ELSEWHERE,
	LOCATION_LITERAL, /* %d, %n and %u are no variables to this version */
};

struct location {
	bool is_24;              /* Dovecot 2.4, which has other settings than 2.3 */
	char ours[LOCATION_MAX]; /* with %d and %n */
	char theirs[LOCATION_MAX];
	const char *key; /* of LOCATION_LITERAL: what must be written otherwise */
};

/* Makes a place of text in the words of either version: with %d and %n alone. home: what ~ is, NULL if it is not
 * known. False if the place depends on more than the address. */
bool location_expand(const char *text, const char *home, char place_r[LOCATION_MAX]);

/* The INBOX of Dovecot's Maildirs, for such a home. False: it has none, or its place cannot be told. */
bool location_find(const struct dovecot *dovecot, const char *home, char inbox_r[LOCATION_MAX]);

/* text: what doveconf -N printed; it is cut into lines. home, path: of section maildir. */
enum location_outcome location_judge(
    char *text, const char *home, const char *path, struct location *location_r);

/* As text that Dovecot 2.4 understands: %{user | domain} for %d. */
void location_write_24(const char *text, char *text_r, size_t n);

/* Asks doveconf, as the caller. */
void location_check(const char *home, const char *path, struct report *report);
