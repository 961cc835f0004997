/* SPDX-License-Identifier: MIT
 * What the parts of the compiler call each other for. Private to sieve. */
#pragma once

#include <stdarg.h>

#include "sieve/parse.h"
#include "sieve/word.h"

/* --- errors.c --------------------------------------------------------------------------------------------------- */

/* Adds one. What could not be shown becomes '?'. */
void errors_add(struct sieve_errors *errors, bool is_warning, struct position at,
    const char *format, va_list arguments) __attribute__((format(printf, 4, 0)));

/* Looks for what somebody may have meant who has made one slip. */
struct near {
	struct span wanted;
	const char *name; /* NULL: nothing is near */
	char text[2 * LEXER_NAME_MAX];
};

void near_try(struct near *near, const char *name);

/* "; did you mean NAME?", or "". */
const char *near_text(struct near *near);

/* --- words.c ---------------------------------------------------------------------------------------------------- */

/* NULL: there is none of that kind. */
const struct word *words_find(
    const struct sieve_language *language, struct span name, enum word_kind kind);
void words_try(const struct sieve_language *language, enum word_kind kind, struct near *near);

/* --- require.c -------------------------------------------------------------------------------------------------- */

/* EXTENSION_NONE: it is not to be had. */
enum sieve_extension require_find(const struct compiler *compiler, struct span name);

/* The extension, and those that are part of it. */
void require_add(struct compiler *compiler, enum sieve_extension extension);

/* Says that something cannot be used without it. */
void require_error(struct compiler *compiler, struct position at, struct span name,
    enum sieve_extension extension);

/* --- arguments.c ------------------------------------------------------------------------------------------------ */

/* The tag of that name, without its colon. NULL: there is none. */
const struct tag *arguments_tag(const struct word *word, struct span name);

/* Gives a node its arguments. False: they are wrong, and errors were said, or there is no memory. */
bool arguments_fill(struct compiler *compiler, struct node *node, const struct phrase *phrase);

/* --- strings.c -------------------------------------------------------------------------------------------------- */

/* Reads the strings of an item: with RFC 5228 2.4.2.4 and RFC 5229 3 where they are required. */
void strings_read(struct compiler *compiler, const struct item *item, struct argument *argument);

/* Shares a variable between scripts (RFC 6609 3.4.1). */
void variables_share(struct compiler *compiler, struct span name, struct position at);

/* --- ihave.c ---------------------------------------------------------------------------------------------------- */

/* Is a test ihave, and of what is it known what it says? */
bool ihave_is(const struct node *test, bool *is_so_r);
