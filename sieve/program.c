/* SPDX-License-Identifier: MIT
 * What a program says of itself. */
#include "sieve/program.h"

#include <stdlib.h>
#include <string.h>

#include "sieve/parse.h"
#include "sieve/word.h"

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

/* Of a command; a test that sends only remembers something. */
static bool find_sending(const struct node *node, struct sieve_sending *sending_r)
{
	const struct argument *first = node_argument(node, SLOT_FIRST);
	const char *name = node->word->name;
	bool has_target = strcmp(name, "redirect") == 0 || strcmp(name, "notify") == 0;

	*sending_r = (struct sieve_sending){ .command = name,
		.to = has_target && first != NULL ? first->strings[0].text : span_of(""),
		.line = node->at.line };
	return node->word->sends;
}

void sieve_program_sendings(const struct sieve_program *program,
    void (*found)(void *data, const struct sieve_sending *sending), void *data)
{
	const struct node *behind[PARSE_BLOCKS_MAX + 1]; /* the blocks that are open */
	const struct node *node = program->commands;
	struct sieve_sending sending;
	size_t n = 0;

	while (node != NULL || n > 0) {
		if (node == NULL) {
			node = behind[--n];
			continue;
		}
		if (find_sending(node, &sending)) {
			found(data, &sending);
		}
		if (node->block != NULL && n < sizeof(behind) / sizeof(behind[0])) {
			behind[n++] = node->next;
			node = node->block;
		} else {
			node = node->next;
		}
	}
}

const struct sieve_include *sieve_program_includes(const struct sieve_program *program, size_t *n_r)
{
	*n_r = program->n_includes;
	return program->includes;
}

const struct sieve_library *sieve_library_find(
    const struct sieve_library *library, size_t n_library, enum sieve_place place, struct span name)
{
	for (size_t i = 0; i < n_library; i++) {
		if (library[i].place == place && span_equals(library[i].name, name)) {
			return &library[i];
		}
	}
	return NULL;
}
