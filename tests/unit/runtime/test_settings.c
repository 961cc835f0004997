/* SPDX-License-Identifier: MIT
 * Configuration files: defaults, values, and errors that name the file, the line that is wrong, the
 * key and what is allowed. */
#include "runtime/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "runtime/mysql_settings.h"
#include "tests/unit/unit.h"

static int check_word(const char *value, struct error *error)
{
	if (strchr(value, '/') != NULL) {
		return error_set(error, "\"%s\" has a slash", value);
	}
	return 0;
}

static const struct settings_key keys[] = {
	{ "", "name", SETTINGS_TEXT, "nobody", 0, 0, check_word },
	{ "", "plain", SETTINGS_TEXT, "", 0, 0, NULL },
	{ "box", "number", SETTINGS_NUMBER, "5", 1, 1000, NULL },
	{ "box", "mode", SETTINGS_MODE, "0640", 0, 0777, NULL },
	{ "box", "list", SETTINGS_LIST, "{\"a\", \"b c\"}", 0, 0, check_word },
	{ "other", "number", SETTINGS_NUMBER, "-1", -10, 10, NULL },
};

static const struct settings_table table = { keys, LENGTH(keys) };

struct place {
	char directory[200];
	char file[256];
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	directory_make(place->directory, sizeof(place->directory));
	snprintf(place->file, sizeof(place->file), "%s/x.conf", place->directory);
	setenv("LMTPD_UNIT", "from \"outside\"", 1);
	unsetenv("LMTPD_UNIT_ABSENT");
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	directory_remove(place->directory);
	free(place);
	return 0;
}

static void write_file(const struct place *place, const char *content, size_t n)
{
	FILE *file = fopen(place->file, "we");

	assert_non_null(file);
	assert_int_equal(fwrite(content, 1, n, file), n);
	assert_int_equal(fclose(file), 0);
}

/* All values in one line: name|plain|number|mode|list,...|other number. */
static void dump(const struct settings *settings, char *out, size_t n)
{
	size_t n_list;
	const char **list = settings_list(settings, "box", "list", &n_list);

	snprintf(out, n, "%s|%s|%ld|%lo|", settings_text(settings, "", "name"),
	    settings_text(settings, "", "plain"), settings_number(settings, "box", "number"),
	    (unsigned long)settings_number(settings, "box", "mode"));
	for (size_t i = 0; i < n_list; i++) {
		add_text(out, n, "%s%s", i > 0 ? "," : "", list[i]);
	}
	add_text(out, n, "|%ld", settings_number(settings, "other", "number"));
	free(list);
}

/* The values, or the error behind the file's name. */
static void load(const struct place *place, struct text content, char *out, size_t n)
{
	struct settings *settings = NULL;
	struct error error = { "" };

	write_file(place, content.p, content.n);
	if (settings_load(&settings, place->file, &table, 1, &error) == 0) {
		dump(settings, out, n);
		settings_free(settings);
		return;
	}
	assert_null(settings);
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
	struct settings *settings = NULL;
	struct error error = { "" };

	assert_int_equal(settings_load(&settings, place->file, &table, 1, &error), -1);
	assert_non_null(strstr(error.text, place->file));
	assert_non_null(strstr(error.text, "No such file"));
	assert_int_equal(settings_load(&settings, place->directory, &table, 1, &error), -1);
	assert_non_null(strstr(error.text, place->directory));
	settings_free(NULL);
}

/* A message that does not fit is cut, and one load says nothing of the one before. */
static void test_short_error(void **state)
{
	const struct place *place = *state;
	struct settings *settings = NULL;
	struct error error;
	char out[3000], key[2 * ERROR_MAX];

	memset(key, 'k', sizeof(key));
	memcpy(key + sizeof(key) - 4, " = x", 4);
	write_file(place, key, sizeof(key));
	assert_int_equal(settings_load(&settings, place->file, &table, 1, &error), -1);
	assert_int_equal(strlen(error.text), ERROR_MAX - 1);
	load(place, (struct text){ "plain = x", 9 }, out, sizeof(out));
	expect_text("the next one", out, "nobody|x|5|640|a,b c|-1");
}

/* Two tables make one file, and two files do not touch each other. */
static void test_two_at_once(void **state)
{
	const struct place *place = *state;
	const struct settings_table tables[] = { table, mysql_settings_table };
	struct settings *first = NULL, *second = NULL;
	struct error error;
	char out[1000];

	write_file(place, "name = first mysql { user = me }", 32);
	assert_int_equal(settings_load(&first, place->file, tables, 2, &error), 0);
	write_file(place, "name = second", 13);
	assert_int_equal(settings_load(&second, place->file, tables, 2, &error), 0);
	dump(first, out, sizeof(out));
	expect_text("first", out, "first||5|640|a,b c|-1");
	expect_text("first", settings_text(first, "mysql", "user"), "me");
	expect_text("second", settings_text(second, "mysql", "user"), "mailuser");
	settings_free(first);
	dump(second, out, sizeof(out));
	expect_text("second", out, "second||5|640|a,b c|-1");
	settings_free(second);
}

struct mysql_row {
	const char *content;
	const char *values; /* hosts|user|password|dbname|option file|connections|timeout */
	const char *error;  /* a part of it; NULL: none */
};

/* $FILE stands for the name of a file whose first line is a password; $FILE-blank's is none. */
static const struct mysql_row mysql_rows[] = {
	{ "", "127.0.0.1|mailuser||mailserver||4|5", NULL },
	{ "mysql { hosts = {\"a\", \"b:3307\"}\n user = u\n password = \"p#w d\"\n dbname = d\n"
	  " option_file = /o\n connections = 256\n timeout = 60 }",
	    "a,b:3307|u|p#w d|d|/o|256|60", NULL },
	{ "mysql { password_file = \"$FILE\" }", "127.0.0.1|mailuser|from the file|mailserver||4|5",
	    NULL },
	{ "mysql { password = x\n password_file = \"$FILE\" }", NULL, "both" },
	{ "mysql { password_file = \"/nonexistent\" }", NULL, "/nonexistent: No such file" },
	{ "mysql { password_file = \"/dev/null\" }", NULL, "empty" },
	{ "mysql { password_file = \"$FILE-blank\" }", NULL, "empty" },
	{ "mysql { hosts = {} }", NULL, "hosts is empty" },
};

static void check_mysql(const struct place *place, const struct mysql_row *row)
{
	struct settings *settings = NULL;
	struct mysql_settings mysql;
	struct error error = { "" };
	char content[1000], values[1000] = "";
	const char *mark = strstr(row->content, "$FILE");
	int n = mark == NULL ? (int)strlen(row->content) : (int)(mark - row->content), result;

	snprintf(content, sizeof(content), "%.*s%s%s%s", n, row->content,
	    mark == NULL ? "" : place->directory, mark == NULL ? "" : "/password",
	    mark == NULL ? "" : mark + strlen("$FILE"));
	write_file(place, content, strlen(content));
	assert_int_equal(
	    settings_load(&settings, place->file, &mysql_settings_table, 1, &error), 0);
	result = mysql_settings_load(&mysql, settings, &error);
	if (result != (row->error == NULL ? 0 : -1) ||
	    (row->error != NULL && strstr(error.text, row->error) == NULL)) {
		fail_msg("%s: %d (%s)", content, result, error.text);
	}
	if (result == 0) {
		for (size_t i = 0; i < mysql.n_hosts; i++) {
			add_text(values, sizeof(values), "%s%s", i > 0 ? "," : "", mysql.hosts[i]);
		}
		add_text(values, sizeof(values), "|%s|%s|%s|%s|%u|%u", mysql.user, mysql.password,
		    mysql.dbname, mysql.option_file, mysql.connections, mysql.timeout);
		expect_text(content, values, row->values);
	}
	mysql_settings_free(&mysql);
	settings_free(settings);
}

static void test_mysql(void **state)
{
	struct place password = *(struct place *)*state, blank = password;

	snprintf(password.file, sizeof(password.file), "%.180s/password", password.directory);
	write_file(&password, "from the file\r\nnot this\n", 24);
	snprintf(blank.file, sizeof(blank.file), "%.180s/password-blank", blank.directory);
	write_file(&blank, "\nnot this\n", 10);
	for (size_t i = 0; i < LENGTH(mysql_rows); i++) {
		check_mysql(*state, &mysql_rows[i]);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_values),
		TEST(test_errors),
		TEST(test_broken_files),
		TEST(test_sizes),
		TEST(test_no_file),
		TEST(test_short_error),
		TEST(test_two_at_once),
		TEST(test_mysql),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
