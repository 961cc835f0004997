/* SPDX-License-Identifier: MIT
 * A file of tests, from its first line to its last. */
#include "sievetest/tester.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	MEMORY_MAX = 256 << 20, /* bytes, for a file */
};

/* What the file itself may use; the scripts that it runs have a script's fuel. */
static const uint64_t fuel = UINT64_MAX / 2;

const void *tester_check(struct tester *tester, const void *made)
{
	if (made == NULL) {
		errx(2, "out of memory");
	}
	return made;
}

void *tester_alloc(struct tester *tester, size_t n)
{
	void *p = arena_alloc(&tester->arena, n);

	tester_check(tester, p);
	return p;
}

struct span tester_copy(struct tester *tester, struct span bytes)
{
	struct span copy = arena_copy(&tester->arena, bytes);

	tester_check(tester, copy.p);
	return copy;
}

struct span tester_format(struct tester *tester, const char *format, ...)
{
	char text[1024];
	va_list arguments;
	int n;

	va_start(arguments, format);
	n = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (n < 0 || (size_t)n >= sizeof(text)) {
		n = n < 0 ? 0 : (int)sizeof(text) - 1;
	}
	return tester_copy(tester, (struct span){ text, (size_t)n });
}

static void list_cases(struct tester *tester, const struct sieve_program *program)
{
	const struct node *node;
	size_t n = 0;

	for (node = program->commands; node != NULL; node = node->next) {
		n += host_is_case(node);
	}
	tester->cases = tester_alloc(tester, n * sizeof(*tester->cases));
	for (node = program->commands; node != NULL; node = node->next) {
		if (host_is_case(node)) {
			tester->cases[tester->n_cases++] = (struct test_case){ .node = node,
				.name = node_argument(node, SLOT_FIRST)->strings[0].text };
		}
	}
}

/* Until the file has ended, or a test_fail outside of all cases has ended it. */
static void run_file(struct tester *tester)
{
	struct sieve_question question;
	const struct sieve_plan *plan;

	while (scripts_step(tester, tester->run, &question) == SIEVE_NEED_HOST) {
		bool is_so = host_command(tester, question.node);

		if (tester->broken.n > 0) {
			return;
		}
		sieve_answer(tester->run, is_so);
	}
	plan = sieve_run_plan(tester->run);
	if (plan->has_failed) {
		scripts_forget_errors(tester);
		scripts_add_notes(tester, plan);
		host_fail(tester, span_of("the file itself fails"));
	}
}

bool tester_run(struct tester *tester, const char *path, bool is_strict)
{
	const char *slash = strrchr(path, '/');
	struct sieve_script *script;
	const struct sieve_program *program;

	*tester = (struct tester){ .is_strict = is_strict };
	arena_init(&tester->arena, MEMORY_MAX);
	tester->directory =
	    slash == NULL ? "." : tester_format(tester, "%.*s", (int)(slash - path), path).p;
	world_init(tester);
	if (!scripts_compile(tester, span_of(slash != NULL ? slash + 1 : path), &program)) {
		tester->broken = tester->n_errors > 0 ? tester->errors[0] : span_of("it is broken");
		return false;
	}
	list_cases(tester, program);
	script = tester_alloc(tester, sizeof(*script));
	*script = (struct sieve_script){ program, path };
	tester->settings.fuel = fuel;
	tester->run = sieve_run_new(tester->facts, script, 1);
	tester_check(tester, tester->run);
	config_reload(tester);
	run_file(tester);
	return tester->broken.n == 0;
}

void tester_free(struct tester *tester)
{
	if (tester->run != NULL) {
		sieve_run_free(tester->run);
	}
	for (struct owned *owned = tester->owned; owned != NULL; owned = owned->next) {
		if (owned->run != NULL) {
			sieve_run_free(owned->run);
		}
	}
	for (struct owned *owned = tester->owned; owned != NULL; owned = owned->next) {
		if (owned->program != NULL) {
			sieve_program_free(owned->program);
		}
	}
	arena_deinit(&tester->arena);
}
