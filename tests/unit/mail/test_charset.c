/* SPDX-License-Identifier: MIT
 * Character sets, beside those of libc; and their cuts. */
#include "mail/charset.h"

#include <iconv.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static size_t decode(const char *name, struct span in, char *out)
{
	struct charset_stream stream = { charset_find(span_of(name)) };

	return charset_decode(&stream, in, true, out);
}

/* One byte, as libc reads it; U+FFFD where it cannot. */
static size_t decode_by_libc(const char *name, char c, char *out)
{
	iconv_t converter = iconv_open("UTF-8", name);
	char *in = &c, *end = out;
	size_t n_in = 1, n_out = 16;

	assert_true(converter != (iconv_t)-1);
	if (iconv(converter, &in, &n_in, &end, &n_out) == (size_t)-1) {
		memcpy(out, "\xef\xbf\xbd", 3);
		end = out + 3;
	} else {
		iconv(
		    converter, NULL, NULL, &end, &n_out); /* what waits for a combining character */
	}
	iconv_close(converter);
	return (size_t)(end - out);
}

static void test_tables(void **state)
{
	static const char *const names[] = { "ISO-8859-1", "ISO-8859-2", "ISO-8859-3", "ISO-8859-4",
		"ISO-8859-5", "ISO-8859-6", "ISO-8859-7", "ISO-8859-8", "ISO-8859-9", "ISO-8859-10",
		"ISO-8859-11", "ISO-8859-13", "ISO-8859-14", "ISO-8859-15", "ISO-8859-16", "CP1250",
		"CP1251", "CP1252", "CP1253", "CP1254", "CP1255", "CP1256", "CP1257", "CP1258",
		"KOI8-R", "KOI8-U" };

	for (size_t i = 0; i < LENGTH(names); i++) {
		for (unsigned c = 0; c < 256; c++) {
			char byte = (char)c, got[16], want[64], what[32];
			size_t n = decode(names[i], (struct span){ &byte, 1 }, got);

			snprintf(what, sizeof(what), "%s %02X", names[i], c);
			expect_bytes(what, got, n, want, decode_by_libc(names[i], byte, want));
		}
	}
}

static void test_names(void **state)
{
	static const struct {
		const char *name, *in, *out;
	} cases[] = {
		{ "latin1", "\xe9", "é" },
		{ "Iso_8859-15", "\xa4", "€" },
		{ "WINDOWS-1252", "\x80", "€" },
		{ "x-cp1251", "\xc0", "А" },
		{ "us-ascii", "a\xe9", "a\xef\xbf\xbd" },
		{ "US-ASCII", "é", "é" },
		{ "utf8", "\xe9\xc3\xa9", "\xef\xbf\xbdé" },
		/* One for each byte that is invalid, and those that stand alone are none. */
		{ "utf-8", "\xf0\x9f\x98", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "gb2312", "a\xb0\xa1", "a\xef\xbf\xbd\xef\xbf\xbd" },
		{ "", "\x80z", "\xef\xbf\xbdz" },
		{ "iso-8859-1 latin1", "\xe9", "\xef\xbf\xbd" },
		{ "iso-8859-12", "\xe9", "\xef\xbf\xbd" },
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		char out[64];
		size_t n = decode(cases[i].name, span_of(cases[i].in), out);

		expect_bytes(cases[i].name, out, n, cases[i].out, strlen(cases[i].out));
	}
	assert_ptr_equal(charset_find(span_of("UTF-8")), charset_utf8());
}

static void test_text(void **state)
{
	struct arena arena;
	struct span valid = span_of("é"), text;

	arena_init(&arena, 1 << 16);
	assert_ptr_equal(charset_text(charset_utf8(), valid, &arena).p, valid.p);
	text = charset_text(charset_find(span_of("koi8-r")), span_of("\xcd\xc9\xd2"), &arena);
	expect_bytes("KOI8-R", text.p, text.n, "мир", strlen("мир"));
	arena_deinit(&arena);
	arena_init(&arena, 0);
	assert_null(charset_text(charset_utf8(), span_of("\xe9"), &arena).p);
}

/* UTF-8, and what looks like it, cut at every two places. */
static void test_cuts(void **state)
{
	static const char text[] = "a\xc3\xa9\xf0\x9f\x98\x80z\xe2\x82\xf0\x9f\x98"
				   "b\xed\xa0\x80\xc3";
	char want[128], got[128];
	size_t n = sizeof(text) - 1, n_want = decode("utf-8", span_of(text), want);

	for (size_t a = 0; a <= n; a++) {
		for (size_t b = a; b <= n; b++) {
			struct charset_stream stream = { charset_utf8() };
			size_t n_got =
			    charset_decode(&stream, (struct span){ text, a }, false, got);

			n_got += charset_decode(
			    &stream, (struct span){ text + a, b - a }, false, got + n_got);
			n_got += charset_decode(
			    &stream, (struct span){ text + b, n - b }, true, got + n_got);
			expect_bytes("cut", got, n_got, want, n_want);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
