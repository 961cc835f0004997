/* SPDX-License-Identifier: MIT
 * Compiling scripts: what is accepted, what is said of the others and of which line, and what becomes of strings. */
#include "sieve/sieve.h"

#include <stdio.h>
#include <string.h>

#include "sieve/parse.h"
#include "sieve/word.h"
#include "tests/unit/unit.h"

static struct sieve_errors errors;

/* NULL: it is broken. */
static struct sieve_program *compile(struct span script)
{
	struct sieve_program *program;
	char *copy = test_malloc(script.n + 1);
	int result;

	if (script.n > 0) {
		memcpy(copy + 1, script.p, script.n);
	}
	result =
	    sieve_compile(&sieve_language, (struct span){ copy + 1, script.n }, &program, &errors);
	test_free(copy);
	assert_in_range(result, 0, 1);
	assert_int_equal(result, errors.n_errors > 0);
	assert_int_equal(program == NULL, result);
	return program;
}

static void show(const char *script)
{
	print_message("%s\n", script);
	for (size_t i = 0; i < errors.n; i++) {
		print_message(
		    "%u:%u: %s\n", errors.list[i].line, errors.list[i].column, errors.list[i].text);
	}
}

static struct sieve_program *compile_fine(const char *script)
{
	struct sieve_program *program = compile(span_of(script));

	if (program == NULL) {
		show(script);
		fail();
	}
	return program;
}

#define VARIABLES "require \"variables\"; "
#define IHAVE     "require \"ihave\"; "
#define INCLUDE   "require [\"include\", \"variables\"]; "

static const char *const accepted[] = {
	"",
	"\r\n\t ",
	"# no end of line",
	"/* ** / */ keep /* * */ ; # x",
	"/**/keep;",
	"KEEP; Stop;",
	"require \"fileinto\"; require [\"copy\", \"imap4flags\"]; fileinto :COPY \"a\";",
	"if true { } elsif false { stop; } else { keep; }",
	"if not not anyof (true, allof (false)) { }",
	"if header :contains :comparator \"i;octet\" \"a\" [\"b\", \"c\"] { keep; }",
	"if header :comparator \"i;octet\" :contains [\"a\"] \"b\" { keep; }",
	"if allof(exists[\"a\",\"b\"],size:over 1K){discard;}",
	"if size :under 18446744073709551615 { keep; }",
	"if size :under 17179869183G { keep; }",
	"if size :over 000100m { keep; }",
	"if false # a rule that is off\n{ keep; }",
	/* RFC 5228 2.4.2: what looks like something else in a string or a comment */
	"require \"fileinto\"; fileinto text: \t# comment\nx\n.\n;",
	"require \"fileinto\"; fileinto TEXT:\r\n..\r\n.\r\n;",
	"require \"fileinto\"; fileinto \"} ; # /* \\\" \\\\\";",
	/* what one extension brings along */
	"require \"vacation-seconds\"; vacation :seconds 60 \"x\";",
	/* RFC 5230 forbids it, but Dovecot stores it, and it is only too short */
	"require \"vacation\"; vacation :days 0 \"x\";",
	"require \"spamtestplus\"; if spamtest :percent \"50\" { stop; }",
	/* arguments that may be missing */
	"require \"imap4flags\"; setflag \"x\"; addflag [\"x\", \"y\"];",
	VARIABLES "require \"imap4flags\"; setflag \"name\" \"x\";",
	VARIABLES "set :lower :upperfirst :quotewildcard :length \"a\" \"b\";",
	/* RFC 5463 */
	IHAVE "if ihave \"nothing\" { unknown :tag \"x\" { unheard of; } } else { keep; }",
	IHAVE "if not ihave \"nothing\" { keep; } else { unknown; }",
	IHAVE "if allof (ihave \"nothing\", unknown :x 1) { unknown; }",
	IHAVE "if anyof (not ihave \"nothing\", unknown :x 1) { keep; } elsif nope { what; } "
	      "else { unknown; }",
	IHAVE "if anyof (false, ihave \"nothing\") { unknown; }",
	IHAVE "if allof (true, ihave \"copy\") { keep; } else { unknown; }",
	IHAVE "if ihave [\"fileinto\", \"copy\"] { fileinto :copy \"a\"; } fileinto \"b\";",
	IHAVE "if ihave \"fileinto\" { keep; } elsif unknown { } fileinto \"x\";",
	IHAVE "error \"x\";",
	IHAVE "if ihave \"variables\" { set \"a\" \"b\"; unknown; }",
	"require [\"ihave\", \"variables\"]; if ihave \"variables\" { set \"a\" \"b\"; }",
	/* RFC 6609 */
	INCLUDE "include :global :once :optional \"a b.c\"; return;",
	INCLUDE "global [\"a\", \"b\"]; global \"a\"; set \"a\" \"${global.a}\";",
	INCLUDE "set \"global.a\" \"x\"; set \"a\" \"x\"; global \"b\"; keep;",
	NULL,
};

static void test_accepts(void **state)
{
	for (size_t i = 0; accepted[i] != NULL; i++) {
		struct sieve_program *program = compile_fine(accepted[i]);

		assert_true(sieve_program_size(program) > 0);
		sieve_program_free(program);
	}
}

/* Of programs that are kept there are as many as users. */
static void test_short_programs(void **state)
{
	struct sieve_program *program = compile_fine("keep;");

	assert_true(sieve_program_size(program) < 4096);
	sieve_program_free(program);
}

static const struct row {
	struct text script;
	unsigned line, column;
	const char *part; /* of the first error */
	size_t n_errors;
} rows[] = {
	/* bytes */
	{ TEXT("\357\273\277keep;"), 1, 1, "byte order mark", 1 },
	{ TEXT("keep;\n# \0\n"), 2, 3, "NUL", 1 },
	{ TEXT("keep;\r\nstop;\rkeep;"), 2, 6, "CR alone", 1 },
	{ TEXT("keep;\r"), 1, 6, "CR alone", 1 },
	{ TEXT("keep; \303\251 ;"), 1, 7, "no meaning here", 1 },
	{ TEXT("# \303\251\nkeep $;"), 2, 6, "no meaning here", 1 },
	{ TEXT("/* \303\251 */ keep $;"), 1, 14, "no meaning here", 1 },
	{ TEXT("redirect \"a\377b\";"), 1, 10, "no UTF-8", 1 },
	{ TEXT("redirect \"\n\n"), 1, 10, "no end", 1 },
	{ TEXT("redirect \"\\"), 1, 10, "no end", 1 },
	{ TEXT("keep;\n /* x"), 1, 6, "comment has no end", 1 },
	{ TEXT("/*/ keep;"), 1, 1, "comment has no end", 1 },
	{ TEXT("redirect text: x\n.\n;"), 1, 10, "its line must end", 1 },
	{ TEXT("redirect text:"), 1, 10, "its line must end", 1 },
	{ TEXT("redirect text:\nx\n"), 1, 10, "dot alone", 1 },
	{ TEXT("redirect text:\nx\n. \n;"), 1, 10, "dot alone", 1 },
	{ TEXT("require \"fileinto\"; fileinto text:\nx\n."), 3, 2, "write ;", 1 },
	{ TEXT("keep :;"), 1, 6, "name of a tag", 1 },
	{ TEXT("keep :1;"), 1, 6, "begin with a digit", 1 },
	/* numbers */
	{ TEXT("if size :over 18446744073709551616 { }"), 1, 15, "above 1844", 1 },
	{ TEXT("if size :over 99999999999999999999999 { }"), 1, 15, "above 1844", 1 },
	{ TEXT("if size :over 17179869184G { }"), 1, 15, "above 1844", 1 },
	{ TEXT("if size :over 18014398509481984K { }"), 1, 15, "above 1844", 1 },
	{ TEXT("if size :over 10T { }"), 1, 15, "K, M or G", 1 },
	{ TEXT("if size :over 10Kb { }"), 1, 15, "K, M or G", 1 },
	/* the grammar */
	{ TEXT("keep"), 1, 5, "write ; behind", 1 },
	{ TEXT("keep;;"), 1, 6, "no command in front", 1 },
	{ TEXT("}"), 1, 1, "closes no block", 1 },
	{ TEXT("if true {\nkeep;\n"), 3, 1, "line 1 opens", 1 },
	{ TEXT("if true { keep }"), 1, 15, "write ; behind", 1 },
	{ TEXT("keep\nredirect \"a@b.c\";"), 2, 1, "; missing in front of redirect", 1 },
	{ TEXT("\"a\";"), 1, 1, "must be a command", 1 },
	{ TEXT("[\"a\"];"), 1, 1, "must be a command", 1 },
	{ TEXT("if (true) { }"), 1, 1, "anyof or allof", 1 },
	{ TEXT("if anyof true { }"), 1, 4, "in parentheses", 1 },
	{ TEXT("if anyof { }"), 1, 4, "in parentheses", 1 },
	{ TEXT("if anyof (true,) { }"), 1, 16, "must be a test", 1 },
	{ TEXT("if anyof () { }"), 1, 11, "must be a test", 1 },
	{ TEXT("if anyof (true false) { }"), 1, 16, "is ; missing in front of false", 1 },
	{ TEXT("if anyof (true { }"), 1, 16, "a comma or )", 1 },
	{ TEXT("if exists [] { }"), 1, 12, "first string of a list", 1 },
	{ TEXT("if exists [\"a\",] { }"), 1, 16, "behind the comma", 1 },
	{ TEXT("if exists [\"a\" { }"), 1, 16, "comma or ]", 1 },
	{ TEXT("if exists [[\"a\"]] { }"), 1, 12, "first string of a list", 1 },
	{ TEXT("if { }"), 1, 1, "if wants a test", 1 },
	{ TEXT("if true;"), 1, 9, "wants a block", 1 },
	{ TEXT("keep { stop; }"), 1, 7, "takes no block", 1 },
	{ TEXT("keep (true);"), 1, 1, "takes no tests", 1 },
	/* words */
	{ TEXT("kep;"), 1, 1, "no command kep; did you mean keep?", 1 },
	{ TEXT("if treu { }"), 1, 4, "no test treu; did you mean true?", 1 },
	{ TEXT("zzzzzzzz;"), 1, 1, "take it out", 1 },
	{ TEXT("header \"a\" \"b\";"), 1, 1, "header is a test; write if header", 1 },
	{ TEXT("if keep { }"), 1, 4, "keep is a command", 1 },
	{ TEXT("elsif true { }"), 1, 1, "does not follow an if", 1 },
	{ TEXT("if true { } else { } else { }"), 1, 22, "does not follow an if", 1 },
	{ TEXT("if true { } keep; elsif true { }"), 1, 19, "does not follow an if", 1 },
	{ TEXT("if true { else { } }"), 1, 11, "does not follow an if", 1 },
	/* extensions */
	{ TEXT("fileinto \"a\";"), 1, 1, "add require \"fileinto\";", 1 },
	{ TEXT("redirect :copy \"a@b.c\";"), 1, 10,
	    ":copy needs an extension; add require \"copy\"", 1 },
	{ TEXT("require \"x\";"), 1, 9, "no extension \"x\"", 1 },
	{ TEXT("require [\"copy\", \"fileintoo\",\n\"y\"];"), 1, 9, "did you mean fileinto?", 2 },
	{ TEXT("require \"FILEINTO\";"), 1, 9, "did you mean fileinto?", 1 },
	{ TEXT("require \"vnd.dovecot.testsuite\";"), 1, 9, "no extension", 1 },
	{ TEXT("keep; require \"copy\";"), 1, 7, "at the top", 1 },
	{ TEXT("if true { require \"copy\"; }"), 1, 11, "at the top", 1 },
	{ TEXT("require;"), 1, 1, "write require [\"...\"]", 1 },
	/* arguments */
	{ TEXT("keep \"x\";"), 1, 1, "takes no argument", 1 },
	{ TEXT("redirect;"), 1, 1, "0 arguments besides tags; write redirect \"...\"", 1 },
	{ TEXT("redirect \"a@b.c\" \"d\";"), 1, 1, "2 arguments", 1 },
	{ TEXT("redirect [\"a@b.c\"];"), 1, 10, "wants a string here, this is a list", 1 },
	{ TEXT("redirect 5;"), 1, 10, "wants a string here, this is a number", 1 },
	{ TEXT("if size :over \"1\" { }"), 1, 15, "wants a number here", 1 },
	{ TEXT("if header \"a\" { }"), 1, 4, "write header [\"...\"] [\"...\"]", 1 },
	{ TEXT("if header :is :contains \"a\" \"b\" { }"), 1, 15, "a tag that it excludes", 1 },
	{ TEXT("if header :is :is \"a\" \"b\" { }"), 1, 15, "twice", 1 },
	{ TEXT("if header \"a\" :is \"b\" { }"), 1, 15, "in front of them", 1 },
	{ TEXT("if header :iss \"a\" \"b\" { }"), 1, 11, "did you mean :is?", 1 },
	{ TEXT("if header :frobnicate \"a\" \"b\" { }"), 1, 11, "no tag :frobnicate", 1 },
	{ TEXT("if header contains \"a\" \"b\" { }"), 1, 11, "write :contains", 1 },
	{ TEXT("if header \"a\" \"b\" :comparator { }"), 1, 19, "in front of them", 1 },
	{ TEXT("if header :comparator { }"), 1, 11, "wants a string behind it", 1 },
	{ TEXT("if header :comparator 5 \"a\" \"b\" { }"), 1, 23, "wants a string here", 1 },
	/* strings */
	{ TEXT("require \"encoded-character\";\nredirect \"${unicode:d800}\";"), 2, 10,
	    "no character", 1 },
	{ TEXT("require \"encoded-character\";\nredirect \"${hex:40}${Unicode: 41 110000}\";"), 2,
	    10, "no character", 1 },
	{ TEXT(VARIABLES "set \"${a}\" \"b\";"), 1, 26, "without ${...}", 1 },
	{ TEXT(VARIABLES "set \"a-b\" \"b\";"), 1, 26, "no name of a variable", 1 },
	{ TEXT(VARIABLES "set \"\" \"b\";"), 1, 26, "no name of a variable", 1 },
	{ TEXT(VARIABLES "set \"1\" \"b\";"), 1, 26, "matches set", 1 },
	{ TEXT(VARIABLES "set \"a.b\" \"b\";"), 1, 26, "namespace", 1 },
	{ TEXT(VARIABLES "set \"global.b\" \"b\";"), 1, 26, "add require \"include\"", 1 },
	{ TEXT(VARIABLES "redirect\n\"${x.y}\";"), 2, 1, "no namespace that is known", 1 },
	{ TEXT(VARIABLES "redirect\n\"${env.y}\";"), 2, 1, "vnd.dovecot.environment", 1 },
	{ TEXT(VARIABLES "set :lower :upper \"a\" \"b\";"), 1, 33, "excludes", 1 },
	/* ihave */
	{ TEXT(IHAVE "if ihave \"nothing\" { } fileinto \"x\";"), 1, 41, "add require", 1 },
	{ TEXT(IHAVE "if ihave [\"copy\", \"no\"] { } redirect :copy \"a@b.c\";"), 1, 55,
	    "add require", 1 },
	{ TEXT(IHAVE "if not ihave \"no\" { unknown; }"), 1, 38, "unknown", 1 },
	{ TEXT(IHAVE "if anyof (ihave \"no\", unknown) { }"), 1, 40, "unknown", 1 },
	{ TEXT(IHAVE "if allof (exists \"a\", ihave \"copy\") { } else { unknown; }"), 1, 65,
	    "unknown", 1 },
	{ TEXT(IHAVE "if false { unknown; }"), 1, 29, "unknown", 1 },
	{ TEXT(IHAVE "if ihave \"no\" { keep }"), 1, 38, "write ; behind", 1 },
	{ TEXT(IHAVE "if ihave \"no\" { } keep; else { }"), 1, 42, "does not follow", 1 },
	{ TEXT(IHAVE "if ihave \"copy\" { } elsif x { } if true { unknown; }"), 1, 60, "unknown",
	    1 },
	{ TEXT("if ihave \"copy\" { }"), 1, 4, "add require \"ihave\"", 1 },
	/* include */
	{ TEXT(INCLUDE "include \"a/b\";"), 1, 43, "no name of a script", 1 },
	{ TEXT(INCLUDE "include \"\";"), 1, 43, "no name of a script", 1 },
	{ TEXT(INCLUDE "include \"a\nb\";"), 1, 43, "no name of a script", 1 },
	{ TEXT(INCLUDE "include \"a\302\205b\";"), 1, 43, "no name of a script", 1 },
	{ TEXT(INCLUDE "include \"a\342\200\251b\";"), 1, 43, "no name of a script", 1 },
	{ TEXT(INCLUDE "include \"${a}\";"), 1, 43, "without ${...}", 1 },
	{ TEXT(INCLUDE "include :personal :global \"a\";"), 1, 53, "excludes", 1 },
	{ TEXT(INCLUDE "set \"a\" \"b\"; global \"a\";"), 1, 55, "used before it is global", 1 },
	{ TEXT(INCLUDE "global \"global.a\";"), 1, 42, "write the name without it", 1 },
	{ TEXT(INCLUDE "global \"1\";"), 1, 42, "matches set", 1 },
	{ TEXT("require \"include\"; global \"a\";"), 1, 20, "add require \"variables\"", 1 },
	/* several */
	{ TEXT("foo;\nbar \"x\";\nif baz { quux; }\nkeep \"x\";"), 1, 1, "foo", 5 },
	{ TEXT("if true { keep, keep; stop }"), 1, 15, "semicolon or a block", 2 },
	{ TEXT("keep ] ; kep; if ] { kep; }"), 1, 6, "semicolon or a block", 5 },
};

static void test_says_what_is_wrong(void **state)
{
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct row *row = &rows[i];
		struct sieve_program *program =
		    compile((struct span){ row->script.p, row->script.n });

		if (program != NULL || errors.list[0].line != row->line ||
		    errors.list[0].column != row->column ||
		    strstr(errors.list[0].text, row->part) == NULL ||
		    errors.n_errors != row->n_errors) {
			show(row->script.p);
			fail_msg("row %zu: %u:%u: %s, %zu errors", i, row->line, row->column,
			    row->part, row->n_errors);
		}
	}
}

/* --- strings ---------------------------------------------------------------------------------------------------- */

#define FILEINTO                                                                     \
	"require [\"fileinto\", \"variables\", \"encoded-character\", \"include\", " \
	"\"vnd.dovecot.environment\"]; fileinto "

static const struct {
	const char *script, *want; /* pieces in brackets: <n> an index, (name), {match} */
} strings[] = {
	{ "\"\"", "" },
	{ "\"a\\b\\\\\\\"\"", "ab\\\"" },
	{ "\"a\nb\r\nc\"", "a\r\nb\r\nc" },
	{ "\"a\\\nb\"", "a\r\nb" },
	{ "text:\n.\n", "" },
	{ "text:\na\n..\n.b\n..c\n\n.\n", "a\r\n.\r\n.b\r\n.c\r\n\r\n" },
	{ "text: # x\r\n\"\\a\"\r\n.\r\n", "\"\\a\"\r\n" },
	/* RFC 5228 2.4.2.4 */
	{ "\"$${hex:40}\"", "$@" },
	{ "\"${hex: 40 }${HEX:\t4 1}\"", "@\004\001" },
	{ "\"${hex:40\"", "${hex:40" },
	{ "\"${hex:400}\"", "${hex:400}" },
	{ "\"${hex:4${hex:30}}\"", "${hex:40}" },
	{ "\"${hex:}${hex:x}${hex:4041}\"", "${hex:}${hex:x}${hex:4041}" },
	{ "\"${unicode:40}${ unicode:40}${UnICoDE:0000040}\"", "@${ unicode:40}@" },
	{ "\"${unicode:e9 20ac 1F600}\"", "\303\251\342\202\254\360\237\230\200" },
	{ "\"${unicode:d800\"", "${unicode:d800" },
	{ "\"${Unicode:Cool}\"", "${Unicode:Cool}" },
	/* RFC 5229 3 */
	{ "\"${a}\"", "<0>" },
	{ "\"x${a}${A}y${b_1}z\"", "x|<0>|<0>|y|<1>|z" },
	{ "\"${fo\\o}\"", "<0>" },
	{ "\"${fo\\\\o}\"", "${fo\\o}" },
	{ "\"\\\\${foo}\"", "\\|<0>" },
	{ "\"&%${}!\"", "&%${}!" },
	{ "\"${doh!}${ a}${a }${a.}${.a}${1a}${1.a}${a..b}${\"",
	    "${doh!}${ a}${a }${a.}${.a}${1a}${1.a}${a..b}${" },
	{ "\"$${a}${${a}}\"", "$|<0>|${|<0>|}" },
	{ "\"${0}${007}${31}${32}${99999999999999999999999}\"", "{0}|{7}|{31}||" },
	{ "\"dear${hex:20 24 7b 4e}ame}\"", "dear |<0>" },
	{ "\"${hex:24}{a}\"", "<0>" },
	{ "\"${env.vnd.Dovecot.username}\"", "(env.vnd.dovecot.username)" },
	{ "\"${Global.a}${a}${global.A}\"", "<0>|<1>|<0>" },
};

static void add_piece(char *out, size_t n, const struct piece *piece)
{
	switch (piece->kind) {
	case PIECE_TEXT:
		add_text(out, n, "%.*s", (int)piece->text.n, piece->text.p);
		break;
	case PIECE_VARIABLE:
		add_text(out, n, "<%u>", piece->index);
		break;
	case PIECE_MATCH:
		add_text(out, n, "{%u}", piece->index);
		break;
	case PIECE_NAMED:
		add_text(out, n, "(%.*s)", (int)piece->text.n, piece->text.p);
		break;
	}
}

static void test_reads_strings(void **state)
{
	for (size_t i = 0; i < LENGTH(strings); i++) {
		char script[400] = FILEINTO, got[200] = "";
		const struct string *string;
		struct sieve_program *program;

		add_text(script, sizeof(script), "%s;", strings[i].script);
		program = compile_fine(script);
		string = node_argument(program->commands->next, SLOT_FIRST)->strings;
		for (size_t j = 0; j < string->n_pieces; j++) {
			add_text(got, sizeof(got), j > 0 ? "|" : "");
			add_piece(got, sizeof(got), &string->pieces[j]);
		}
		if (string->n_pieces == 0) {
			expect_bytes(strings[i].script, string->text.p, string->text.n,
			    strings[i].want, strlen(strings[i].want));
		} else {
			expect_text(strings[i].script, got, strings[i].want);
		}
		sieve_program_free(program);
	}
}

/* Without their extensions they are but text. */
static void test_leaves_strings_alone(void **state)
{
	struct sieve_program *program =
	    compile_fine("require \"fileinto\"; fileinto \"${a}${hex:40}\";");
	const struct string *string = node_argument(program->commands->next, SLOT_FIRST)->strings;

	assert_int_equal(string->n_pieces, 0);
	expect_bytes("text", string->text.p, string->text.n, "${a}${hex:40}", 13);
	sieve_program_free(program);
}

/* --- programs --------------------------------------------------------------------------------------------------- */

static void test_makes_a_tree(void **state)
{
	struct sieve_program *program = compile_fine(
	    "require [\"fileinto\", \"copy\"];\nif not anyof (true,\n size :over 2K) {\n fileinto "
	    ":copy \"a\"; stop; }\nelse { }\nkeep;");
	const struct node *require = program->commands, *branch = require->next;
	const struct node *any = branch->tests->tests, *size = any->tests->next;
	const struct node *fileinto = branch->block;

	expect_text("command", branch->word->name, "if");
	expect_text("test", branch->tests->word->name, "not");
	expect_text("test", any->word->name, "anyof");
	expect_text("test", size->word->name, "size");
	assert_null(size->next);
	assert_int_equal(size->at.line, 3);
	assert_int_equal(size->at.column, 2);
	assert_int_equal(node_argument(size, SLOT_FIRST)->number, 2048);
	assert_int_equal(node_argument(size, SLOT_SIZE)->value, 1);
	assert_int_equal(fileinto->at.line, 4);
	assert_non_null(node_argument(fileinto, SLOT_COPY));
	assert_null(node_argument(fileinto, SLOT_CREATE));
	expect_text("command", fileinto->next->word->name, "stop");
	assert_null(fileinto->next->next);
	assert_null(branch->next->block);
	expect_text("command", branch->next->next->word->name, "keep");
	assert_true(sieve_program_extensions(program) ==
		    (EXTENSION_BIT(EXTENSION_FILEINTO) | EXTENSION_BIT(EXTENSION_COPY)));
	assert_false(sieve_program_sends(program));
	sieve_program_free(program);
	program = compile_fine("if false { redirect \"a@example.com\"; }");
	assert_true(sieve_program_sends(program));
	sieve_program_free(program);
}

/* What ihave makes unreachable leaves nothing behind. */
static void test_leaves_out_what_is_not_reached(void **state)
{
	struct sieve_program *program = compile_fine(
	    IHAVE "if allof (ihave \"no\", x) { redirect \"x\"; } elsif ihave \"copy\" { stop; } "
		  "else { y; } keep;");
	const struct node *branch = program->commands->next;

	assert_null(branch->tests->tests->next);
	assert_null(branch->block);
	expect_text("block", branch->next->block->word->name, "stop");
	expect_text("behind", branch->next->next->word->name, "keep");
	assert_false(sieve_program_sends(program));
	assert_true(sieve_program_extensions(program) ==
		    (EXTENSION_BIT(EXTENSION_IHAVE) | EXTENSION_BIT(EXTENSION_COPY)));
	sieve_program_free(program);
}

static void test_lists_includes(void **state)
{
	struct sieve_program *program =
	    compile_fine(INCLUDE "include :optional \"a\";\ninclude :global \"a\"; include "
				 "\"b\";\ninclude \"a\"; include :once \"b\";");
	size_t n;
	const struct sieve_include *includes = sieve_program_includes(program, &n);

	assert_int_equal(n, 3);
	assert_int_equal(includes[0].place, SIEVE_PERSONAL);
	assert_false(includes[0].is_optional);
	assert_int_equal(includes[0].line, 1);
	assert_int_equal(includes[1].place, SIEVE_GLOBAL);
	expect_bytes("name", includes[2].name.p, includes[2].name.n, "b", 1);
	assert_int_equal(includes[2].line, 2);
	sieve_program_free(program);
}

struct said {
	char text[512];
	size_t n;
};

static void on_sending(void *data, const struct sieve_sending *sending)
{
	struct said *said = data;

	said->n += (size_t)snprintf(said->text + said->n, sizeof(said->text) - said->n,
	    "%u %s %.*s\n", sending->line, sending->command, (int)sending->to.n, sending->to.p);
}

static void expect_sendings(const char *script, const char *expected)
{
	struct sieve_program *program = compile_fine(script);
	struct said said = { .n = 0 };

	sieve_program_sendings(program, on_sending, &said);
	assert_string_equal(said.text, expected);
	sieve_program_free(program);
}

static void on_count(void *data, const struct sieve_sending *sending)
{
	*(unsigned *)data += strcmp(sending->command, "redirect") == 0;
}

static void expect_sendings_n(const char *script, unsigned n_expected)
{
	struct sieve_program *program = compile_fine(script);
	unsigned n = 0;

	sieve_program_sendings(program, on_count, &n);
	assert_int_equal(n, n_expected);
	sieve_program_free(program);
}

static void test_tells_what_it_sends(void **state)
{
	char deep[2048] = "";

	expect_sendings("keep; discard;", "");
	expect_sendings(
	    "require [\"variables\", \"duplicate\", \"copy\", \"reject\", \"ereject\","
	    "\"vacation\", \"enotify\"];\n"
	    "if duplicate { redirect :copy \"a@example.com\"; }\n"
	    "elsif true { if true { } if false { redirect \"${1}@${x}\"; stop; } reject \"no\"; }\n"
	    "else { ereject \"no\"; }\n"
	    "vacation \"away\"; notify \"mailto:b@example.com\"; keep;",
	    "2 redirect a@example.com\n3 redirect ${1}@${x}\n3 reject \n4 ereject \n"
	    "5 vacation \n5 notify mailto:b@example.com\n");
	for (size_t i = 0; i < PARSE_BLOCKS_MAX; i++) {
		add_text(deep, sizeof(deep), "if true { ");
	}
	add_text(deep, sizeof(deep), "redirect \"deep@example.com\"; ");
	for (size_t i = 0; i < PARSE_BLOCKS_MAX; i++) {
		add_text(deep, sizeof(deep), "} redirect \"u@example.com\"; ");
	}
	expect_sendings_n(deep, PARSE_BLOCKS_MAX + 1);
}

static void test_shares_variables(void **state)
{
	struct sieve_program *program = compile_fine(
	    INCLUDE "set \"a\" \"\"; global [\"b\", \"C\"]; set \"global.a\" \"${c}${b}\";");

	assert_int_equal(program->n_variables, 4);
	expect_bytes("c", program->variables[2].p, program->variables[2].n, "c", 1);
	expect_bytes("a", program->variables[3].p, program->variables[3].n, "a", 1);
	assert_false(program->is_global[0]);
	assert_true(program->is_global[1]);
	assert_true(program->is_global[2]);
	assert_true(program->is_global[3]);
	sieve_program_free(program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepts),
		cmocka_unit_test(test_short_programs),
		cmocka_unit_test(test_says_what_is_wrong),
		cmocka_unit_test(test_reads_strings),
		cmocka_unit_test(test_leaves_strings_alone),
		cmocka_unit_test(test_makes_a_tree),
		cmocka_unit_test(test_leaves_out_what_is_not_reached),
		cmocka_unit_test(test_lists_includes),
		cmocka_unit_test(test_tells_what_it_sends),
		cmocka_unit_test(test_shares_variables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
