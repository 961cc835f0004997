/* SPDX-License-Identifier: MIT
 * What an alias leads to: one destination a row, or a list of them. */
#pragma once

#include <stddef.h>

#include "base/row.h"

enum {
	DESTINATIONS_MAX = 1000, /* of one alias */
	/* What destinations_on_row() says of more: no outcome of a question, and no accident. */
	DESTINATIONS_TOO_MANY = 1,
};

/* A vector of argz_add(3), one after the other, each ended by NUL. */
struct destinations {
	const char *key; /* whose they are; the caller's */
	char *text;      /* the caller's to free() */
	size_t n;        /* bytes of text */
	size_t count;
};

/* A row_handler for a struct destinations. The first column is an address, or a list divided by commas or blanks,
 * in which quotes keep an address together; the second, if there is one, is the source: a row of another source
 * is left out. Returns 0, DESTINATIONS_TOO_MANY or -ENOMEM. */
int destinations_on_row(void *destinations, const struct row *row);
