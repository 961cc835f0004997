/* SPDX-License-Identifier: MIT
 * Content transfer encodings: what they mean, also where they are broken, and however the input is cut. */
#include "mail/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

/* Decodes in pieces, each into memory of exactly the promised size. */
static size_t decode(
    enum transfer transfer, struct span in, const size_t *cuts, size_t n_cuts, char *out)
{
	struct transfer_stream stream = { transfer };
	size_t n_out = 0, at = 0;

	for (size_t i = 0; i <= n_cuts; i++) {
		size_t end = i < n_cuts ? cuts[i] : in.n;
		char *room = malloc(end - at + 4 + stream.n_blanks);
		size_t n = transfer_decode(
		    &stream, (struct span){ in.p + at, end - at }, i == n_cuts, room);

		memcpy(out + n_out, room, n);
		free(room);
		n_out += n;
		at = end;
	}
	return n_out;
}

#define BLANKS_60 "                                                            "

static const struct {
	enum transfer transfer;
	const char *in, *out;
} cases[] = {
	{ TRANSFER_PLAIN, "a=20 \r\n", "a=20 \r\n" },
	{ TRANSFER_BASE64, "", "" },
	{ TRANSFER_BASE64, "aGVsbG8=", "hello" },
	{ TRANSFER_BASE64, "aGVs\r\nbG8gd29y\r\nbGQ=\r\n", "hello world" },
	{ TRANSFER_BASE64, "aGVsbG8", "hello" },
	{ TRANSFER_BASE64, "aGVsbG8=aGVsbA==aGVs", "hellohellhel" },
	{ TRANSFER_BASE64, "!aG(V)s\377b G8==\t=", "hello" },
	{ TRANSFER_BASE64, "aGVsa", "hel" },
	{ TRANSFER_BASE64, "====", "" },
	{ TRANSFER_QUOTED_PRINTABLE, "a=3Db=c3=A9", "a=b\303\251" },
	{ TRANSFER_QUOTED_PRINTABLE, "soft=\r\nbreak=\nof =\t \r\nlines=", "softbreakof lines" },
	{ TRANSFER_QUOTED_PRINTABLE, "blanks \t \r\nand\t\nend  ", "blanks\r\nand\nend" },
	{ TRANSFER_QUOTED_PRINTABLE, "kept=20 \r\nkept =20\r\n", "kept \r\nkept  \r\n" },
	{ TRANSFER_QUOTED_PRINTABLE, "a \tb  c", "a \tb  c" },
	{ TRANSFER_QUOTED_PRINTABLE, "=4x=xy==41=4=41 = \tz=", "=4x=xy=A=4A = \tz" },
	{ TRANSFER_QUOTED_PRINTABLE, "=\rx=\r", "x" },
	{ TRANSFER_QUOTED_PRINTABLE, "x=4", "x=4" },
	{ TRANSFER_QUOTED_PRINTABLE, "=4 \r\n", "=4\r\n" },
	{ TRANSFER_QUOTED_PRINTABLE, "=\r \r\n=\r=41", "\r\nA" },
	/* Of more blanks than a line has, the last 64 wait. */
	{ TRANSFER_QUOTED_PRINTABLE, "a" BLANKS_60 "\t   b", "a" BLANKS_60 "\t   b" },
	{ TRANSFER_QUOTED_PRINTABLE, "a\t" BLANKS_60 "    b", "a\t" BLANKS_60 "    b" },
	{ TRANSFER_QUOTED_PRINTABLE, "a" BLANKS_60 "    \r\n", "a\r\n" },
	{ TRANSFER_QUOTED_PRINTABLE, "=" BLANKS_60 "     x", "=" BLANKS_60 "     x" },
};

static void test_decode(void **state)
{
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct span in = { cases[i].in, strlen(cases[i].in) };
		char out[256];

		for (size_t a = 0; a <= in.n; a++) {
			for (size_t b = a; b <= in.n; b++) {
				size_t n =
				    decode(cases[i].transfer, in, (size_t[]){ a, b }, 2, out);

				expect_bytes(
				    cases[i].in, out, n, cases[i].out, strlen(cases[i].out));
			}
		}
	}
}

/* Whatever comes, in whatever pieces. */
static void test_random(void **state)
{
	static const char bytes[] = "==  \t\r\n4aF+/x_";
	uint64_t seed = 1;

	for (unsigned i = 0; i < 20000; i++) {
		char in[200], whole[300], cut[300];
		size_t n_in = random_below(&seed, sizeof(in)), cuts[3], n_whole, n_cut;
		enum transfer transfer = i % 2 == 0 ? TRANSFER_BASE64 : TRANSFER_QUOTED_PRINTABLE;

		for (size_t k = 0; k < n_in; k++) {
			in[k] = bytes[random_below(
			    &seed, random_below(&seed, 4) == 0 ? 5 : sizeof(bytes))];
		}
		cuts[0] = random_below(&seed, n_in + 1);
		cuts[1] = cuts[0] + random_below(&seed, n_in - cuts[0] + 1);
		cuts[2] = cuts[1] + random_below(&seed, n_in - cuts[1] + 1);
		n_whole = decode(transfer, (struct span){ in, n_in }, cuts, 0, whole);
		n_cut = decode(transfer, (struct span){ in, n_in }, cuts, 3, cut);
		expect_bytes(shown(in, n_in), cut, n_cut, whole, n_whole);
	}
}

static void test_words(void **state)
{
	static const struct {
		const char *in, *q, *percent;
	} words[] = {
		{ "a_b=20c=5f%41", "a b c_%41", "a_b=20c=5fA" },
		{ "=4", "=4", "=4" },
		{ "=", "=", "=" },
		{ "%e2%82%AC%zz%4", "%e2%82%AC%zz%4", "\342\202\254%zz%4" },
	};

	for (size_t i = 0; i < LENGTH(words); i++) {
		struct span in = { words[i].in, strlen(words[i].in) };
		char out[64];

		expect_bytes(
		    "Q", out, transfer_unescape(in, '=', out), words[i].q, strlen(words[i].q));
		expect_bytes("percent", out, transfer_unescape(in, '%', out), words[i].percent,
		    strlen(words[i].percent));
	}
}

static void test_find(void **state)
{
	assert_int_equal(transfer_find((struct span){ "BASE64", 6 }), TRANSFER_BASE64);
	assert_int_equal(
	    transfer_find((struct span){ "Quoted-Printable", 16 }), TRANSFER_QUOTED_PRINTABLE);
	assert_int_equal(transfer_find((struct span){ "8bit", 4 }), TRANSFER_PLAIN);
	assert_int_equal(transfer_find((struct span){ "x-uuencode", 10 }), TRANSFER_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_find),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
