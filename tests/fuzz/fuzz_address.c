/* SPDX-License-Identifier: MIT
 * Fuzz target of addresses: what is taken has two parts without control bytes, everything that has is
 * taken, nothing is rewritten, what is split can be joined again, and what is called a path is two names of
 * directories and nothing else.
 *
 * The first byte of an input chooses the delimiters; the rest is a path of the wire, an address of
 * a path and a row of the database in turn. */
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "base/text.h"
#include "mail/address.h"

static const char *const delimiter_sets[] = { "+", "", "-", "+-", "+.-_=" };

enum {
	N_DELIMITER_SETS = sizeof(delimiter_sets) / sizeof(delimiter_sets[0]),
};

/* One character of UTF-8 by its definition: the value, in as few bytes as can hold it. Returns its
 * length, 0 if there is none. */
static size_t decode(const unsigned char *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t length = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : 4;
	uint32_t value = length == 1 ? p[0] : p[0] & (0x7fu >> length);

	if ((length == 4 && p[0] >> 3 != 30) || length > n) {
		return 0;
	}
	for (size_t i = 1; i < length; i++) {
		if (p[i] >> 6 != 2) {
			return 0;
		}
		value = value << 6 | (p[i] & 0x3f);
	}
	if (value < least[length] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) {
		return 0;
	}
	return length;
}

static bool is_utf8(const char *p, size_t n)
{
	size_t length = 1;

	for (size_t at = 0; at < n && length > 0; at += length) {
		length = decode((const unsigned char *)p + at, n - at);
	}
	return length > 0;
}

static bool is_part(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f) {
			return false;
		}
	}
	return n > 0 && n <= ADDRESS_PART_MAX && is_utf8(p, n);
}

/* Would a directory of that name be one, and lie where it is made? */
static bool is_name(const char *p, size_t n)
{
	bool is_dots = (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.');

	for (size_t i = 0; i < n; i++) {
		is_dots = is_dots || p[i] == '/';
	}
	return !is_dots;
}

static void check_parts(const struct address *address)
{
	const char *domain = address_domain(address);

	fuzz_require(address->n_local <= ADDRESS_PART_MAX && address->text[address->n_local] == '@',
	    "'@' is between the parts");
	fuzz_require(is_part(address->text, address->n_local), "the local part is one");
	fuzz_require(is_part(domain, strlen(domain)), "the domain is one");
	fuzz_require(address_is_path(address) == (is_name(address->text, address->n_local) &&
						     is_name(domain, strlen(domain))),
	    "it is a path if both are names");
	fuzz_require(strchr(domain, '@') == NULL, "the domain has no '@'");
}

static void require_same(const struct address *a, const struct address *b, const char *what)
{
	fuzz_require(a->n_local == b->n_local && strcmp(a->text, b->text) == 0, what);
}

static void check_lower(const struct address *address)
{
	struct address lowered = *address, again;
	size_t n = strlen(address->text);

	address_lower(&lowered);
	check_parts(&lowered);
	fuzz_require(text_is(address->text, n, lowered.text), "it equals its lower case");
	for (size_t i = 0; i < n; i++) {
		char c = address->text[i];
		bool is_upper = c >= 'A' && c <= 'Z';

		fuzz_require(
		    lowered.text[i] == (is_upper ? c - 'A' + 'a' : c), "only A to Z are lowered");
	}
	again = lowered;
	address_lower(&again);
	require_same(&again, &lowered, "once is enough");
	/* Any other byte makes another address. */
	again.text[n / 2] ^= 1;
	fuzz_require(!text_is(again.text, n, lowered.text), "another byte is another one");
	fuzz_require(!text_is(lowered.text, n - 1, lowered.text), "a shorter one is another one");
}

static void check_split(const struct address *address, const char *delimiters)
{
	static const char *const whole[] = { "postmaster", "mailer-daemon", "double-bounce" };
	struct address base, joined;
	struct span detail = address_split(address, delimiters, &base);

	if (detail.p == NULL) {
		return;
	}
	check_parts(&base);
	fuzz_require(
	    base.n_local + detail.n == address->n_local && detail.p == address->text + base.n_local,
	    "base and detail are the whole");
	fuzz_require(memcmp(base.text, address->text, base.n_local) == 0 &&
			 strcmp(address_domain(&base), address_domain(address)) == 0,
	    "the base is its beginning");
	fuzz_require(strchr(delimiters, detail.p[0]) != NULL, "the detail begins with a delimiter");
	fuzz_require(strcspn(address->text, delimiters) == base.n_local, "with the first one");
	for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
		fuzz_require(address->n_local != strlen(whole[i]) ||
				 strncasecmp(address->text, whole[i], address->n_local) != 0,
		    "some names are never split");
	}
	fuzz_require(
	    address_join(&joined, &base, detail) == ADDRESS_OK, "what was split can be joined");
	require_same(&joined, address, "and is the same again");
}

static void check_address(const struct address *address, const char *delimiters)
{
	struct address again;

	check_parts(address);
	check_lower(address);
	check_split(address, delimiters);
	fuzz_require(address_from_text(&again, address->text, strlen(address->text)) == ADDRESS_OK,
	    "an address is a row as well");
	require_same(&again, address, "and the same one");
}

/* The address as a client may quote it. */
static void check_quoted(const struct address *address)
{
	char text[2 * ADDRESS_MAX + 2];
	struct address again;
	struct path path = { .text = text };

	text[path.n++] = '"';
	for (size_t i = 0; i < address->n_local; i++) {
		if (address->text[i] == '"' || address->text[i] == '\\') {
			text[path.n++] = '\\';
		}
		text[path.n++] = address->text[i];
	}
	text[path.n++] = '"';
	for (const char *p = address->text + address->n_local; *p != '\0'; p++) {
		text[path.n++] = *p;
	}
	fuzz_require(address_from_path(&again, &path) == ADDRESS_OK, "it can be quoted");
	require_same(&again, address, "and is the same when it is not any more");
}

static void check_path(const char *text, size_t n, const char *delimiters)
{
	struct path path = { .text = NULL };
	struct address address;
	size_t taken = path_parse(&path, text, n);

	fuzz_require(taken <= n, "a path is within its input");
	if (taken > 0) {
		fuzz_require(text[0] == '<' && text[taken - 1] == '>', "brackets are around it");
		fuzz_require(path.text > text && path.text + path.n == text + taken - 1,
		    "it ends before its bracket");
		for (size_t i = 0; i < taken; i++) {
			fuzz_require(!iscntrl((unsigned char)text[i]), "it has no control bytes");
		}
		if (address_from_path(&address, &path) == ADDRESS_OK) {
			check_address(&address, delimiters);
			check_quoted(&address);
		}
	}
	path = (struct path){ text, n };
	if (address_from_path(&address, &path) == ADDRESS_OK) {
		check_address(&address, delimiters);
		check_quoted(&address);
	}
}

static void check_row(const char *text, size_t n, const char *delimiters)
{
	struct address address;
	const char *at = n == 0 ? NULL : memrchr(text, '@', n);
	bool is_fit = at != NULL && is_part(text, (size_t)(at - text)) &&
		      is_part(at + 1, n - (size_t)(at - text) - 1);

	fuzz_require((address_from_text(&address, text, n) == ADDRESS_OK) == is_fit,
	    "a row is taken if it is two parts");
	if (is_fit) {
		fuzz_require(strlen(address.text) == n && memcmp(address.text, text, n) == 0,
		    "and is not rewritten");
		check_address(&address, delimiters);
		check_quoted(&address);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *delimiters;
	char *text;

	if (n == 0) {
		return 0;
	}
	delimiters = delimiter_sets[data[0] % N_DELIMITER_SETS];
	text = fuzz_copy(data + 1, n - 1);
	fuzz_require(utf8_is_valid(text, n - 1) == is_utf8(text, n - 1), "UTF-8 is UTF-8");
	check_path(text, n - 1, delimiters);
	check_row(text, n - 1, delimiters);
	free(text);
	return 0;
}
