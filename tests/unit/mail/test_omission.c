/* SPDX-License-Identifier: MIT
 * Fields that are left out of a header, and all the rest, which stays byte for byte: cut at every byte, and byte by byte. */
#include "mail/omission.h"

#include <string.h>

#include "tests/unit/unit.h"

struct row {
	struct text in, out;
};

#define SAME(text)                     \
	{                              \
		TEXT(text), TEXT(text) \
	}

static const struct row rows[] = {
	SAME(""),
	SAME("\n"),
	SAME("A: b\nC: d\n\nReturn-Path: <x>\n"),
	{ TEXT("Return-Path: <x>\nA: b\n\nbody\n"), TEXT("A: b\n\nbody\n") },
	{ TEXT("A: b\nRETURN-path:\nC: d\nReturn-Path: <y>\n\nbody\n"),
	    TEXT("A: b\nC: d\n\nbody\n") },
	{ TEXT("A: b\r\nReturn-Path: <x>\r\n\r\nReturn-Path: <y>\r\n"),
	    TEXT("A: b\r\n\r\nReturn-Path: <y>\r\n") },
	/* folded, also by lines that are blank but for blanks */
	{ TEXT("Return-Path:\n <x>\n\t(y)\n \nA: b\n c\n\n"), TEXT("A: b\n c\n\n") },
	{ TEXT("A: b\nReturn-Path: <x>\r\n y\r\n\r\n z"), TEXT("A: b\n\r\n z") },
	SAME("A: b\n Return-Path: <x>\n\n"),
	/* blanks in front of the colon */
	{ TEXT("Return-Path \t : <x>\nA : b\n\n"), TEXT("A : b\n\n") },
	SAME("Return-Path                                                        : <x>\n\n"),
	SAME("Return-Path  x: <x>\nA: b\n"),
	/* names that only begin or end so */
	SAME("Return-Pat: x\nReturn-Paths: x\nX-Return-Path: x\nReturn\n"),
	SAME("Return-Pat"),
	SAME("Return-Path"),
	SAME("A: b\nReturn-Path  "),
	SAME("A: b\nR"),
	{ TEXT("Return-Path:"), TEXT("") },
	{ TEXT("A: b\nReturn-Path: x"), TEXT("A: b\n") },
	/* what ends a header: an empty line, and one that is no field */
	SAME("A: b\nno field\nReturn-Path: <x>\n"),
	SAME("A: b\nno field: c\nReturn-Path: <x>\n"),
	SAME("A: b\nReturn-Path\nReturn-Path: <x>\n"),
	SAME("A: b\n\303\251: c\nReturn-Path: <x>\n"),
	SAME(" folded\nReturn-Path: <x>\n"),
	SAME(": x\nReturn-Path: <x>\n"),
	{ TEXT("Return-Path: <x>\n: x\nReturn-Path: <y>\n"), TEXT(": x\nReturn-Path: <y>\n") },
	{ TEXT("Return-Path: <x>\nA\001: x\nReturn-Path: <y>\n"),
	    TEXT("A\001: x\nReturn-Path: <y>\n") },
	/* a lone CR ends a line, since it will when it is sent */
	{ TEXT("A: b\rReturn-Path: <x>\rC: d\r\rReturn-Path: <y>\r"),
	    TEXT("A: b\rC: d\r\rReturn-Path: <y>\r") },
	{ TEXT("A: b\r\r\nReturn-Path: <y>\n"), TEXT("A: b\r\r\nReturn-Path: <y>\n") },
	{ TEXT("Return-Path: \0\nA: \0b\n\n"), TEXT("A: \0b\n\n") },
};

static void check(const struct row *row, size_t cut, size_t piece)
{
	struct omission omission = { .name = "Return-Path" };
	char out[300];
	size_t n = 0;

	for (size_t at = 0, n_piece = cut; at < row->in.n; at += n_piece, n_piece = piece) {
		size_t n_before = omission.n_held, n_out;

		n_piece = n_piece < row->in.n - at ? n_piece : row->in.n - at;
		n_out = omission_take(&omission, row->in.p + at, n_piece, out + n);
		assert_true(n_out <= n_before + n_piece);
		n += n_out;
	}
	n += omission_finish(&omission, out + n);
	expect_bytes(shown(row->in.p, row->in.n), out, n, row->out.p, row->out.n);
}

static void test_rows(void **state)
{
	for (size_t i = 0; i < LENGTH(rows); i++) {
		check(&rows[i], 1, 1);
		for (size_t cut = 1; cut <= rows[i].in.n; cut++) {
			check(&rows[i], cut, SIZE_MAX);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
