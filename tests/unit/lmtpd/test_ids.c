/* SPDX-License-Identifier: MIT
 * Ids on the disk, and keys in memory. */
#include "lmtpd/ids.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "maildir/marks.h"
#include "tests/unit/unit.h"

static bool is_failing;

EVP_MD_CTX *__real_EVP_MD_CTX_new(void);
EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void);
int __real_EVP_Digest(const void *data, size_t n, unsigned char *digest, unsigned *n_digest,
    const EVP_MD *type, ENGINE *engine);
int __wrap_EVP_Digest(const void *data, size_t n, unsigned char *digest, unsigned *n_digest,
    const EVP_MD *type, ENGINE *engine);

EVP_MD_CTX *__wrap_EVP_MD_CTX_new(void)
{
	return is_failing ? NULL : __real_EVP_MD_CTX_new();
}

int __wrap_EVP_Digest(const void *data, size_t n, unsigned char *digest, unsigned *n_digest,
    const EVP_MD *type, ENGINE *engine)
{
	return is_failing ? 0 : __real_EVP_Digest(data, n, digest, n_digest, type, engine);
}

static const unsigned char md5_of_abc[] = { 0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0, 0xd6,
	0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72 };

static void test_text(void **state)
{
	unsigned char digest[IDS_DIGEST];

	assert_int_equal(ids_of_text(span_of("abc"), digest), 0);
	expect_bytes("digest", digest, sizeof(digest), md5_of_abc, sizeof(md5_of_abc));
	is_failing = true;
	assert_int_equal(ids_of_text(span_of("abc"), digest), -ENOTSUP);
	is_failing = false;
}

/* A redirect's id is its text, if it is not too long. */
static void test_actions(void **state)
{
	static char text[MARK_ID_MAX + 1];
	static const struct {
		enum sieve_action_kind kind;
		size_t n;
		size_t n_id;
	} rows[] = { { SIEVE_VACATION, 3, IDS_DIGEST }, { SIEVE_MARK, 3, IDS_DIGEST },
		{ SIEVE_MARK, MARK_ID_MAX + 1, IDS_DIGEST }, { SIEVE_REDIRECT, 3, 3 },
		{ SIEVE_REDIRECT, MARK_ID_MAX, MARK_ID_MAX },
		{ SIEVE_REDIRECT, MARK_ID_MAX + 1, IDS_DIGEST }, { SIEVE_REDIRECT, 0, 0 },
		{ SIEVE_NOTIFY, 0, 0 } };

	memset(text, 'x', sizeof(text));
	for (size_t i = 0; i < LENGTH(rows); i++) {
		const struct sieve_action action = { .kind = rows[i].kind,
			.id = { text, rows[i].n } };
		unsigned char digest[IDS_DIGEST], want[IDS_DIGEST];
		struct span id;

		assert_int_equal(ids_of_action(&action, digest, &id), 0);
		assert_int_equal(id.n, rows[i].n_id);
		assert_int_equal(ids_of_text(action.id, want), 0);
		assert_memory_equal(id.p, rows[i].n_id == IDS_DIGEST ? (char *)want : text, id.n);
		if (rows[i].n_id == IDS_DIGEST) {
			is_failing = true;
			assert_int_equal(ids_of_action(&action, digest, &id), -ENOTSUP);
			is_failing = false;
			assert_int_equal(id.n, 0);
		}
	}
}

/* Parts that are put together otherwise have another key. */
static void test_keys(void **state)
{
	const struct span parts[][3] = { { { "ab", 2 }, { "c", 1 }, { "", 0 } },
		{ { "a", 1 }, { "bc", 2 }, { "", 0 } }, { { "a", 1 }, { "bc\0", 3 }, { "", 0 } },
		{ { "", 0 }, { "a", 1 }, { "bc", 2 } }, { { "", 0 }, { "", 0 }, { "abc", 3 } } };
	struct key keys[LENGTH(parts)], again;

	for (size_t i = 0; i < LENGTH(parts); i++) {
		assert_int_equal(ids_key(&keys[i], parts[i], LENGTH(parts[i])), 0);
		assert_int_equal(ids_key(&again, parts[i], LENGTH(parts[i])), 0);
		assert_memory_equal(&again, &keys[i], sizeof(again));
		for (size_t k = 0; k < i; k++) {
			assert_memory_not_equal(&keys[i], &keys[k], sizeof(again));
		}
	}
	is_failing = true;
	assert_int_equal(ids_key(&again, parts[0], 2), -ENOMEM);
	is_failing = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_actions),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
