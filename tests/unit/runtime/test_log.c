/* SPDX-License-Identifier: MIT
 * The log: one event is one line, and nobody outside can write a line or a field of his own. */
#include "runtime/log.h"

#include <ctype.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "runtime/log_output.h"
#include "tests/unit/unit.h"

enum {
	CAPTURED_MAX = 16384
};

static int saved_stderr, pipe_fds[2];

static void capture_begin(void)
{
	fflush(stderr);
	saved_stderr = dup(STDERR_FILENO);
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(dup2(pipe_fds[1], STDERR_FILENO), STDERR_FILENO);
	close(pipe_fds[1]);
}

/* What was written since; stderr is itself again. */
static size_t capture_end(char *out)
{
	ssize_t n = 0;
	size_t n_all = 0;

	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	while ((n = read(pipe_fds[0], out + n_all, CAPTURED_MAX - 1 - n_all)) > 0) {
		n_all += (size_t)n;
	}
	close(pipe_fds[0]);
	out[n_all] = '\0';
	return n_all;
}

enum field {
	FIELD_TEXT,
	FIELD_QUOTED,
	FIELD_ADDRESS,
};

static const struct {
	enum field field;
	const char *value, *line;
} fields[] = {
	{ FIELD_TEXT, "saved", "event=x k=saved\n" },
	{ FIELD_TEXT, "", "event=x k=\n" },
	{ FIELD_TEXT, "a b", "event=x k=\"a b\"\n" },
	{ FIELD_TEXT, "a=b", "event=x k=a=b\n" },
	{ FIELD_TEXT, "a\"b", "event=x k=\"a\\\"b\"\n" },
	{ FIELD_TEXT, "a\\b", "event=x k=\"a\\\\b\"\n" },
	{ FIELD_TEXT, "a\nevent=y", "event=x k=\"a\\x0aevent=y\"\n" },
	{ FIELD_TEXT, "\r\t\177", "event=x k=\"\\x0d\\x09\\x7f\"\n" },
	{ FIELD_TEXT, "\303\251", "event=x k=\"\\xc3\\xa9\"\n" },
	{ FIELD_TEXT, "%s%n", "event=x k=%s%n\n" },
	{ FIELD_QUOTED, "", "event=x k=\"\"\n" },
	{ FIELD_QUOTED, "plain", "event=x k=\"plain\"\n" },
	{ FIELD_QUOTED, "\" status=saved \"", "event=x k=\"\\\" status=saved \\\"\"\n" },
	{ FIELD_ADDRESS, "", "event=x k=<>\n" },
	{ FIELD_ADDRESS, "a@d", "event=x k=<a@d>\n" },
	{ FIELD_ADDRESS, "\"a b\"@d", "event=x k=\"<\\\"a b\\\"@d>\"\n" },
	{ FIELD_ADDRESS, "x> status=saved y=<", "event=x k=\"<x> status=saved y=<>\"\n" },
	{ FIELD_ADDRESS, "a\nb@d", "event=x k=\"<a\\x0ab@d>\"\n" },
	{ FIELD_ADDRESS, "\303\251@d", "event=x k=\"<\\xc3\\xa9@d>\"\n" },
};

static void put_field(struct log_line *line, enum field field, const char *value)
{
	switch (field) {
	case FIELD_TEXT:
		log_text(line, "k", value);
		break;
	case FIELD_QUOTED:
		log_quoted(line, "k", value);
		break;
	case FIELD_ADDRESS:
		log_address(line, "k", value);
		break;
	}
}

static void test_fields(void **state)
{
	char out[CAPTURED_MAX];

	for (size_t i = 0; i < LENGTH(fields); i++) {
		struct log_line line;
		size_t n;

		capture_begin();
		log_begin(&line, LOG_LEVEL_INFO, "x");
		put_field(&line, fields[i].field, fields[i].value);
		log_end(&line);
		n = capture_end(out);
		expect_bytes(fields[i].value, out, n, fields[i].line, strlen(fields[i].line));
	}
}

static void write_whole_line(enum log_level level)
{
	struct log_line line;

	log_begin(&line, level, "delivery");
	log_text(&line, "session", "S1");
	log_address(&line, "from", "");
	log_number(&line, "size", 0);
	log_number(&line, "ms", UINT64_MAX);
	log_quoted(&line, "reason", "");
	log_end(&line);
}

#define REST " session=S1 from=<> size=0 ms=18446744073709551615 reason=\"\"\n"

/* What systemd says of the stream that it reads, sd-daemon(3). */
enum journal {
	JOURNAL_NONE,
	JOURNAL_OF_ANOTHER, /* inherited; stderr leads elsewhere */
	JOURNAL_OURS,
};

static void set_journal(enum journal journal)
{
	char stream[64] = "1:1";
	struct stat status;

	assert_int_equal(fstat(STDERR_FILENO, &status), 0);
	if (journal == JOURNAL_OURS) {
		snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)status.st_dev,
		    (uintmax_t)status.st_ino);
	}
	if (journal == JOURNAL_NONE) {
		unsetenv("JOURNAL_STREAM");
	} else {
		setenv("JOURNAL_STREAM", stream, 1);
	}
	log_init();
}

/* The journal's own rows come last: priorities stay, once they are on. */
static void test_levels(void **state)
{
	static const struct {
		enum log_level level;
		enum journal journal;
		const char *line;
	} rows[] = {
		{ LOG_LEVEL_INFO, JOURNAL_NONE, "event=delivery" REST },
		{ LOG_LEVEL_WARNING, JOURNAL_NONE, "event=delivery level=warning" REST },
		{ LOG_LEVEL_ERROR, JOURNAL_NONE, "event=delivery level=error" REST },
		{ LOG_LEVEL_ERROR, JOURNAL_OF_ANOTHER, "event=delivery level=error" REST },
		{ LOG_LEVEL_INFO, JOURNAL_OURS, "<6>event=delivery" REST },
		{ LOG_LEVEL_WARNING, JOURNAL_OURS, "<4>event=delivery level=warning" REST },
		{ LOG_LEVEL_ERROR, JOURNAL_OURS, "<3>event=delivery level=error" REST },
	};
	char out[CAPTURED_MAX];

	for (size_t i = 0; i < LENGTH(rows); i++) {
		capture_begin();
		set_journal(rows[i].journal);
		write_whole_line(rows[i].level);
		capture_end(out);
		expect_text("line", out, rows[i].line);
	}
}

static void test_event(void **state)
{
	char out[CAPTURED_MAX];

	capture_begin();
	log_event(LOG_LEVEL_WARNING, "lost", "%s says \"%d\"\n", "somebody", 5);
	log_event(LOG_LEVEL_INFO, "start", "ready");
	capture_end(out);
	expect_text("two events", out,
	    "event=lost level=warning reason=\"somebody says \\\"5\\\"\\x0a\"\n"
	    "event=start reason=\"ready\"\n");
}

/* However long the values: one line, of at most its maximum, and what fits is there. */
static void check_cut(const char *value, size_t n_value)
{
	struct log_line line;
	char out[CAPTURED_MAX];
	size_t n;

	capture_begin();
	log_begin(&line, LOG_LEVEL_INFO, "x");
	log_text(&line, "first", value);
	log_address(&line, "second", value);
	log_quoted(&line, "third", value);
	log_number(&line, "fourth", 12345);
	log_end(&line);
	n = capture_end(out);
	assert_in_range(n, 1, LOG_LINE_MAX);
	assert_ptr_equal(strchr(out, '\n'), out + n - 1);
	assert_memory_equal(out, "event=x first=", 14);
	for (size_t i = 0; i + 1 < n; i++) {
		assert_true(isprint((unsigned char)out[i]));
	}
	if (n_value * 12 < 4000) {
		assert_non_null(strstr(out, " fourth=12345\n"));
	} else if (n_value > LOG_LINE_MAX) {
		assert_int_equal(n, LOG_LINE_MAX);
	}
}

static void test_long_lines(void **state)
{
	static const char bytes[] = { 'x', '"', '\n', '\303' };
	char *value = test_malloc(10001);

	for (size_t i = 0; i < sizeof(bytes); i++) {
		for (size_t n = 1; n <= 10000; n += 1 + n / 40) {
			memset(value, bytes[i], n);
			value[n] = '\0';
			check_cut(value, n);
		}
	}
	test_free(value);
}

static void test_long_event(void **state)
{
	char out[CAPTURED_MAX], *value = test_malloc(10001);
	size_t n;

	memset(value, '\001', 10000);
	value[10000] = '\0';
	capture_begin();
	log_event(LOG_LEVEL_ERROR, "x", "%s", value);
	n = capture_end(out);
	assert_in_range(n, 2000, LOG_LINE_MAX);
	assert_ptr_equal(strchr(out, '\n'), out + n - 1);
	test_free(value);
}

static bool is_readable(void)
{
	struct pollfd output = { .fd = pipe_fds[0], .events = POLLIN };

	return poll(&output, 1, 0) == 1;
}

/* Nobody reads: nobody waits. What was kept comes in its order when somebody does, and then how many lines
 * were too much. */
static void test_reader_that_stands_still(void **state)
{
	enum {
		LINES = 20000
	};
	static char out[2 * LOG_OUTPUT_MAX];
	const char *p = out;
	char want[200];
	static const char behind[] = "event=x reason=\"behind\"\nevent=log level=warning reason=\"";
	unsigned n_kept = 0, n_lost;
	size_t n = 0;
	ssize_t got;

	capture_begin();
	for (unsigned i = 0; i < LINES; i++) {
		log_event(LOG_LEVEL_INFO, "x", "%0100u", i);
	}
	/* What is left when so much was read fits into the pipe. */
	while (strchr(out, '\n') == NULL || n < LOG_OUTPUT_MAX || is_readable()) {
		got = read(pipe_fds[0], out + n, sizeof(out) - 1 - n);
		assert_true(got > 0);
		n += (size_t)got;
		if (n >= LOG_OUTPUT_MAX) {
			log_output_flush(5000);
		}
	}
	log_event(LOG_LEVEL_INFO, "x", "behind");
	log_output_flush(5000);
	capture_end(out + n);
	for (; snprintf(want, sizeof(want), "event=x reason=\"%0100u\"\n", n_kept) > 0 &&
	       strncmp(p, want, strlen(want)) == 0;
	     n_kept++) {
		p += strlen(want);
	}
	assert_in_range(n_kept, LOG_OUTPUT_MAX / 130, LINES - 1);
	assert_int_equal(strncmp(p, behind, strlen(behind)), 0);
	n_lost = (unsigned)strtoul(p + strlen(behind), NULL, 10);
	assert_int_equal(n_kept + n_lost, LINES);
}

/* Whoever started us may have made our output non-blocking: the thread waits for it all the same. */
static void test_output_that_does_not_block(void **state)
{
	enum {
		LINES = 2000
	};
	char out[CAPTURED_MAX];
	size_t n_left = LINES * (strlen("event=x reason=\"\"\n") + 100);
	ssize_t got;
	clock_t spent;

	capture_begin();
	assert_int_equal(fcntl(STDERR_FILENO, F_SETFL, O_WRONLY | O_NONBLOCK), 0);
	for (unsigned i = 0; i < LINES; i++) {
		log_event(LOG_LEVEL_INFO, "x", "%0100u", i);
	}
	spent = clock();
	usleep(400000);
	spent = clock() - spent;
	while (n_left > 0 && (got = read(pipe_fds[0], out, sizeof(out))) > 0) {
		n_left -= (size_t)got;
	}
	assert_int_equal(n_left, 0);
	log_output_flush(5000);
	assert_int_equal(capture_end(out), 0);
	assert_true(spent < CLOCKS_PER_SEC / 10);
}

/* The latest warnings and errors are kept, the latest first, without the journal's priority; what is
 * routine is not. */
static void test_problems(void **state)
{
	struct log_problem problems[LOG_PROBLEMS_MAX];
	uint64_t n_errors, n_warnings, n_errors_before, n_warnings_before;
	char out[CAPTURED_MAX], want[80], *value = test_malloc(10001);
	struct log_line line;

	log_problems(problems, &n_errors_before, &n_warnings_before);
	capture_begin();
	for (unsigned i = 0; i < 2 * LOG_PROBLEMS_MAX + 3; i++) {
		log_event(i % 2 == 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_WARNING, "x", "%u", i);
		log_event(LOG_LEVEL_INFO, "y", "%u", i);
		log_begin(&line, LOG_LEVEL_WARNING, "auth");
		line.is_routine = true;
		log_end(&line);
	}
	capture_end(out);
	assert_int_equal(log_problems(problems, &n_errors, &n_warnings), LOG_PROBLEMS_MAX);
	assert_int_equal(n_errors - n_errors_before, LOG_PROBLEMS_MAX + 2);
	assert_int_equal(n_warnings - n_warnings_before, LOG_PROBLEMS_MAX + 1);
	for (unsigned i = 0; i < LOG_PROBLEMS_MAX; i++) {
		unsigned number = 2 * LOG_PROBLEMS_MAX + 2 - i;

		snprintf(want, sizeof(want), "event=x level=%s reason=\"%u\"",
		    number % 2 == 0 ? "error" : "warning", number);
		expect_text("problem", problems[i].text, want);
		assert_true(problems[i].time > 0);
	}
	memset(value, 'z', 10000);
	value[10000] = '\0';
	capture_begin();
	log_event(LOG_LEVEL_ERROR, "x", "%s", value);
	capture_end(out);
	log_problems(problems, &n_errors, &n_warnings);
	assert_int_equal(strlen(problems[0].text), LOG_PROBLEM_SIZE - 1);
	test_free(value);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reader_that_stands_still),
		cmocka_unit_test(test_output_that_does_not_block),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_long_event),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_problems),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
