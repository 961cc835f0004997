/* SPDX-License-Identifier: MIT
 * Columns by their names. Pure: any thread. */
#include "base/row.h"

#include <string.h>

const struct column *row_find(const struct row *row, const char *name)
{
	for (unsigned i = 0; i < row->n_columns; i++) {
		if (strcmp(row->columns[i].name, name) == 0) {
			return &row->columns[i];
		}
	}
	return NULL;
}
