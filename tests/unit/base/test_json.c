/* SPDX-License-Identifier: MIT
 * The one writer of JSON: brackets, commas, and what is escaped. */
#include "base/json.h"

#include <stdint.h>
#include <string.h>

#include "tests/unit/unit.h"

struct out {
	char text[4096];
	size_t n;
};

static void put(void *data, const char *text, size_t n)
{
	struct out *out = data;

	assert_true(n < sizeof(out->text) - out->n);
	memcpy(out->text + out->n, text, n);
	out->n += n;
}

static void expect(const struct out *out, const char *want)
{
	expect_bytes("JSON", out->text, out->n, want, strlen(want));
}

static void test_brackets_and_commas(void **state)
{
	struct out out = { .n = 0 };
	struct json json = { .put = put, .data = &out };

	json_open(&json, NULL, JSON_OBJECT);
	json_open(&json, "nothing", JSON_OBJECT);
	json_close(&json);
	json_open(&json, "none", JSON_ARRAY);
	json_close(&json);
	json_number(&json, "n", 7);
	json_open(&json, "list", JSON_ARRAY);
	json_text(&json, NULL, "a");
	json_open(&json, NULL, JSON_OBJECT);
	json_text(&json, "b", NULL);
	json_text(&json, "c", "");
	json_close(&json);
	json_open(&json, NULL, JSON_ARRAY);
	json_number(&json, NULL, 1);
	json_number(&json, NULL, 2);
	json_close(&json);
	json_close(&json);
	json_number(&json, "last", 0);
	json_close(&json);
	expect(&out, "{\"nothing\":{},\"none\":[],\"n\":7,\"list\":[\"a\",{\"b\":null,\"c\":\"\"},"
		     "[1,2]],\"last\":0}");
	assert_int_equal(json.depth, 0);
}

/* A text may be a single value; and as deep as there is room. */
static void test_depth(void **state)
{
	struct out out = { .n = 0 };
	struct json json = { .put = put, .data = &out };
	char want[2 * JSON_DEPTH_MAX + 1] = "";

	for (int i = 0; i < JSON_DEPTH_MAX; i++) {
		json_open(&json, NULL, JSON_ARRAY);
		want[i] = '[';
		want[2 * JSON_DEPTH_MAX - 1 - i] = ']';
	}
	for (int i = 0; i < JSON_DEPTH_MAX; i++) {
		json_close(&json);
	}
	expect(&out, want);
}

static void test_numbers(void **state)
{
	static const struct {
		uint64_t number;
		const char *number_text, *seconds_text;
	} rows[] = {
		{ 0, "0", "0.000000" },
		{ 1, "1", "0.000001" },
		{ 999999, "999999", "0.999999" },
		{ 1000000, "1000000", "1.000000" },
		{ 67108864, "67108864", "67.108864" },
		{ UINT64_MAX, "18446744073709551615", "18446744073709.551615" },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct out out = { .n = 0 };
		struct json json = { .put = put, .data = &out };

		json_number(&json, NULL, rows[i].number);
		expect(&out, rows[i].number_text);
		out.n = 0;
		json.needs_comma = false;
		json_seconds(&json, NULL, rows[i].number);
		expect(&out, rows[i].seconds_text);
	}
}

static void test_texts(void **state)
{
	static const struct {
		const char *text, *utf8, *ascii;
	} rows[] = {
		{ "plain", "plain", "plain" },
		{ "a\"b\\c/", "a\\\"b\\\\c/", "a\\\"b\\\\c/" },
		{ "\001\t\n\037 \177", "\\u0001\\u0009\\u000a\\u001f \\u007f", "???? ?" },
		{ "\303\251", "\303\251", "??" },
		{ "\342\202\254+", "\342\202\254+", "???+" },
		{ "\360\237\223\254", "\360\237\223\254", "????" },
		/* Cut, over-long, a surrogate, no beginning. */
		{ "\303", "\\ufffd", "?" },
		{ "\342\202", "\\ufffd\\ufffd", "??" },
		{ "\300\257x", "\\ufffd\\ufffdx", "??x" },
		{ "\355\240\200", "\\ufffd\\ufffd\\ufffd", "???" },
		{ "\200\"", "\\ufffd\\\"", "?\\\"" },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		for (int is_ascii = 0; is_ascii <= 1; is_ascii++) {
			struct out out = { .n = 0 };
			struct json json = { .put = put, .data = &out, .is_ascii = is_ascii != 0 };
			char want[128] = "";

			json_text(&json, "n", rows[i].text);
			add_text(want, sizeof(want), "\"n\":\"%s\"",
			    is_ascii != 0 ? rows[i].ascii : rows[i].utf8);
			expect(&out, want);
		}
	}
}

/* Every byte alone: nothing but printable ASCII comes out. */
static void test_every_byte(void **state)
{
	for (unsigned byte = 1; byte < 256; byte++) {
		for (int is_ascii = 0; is_ascii <= 1; is_ascii++) {
			struct out out = { .n = 0 };
			struct json json = { .put = put, .data = &out, .is_ascii = is_ascii != 0 };
			const char text[] = { (char)byte, '\0' };

			json_text(&json, NULL, text);
			for (size_t i = 0; i < out.n; i++) {
				assert_in_range(out.text[i], 0x20, 0x7e);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_brackets_and_commas),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
