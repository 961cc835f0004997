/* SPDX-License-Identifier: MIT
 * The text of HTML, however it is cut. */
#include "mail/html.h"

#include <string.h>

#include "tests/unit/unit.h"

static const struct {
	const char *in, *out;
} cases[] = {
	{ "plain", "plain" },
	{ "<p>one</p><P class=\"x>y\">two", " one  two" },
	{ "V<b>i</b>a<span style='a>b'>g</SPAN>ra<br/>x", "Viagra x" },
	{ "a<!-- <p>b -- > --->c<!-->d<!DOCTYPE html>e<?xml ?>f", "acdef" },
	{ "a<style>p > q { }</styl></style >b<SCRIPT src=x>if (1 < 2) '</p>'</Script>c", "a b c" },
	{ "a<script>b", "a " },
	{ "1 < 2 && 3 <4", "1 < 2 && 3 <4" },
	{ "a &amp; b&lt;&gt;&quot;&apos;&nbsp;&euro;&eacute;&yuml;", "a & b<>\"' €éÿ" },
	{ "&#65;&#x42;&#X20ac;&#128512;&#0;&#xd800;&#9999999;",
	    "AB€😀\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "&unknown; &amp &verylongnamethatisnone; &#; &#x; &#1a; &;",
	    "&unknown; &amp &verylongnamethatisnone; &#; &#x; &#1a; &;" },
	{ "&&amp;&", "&&&" },
	{ "x<", "x<" },
	{ "x<verylongnameofatagthatisunknown>y<abbreviations>z", "x y z" },
	{ "<a href=", "" },
};

static void test_html(void **state)
{
	for (size_t i = 0; i < LENGTH(cases); i++) {
		size_t n = strlen(cases[i].in);

		for (size_t a = 0; a <= n; a++) {
			for (size_t b = a; b <= n; b++) {
				const char *in = cases[i].in;
				struct html_stream stream = { 0 };
				char out[256];
				size_t n_out =
				    html_text(&stream, (struct span){ in, a }, false, out);

				n_out += html_text(
				    &stream, (struct span){ in + a, b - a }, false, out + n_out);
				n_out += html_text(
				    &stream, (struct span){ in + b, n - b }, true, out + n_out);
				expect_bytes(in, out, n_out, cases[i].out, strlen(cases[i].out));
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_html),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
