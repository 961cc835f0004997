/* SPDX-License-Identifier: MIT
 * Headers taken apart, and what their fields say. */
#include "mail/fields.h"

#include <stdio.h>
#include <string.h>

#include "mail/encoded.h"
#include "tests/unit/unit.h"

static const struct {
	const char *header;
	const char *fields; /* name=value|, and the rest */
} headers[] = {
	{ "", "" },
	{ "\n", "\n" },
	{ "\r\nBody: x\r\n", "\r\n" },
	{ "A: b\n\n", "A=b|\n" },
	{ "A: b\r\nC:d\r\n\r\nBody: x", "A=b|C=d|\r\n" },
	{ "A: b\nC: d", "A=b|C=d|" },
	{ "A: one\r\n two\r\n\tthree\r\nB: \n x \n\n", "A=one two three|B=x|\n" },
	{ "A: a \tb\n\t\tc\r\n \td\n\t\n\te\n\n", "A=a \tb \tc \td  e|\n" },
	{ "A \t: b\nC:\nD::e\n\n", "A=b|C=|D=:e|\n" },
	/* What is no field. */
	{ "From x@y 1\nA: b\n\n", "A=b|\n" },
	{ " fold\nA: b\n\n", "A=b|\n" },
	{ "A: b\nno field\n: x\nB C: d\n\303\266: e\nF: g\n\n", "A=b|F=g|\n" },
	{ "A: b\n \nB: c\n\n", "A=b|B=c|\n" },
	{ "A: b\rC: d\r\n\r\n", "A=b C: d|\r\n" },
	{ "A: b\n\r", "A=b|" },
	{ "A: \001\177\n\n", "A=\001\177|\n" },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < LENGTH(headers); i++) {
		struct fuel fuel = { .left = 1000 };
		struct fields *fields;
		struct arena arena;
		char got[256] = "";

		arena_init(&arena, 1 << 20);
		fields = fields_parse(&arena, &fuel, span_of(headers[i].header));
		assert_non_null(fields);
		for (size_t k = 0; k < fields->n; k++) {
			struct span value = field_value(&fields->list[k], &arena, &fuel);

			add_text(got, sizeof(got), "%.*s=%.*s|", (int)fields->list[k].name.n,
			    fields->list[k].name.p, (int)value.n, value.p);
		}
		add_text(got, sizeof(got), "%.*s", (int)fields->rest.n, fields->rest.p);
		expect_text(headers[i].header, got, headers[i].fields);
		arena_deinit(&arena);
	}
}

/* The raw fields and the rest are the header again; NULs are bytes like others. */
static void test_raw(void **state)
{
	static const char header[] = "A: b\r\n c\r\njunk\r\nB: \0d\r\n\r\n";
	struct fuel fuel = { .left = 1000 };
	struct fields *fields;
	struct arena arena;
	struct span value;

	arena_init(&arena, 1 << 16);
	fields = fields_parse(&arena, &fuel, (struct span){ header, sizeof(header) - 1 });
	assert_int_equal(fields->n, 2);
	expect_bytes("the first", fields->list[0].raw.p, fields->list[0].raw.n, header, 16);
	expect_bytes("the second", fields->list[1].raw.p, fields->list[1].raw.n, header + 16, 7);
	expect_bytes("its body", fields->list[1].body.p, fields->list[1].body.n, " \0d\r\n", 5);
	expect_bytes("the rest", fields->rest.p, fields->rest.n, "\r\n", 2);
	value = field_value(&fields->list[1], &arena, &fuel);
	expect_bytes("a NUL", value.p, value.n, "\0d", 2);
	arena_deinit(&arena);
}

static const struct {
	const char *body, *text;
} texts[] = {
	{ " plain  \r\n", "plain" },
	{ "\303\266 \377\r\n", "\303\266 \xef\xbf\xbd" },
	{ "=?utf-8?q?h=C3=B6_x?=", "h\303\266 x" },
	{ "=?UTF-8*de?B?aMO2?= y", "h\303\266 y" },
	{ "=?iso-8859-1?q?=F6?=  =?utf-8?q?=C3=B6?=\n =?us-ascii?b?eA==?=", "\303\266\303\266x" },
	{ "a =?utf-8?q?b?= c =?utf-8?q?d?=", "a b c d" },
	{ "(=?utf-8?q?b?=)=?utf-8?q?c?==?utf-8?q?d?=x", "(b)cdx" },
	/* A character that goes over, in the same set and in another one. */
	{ "=?utf-8?q?=C3?= =?UTF-8?b?tg==?=", "\303\266" },
	{ "=?utf-8?q?=C3?= =?iso-8859-1?q?=B6?=", "\xef\xbf\xbd\302\266" },
	{ "=?utf-8?q?=C3?= x =?utf-8?q?=B6?=", "\xef\xbf\xbd x \xef\xbf\xbd" },
	{ "=?x-unknown?q?a=F6?=", "a\xef\xbf\xbd" },
	{ "=?utf-8?q?_a_?=", "a" },
	{ "=?utf-8?q?"
	  "?= x",
	    "x" },
	{ "=?utf-8?q?=0D=0Aa=00?=b", "a" /* and a NUL: see below */ },
	/* They only look so. */
	{ "=?utf-8?x?a?=", "=?utf-8?x?a?=" },
	{ "=?utf-8?q?a b?=", "=?utf-8?q?a b?=" },
	{ "=?utf-8?q?a?", "=?utf-8?q?a?" },
	{ "=?utf-8?q?a?b?=", "=?utf-8?q?a?b?=" },
	{ "=?"
	  "?q?a?=",
	    "=?"
	    "?q?a?=" },
	{ "=?a b?q?c?=", "=?a b?q?c?=" },
	{ "=?a@b?q?c?=", "=?a@b?q?c?=" },
	{ "=?utf-8?q?\303\266?=", "=?utf-8?q?\303\266?=" },
	{ "=?=?utf-8?q?a?=", "=?a" },
	{ "=?", "=?" },
	{ "=?utf-8?q?a?= =?", "a =?" },
};

static void test_text(void **state)
{
	for (size_t i = 0; i < LENGTH(texts); i++) {
		struct field field = { .body = span_of(texts[i].body) };
		struct fuel fuel = { .left = 1000 };
		struct arena arena;
		struct span text;

		arena_init(&arena, 1 << 20);
		text = field_text(&field, &arena, &fuel);
		text.n =
		    text.n > 0 && memchr(text.p, '\0', text.n) != NULL ? strlen(text.p) : text.n;
		expect_bytes(texts[i].body, text.p, text.n, texts[i].text, strlen(texts[i].text));
		arena_deinit(&arena);
	}
}

static void test_find(void **state)
{
	static const struct {
		const char *name;
		uint64_t index;
		bool is_last;
		const char *body; /* NULL: there is none */
	} cases[] = { { "a", 1, false, "1\n" }, { "A", 2, false, "3\n" }, { "a", 3, false, NULL },
		{ "a", 0, false, NULL }, { "a", UINT64_MAX, true, NULL }, { "a", 1, true, "3\n" },
		{ "a", 2, true, "1\n" }, { "", 1, false, NULL }, { "c", 1, false, NULL } };
	struct fuel fuel = { .left = 100 };
	struct fields *fields;
	struct arena arena;

	arena_init(&arena, 1 << 16);
	fields = fields_parse(&arena, &fuel, span_of("A:1\nB:2\na:3\n"));
	for (size_t i = 0; i < LENGTH(cases); i++) {
		const struct field *field =
		    fields_find(fields, span_of(cases[i].name), cases[i].index, cases[i].is_last);

		assert_int_equal(field == NULL, cases[i].body == NULL);
		if (field != NULL) {
			expect_bytes("found", field->body.p, field->body.n, cases[i].body, 2);
		}
	}
	arena_deinit(&arena);
	assert_true(field_name_is_valid(span_of("X-Any!Thing")));
	assert_false(field_name_is_valid(span_of("")));
	assert_false(field_name_is_valid(span_of("a b")));
	assert_false(field_name_is_valid(span_of("a:")));
	assert_false(field_name_is_valid(span_of("\303\266")));
	assert_false(field_name_is_valid(span_of("a\177")));
}

/* Ten thousand fields and no more, and a value of a megabyte whatever it consists of. */
static void test_limits(void **state)
{
	enum {
		BYTES = 1 << 20,
	};
	static const char *const pieces[] = { "a:\n", "=?", "=?utf-8?q?=C3?= ", "\377", "\r\n ",
		"=?utf-8?b?//////////?= ", "=?a?q?" };
	char *bytes = test_malloc(BYTES);

	for (size_t i = 0; i < LENGTH(pieces); i++) {
		struct fuel fuel = { .left = 3UL * BYTES };
		struct field field = { .body = { bytes, BYTES } };
		struct arena arena;
		struct span text;

		for (size_t k = 0; k < BYTES; k++) {
			bytes[k] = pieces[i][k % strlen(pieces[i])];
		}
		arena_init(&arena, 8 << 20);
		if (i == 0) {
			struct fields *fields = fields_parse(&arena, &fuel, field.body);

			assert_int_equal(fields->n, FIELDS_MAX);
			assert_ptr_equal(fields->rest.p, bytes + 3UL * FIELDS_MAX);
			assert_int_equal(fields->rest.n, BYTES - 3 * FIELDS_MAX);
		}
		text = field_text(&field, &arena, &fuel);
		assert_non_null(text.p);
		assert_true(text.n <= 3UL * BYTES + ENCODED_ROOM);
		fuel = (struct fuel){ .left = BYTES };
		text = field_text(&field, &arena, &fuel);
		assert_int_equal(text.p == NULL, i != 4);
		fuel.left = BYTES - 1;
		assert_null(fields_parse(&arena, &fuel, field.body));
		assert_true(fuel.is_empty);
		arena_deinit(&arena);
	}
	test_free(bytes);
}

static void test_memory(void **state)
{
	struct field folded = { .body = span_of("a\n b") }, encoded = { .body = span_of("=?a") };
	struct fuel fuel = { .left = 100 };
	struct arena arena;

	arena_init(&arena, 0);
	assert_null(fields_parse(&arena, &fuel, span_of("a: b")));
	assert_null(field_value(&folded, &arena, &fuel).p);
	assert_null(field_text(&folded, &arena, &fuel).p);
	assert_null(field_text(&encoded, &arena, &fuel).p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_raw),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
