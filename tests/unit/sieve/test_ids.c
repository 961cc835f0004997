/* SPDX-License-Identifier: MIT
 * By which texts messages and answers are told apart: what Pigeonhole makes its ids of. */
#include "sieve/sieve.h"

#include <string.h>

#include "tests/unit/unit.h"

static const struct {
	const char *script;
	const char *fields; /* of the message, besides To and Message-ID */
	const char *ids;    /* asked for, then of actions, each in brackets; a line end is / */
} rows[] = {
	{ "require \"vacation\"; vacation \"Away\";", "",
	    "?[ann@example.netAway<default-subject><default-from><NO-MIME>]"
	    "[ann@example.netAway<default-subject><default-from><NO-MIME>]" },
	{ "require \"vacation\"; vacation :mime :subject \"S\" :from \"F@example.org\" \"Away\";",
	    "",
	    "?[ann@example.netAwaySF@example.org<MIME>][ann@example.netAwaySF@example.org<MIME>]" },
	/* Variables are not filled in, but those of a handle. */
	{ "require [\"vacation\", \"variables\"]; set \"x\" \"y\"; vacation :subject \"${x}\" "
	  "\"${x}z\";",
	    "",
	    "?[ann@example.net${x}z${x}<default-from><NO-MIME>]"
	    "[ann@example.net${x}z${x}<default-from><NO-MIME>]" },
	{ "require [\"vacation\", \"variables\"]; set \"x\" \"y\"; vacation :handle \"${x}\" "
	  "\"z\";",
	    "", "?[ann@example.nety][ann@example.nety]" },
	{ "require \"duplicate\"; if duplicate { stop; }", "",
	    "?[sieve duplicate+default<a@b>][sieve duplicate+default<a@b>]" },
	{ "require \"duplicate\"; if duplicate :handle \"h\" :uniqueid \"u\" { stop; }", "",
	    "?[sieve duplicate+h-hu][sieve duplicate+h-hu]" },
	{ "require \"duplicate\"; if duplicate :last { stop; }", "",
	    "?[sieve duplicate0default<a@b>]?[sieve duplicate+default<a@b>]"
	    "[sieve duplicate0default<a@b>]" },
	{ "require \"duplicate\"; if duplicate :header \"X\" { stop; }", "X: =?utf-8?q?a?=\n\tb \n",
	    "?[sieve duplicate+defaulta b][sieve duplicate+defaulta b]" },
	{ "redirect \"Tom@Example.ORG\";", "",
	    "[<a@b>-User+Detail@example.com-Tom@example.org--]" },
	{ "redirect \"t@o\";", "Resent-From: r \nList-Id: \t a\n\tb\n",
	    "[<a@b>-User+Detail@example.com-t@o-r -a/\tb]" },
	{ "redirect \"t@o\";", "Resent-From: r\nResent-Message-ID: <i>\r\n x\n",
	    "[<a@b>-User+Detail@example.com-t@o-<i>/ x-]" },
	/* Edits make it no other message. */
	{ "require \"editheader\"; deleteheader \"Message-ID\"; addheader \"List-Id\" \"x\"; "
	  "redirect "
	  "\"t@o\";",
	    "", "[<a@b>-User+Detail@example.com-t@o--]" },
};

static void add_id(char *got, size_t n, struct span id)
{
	add_text(got, n, "[");
	for (size_t i = 0; i < id.n; i++) {
		add_text(got, n, "%c", id.p[i] == '\n' ? '/' : id.p[i]);
	}
	add_text(got, n, "]");
}

static int zone(time_t time)
{
	return 0;
}

static void run(const char *script, const char *header, char *got, size_t n)
{
	const struct sieve_facts facts = { .settings = &sieve_defaults,
		.from = span_of("Ann@example.net"),
		.to = span_of("User+Detail@example.com"),
		.original_to = span_of(""),
		.delimiters = "+",
		.user_email = "user@example.com",
		.hostname = "mx.example.com",
		.domain = "example.com",
		.now = 1790000000,
		.zone = zone,
		.header = span_of(header) };
	struct sieve_script chain = { .name = "script" };
	struct sieve_question question;
	struct sieve_program *program;
	struct sieve_errors errors;
	const struct sieve_plan *plan;
	struct sieve_run *sieve;
	int need;

	if (sieve_compile(&sieve_language, span_of(script), &program, &errors) != 0) {
		fail_msg("%s: %s", script, errors.list[0].text);
		return;
	}
	chain.program = program;
	sieve = sieve_run_new(&facts, &chain, 1);
	while ((need = sieve_step(sieve, &question)) > 0) {
		assert_true(need == SIEVE_NEED_SEEN || need == SIEVE_NEED_ANSWERED);
		add_text(got, n, "?");
		add_id(got, n, question.name);
		sieve_answer(sieve, false);
	}
	plan = sieve_run_plan(sieve);
	for (size_t i = 0; i < plan->n_actions; i++) {
		add_id(got, n, plan->actions[i].id);
		assert_true(
		    plan->actions[i].kind != SIEVE_REDIRECT || plan->actions[i].seconds == 43200);
	}
	sieve_run_free(sieve);
	sieve_program_free(program);
}

static void test_scripts(void **state)
{
	for (size_t i = 0; i < LENGTH(rows); i++) {
		char header[300] = "To: user@example.com\nMessage-ID: <a@b>\n", got[500] = "";

		add_text(header, sizeof(header), "%s\n", rows[i].fields);
		run(rows[i].script, header, got, sizeof(got));
		expect_text(rows[i].script, got, rows[i].ids);
	}
}

/* Message-ID, what is read of it, and whether there is one at all. */
static const struct {
	const char *field, *duplicate, *redirect;
} ids[] = {
	{ "Message-ID: <a@b>", "<a@b>", "<a@b>" },
	{ "Message-ID:", NULL, NULL },
	{ "Message-ID: \n ", NULL, NULL },
	{ "X: <a@b>", NULL, NULL },
	{ "Message-ID: x <a> <b @\n\tc > <d@e>", "<b@c>", "<b@c>" },
	{ "Message-ID: <1@[192.0.2.1]>", "<1@[192.0.2.1]>", "<1@[192.0.2.1]>" },
	{ "Message-ID: a@b ", "a@b", "a@b " },
	{ "Message-ID: <a@b", "<a@b", "<a@b" },
	{ "Message-ID: <\"a\"@b>", "<\"a\"@b>", "<\"a\"@b>" },
	{ "Message-ID: <(<x@y>", "<x@y>", "<x@y>" },
	{ "Message-ID: <<a@b>", "<<a@b>", "<<a@b>" },
};

static void test_message_ids(void **state)
{
	for (size_t i = 0; i < LENGTH(ids); i++) {
		char header[200] = "", got[200] = "", want[200] = "";

		add_text(header, sizeof(header), "%s\nTo: x\n\n", ids[i].field);
		run("require \"duplicate\"; if duplicate { stop; }", header, got, sizeof(got));
		if (ids[i].duplicate != NULL) {
			add_text(want, sizeof(want),
			    "?[sieve duplicate+default%s][sieve duplicate+default%s]",
			    ids[i].duplicate, ids[i].duplicate);
		}
		expect_text(ids[i].field, got, want);
		got[0] = want[0] = '\0';
		run("redirect \"t@o\";", header, got, sizeof(got));
		add_text(want, sizeof(want), "[");
		if (ids[i].redirect != NULL) {
			add_text(want, sizeof(want), "%s-User+Detail@example.com-t@o--",
			    ids[i].redirect);
		}
		add_text(want, sizeof(want), "]");
		expect_text(ids[i].field, got, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test(test_message_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
