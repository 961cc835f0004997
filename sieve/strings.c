/* SPDX-License-Identifier: MIT
 * Strings: characters that are written as numbers (RFC 5228 2.4.2.4), and variables in them (RFC 5229 3). All of it is
 * read from the left, once: what is illegal stays as it stands. */

#include <string.h>

#include "base/utf8.h"
#include "sieve/compile.h"
#include "sieve/run.h"

enum {
	VARIABLE_PARTS_MAX = 10,
	VARIABLE_NAME_MAX = 64,
	GLOBAL_DECLARED = 1, /* by the command; its name alone will do */
	GLOBAL_NAMED = 2,    /* as global.NAME only */
};

/* --- characters as numbers -------------------------------------------------------------------------------------- */

/* What follows ${hex: or ${unicode: up to its brace. Returns how many bytes of it that is; 0: it is none. */
static size_t decode_numbers(
    struct span in, bool is_unicode, char *out, size_t *n_r, bool *is_valid)
{
	bool is_sound = true;
	size_t i = 0;

	*n_r = 0;
	for (;;) {
		uint32_t c = 0;
		size_t n_digits = 0;

		while (i < in.n && strchr(" \t\r\n", in.p[i]) != NULL && in.p[i] != '\0') {
			i++;
		}
		if (i < in.n && in.p[i] == '}' && *n_r > 0) {
			*is_valid &= is_sound;
			return i + 1;
		}
		for (; i < in.n && text_hex(in.p[i]) >= 0; i++, n_digits++) {
			c = c > 0x10ffff ? c : c << 4 | (uint32_t)text_hex(in.p[i]);
		}
		if (n_digits == 0 || (!is_unicode && n_digits > 2)) {
			return 0;
		}
		if (!is_unicode) {
			out[(*n_r)++] = (char)c;
		} else if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) {
			is_sound = false;
			out[(*n_r)++] = '?';
		} else {
			*n_r += utf8_write(out + *n_r, c);
		}
	}
}

/* False: a number is no character's. */
static bool decode_characters(struct arena *arena, struct span *text)
{
	static const char *const starts[] = { "${hex:", "${unicode:" };
	char *out = arena_alloc(arena, text->n + 1);
	bool is_valid = true;
	size_t n = 0;

	for (size_t i = 0; out != NULL && i < text->n;) {
		struct span left = span_from(*text, i);
		size_t n_taken = 0, n_made = 0;

		for (size_t kind = 0; kind < 2 && n_taken == 0; kind++) {
			size_t n_start = strlen(starts[kind]);

			if (span_begins(left, starts[kind])) {
				n_taken = decode_numbers(span_from(left, n_start), kind == 1,
				    out + n, &n_made, &is_valid);
				n_taken += n_taken > 0 ? n_start : 0;
			}
		}
		if (n_taken == 0) {
			out[n++] = text->p[i++];
		}
		n += n_taken > 0 ? n_made : 0;
		i += n_taken;
	}
	*text = (struct span){ out, n };
	return is_valid;
}

/* --- variables -------------------------------------------------------------------------------------------------- */

/* An identifier, or a number if there may be one. Returns its length; 0: it is none. */
static size_t part_length(struct span in, bool may_be_number)
{
	bool is_number = in.n > 0 && text_is_digit(in.p[0]);
	size_t n = 0;

	if (is_number && !may_be_number) {
		return 0;
	}
	while (n < in.n && (text_is_digit(in.p[n]) ||
			       (!is_number && (text_is_letter(in.p[n]) || in.p[n] == '_')))) {
		n++;
	}
	return n;
}

/* A variable's name, with a namespace or without. Returns its length; 0: it is none. */
static size_t name_length(struct span in)
{
	size_t n = part_length(in, true), n_part = n;

	/* A namespace begins with an identifier. */
	while (n_part > 0 && n < in.n && in.p[n] == '.' && !text_is_digit(in.p[0])) {
		n_part = part_length(span_from(in, n + 1), true);
		n += n_part > 0 ? n_part + 1 : 0;
		if (n_part == 0) {
			return 0;
		}
	}
	return n;
}

/* What stands behind "global.", or p is NULL. */
static struct span behind(struct span name, const char *namespace)
{
	size_t n = strlen(namespace);

	return name.n > n && span_begins(name, namespace) ? span_from(name, n) : span_of(NULL);
}

/* Says what is wrong with a name. */
static bool is_named_well(struct compiler *compiler, struct span name, struct position at)
{
	struct span shared = behind(name, "global."), plain = shared.p != NULL ? shared : name;
	const char *problem = NULL;

	if (name.n == 0 || name_length(name) != name.n) {
		problem = "is no name of a variable; write letters, digits and _ only";
	} else if (text_is_digit(plain.p[0])) {
		problem = "is a number, which matches set; write a name that begins with a letter";
	} else if (name.n > VARIABLE_NAME_MAX) {
		problem = "is the name of a variable and longer than 64 bytes; write a shorter one";
	} else if (memchr(plain.p, '.', plain.n) != NULL) {
		problem = "has a namespace that cannot be set; write a name without dots, or "
			  "global.name";
	} else if (shared.p != NULL && !compile_requires(compiler, EXTENSION_INCLUDE)) {
		require_error(compiler, at, name, EXTENSION_INCLUDE);
		return false;
	}
	if (problem != NULL) {
		compile_error(compiler, at, "\"%.*s\" %s", SPAN(name), problem);
	}
	return problem == NULL;
}

static struct span lower_copy(struct arena *arena, struct span name)
{
	struct span copy = arena_copy(arena, name);

	for (size_t i = 0; copy.p != NULL && i < copy.n; i++) {
		((char *)copy.p)[i] = text_lower(copy.p[i]);
	}
	return copy;
}

static bool add_variable(struct compiler *compiler, struct span name, uint8_t is_global,
    struct position at, unsigned *index_r)
{
	struct sieve_program *program = compiler->program;

	if (program->variables == NULL) {
		program->variables =
		    arena_alloc(&program->arena, RUN_VARIABLES_MAX * sizeof(*program->variables));
		program->is_global = arena_alloc(&program->arena, RUN_VARIABLES_MAX);
		if (program->variables == NULL || program->is_global == NULL) {
			return false;
		}
	}
	if (program->n_variables == RUN_VARIABLES_MAX) {
		compile_error(compiler, at,
		    "\"%.*s\" is one variable more than the %d that a script may have; use fewer",
		    SPAN(name), RUN_VARIABLES_MAX);
		return false;
	}
	name = lower_copy(&program->arena, name);
	if (name.p == NULL) {
		return false;
	}
	*index_r = program->n_variables++;
	program->variables[*index_r] = name;
	program->is_global[*index_r] = is_global;
	return true;
}

bool compile_variable(
    struct compiler *compiler, struct span name, struct position at, unsigned *index_r)
{
	const struct sieve_program *program = compiler->program;
	struct span shared = behind(name, "global.");

	if (!is_named_well(compiler, name, at)) {
		return false;
	}
	name = shared.p != NULL ? shared : name;
	for (unsigned i = 0; i < program->n_variables; i++) {
		bool is_meant = shared.p != NULL ? program->is_global[i] != 0
						 : program->is_global[i] != GLOBAL_NAMED;

		if (is_meant && span_is_same(program->variables[i], name)) {
			*index_r = i;
			return true;
		}
	}
	return add_variable(compiler, name, shared.p != NULL ? GLOBAL_NAMED : 0, at, index_r);
}

void variables_share(struct compiler *compiler, struct span name, struct position at)
{
	struct sieve_program *program = compiler->program;
	unsigned index;

	if (memchr(name.p, '.', name.n) != NULL) {
		compile_error(compiler, at, "\"%.*s\" has a namespace; write the name without it",
		    SPAN(name));
		return;
	}
	if (!is_named_well(compiler, name, at)) {
		return;
	}
	for (unsigned i = 0; i < program->n_variables; i++) {
		if (span_is_same(program->variables[i], name)) {
			if (program->is_global[i] != 0) {
				program->is_global[i] = GLOBAL_DECLARED;
				return;
			}
			compile_error(compiler, at,
			    "variable \"%.*s\" was used before it is global; write global in front "
			    "of that",
			    SPAN(name));
			return;
		}
	}
	add_variable(compiler, name, GLOBAL_DECLARED, at, &index);
}

/* --- strings ---------------------------------------------------------------------------------------------------- */

/* What a reference stands for. */
static void make_piece(
    struct compiler *compiler, struct span name, struct position at, struct piece *piece)
{
	const struct piece nothing = { PIECE_TEXT, 0, { "", 0 } };
	uint64_t number;

	if (text_number(name.p, name.n, &number)) {
		*piece = number < RUN_VALUES_MAX
			     ? (struct piece){ PIECE_MATCH, (unsigned)number, { NULL, 0 } }
			     : nothing;
	} else if (memchr(name.p, '.', name.n) == NULL || behind(name, "global.").p != NULL) {
		piece->kind = PIECE_VARIABLE;
		compile_variable(compiler, name, at, &piece->index);
	} else if (behind(name, "env.").p == NULL) {
		compile_error(compiler, at,
		    "${%.*s} is of no namespace that is known; write global.name or a name alone",
		    SPAN(name));
	} else if (!compile_requires(compiler, EXTENSION_DOVECOT_ENVIRONMENT)) {
		require_error(compiler, at, name, EXTENSION_DOVECOT_ENVIRONMENT);
	} else {
		*piece =
		    (struct piece){ PIECE_NAMED, 0, lower_copy(&compiler->program->arena, name) };
	}
}

/* Takes a string apart; pieces is NULL: counts them only. Returns how many there are. */
static size_t split(
    struct compiler *compiler, struct span text, struct position at, struct piece *pieces)
{
	size_t begin = 0, n = 0, n_name;

	for (size_t i = 0; i < text.n;) {
		struct span name = { text.p + i + 2, text.n - i - 2 };

		if (text.n - i < 4 || text.p[i] != '$' || text.p[i + 1] != '{' ||
		    (n_name = name_length(name)) == 0 || n_name == name.n ||
		    name.p[n_name] != '}') {
			i++;
			continue;
		}
		name.n = n_name;
		if (i > begin && pieces != NULL) {
			pieces[n].text = (struct span){ text.p + begin, i - begin };
		}
		n += i > begin;
		if (pieces != NULL) {
			make_piece(compiler, name, at, &pieces[n]);
		}
		n++;
		i += n_name + 3;
		begin = i;
	}
	if (n > 0 && begin < text.n) {
		if (pieces != NULL) {
			pieces[n].text = (struct span){ text.p + begin, text.n - begin };
		}
		n++;
	}
	return n;
}

static void read_string(struct compiler *compiler, const struct token *token, struct string *string)
{
	struct arena *arena = &compiler->program->arena;
	struct piece *pieces;

	string->text = lexer_string(arena, token);
	if (memmem(string->text.p, string->text.n, "${", 2) == NULL) {
		return;
	}
	if (compile_requires(compiler, EXTENSION_ENCODED_CHARACTER) &&
	    !decode_characters(arena, &string->text)) {
		compile_error(compiler, token->at,
		    "${unicode:} has a number that is no character; write one up to 10FFFF, "
		    "no surrogate");
	}
	if (!compile_requires(compiler, EXTENSION_VARIABLES)) {
		return;
	}
	string->n_pieces = split(compiler, string->text, token->at, NULL);
	pieces = arena_alloc(arena, string->n_pieces * sizeof(*pieces));
	string->pieces = pieces;
	if (pieces != NULL) {
		split(compiler, string->text, token->at, pieces);
	}
}

void strings_read(struct compiler *compiler, const struct item *item, struct argument *argument)
{
	struct string *strings =
	    arena_alloc(&compiler->program->arena, item->n_strings * sizeof(*strings));
	struct lexer lexer = item->strings;

	if (strings == NULL) {
		return;
	}
	argument->strings = strings;
	while (argument->n_strings < item->n_strings) {
		struct token token;

		lexer_next(&lexer, &token);
		if (token.type == TOKEN_STRING) {
			read_string(compiler, &token, &strings[argument->n_strings++]);
		}
	}
}
