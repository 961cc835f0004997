/* SPDX-License-Identifier: MIT
 * Passwords against every kind of hash that libcrypt makes, and against what is none. Only a hash
 * that was checked may say "wrong": all else would tell users that their good password is bad. */
#include "auth/password.h"

#include <crypt.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

/* Of the linker's --wrap. */
void *__real_calloc(size_t count, size_t n);
void *__wrap_calloc(size_t count, size_t n);

static bool is_memory_short;

void *__wrap_calloc(size_t count, size_t n)
{
	return is_memory_short ? NULL : __real_calloc(count, n);
}

/* Every method of crypt(5) that can make new hashes, at its least cost. */
static const struct {
	const char *prefix, *name;
	unsigned long count;
	bool is_weak, is_slow; /* at its least cost still, so that it is not tried as often */
} methods[] = {
	{ "$y$", "yescrypt", 1, false, false },
	{ "$gy$", "gost-yescrypt", 1, false, false },
	{ "$7$", "scrypt", 6, false, true },
	{ "$2b$", "bcrypt of a cost below 8", 4, true, false },
	{ "$2a$", "bcrypt of a cost below 8", 4, true, false },
	{ "$2y$", "bcrypt of a cost below 8", 4, true, false },
	{ "$6$", "sha512crypt", 1000, false, false },
	{ "$5$", "sha256crypt", 1000, false, false },
	{ "$sha1", "sha1crypt", 100, true, false },
	{ "$md5", "SunMD5", 1, true, true },
	{ "$1$", "md5crypt", 0, true, false },
	{ "$3$", "NT", 0, true, false },
	{ "_", "bsdicrypt", 0, true, false },
	{ "", "descrypt", 0, true, false },
};

static const char *const schemes[] = { "{CRYPT}", "{SHA512-CRYPT}", "{SHA256-CRYPT}", "{BLF-CRYPT}",
	"{MD5-CRYPT}" };

static void make_hash(char *hash_r, size_t method, const char *password)
{
	static const char random[64] =
	    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	char setting[CRYPT_GENSALT_OUTPUT_SIZE];
	struct crypt_data *data = calloc(1, sizeof(*data));

	assert_non_null(data);
	if (crypt_gensalt_rn(methods[method].prefix, methods[method].count, random, sizeof(random),
		setting, sizeof(setting)) == NULL ||
	    crypt_rn(password, setting, data, (int)sizeof(*data)) == NULL) {
		fail_msg("this libcrypt cannot make %s", methods[method].name);
	}
	snprintf(hash_r, PASSWORD_HASH_MAX, "%s", data->output);
	free(data);
}

static void expect_outcome(const char *password, const char *stored, int outcome)
{
	int got = password_check(password, stored);

	if (got != outcome) {
		fail_msg("\"%s\" against \"%s\": %d, not %d", password, stored, got, outcome);
	}
}

/* The least that is wrong: the first character, and the case of a letter. */
static void expect_only(const char *password, const char *stored)
{
	char other[128];

	expect_outcome(password, stored, PASSWORD_RIGHT);
	snprintf(other, sizeof(other), "%s", password);
	other[0] ^= 1;
	expect_outcome(other, stored, PASSWORD_WRONG);
	expect_outcome("", stored, PASSWORD_WRONG);
	expect_outcome(stored, stored, PASSWORD_WRONG);
}

static void test_every_method(void **state)
{
	for (size_t i = 0; i < LENGTH(methods); i++) {
		char hash[PASSWORD_HASH_MAX];
		bool is_weak = !methods[i].is_weak;

		make_hash(hash, i, "se,cret");
		expect_only("se,cret", hash);
		assert_non_null(password_method(hash, &is_weak));
		expect_text(hash, password_method(hash, &is_weak), methods[i].name);
		assert_int_equal(is_weak, methods[i].is_weak);
	}
}

/* As people write them. */
static void change_case(char *text, int style)
{
	for (size_t i = 0; text[i] != '\0' && text[i] != '}'; i++) {
		if (style == 1 || (style == 2 && i % 2 == 0)) {
			text[i] = (char)tolower((unsigned char)text[i]);
		}
	}
}

/* The prefix is a word for people: the hash itself says how it was made. */
static void test_every_scheme(void **state)
{
	char hash[PASSWORD_HASH_MAX], stored[2 * PASSWORD_HASH_MAX];

	for (size_t i = 0; i < LENGTH(methods); i++) {
		make_hash(hash, i, "secret");
		for (size_t j = 0; j < 3 * LENGTH(schemes); j += methods[i].is_slow ? 5 : 1) {
			bool is_weak;

			snprintf(stored, sizeof(stored), "%s%s", schemes[j / 3], hash);
			change_case(stored, (int)(j % 3));
			expect_outcome("secret", stored, PASSWORD_RIGHT);
			expect_outcome("Secret", stored, PASSWORD_WRONG);
			expect_text(stored, password_method(stored, &is_weak), methods[i].name);
		}
	}
}

/* Made by others: openssl passwd, crypt_blowfish, and what books quote. */
static void test_vectors(void **state)
{
	static const char *const vectors[][2] = {
		{ "correct horse",
		    "$6$abcdefgh$yIZAF3gQPvtKZO/9qOJKffAKKbtS3ef3qmwyugk4uWVjX8YZf/GV3A8SkFxEPY0T56"
		    "CcilGrHKLffBsp6dLMG." },
		{ "correct horse", "$5$abcdefgh$ruMep1ijHnJPZbETDNiumskxcX3kN4lzZd5VlsqE7eB" },
		{ "correct horse", "$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80" },
		{ "p\303\244$$ \"w\\ord",
		    "$6$Hq3/"
		    ".x7TzQ0aLm9P$Bh9G9UjGcd7Gux6FIjpJMuSabLbgtDAzMtz4R.8J3stWokHslfjAcpqM63."
		    "yS.5zp0xFffeG5G7c5TZQ/O5C3/" },
		{ "Hello world!", "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/"
				  "O817G3uBnIFNjnQJuesI68u4OTLiB"
				  "FdcbYEdFCoEOfaS35inz1" },
		{ "Hello world!", "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5" },
		{ "U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW" },
		{ "U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK" },
		{ "rasmuslerdorf", "rl.3StKT.4T8M" },
		{ "rasmuslerdorf", "_J9..rasmBYk8r9AiWNc" },
		{ "password", "$3$$8846f7eaee8fb117ad06bdd830b7586c" },
		{ "firstpassword", "$6$qK6vOLrQgeLk2tSd$VSae2KdrqS08uXHTh.XWU1dEIePDxqkF8fkT."
				   "hrLA3moGYQNnnrjVM0.bMT"
				   "Mq3tsriJCgljWjskN8WWwz7UF3." },
	};

	for (size_t i = 0; i < LENGTH(vectors); i++) {
		expect_only(vectors[i][0], vectors[i][1]);
	}
	expect_outcome(
	    "", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy", PASSWORD_RIGHT);
}

/* A hash that was cut when it was stored, as by a column that is too narrow, or that has more behind
 * it. Nobody can tell whether a password matches it. */
static void test_damaged_hashes(void **state)
{
	char hash[PASSWORD_HASH_MAX], stored[PASSWORD_HASH_MAX + 8];

	for (size_t i = 0; i < LENGTH(methods); i++) {
		make_hash(hash, i, "secret");
		for (size_t n = 0; n < strlen(hash); n += methods[i].is_slow ? 11 : 1) {
			snprintf(stored, sizeof(stored), "%.*s", (int)n, hash);
			expect_outcome("secret", stored, PASSWORD_UNKNOWN_METHOD);
		}
		snprintf(stored, sizeof(stored), "%s ", hash);
		expect_outcome("secret", stored, PASSWORD_UNKNOWN_METHOD);
		snprintf(stored, sizeof(stored), "%sA", hash);
		expect_outcome("secret", stored, PASSWORD_UNKNOWN_METHOD);
		snprintf(stored, sizeof(stored), " %s", hash);
		expect_outcome("secret", stored, PASSWORD_UNKNOWN_METHOD);
		snprintf(stored, sizeof(stored), "!%s", hash);
		expect_outcome("secret", stored, PASSWORD_UNKNOWN_METHOD);
	}
}

/* The start of a hash, and then whatever up to the longest string and beyond. */
static void test_overlong_hashes(void **state)
{
	static const char *const starts[] = { "", "$y$j9T$", "$gy$j9T$", "$7$2/..../....",
		"$2b$04$", "$6$", "$6$salt$", "$5$salt$", "$sha1$100$", "$md5$", "$1$salt$", "$3$$",
		"_J9..", "{CRYPT}$y$j9T$", "{PLAIN}", "$argon2id$" };

	for (size_t i = 0; i < LENGTH(starts); i++) {
		for (size_t n = 150; n < 450; n += 7) {
			char stored[512];

			memset(stored, 'a', sizeof(stored));
			memcpy(stored, starts[i], strlen(starts[i]));
			stored[n] = '\0';
			expect_outcome("secret", stored, PASSWORD_UNKNOWN_METHOD);
		}
	}
}

static void test_no_hashes(void **state)
{
	static const char *const stored[] = {
		"",
		"secret",
		"secretpassword",
		"x",
		"*",
		"*0",
		"*1",
		"!",
		"!!",
		"NULL",
		"{CRYPT}",
		"{SHA512-CRYPT}",
		"{CRYPT}secret",
		"{CRYPT}*",
		"{PLAIN}secret",
		"{CLEARTEXT}secret",
		"{plain}secret",
		"{SHA512-CRYPT.b64}JDYkYQ==",
		"{SSHA512}0OqKqyRmnTVbVWXmUAzVR8jGLZIb7dWb",
		"{DES-CRYPT}rl.3StKT.4T8M",
		"{MD5}$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80",
		"{CRYPT}{CRYPT}$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80",
		"{CRYPT $1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80",
		"CRYPT}$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80",
		"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHQ$RdescudvJCsg",
		"$argon2d$v=19$m=65536,t=3,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b1dWRWJTmaaJObG",
		"$argon2i$v=19$m=16,t=2,p=1$c29tZXNhbHQ$x",
		"$apr1$abcdefgh$82JubPF2dQkt1tVfvLnXS.",
		"$8$mTj4RZG8N9ZDOk$elY/asfm8kD3iDmkBe3hD2r4xcA/0oWS5V3os.O91u.",
		"$2$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2z$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$2b$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		"$y$",
		"$6",
		"$",
		"$$",
		"5f4dcc3b5aa765d61d8327deb882cf99",
		"\303\244\303\244",
		"rl\n3StKT.4T8M",
	};

	for (size_t i = 0; i < LENGTH(stored); i++) {
		bool is_weak;

		expect_outcome("secret", stored[i], PASSWORD_UNKNOWN_METHOD);
		expect_outcome("", stored[i], PASSWORD_UNKNOWN_METHOD);
		expect_outcome(stored[i], stored[i], PASSWORD_UNKNOWN_METHOD);
		if (strncmp(stored[i], "$2b$99$", 7) != 0 && strcmp(stored[i], "$y$") != 0) {
			assert_null(password_method(stored[i], &is_weak));
		}
	}
}

static void test_locked(void **state)
{
	static const char *const locked[] = { NULL, "", "*", "**", "*0", "!", "!!",
		"!$6$qK6vOLrQgeLk2tSd$x", "*LK*", "{CRYPT}", "{crypt}*", "{CRYPT}!$1$abcdefgh$x",
		"{ARGON2ID}", "{SSHA512}!", "{}" };
	static const char *const open[] = { "x", " ", " *", "secret!", "$6$*", "{CRYPT}$6$!",
		"{CRYPT", "{CRYPT}{CRYPT}*", "}*", "{ARGON2ID}$argon2id$", "x{CRYPT}*" };
	char hash[PASSWORD_HASH_MAX];

	for (size_t i = 0; i < LENGTH(locked); i++) {
		if (!password_is_locked(locked[i])) {
			fail_msg("\"%s\" is not locked", locked[i] != NULL ? locked[i] : "NULL");
		}
		if (locked[i] != NULL) { /* and no password is right there */
			expect_outcome("secret", locked[i], PASSWORD_UNKNOWN_METHOD);
		}
	}
	for (size_t i = 0; i < LENGTH(open); i++) {
		if (password_is_locked(open[i])) {
			fail_msg("\"%s\" is locked", open[i]);
		}
	}
	for (size_t i = 0; i < LENGTH(methods); i++) {
		make_hash(hash, i, "secret");
		assert_false(password_is_locked(hash));
	}
}

static void test_passwords(void **state)
{
	char hash[PASSWORD_HASH_MAX];

	for (size_t i = 0; i < LENGTH(methods); i++) {
		make_hash(hash, i, "");
		expect_outcome("", hash, PASSWORD_RIGHT);
		expect_outcome("x", hash, PASSWORD_WRONG);
	}
	make_hash(hash, 6, "\303\244 \t\177\377\"\\$");
	expect_only("\303\244 \t\177\377\"\\$", hash);
}

/* Those that are longer than libcrypt takes nobody can have hashed: they are wrong. */
static void test_long_passwords(void **state)
{
	static const size_t sizes[] = { 72, 73, 255, 256, 510, 511, 512, 513, 514, 1023, 4095 };
	static char password[4096];
	char hash[PASSWORD_HASH_MAX];

	for (size_t i = 0; i < LENGTH(methods); i++) {
		make_hash(hash, i, "secret");
		for (size_t j = 0; j < LENGTH(sizes); j += methods[i].is_slow ? 3 : 1) {
			memset(password, 'p', sizes[j]);
			password[sizes[j]] = '\0';
			expect_outcome(password, hash, PASSWORD_WRONG);
		}
	}
	memset(password, 'p', 511);
	password[511] = '\0';
	make_hash(hash, 6, password);
	expect_outcome(password, hash, PASSWORD_RIGHT);
}

static void test_made_here(void **state)
{
	static const struct {
		const char *method, *start;
	} made[] = { { "sha512crypt", "$6$" }, { "yescrypt", "$y$" }, { "bcrypt", "$2b$" } };

	for (size_t i = 0; i < LENGTH(made); i++) {
		char hash[PASSWORD_HASH_MAX], again[PASSWORD_HASH_MAX];
		bool is_weak;

		assert_int_equal(password_hash(hash, "secret", made[i].method), 0);
		assert_int_equal(strncmp(hash, made[i].start, strlen(made[i].start)), 0);
		expect_text(hash, password_method(hash, &is_weak), made[i].method);
		assert_false(is_weak);
		expect_outcome("secret", hash, PASSWORD_RIGHT);
		expect_outcome("secreT", hash, PASSWORD_WRONG);
		/* Each time another salt. */
		assert_int_equal(password_hash(again, "secret", made[i].method), 0);
		assert_string_not_equal(hash, again);
		expect_outcome("secret", again, PASSWORD_RIGHT);
		/* The column of the tables has 106 characters. */
		assert_in_range(strlen(hash), 60, 106);
	}
}

static void test_refused(void **state)
{
	static char longest[1024];
	char hash[PASSWORD_HASH_MAX] = "";

	memset(longest, 'p', sizeof(longest) - 1);
	assert_int_equal(password_hash(hash, "secret", "md5crypt"), -EINVAL);
	assert_int_equal(password_hash(hash, "secret", ""), -EINVAL);
	assert_int_equal(password_hash(hash, "secret", "SHA512CRYPT"), -EINVAL);
	assert_int_equal(password_hash(hash, longest, "sha512crypt"), -ERANGE);
	assert_int_equal(password_hash(hash, longest, "bcrypt"), -E2BIG);
	assert_int_equal(password_hash(hash, longest, "yescrypt"), -ERANGE);
	expect_text("left alone", hash, "");
}

/* It looks at no more than 72 bytes: a longer password would be right with any end. */
static void test_bcrypt_cuts_nothing(void **state)
{
	char password[74], hash[PASSWORD_HASH_MAX] = "";

	memset(password, 'p', sizeof(password));
	password[73] = '\0';
	assert_int_equal(password_hash(hash, password, "bcrypt"), -E2BIG);
	expect_text("left alone", hash, "");
	assert_int_equal(password_hash(hash, password, "sha512crypt"), 0);
	password[72] = '\0';
	assert_int_equal(password_hash(hash, password, "bcrypt"), 0);
	expect_outcome(password, hash, PASSWORD_RIGHT);
}

/* 16 bytes of salt are 21 characters and 2 bits. Some programs fill the rest of the 22nd character with
 * what they have at hand; libcrypt takes such a salt, and writes it with zeros. */
static void test_salts_of_bcrypt(void **state)
{
	static const char alphabet[] =
	    "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	char hash[] = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

	for (size_t i = 0; i < sizeof(alphabet) - 1; i++) {
		hash[28] = alphabet[i];
		expect_outcome("U*U", hash, i < 16 ? PASSWORD_RIGHT : PASSWORD_WRONG);
		expect_outcome("U*V", hash, PASSWORD_WRONG);
	}
}

/* Each step of the cost doubles the work of who has stolen the hash. */
static void test_cost_of_bcrypt(void **state)
{
	static const struct {
		const char *hash, *method;
		bool is_weak;
	} rows[] = {
		{ "$2b$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		    "bcrypt of a cost below 8", true },
		{ "$2a$07$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		    "bcrypt of a cost below 8", true },
		{ "{BLF-CRYPT}$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
		    "bcrypt of a cost below 8", true },
		{ "$2y$08$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "bcrypt", false },
		{ "$2b$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "bcrypt", false },
		{ "$2x$12$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "bcrypt", true },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		bool is_weak = !rows[i].is_weak;
		const char *method = password_method(rows[i].hash, &is_weak);

		assert_non_null(method);
		expect_text(rows[i].hash, method, rows[i].method);
		assert_int_equal(is_weak, rows[i].is_weak);
	}
}

static void test_memory(void **state)
{
	char hash[PASSWORD_HASH_MAX] = "", made[PASSWORD_HASH_MAX];

	make_hash(made, 6, "secret");
	is_memory_short = true;
	assert_int_equal(password_check("secret", made), -ENOMEM);
	assert_int_equal(password_check("wrong", made), -ENOMEM);
	assert_int_equal(password_hash(hash, "secret", "sha512crypt"), -ENOMEM);
	is_memory_short = false;
	expect_outcome("secret", made, PASSWORD_RIGHT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_method),
		cmocka_unit_test(test_every_scheme),
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_damaged_hashes),
		cmocka_unit_test(test_overlong_hashes),
		cmocka_unit_test(test_no_hashes),
		cmocka_unit_test(test_locked),
		cmocka_unit_test(test_passwords),
		cmocka_unit_test(test_long_passwords),
		cmocka_unit_test(test_made_here),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bcrypt_cuts_nothing),
		cmocka_unit_test(test_salts_of_bcrypt),
		cmocka_unit_test(test_cost_of_bcrypt),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
