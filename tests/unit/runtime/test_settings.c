/* SPDX-License-Identifier: MIT
 * Configuration files: defaults, values, and errors that name the file, the line that is wrong, the
 * key and what is allowed. */
#include "runtime/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/unit.h"

static int check_word(const char *value, struct error *error)
{
	if (strchr(value, '/') != NULL) {
		return error_set(error, "\"%s\" has a slash", value);
	}
	return 0;
}

struct box {
	long number, mode;
	struct settings_list list;
};

struct values {
	char before; /* what no key fills begins as zeros */
	const char *name, *plain;
	struct box box;
	long other;
	char after;
};

static const struct settings_key keys[] = {
	{ "", "name", SETTINGS_TEXT, "nobody", offsetof(struct values, name), 0, 0, check_word },
	{ "", "plain", SETTINGS_TEXT, "", offsetof(struct values, plain), 0, 0, NULL },
	{ "box", "number", SETTINGS_NUMBER, "5", offsetof(struct values, box.number), 1, 1000,
	    NULL },
	{ "box", "mode", SETTINGS_MODE, "0640", offsetof(struct values, box.mode), 0, 0777, NULL },
	{ "box", "list", SETTINGS_LIST, "{\"a\", \"b c\"}", offsetof(struct values, box.list), 0, 0,
	    check_word },
	{ "other", "number", SETTINGS_NUMBER, "-1", offsetof(struct values, other), -10, 10, NULL },
};

static const struct settings_table table = { keys, LENGTH(keys), 0 };

static unsigned n_cleared;

/* The name "bad" is refused by this alone. */
static int check_values(void *data, struct error *error)
{
	struct values *values = data;

	if (strcmp(values->name, "bad") == 0) {
		return error_set(error, "name and plain do not go together");
	}
	assert_int_equal(values->before + values->after, 0); /* nothing else was written to */
	values->before = 'b';
	return 0;
}

static void clear_values(void *data)
{
	n_cleared++;
}

static const struct settings_form form = { sizeof(struct values), &table, 1, check_values,
	clear_values };

static int setup(void **state)
{
	setenv("LMTPD_UNIT", "from \"outside\"", 1);
	unsetenv("LMTPD_UNIT_ABSENT");
	return place_set_up(state, "x.conf");
}

static void write_file(const struct place *place, const char *content, size_t n)
{
	FILE *file = fopen(place->file, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

/* All values in one line: name|plain|number|mode|list,...|other number. */
static void dump(const struct values *values, char *out, size_t n)
{
	const struct box *box = &values->box;

	snprintf(out, n, "%s|%s|%ld|%lo|", values->name, values->plain, box->number,
	    (unsigned long)box->mode);
	for (size_t i = 0; i < box->list.n; i++) {
		add_text(out, n, "%s%s", i > 0 ? "," : "", box->list.texts[i]);
	}
	add_text(out, n, "|%ld", values->other);
}

/* The values, or the error behind the file's name. */
static void load(const struct place *place, struct text content, char *out, size_t n)
{
	struct values *values;
	struct error error = { "" };

	write_file(place, content.p, content.n);
	values = settings_load(&form, place->file, &error);
	if (values != NULL) {
		dump(values, out, n);
		settings_free(values);
		return;
	}
	if (strncmp(error.text, place->file, strlen(place->file)) != 0) {
		fail_msg("the error does not begin with the file: %s", error.text);
	}
	snprintf(out, n, "error%s", error.text + strlen(place->file));
}

struct row {
	const char *content, *values;
};

static void check_rows(const struct place *place, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char out[3000];

		load(place, (struct text){ rows[i].content, strlen(rows[i].content) }, out,
		    sizeof(out));
		expect_text(rows[i].content, out, rows[i].values);
	}
}

#define DEFAULTS "nobody||5|640|a,b c|-1"

static const struct row good[] = {
	{ "", DEFAULTS },
	{ "\n\n  \n", DEFAULTS },
	{ "# nothing\n", DEFAULTS },
	{ "box {}\nother {\n}\n", DEFAULTS },
	{ "name = \"x\"", "x||5|640|a,b c|-1" },
	{ "name = x\nplain = y\n", "x|y|5|640|a,b c|-1" },
	{ "name = 'x y'", "x y||5|640|a,b c|-1" },
	{ "name = \"\"", "||5|640|a,b c|-1" },
	{ "box { number = 7 }", "nobody||7|640|a,b c|-1" },
	{ "box { number = 1000\n mode = 0600 }\nother { number = -10 }",
	    "nobody||1000|600|a,b c|-10" },
	{ "box { number = \"7\" }", "nobody||7|640|a,b c|-1" },
	{ "box { mode = 0 }", "nobody||5|0|a,b c|-1" },
	{ "box { mode = 0777 }", "nobody||5|777|a,b c|-1" },
	{ "box { list = {} }", "nobody||5|640||-1" },
	{ "box { list = {\"x\"} }", "nobody||5|640|x|-1" },
	{ "box { list = {x, 'y', \"z z\"} }", "nobody||5|640|x,y,z z|-1" },
	{ "box {\n\tlist = {\n\t\t\"x\", # one\n\t\t\"y\"  /* two */\n\t}\n}",
	    "nobody||5|640|x,y|-1" },
	{ "box { number = 7 }\nbox { mode = 0 }", "nobody||7|0|a,b c|-1" },
	{ "name = x\nname = y", "y||5|640|a,b c|-1" },
	/* comments, and what only looks like one */
	{ "# name = x\n// name = x\n/* name = x\n */ name = y # z", "y||5|640|a,b c|-1" },
	{ "name = y// z\n", "y||5|640|a,b c|-1" },
	{ "# it's \"half quoted\nname = y\n", "y||5|640|a,b c|-1" },
	{ "name = \"a#b\"", "a#b||5|640|a,b c|-1" },
	{ "plain = \"http://x /* y */\"", "nobody|http://x /* y */|5|640|a,b c|-1" },
	{ "plain = '# x'", "nobody|# x|5|640|a,b c|-1" },
	{ "plain = \"a\\\"# b\" # c", "nobody|a\"# b|5|640|a,b c|-1" },
	{ "plain = 'a\\\\' # b", "nobody|a\\|5|640|a,b c|-1" },
	/* the environment */
	{ "plain = \"${LMTPD_UNIT}\"", "nobody|from \"outside\"|5|640|a,b c|-1" },
	{ "plain = '${LMTPD_UNIT}'", "nobody|${LMTPD_UNIT}|5|640|a,b c|-1" },
	{ "plain = \"<${LMTPD_UNIT_ABSENT}>\"", "nobody|<>|5|640|a,b c|-1" },
	{ "plain = \"<${LMTPD_UNIT_ABSENT:-x}>\"", "nobody|<x>|5|640|a,b c|-1" },
	{ "plain = \"$5 and 100%\"", "nobody|$5 and 100%|5|640|a,b c|-1" },
};

static void test_values(void **state)
{
	check_rows(*state, good, LENGTH(good));
}

static const struct row bad[] = {
	/* unknown keys, and where they are */
	{ "nmae = x", "error:1: no such option 'nmae'; allowed here: name plain box other" },
	{ "\n\n\nnmae = x", "error:4: no such option 'nmae'; allowed here: name plain box other" },
	{ "# a\n# b\n\n// c\nnmae = x",
	    "error:5: no such option 'nmae'; allowed here: name plain box other" },
	{ "/* a\n * b\n */\nnmae = x",
	    "error:4: no such option 'nmae'; allowed here: name plain box other" },
	{ "name = \"a\nb\"\nnmae = x",
	    "error:3: no such option 'nmae'; allowed here: name plain box other" },
	{ "name = x # a\n\nbox {\n\t# b\n\n\tnumbre = 5\n}",
	    "error:6: in section box: no such option 'numbre'; allowed here: number mode list" },
	{ "box {\n number = 7\n}\nother {\n mode = 5\n}",
	    "error:5: in section other: no such option 'mode'; allowed here: number" },
	{ "bx {\n}", "error:1: no such option 'bx'; allowed here: name plain box other" },
	{ "number = 5", "error:1: no such option 'number'; allowed here: name plain box other" },
	/* numbers */
	{ "box {\n number = 0\n}",
	    "error:2: in section box: number = 0: allowed is a number from 1 to 1000" },
	{ "box {\n number = 1001\n}",
	    "error:2: in section box: number = 1001: allowed is a number from 1 to 1000" },
	{ "box { number = 5s }",
	    "error:1: in section box: number = 5s: allowed is a number from 1 to 1000" },
	{ "box { number = five }",
	    "error:1: in section box: number = five: allowed is a number from 1 to 1000" },
	{ "box { number = \"\" }",
	    "error:1: in section box: number = : allowed is a number from 1 to 1000" },
	{ "box { number = 99999999999999999999 }",
	    "error:1: in section box: number = 99999999999999999999: allowed is a number from 1 to "
	    "1000" },
	{ "other { number = -11 }",
	    "error:1: in section other: number = -11: allowed is a number from -10 to 10" },
	/* modes: without its 0 the usual ones are out of range */
	{ "box { mode = 600 }",
	    "error:1: in section box: mode = 600: allowed is an octal mode, with "
	    "its leading 0, up to 0777" },
	{ "box { mode = 0800 }",
	    "error:1: in section box: mode = 0800: allowed is an octal mode, with "
	    "its leading 0, up to 0777" },
	{ "box { mode = 01777 }",
	    "error:1: in section box: mode = 01777: allowed is an octal mode, "
	    "with its leading 0, up to 0777" },
	{ "box { mode = 0688 }", "error:1: in section box: mode = 0688: allowed is an octal mode, "
				 "with its leading 0, up to 0777" },
	{ "box { mode = rw }", "error:1: in section box: mode = rw: allowed is an octal mode, with "
			       "its leading 0, up to 0777" },
	/* texts */
	{ "\nname = \"a/b\"", "error:2: name: \"a/b\" has a slash" },
	{ "box {\n list = {\"x\",\n\"y/z\"}\n}",
	    "error:3: in section box: list: \"y/z\" has a slash" },
};

static void test_errors(void **state)
{
	check_rows(*state, bad, LENGTH(bad));
}

/* What is no configuration at all: refused, with the line, whatever the words. */
static void test_broken_files(void **state)
{
	static const struct {
		struct text content;
		const char *start;
	} rows[] = {
		{ TEXT("name\n"), "error:" },
		{ TEXT("\nname x\n"), "error:2: " },
		{ TEXT("name = \n"), "error:" },
		{ TEXT("name = {x}\n"), "error:1: " },
		{ TEXT("\n\nbox {\n number = 5\n"), "error:3: " },
		{ TEXT("box {\n list = {\"x\"\n}\n"), "error:" },
		{ TEXT("}\n"), "error:1: " },
		{ TEXT("name = \"x\n"), "error:" },
		{ TEXT("box = 5\n"), "error:1: " },
		{ TEXT("name { }\n"), "error:1: " },
		{ TEXT("name = x\0y\n"), "error: " },
		{ TEXT("\0"), "error: " },
	};
	char out[3000];

	for (size_t i = 0; i < LENGTH(rows); i++) {
		load(*state, rows[i].content, out, sizeof(out));
		if (strncmp(out, rows[i].start, strlen(rows[i].start)) != 0) {
			fail_msg("%s: %s, want %s", shown(rows[i].content.p, rows[i].content.n),
			    out, rows[i].start);
		}
	}
}

static void test_sizes(void **state)
{
	enum {
		LARGEST = 1 << 20
	};
	char *content = test_malloc(LARGEST + 1), out[3000];

	memset(content, '\n', LARGEST + 1);
	memcpy(content, "name = x", 8);
	load(*state, (struct text){ content, LARGEST }, out, sizeof(out));
	expect_text("the largest file", out, "x||5|640|a,b c|-1");
	memcpy(content + LARGEST - 8, "nmae = x", 8);
	load(*state, (struct text){ content, LARGEST }, out, sizeof(out));
	expect_text("its last line", out,
	    "error:1048561: no such option 'nmae'; allowed here: name plain box other");
	load(*state, (struct text){ content, LARGEST + 1 }, out, sizeof(out));
	assert_memory_equal(out, "error: ", 7);
	test_free(content);
}

static void test_no_file(void **state)
{
	const struct place *place = *state;
	struct error error = { "" };

	assert_null(settings_load(&form, place->file, &error));
	assert_non_null(strstr(error.text, place->file));
	assert_non_null(strstr(error.text, "No such file"));
	assert_null(settings_load(&form, place->directory, &error));
	assert_non_null(strstr(error.text, place->directory));
	settings_free(NULL);
}

/* A message that does not fit is cut, and one load says nothing of the one before. */
static void test_short_error(void **state)
{
	const struct place *place = *state;
	struct error error;
	char out[3000], key[2 * ERROR_MAX];

	memset(key, 'k', sizeof(key));
	memcpy(key + sizeof(key) - 4, " = x", 4);
	write_file(place, key, sizeof(key));
	assert_null(settings_load(&form, place->file, &error));
	assert_int_equal(strlen(error.text), ERROR_MAX - 1);
	load(place, (struct text){ "plain = x", 9 }, out, sizeof(out));
	expect_text("the next one", out, "nobody|x|5|640|a,b c|-1");
}

/* What no single key can tell is found, but by one who reads alone; in any case all is let go of. */
static void test_check(void **state)
{
	const struct place *place = *state;
	struct values *values;
	char out[3000];

	n_cleared = 0;
	load(place, (struct text){ "name = bad", 10 }, out, sizeof(out));
	expect_text("loaded", out, "error: name and plain do not go together");
	assert_int_equal(n_cleared, 1);
	values = settings_read(&form, place->file, NULL);
	assert_non_null(values);
	dump(values, out, sizeof(out));
	expect_text("read", out, "bad||5|640|a,b c|-1");
	assert_int_equal(values->before, 0);
	settings_free(values);
	assert_int_equal(n_cleared, 2);
}

struct two {
	struct box box;
	struct values values;
};

static int check_two(void *data, struct error *error)
{
	return check_values(&((struct two *)data)->values, error);
}

/* Two tables make one file, each with a struct of its own within the form's; and two files do not touch
 * each other. */
static void test_two_at_once(void **state)
{
	static const struct settings_key more_keys[] = {
		{ "more", "mode", SETTINGS_MODE, "0", offsetof(struct box, mode), 0, 0777, NULL },
		{ "box", "more", SETTINGS_LIST, "{x}", offsetof(struct box, list), 0, 0, NULL },
	};
	static const struct settings_table tables[] = {
		{ keys, LENGTH(keys), offsetof(struct two, values) },
		{ more_keys, LENGTH(more_keys), offsetof(struct two, box) },
	};
	static const struct settings_form both = { sizeof(struct two), tables, LENGTH(tables),
		check_two, clear_values };
	const struct place *place = *state;
	struct two *first, *second;
	struct error error;
	char out[1000];

	write_file(place, "name = first more { mode = 0644 }", 33);
	first = settings_load(&both, place->file, &error);
	write_file(place, "name = second box { more = {y, z} }", 35);
	second = settings_load(&both, place->file, &error);
	if (first == NULL || second == NULL) {
		fail_msg("%s", error.text);
		return;
	}
	dump(&first->values, out, sizeof(out));
	expect_text("first", out, "first||5|640|a,b c|-1");
	assert_int_equal(first->box.mode, 0644);
	assert_int_equal(first->box.list.n, 1);
	settings_free(first);
	dump(&second->values, out, sizeof(out));
	expect_text("second", out, "second||5|640|a,b c|-1");
	assert_int_equal(second->box.mode, 0);
	assert_int_equal(second->box.list.n, 2);
	expect_text("second", second->box.list.texts[1], "z");
	settings_free(second);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_values),
		TEST(test_errors),
		TEST(test_broken_files),
		TEST(test_sizes),
		TEST(test_no_file),
		TEST(test_short_error),
		TEST(test_check),
		TEST(test_two_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
