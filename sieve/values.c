/* SPDX-License-Identifier: MIT
 * The memory of a run, its variables (RFC 5229), and strings with them filled in. */
#include <string.h>

#include "base/utf8.h"

#include "sieve/frames.h"

enum {
	STRING_MAX = 1 << 20, /* bytes of a string with its variables filled in */
	ROOM_MIN = 64,
};

void *run_alloc(struct sieve_run *run, size_t n)
{
	return arena_alloc(&run->scratch, n);
}

void *run_keep(struct sieve_run *run, size_t n)
{
	return arena_alloc(&run->arena, n);
}

struct span run_keep_copy(struct sieve_run *run, struct span bytes)
{
	return arena_copy(&run->arena, bytes);
}

static struct variable *find_global(struct sieve_run *run, struct span name)
{
	struct machine *machine = run->machine;
	struct global *global;

	for (global = machine->globals; global != NULL; global = global->next) {
		if (span_equals(global->name, name)) {
			return &global->variable;
		}
	}
	global = machine->n_globals < RUN_VARIABLES_MAX ? run_keep(run, sizeof(*global)) : NULL;
	if (global == NULL) {
		return NULL;
	}
	*global = (struct global){ machine->globals, .name = name };
	machine->globals = global;
	machine->n_globals++;
	return &global->variable;
}

struct scope *scope_new(
    struct sieve_run *run, const struct sieve_program *program, const char *name)
{
	struct scope *scope = run_keep(run, sizeof(*scope));
	struct variable *own = run_keep(run, program->n_variables * sizeof(*own));

	if (scope == NULL || own == NULL) {
		return NULL;
	}
	*scope = (struct scope){ program, name, NULL };
	scope->variables = run_keep(run, program->n_variables * sizeof(struct variable *));
	if (scope->variables == NULL) {
		return NULL;
	}
	for (unsigned i = 0; i < program->n_variables; i++) {
		scope->variables[i] =
		    program->is_global[i] ? find_global(run, program->variables[i]) : &own[i];
		if (scope->variables[i] == NULL) {
			return NULL;
		}
	}
	return scope;
}

/* As much of a value as may be kept, whole characters. */
static size_t cut(struct span value, size_t max)
{
	size_t n = max;

	if (value.n <= max) {
		return value.n;
	}
	/* Bytes that are no UTF-8 are cut anywhere. */
	while (n > 0 && max - n < 4 && ((unsigned char)value.p[n] & 0xc0) == 0x80) {
		n--;
	}
	return n;
}

void run_set_variable(struct sieve_run *run, struct variable *variable, struct span value)
{
	size_t n = cut(value, run->settings->value_max);

	if (!fuel_take(&run->fuel, n)) {
		return;
	}
	if (n > variable->room) {
		size_t room = n < ROOM_MIN ? ROOM_MIN : 2 * n;
		char *p = run_keep(run, room);

		if (p == NULL) {
			return;
		}
		variable->value.p = p;
		variable->room = room;
	}
	if (n > 0) {
		memcpy((char *)variable->value.p, value.p, n);
	}
	variable->value.n = n;
}

void run_set_values(struct sieve_run *run, const struct span *values, unsigned n_values)
{
	run->n_values = n_values < RUN_VALUES_MAX ? n_values : RUN_VALUES_MAX;
	for (unsigned i = 0; i < run->n_values; i++) {
		run_set_variable(run, &run->values[i], values[i]);
	}
}

/* "" where there is none. */
static struct span value_of(struct sieve_run *run, const struct piece *piece)
{
	const struct span nothing = { "", 0 };

	switch (piece->kind) {
	case PIECE_TEXT:
		return piece->text;
	case PIECE_VARIABLE:
		return run->scope->variables[piece->index]->value;
	case PIECE_MATCH:
		return piece->index < run->n_values ? run->values[piece->index].value : nothing;
	case PIECE_NAMED:
		break;
	}
	return environment_variable(run, piece->text);
}

struct span run_string(struct sieve_run *run, const struct node *node, const struct string *string)
{
	struct span filled = { "", 0 };
	size_t n = 0;
	char *p;

	if (string->n_pieces == 0) {
		return string->text;
	}
	for (size_t i = 0; i < string->n_pieces; i++) {
		n += value_of(run, &string->pieces[i]).n;
	}
	if (n > STRING_MAX) {
		run_fail(
		    run, node, "a string is longer than %d bytes with its variables", STRING_MAX);
		return filled;
	}
	p = fuel_take(&run->fuel, n) ? run_alloc(run, n + 1) : NULL;
	if (p == NULL) {
		return filled;
	}
	filled = (struct span){ p, n };
	for (size_t i = 0; i < string->n_pieces; i++) {
		struct span value = value_of(run, &string->pieces[i]);

		if (value.n > 0) {
			p = mempcpy(p, value.p, value.n);
		}
	}
	return filled;
}

enum answer run_text(
    struct sieve_run *run, const struct node *node, enum slot slot, struct span *value_r)
{
	const struct argument *argument = node_argument(node, slot);
	bool is_given = argument != NULL && argument->n_strings > 0;

	*value_r = is_given ? run_string(run, node, &argument->strings[0]) : span_of("");
	return is_given ? ANSWER_YES : ANSWER_NO;
}

struct span run_field(struct sieve_run *run, struct span name,
    struct span (*read)(const struct field *field, struct arena *arena, struct fuel *fuel))
{
	const struct field *field = fields_find(run->fields, name, 1, false);

	return field != NULL ? read(field, &run->scratch, &run->fuel) : span_of(NULL);
}
