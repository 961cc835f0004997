/* SPDX-License-Identifier: MIT
 * Fuzz target of base64 and of PLAIN and LOGIN: base64 is taken if it is what an encoder makes, and
 * credentials are those that RFC 4616 and LOGIN's draft read there.
 *
 * The first byte of an input chooses the mechanism and whether there is an initial response. The rest
 * is base64 as a whole, and decoded responses divided by LFs. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/base64.h"
#include "protocol/sasl.h"
#include "tests/models/encode.h"

enum {
	HAS_INITIAL = 2,
};

static bool is_encoded(const unsigned char *bytes, size_t n, const char *text, size_t n_text)
{
	char *encoded = fuzz_room((n + 2) / 3 * 4 + 1);
	bool is_same = encode(encoded, bytes, n) == n_text && memcmp(encoded, text, n_text) == 0;
	free(encoded);
	return is_same;
}

/* The bytes that text would stand for if any text did. Returns how many. */
static size_t decode_anything(unsigned char *out, const char *text, size_t n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "abcdefghijklmnopqrstuvwxyz"
				       "0123456789+/";
	size_t n_out = n / 4 * 3;

	memset(out, 0, n_out);
	for (size_t bit = 0; bit < 8 * n_out; bit++) {
		const char *found = memchr(alphabet, text[bit / 6], 64);
		size_t value = found == NULL ? 0 : (size_t)(found - alphabet);

		out[bit / 8] |= (unsigned char)((value >> (5 - bit % 6) & 1) << (7 - bit % 8));
	}
	for (size_t i = 1; i <= 2 && i <= n && text[n - i] == '='; i++) {
		n_out -= n_out > 0;
	}
	return n_out;
}

static void check_base64(const char *text, size_t n)
{
	unsigned char *out = fuzz_room(n / 4 * 3);
	ssize_t length = base64_decode(out, text, n);

	fuzz_require(length >= -1 && length <= (ssize_t)(n / 4 * 3), "it keeps to its room");
	if (length >= 0) {
		fuzz_require(
		    is_encoded(out, (size_t)length, text, n), "what is taken has one reading");
	} else if (n % 4 == 0) {
		size_t n_out = decode_anything(out, text, n);

		fuzz_require(!is_encoded(out, n_out, text, n), "what has one is taken");
	}
	free(out);
}

static bool is_user(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)text[i] < ' ' || text[i] == '\177') {
			return false;
		}
	}
	return n >= 1 && n <= 511;
}

static bool is_password(const char *text, size_t n)
{
	return n <= 4096 && memchr(text, '\0', n) == NULL;
}

static bool is_text(const char *string, const char *text, size_t n)
{
	return string != NULL && strlen(string) == n && memcmp(string, text, n) == 0;
}

/* The one response of PLAIN: authzid, user and password, divided by NULs. */
static void check_plain(const struct sasl *sasl, int outcome, const char *text, size_t n)
{
	const char *end = text + n, *user = n == 0 ? NULL : memchr(text, '\0', n), *password;
	size_t n_user, n_password;
	bool is_fit;

	password = user == NULL ? NULL : memchr(user + 1, '\0', (size_t)(end - user - 1));
	if (password == NULL) {
		fuzz_require(outcome == SASL_INVALID, "PLAIN has two NULs");
		return;
	}
	n_user = (size_t)(password - ++user);
	n_password = (size_t)(end - ++password);
	/* Nobody acts for somebody else. */
	is_fit = (*text == '\0' || is_text(text, user, n_user)) && is_user(user, n_user) &&
		 is_password(password, n_password);
	fuzz_require(outcome == (is_fit ? SASL_DONE : SASL_INVALID), "PLAIN is what it is");
	if (is_fit) {
		fuzz_require(is_text(sasl->user, user, n_user), "this is the user");
		fuzz_require(is_text(sasl->password, password, n_password), "this is the password");
	}
}

static const char *next_response(const char **in, const char *end, size_t *n_r)
{
	const char *response = *in, *lf = memchr(response, '\n', (size_t)(end - response));

	*n_r = (size_t)((lf == NULL ? end : lf) - response);
	*in = lf == NULL ? end : lf + 1;
	return response;
}

static int step(struct sasl *sasl, const char *response, size_t n, const char *challenge)
{
	const char *got = NULL;
	char *copy = response == NULL ? NULL : fuzz_copy(response, n);
	int outcome = sasl_step(sasl, copy, n, &got);

	free(copy);
	fuzz_require(
	    outcome != SASL_CONTINUE || strcmp(got, challenge) == 0, "this is the challenge");
	return outcome;
}

static void check_login(struct sasl *sasl, const char *in, const char *end, bool has_initial)
{
	size_t n_user, n_password;
	const char *user = next_response(&in, end, &n_user), *password;

	if (!has_initial) {
		fuzz_require(step(sasl, NULL, 0, "VXNlcm5hbWU6") == SASL_CONTINUE, "it asks");
	} else if (n_user == 0) {
		fuzz_require(step(sasl, user, 0, "VXNlcm5hbWU6") == SASL_CONTINUE, "it asks");
		user = next_response(&in, end, &n_user);
	}
	if (!is_user(user, n_user)) {
		fuzz_require(step(sasl, user, n_user, "") == SASL_INVALID, "no user");
		return;
	}
	fuzz_require(step(sasl, user, n_user, "UGFzc3dvcmQ6") == SASL_CONTINUE, "a user");
	password = next_response(&in, end, &n_password);
	if (!is_password(password, n_password)) {
		fuzz_require(step(sasl, password, n_password, "") == SASL_INVALID, "no password");
		return;
	}
	fuzz_require(step(sasl, password, n_password, "") == SASL_DONE, "a password");
	fuzz_require(is_text(sasl->user, user, n_user), "this is the user");
	fuzz_require(is_text(sasl->password, password, n_password), "this is the password");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct sasl sasl;
	bool has_initial;
	char *in;

	if (n == 0) {
		return 0;
	}
	in = fuzz_copy(data + 1, --n);
	has_initial = (data[0] & HAS_INITIAL) != 0;
	check_base64(in, n);
	sasl = (struct sasl){ .mechanism = data[0] % SASL_MECHANISMS };
	if (sasl.mechanism == SASL_LOGIN) {
		check_login(&sasl, in, in + n, has_initial);
	} else {
		if (!has_initial) {
			fuzz_require(step(&sasl, NULL, 0, "") == SASL_CONTINUE, "it waits");
		}
		check_plain(&sasl, step(&sasl, in, n, ""), in, n);
	}
	sasl_deinit(&sasl);
	free(in);
	return 0;
}
