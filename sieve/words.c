/* SPDX-License-Identifier: MIT
 * All words of the language, by the files that carry them out. */
#include <string.h>

#include "sieve/compile.h"

extern const struct word words_actions[], words_body[], words_control[], words_date[],
    words_duplicate[], words_editheader[], words_envelope[], words_environment[], words_flags[],
    words_header[], words_ihave[], words_include[], words_loop[], words_notify[], words_require[],
    words_spam[], words_vacation[], words_variables[];

const struct word *const word_tables[] = { words_actions, words_body, words_control, words_date,
	words_duplicate, words_editheader, words_envelope, words_environment, words_flags,
	words_header, words_ihave, words_include, words_loop, words_notify, words_require,
	words_spam, words_vacation, words_variables, NULL };

const struct sieve_language sieve_language = {
	.extensions = (EXTENSION_BIT(EXTENSIONS) - 1) &
		      ~(EXTENSION_BIT(EXTENSION_NONE) | EXTENSION_BIT(EXTENSION_DOVECOT_TESTSUITE)),
};

static const struct word *find(
    const struct word *const *tables, struct span name, enum word_kind kind)
{
	for (; tables != NULL && *tables != NULL; tables++) {
		for (const struct word *word = *tables; word->name != NULL; word++) {
			if (word->kind == kind && span_is(name, word->name)) {
				return word;
			}
		}
	}
	return NULL;
}

const struct word *words_find(
    const struct sieve_language *language, struct span name, enum word_kind kind)
{
	const struct word *word = find(word_tables, name, kind);

	return word != NULL ? word : find(language->host, name, kind);
}

void words_try(const struct sieve_language *language, enum word_kind kind, struct near *near)
{
	const struct word *const *const all[] = { word_tables, language->host };

	for (size_t i = 0; i < 2; i++) {
		for (const struct word *const *table = all[i]; table != NULL && *table != NULL;
		     table++) {
			for (const struct word *word = *table; word->name != NULL; word++) {
				if (word->kind == kind) {
					near_try(near, word->name);
				}
			}
		}
	}
}
