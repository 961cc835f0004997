/* SPDX-License-Identifier: MIT
 * Strings: what is the same name, and what no name has. */
#include "base/text.h"

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

		if (text_is(text.p, text.n, rows[i].name) != rows[i].is_equal) {
			fail_msg("%s and %s", shown(text.p, text.n), rows[i].name);
		}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text_is),
		cmocka_unit_test(test_text_case),
		cmocka_unit_test(test_text_is_control),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
