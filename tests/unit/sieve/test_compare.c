/* SPDX-License-Identifier: MIT
 * Comparisons as scripts write them: what is refused and why, and what they say of a message. */
#include "sieve/sieve.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

#define REQUIRE                                                                              \
	"require [\"fileinto\", \"relational\", \"regex\", \"comparator-i;ascii-numeric\", " \
	"\"envelope\"];"

static struct sieve_errors errors;

static struct sieve_program *compile(const char *script)
{
	struct sieve_program *program = NULL;

	sieve_compile(&sieve_language, span_of(script), &program, &errors);
	return program;
}

/* --- compiling ---------------------------------------------------------------------------------------------------- */

static const struct {
	const char *script, *error; /* parts of it; NULL: there is none */
} compiled[] = {
	{ "if header \"a\" \"b\" { keep; }", NULL },
	{ "if header :is :comparator \"i;octet\" \"a\" \"b\" { keep; }", NULL },
	{ "if header :comparator \"i;ascii-casemap\" :contains \"a\" \"b\" { keep; }", NULL },
	{ REQUIRE "if header :comparator \"i;ascii-numeric\" :is \"a\" \"1\" { keep; }", NULL },
	{ REQUIRE "if header :value \"GE\" \"a\" \"1\" { keep; }", NULL },
	{ REQUIRE "if header :regex \"a\" [\"(a|b)+\", \"c\"] { keep; }", NULL },
	{ "if header :comparator \"i;ascii-numeric\" \"a\" \"b\" { keep; }",
	    "needs require \"comparator-i;ascii-numeric\"" },
	{ "if header :comparator \"i;basic\" \"a\" \"b\" { keep; }",
	    "no comparator \"i;basic\"; those that there are: \"i;ascii-casemap\", \"i;octet\" and "
	    "\"i;ascii-numeric\"" },
	{ REQUIRE "if header :contains :comparator \"i;ascii-numeric\" \"a\" \"b\" { keep; }",
	    "cannot be used with :contains" },
	{ REQUIRE "if header :matches :comparator \"i;ascii-numeric\" \"a\" \"b\" { keep; }",
	    "cannot be used with :contains, :matches" },
	{ REQUIRE "if header :regex :comparator \"i;ascii-numeric\" \"a\" \"b\" { keep; }",
	    "cannot be used with :contains, :matches and :regex" },
	{ REQUIRE "if header :value \"equal\" \"a\" \"b\" { keep; }", "\"equal\" is no relation" },
	{ REQUIRE "if header :regex \"a\" [\"b\", \"(c\"] { keep; }",
	    "\"(c\" is no regular expression: a ( has no )" },
	{ "if header :value \"eq\" \"a\" \"b\" { keep; }", "relational" },
	{ "if header :regex \"a\" \"b\" { keep; }", "regex" },
	{ "if header :is :contains \"a\" \"b\" { keep; }", ":contains" },
};

static void test_compiled(void **state)
{
	for (size_t i = 0; i < LENGTH(compiled); i++) {
		struct sieve_program *program = compile(compiled[i].script);

		if ((program == NULL) != (compiled[i].error != NULL) ||
		    (program == NULL && strstr(errors.list[0].text, compiled[i].error) == NULL)) {
			fail_msg("%s\n%s", compiled[i].script,
			    errors.n > 0 ? errors.list[0].text : "no error");
		}
		sieve_program_free(program);
	}
}

/* --- running ------------------------------------------------------------------------------------------------------ */

static const char header[] = "Subject: [acme] a Report of 12 pages\n"
			     "X-Count: 9\n"
			     "X-Count: 10\n"
			     "X-Empty:\n"
			     "X-Key: ^\\[(a.*)\\]\n"
			     "X-Broken: (\n"
			     "\n";

static int no_zone(time_t time)
{
	return 0;
}

/* The folder that a script stores into; "-": it does not, "!" and its note: it failed. */
static void run(const char *script, char *out, size_t n_out)
{
	const struct sieve_facts facts = { .settings = &sieve_defaults,
		.from = span_of("a@example.com"),
		.to = span_of("b@example.com"),
		.original_to = span_of("b@example.com"),
		.delimiters = "+",
		.user = "b@example.com",
		.hostname = "mx.example.com",
		.domain = "example.com",
		.zone = no_zone,
		.header = { header, sizeof(header) - 1 },
		.size = sizeof(header) };
	const struct sieve_script chain = { compile(script), "test" };
	struct sieve_question question;
	const struct sieve_plan *plan;
	struct sieve_run *sieve;

	if (chain.program == NULL) {
		fail_msg("%s\n%s", script, errors.list[0].text);
	}
	sieve = sieve_run_new(&facts, &chain, 1);
	assert_non_null(sieve);
	assert_int_equal(sieve_step(sieve, &question), SIEVE_DONE);
	plan = sieve_run_plan(sieve);
	out[0] = '\0';
	if (plan->has_failed) {
		add_text(out, n_out, "!%.*s", (int)plan->notes[0].text.n, plan->notes[0].text.p);
	} else if (plan->n_actions > 0) {
		add_text(
		    out, n_out, "%.*s", (int)plan->actions[0].folder.n, plan->actions[0].folder.p);
	} else {
		add_text(out, n_out, "-");
	}
	sieve_run_free(sieve);
	sieve_program_free((struct sieve_program *)chain.program);
}

static const struct {
	const char *test, *want; /* "yes": the test is true */
} tests[] = {
	{ "header \"subject\" \"[ACME] a report of 12 pages\"", "yes" },
	{ "header :comparator \"i;octet\" \"subject\" \"[ACME] a report of 12 pages\"", "-" },
	{ "header :contains \"subject\" [\"x\", \"REPORT\"]", "yes" },
	{ "header :is \"x-empty\" \"\"", "yes" },
	{ "header :is \"subject\" \"\"", "-" },
	{ "header :contains [\"x-none\", \"x-empty\"] \"\"", "yes" },
	{ "header :contains \"x-none\" \"\"", "-" },
	{ "header :matches \"x-none\" \"*\"", "-" },
	/* RFC 5231 */
	{ "header :value \"gt\" \"x-count\" \"9\"", "-" },
	{ "header :value \"gt\" :comparator \"i;ascii-numeric\" \"x-count\" \"9\"", "yes" },
	{ "header :value \"eq\" :comparator \"i;ascii-numeric\" \"x-count\" [\"8\", \"010\"]",
	    "yes" },
	{ "header :count \"eq\" \"x-count\" \"2\"", "yes" },
	{ "header :count \"eq\" \"x-count\" [\"1\", \"02\"]", "yes" },
	{ "header :count \"ge\" [\"subject\", \"x-count\"] \"3\"", "yes" },
	{ "header :count \"lt\" \"x-none\" \"1\"", "yes" },
	{ "header :count \"eq\" :comparator \"i;octet\" \"x-count\" \"02\"", "-" },
	{ "header :count \"eq\" :comparator \"i;octet\" \"x-count\" \"2\"", "yes" },
	{ "header :regex \"subject\" [\"^b\", \"of [0-9]+ P\"]", "yes" },
	{ "header :regex :comparator \"i;octet\" \"subject\" \"of [0-9]+ P\"", "-" },
};

static void test_runs(void **state)
{
	for (size_t i = 0; i < LENGTH(tests); i++) {
		char script[400] = "", got[300];

		add_text(
		    script, sizeof(script), REQUIRE "if %s { fileinto \"yes\"; }", tests[i].test);
		run(script, got, sizeof(got));
		expect_text(tests[i].test, got, tests[i].want);
	}
}

static const struct {
	const char *commands, *want;
} values[] = {
	{ "if header :matches \"subject\" \"[*] * of *\" { fileinto \"${1}/${2}/${3}\"; }",
	    "acme/a Report/12 pages" },
	{ "if header :regex \"subject\" \"([a-z]+) of ([0-9]+)\" { fileinto "
	  "\"${0}/${2}/${1}/${3}\"; }",
	    "Report of 12/12/Report/" },
	/* RFC 5229 3.2: a test that fails leaves them, and so does one of another type. */
	{ "if header :matches \"subject\" \"[*]*\" {"
	  " if not header :matches \"subject\" \"b*\" {"
	  " if header :contains \"subject\" \"report\" { fileinto \"${1}\"; } } }",
	    "acme" },
	/* Keys with variables. */
	{ "set \"w\" \"report\"; if header :contains \"subject\" [\"x\", \"${w} of\"] { fileinto "
	  "\"yes\"; }",
	    "yes" },
	{ "if header :matches \"x-key\" \"*\" { set \"k\" \"${1}\"; }"
	  "if header :regex \"subject\" \"${k}\" { fileinto \"${1}\"; }",
	    "acme" },
	{ "if header :matches \"x-broken\" \"*\" { set \"k\" \"${1}\"; }"
	  "if header :regex \"subject\" \"${k}\" { fileinto \"${1}\"; }",
	    "-" },
};

static void test_values(void **state)
{
	for (size_t i = 0; i < LENGTH(values); i++) {
		char script[500] = "", got[300];

		add_text(script, sizeof(script),
		    "require [\"variables\", \"fileinto\", \"regex\"]; %s", values[i].commands);
		run(script, got, sizeof(got));
		expect_text(values[i].commands, got, values[i].want);
	}
}

/* Many values against a large expression: what a search needs is given back. */
static void test_large_regex(void **state)
{
	char script[400] = "", got[300];

	add_text(script, sizeof(script),
	    REQUIRE "if header :regex [\"subject\", \"x-count\", \"x-empty\", \"x-key\"] "
		    "[\"(q{0,255}){3}!\", \"(z{0,255}){3}!\", \"of 12\"] { fileinto \"yes\"; }");
	run(script, got, sizeof(got));
	expect_text("large", got, "yes");
}

int main(void)
{
	const struct CMUnitTest unit_tests[] = {
		cmocka_unit_test(test_compiled),
		cmocka_unit_test(test_runs),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_large_regex),
	};

	return cmocka_run_group_tests_name("compare", unit_tests, NULL, NULL);
}
