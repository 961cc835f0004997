/* SPDX-License-Identifier: MIT
 * Strings: what is the same name, and what no name has. */
#include "base/text.h"

#include <string.h>

#include "tests/unit/unit.h"

static void test_text_is(void **state)
{
	static const struct {
		struct text text;
		const char *name;
		bool is_equal;
	} rows[] = {
		{ TEXT(""), "", true },
		{ TEXT("a"), "", false },
		{ TEXT(""), "a", false },
		{ TEXT("Ab@C.d"), "aB@c.D", true },
		{ TEXT("a@d"), "a@d ", false },
		{ TEXT("a@d "), "a@d", false },
		{ TEXT("a@d\0"), "a@d", false },
		{ TEXT("a\0d"), "a@d", false },
		{ TEXT("\0@d"), "a@d", false },
		{ TEXT("a@d"), "a@e", false },
		/* what collations take for equal */
		{ TEXT("\303\251@d"), "e@d", false },
		{ TEXT("\303\251@d"), "\303\211@d", false },
		{ TEXT("\303\251@d"), "e\314\201@d", false },
		/* bytes beside the letters, which a careless |0x20 would fold */
		{ TEXT("["), "{", false },
		{ TEXT("{"), "[", false },
		{ TEXT("@"), "`", false },
		{ TEXT("\001"), "!", false },
		{ TEXT("\301"), "\341", false },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct text text = rows[i].text;

		if (text_is(text.p, text.n, rows[i].name) != rows[i].is_equal ||
		    span_is((struct span){ text.p, text.n }, rows[i].name) != rows[i].is_equal) {
			fail_msg("%s and %s", shown(text.p, text.n), rows[i].name);
		}
	}
}

static void test_span_parts(void **state)
{
	static const char *const names[] = { "to", "cc", "to", "", NULL };
	static const struct {
		const char *text, *trimmed;
	} rows[] = { { "", "" }, { " \t\r\n", "" }, { " a b\r\n", "a b" }, { "a", "a" } };

	assert_true(span_begins(span_of("Mailto:x"), "mailto:"));
	assert_true(span_begins(span_of("x"), ""));
	assert_true(span_begins(span_of(NULL), ""));
	assert_false(span_begins(span_of("mailto"), "mailto:"));
	assert_false(span_begins((struct span){ "mailto:", 6 }, "mailto:"));
	assert_int_equal(span_find(span_of("CC"), names), 1);
	assert_int_equal(span_find(span_of("to"), names), 0);
	assert_int_equal(span_find(span_of(NULL), names), 3);
	assert_int_equal(span_find(span_of("bcc"), names), -1);
	assert_true(span_equals(span_from(span_of("abc"), 1), span_of("bc")));
	assert_int_equal(span_from(span_of("abc"), 3).n, 0);
	for (size_t i = 0; i < LENGTH(rows); i++) {
		assert_true(
		    span_equals(span_trim(span_of(rows[i].text)), span_of(rows[i].trimmed)));
	}
}

static void test_text_digits(void **state)
{
	static const struct {
		uint64_t number;
		size_t n_min;
		const char *text;
	} rows[] = { { 0, 1, "0" }, { 0, 0, "" }, { 7, 2, "07" }, { 100, 2, "100" },
		{ UINT64_MAX, 1, "18446744073709551615" } };
	char out[TEXT_NUMBER_MAX];

	for (int c = 0; c < 256; c++) {
		const char *digits = "0123456789abcdef0123456789ABCDEF";
		const char *digit = c != 0 ? strchr(digits, c) : NULL;

		assert_int_equal(text_hex((char)c), digit != NULL ? (digit - digits) % 16 : -1);
		assert_int_equal(
		    text_is_letter((char)c), c < 128 && (c | 0x20) >= 'a' && (c | 0x20) <= 'z');
	}
	for (size_t i = 0; i < LENGTH(rows); i++) {
		size_t n = text_write(out, rows[i].number, rows[i].n_min);

		assert_true(span_equals((struct span){ out, n }, span_of(rows[i].text)));
	}
}

/* Each letter has one other form, and no other byte has any. */
static void test_text_case(void **state)
{
	for (int a = 1; a < 256; a++) {
		for (int b = 1; b < 256; b++) {
			bool is_letter = (a | 0x20) >= 'a' && (a | 0x20) <= 'z';

			assert_int_equal(text_is(&(char){ (char)a }, 1, (char[]){ (char)b, '\0' }),
			    a == b || (is_letter && (a ^ b) == 0x20));
		}
	}
}

static void test_text_is_control(void **state)
{
	for (int c = 0; c < 256; c++) {
		char text[] = { 'a', (char)c, 'b' };
		bool is_control = c <= 31 || c == 127;

		assert_int_equal(text_is_control((char)c), is_control);
		assert_int_equal(text_has_control(text, 3), is_control);
		assert_int_equal(text_has_control(text, 2), is_control);
		assert_false(text_has_control(text, 1));
	}
	assert_false(text_has_control("", 0));
}

static void test_text_is_ascii(void **state)
{
	assert_true(text_is_ascii(""));
	assert_true(text_is_ascii("user@example.com\001\177"));
	assert_false(text_is_ascii("\303\244"));
	assert_false(text_is_ascii("a\200"));
}

static void test_text_is_below(void **state)
{
	static const struct {
		const char *path, *directory;
		bool is_below;
	} rows[] = {
		{ "/srv/mail", "/srv/mail", true },
		{ "/srv/mail/x/y", "/srv/mail", true },
		{ "/srv/mail", "/srv/mail/", true },
		{ "/srv/mail/", "/srv/mail", true },
		{ "/srv/mail", "/", true },
		{ "/", "/", true },
		{ "/srv/mailbox", "/srv/mail", false },
		{ "/srv", "/srv/mail", false },
		{ "/", "/srv", false },
		{ "srv", "/", false },
		{ "", "/srv", false },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		if (text_is_below(rows[i].path, rows[i].directory) != rows[i].is_below) {
			fail_msg("\"%s\" and \"%s\"", rows[i].path, rows[i].directory);
		}
	}
}

/* The vectors that its authors give. */
static void test_text_hash(void **state)
{
	assert_true(text_hash(TEXT_HASH_START, "", 0) == 0xcbf29ce484222325U);
	assert_true(text_hash(TEXT_HASH_START, "a", 1) == 0xaf63dc4c8601ec8cU);
	assert_true(text_hash(TEXT_HASH_START, "foobar", 6) == 0x85944171f73967e8U);
	assert_true(text_hash(text_hash(TEXT_HASH_START, "foo", 3), "bar", 3) ==
		    text_hash(TEXT_HASH_START, "foobar", 6));
	assert_true(text_hash(TEXT_HASH_START, "\377", 1) == 0xaf64724c8602eb6eU);
}

static void test_text_number(void **state)
{
	static const struct {
		const char *text;
		bool is_number;
		uint64_t number;
	} rows[] = {
		{ "", false, 0 },
		{ "0", true, 0 },
		{ "007", true, 7 },
		{ "18446744073709551614", true, UINT64_MAX - 1 },
		{ "18446744073709551615", true, UINT64_MAX },
		{ "18446744073709551616", true, UINT64_MAX },
		{ "99999999999999999999999999", true, UINT64_MAX },
		{ "-1", false, 0 },
		{ "+1", false, 0 },
		{ " 1", false, 0 },
		{ "1 ", false, 0 },
		{ "1/", false, 0 },
		{ "1:", false, 0 },
		{ "0x1", false, 0 },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		const char *text = rows[i].text;
		uint64_t number;

		if (text_number(text, strlen(text), &number) != rows[i].is_number ||
		    (rows[i].is_number && number != rows[i].number)) {
			fail_msg("\"%s\" is read wrongly", text);
		}
	}
	for (size_t n = 1; n < 4; n++) { /* not further than that */
		uint64_t number;

		assert_true(text_number("1234", n, &number));
		assert_int_equal(number, n == 1 ? 1 : n == 2 ? 12 : 123);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is),
		cmocka_unit_test(test_text_case),
		cmocka_unit_test(test_span_parts),
		cmocka_unit_test(test_text_digits),
		cmocka_unit_test(test_text_is_control),
		cmocka_unit_test(test_text_is_ascii),
		cmocka_unit_test(test_text_is_below),
		cmocka_unit_test(test_text_hash),
		cmocka_unit_test(test_text_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
