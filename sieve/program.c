/* SPDX-License-Identifier: MIT
 * What a program says of itself. */
#include "sieve/program.h"

#include <stdlib.h>

const struct argument *node_argument(const struct node *node, enum slot slot)
{
	for (size_t i = 0; i < node->n_arguments; i++) {
		if (node->arguments[i].slot == slot) {
			return &node->arguments[i];
		}
	}
	return NULL;
}

void sieve_program_free(struct sieve_program *program)
{
	if (program != NULL) {
		arena_deinit(&program->arena);
		free(program);
	}
}

size_t sieve_program_size(const struct sieve_program *program)
{
	return sizeof(*program) + program->arena.used;
}

uint64_t sieve_program_extensions(const struct sieve_program *program)
{
	return program->extensions;
}

bool sieve_program_sends(const struct sieve_program *program)
{
	return program->sends;
}

const struct sieve_include *sieve_program_includes(const struct sieve_program *program, size_t *n_r)
{
	*n_r = program->n_includes;
	return program->includes;
}

const struct sieve_library *library_find(
    const struct sieve_library *library, size_t n_library, enum sieve_place place, struct span name)
{
	for (size_t i = 0; i < n_library; i++) {
		if (library[i].place == place && span_equals(library[i].name, name)) {
			return &library[i];
		}
	}
	return NULL;
}
