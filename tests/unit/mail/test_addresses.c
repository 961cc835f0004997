/* SPDX-License-Identifier: MIT
 * Addresses as strangers and scripts write them. */
#include "mail/addresses.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static const struct {
	const char *value;
	const char *list; /* text|phrase, divided by line ends */
} cases[] = {
	{ "", "" },
	{ "a@example.com", "a@example.com|\n" },
	{ " a@b , c@d,e@f ", "a@b|\nc@d|\ne@f|\n" },
	{ "Ann B. Cee <a@b>, \"D, E\" <d@e>", "a@b|Ann B. Cee\nd@e|\"D, E\"\n" },
	{ "a@b (a (nested) comment, with \\) commas), (x) c (y) @ (z) d", "a@b|\nc@d|\n" },
	{ "Team: a@b, C <c@d>; e@f, undisclosed-recipients:;", "a@b|\nc@d|C\ne@f|\n" },
	{ "A Group:a@b;,G2:;c@d", "a@b|\nc@d|\n" },
	{ "<@x.org,@y.org:a@b>", "a@b|\n" },
	{ "\"quoted \\\"part\"@b, \"plain\"@b, \"a b\".c@d",
	    "\"quoted \\\"part\"@b|\nplain@b|\n\"a b.c\"@d|\n" },
	{ "a . b @ c . d", "a.b@c.d|\n" },
	{ "a..b.@c", "\"a..b.\"@c|\n" },
	{ "a@[192.0.2.1], x@[a@,b]", "a@[192.0.2.1]|\nx@[a@,b]|\n" },
	{ "root, <root>, \"x y\"", "root|\nroot|\n\"x y\"|\n" },
	{ "John Smith, Jane <j@b>", "j@b|Jane\n" },
	{ "J\303\266rg <j@\303\266.example>, \303\266@b",
	    "j@\303\266.example|J\303\266rg\n\303\266@b|\n" },
	{ "\377\376 <a@b>, \377@b, c@\377", "a@b|\377\376\n" },
	/* What is wrong is passed over. */
	{ "<>, x@\"y\", a@, @b, a b@c, a@b c, d@e", "d@e|\n" },
	{ "foo@bar <a@b>, Dr. [x] Y <c@d>, a\\b <e@f>", "a@b|foo@bar\nc@d|Dr. [x] Y\ne@f|a\\b\n" },
	{ "<a@b, <c@d> x, e@f", "a@b|\nc@d|\ne@f|\n" },
	{ ",;:<>,a@b", "a@b|\n" },
	{ "\"no end <a@b>, c@d", "" },
	{ "a@b, (no end, c@d", "a@b|\n" },
	{ "a@[no end, c@d", "" },
	{ "a\001@b, c@d\001, e@f", "e@f|\n" },
	{ "((((((((((((((((16))))))))))))))))a@b", "a@b|\n" },
	{ "c@d,(((((((((((((((((17)))))))))))))))))a@b", "c@d|\n" },
	{ "a@b@c, d@e", "d@e|\n" },
	{ "<@a <x@y>, b@c", "b@c|\n" },
};

static void test_parse(void **state)
{
	for (size_t i = 0; i < LENGTH(cases); i++) {
		struct mail_address *list;
		struct fuel fuel = { .left = 1000 };
		struct arena arena;
		char got[512] = "";
		size_t n;

		arena_init(&arena, 1 << 20);
		assert_true(addresses_parse(span_of(cases[i].value), &arena, &fuel, &list, &n));
		for (size_t k = 0; k < n; k++) {
			add_text(got, sizeof(got), "%.*s|%.*s\n", (int)list[k].text.n,
			    list[k].text.p, (int)list[k].phrase.n, list[k].phrase.p);
		}
		expect_text(cases[i].value, got, cases[i].list);
		arena_deinit(&arena);
	}
}

static void test_limits(void **state)
{
	enum {
		BYTES = 1 << 20,
	};
	static const char *const pieces[] = { "a@b,", "(", "\"", "<", "@", ":", ";", "a ", ".",
		"\\", "[", "a@", "(a)", "<a@b>", "\"\\\"\"" };
	char *value = test_malloc(BYTES);
	struct mail_address *list;
	struct arena arena;
	size_t n;

	arena_init(&arena, 8 << 20);
	for (size_t i = 0; i < LENGTH(pieces); i++) {
		struct fuel fuel = { .left = 2UL * BYTES };

		for (size_t k = 0; k < BYTES; k++) {
			value[k] = pieces[i][k % strlen(pieces[i])];
		}
		assert_true(
		    addresses_parse((struct span){ value, BYTES }, &arena, &fuel, &list, &n));
		assert_int_equal(n, i == 0 ? ADDRESSES_MAX : i == 13 ? 1 : 0);
		assert_true(fuel.left <= BYTES);
		fuel.left = 10;
		assert_false(
		    addresses_parse((struct span){ value, BYTES }, &arena, &fuel, &list, &n));
		assert_true(fuel.is_empty);
		arena_reset(&arena);
	}
	test_free(value);
	arena_deinit(&arena);
	arena_init(&arena, 0);
	assert_false(
	    addresses_parse(span_of("a@b"), &arena, &(struct fuel){ .left = 9 }, &list, &n));
}

static void test_of_script(void **state)
{
	static const struct {
		const char *text;
		const char *alone;     /* NULL: it is none */
		const char *with_name; /* the same where there may be a name */
	} texts[] = {
		{ "a@example.com", "a@example.com", "a@example.com" },
		{ "a.b+c@x-1.example", "a.b+c@x-1.example", "a.b+c@x-1.example" },
		{ "\"a b\"@c", "\"a b\"@c", "\"a b\"@c" },
		{ "\"a\"@c", "a@c", "a@c" },
		{ "\303\266@\303\266.example", "\303\266@\303\266.example",
		    "\303\266@\303\266.example" },
		{ "a@[192.0.2.1]", "a@[192.0.2.1]", "a@[192.0.2.1]" },
		{ "Name <a@b>", NULL, "a@b" },
		{ "\"A @ B, C\" <a@b>", NULL, "a@b" },
		{ "J\303\266rg X. <a@b>", NULL, "a@b" },
		{ "<a@b>", NULL, "a@b" },
		{ "x@y <a@b>", NULL, NULL },
		{ "@ <a@b>", NULL, NULL },
		{ "Name <a@b> x", NULL, NULL },
		{ "Name <a@b", NULL, NULL },
		{ "Name <<a@b>>", NULL, NULL },
		{ "Name <@r:a@b>", NULL, NULL },
		{ "Name <a @b>", NULL, NULL },
		{ "N, <a@b>", NULL, NULL },
		{ "\377 <a@b>", NULL, NULL },
		{ "A\r\nBcc: x <a@b>", NULL, NULL },
		{ "A\r\n x <a@b>", NULL, NULL },
		{ "", NULL, NULL },
		{ "a", NULL, NULL },
		{ "a@", NULL, NULL },
		{ "@b", NULL, NULL },
		{ "a@b, c@d", NULL, NULL },
		{ "a@b,", NULL, NULL },
		{ "a@b c", NULL, NULL },
		{ "a @b", NULL, NULL },
		{ "a.@b", NULL, NULL },
		{ ".a@b", NULL, NULL },
		{ "a..c@b", NULL, NULL },
		{ "a@b.", NULL, NULL },
		{ "a@b_c", NULL, NULL },
		{ "a@\"b\"", NULL, NULL },
		{ "a@b (comment)", NULL, NULL },
		{ "a\001@b", NULL, NULL },
		{ "\"a\r\nb\"@c", NULL, NULL },
		{ "a@b\n", "a@b", "a@b" },
		{ "\377@b", NULL, NULL },
		{ "a@\377", NULL, NULL },
		{ "g:a@b;", NULL, NULL },
		{ "a@[no end", NULL, NULL },
	};

	for (size_t i = 0; i < LENGTH(texts); i++) {
		for (int with_name = 0; with_name < 2; with_name++) {
			const char *want = with_name ? texts[i].with_name : texts[i].alone;
			struct mail_address address;
			struct arena arena;
			int is_one;

			arena_init(&arena, 1 << 16);
			is_one = addresses_parse_one(
				     span_of(texts[i].text), with_name, &arena, &address) == 0;
			if (is_one != (want != NULL)) {
				fail_msg("%s: %d", texts[i].text, is_one);
			}
			if (want != NULL) {
				expect_bytes(texts[i].text, address.text.p, address.text.n, want,
				    strlen(want));
			}
			arena_deinit(&arena);
		}
	}
}

static void test_long(void **state)
{
	struct mail_address address;
	struct arena arena;
	char text[600];

	arena_init(&arena, 1 << 20);
	memset(text, 'a', sizeof(text));
	text[255] = '@';
	assert_int_equal(
	    addresses_parse_one((struct span){ text, 511 }, false, &arena, &address), 0);
	assert_int_equal(
	    addresses_parse_one((struct span){ text, 512 }, false, &arena, &address), 1);
	text[255] = 'a';
	text[256] = '@';
	assert_int_equal(
	    addresses_parse_one((struct span){ text, 300 }, false, &arena, &address), 1);
	arena_deinit(&arena);
	arena_init(&arena, 0);
	assert_int_equal(addresses_parse_one(span_of("a@b"), false, &arena, &address), -ENOMEM);
}

static void test_parts(void **state)
{
	static const struct {
		const char *local, *delimiters, *user, *detail;
	} parts[] = {
		{ "u+d", "+", "u", "d" },
		{ "u-d+e", "+-", "u", "d+e" },
		{ "u+d-e", "+-", "u", "d-e" },
		{ "u+", "+", "u", "" },
		{ "+d", "+", "", "d" },
		{ "u", "+", "u", NULL },
		{ "u+d", "", "u+d", NULL },
		{ "u+d", NULL, "u+d", NULL },
	};

	for (size_t i = 0; i < LENGTH(parts); i++) {
		struct mail_address address = { .local = span_of(parts[i].local),
			.domain = span_of("d") };
		struct span user = address_part_of(&address, ADDRESS_USER, parts[i].delimiters);
		struct span detail = address_part_of(&address, ADDRESS_DETAIL, parts[i].delimiters);

		address.text = span_of("text");
		expect_bytes("user", user.p, user.n, parts[i].user, strlen(parts[i].user));
		assert_int_equal(detail.p == NULL, parts[i].detail == NULL);
		if (detail.p != NULL) {
			expect_bytes(
			    "detail", detail.p, detail.n, parts[i].detail, strlen(parts[i].detail));
		}
		assert_ptr_equal(
		    address_part_of(&address, ADDRESS_LOCALPART, "+").p, address.local.p);
		assert_ptr_equal(
		    address_part_of(&address, ADDRESS_DOMAIN, "+").p, address.domain.p);
		assert_ptr_equal(address_part_of(&address, ADDRESS_ALL, "+").p, address.text.p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_of_script),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
