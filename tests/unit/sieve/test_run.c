/* SPDX-License-Identifier: MIT
 * Runs: what scripts that follow each other make of a message, and what becomes of a run that fails, has no fuel or no memory.
 * Whatever happens, a message is kept unless a script said discard. */
#include "sieve/sieve.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define REQUIRE                                                                             \
	"require [\"fileinto\", \"copy\", \"imap4flags\", \"mailbox\", \"special-use\", "   \
	"\"reject\", "                                                                      \
	"\"vacation\", \"variables\", \"editheader\", \"body\", \"duplicate\", \"regex\", " \
	"\"foreverypart\", \"mime\", \"include\"];"

enum {
	CHAIN_MAX = 3,
};

static const char message[] =
    "From: ann@example.com\nTo: user@example.org\nSubject: hello\n\nA body.\n";

static int zone(time_t time)
{
	return 0;
}

static struct sieve_settings settings;
static struct sieve_facts facts;

static int set_up(void **state)
{
	const char *body = strstr(message, "\n\n") + 2;

	settings = sieve_defaults;
	facts = (struct sieve_facts){ .settings = &settings,
		.from = span_of("ann@example.com"),
		.to = span_of("user@example.org"),
		.original_to = span_of("user@example.org"),
		.delimiters = "+",
		.user = "user@example.org",
		.hostname = "mx.example.org",
		.domain = "example.org",
		.now = 1790000000,
		.zone = zone,
		.header = { message, (size_t)(body - message) },
		.size = sizeof(message) + 3 };
	return 0;
}

static const struct sieve_program *compile(const char *script)
{
	struct sieve_program *program = NULL;
	struct sieve_errors errors;

	if (sieve_compile(&sieve_language, span_of(script), &program, &errors) != 0) {
		fail_msg("%s: %s", script, errors.list[0].text);
	}
	return program;
}

/* --- a plan in words -------------------------------------------------------------------------------------------- */

static void show_flags(char *out, size_t n, const struct span *flags, size_t n_flags)
{
	for (size_t i = 0; i < n_flags; i++) {
		add_text(out, n, " %.*s", (int)flags[i].n, flags[i].p);
	}
}

static void show(const struct sieve_plan *plan, char *out, size_t n)
{
	static const char *const kinds[] = { "keep", "store", "discard", "redirect", "reject",
		"vacation", "notify", "mark" };

	out[0] = '\0';
	for (size_t i = 0; i < plan->n_actions; i++) {
		const struct sieve_action *action = &plan->actions[i];

		add_text(out, n, "%s%s", i > 0 ? "; " : "", kinds[action->kind]);
		if (action->kind == SIEVE_STORE) {
			add_text(out, n, " %.*s", (int)action->folder.n, action->folder.p);
		}
		if (action->kind == SIEVE_REDIRECT) {
			add_text(out, n, " %.*s", (int)action->to.n, action->to.p);
		}
		show_flags(out, n, action->flags, action->n_flags);
		if (action->version > 0) {
			add_text(out, n, " v%u", action->version);
		}
	}
	if (plan->keeps) {
		add_text(out, n, "%s(keep)", plan->n_actions > 0 ? "; " : "");
		show_flags(out, n, plan->keep_flags, plan->n_keep_flags);
		if (plan->keep_version > 0) {
			add_text(out, n, " v%u", plan->keep_version);
		}
	}
	if (plan->has_failed) {
		add_text(out, n, " failed");
	}
	if (plan->is_exhausted) {
		add_text(out, n, " exhausted");
	}
}

static int drive(struct sieve_run *run)
{
	struct sieve_question question;
	int need;

	while ((need = sieve_step(run, &question)) > 0) {
		switch (need) {
		case SIEVE_NEED_BODY: {
			const char *body = facts.header.p + facts.header.n;
			size_t n = strlen(body);

			sieve_give_body(
			    run, question.offset < n
				     ? (struct span){ body + question.offset, n - question.offset }
				     : (struct span){ NULL, 0 });
			break;
		}
		case SIEVE_NEED_SPECIAL_USE:
			sieve_answer_name(run, span_of("Spam"));
			break;
		default:
			sieve_answer(run, question.name.n > 0 && question.name.p[0] == 'Y');
			break;
		}
	}
	return need;
}

/* Returns how many have run. */
static size_t run_chain(const char *const *scripts, size_t n, char *out, size_t n_out)
{
	struct sieve_script chain[CHAIN_MAX];
	struct sieve_run *run;
	size_t n_ran;

	for (size_t i = 0; i < n; i++) {
		chain[i] = (struct sieve_script){ compile(scripts[i]), "script" };
	}
	run = sieve_run_new(&facts, chain, n);
	assert_non_null(run);
	assert_int_equal(drive(run), SIEVE_DONE);
	show(sieve_run_plan(run), out, n_out);
	n_ran = sieve_run_plan(run)->n_ran;
	sieve_run_free(run);
	for (size_t i = 0; i < n; i++) {
		sieve_program_free((struct sieve_program *)chain[i].program);
	}
	return n_ran;
}

/* --- plans ------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *scripts[CHAIN_MAX];
	const char *plan;
} plans[] = {
	{ { "" }, "(keep)" },
	{ { "stop;" }, "(keep)" },
	{ { "keep;" }, "keep" },
	{ { "discard;" }, "discard" },
	{ { "discard; keep;" }, "discard; keep" },
	{ { REQUIRE "fileinto \"A\";" }, "store A" },
	{ { REQUIRE "fileinto :copy \"A\";" }, "store A; (keep)" },
	{ { REQUIRE "fileinto \"A\"; fileinto \"A\"; fileinto \"B\";" }, "store A; store B" },
	{ { REQUIRE "keep :flags \"\\\\Seen\"; fileinto :flags \"\\\\Flagged\" \"inbox\";" },
	    "keep \\Flagged" },
	{ { REQUIRE "fileinto :copy \"INBOX\"; setflag \"x\";" }, "store INBOX x" },
	{ { REQUIRE "fileinto :specialuse \"\\\\Junk\" \"Junk\";" }, "store Spam" },
	{ { REQUIRE "if mailboxexists \"Yes\" { fileinto \"Yes\"; } else { keep; }" },
	    "store Yes" },
	{ { REQUIRE "if mailboxexists [\"Yes\", \"No\"] { fileinto \"Yes\"; }" }, "(keep)" },
	{ { "redirect \"a@example.net\"; redirect \"a@example.net\";" }, "redirect a@example.net" },
	{ { REQUIRE "reject \"no\";" }, "reject" },
	{ { REQUIRE "vacation \"away\";" }, "vacation; (keep)" },
	{ { REQUIRE "if body :contains \"body\" { fileinto \"B\"; }" }, "store B" },
	{ { REQUIRE "fileinto \"A\"; addheader \"X\" \"y\"; fileinto \"A\"; fileinto \"B\";" },
	    "store A; store A v1; store B v1" },
	{ { REQUIRE "addheader \"X\" \"y\";" }, "(keep) v1" },
	/* Where a message has been cannot be hidden. */
	{ { REQUIRE "addheader \"x-sieve-redirected-from\" \"user@example.org\"; deleteheader "
		    "\"X-Sieve-Redirected-From\"; redirect \"a@example.net\";" },
	    "(keep) v1" },
	/* What does not go together, in one script. */
	{ { REQUIRE "fileinto \"A\"; reject \"no\";" }, "(keep) failed" },
	{ { REQUIRE "reject \"no\"; keep;" }, "(keep) failed" },
	{ { REQUIRE "reject \"no\"; reject \"no\";" }, "(keep) failed" },
	{ { REQUIRE "vacation \"a\"; vacation \"b\";" }, "(keep) failed" },
	{ { REQUIRE "setflag \"x\"; addheader \"X\" \"y\"; discard; reject \"no\"; keep;" },
	    "(keep) failed" },
	/* Scripts that follow each other. */
	{ { "", REQUIRE "fileinto \"B\";" }, "store B" },
	{ { "keep;", REQUIRE "fileinto \"B\";" }, "store B" },
	{ { "stop;", REQUIRE "fileinto \"B\";" }, "store B" },
	{ { REQUIRE "fileinto \"A\";", REQUIRE "fileinto \"B\";" }, "store A" },
	{ { REQUIRE "fileinto :copy \"A\";", REQUIRE "fileinto \"B\";" }, "store A; store B" },
	{ { "discard;", REQUIRE "fileinto \"B\";" }, "discard" },
	{ { REQUIRE "setflag \"\\\\Flagged\";", REQUIRE "fileinto \"B\";" }, "store B \\Flagged" },
	{ { REQUIRE "keep :flags \"x\";", "" }, "(keep)" },
	{ { REQUIRE "keep; fileinto :flags \"x\" \"inbox\";", REQUIRE "fileinto \"B\";" },
	    "store  x; store B" },
	{ { REQUIRE "fileinto :flags \"x\" \"inbox\"; keep :flags \"y\";", REQUIRE "discard;" },
	    "store inbox y; discard" },
	{ { REQUIRE "fileinto :copy \"A\";", REQUIRE "reject \"no\";" }, "store A; discard" },
	{ { REQUIRE "vacation \"a\";", REQUIRE "vacation \"b\";" }, "vacation; (keep)" },
	/* One that fails adds nothing, and the others go on. */
	{ { REQUIRE "fileinto \"A\"; reject \"no\";", REQUIRE "fileinto \"B\";" },
	    "store B failed" },
	{ { REQUIRE "fileinto :copy \"A\";", REQUIRE "fileinto \"B\"; reject \"no\";",
	      REQUIRE "fileinto \"C\";" },
	    "store A; store C failed" },
	{ { REQUIRE "addheader \"X\" \"y\"; discard; reject \"no\"; keep;", "keep;" },
	    "keep failed" },
};

static void test_plans(void **state)
{
	for (size_t i = 0; i < LENGTH(plans); i++) {
		size_t n = 1;
		char got[500];

		while (n < CHAIN_MAX && plans[i].scripts[n] != NULL) {
			n++;
		}
		run_chain(plans[i].scripts, n, got, sizeof(got));
		expect_text(plans[i].scripts[0], got, plans[i].plan);
	}
}

/* A script runs as long as those before have left the message in INBOX, and there is fuel. */
static void test_who_has_run(void **state)
{
	static const struct {
		const char *first;
		size_t n_ran;
	} cases[] = {
		{ "keep;", 2 }, { "stop;", 2 }, { "discard;", 1 }, { REQUIRE "fileinto \"A\";", 1 },
		{ REQUIRE "fileinto \"A\"; keep;", 2 },
		{ REQUIRE "fileinto \"A\"; reject \"no\";", 2 }, /* it fails */
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		const char *const chain[] = { cases[i].first, "discard;" };
		char got[500];

		assert_int_equal(run_chain(chain, LENGTH(chain), got, sizeof(got)), cases[i].n_ran);
	}
}

/* --- limits ----------------------------------------------------------------------------------------------------- */

static void expect_plan(const char *script, const char *plan)
{
	char got[4000];

	run_chain(&script, 1, got, sizeof(got));
	expect_text(script, got, plan);
}

static void test_limits(void **state)
{
	char script[8000] = REQUIRE;

	settings.redirects_max = 2;
	expect_plan("redirect \"a@a.example\"; redirect \"b@a.example\";",
	    "redirect a@a.example; redirect b@a.example");
	expect_plan("redirect \"a@a.example\"; redirect \"b@a.example\"; redirect \"c@a.example\";",
	    "(keep) failed");
	for (int i = 0; i < 65; i++) {
		add_text(script, sizeof(script), "fileinto \"F%d\";", i);
	}
	expect_plan(script, "(keep) failed");
}

/* A loop is not redirected, and not lost. */
static void test_loops(void **state)
{
	static const char again[] =
	    "X-Sieve-Redirected-From: user@example.org\nTo: user@example.org\n\n";
	char hops[3000] = "";

	facts.header = span_of(again);
	expect_plan("redirect \"a@example.net\";", "(keep)");
	for (int i = 0; i < 40; i++) {
		add_text(hops, sizeof(hops), "Received: from %d\n", i);
	}
	add_text(hops, sizeof(hops), "\n");
	facts.header = span_of(hops);
	expect_plan("redirect \"a@example.net\";", "(keep)");
}

static const char *const hungry[] = {
	REQUIRE "if header :regex \"subject\" \"((a*)*)*h(e|el|ell)*o\" { fileinto \"A\"; }",
	REQUIRE "set \"x\" \"0123456789012345678901234567890123456789\"; set \"x\" "
		"\"${x}${x}${x}${x}${x}${x}${x}${x}${x}${x}\"; if string :matches \"${x}\" "
		"\"*9*9*9*9*8\" { keep; }",
	REQUIRE "if body :matches \"*a*b*c*\" { discard; }",
	REQUIRE "addheader \"A\" \"b\"; deleteheader :contains \"a\" \"b\"; fileinto \"A\";",
	REQUIRE "foreverypart { if header :mime :anychild :contains \"subject\" \"e\" { fileinto "
		"\"A\"; } }",
	REQUIRE "vacation :addresses [\"a@example.com\", \"user@example.org\"] \"away\";",
};

/* A command goes on with another string where its own is too long; the script fails all the same. */
static void test_failure_is_remembered(void **state)
{
	char script[8000] = REQUIRE "set \"x\" \"0123456789abcdef\";";

	for (int i = 0; i < 2; i++) {
		add_text(script, sizeof(script), "set \"x\" \"");
		for (int j = 0; j < 16; j++) {
			add_text(script, sizeof(script), "${x}");
		}
		add_text(script, sizeof(script), "\";");
	}
	add_text(script, sizeof(script), "set \"y\" \"");
	for (int i = 0; i < 257; i++) { /* of 4096 bytes each */
		add_text(script, sizeof(script), "${x}");
	}
	add_text(script, sizeof(script), "\"; stop;");
	expect_plan(script, "(keep) failed");
}

/* Wherever fuel ends, the run does, and the message is kept. */
static void test_fuel(void **state)
{
	for (size_t i = 0; i < LENGTH(hungry); i++) {
		struct sieve_script script = { compile(hungry[i]), "script" };
		bool is_done = false;

		for (uint64_t fuel = 0; !is_done; fuel = fuel * 9 / 8 + 1) {
			struct sieve_run *run;
			const struct sieve_plan *plan;

			settings.fuel = fuel;
			run = sieve_run_new(&facts, &script, 1);
			if (run == NULL) {
				continue; /* not even the header could be read */
			}
			assert_int_equal(drive(run), SIEVE_DONE);
			plan = sieve_run_plan(run);
			assert_true(plan->fuel <= fuel);
			is_done = !plan->is_exhausted;
			assert_true(is_done || (plan->keeps && plan->n_actions == 0));
			sieve_run_free(run);
		}
		sieve_program_free((struct sieve_program *)script.program);
	}
}

/* A script of the chain answers for what it includes. */
static void test_who_has_no_fuel(void **state)
{
	static const char *const texts[][2] = { { "keep;", REQUIRE "include :global \"hungry\";" },
		{ REQUIRE "include :global \"hungry\";", "keep;" } };
	const struct sieve_library library = { SIEVE_GLOBAL, span_of("hungry"),
		compile(hungry[1]) };

	facts.library = &library;
	facts.n_library = 1;
	for (size_t i = 0; i < LENGTH(texts); i++) {
		const struct sieve_script chain[] = { { compile(texts[i][0]), "first" },
			{ compile(texts[i][1]), "second" } };
		struct sieve_run *run = sieve_run_new(&facts, chain, LENGTH(chain));

		assert_int_equal(drive(run), SIEVE_DONE);
		assert_false(sieve_run_plan(run)->is_exhausted);
		settings.fuel = sieve_run_plan(run)->fuel / 2; /* most is for what is included */
		sieve_run_free(run);
		run = sieve_run_new(&facts, chain, LENGTH(chain));
		assert_int_equal(drive(run), SIEVE_DONE);
		assert_true(sieve_run_plan(run)->is_exhausted);
		assert_int_equal(sieve_run_plan(run)->exhausted, i == 0);
		sieve_run_free(run);
		sieve_program_free((struct sieve_program *)chain[0].program);
		sieve_program_free((struct sieve_program *)chain[1].program);
		settings.fuel = sieve_defaults.fuel;
	}
	sieve_program_free((struct sieve_program *)library.program);
}

/* Memory that is missing, at each allocation in turn. */
static bool counts, fails;
static unsigned n_left;

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
	if (counts && n_left-- == 0) {
		fails = true;
		return NULL;
	}
	return __real_malloc(n);
}

static void test_memory(void **state)
{
	struct sieve_script script = { compile(REQUIRE "addheader \"A\" \"b\"; fileinto \"A\";"
						       "if body :contains \"x\" { keep; }"),
		"script" };

	fails = true;
	for (unsigned n = 0; fails; n++) {
		struct sieve_run *run;
		int result = -ENOMEM;

		n_left = n;
		fails = false;
		counts = true;
		run = sieve_run_new(&facts, &script, 1);
		if (run != NULL) {
			result = drive(run);
		}
		counts = false;
		assert_true(result == SIEVE_DONE || result == -ENOMEM);
		if (result == SIEVE_DONE) {
			const struct sieve_plan *plan = sieve_run_plan(run);

			assert_true(plan->keeps || plan->n_actions > 0);
		}
		if (run != NULL) {
			sieve_run_free(run);
		}
	}
	sieve_program_free((struct sieve_program *)script.program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_plans, set_up),
		cmocka_unit_test_setup(test_who_has_run, set_up),
		cmocka_unit_test_setup(test_limits, set_up),
		cmocka_unit_test_setup(test_loops, set_up),
		cmocka_unit_test_setup(test_failure_is_remembered, set_up),
		cmocka_unit_test_setup(test_fuel, set_up),
		cmocka_unit_test_setup(test_who_has_no_fuel, set_up),
		cmocka_unit_test_setup(test_memory, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
