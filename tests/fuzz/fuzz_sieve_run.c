/* SPDX-License-Identifier: MIT
 * Fuzz target of runs: whatever script and message, a run ends, within its fuel; its plan does not depend on how the body is cut
 * into windows; and it is never empty unless a script said discard, so that no message is lost.
 *
 * An input is scripts that follow each other, each ended by a NUL, and the message behind the last NUL. The first byte
 * says how windows are cut, the second what is answered. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "sieve/sieve.h"

enum {
	SCRIPTS_MAX = 3,
	FUEL = 2000000,
};

static int zone(time_t time)
{
	return time > 1700000000 ? 3600 : -5400;
}

/* Bytes of the header, with the empty line. */
static size_t header_length(const char *message, size_t n)
{
	size_t at = 0;

	while (at < n) {
		const char *lf = memchr(message + at, '\n', n - at);
		size_t end = lf == NULL ? n : (size_t)(lf - message) + 1;
		bool is_empty = message[at] == '\n' || (message[at] == '\r' && end == at + 2);

		at = end;
		if (is_empty) {
			break;
		}
	}
	return at;
}

struct world {
	struct sieve_script chain[SCRIPTS_MAX];
	size_t n_chain;
	struct sieve_facts facts;
	struct span body;
	unsigned answers;
};

/* A window is a copy of exactly its size, which goes when the next one is given. */
static void answer(struct sieve_run *run, const struct world *world, enum sieve_need need,
    const struct sieve_question *question, size_t window, void **old)
{
	uint64_t hash = text_hash(world->answers, question->name.p, question->name.n);
	struct span bytes = { NULL, 0 };

	switch (need) {
	case SIEVE_NEED_BODY:
		if (question->offset < world->body.n) {
			bytes.n = world->body.n - question->offset;
			bytes.n = bytes.n < window ? bytes.n : window;
			bytes.p = fuzz_copy(world->body.p + question->offset, bytes.n);
		}
		free(*old);
		*old = (void *)bytes.p;
		sieve_give_body(run, bytes);
		break;
	case SIEVE_NEED_SPECIAL_USE:
		sieve_answer_name(
		    run, (hash & 1) != 0 ? span_of("Special") : (struct span){ NULL, 0 });
		break;
	default:
		sieve_answer(run, (hash & 1) != 0);
		break;
	}
}

static struct sieve_run *run_to_its_end(const struct world *world, size_t window)
{
	struct sieve_run *run = sieve_run_new(&world->facts, world->chain, world->n_chain);
	struct sieve_question question;
	void *old = NULL;
	int need;

	if (run == NULL) {
		return NULL;
	}
	while ((need = sieve_step(run, &question)) > 0) {
		answer(run, world, (enum sieve_need)need, &question, window, &old);
	}
	free(old);
	if (need < 0) {
		sieve_run_free(run);
		return NULL;
	}
	return run;
}

static void check_plan(const struct sieve_plan *plan)
{
	bool is_kept = plan->keeps, is_discarded = false;

	for (size_t i = 0; i < plan->n_actions; i++) {
		const struct sieve_action *action = &plan->actions[i];

		is_kept = is_kept || action->kind == SIEVE_KEEP || action->kind == SIEVE_STORE ||
			  action->kind == SIEVE_REDIRECT || action->kind == SIEVE_REJECT;
		is_discarded = is_discarded || action->kind == SIEVE_DISCARD;
		fuzz_require(action->version < plan->n_versions, "an action has a version");
		fuzz_require(
		    memchr(action->to.p != NULL ? action->to.p : "", '\r', action->to.n) == NULL,
		    "a recipient is one line");
	}
	fuzz_require(is_kept || is_discarded, "a message is not lost");
	fuzz_require(plan->fuel <= FUEL, "fuel is not overdrawn");
	for (size_t i = 0; i < plan->n_notes; i++) {
		fuzz_require(!text_has_control(plan->notes[i].text.p, plan->notes[i].text.n),
		    "a note is one line");
	}
}

static void compare(const struct sieve_plan *a, const struct sieve_plan *b)
{
	fuzz_require(a->n_actions == b->n_actions && a->keeps == b->keeps &&
			 a->has_failed == b->has_failed && a->n_versions == b->n_versions &&
			 a->n_keep_flags == b->n_keep_flags,
	    "the plan does not depend on the windows");
	for (size_t i = 0; i < a->n_actions; i++) {
		const struct sieve_action *x = &a->actions[i], *y = &b->actions[i];

		fuzz_require(x->kind == y->kind && x->line == y->line && x->version == y->version &&
				 span_equals(x->folder, y->folder) && span_equals(x->to, y->to) &&
				 span_equals(x->message, y->message) && span_equals(x->id, y->id) &&
				 span_equals(x->text, y->text) && x->n_flags == y->n_flags,
		    "an action does not depend on the windows");
	}
}

static bool compile(struct world *world, const char **at, const char *end)
{
	const char *nul;

	while (world->n_chain < SCRIPTS_MAX &&
	       (nul = memchr(*at, '\0', (size_t)(end - *at))) != NULL) {
		struct sieve_program *program;
		struct sieve_errors errors;

		if (sieve_compile(&sieve_language, (struct span){ *at, (size_t)(nul - *at) },
			&program, &errors) != 0) {
			return false;
		}
		world->chain[world->n_chain++] = (struct sieve_script){ program, "script" };
		*at = nul + 1;
	}
	return world->n_chain > 0;
}

static void try(struct world *world, size_t window)
{
	struct sieve_run *whole = run_to_its_end(world, SIZE_MAX);
	struct sieve_run *pieces = run_to_its_end(world, window);

	if (whole != NULL) {
		check_plan(sieve_run_plan(whole));
	}
	/* How much fuel a run takes may depend on them, so that one has some left when the other has none. */
	if (whole != NULL && pieces != NULL && !sieve_run_plan(whole)->is_exhausted &&
	    !sieve_run_plan(pieces)->is_exhausted) {
		compare(sieve_run_plan(whole), sieve_run_plan(pieces));
	}
	if (whole != NULL) {
		sieve_run_free(whole);
	}
	if (pieces != NULL) {
		sieve_run_free(pieces);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sieve_settings settings = sieve_defaults;
	struct world world = { .n_chain = 0 };
	char *copy, *message;
	const char *at, *end;
	size_t window, n_message, n_header;

	if (n < 2) {
		return 0;
	}
	window = data[0] % 64 + 1;
	world.answers = data[1];
	copy = fuzz_copy(data + 2, n - 2);
	at = copy;
	end = copy + n - 2;
	settings.fuel = FUEL;
	settings.spam =
	    (struct sieve_score){ .header = "X-Spam: ([0-9.]+)", .max = "10", .max_header = "" };
	if (compile(&world, &at, end)) {
		n_message = (size_t)(end - at);
		message = fuzz_copy(at, n_message);
		n_header = header_length(message, n_message);
		world.body = (struct span){ message + n_header, n_message - n_header };
		world.facts = (struct sieve_facts){ .settings = &settings,
			.from = span_of("sender@example.com"),
			.to = span_of("user+detail@example.org"),
			.original_to = span_of("user+detail@example.org"),
			.delimiters = "+-",
			.user = "user@example.org",
			.hostname = "mx.example.org",
			.domain = "example.org",
			.now = 1790000000,
			.zone = zone,
			.header = { message, n_header },
			.size = n_message };
		try(&world, window);
		free(message);
	}
	for (size_t i = 0; i < world.n_chain; i++) {
		sieve_program_free((struct sieve_program *)world.chain[i].program);
	}
	free(copy);
	return 0;
}
