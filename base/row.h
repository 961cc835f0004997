/* SPDX-License-Identifier: MIT
 * A row of an answer, between who asks (mail, the doctor, logins) and who knows a database. */
#pragma once

#include <stddef.h>

/* One value. */
struct column {
	const char *name; /* as the server tells it */
	const char *text; /* any bytes, not ended by NUL; NULL: SQL's NULL */
	size_t n;         /* bytes of text; 0 for NULL */
};

/* Its query says how many columns there are at least; these may be read without a look. */
struct row {
	const struct column *columns;
	unsigned n_columns;
};

/* What is done with each row of an answer. The row is gone afterwards. Returns 0 to go on; all else
 * ends the answer and is what the question returns. */
typedef int row_handler(void *data, const struct row *row);

/* The column of that name, NULL if there is none. */
const struct column *row_find(const struct row *row, const char *name);
