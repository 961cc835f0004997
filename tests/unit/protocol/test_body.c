/* SPDX-License-Identifier: MIT
 * The end of a message, and its form on disk: the same whatever is sent and however it is cut. */
#include "protocol/body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

/* What a table or the reference says of an input. */
struct wanted {
	struct text out;
	uint64_t n_wire;
	size_t n_taken; /* up to the end of the message; the rest is nobody's yet */
	bool is_over;
};

/* Decodes in pieces of at most `piece` bytes, into buffers of exactly `cap` bytes (the address
 * sanitizer guards their ends), and checks everything that a caller sees. */
struct run {
	size_t cut;   /* the first piece */
	size_t piece; /* all others */
	size_t cap;
};

static void check_run(
    const char *what, bool has_dots, struct text in, const struct wanted *wanted, struct run run)
{
	char *out = malloc(run.cap), *whole = malloc(in.n + 2), *copy = malloc(in.n + 1);
	size_t n_whole = 0, at = 0, end = run.cut < in.n ? run.cut : in.n;
	struct body body;

	memcpy(copy, in.p, in.n);
	body = (struct body){ .has_dots = has_dots };
	while (body.state != BODY_END) {
		size_t n, taken = body_decode(&body, copy + at, end - at, out, run.cap, &n);

		assert_true(taken <= end - at && n <= run.cap);
		assert_true(n_whole + n <= in.n + 2);
		memcpy(whole + n_whole, out, n);
		n_whole += n;
		at += taken;
		if (at == end && end == in.n && (taken == 0 || n < run.cap - 1)) {
			break;
		}
		if (at == end) {
			end = end + run.piece < in.n ? end + run.piece : in.n;
		} else if (body.state != BODY_END) {
			assert_true(taken > 0 || n > 0); /* else it would never go on */
		}
	}
	if (!has_dots) {
		n_whole += body_finish(&body, whole + n_whole);
	}
	if (n_whole != wanted->out.n || memcmp(whole, wanted->out.p, n_whole) != 0 ||
	    at != wanted->n_taken || body.n_wire != wanted->n_wire ||
	    (body.state == BODY_END) != wanted->is_over) {
		fail_msg("%s: %s\n  cut at %zu, pieces of %zu, room for %zu\n  got  %s\n"
			 "       taken %zu, on the wire %zu, %s\n  want %s\n"
			 "       taken %zu, on the wire %zu, %s",
		    what, shown(in.p, in.n), run.cut, run.piece, run.cap, shown(whole, n_whole), at,
		    (size_t)body.n_wire, body.state == BODY_END ? "over" : "not over",
		    shown(wanted->out.p, wanted->out.n), wanted->n_taken, (size_t)wanted->n_wire,
		    wanted->is_over ? "over" : "not over");
	}
	free(out);
	free(whole);
	free(copy);
}

/* Every cut in two with every room, and byte by byte with every room. */
static void check_every_way(
    const char *what, bool has_dots, struct text in, const struct wanted *wanted)
{
	for (size_t cap = 2; cap <= in.n + 2; cap++) {
		for (size_t cut = 0; cut <= in.n; cut++) {
			struct run run = { .cut = cut, .piece = in.n, .cap = cap };

			check_run(what, has_dots, in, wanted, run);
		}
		check_run(what, has_dots, in, wanted, (struct run){ 1, 1, cap });
		check_run(what, has_dots, in, wanted, (struct run){ 2, 2, cap });
	}
}

/* What comes behind the end is never touched. */
#define TAIL "MAIL FROM:<evil@d>\r\n.\r\n"

struct row {
	const char *name;
	struct text in;
	struct text out;
	uint64_t n_wire;
};

static const struct row ends[] = {
	{ "empty", TEXT(".\r\n"), TEXT(""), 0 },
	{ "one line", TEXT("a\r\n.\r\n"), TEXT("a\n"), 3 },
	{ "empty line", TEXT("\r\n.\r\n"), TEXT("\n"), 2 },
	{ "header and body", TEXT("S: x\r\n\r\nb\r\n.\r\n"), TEXT("S: x\n\nb\n"), 11 },
	{ "CR CRLF.CRLF", TEXT("a\r\r\n.\r\n"), TEXT("a\r\n"), 4 },
	{ "CR CR CRLF.CRLF", TEXT("\r\r\r\n.\r\n"), TEXT("\r\r\n"), 4 },
	{ "LF CRLF.CRLF", TEXT("a\n\r\n.\r\n"), TEXT("a\n\n"), 4 },
	{ "NUL", TEXT("a\0b\r\n.\r\n"), TEXT("a\0b\n"), 5 },
	{ "8 bit", TEXT("\377\200\r\n.\r\n"), TEXT("\377\200\n"), 4 },
	{ "stuffed dot", TEXT("..\r\n.\r\n"), TEXT(".\n"), 3 },
	{ "stuffed dots", TEXT("a\r\n...b\r\n..\r\n.\r\n"), TEXT("a\n..b\n.\n"), 11 },
	{ "dot that was not stuffed", TEXT(".a\r\n.\r\n"), TEXT("a\n"), 3 },
	{ "dot within a line", TEXT("a.\r\n.\r\n"), TEXT("a.\n"), 4 },
	{ "dot behind a lone LF", TEXT("a\n..\r\n.\r\n"), TEXT("a\n..\n"), 6 },
	{ "dot behind a lone CR", TEXT("a\r..\r\n.\r\n"), TEXT("a\r..\n"), 6 },
	{ "stuffed dot, CR", TEXT(".\rb\r\n.\r\n"), TEXT("\rb\n"), 4 },
	{ "stuffed dot, CR, CR", TEXT(".\r\r\r\n.\r\n"), TEXT("\r\r\n"), 4 },
};

/* The false ends of data that have been found in mail servers, each between two lines. */
static const struct row false_ends[] = {
	{ "LF.LF", TEXT("a\n.\nb\r\n.\r\n"), TEXT("a\n.\nb\n"), 7 },
	{ "LF.CR", TEXT("a\n.\rb\r\n.\r\n"), TEXT("a\n.\rb\n"), 7 },
	{ "CR.LF", TEXT("a\r.\nb\r\n.\r\n"), TEXT("a\r.\nb\n"), 7 },
	{ "CR.CR", TEXT("a\r.\rb\r\n.\r\n"), TEXT("a\r.\rb\n"), 7 },
	{ "LF.CRLF", TEXT("a\n.\r\nb\r\n.\r\n"), TEXT("a\n.\nb\n"), 8 },
	{ "CR.CRLF", TEXT("a\r.\r\nb\r\n.\r\n"), TEXT("a\r.\nb\n"), 8 },
	{ "CRLF.LF", TEXT("a\r\n.\nb\r\n.\r\n"), TEXT("a\n\nb\n"), 7 },
	{ "CRLF.CR", TEXT("a\r\n.\rb\r\n.\r\n"), TEXT("a\n\rb\n"), 7 },
	{ "CRLF NUL.CRLF", TEXT("a\r\n\0.\r\nb\r\n.\r\n"), TEXT("a\n\0.\nb\n"), 10 },
	{ "CRLF.NUL CRLF", TEXT("a\r\n.\0\r\nb\r\n.\r\n"), TEXT("a\n\0\nb\n"), 9 },
	{ "CRLF.CR CRLF", TEXT("a\r\n.\r\r\nb\r\n.\r\n"), TEXT("a\n\r\nb\n"), 9 },
	{ "CR CRLF.CR CRLF", TEXT("a\r\r\n.\r\r\nb\r\n.\r\n"), TEXT("a\r\n\r\nb\n"), 10 },
};

static void check_rows(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct wanted wanted = { rows[i].out, rows[i].n_wire, rows[i].in.n,
			.is_over = true };
		char *in = malloc(rows[i].in.n + sizeof(TAIL) - 1);

		check_every_way(rows[i].name, true, rows[i].in, &wanted);
		memcpy(in, rows[i].in.p, rows[i].in.n);
		memcpy(in + rows[i].in.n, TAIL, sizeof(TAIL) - 1);
		check_every_way(rows[i].name, true,
		    (struct text){ in, rows[i].in.n + sizeof(TAIL) - 1 }, &wanted);
		free(in);
	}
}

static void test_ends(void **state)
{
	check_rows(ends, LENGTH(ends));
}

static void test_false_ends(void **state)
{
	check_rows(false_ends, LENGTH(false_ends));
}

/* Cut off right behind the false end, the decoder waits for more. */
static void test_false_end_is_no_end(void **state)
{
	for (size_t i = 0; i < LENGTH(false_ends); i++) {
		struct body body;
		char out[64];
		size_t n, n_in = false_ends[i].in.n - strlen("b\r\n.\r\n");

		body = (struct body){ .has_dots = true };
		assert_int_equal(
		    body_decode(&body, false_ends[i].in.p, n_in, out, sizeof(out), &n), n_in);
		if (body.state == BODY_END) {
			fail_msg("%s ends the message", false_ends[i].name);
		}
	}
}

/* Chunks are counted: there is no end mark and no stuffing in them. */
static void test_chunks(void **state)
{
	static const struct row rows[] = {
		{ "nothing", TEXT(""), TEXT(""), 0 },
		{ "CRLF.CRLF", TEXT("a\r\n.\r\nb\r\n"), TEXT("a\n.\nb\n"), 9 },
		{ "a dot first", TEXT(".\r\n"), TEXT(".\n"), 3 },
		{ "two dots", TEXT("..\r\n..\r\n"), TEXT("..\n..\n"), 8 },
		{ "no line end", TEXT("a"), TEXT("a"), 1 },
		{ "CR at the end", TEXT("a\r"), TEXT("a\r"), 2 },
		{ "CR alone", TEXT("\r"), TEXT("\r"), 1 },
		{ "CRs", TEXT("\r\r\r"), TEXT("\r\r\r"), 3 },
		{ "lone LF", TEXT("\na\n"), TEXT("\na\n"), 3 },
		{ "NUL", TEXT("\0\r\n\0"), TEXT("\0\n\0"), 4 },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct wanted wanted = { rows[i].out, rows[i].n_wire, rows[i].in.n,
			.is_over = true };

		check_every_way(rows[i].name, false, rows[i].in, &wanted);
	}
}

/* The reference: looks at the message as a whole, as RFC 5321 4.5.2 tells it. */
static void reference(bool has_dots, struct text in, char *out, struct wanted *wanted_r)
{
	const char *end = has_dots ? memmem(in.p, in.n, "\r\n.\r\n", 5) : NULL;
	size_t n_message = in.n, n_stuffed = 0, o = 0;

	*wanted_r = (struct wanted){ .n_taken = in.n, .is_over = true };
	if (has_dots && in.n >= 3 && memcmp(in.p, ".\r\n", 3) == 0) {
		n_message = 0;
		wanted_r->n_taken = 3;
	} else if (end != NULL) {
		n_message = (size_t)(end - in.p) + 2;
		wanted_r->n_taken = n_message + 3;
	}
	for (size_t i = 0; i < n_message; i++) {
		bool starts = i == 0 || (i >= 2 && in.p[i - 2] == '\r' && in.p[i - 1] == '\n');

		if (has_dots && starts && in.p[i] == '.') {
			n_stuffed++;
		} else if (in.p[i] != '\r' || i + 1 == n_message || in.p[i + 1] != '\n') {
			out[o++] = in.p[i];
		}
	}
	wanted_r->out = (struct text){ out, o };
	wanted_r->n_wire = n_message - n_stuffed;
}

static void test_against_reference(void **state)
{
	enum {
		MESSAGE_MAX = 60,
		ROUNDS = 40000
	};
	static const char alphabet[] = { '\r', '\n', '.', '\r', '\n', '.', 'a', '\0' };
	uint64_t seed = 1;

	for (unsigned round = 0; round < ROUNDS; round++) {
		char in[MESSAGE_MAX + 5], out[MESSAGE_MAX + 5];
		bool has_dots = random_below(&seed, 3) > 0;
		size_t n = random_below(&seed, MESSAGE_MAX);
		struct wanted wanted;

		for (size_t i = 0; i < n; i++) {
			in[i] = alphabet[random_below(&seed, sizeof(alphabet))];
		}
		if (has_dots) {
			memcpy(in + n, "\r\n.\r\n", 5);
			n += 5;
		}
		reference(has_dots, (struct text){ in, n }, out, &wanted);
		for (unsigned way = 0; way < 4; way++) {
			struct run run = {
				.cut = random_below(&seed, n + 1),
				.piece = 1 + random_below(&seed, 9),
				.cap = 2 + random_below(&seed, 20),
			};

			check_run("random", has_dots, (struct text){ in, n }, &wanted, run);
		}
	}
}

/* All messages of up to seven bytes from the four that matter, with the true end behind. */
static void test_all_short_messages(void **state)
{
	enum {
		SHORT_MAX = 7
	};
	static const char alphabet[] = { '\r', '\n', '.', 'a' };

	for (size_t n = 0; n <= SHORT_MAX; n++) {
		for (size_t code = 0; code < (size_t)1 << (2 * n); code++) {
			char in[SHORT_MAX + 5], out[SHORT_MAX + 5];
			struct wanted wanted;

			for (size_t i = 0; i < n; i++) {
				in[i] = alphabet[code >> (2 * i) & 3];
			}
			memcpy(in + n, "\r\n.\r\n", 5);
			reference(true, (struct text){ in, n + 5 }, out, &wanted);
			check_run("short", true, (struct text){ in, n + 5 }, &wanted,
			    (struct run){ 1, 1, 2 });
			check_run("short", true, (struct text){ in, n + 5 }, &wanted,
			    (struct run){ n + 5, 1, 64 });
		}
	}
}

/* Lines whose length lies around the sizes that buffers have, with the end right behind them:
 * mail.local once missed an end behind a line of 2047 bytes. */
static void test_long_lines(void **state)
{
	static const size_t sizes[] = { 512, 1000, 1024, 2048, 4096, 8192, 65536 };

	for (size_t i = 0; i < LENGTH(sizes); i++) {
		for (size_t n_line = sizes[i] - 3; n_line <= sizes[i] + 3; n_line++) {
			char *in = malloc(n_line + 5), *out = malloc(n_line + 5);
			struct text text = { in, n_line + 5 };
			struct wanted wanted;

			memset(in, 'x', n_line);
			memcpy(in + n_line, "\r\n.\r\n", 5);
			reference(true, text, out, &wanted);
			for (size_t cap = sizes[i] - 2; cap <= sizes[i] + 2; cap++) {
				check_run("long", true, text, &wanted,
				    (struct run){ sizes[i], sizes[i], cap });
				check_run(
				    "long", true, text, &wanted, (struct run){ n_line, 1, cap });
			}
			free(in);
			free(out);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_false_ends),
		cmocka_unit_test(test_false_end_is_no_end),
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_against_reference),
		cmocka_unit_test(test_all_short_messages),
		cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
