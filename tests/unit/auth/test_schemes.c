/* SPDX-License-Identifier: MIT
 * Hashes that libcrypt does not know: as Dovecot makes them, as others do, and as nobody should. Only what
 * was computed may say "wrong", and nothing that is stored may make it compute without end. */
#include <argon2.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth/argon.h"
#include "auth/password.h"
#include "tests/unit/unit.h"

/* Of the linker's --wrap. */
int __real_argon2_ctx(argon2_context *context, argon2_type type);
int __wrap_argon2_ctx(argon2_context *context, argon2_type type);

static struct {
	pthread_mutex_t mutex;
	uint32_t used, most, threads;
	int fails; /* with this error */
} library = { .mutex = PTHREAD_MUTEX_INITIALIZER };

/* Notes what all calls have together. */
int __wrap_argon2_ctx(argon2_context *context, argon2_type type)
{
	int result;

	pthread_mutex_lock(&library.mutex);
	library.used += context->m_cost;
	library.most = library.used > library.most ? library.used : library.most;
	library.threads = context->threads;
	pthread_mutex_unlock(&library.mutex);
	result = library.fails != 0 ? library.fails : __real_argon2_ctx(context, type);
	pthread_mutex_lock(&library.mutex);
	library.used -= context->m_cost;
	pthread_mutex_unlock(&library.mutex);
	return result;
}

static void expect_outcome(const char *password, const char *stored, int outcome)
{
	int got = password_check(password, stored);

	if (got != outcome) {
		fail_msg("\"%s\" against \"%.300s\": %d, not %d", password, stored, got, outcome);
	}
}

static void expect_method(const char *stored, const char *method, bool is_weak)
{
	bool is_weak_too = !is_weak;
	const char *got = password_method(stored, &is_weak_too);

	if (got == NULL || strcmp(got, method) != 0 || is_weak_too != is_weak) {
		fail_msg(
		    "\"%s\": %s, weak: %d", stored, got != NULL ? got : "no method", is_weak_too);
	}
}

#define ZEROS40 "0000000000000000000000000000000000000000"
#define SALT    "c29tZXNhbHQ"
#define TAG     "wWKIMhR9lyDFvRz9YTZweHKfbftvj+qf+YFY4NeBbtA"

static const char argon2i[] = "$argon2i$v=19$m=65536,t=2,p=1$" SALT "$" TAG;

/* By "doveadm pw -s SCHEME" of Dovecot 2.3.19, but for the last three, which are of Argon2's own tests. */
static const struct {
	const char *password, *stored, *method;
	bool is_weak;
} vectors[] = {
	{ "se,cret",
	    "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$nLl15C5NLbE+5IfWC+ADTQ"
	    "$SppjFHpnW5s5PWYR1p7sOk45XUSUa/p+vhx5x3adKD8",
	    "argon2id", false },
	{ "se,cret",
	    "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$A/WcmEUtHKzZpsezLJSFRA"
	    "$FB/VAdSpXcoQXplvD3k7A2b5Xhp+NfrdZsmQhthxplk",
	    "argon2i", false },
	{ "se,cret",
	    "{ARGON2ID.B64}"
	    "JGFyZ29uMmlkJHY9MTkkbT02NTUzNix0PTMscD0xJFZXb2hSWkVlSGZBNG1Ob1JMYktTWWckME"
	    "Fua2RaSTFFMm5lNWlvWEp5V3JFWnJrdGkwZGRsMVZRNGU3NzdoMFE5QQ==",
	    "argon2id", false },
	{ "se,cret", "{PBKDF2}$1$UnZQdPbKJ55iOR0K$5000$5132f2cc8b8484c0200020d15df3b4af10580824",
	    "PBKDF2", false },
	{ "se,cret",
	    "{PBKDF2.B64}"
	    "JDEkTkZhYk8wbjRDVy5qQmd5YiQ1MDAwJGFkN2RiODFlMTkzZTI5ZjFmY2MxNmE4OTRlYWNlMzA3"
	    "NDgzYmRhMmU=",
	    "PBKDF2", false },
	{ "se,cret",
	    "{SSHA512}"
	    "n69JUGxFFZBxpB7kyM4ugUZC8RpbwNqeF3DnAvl4WgvqSGT8NontBa41LBTdD7ZfpjZTTm6rl06G5Nk"
	    "IECRNYqGiy8E=",
	    "SSHA512", true },
	{ "se,cret",
	    "{SSHA512.HEX}"
	    "e40f6a0f18dc8a0e1429323db107ff9772c50e1163d332c80bb8ecd31db17504262b0d1d761"
	    "366b9ea0c476abfb787854b75ae23e6dfd5289eaa2622dc989cf36995d50e",
	    "SSHA512", true },
	{ "se,cret", "{SSHA256}04X4nMYMROhBLlCcSTbKX8KmqWa5LzYFIVUCwsN6ZNGuirG7", "SSHA256", true },
	{ "se,cret", "{ssha256.base64}qBCaffQfe8/0hEo4Iwfzq1Tv4lmVYoSQmGDCncg/vXUSmjJO", "SSHA256",
	    true },
	{ "se,cret", "{SSHA}KjZv7Jgvbequ+jf1NE7rGNSj2Z5vtjeJ", "SSHA", true },
	{ "se,cret", "{SSHA.HEX}75b456c63bf5699c674bcc54da77dba968ea41cee289478e", "SSHA", true },
	{ "se,cret",
	    "{SHA512}dLf9sijMmSuFCAxVTuEVQnCCPSWRamdLVdILDdN80z+"
	    "zFNqSkS1412YY0roB2GxOwgSowcyboEbCXrJ"
	    "AYGzeHQ==",
	    "SHA512", true },
	{ "se,cret",
	    "{SHA512.HEX}"
	    "74b7fdb228cc992b85080c554ee1154270823d25916a674b55d20b0dd37cd33fb314da92912"
	    "d78d76618d2ba01d86c4ec204a8c1cc9ba046c25eb240606cde1d",
	    "SHA512", true },
	{ "se,cret", "{SHA256}AdqP2RifcXLbZhokc0iicL0L+DKhhs0WEOrsuB0FcHA=", "SHA256", true },
	{ "se,cret", "{Sha256.b64}AdqP2RifcXLbZhokc0iicL0L+DKhhs0WEOrsuB0FcHA=", "SHA256", true },
	{ "se,cret", "{SHA256.HEX}01da8fd9189f7172db661a247348a270bd0bf832a186cd1610eaecb81d057070",
	    "SHA256", true },
	/* hex by its length, in either case */
	{ "se,cret", "{SHA256}01DA8fd9189f7172db661a247348a270bd0bf832a186cd1610eaecb81d057070",
	    "SHA256", true },
	{ "se,cret",
	    "{CRYPT.b64}JDJ5JDA1JEIvUGJZUE5sZDN2SU0yNVcwdHMyWU9NQTRWai9mVUZFR0hLS0h2NTFqYkVH"
	    "akl4Mi9IdTB5",
	    "bcrypt of a cost below 8", true },
	{ "se,cret",
	    "{SHA512-CRYPT.hex}"
	    "243624356b73334e6355556d30504f532e463024792e7a54726f724766557751633871"
	    "746b4f533978376c426a534d77733159496a56417062794c6e314652424f3645734a686e7258627945"
	    "5a6639386169656b446e6f4555314f37794d37474d59792e74363178572f",
	    "sha512crypt", false },
	/* with a salt of one byte */
	{ "secret", "{SSHA}sXdVG2D332rkLmiTqqEzXrUJLPJY", "SSHA", true },
	{ "password", argon2i, "argon2i", false },
	/* the name is a word for people */
	{ "password", "{ARGON2ID}$argon2i$v=19$m=65536,t=2,p=1$" SALT "$" TAG, "argon2i", false },
	/* of the version before, which had no name */
	{ "password",
	    "$argon2i$m=65536,t=2,p=1$" SALT "$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ",
	    "argon2i", false },
};

static void test_vectors(void **state)
{
	for (size_t i = 0; i < LENGTH(vectors); i++) {
		char other[32];

		expect_outcome(vectors[i].password, vectors[i].stored, PASSWORD_RIGHT);
		snprintf(other, sizeof(other), "%s", vectors[i].password);
		other[0] ^= 1;
		expect_outcome(other, vectors[i].stored, PASSWORD_WRONG);
		expect_method(vectors[i].stored, vectors[i].method, vectors[i].is_weak);
		assert_false(password_is_locked(vectors[i].stored));
	}
	for (size_t i = 3; i < 16; i++) {
		expect_outcome("", vectors[i].stored, PASSWORD_WRONG);
	}
}

/* A salted digest whose end is gone may look like one with a shorter salt. */
static bool is_digest_whole(const char *method, const char *stored)
{
	size_t n_digest = strcmp(method, "SSHA512") == 0   ? 64
			  : strcmp(method, "SSHA256") == 0 ? 32
							   : 20;
	bool is_hex = strstr(stored, ".HEX}") != NULL;

	return strncmp(method, "SSHA", 4) == 0 &&
	       strlen(scheme_skip(stored)) > (is_hex ? 2 * n_digest : n_digest / 3 * 4);
}

/* By a column that is too narrow: nobody can tell whether a password fits. */
static void test_cut(void **state)
{
	for (size_t i = 0; i < LENGTH(vectors); i++) {
		const char *whole = vectors[i].stored;
		char stored[PASSWORD_HASH_MAX];
		unsigned n_refused = 0;

		for (size_t n = 0; n < strlen(whole); n++) {
			const char *method;
			bool is_weak;

			snprintf(stored, sizeof(stored), "%.*s", (int)n, whole);
			method = password_method(stored, &is_weak);
			if (method == NULL) {
				expect_outcome(
				    vectors[i].password, stored, PASSWORD_UNKNOWN_METHOD);
				n_refused++;
			} else if (!is_digest_whole(method, stored)) {
				fail_msg("cut and taken: %s", stored);
			}
		}
		assert_true(n_refused >= strlen(whole) - 8);
		snprintf(stored, sizeof(stored), "%s ", whole);
		expect_outcome(vectors[i].password, stored, PASSWORD_UNKNOWN_METHOD);
	}
}

static const char *const hostile[] = {
	/* schemes and encodings */
	"{SSHA512.B65}AAAA",
	"{SSHA512.}AAAA",
	"{.HEX}00",
	"{HEX}00",
	"{SSHA512.HEX.B64}00",
	"{SHA1}AAAA",
	"{MD5}AAAA",
	"{SSHA256 }AAAA",
	"{SSHA256",
	"{PLAIN.HEX}736563726574",
	"{ARGON2D}x",
	"{}x",
	/* digests: none, too short, without a salt, of another size, no base64, no hex */
	"{SSHA}",
	"{SSHA}AAAA",
	"{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
	"{SHA256}AAAA",
	"{SHA256.HEX}00",
	"{SHA256.HEX}0",
	"{SHA256.B64}01da8fd9189f7172db661a247348a270bd0bf832a186cd1610eaecb81d057070",
	"{SHA256}01da8fd9189f7172db661a247348a270bd0bf832a186cd1610eaecb81d05707g",
	"{SHA256}AdqP2RifcXLbZhokc0iicL0L+DKhhs0WEOrsuB0FcHA",
	"{SSHA}KjZv7Jgvbequ-jf1NE7rGNSj2Z5vtjeJ",
	"{SSHA}====",
	"{SSHA}\303\244\303\244",
	"{SSHA512}*",
	"{SHA512}!",
	/* a NUL within what must be text */
	"{CRYPT.HEX}2431002431",
	"{ARGON2ID.HEX}00",
	"{PBKDF2.HEX}2431240073",
	"{CRYPT.B64}AAAA",
	/* PBKDF2 */
	"{PBKDF2}",
	"{PBKDF2}$",
	"{PBKDF2}$1$",
	"{PBKDF2}$1$$1000$" ZEROS40,
	"{PBKDF2}$1$salt$$" ZEROS40,
	"{PBKDF2}$1$salt$0$" ZEROS40,
	"{PBKDF2}$1$salt$-1$" ZEROS40,
	"{PBKDF2}$1$salt$4000001$" ZEROS40,
	"{PBKDF2}$1$salt$4294967296$" ZEROS40,
	"{PBKDF2}$1$salt$4294967295$" ZEROS40,
	"{PBKDF2}$1$salt$99999999999999999999999$" ZEROS40,
	"{PBKDF2}$1$salt$1000$" ZEROS40 "0",
	"{PBKDF2}$1$salt$1000$" ZEROS40 "00",
	"{PBKDF2}$2$salt$1000$" ZEROS40,
	"{PBKDF2}$1$salt$1000$g" ZEROS40,
	"{PBKDF2}$1$salt$10 0$" ZEROS40,
	"{PBKDF2}$1$salt$1000",
	/* Argon2: memory, passes and lanes without end, or none */
	"$argon2id$v=19$m=262145,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=1073741824,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=4294967295,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=4294967304,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=65536,t=33,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=65536,t=4294967295,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=65536,t=99999999999999999999,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=8,t=262145,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=65536,t=1,p=16777216$" SALT "$" TAG,
	"$argon2id$v=19$m=65536,t=1,p=8193$" SALT "$" TAG,
	"$argon2id$v=19$m=7,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=0,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=64,t=0,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=64,t=1,p=0$" SALT "$" TAG,
	"$argon2id$v=18$m=64,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=$m=64,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19,m=64,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$t=1,m=64,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=+64,t=1,p=1$" SALT "$" TAG,
	"$argon2id$v=19$m=64,t=1,p=1,keyid=a$" SALT "$" TAG,
	"$argon2id$v=19$m=64,t=1$" SALT "$" TAG,
	"$argon2d$v=19$m=64,t=1,p=1$" SALT "$" TAG,
	"$argon2id",
	"$argon2id$",
	"$argon2id$v=19$",
	/* its salt and tag */
	"$argon2id$v=19$m=64,t=1,p=1$$" TAG,
	"$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbA$" TAG,
	"$argon2id$v=19$m=64,t=1,p=1$" SALT,
	"$argon2id$v=19$m=64,t=1,p=1$" SALT "$",
	"$argon2id$v=19$m=64,t=1,p=1$" SALT "$RdescudvJCsgt3ub+b1dWRWJTmaaJObG",
	"$argon2id$v=19$m=64,t=1,p=1$" SALT "$" TAG "=",
	"$argon2id$v=19$m=64,t=1,p=1$" SALT "=$" TAG,
	"$argon2id$v=19$m=64,t=1,p=1$" SALT "$" TAG "$",
	"$argon2id$v=19$m=64,t=1,p=1$" SALT "$" TAG TAG TAG,
	"$argon2id$v=19$m=64,t=1,p=1$som!salt$" TAG,
	"$argon2id$v=19$m=64,t=1,p=1$" SALT "$ " TAG,
};

static void test_hostile(void **state)
{
	library.most = 0;
	for (size_t i = 0; i < LENGTH(hostile); i++) {
		bool is_weak;

		if (password_method(hostile[i], &is_weak) != NULL) {
			fail_msg("taken: %s", hostile[i]);
		}
		expect_outcome("secret", hostile[i], PASSWORD_UNKNOWN_METHOD);
		expect_outcome("", hostile[i], PASSWORD_UNKNOWN_METHOD);
	}
	assert_int_equal(library.most, 0);
}

/* Longer than any hash: salts of ten thousand bytes. */
static void test_long(void **state)
{
	static const struct {
		const char *start, *end;
	} forms[] = { { "{SSHA}", "" }, { "{SSHA512.HEX}", "" },
		{ "{PBKDF2}$1$", "$1000$" ZEROS40 }, { "$argon2id$v=19$m=64,t=1,p=1$", "$" TAG },
		{ "{ARGON2ID.B64}", "" }, { "{", "}" } };
	static char stored[12000];

	for (size_t i = 0; i < LENGTH(forms); i++) {
		for (size_t n = 300; n < 10000; n += n < 500 ? 1 : 700) {
			size_t n_start = strlen(forms[i].start);

			memcpy(stored, forms[i].start, n_start);
			memset(stored + n_start, 'A', n);
			memcpy(stored + n_start + n, forms[i].end, strlen(forms[i].end) + 1);
			if (strlen(scheme_skip(stored)) >= PASSWORD_HASH_MAX) {
				expect_outcome("x", stored, PASSWORD_UNKNOWN_METHOD);
			} else {
				assert_true(password_check("x", stored) >= PASSWORD_WRONG);
			}
		}
	}
}

/* Lanes are computed by threads of the library's own elsewhere, and one after the other here. */
static void test_lanes(void **state)
{
	static const uint32_t lanes[] = { 1, 2, 3, 4, 8, 31 };

	for (size_t i = 0; i < LENGTH(lanes); i++) {
		char stored[PASSWORD_HASH_MAX];

		assert_int_equal(argon2id_hash_encoded(2, 1000, lanes[i], "secret", 6, "somesalt",
				     8, 32, stored, sizeof(stored)),
		    ARGON2_OK);
		expect_outcome("secret", stored, PASSWORD_RIGHT);
		assert_int_equal(library.threads, 1);
		expect_outcome("Secret", stored, PASSWORD_WRONG);
		expect_method(stored, "argon2id of a low cost", true);
	}
}

static void *check_many(void *data)
{
	for (int i = 0; i < 3; i++) {
		expect_outcome("password",
		    i == 1 ? argon2i : "$argon2i$v=19$m=100000,t=1,p=1$" SALT "$" TAG,
		    i == 1 ? PASSWORD_RIGHT : PASSWORD_WRONG);
	}
	return data;
}

/* Six threads that would need 600 MiB have 256 together, and none waits without end. */
static void test_memory_is_shared(void **state)
{
	pthread_t threads[6];

	library.most = 0;
	for (size_t i = 0; i < LENGTH(threads); i++) {
		assert_int_equal(pthread_create(&threads[i], NULL, check_many, NULL), 0);
	}
	for (size_t i = 0; i < LENGTH(threads); i++) {
		pthread_join(threads[i], NULL);
	}
	assert_int_equal(library.used, 0);
	assert_in_range(library.most, 100000, ARGON_MEMORY_MAX);
}

static void test_library_fails(void **state)
{
	library.fails = ARGON2_MEMORY_ALLOCATION_ERROR;
	expect_outcome("password", argon2i, -ENOMEM);
	library.fails = ARGON2_INCORRECT_PARAMETER;
	expect_outcome("password", argon2i, PASSWORD_UNKNOWN_METHOD);
	library.fails = 0;
	expect_outcome("password", argon2i, PASSWORD_RIGHT);
}

/* The longest that SASL takes; libcrypt would not. */
static void test_long_passwords(void **state)
{
	static char password[4097];
	char stored[PASSWORD_HASH_MAX];

	memset(password, 'p', sizeof(password) - 1);
	for (size_t i = 3; i < 16; i++) {
		expect_outcome(password, vectors[i].stored, PASSWORD_WRONG);
	}
	assert_int_equal(password_hash(stored, password, "argon2id"), 0);
	expect_outcome(password, stored, PASSWORD_RIGHT);
	password[4095] = 'q';
	expect_outcome(password, stored, PASSWORD_WRONG);
}

static void test_made_here(void **state)
{
	char stored[PASSWORD_HASH_MAX], again[PASSWORD_HASH_MAX];

	assert_int_equal(password_hash(stored, "secret", "argon2id"), 0);
	assert_int_equal(strncmp(stored, "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$", 41), 0);
	/* The column of the guide's tables has 106 characters. */
	assert_int_equal(strlen(stored), 105);
	expect_outcome("secret", stored, PASSWORD_RIGHT);
	expect_outcome("secreT", stored, PASSWORD_WRONG);
	expect_method(stored, "argon2id", false);
	assert_int_equal(password_hash(again, "secret", "argon2id"), 0);
	assert_string_not_equal(stored, again);
}

static void test_costs(void **state)
{
	expect_method("{PBKDF2}$1$salt$4999$" ZEROS40, "PBKDF2 of fewer than 5000 rounds", true);
	expect_method("{PBKDF2}$1$salt$5000$" ZEROS40, "PBKDF2", false);
	expect_method("{PBKDF2}$1$salt$4000000$" ZEROS40, "PBKDF2", false);
	expect_method(
	    "$argon2id$v=19$m=16383,t=1,p=1$" SALT "$" TAG, "argon2id of a low cost", true);
	expect_method("$argon2i$v=19$m=4095,t=4,p=1$" SALT "$" TAG, "argon2i of a low cost", true);
	expect_method("$argon2id$v=19$m=4096,t=4,p=1$" SALT "$" TAG, "argon2id", false);
	expect_method("$argon2id$v=19$m=262144,t=8,p=32768$" SALT "$" TAG, "argon2id", false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_lanes),
		cmocka_unit_test(test_memory_is_shared),
		cmocka_unit_test(test_library_fails),
		cmocka_unit_test(test_long_passwords),
		cmocka_unit_test(test_made_here),
		cmocka_unit_test(test_costs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
