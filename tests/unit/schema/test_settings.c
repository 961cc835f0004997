/* SPDX-License-Identifier: MIT
 * Section mysql: its values, where the password comes from, and what is wrong beyond single keys. */
#include "schema/directory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static int setup(void **state)
{
	return place_set_up(state, "x.conf");
}

static void write_file(const char *path, const char *content)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_int_equal(fputs(content, file) >= 0, 1);
	assert_int_equal(fclose(file), 0);
}

struct expectation {
	const char *content;
	const char *values; /* hosts|user|password|dbname|option file|TLS|CA|connections|timeout */
	const char *error;  /* a part of it; NULL: none */
};

/* $FILE stands for the name of a file whose first line is a password; $FILE-blank's is none. */
static const struct expectation rows[] = {
	{ "", "127.0.0.1|mailuser||mailserver||||4|5", NULL },
	{ "mysql { hosts = {\"a\", \"b:3307\"}\n user = u\n password = \"p#w d\"\n dbname = d\n"
	  " option_file = /o\n tls = required\n tls_ca = /c\n connections = 256\n timeout = 60 }",
	    "a,b:3307|u|p#w d|d|/o|required|/c|256|60", NULL },
	{ "mysql { password_file = \"$FILE\" }",
	    "127.0.0.1|mailuser|from the file|mailserver||||4|5", NULL },
	{ "mysql { password = x\n password_file = \"$FILE\" }", NULL,
	    "mysql: both password and password_file are set" },
	{ "mysql { password_file = \"/nonexistent\" }", NULL,
	    "mysql.password_file: /nonexistent: No such file" },
	{ "mysql { password_file = \"/dev/null\" }", NULL, "empty" },
	{ "mysql { password_file = \"$FILE-blank\" }", NULL, "empty" },
	{ "mysql { tls = on }", NULL,
	    "in section mysql: tls: \"on\" is not \"\", off, try or required" },
	{ "mysql { tls = try\n tls_ca = /c }", NULL, "mysql.tls_ca verifies with mysql.tls" },
	{ "mysql { tls_ca = /c }", NULL, "mysql.tls_ca verifies with mysql.tls" },
	{ "mysql { hosts = {} }", NULL, "mysql.hosts is empty" },
	{ "mysql { hosts = {\"a:b\"} }", NULL, "mysql.hosts: \"a:b\" is neither" },
	{ "mysql { user_query = \"SELECT 1\" }", NULL, "mysql.user_query: " },
};

/* A daemon's configuration: something of its own, and the directory's settings. */
struct config {
	long own;
	struct directory_settings directory;
};

static const struct settings_key own_keys[] = {
	{ "mysql", "user_query", SETTINGS_TEXT, "SELECT a FROM b WHERE a = '%u'",
	    offsetof(struct config, directory.queries[DIRECTORY_MAILBOX]), 0, 0, NULL },
};

static int check(void *config, struct error *error)
{
	return directory_settings_open(&((struct config *)config)->directory, error);
}

static void clear(void *config)
{
	directory_settings_close(&((struct config *)config)->directory);
}

static const struct settings_table tables[] = {
	{ own_keys, LENGTH(own_keys), 0 },
	{ directory_settings_keys, DIRECTORY_SETTINGS_KEYS, offsetof(struct config, directory) },
};

static const struct settings_form form = { sizeof(struct config), tables, LENGTH(tables), check,
	clear };

static void check_row(const struct place *place, const struct expectation *row)
{
	struct config *config;
	struct error error = { "" };
	char content[1000], values[1000] = "";
	const char *mark = strstr(row->content, "$FILE");
	int n = mark == NULL ? (int)strlen(row->content) : (int)(mark - row->content);

	snprintf(content, sizeof(content), "%.*s%s%s%s", n, row->content,
	    mark == NULL ? "" : place->directory, mark == NULL ? "" : "/password",
	    mark == NULL ? "" : mark + strlen("$FILE"));
	write_file(place->file, content);
	config = settings_load(&form, place->file, &error);
	if ((config == NULL) != (row->error != NULL) ||
	    (row->error != NULL && strstr(error.text, row->error) == NULL)) {
		fail_msg("%s: %s", content, error.text);
	}
	if (config != NULL) {
		const struct directory_settings *directory = &config->directory;

		for (size_t i = 0; i < directory->hosts.n; i++) {
			add_text(values, sizeof(values), "%s%s", i > 0 ? "," : "",
			    directory->hosts.texts[i]);
		}
		add_text(values, sizeof(values), "|%s|%s|%s|%s|%s|%s|%ld|%ld", directory->user,
		    directory->password, directory->dbname, directory->option_file, directory->tls,
		    directory->tls_ca, directory->connections, directory->timeout);
		expect_text(content, values, row->values);
		assert_non_null(directory->queries[DIRECTORY_MAILBOX]);
		assert_null(directory->queries[DIRECTORY_ALIAS]);
		assert_int_equal(config->own, 0);
	}
	settings_free(config);
}

static void test_rows(void **state)
{
	const struct place *place = *state;
	char path[256];

	snprintf(path, sizeof(path), "%s/password", place->directory);
	write_file(path, "from the file\r\nnot this\n");
	snprintf(path, sizeof(path), "%s/password-blank", place->directory);
	write_file(path, "\nnot this\n");
	for (size_t i = 0; i < LENGTH(rows); i++) {
		check_row(place, &rows[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rows, setup, place_tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
