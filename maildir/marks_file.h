/* SPDX-License-Identifier: MIT
 * The bytes of Dovecot's file of what was sent already: a number that names the form, 2, and behind it records of three
 * numbers (until when, in seconds since 1970; the bytes of the id; those of the user), the id and the user. Numbers
 * have 32 bits in the order of the machine. Of records with the same id and user the last one counts. Pure.
 * Private to maildir. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/text.h"

enum {
	MARKS_VERSION = 2,
	MARKS_HEAD = 4,         /* bytes in front of the first record */
	MARKS_RECORD_HEAD = 12, /* and in front of an id */
	MARKS_PART_MAX =
	    4096, /* bytes of an id or a user; with more Dovecot takes a file for broken */
};

struct marks_record {
	uint32_t until;
	struct span id, user;
	size_t at, n; /* where it stands in the file, and its bytes */
};

/* Where the first record stands; 0: it is no such file. */
size_t marks_file_begin(struct span file);

/* The record at *at, which is moved behind it. False: it ends there, or cannot be read any further. */
bool marks_file_next(struct span file, size_t *at, struct marks_record *record_r);

/* Does it still count? As Dovecot has it, also in the second that it ends in. */
bool marks_record_counts(const struct marks_record *record, time_t now);

bool marks_record_is(const struct marks_record *record, struct span user, struct span id);

/* Is the id remembered for the user? */
bool marks_file_has(struct span file, struct span user, struct span id, time_t now);

/* Writes the head, and a record. Both return how many bytes; out NULL: nothing is written. */
size_t marks_file_write_head(char *out);
size_t marks_file_write(char *out, uint32_t until, struct span id, struct span user);

/* The time of a record: what does not fit into it is the most that does. */
uint32_t marks_file_until(time_t until);
