/* SPDX-License-Identifier: MIT
 * PLAIN and LOGIN: what is read as credentials, and what is not. */
#include "protocol/sasl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/protocol/memory.h"
#include "tests/unit/unit.h"

enum {
	STEPS_MAX = 4,
};

/* One way through a mechanism: responses, and what they lead to. */
struct way {
	const char *name;
	enum sasl_mechanism mechanism;
	bool has_initial; /* else the first step has no response */
	struct text responses[STEPS_MAX];
	size_t n_responses;
	int outcome; /* of the last step; all before are SASL_CONTINUE */
	const char *user, *password;
};

#define NONE            \
	{               \
		NULL, 0 \
	}

static const struct way plain[] = {
	{ .name = "user and password",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("\0user@example.com\0secret") },
	    .user = "user@example.com",
	    .password = "secret" },
	{ .name = "no initial response",
	    .n_responses = 2,
	    .responses = { NONE, TEXT("\0user\0secret") },
	    .user = "user",
	    .password = "secret" },
	{ .name = "authzid is the user",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("user\0user\0secret") },
	    .user = "user",
	    .password = "secret" },
	{ .name = "authzid is another",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("admin\0user\0secret") },
	    .outcome = SASL_INVALID },
	{ .name = "authzid begins as the user",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("use\0user\0secret") },
	    .outcome = SASL_INVALID },
	{ .name = "the user begins as the authzid",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("user1\0user\0secret") },
	    .outcome = SASL_INVALID },
	{ .name = "authzid in another case",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("User\0user\0secret") },
	    .outcome = SASL_INVALID },
	{ .name = "authzid alone",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("user\0\0secret") },
	    .outcome = SASL_INVALID },
	{ .name = "empty user",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("\0\0secret") },
	    .outcome = SASL_INVALID },
	{ .name = "empty password",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("\0user\0") },
	    .user = "user",
	    .password = "" },
	{ .name = "all empty",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("\0\0") },
	    .outcome = SASL_INVALID },
	{ .name = "nothing",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("") },
	    .outcome = SASL_INVALID },
	{ .name = "no NUL",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("user") },
	    .outcome = SASL_INVALID },
	{ .name = "one NUL",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("user\0secret") },
	    .outcome = SASL_INVALID },
	{ .name = "one NUL at the end",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("user\0") },
	    .outcome = SASL_INVALID },
	{ .name = "one NUL alone",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("\0") },
	    .outcome = SASL_INVALID },
	{ .name = "three NULs",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("\0user\0sec\0ret") },
	    .outcome = SASL_INVALID },
	{ .name = "a NUL behind",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("\0user\0secret\0") },
	    .outcome = SASL_INVALID },
	{ .name = "blanks, quotes and UTF-8",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("\0a \"b\" '%u'\303\251\0 \303\251\t\r\n\001\377 ") },
	    .user = "a \"b\" '%u'\303\251",
	    .password = " \303\251\t\r\n\001\377 " },
	{ .name = "none, and again none",
	    .n_responses = 2,
	    .responses = { NONE, NONE },
	    .outcome = SASL_INVALID },
	{ .name = "none, then nothing",
	    .n_responses = 2,
	    .responses = { NONE, TEXT("") },
	    .outcome = SASL_INVALID },
};

static const struct way login[] = {
	{ .name = "three steps",
	    .n_responses = 3,
	    .responses = { NONE, TEXT("user@example.com"), TEXT("secret") },
	    .user = "user@example.com",
	    .password = "secret" },
	{ .name = "the name at once",
	    .has_initial = true,
	    .n_responses = 2,
	    .responses = { TEXT("user"), TEXT("secret") },
	    .user = "user",
	    .password = "secret" },
	{ .name = "an empty initial response is none",
	    .has_initial = true,
	    .n_responses = 3,
	    .responses = { TEXT(""), TEXT("user"), TEXT("secret") },
	    .user = "user",
	    .password = "secret" },
	{ .name = "empty name",
	    .n_responses = 2,
	    .responses = { NONE, TEXT("") },
	    .outcome = SASL_INVALID },
	{ .name = "empty name twice",
	    .has_initial = true,
	    .n_responses = 2,
	    .responses = { TEXT(""), TEXT("") },
	    .outcome = SASL_INVALID },
	{ .name = "empty password",
	    .n_responses = 3,
	    .responses = { NONE, TEXT("user"), TEXT("") },
	    .user = "user",
	    .password = "" },
	{ .name = "NUL in the name",
	    .n_responses = 2,
	    .responses = { NONE, TEXT("us\0er") },
	    .outcome = SASL_INVALID },
	{ .name = "NUL in the password",
	    .n_responses = 3,
	    .responses = { NONE, TEXT("user"), TEXT("sec\0ret") },
	    .outcome = SASL_INVALID },
	{ .name = "what PLAIN would send",
	    .has_initial = true,
	    .n_responses = 1,
	    .responses = { TEXT("\0user\0secret") },
	    .outcome = SASL_INVALID },
	{ .name = "any byte in the password",
	    .n_responses = 3,
	    .responses = { NONE, TEXT("user"), TEXT("\t\r\n\001\177\200\377 ") },
	    .user = "user",
	    .password = "\t\r\n\001\177\200\377 " },
};

/* A response in memory of exactly its size. */
static int step(struct sasl *sasl, struct text response, const char **challenge_r)
{
	char *copy = response.n > 0 ? malloc(response.n) : NULL;
	int outcome;

	if (response.n > 0) {
		assert_non_null(copy);
		memcpy(copy, response.p, response.n);
	}
	outcome = sasl_step(sasl, response.n > 0 ? copy : response.p, response.n, challenge_r);
	free(copy);
	return outcome;
}

static void expect_challenge(const struct way *way, size_t i, const char *challenge)
{
	bool asks_user = i == 0 && (!way->has_initial || way->responses[0].n == 0);
	const char *wanted = "";

	if (way->mechanism == SASL_LOGIN) {
		wanted = asks_user ? "VXNlcm5hbWU6" : "UGFzc3dvcmQ6";
	}
	expect_text(way->name, challenge, wanted);
}

static void check_way(const struct way *way)
{
	const char *challenge = NULL;
	struct sasl sasl = { .mechanism = way->mechanism };
	int outcome = SASL_CONTINUE;

	for (size_t i = 0; i < way->n_responses; i++) {
		if (outcome != SASL_CONTINUE) {
			fail_msg("%s: step %zu ended it with %d", way->name, i, outcome);
		}
		outcome = step(&sasl, way->responses[i], &challenge);
		if (outcome == SASL_CONTINUE) {
			expect_challenge(way, i, challenge);
		}
	}
	if (outcome != way->outcome) {
		fail_msg("%s: %d, not %d", way->name, outcome, way->outcome);
	}
	if (outcome == SASL_DONE) {
		expect_text(way->name, sasl.user, way->user);
		expect_text(way->name, sasl.password, way->password);
	} else {
		assert_null(sasl.password);
	}
	sasl_deinit(&sasl);
	assert_null(sasl.user);
	assert_null(sasl.password);
}

static void test_plain(void **state)
{
	for (size_t i = 0; i < LENGTH(plain); i++) {
		struct way way = plain[i];

		way.mechanism = SASL_PLAIN;
		check_way(&way);
	}
}

static void test_login(void **state)
{
	for (size_t i = 0; i < LENGTH(login); i++) {
		struct way way = login[i];

		way.mechanism = SASL_LOGIN;
		check_way(&way);
	}
}

/* A user of n_user bytes, each @filler, and a password of n_password, through both mechanisms. */
static void check_sizes(size_t n_user, char filler, size_t n_password, bool is_good)
{
	static char response[2 + SASL_USER_MAX + SASL_PASSWORD_MAX + 16];
	static char user[SASL_USER_MAX + 8], password[SASL_PASSWORD_MAX + 8];
	char name[80];
	struct way way = { .name = name,
		.outcome = is_good ? SASL_DONE : SASL_INVALID,
		.user = user,
		.password = password };

	snprintf(name, sizeof(name), "user of %zu \\x%02x, password of %zu", n_user,
	    (unsigned char)filler, n_password);
	memset(user, filler, n_user);
	memset(password, 'p', n_password);
	user[n_user] = password[n_password] = '\0';
	response[0] = '\0';
	memcpy(response + 1, user, n_user + 1);
	memcpy(response + 2 + n_user, password, n_password);
	way.mechanism = SASL_PLAIN;
	way.has_initial = true;
	way.n_responses = 1;
	way.responses[0] = (struct text){ response, 2 + n_user + n_password };
	check_way(&way);

	/* LOGIN stops where it fails. */
	way.mechanism = SASL_LOGIN;
	way.n_responses = is_good || n_password > SASL_PASSWORD_MAX ? 2 : 1;
	way.responses[0] = (struct text){ user, n_user };
	way.responses[1] = (struct text){ password, n_password };
	check_way(&way);
}

static void test_sizes(void **state)
{
	check_sizes(1, 'u', 1, true);
	check_sizes(SASL_USER_MAX, 'u', 1, true);
	check_sizes(SASL_USER_MAX + 1, 'u', 1, false);
	check_sizes(1, 'u', SASL_PASSWORD_MAX, true);
	check_sizes(SASL_USER_MAX, 'u', SASL_PASSWORD_MAX, true);
	check_sizes(1, 'u', SASL_PASSWORD_MAX + 1, false);
}

/* No control byte may come into a name: it goes into replies, logs and queries. */
static void test_control_bytes(void **state)
{
	for (int c = 1; c < 256; c++) {
		check_sizes(1, (char)c, 3, c >= 0x20 && c != 0x7f);
		check_sizes(5, (char)c, 3, c >= 0x20 && c != 0x7f);
	}
}

static void test_names(void **state)
{
	static const struct {
		struct text name;
		enum sasl_mechanism mechanism;
	} names[] = {
		{ TEXT("PLAIN"), SASL_PLAIN },
		{ TEXT("plain"), SASL_PLAIN },
		{ TEXT("pLaIn"), SASL_PLAIN },
		{ TEXT("LOGIN"), SASL_LOGIN },
		{ TEXT("login"), SASL_LOGIN },
		{ TEXT("Login"), SASL_LOGIN },
		{ TEXT(""), SASL_MECHANISMS },
		{ TEXT("PLAI"), SASL_MECHANISMS },
		{ TEXT("PLAINS"), SASL_MECHANISMS },
		{ TEXT("PLAIN "), SASL_MECHANISMS },
		{ TEXT("PLAIN\0"), SASL_MECHANISMS },
		{ TEXT("PLA\0N"), SASL_MECHANISMS },
		{ TEXT("CRAM-MD5"), SASL_MECHANISMS },
		{ TEXT("SCRAM-SHA-256"), SASL_MECHANISMS },
		{ TEXT("EXTERNAL"), SASL_MECHANISMS },
		{ TEXT("ANONYMOUS"), SASL_MECHANISMS },
	};

	for (size_t i = 0; i < LENGTH(names); i++) {
		assert_int_equal(sasl_find(names[i].name.p, names[i].name.n), names[i].mechanism);
	}
	for (int i = 0; i < SASL_MECHANISMS; i++) {
		assert_int_equal(sasl_find(sasl_name(i), strlen(sasl_name(i))), i);
	}
	/* The name ends where it is said to, not at a NUL. */
	assert_int_equal(sasl_find("PLAINxyz", 5), SASL_PLAIN);
}

/* A copy outlives what it was made of, and is whole or none. */
static void test_copy(void **state)
{
	const char response[] = "\0user\0password";
	const char *challenge;
	struct sasl sasl = { .mechanism = SASL_PLAIN }, copy;

	assert_int_equal(sasl_step(&sasl, response, sizeof(response) - 1, &challenge), SASL_DONE);
	for (size_t i = 0; i < 2; i++) {
		memory = (struct memory){ .n_until = i };
		memory_enter();
		assert_int_equal(sasl_copy(&copy, &sasl), -ENOMEM);
		memory_leave();
		sasl_deinit(&copy);
	}
	assert_int_equal(sasl_copy(&copy, &sasl), 0);
	sasl_deinit(&sasl);
	assert_int_equal(copy.mechanism, SASL_PLAIN);
	assert_string_equal(copy.user, "user");
	assert_string_equal(copy.password, "password");
	/* It was used. The name is still needed, for the answer and the log. */
	sasl_forget(&copy);
	assert_null(copy.password);
	assert_string_equal(copy.user, "user");
	sasl_deinit(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_control_bytes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
