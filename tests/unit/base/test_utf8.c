/* SPDX-License-Identifier: MIT
 * UTF-8: exactly the encodings of RFC 3629, tried against all there are. */
#include <stdint.h>

#include "base/utf8.h"
#include "tests/unit/unit.h"

/* Bytes of one code point; the sanctioned way round, as a reference. */
static size_t encode(uint32_t point, char *out)
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (char)(0xc0 | point >> 6);
		out[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		out[0] = (char)(0xe0 | point >> 12);
		out[1] = (char)(0x80 | (point >> 6 & 0x3f));
		out[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | point >> 18);
	out[1] = (char)(0x80 | (point >> 12 & 0x3f));
	out[2] = (char)(0x80 | (point >> 6 & 0x3f));
	out[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

/* Every code point passes, surrogates do not, and no start of one passes. */
static void test_utf8_code_points(void **state)
{
	char bytes[4];

	for (uint32_t point = 0; point < 0x110000; point++) {
		bool is_surrogate = point >= 0xd800 && point <= 0xdfff;
		size_t n = encode(point, bytes);
		char written[4];

		assert_int_equal(utf8_write(written, point), n);
		assert_memory_equal(written, bytes, n);
		if (utf8_is_valid(bytes, n) == is_surrogate) {
			fail_msg("U+%04X", point);
		}
		for (size_t cut = 1; cut < n; cut++) {
			if (utf8_is_valid(bytes, cut)) {
				fail_msg("U+%04X cut to %zu bytes", point, cut);
			}
		}
	}
}

/* There are no more valid sequences than code points: 128 of one byte, and two in a row. */
static void test_utf8_nothing_else(void **state)
{
	size_t n_one = 0, n_two = 0, n_three = 0;

	for (unsigned a = 0; a < 256; a++) {
		char bytes[3] = { (char)a };

		n_one += utf8_is_valid(bytes, 1);
		for (unsigned b = 0; b < 256; b++) {
			bytes[1] = (char)b;
			n_two += utf8_is_valid(bytes, 2);
			for (unsigned c = 0; a >= 0xe0 && c < 256; c++) {
				bytes[2] = (char)c;
				n_three += utf8_is_valid(bytes, 3);
			}
		}
	}
	assert_int_equal(n_one, 0x80);
	assert_int_equal(n_two, 0x80 * 0x80 + (0x800 - 0x80));
	assert_int_equal(n_three, 0x10000 - 0x800 - 0x800);
	assert_true(utf8_is_valid("", 0));
	assert_false(utf8_is_valid("\364\217\277\277\200", 5));
	assert_false(utf8_is_valid("\365\200\200\200", 4));
	assert_false(utf8_is_valid("\370\210\200\200\200", 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8_code_points),
		cmocka_unit_test(test_utf8_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
