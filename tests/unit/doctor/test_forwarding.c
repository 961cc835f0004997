/* SPDX-License-Identifier: MIT
 * What a server may answer that is asked whether it takes mail of scripts, and what an admin hears of it. */
#include "doctor/forwarding.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "tests/unit/unit.h"

#define OK                                 \
	{                                  \
		SUBMISSION_ACCEPTED,       \
		{                          \
			250, "2.1.5", "Ok" \
		}                          \
	}
#define DENIED                                                   \
	{                                                        \
		SUBMISSION_REFUSED,                              \
		{                                                \
			554, "5.7.1", "<x>: Relay access denied" \
		}                                                \
	}
#define UNKNOWN                                      \
	{                                            \
		SUBMISSION_REFUSED,                  \
		{                                    \
			550, "5.1.1", "User unknown" \
		}                                    \
	}
#define GONE                                             \
	{                                                \
		SUBMISSION_DEFERRED,                     \
		{                                        \
			0, "4.4.2", "Connection refused" \
		}                                        \
	}

static const struct {
	const char *name;
	struct forwarding_facts facts;
	const char *said; /* a line for each row: status, exit code, detail */
} cases[] = {
	{ "all is well", { "inet:127.0.0.1:25", true, { OK, OK }, true, true, true, 1000, 1000 },
	    "0 0 inet:127.0.0.1:25 takes what scripts send; it offers CHUNKING 8BITMIME SMTPUTF8 "
	    "SIZE "
	    "1000\n" },
	{ "a server that knows nothing else", { "inet:127.0.0.1:25", true, { OK, OK } },
	    "0 0 inet:127.0.0.1:25 takes what scripts send; it offers no extension\n" },
	{ "a size alone", { "unix:/x", true, { OK, OK }, .size_max = 5, .size_limit = 0 },
	    "0 0 unix:/x takes what scripts send; it offers SIZE 5\n" },
	{ "a size that is too small",
	    { "unix:/x", true, { OK, OK }, .size_max = 5, .size_limit = 6 },
	    "0 0 unix:/x takes what scripts send; it offers SIZE 5\n"
	    "1 0 a message of more than 5 bytes can be taken here and not be redirected: it is "
	    "kept "
	    "in INBOX\n" },
	{ "nobody is postmaster", { "unix:/x", true, { UNKNOWN, OK }, true },
	    "0 0 unix:/x takes what scripts send; it offers 8BITMIME\n" },
	{ "it does not like the stranger",
	    { "unix:/x", true,
		{ OK, { SUBMISSION_REFUSED, { 501, "5.1.3", "Bad recipient address syntax" } } },
		true },
	    "0 0 unix:/x takes what scripts send; it offers 8BITMIME\n" },
	{ "no mail to others", { "unix:/x", true, { OK, DENIED } },
	    "2 78 unix:/x does not take mail from this machine to other servers: 554 5.7.1 <x>: "
	    "Relay "
	    "access denied\n" },
	{ "in other words",
	    { "unix:/x", true, { OK, { SUBMISSION_REFUSED, { 550, "", "relaying denied" } } } },
	    "2 78 unix:/x does not take mail from this machine to other servers: 550 relaying "
	    "denied\n" },
	{ "for a while",
	    { "unix:/x", true, { OK, { SUBMISSION_DEFERRED, { 454, "4.7.1", "denied" } } } },
	    "2 78 unix:/x does not take mail from this machine to other servers: 454 4.7.1 "
	    "denied\n" },
	{ "no client of this machine",
	    { "unix:/x", true,
		{ { SUBMISSION_REFUSED, { 554, "5.7.1", "Client host rejected" } }, UNKNOWN } },
	    "2 78 unix:/x does not take mail from this machine to other servers: 554 5.7.1 Client "
	    "host "
	    "rejected\n" },
	{ "no mail without a sender",
	    { "unix:/x", true,
		{ { SUBMISSION_REFUSED, { 550, "5.5.0", "no sender" } },
		    { SUBMISSION_REFUSED, { 550, "5.5.0", "no sender" } } } },
	    "2 78 unix:/x refuses what scripts send: 550 5.5.0 no sender\n" },
	{ "greylisting",
	    { "unix:/x", true, { { SUBMISSION_DEFERRED, { 450, "4.2.0", "Greylisted" } }, OK } },
	    "1 0 unix:/x puts off what scripts send: 450 4.2.0 Greylisted\n" },
	{ "nobody listens", { "inet:127.0.0.1:25", false, { GONE, GONE } },
	    "2 69 inet:127.0.0.1:25 cannot be asked, so what scripts redirect is put off: "
	    "Connection "
	    "refused\n" },
	{ "it goes in the middle", { "unix:/x", true, { GONE, GONE }, true },
	    "2 69 unix:/x cannot be asked, so what scripts redirect is put off: Connection "
	    "refused\n" },
	{ "it refuses to speak",
	    { "unix:/x", false, { { SUBMISSION_DEFERRED, { 554, "5.3.2", "go away" } } } },
	    "2 78 unix:/x does not speak with this machine: 554 5.3.2 go away\n" },
};

static char rows[4 * REPORT_TEXT_MAX];
static struct report report;

static void on_check(void *data, enum report_status status, const char *detail)
{
	size_t n = strlen(rows);

	snprintf(rows + n, sizeof(rows) - n, "%d %d %s\n", (int)status, report.exit_code, detail);
}

static void test_words(void **state)
{
	for (size_t i = 0; i < LENGTH(cases); i++) {
		report = (struct report){ .on_check = on_check };
		rows[0] = '\0';
		forwarding_check(&cases[i].facts, &report);
		expect_text(cases[i].name, rows, cases[i].said);
	}
}

/* Where it is on another machine, that knows this one by another address. */
static void test_whom_to_name(void **state)
{
	static const struct {
		const char *client, *want;
	} clients[] = {
		{ "", "name this machine (127.0.0.0/8 [::1]/128)," },
		{ "10.0.0.12", "name this machine (10.0.0.12)," },
		{ "2001:db8::12", "name this machine ([2001:db8::12])," },
	};

	for (size_t i = 0; i < LENGTH(clients); i++) {
		struct forwarding_facts facts = { "inet:10.0.0.11:25", true, { OK, DENIED } };

		snprintf(facts.client, sizeof(facts.client), "%s", clients[i].client);
		report = (struct report){ .on_check = on_check };
		rows[0] = '\0';
		forwarding_check(&facts, &report);
		assert_non_null(strstr(report.remedy, clients[i].want));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_whom_to_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
