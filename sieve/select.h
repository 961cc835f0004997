/* SPDX-License-Identifier: MIT
 * Which fields of the message a test is about. Private to sieve. */
#pragma once

#include "sieve/run.h"

/* :index, :last (RFC 5260 6); :mime, :anychild (RFC 5703 4.2), and what of a structured field: :type ... */
extern const struct tag select_index_tags[];
extern const struct tag select_mime_tags[];
extern const struct tag select_mime_part_tags[];

enum mime_part {
	MIME_PART_TYPE,
	MIME_PART_SUBTYPE,
	MIME_PART_CONTENT_TYPE,
	MIME_PART_PARAMETERS,
};

/* Checks those tags of a node, and that the constant ones of its first argument can be names of fields. */
void select_check(struct compiler *compiler, struct node *node);

struct selection {
	const struct field **list;
	size_t n;
};

/* The fields of that name, as the node's tags want them. ANSWER_YES; _WAIT, _BROKEN. */
enum answer select_fields(struct sieve_run *run, const struct node *node, struct span name,
    struct selection *selection_r);
