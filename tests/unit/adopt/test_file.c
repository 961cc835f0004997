/* SPDX-License-Identifier: MIT
 * Files of "name = value" as Postfix and Dovecot write them, and the accounts in them. */
#include "adopt/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adopt/account.h"
#include "tests/unit/unit.h"

static const struct {
	bool is_dovecot;
	const char *text, *want; /* line:name=value| */
} cases[] = {
	{ false, "user = a\n# x = y\n\nquery = SELECT 1\n  FROM b\n# c\n\tWHERE c = d\nuser=e",
	    "1:user=a|4:query=SELECT 1 FROM b WHERE c = d|8:user=e|" },
	{ false, "  user = a \nno sign\n = \nx==y#z\r\n", "1:user=a|2:no sign=|4:x==y#z|" },
	{ false, "a = b = c\r\n  d\r\n", "1:a=b = c d|" },
	{ false, "", "" },
	{ false, "\n#\n  \n", "" },
	{ true, "driver = mysql\n# x = y\n  connect = \\\n   host=a \\\n # kept\n\nz = 'a#b' # c\n",
	    "1:driver=mysql|3:connect=host=a|7:z='a#b'|" },
	{ true, "a = b\\\n", "1:a=b|" },
	{ true, "a = b \\", "1:a=b|" },
	{ true, "nothing\n=\n\\\n", "2:=|" },
	{ true, "", "" },
};

static char *copy(const char *text)
{
	char *room = strdup(text);

	assert_non_null(room);
	return room;
}

static void test_cases(void **state)
{
	for (size_t i = 0; i < LENGTH(cases); i++) {
		char *text = copy(cases[i].text), got[512] = "";
		struct file_pairs pairs;

		if (cases[i].is_dovecot) {
			file_read_dovecot(&pairs, text);
		} else {
			file_read_postfix(&pairs, text);
		}
		for (size_t k = 0; k < pairs.n; k++) {
			add_text(got, sizeof(got), "%u:%s=%s|", pairs.list[k].line,
			    pairs.list[k].name, pairs.list[k].value);
		}
		expect_text(cases[i].text, got, cases[i].want);
		free(text);
	}
}

/* The last counts, and there are not more than can be held. */
static void test_finding(void **state)
{
	char text[FILE_PAIRS_MAX * 16] = "";
	struct file_pairs pairs;

	for (int i = 0; i < FILE_PAIRS_MAX + 9; i++) {
		add_text(text, sizeof(text), "a = %d\n", i);
	}
	file_read_postfix(&pairs, text);
	assert_int_equal(pairs.n, FILE_PAIRS_MAX);
	expect_text("the last", file_value(&pairs, "a"), "63");
	expect_text("none", file_value(&pairs, "b"), "");
	assert_null(file_find(&pairs, "b"));
}

static void test_loading(void **state)
{
	struct place *place = *state;
	struct error error;
	FILE *file = fopen(place->file, "w");
	char *text;

	assert_non_null(file);
	fputs("a\t= b", file);
	fclose(file);
	text = file_load(place->file, &error);
	expect_text("text", text, "a = b");
	file_free(text);
	file = fopen(place->file, "w");
	fwrite("a\0b", 1, 3, file);
	fclose(file);
	assert_null(file_load(place->file, &error));
	assert_int_equal(truncate(place->file, FILE_TEXT_MAX + 1), 0);
	assert_null(file_load(place->file, &error));
	assert_null(file_load(place->directory, &error));
	assert_null(file_load("/nonexistent", &error));
	expect_text("error", error.text, "No such file or directory");
}

/* "host host user dbname password" */
static void show(const struct account *account, char *got, size_t n)
{
	for (size_t i = 0; i < account->n_hosts; i++) {
		add_text(got, n, "%s ", account->hosts[i]);
	}
	add_text(got, n, "%s %s %s", account->user, account->dbname, account->password);
}

static void test_accounts(void **state)
{
	static const struct {
		bool is_connect;
		const char *text, *want;
	} accounts[] = {
		{ false,
		    "hosts = inet:127.0.0.1:3307, unix:/run/x db\nuser = u\npassword = p w\ndbname "
		    "= d",
		    "127.0.0.1:3307 unix:/run/x db u d p w" },
		{ false, "user = u", "localhost u  " },
		{ true, "host=127.0.0.1 host=::1 port=3307 dbname=d user=u password=p=w ssl_ca=/x",
		    "127.0.0.1:3307 [::1]:3307 u d p=w" },
		{ true, "host=/run/mysqld/mysqld.sock dbname=d user=u password=",
		    "unix:/run/mysqld/mysqld.sock u d " },
		{ true, "", "  " },
	};

	for (size_t i = 0; i < LENGTH(accounts); i++) {
		char *text = copy(accounts[i].text), got[512] = "";
		struct account account;
		struct file_pairs pairs;

		if (accounts[i].is_connect) {
			account_read_connect(&account, text);
		} else {
			file_read_postfix(&pairs, text);
			account_read_map(&account, &pairs);
		}
		show(&account, got, sizeof(got));
		expect_text(accounts[i].text, got, accounts[i].want);
		assert_false(account.is_cut);
		assert_true(account_is_same(&account, &account));
		assert_int_equal(account.has_more, strstr(accounts[i].text, "ssl_ca") != NULL);
		free(text);
	}
}

/* What is longer than can be held is no account. */
static void test_accounts_that_are_cut(void **state)
{
	char text[4096] = "password=";
	struct account account, other;

	memset(text + strlen(text), 'x', SIDE_PASSWORD_MAX);
	account_read_connect(&account, text);
	assert_true(account.is_cut);
	text[0] = '\0';
	for (int i = 0; i <= ACCOUNT_HOSTS_MAX; i++) {
		add_text(text, sizeof(text), "host=h%d ", i);
	}
	account_read_connect(&account, text);
	assert_true(account.is_cut);
	assert_int_equal(account.n_hosts, ACCOUNT_HOSTS_MAX);
	account_read_connect(&account, "host=a user=b dbname=c");
	account_read_connect(&other, "host=b user=b dbname=c");
	assert_false(account_is_same(&account, &other));
}

static int set_up(void **state)
{
	return place_set_up(state, "file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_finding),
		cmocka_unit_test_setup_teardown(test_loading, set_up, place_tear_down),
		cmocka_unit_test(test_accounts),
		cmocka_unit_test(test_accounts_that_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
