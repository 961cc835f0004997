/* SPDX-License-Identifier: MIT
 * Structured values and their parameters. */
#include "mail/mime.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static const struct {
	const char *value;
	const char *want; /* first|type|subtype|name=value|... */
} cases[] = {
	{ "", "|||" },
	{ "text/plain", "text/plain|text|plain|" },
	{ "Text / HTML (x) ; Charset = \"UTF-8\" ; a=b", "text/html|text|html|Charset=UTF-8|a=b|" },
	{ "attachment; filename=\"a \\\"b\\\".txt\"", "attachment|||filename=a \"b\".txt|" },
	{ "text/plain; charset=us-ascii (Plain text)", "text/plain|text|plain|charset=us-ascii|" },
	{ "multipart/mixed; boundary=----=_Part/1:2?",
	    "multipart/mixed|multipart|mixed|boundary=----=_Part/1:2?|" },
	{ "text", "text|||" },
	{ "/plain", "|||" },
	{ "text/; a=b", "text|||a=b|" },
	{ "base64", "base64|||" },
	/* What is wrong is passed over. */
	{ "a/b c; d; =e; f=g h; i=\"j;k\" l; m=", "a/b|a|b|f=g|i=j;k|m=|" },
	{ "a/b \"x;y\"; c=d", "a/b|a|b|c=d|" },
	{ "a/b; c=\"no end", "a/b|a|b|c=no end|" },
	{ "a/b;;;c=d;", "a/b|a|b|c=d|" },
	{ "a/b; (c=d", "a/b|a|b|" },
	{ "a/b; c=\303\266; d=\377", "a/b|a|b|c=\303\266|d=\xef\xbf\xbd|" },
	/* RFC 2231. */
	{ "a; f*=utf-8'en'%c3%b6%20x%2; f=plain", "a|||f=\303\266 x%2|f=plain|" },
	{ "a; f*=iso-8859-1''%F6", "a|||f=\303\266|" },
	{ "a; f*=''%C3%B6; g*=%C3%B6; h*='x", "a|||f=\303\266|g=\303\266|h='x|" },
	{ "a; f*1=b; f*0=a; f*2=\"c;\"", "a|||f=abc;|" },
	{ "a; f*0*=utf-8''%C3; f*1=%b6; f*2*=%b6; x=y", "a|||f=\xef\xbf\xbd%b6\xef\xbf\xbd|x=y|" },
	{ "a; f*0*=utf-8''%C3; f*1*=%b6", "a|||f=\303\266|" },
	{ "a; f*0=a; f*2=c", "a|||f=a|" },
	{ "a; f*1=b", "a|||" },
	{ "a; F*0=a; f*0=x; f*1=b", "a|||F=ab|f=x|" },
	{ "a; f*x=a; *=b; f*18446744073709551616=c", "a|||f*x=a|*=b|" },
};

static void test_values(void **state)
{
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct span text = { cases[i].value, strlen(cases[i].value) };
		struct fuel fuel = { .left = text.n };
		struct mime_value value;
		struct arena arena;
		char got[256] = "";

		arena_init(&arena, 1 << 16);
		assert_true(mime_value_parse(text, &arena, &fuel, &value));
		add_text(got, sizeof(got), "%.*s|%.*s|%.*s|", (int)value.first.n, value.first.p,
		    (int)value.type.n, value.type.p, (int)value.subtype.n, value.subtype.p);
		for (size_t k = 0; k < value.n_parameters; k++) {
			const struct mime_parameter *parameter = &value.parameters[k];

			add_text(got, sizeof(got), "%.*s=%.*s|", (int)parameter->name.n,
			    parameter->name.p, (int)parameter->value.n, parameter->value.p);
		}
		expect_text(cases[i].value, got, cases[i].want);
		if (text.n > 0) {
			fuel = (struct fuel){ .left = text.n - 1 };
			assert_false(mime_value_parse(text, &arena, &fuel, &value));
		}
		arena_deinit(&arena);
	}
}

static void test_find(void **state)
{
	struct fuel fuel = { .left = 100 };
	struct mime_value value;
	struct arena arena;
	struct span found;

	arena_init(&arena, 1 << 16);
	assert_true(mime_value_parse((struct span){ "a; b=c; b*=d", 12 }, &arena, &fuel, &value));
	found = mime_value_find(&value, "B");
	expect_bytes("that of RFC 2231", found.p, found.n, "d", 1);
	assert_null(mime_value_find(&value, "c").p);
	arena_deinit(&arena);
	arena_init(&arena, 0);
	assert_false(mime_value_parse((struct span){ "a", 1 }, &arena, &fuel, &value));
}

/* However many there are, and whatever they repeat: time and memory stay small. */
static void test_limits(void **state)
{
	enum {
		BYTES = 1 << 20,
	};
	static const char *const pieces[] = { ";a=b", ";a*0=b", ";", "(", "\"", "a=", ";a*=''",
		"\\", "%41" };
	char *text = test_malloc(BYTES);

	for (size_t i = 0; i < LENGTH(pieces); i++) {
		struct fuel fuel = { .left = BYTES };
		struct mime_value value;
		struct arena arena;

		for (size_t k = 0; k < BYTES; k++) {
			text[k] = pieces[i][k % strlen(pieces[i])];
		}
		arena_init(&arena, 8UL * MIME_VALUE_MAX);
		assert_true(mime_value_parse((struct span){ text, BYTES }, &arena, &fuel, &value));
		assert_true(value.n_parameters <= MIME_PARAMETERS_MAX);
		assert_int_equal(value.n_parameters == MIME_PARAMETERS_MAX, i < 2 || i == 6);
		arena_deinit(&arena);
	}
	test_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
