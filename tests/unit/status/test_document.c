/* SPDX-License-Identifier: MIT
 * One list of values in three forms, byte for byte. */
#include "status/document.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

enum {
	ROOM = 16384,
	SECOND = 1000000000
};

static const struct log_problem problems[] = {
	{ .time = 86400, .level = LOG_LEVEL_ERROR, .text = "event=x reason=\"a\\x0ab\"" },
	{ .time = 0, .level = LOG_LEVEL_WARNING, .text = "bell\a and \033[2J and \303\251" },
};

struct facts {
	uint64_t count, bytes;
	struct histogram times;
	const char *words;
};

static void write_all(struct document *document, const struct facts *facts)
{
	static const struct document_value count = { "total", "things_total", NULL, "All things.",
		true, false, false };
	static const struct document_value size = { "bytes", "bytes", NULL, "Bytes.", false, true,
		false };
	static const struct document_value good = { "good", "ends_total", "end=\"good\"", "Ends.",
		true, false, false };
	static const struct document_value bad = { "bad", "ends_total", "end=\"bad\"", "Ends.",
		true, false, true };
	static const struct document_value hidden = { NULL, "up", NULL, "Up?", false, false,
		false };
	static const struct document_value people = { "only", NULL, NULL, NULL, false, false,
		false };

	document_group(document, "things");
	document_words(document, "words", facts->words);
	document_time(document, "since", 86400);
	document_time(document, "never", 0);
	document_duration(document, "uptime", 90061);
	document_number(document, &count, facts->count);
	document_number(document, &size, facts->bytes);
	document_number(document, &hidden, 1);
	document_group(document, "ends");
	document_number(document, &good, facts->count);
	document_number(document, &bad, 0);
	document_number(document, &people, 3);
	document_group(document, "times");
	document_histogram(document, "time_seconds", "Times.", &facts->times);
	document_problems(document, problems, LENGTH(problems));
}

static void expect_document(enum document_form form, struct document_marks *marks, uint64_t now,
    const struct facts *facts, const char *want)
{
	char out[ROOM];
	struct document document;
	size_t n;

	document_begin(&document, form, "p", out, sizeof(out), marks, now);
	write_all(&document, facts);
	n = document_end(&document);
	expect_bytes("document", out, n, want, strlen(want));
}

static struct facts make_facts(void)
{
	struct facts facts = { .count = 7, .bytes = 3145728, .words = "a\"b\\c\nd\177e" };

	histogram_add(&facts.times, 1000000);
	histogram_add(&facts.times, 1000000);
	return facts;
}

#define PROBLEMS                                              \
	"problems     the latest first\n"                     \
	"  1970-01-02T00:00:00Z event=x reason=\"a\\x0ab\"\n" \
	"  1970-01-01T00:00:00Z bell? and ?[2J and ??\n"

static void test_text(void **state)
{
	struct facts facts = make_facts();

	expect_document(DOCUMENT_TEXT, NULL, 0, &facts,
	    "things       words a\"b\\c?d?e, since 1970-01-02T00:00:00Z, uptime 1d 01:01:01,\n"
	    "             total 7, bytes 3.0 MiB\n"
	    "ends         good 7, only 3\n"
	    "times        count 2, p50 1.00 ms, p95 1.00 ms, p99 1.00 ms, max 1.00 ms\n" PROBLEMS);
}

/* The first look has nothing to compare with. */
static void test_watch(void **state)
{
	static struct document_marks marks;
	struct facts facts = make_facts();

	facts.words = NULL;
	expect_document(DOCUMENT_TEXT, &marks, 5 * (uint64_t)SECOND, &facts,
	    "things       since 1970-01-02T00:00:00Z, uptime 1d 01:01:01, total 7,\n"
	    "             bytes 3.0 MiB\n"
	    "ends         good 7, only 3\n"
	    "times        count 2, p50 1.00 ms, p95 1.00 ms, p99 1.00 ms, max 1.00 ms\n" PROBLEMS);
	facts.count = 12;
	histogram_add(&facts.times, 20000000);
	expect_document(DOCUMENT_TEXT, &marks, 7 * (uint64_t)SECOND, &facts,
	    "things       since 1970-01-02T00:00:00Z, uptime 1d 01:01:01, total 12 (2.5/s),\n"
	    "             bytes 3.0 MiB\n"
	    "ends         good 12 (2.5/s), only 3\n"
	    "times        count 3 (0.5/s), p50 20.0 ms, p95 20.0 ms, p99 20.0 ms,\n"
	    "             max 20.0 ms\n" PROBLEMS);
	expect_document(DOCUMENT_TEXT, &marks, 8 * (uint64_t)SECOND, &facts,
	    "things       since 1970-01-02T00:00:00Z, uptime 1d 01:01:01, total 12 (0.0/s),\n"
	    "             bytes 3.0 MiB\n"
	    "ends         good 12 (0.0/s), only 3\n"
	    "times        count 3 (0.0/s), max 20.0 ms\n" PROBLEMS);
}

static void test_json(void **state)
{
	struct facts facts = make_facts();

	expect_document(DOCUMENT_JSON, NULL, 0, &facts,
	    "{\"things\":{\"words\":\"a\\\"b\\\\c?d?e\",\"since\":\"1970-01-02T00:00:00Z\","
	    "\"never\":null,"
	    "\"uptime\":90061,\"total\":7,\"bytes\":3145728},"
	    "\"ends\":{\"good\":7,\"bad\":0,\"only\":3},"
	    "\"times\":{\"count\":2,\"p50\":0.001000,\"p95\":0.001000,\"p99\":0.001000,\"max\":0."
	    "001000},"
	    "\"problems\":["
	    "{\"time\":\"1970-01-02T00:00:00Z\",\"level\":\"error\",\"message\":\"event=x "
	    "reason=\\\"a\\\\x0ab\\\"\"},"
	    "{\"time\":\"1970-01-01T00:00:00Z\",\"level\":\"warning\",\"message\":\"bell? and ?[2J "
	    "and "
	    "??\"}]}\n");
}

static void test_prometheus(void **state)
{
	struct facts facts = make_facts();
	char want[ROOM] = "# HELP p_things_total All things.\n# TYPE p_things_total counter\n"
			  "p_things_total 7\n"
			  "# HELP p_bytes Bytes.\n# TYPE p_bytes gauge\np_bytes 3145728\n"
			  "# HELP p_up Up?\n# TYPE p_up gauge\np_up 1\n"
			  "# HELP p_ends_total Ends.\n# TYPE p_ends_total counter\n"
			  "p_ends_total{end=\"good\"} 7\np_ends_total{end=\"bad\"} 0\n"
			  "# HELP p_time_seconds Times.\n# TYPE p_time_seconds histogram\n";

	for (unsigned power = 6; power <= 25; power++) {
		add_text(want, sizeof(want), "p_time_seconds_bucket{le=\"%.6f\"} %d\n",
		    (double)(1u << power) / 1e6, power < 10 ? 0 : 2);
	}
	add_text(want, sizeof(want),
	    "p_time_seconds_bucket{le=\"+Inf\"} 2\n"
	    "p_time_seconds_sum 0.002000000\np_time_seconds_count 2\n");
	expect_document(DOCUMENT_PROMETHEUS, NULL, 0, &facts, want);
}

/* What does not fit is no document, and nothing is written behind its room. */
static void test_room(void **state)
{
	static const enum document_form forms[] = { DOCUMENT_TEXT, DOCUMENT_JSON,
		DOCUMENT_PROMETHEUS };
	struct facts facts = make_facts();

	for (size_t i = 0; i < LENGTH(forms); i++) {
		size_t n = 0;

		for (size_t cap = 1; n == 0; cap++) {
			char *out = malloc(cap); /* the sanitizer's, not cmocka's */
			struct document document;

			assert_true(cap < ROOM);
			document_begin(&document, forms[i], "p", out, cap, NULL, 0);
			write_all(&document, &facts);
			n = document_end(&document);
			assert_true(n == 0 || n == cap - 1);
			free(out);
		}
		assert_in_range(n, 300, ROOM);
	}
}

static void test_no_problems(void **state)
{
	char out[256];
	struct document document;
	size_t n;

	document_begin(&document, DOCUMENT_TEXT, "p", out, sizeof(out), NULL, 0);
	document_problems(&document, problems, 0);
	n = document_end(&document);
	expect_bytes("text", out, n, "problems     none\n", 18);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_prometheus),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_no_problems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
