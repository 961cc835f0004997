/* SPDX-License-Identifier: MIT
 * Base64: what has one reading is read, all else is refused. */
#include "protocol/base64.h"

#include <stdlib.h>
#include <string.h>

#include "tests/models/encode.h"
#include "tests/unit/unit.h"

enum {
	LENGTHS = 700,
	LAST_GROUPS = 8 * 8 * 70 * 70,
};

/* Decodes into memory of exactly the promised size, so that a sanitizer sees a byte too many. */
static ssize_t decode(unsigned char *out_r, const char *text, size_t n)
{
	unsigned char *exact = malloc(n / 4 * 3 + (n < 4));
	char *copy = malloc(n + (n == 0)); /* not NUL-terminated, as on the wire */
	ssize_t length;

	assert_non_null(exact);
	assert_non_null(copy);
	if (n > 0) {
		memcpy(copy, text, n);
	}
	length = base64_decode(exact, copy, n);
	if (length > 0) {
		assert_in_range(length, 1, n / 4 * 3);
		memcpy(out_r, exact, (size_t)length);
	}
	free(copy);
	free(exact);
	return length;
}

static void expect_refused(const char *text, size_t n)
{
	unsigned char out[1024];
	ssize_t length = decode(out, text, n);

	if (length != -1) {
		fail_msg("%s was read, as %s", shown(text, n), shown(out, (size_t)length));
	}
}

/* RFC 4648 10. */
static void test_vectors(void **state)
{
	static const char *const vectors[][2] = {
		{ "", "" },
		{ "f", "Zg==" },
		{ "fo", "Zm8=" },
		{ "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" },
		{ "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
		{ "Username:", "VXNlcm5hbWU6" },
		{ "Password:", "UGFzc3dvcmQ6" },
	};

	for (size_t i = 0; i < LENGTH(vectors); i++) {
		unsigned char out[64];
		char text[64];
		ssize_t n = decode(out, vectors[i][1], strlen(vectors[i][1]));

		assert_true(n >= 0);
		expect_bytes(vectors[i][1], out, (size_t)n, vectors[i][0], strlen(vectors[i][0]));
		encode(text, vectors[i][0], strlen(vectors[i][0]));
		expect_text("the reference", text, vectors[i][1]);
	}
}

static void test_every_length(void **state)
{
	unsigned char bytes[LENGTHS], out[LENGTHS];
	char text[LENGTHS * 2];
	uint64_t seed = 1;

	for (size_t n = 0; n < LENGTHS; n++) {
		for (size_t i = 0; i < n; i++) {
			bytes[i] = (unsigned char)random_below(&seed, 256);
		}
		size_t n_text = encode(text, bytes, n);
		ssize_t n_out = decode(out, text, n_text);

		assert_true(n_out >= 0);
		expect_bytes("round trip", out, (size_t)n_out, bytes, n);
	}
}

/* Whatever is read must be exactly what the reference writes for it. */
static void expect_canonical(const char *text, size_t n)
{
	unsigned char out[1024];
	char again[2048];
	ssize_t length = decode(out, text, n);

	if (length >= 0) {
		size_t n_again = encode(again, out, (size_t)length);

		expect_bytes("read, though it is not canonical", text, n, again, n_again);
	}
}

/* All groups of four that could be the last one, and that begin with one of a few characters. */
static void test_every_last_group(void **state)
{
	static const char symbols[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789+/=-_. \n";
	static const char first[] = "AQgw7/=.";
	unsigned n_read = 0;

	for (size_t i = 0; i < LAST_GROUPS; i++) {
		char text[8] = { 'A', 'b', 'C', 'd', first[i / 39200], first[i / 4900 % 8],
			symbols[i / 70 % 70], symbols[i % 70] };
		unsigned char out[8];

		n_read += decode(out, text + 4, 4) >= 0;
		expect_canonical(text + 4, 4);
		expect_canonical(text, 8);
	}
	/* Six of the first two are of the alphabet: three bytes; two, which leave two bits of the third
	 * character; one, where four bits of the second must be zero, as they are in A, Q, g and w. */
	assert_int_equal(n_read, 6 * 6 * 64 * 64 + 6 * 6 * 16 + 6 * 4);
}

/* One byte of a good text changed to any other. */
static void test_every_byte(void **state)
{
	static const char good[] = "AGVtYWlsMUBleGFtcGxlLmNvbQBmaXJzdHBhc3N3b3JkMQ==";

	for (size_t i = 0; i < sizeof(good) - 1; i++) {
		for (int c = 0; c < 256; c++) {
			char text[sizeof(good)];

			memcpy(text, good, sizeof(good));
			text[i] = (char)c;
			if (strchr("+/", c) == NULL && !(c >= 'a' && c <= 'z') &&
			    !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != good[i]) {
				expect_refused(text, sizeof(good) - 1);
			}
			expect_canonical(text, sizeof(good) - 1);
		}
	}
}

static void test_refused(void **state)
{
	static const struct text refused[] = {
		TEXT("Z"),
		TEXT("Zg"),
		TEXT("Zm8"),
		TEXT("Zg="),
		TEXT("Zg==="),
		TEXT("Zm9v="),
		TEXT("Zm9v=="),
		TEXT("Zm9v==="),
		TEXT("Zm9v===="),
		TEXT("="),
		TEXT("=="),
		TEXT("==="),
		TEXT("===="),
		TEXT("A==="),
		TEXT("=AAA"),
		TEXT("A=AA"),
		TEXT("AA=A"),
		TEXT("Zg==Zg=="),
		TEXT("Zm8=Zm8="),
		TEXT("Zh=="),
		TEXT("Zm9="),
		TEXT(" Zm9v"),
		TEXT("Zm9v "),
		TEXT("Zm9v\n"),
		TEXT("Zm9v\r\n"),
		TEXT("Zm9v\r\nZm9v"),
		TEXT("Zm9\0"),
		TEXT("\0\0\0\0"),
		TEXT("Zm-_"),
		TEXT("Zm\377v"),
		TEXT("Zm9\303\251"),
	};

	for (size_t i = 0; i < LENGTH(refused); i++) {
		expect_refused(refused[i].p, refused[i].n);
	}
}

static void test_random_damage(void **state)
{
	uint64_t seed = 2;

	for (int round = 0; round < 20000; round++) {
		unsigned char bytes[64];
		char text[128];
		size_t n = random_below(&seed, sizeof(bytes)), n_text;

		for (size_t i = 0; i < n; i++) {
			bytes[i] = (unsigned char)random_below(&seed, 256);
		}
		n_text = encode(text, bytes, n);
		for (uint64_t i = random_below(&seed, 4); i > 0 && n_text > 0; i--) {
			text[random_below(&seed, n_text)] = (char)random_below(&seed, 256);
		}
		expect_canonical(text, n_text - random_below(&seed, n_text + 1));
		expect_canonical(text, n_text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_every_last_group),
		cmocka_unit_test(test_every_byte),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_random_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
