/* SPDX-License-Identifier: MIT
 * A query of another program becomes one of ours, with the one that lists all rows for --check. */
#pragma once

#include "adopt/select.h"
#include "adopt/side.h"
#include "adopt/template.h"

struct adopted {
	char *query; /* of ours; NULL: it has no translation */
	char *all;   /* the same for all rows; NULL: that cannot be told */
	struct error error;
};

/* Ended by queries_free(). */
void queries_make(struct adopted *adopted_r, const char *text, enum template_dialect dialect,
    enum select_use use);
void queries_free(struct adopted *adopted);

/* Sets both, and remembers what must be granted for them. */
void queries_set(
    const struct adopted *adopted, enum select_use use, struct side *side, const char *where);
