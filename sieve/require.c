/* SPDX-License-Identifier: MIT
 * Which extensions a script may use (RFC 5228 3.2). */
#include "sieve/compile.h"

static const struct {
	enum sieve_extension extension, part;
} parts[] = {
	{ EXTENSION_VACATION_SECONDS, EXTENSION_VACATION }, /* RFC 6131 2 */
	{ EXTENSION_SPAMTESTPLUS, EXTENSION_SPAMTEST },     /* RFC 5235 2.2 */
	{ EXTENSION_DOVECOT_ENVIRONMENT, EXTENSION_ENVIRONMENT },
};

bool compile_requires(const struct compiler *compiler, enum sieve_extension extension)
{
	return extension == EXTENSION_NONE || (compiler->required & EXTENSION_BIT(extension)) != 0;
}

enum sieve_extension require_find(const struct compiler *compiler, struct span name)
{
	enum sieve_extension extension = extension_find(name);

	return (compiler->language->extensions & EXTENSION_BIT(extension)) != 0 ? extension
										: EXTENSION_NONE;
}

void require_add(struct compiler *compiler, enum sieve_extension extension)
{
	compiler->required |= EXTENSION_BIT(extension);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (parts[i].extension == extension) {
			compiler->required |= EXTENSION_BIT(parts[i].part);
		}
	}
}

void require_error(
    struct compiler *compiler, struct position at, struct span name, enum sieve_extension extension)
{
	if ((compiler->language->extensions & EXTENSION_BIT(extension)) != 0) {
		compile_error(compiler, at,
		    "%.*s needs an extension; add require \"%s\"; at the top", SPAN(name),
		    extension_names[extension]);
	} else {
		compile_error(compiler, at,
		    "%.*s needs the extension \"%s\", which is not to be had here; do without it",
		    SPAN(name), extension_names[extension]);
	}
}

static void say_unknown(
    struct compiler *compiler, const struct argument *argument, struct span name)
{
	struct near near = { .wanted = name };

	for (int i = EXTENSION_NONE + 1; i < EXTENSIONS; i++) {
		if ((compiler->language->extensions & EXTENSION_BIT(i)) != 0) {
			near_try(&near, extension_names[i]);
		}
	}
	compile_error(compiler, argument->at, "there is no extension \"%.*s\" here%s", SPAN(name),
	    near.name != NULL ? near_text(&near) : "; take it out, and what needs it");
}

static void check_require(struct compiler *compiler, struct node *node)
{
	const struct argument *names = node_argument(node, SLOT_FIRST);

	for (size_t i = 0; i < names->n_strings; i++) {
		struct span name = names->strings[i].text;
		enum sieve_extension extension = require_find(compiler, name);

		if (extension != EXTENSION_NONE) {
			require_add(compiler, extension);
		} else if (compiler->errors->n_errors <= SIEVE_ERRORS_MAX) {
			say_unknown(compiler, names, name);
		}
	}
}

const struct word words_require[] = {
	{ "require", WORD_COMMAND, .parameters = { TYPE_CONSTANTS }, .check = check_require,
	    .run = run_nothing },
	{ NULL },
};
