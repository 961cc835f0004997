/* SPDX-License-Identifier: MIT
 * The action set, for others that set a variable. Private to sieve. */
#pragma once

#include "sieve/run.h"

/* :lower and the other modifiers (RFC 5229 4.1). */
extern const struct tag set_tags[];

/* Of a node whose first parameter is the name of a variable. */
void set_check(struct compiler *compiler, struct node *node);

/* Sets that variable to the value as the modifiers make it. Returns ANSWER_YES. */
enum answer set_value(struct sieve_run *run, const struct node *node, struct span value);

/* Bytes of the first n characters of a text; a byte that is no UTF-8 is one. */
size_t set_length(struct span text, uint64_t n);
