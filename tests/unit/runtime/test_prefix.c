/* SPDX-License-Identifier: MIT
 * Prefixes: what is one, and whom it has. */
#include "runtime/prefix.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/unit.h"

static const struct {
	const char *text;
	const char *said; /* a part of what is wrong; NULL: it is one */
} rows[] = {
	{ "192.0.2.7", NULL },
	{ "192.0.2.7/32", NULL },
	{ "192.0.2.0/24", NULL },
	{ "192.0.2.128/25", NULL },
	{ "0.0.0.0/0", NULL },
	{ "2001:db8::1", NULL },
	{ "2001:db8::/32", NULL },
	{ "2001:0db8:0000:0000:0000:0000:0000:0001/128", NULL },
	{ "::/0", NULL },
	{ "::1", NULL },
	{ "fe80::/10", NULL },
	{ "192.0.2.7/24", "has bits behind its first 24: the network is \"192.0.2.0/24\"" },
	{ "192.0.2.1/31", "\"192.0.2.0/31\"" },
	{ "1.0.0.0/0", "\"0.0.0.0/0\"" },
	{ "2001:db8::1/32", "the network is \"2001:db8::/32\"" },
	{ "2001:db8:8000::/32", "the network is \"2001:db8::/32\"" },
	{ "192.0.2.0/33", "a number from 0 to 32" },
	{ "192.0.2.0/", "a number from 0 to 32" },
	{ "192.0.2.0/-1", "a number from 0 to 32" },
	{ "192.0.2.0/ 8", "a number from 0 to 32" },
	{ "192.0.2.0/24x", "a number from 0 to 32" },
	{ "192.0.2.0/0024", "a number from 0 to 32" },
	{ "192.0.2.0/99999999999999999999", "a number from 0 to 32" },
	{ "192.0.2.0/255.255.255.0", "a number from 0 to 32" },
	{ "2001:db8::/129", "a number from 0 to 128" },
	{ "::ffff:192.0.2.7", "is one of IPv4" },
	{ "::ffff:192.0.2.0/120", "is one of IPv4" },
	{ "", "neither an address nor a network" },
	{ "/24", "neither an address nor a network" },
	{ "webmail.example.com", "neither an address nor a network" },
	{ "192.0.2", "neither an address nor a network" },
	{ "192.0.2.0.0/24", "neither an address nor a network" },
	{ "192.0.2.256", "neither an address nor a network" },
	{ " 192.0.2.7", "neither an address nor a network" },
	{ "[2001:db8::1]", "neither an address nor a network" },
	{ "fe80::1%eth0", "neither an address nor a network" },
	{ "2001:0db8:0000:0000:0000:0000:0000:0000:0000:0000:0001", "neither an address" },
};

static void test_rows(void **state)
{
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct error error = { "" };
		int result = prefix_check(rows[i].text, &error);

		if (result != (rows[i].said == NULL ? 0 : -1) ||
		    (rows[i].said != NULL && strstr(error.text, rows[i].said) == NULL)) {
			fail_msg("\"%s\": %d (%s)", rows[i].text, result, error.text);
		}
	}
}

static void test_sockets(void **state)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr path = { .sa_family = AF_UNIX };
	struct prefix_address address;
	char text[PREFIX_TEXT_SIZE];

	inet_pton(AF_INET, "192.0.2.7", &v4.sin_addr);
	assert_true(prefix_from_socket(&address, (struct sockaddr *)&v4));
	prefix_print_address(&address, text);
	assert_string_equal(text, "192.0.2.7");
	inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr);
	assert_true(prefix_from_socket(&address, (struct sockaddr *)&v6));
	prefix_print_address(&address, text);
	assert_string_equal(text, "2001:db8::1");
	inet_pton(AF_INET6, "::ffff:192.0.2.7", &v6.sin6_addr);
	assert_true(prefix_from_socket(&address, (struct sockaddr *)&v6));
	prefix_print_address(&address, text);
	assert_string_equal(text, "192.0.2.7");
	assert_false(prefix_from_socket(&address, &path));
}

static void test_loopback(void **state)
{
	static const char *const in[] = { "127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1" };
	static const char *const out[] = { "0.0.0.0", "::", "128.0.0.1", "::2", "10.0.0.1" };
	struct prefix_address address;

	for (size_t i = 0; i < LENGTH(in); i++) {
		assert_true(prefix_parse_address(&address, in[i]));
		assert_true(prefix_is_loopback(&address));
	}
	for (size_t i = 0; i < LENGTH(out); i++) {
		assert_true(prefix_parse_address(&address, out[i]));
		assert_false(prefix_is_loopback(&address));
	}
}

static bool has(const char *prefix, const char *address)
{
	struct prefix parsed;
	struct prefix_address given;
	struct error error;

	assert_int_equal(prefix_parse(&parsed, prefix, &error), 0);
	assert_true(prefix_parse_address(&given, address));
	return prefix_has(&parsed, &given);
}

static void test_has(void **state)
{
	static const struct {
		const char *prefix, *in[4], *out[4];
	} cases[] = {
		{ "192.0.2.7", { "192.0.2.7", "::ffff:192.0.2.7" }, { "192.0.2.6", "192.0.2.8" } },
		{ "192.0.2.0/24", { "192.0.2.0", "192.0.2.255" },
		    { "192.0.1.255", "192.0.3.0", "::192.0.2.1", "2001:db8::192.0.2.1" } },
		{ "192.0.2.128/25", { "192.0.2.128", "192.0.2.255" },
		    { "192.0.2.127", "192.0.3.128" } },
		{ "127.0.0.0/8", { "127.0.0.1", "127.255.255.255" }, { "126.0.0.1", "128.0.0.1" } },
		{ "0.0.0.0/0", { "0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4" },
		    { "::", "::1" } },
		{ "::/0", { "::", "::1", "ffff::" }, { "0.0.0.0", "::ffff:0.0.0.0" } },
		{ "::1", { "::1", "0:0:0:0:0:0:0:1" }, { "::2", "::", "127.0.0.1", "0.0.0.1" } },
		{ "2001:db8::/32", { "2001:db8::", "2001:DB8:ffff::1" },
		    { "2001:db9::", "2001:db7:ffff::", "32.1.13.184" } },
		{ "2001:db8::/33", { "2001:db8:7fff::" }, { "2001:db8:8000::" } },
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		for (size_t j = 0; j < LENGTH(cases[i].in); j++) {
			if (cases[i].in[j] != NULL && !has(cases[i].prefix, cases[i].in[j])) {
				fail_msg("%s has no %s", cases[i].prefix, cases[i].in[j]);
			}
			if (cases[i].out[j] != NULL && has(cases[i].prefix, cases[i].out[j])) {
				fail_msg("%s has %s", cases[i].prefix, cases[i].out[j]);
			}
		}
	}
}

/* Every length has what agrees with it so far, and not what differs in its last bit. */
static void test_each_bit(void **state)
{
	for (unsigned n = 1; n <= 32; n++) {
		uint32_t bit = (uint32_t)1 << (32 - n), network = 0xaaaaaaaau & ~(bit - 1);
		char prefix[32], in[32], out[32];

		snprintf(prefix, sizeof(prefix), "%u.%u.%u.%u/%u", network >> 24,
		    network >> 16 & 255, network >> 8 & 255, network & 255, n);
		snprintf(in, sizeof(in), "%u.%u.%u.%u", network >> 24, network >> 16 & 255,
		    network >> 8 & 255, (network & 255) | ((bit - 1) & 255));
		network ^= bit;
		snprintf(out, sizeof(out), "%u.%u.%u.%u", network >> 24, network >> 16 & 255,
		    network >> 8 & 255, network & 255);
		assert_true(has(prefix, in));
		assert_false(has(prefix, out));
	}
}

static void test_lists(void **state)
{
	static const char *const texts[] = { "192.0.2.7", "2001:db8::/32", "198.51.100.0/24" };
	struct prefix_address address;

	assert_true(prefix_parse_address(&address, "198.51.100.9"));
	assert_true(prefix_any_has(texts, LENGTH(texts), &address));
	assert_false(prefix_any_has(texts, 2, &address));
	assert_false(prefix_any_has(NULL, 0, &address));
}

static void test_no_addresses(void **state)
{
	static const char *const texts[] = { "", "unknown", "unix:/socket", "192.0.2.1:25",
		"192.0.2.1/32", "localhost", "\377\001" };

	for (size_t i = 0; i < LENGTH(texts); i++) {
		struct prefix_address address;

		assert_false(prefix_parse_address(&address, texts[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_loopback),
		cmocka_unit_test(test_has),
		cmocka_unit_test(test_each_bit),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_no_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
