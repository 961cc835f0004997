/* SPDX-License-Identifier: MIT
 * Content on its way out: every line end becomes CRLF, so that nothing that any reader takes for the end of a message comes from
 * within it. Each is cut at every byte, with the smallest room for output and with enough. */
#include "protocol/content.h"

#include <string.h>

#include "tests/unit/unit.h"

struct row {
	struct text in, plain, dotted; /* dotted.p NULL: the same as plain */
	bool is_8bit;
};

static const struct row rows[] = {
	{ TEXT(""), TEXT(""), TEXT("") },
	{ TEXT("a"), TEXT("a\r\n"), TEXT("a\r\n") },
	{ TEXT("a\n"), TEXT("a\r\n"), TEXT("a\r\n") },
	{ TEXT("a\r\n"), TEXT("a\r\n"), TEXT("a\r\n") },
	{ TEXT("a\r"), TEXT("a\r\n"), TEXT("a\r\n") },
	{ TEXT("\n\r\n\r\r\n\n"), TEXT("\r\n\r\n\r\n\r\n\r\n"), TEXT("\r\n\r\n\r\n\r\n\r\n") },
	{ TEXT("a\n\rb"), TEXT("a\r\n\r\nb\r\n"), TEXT("a\r\n\r\nb\r\n") },
	{ TEXT("\303\251\n"), TEXT("\303\251\r\n"), TEXT("\303\251\r\n"), true },
	{ TEXT("x\377"), TEXT("x\377\r\n"), TEXT("x\377\r\n"), true },
	{ TEXT("a\0b\n"), TEXT("a\0b\r\n"), TEXT("a\0b\r\n") },
	{ TEXT("."), TEXT(".\r\n"), TEXT("..\r\n") },
	{ TEXT(".."), TEXT("..\r\n"), TEXT("...\r\n") },
	{ TEXT("a.b.\n.c\n"), TEXT("a.b.\r\n.c\r\n"), TEXT("a.b.\r\n..c\r\n") },
	/* what has been taken for the end of a message */
	{ TEXT("a\r\n.\r\nMAIL\r\n"), TEXT("a\r\n.\r\nMAIL\r\n"), TEXT("a\r\n..\r\nMAIL\r\n") },
	{ TEXT("a\n.\nMAIL"), TEXT("a\r\n.\r\nMAIL\r\n"), TEXT("a\r\n..\r\nMAIL\r\n") },
	{ TEXT("a\n.\r\nMAIL"), TEXT("a\r\n.\r\nMAIL\r\n"), TEXT("a\r\n..\r\nMAIL\r\n") },
	{ TEXT("a\r\n.\nMAIL"), TEXT("a\r\n.\r\nMAIL\r\n"), TEXT("a\r\n..\r\nMAIL\r\n") },
	{ TEXT("a\r.\rMAIL"), TEXT("a\r\n.\r\nMAIL\r\n"), TEXT("a\r\n..\r\nMAIL\r\n") },
	{ TEXT("a\r.\r\nMAIL"), TEXT("a\r\n.\r\nMAIL\r\n"), TEXT("a\r\n..\r\nMAIL\r\n") },
	{ TEXT("a\r\n.\rMAIL"), TEXT("a\r\n.\r\nMAIL\r\n"), TEXT("a\r\n..\r\nMAIL\r\n") },
	{ TEXT("a\n.\rMAIL"), TEXT("a\r\n.\r\nMAIL\r\n"), TEXT("a\r\n..\r\nMAIL\r\n") },
	{ TEXT("a\r.\nMAIL"), TEXT("a\r\n.\r\nMAIL\r\n"), TEXT("a\r\n..\r\nMAIL\r\n") },
	{ TEXT("a\r\r\n.\r\r\nMAIL"), TEXT("a\r\n\r\n.\r\n\r\nMAIL\r\n"),
	    TEXT("a\r\n\r\n..\r\n\r\nMAIL\r\n") },
	{ TEXT("a\r\n\0.\r\nMAIL"), TEXT("a\r\n\0.\r\nMAIL\r\n"), TEXT("a\r\n\0.\r\nMAIL\r\n") },
};

static size_t encode(struct content *content, const char *in, size_t n, char *out, size_t cap)
{
	size_t taken = 0, o = 0;

	while (taken < n) {
		size_t n_out;

		taken += content_encode(content, in + taken, n - taken, out + o, cap, &n_out);
		assert_true(n_out > 0 || taken == n);
		assert_true(n_out <= cap);
		o += n_out;
	}
	return o;
}

static void check(const struct row *row, bool has_dots, size_t cut, size_t cap)
{
	const struct text *want = has_dots ? &row->dotted : &row->plain;
	struct content content = { .has_dots = has_dots };
	char out[200];
	size_t n = encode(&content, row->in.p, cut, out, cap);

	n += encode(&content, row->in.p + cut, row->in.n - cut, out + n, cap);
	n += content_finish(&content, out + n);
	expect_bytes(shown(row->in.p, row->in.n), out, n, want->p, want->n);
	assert_int_equal(content.n_wire, row->plain.n);
	assert_int_equal(content.is_8bit, row->is_8bit);
	assert_int_equal(content_finish(&content, out), 0);
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < LENGTH(rows); i++) {
		for (size_t cut = 0; cut <= rows[i].in.n; cut++) {
			for (size_t cap = CONTENT_ROOM; cap < 6; cap++) {
				check(&rows[i], false, cut, cap);
				check(&rows[i], true, cut, cap);
			}
			check(&rows[i], false, cut, 100);
			check(&rows[i], true, cut, 100);
		}
	}
}

/* Where it stops for lack of room depends on the bytes alone. */
static void test_room(void **state)
{
	static const char in[] = "ab\ncdefg\r\nh\r\n\r\n.ijklm";

	for (size_t cap = 2; cap < 30; cap++) {
		struct content whole = { .has_dots = true }, bytes = { .has_dots = true };
		char out[2][30];
		size_t n[2], taken, n_bytes = 0, one = 1;

		taken = content_encode(&whole, in, sizeof(in) - 1, out[0], cap, &n[0]);
		for (n[1] = 0; n_bytes < sizeof(in) - 1 && cap - n[1] >= CONTENT_ROOM;
		     n[1] += one) {
			n_bytes += content_encode(
			    &bytes, in + n_bytes, 1, out[1] + n[1], cap - n[1], &one);
		}
		expect_bytes("room", out[1], n[1], out[0], n[0]);
		assert_int_equal(n_bytes, taken);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
