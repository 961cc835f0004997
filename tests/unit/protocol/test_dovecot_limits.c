/* SPDX-License-Identifier: MIT
 * The auth protocol at its limits: long lines, many requests, clients that do not read. */
#include "tests/unit/protocol/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/protocol/machine.h"

#define RIGHT             "{^u@d^right}"
#define ASKS_USER(id)     "CONT\t" id "\tVXNlcm5hbWU6\n"
#define ASKS_PASSWORD(id) "CONT\t" id "\tUGFzc3dvcmQ6\n"
#define FAIL(id)          "FAIL\t" id "\n"

/* An exchange whose input is made at run time. */
static void check_made(const char *name, const struct bytes *input, enum exchange_outcomes outcomes,
    const char *output, const char *events)
{
	const struct exchange exchange = { .name = name,
		.input = { input->p, input->n },
		.outcomes = outcomes,
		.output = output,
		.events = events };

	check_exchanges(&exchange, 1);
}

static void put_text(struct bytes *bytes, const char *text)
{
	bytes_put(bytes, text, strlen(text));
}

static void put_filler(struct bytes *bytes, size_t n)
{
	while (n-- > 0) {
		bytes_put(bytes, "x", 1);
	}
}

/* A request in a line of n bytes, LF included, between two that must not notice. */
static void check_line(size_t n, const char *start, const char *end, const char *output)
{
	struct bytes input = { .p = NULL };
	char name[80];
	size_t at;

	snprintf(name, sizeof(name), "a line of %zu bytes: %s", n, start);
	put_text(&input, "AUTH\t8\tLOGIN\n");
	at = input.n;
	put_text(&input, start);
	put_filler(&input, n - (input.n - at) - strlen(end) - 1);
	put_text(&input, end);
	put_text(&input, "\nCONT\t8\t{u@d}\nCONT\t8\t{right}\n");
	check_made(name, &input, EXCHANGE_AT_END, output, NULL);
	bytes_free(&input);
}

#define BEFORE    "CONT\t8\tVXNlcm5hbWU6\n"
#define BEHIND    "CONT\t8\tUGFzc3dvcmQ6\n"
#define BEHIND_OK "OK\t8\tuser=u@d\n"

static void test_long_lines(void **state)
{
	/* As the braces would be expanded. */
	static const char response[] = "\tresp=AHVAZAByaWdodA==";
	size_t most = DOVECOT_LINE_MAX;

	check_line(
	    most, "AUTH\t1\tPLAIN\tx=", response, BEFORE BEHIND "OK\t1\tuser=u@d\n" BEHIND_OK);
	check_line(most + 1, "AUTH\t1\tPLAIN\tx=", response, BEFORE "FAIL\t1\n" BEHIND BEHIND_OK);
	check_line(3 * most, "AUTH\t1\tPLAIN\tx=", response, BEFORE "FAIL\t1\n" BEHIND BEHIND_OK);
	check_line(most + 1, "AUTH\t1\tPLAIN\tresp=", "", BEFORE "FAIL\t1\n" BEHIND BEHIND_OK);
	check_line(most + 1, "AUTH\t1\t", "", BEFORE "FAIL\t1\n" BEHIND BEHIND_OK);
	check_line(most + 1, "CONT\t1\t", "", BEFORE "FAIL\t1\n" BEHIND BEHIND_OK);
	check_line(most + 1, "AUTH\tx\tPLAIN\t", "", BEFORE BEHIND BEHIND_OK);
	check_line(most + 1, "AUTH\t1", "", BEFORE BEHIND BEHIND_OK);
	check_line(most + 1, "VERSION\t2\t", "", BEFORE BEHIND BEHIND_OK);
	check_line(most + 1, "CANCEL\t8\t", "", BEFORE BEHIND BEHIND_OK);
	check_line(most + 1, "", "", BEFORE BEHIND BEHIND_OK);
	check_line(most + 1, "\t\t\t", "", BEFORE BEHIND BEHIND_OK);
}

/* The request that a long line is about ends; once. */
static void test_long_lines_of_a_request(void **state)
{
	struct bytes input = { .p = NULL };

	put_text(&input, "AUTH\t1\tLOGIN\nCONT\t1\t{u@d}\nCONT\t1\t");
	put_filler(&input, DOVECOT_LINE_MAX);
	put_text(&input, "\nCONT\t1\t{right}\n");
	check_made("a long response", &input, EXCHANGE_AT_ONCE,
	    ASKS_USER("1") ASKS_PASSWORD("1") FAIL("1") FAIL("1"), "");
	input.n = 0;
	put_text(&input, "AUTH\t1\tPLAIN\tresp=" RIGHT "\nCONT\t1\t");
	put_filler(&input, DOVECOT_LINE_MAX);
	put_text(&input, "\n");
	check_made("while it is being verified", &input, EXCHANGE_AT_END, FAIL("1"),
	    "verify 1 PLAIN u@d right \n");
	bytes_free(&input);
}

/* As many requests as may be out, and some more: these wait, for a right password must not fail. */
static void test_many_out(void **state)
{
	struct bytes input = { .p = NULL }, output = { .p = NULL };
	char line[80];

	for (int id = 1; id <= DOVECOT_REQUESTS_MAX + 3; id++) {
		snprintf(line, sizeof(line), "AUTH\t%d\tPLAIN\tresp=" RIGHT "\n", id);
		put_text(&input, line);
		snprintf(line, sizeof(line), "OK\t%d\tuser=u@d\n", id);
		put_text(&output, line);
	}
	check_made("requests", &input, EXCHANGE_AT_END, output.p, NULL);
	bytes_free(&input);
	bytes_free(&output);
}

/* Challenges without a response do not keep anybody out: the oldest are forgotten. */
static void test_many_abandoned(void **state)
{
	struct bytes input = { .p = NULL }, output = { .p = NULL };
	char line[80];

	for (int id = 1; id <= DOVECOT_REQUESTS_MAX + 2; id++) {
		snprintf(line, sizeof(line), "AUTH\t%d\tPLAIN\n", id);
		put_text(&input, line);
		snprintf(line, sizeof(line), "CONT\t%d\t\n", id);
		put_text(&output, line);
	}
	for (int id = 1; id <= DOVECOT_REQUESTS_MAX + 2; id++) {
		snprintf(line, sizeof(line), "CONT\t%d\t" RIGHT "\n", id);
		put_text(&input, line);
		snprintf(line, sizeof(line), id <= 2 ? "FAIL\t%d\n" : "OK\t%d\tuser=u@d\n", id);
		put_text(&output, line);
	}
	check_made("abandoned", &input, EXCHANGE_AT_ONCE, output.p, NULL);
	bytes_free(&input);
	bytes_free(&output);
}

/* Those that are cancelled while they are verified are still work, and count. */
static void test_many_cancelled(void **state)
{
	struct bytes input = { .p = NULL };
	char line[80];

	for (int id = 1; id <= DOVECOT_REQUESTS_MAX; id++) {
		snprintf(
		    line, sizeof(line), "AUTH\t%d\tPLAIN\tresp=" RIGHT "\nCANCEL\t%d\n", id, id);
		put_text(&input, line);
	}
	put_text(&input, "AUTH\t1\tPLAIN\tresp=" RIGHT "\n");
	check_made("cancelled", &input, EXCHANGE_AT_END, "OK\t1\tuser=u@d\n", NULL);
	bytes_free(&input);
}

/* A client that does not read gets nothing more done for it, and fills nothing of ours. */
static void test_deaf_client(void **state)
{
	enum {
		REQUESTS = 8000,
		ROOM = 128 * 1024
	};
	struct machine machine;
	size_t n, n_lines;
	char line[40];

	machine_init(&machine, &exchange_settings);
	machine.reading = MACHINE_READS_LATE;
	for (int id = 0; id < REQUESTS; id++) {
		snprintf(line, sizeof(line), "AUTH\t%d\tNONE\n", id);
		machine_feed(&machine, line, strlen(line));
		output_unsent(&machine.protocol.output, &n);
		assert_true(n < ROOM);
	}
	assert_true(machine.n_flushes > 0);
	machine_read(&machine);
	n = strlen(exchange_handshake);
	n_lines = check_lines(machine.output.p + n, machine.output.n - n);
	assert_int_equal(n_lines, REQUESTS);
	machine_deinit(&machine);
}

/* What is sent in one write may be taken by the machine only in part: it says how far it came. */
static void test_stops_at_each_login(void **state)
{
	static const char input[] = "AUTH\t1\tPLAIN\tresp=AHVAZAByaWdodA==\n"
				    "AUTH\t2\tNONE\n"
				    "CPID\t1\n";
	struct dovecot_step step;
	struct dovecot protocol;
	size_t at;

	dovecot_init(&protocol, &exchange_settings);
	at = dovecot_feed(&protocol, input, strlen(input), 0, &step);
	assert_int_equal(step.want, DOVECOT_VERIFY);
	assert_int_equal(at, strcspn(input, "\n") + 1);
	expect_text("user", step.request->sasl.user, "u@d");
	expect_text("password", step.request->sasl.password, "right");
	at += dovecot_feed(&protocol, input + at, strlen(input) - at, 0, &step);
	assert_int_equal(step.want, DOVECOT_REFUSED);
	assert_int_equal(step.request->id, 2);
	assert_int_equal(at, strlen(input) - strlen("CPID\t1\n"));
	at += dovecot_feed(&protocol, input + at, strlen(input) - at, 0, &step);
	assert_int_equal(step.want, DOVECOT_INPUT);
	assert_int_equal(at, strlen(input));
	/* Taken down with a login that is still out. */
	dovecot_deinit(&protocol);
}

/* What has ended stays so, for the same reason. */
static void test_ended(void **state)
{
	static const char input[] = "VERSION\t2\t0\nAUTH\t1\tPLAIN\n";
	struct dovecot_step step;
	struct dovecot protocol;
	size_t n_before, n_behind;

	dovecot_init(&protocol, &exchange_settings);
	output_unsent(&protocol.output, &n_before);
	for (unsigned i = 0; i < 3; i++) {
		size_t n = dovecot_feed(&protocol, input, strlen(input), 0, &step);

		assert_int_equal(n, i == 0 ? strcspn(input, "\n") + 1 : 0);
		assert_int_equal(step.want, DOVECOT_CLOSE);
		expect_text("reason", step.reason, "client speaks another version of the protocol");
	}
	output_unsent(&protocol.output, &n_behind);
	assert_int_equal(n_behind, n_before);
	dovecot_deinit(&protocol);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_long_lines_of_a_request),
		cmocka_unit_test(test_many_out),
		cmocka_unit_test(test_many_abandoned),
		cmocka_unit_test(test_many_cancelled),
		cmocka_unit_test(test_deaf_client),
		cmocka_unit_test(test_stops_at_each_login),
		cmocka_unit_test(test_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
