/* SPDX-License-Identifier: MIT
 * inet_pton(3) reads addresses; the bits are counted here. */
#include "runtime/prefix.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum {
	V4_BITS = 32,
	V6_BITS = 128,
	MAPPED_BYTES = 12, /* of IPv6, before an address of IPv4 */
};

static unsigned bits_of(const struct prefix_address *address)
{
	return address->is_v6 ? V6_BITS : V4_BITS;
}

static void take_v6(struct prefix_address *address_r, const struct in6_addr *v6)
{
	address_r->is_v6 = !IN6_IS_ADDR_V4MAPPED(v6);
	if (address_r->is_v6) {
		memcpy(address_r->bytes, v6, sizeof(*v6));
	} else {
		memcpy(address_r->bytes, v6->s6_addr + MAPPED_BYTES, 4);
	}
}

bool prefix_parse_address(struct prefix_address *address_r, const char *text)
{
	struct in6_addr v6;

	*address_r = (struct prefix_address){ .is_v6 = false };
	if (inet_pton(AF_INET, text, address_r->bytes) == 1) {
		return true;
	}
	if (inet_pton(AF_INET6, text, &v6) != 1) {
		return false;
	}
	take_v6(address_r, &v6);
	return true;
}

bool prefix_from_socket(struct prefix_address *address_r, const struct sockaddr *socket)
{
	*address_r = (struct prefix_address){ .is_v6 = false };
	if (socket->sa_family == AF_INET) {
		memcpy(address_r->bytes, &((const struct sockaddr_in *)socket)->sin_addr, 4);
		return true;
	}
	if (socket->sa_family != AF_INET6) {
		return false;
	}
	take_v6(address_r, &((const struct sockaddr_in6 *)socket)->sin6_addr);
	return true;
}

bool prefix_is_loopback(const struct prefix_address *address)
{
	static const char *const loopback[] = { "127.0.0.0/8", "::1" };

	return prefix_any_has(loopback, sizeof(loopback) / sizeof(loopback[0]), address);
}

void prefix_print_address(const struct prefix_address *address, char *text)
{
	inet_ntop(address->is_v6 ? AF_INET6 : AF_INET, address->bytes, text, PREFIX_TEXT_SIZE);
}

/* Sets all bits behind the first n to 0. */
static void clear_rest(unsigned char bytes[16], unsigned n)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned n_kept = n > i * 8 ? n - i * 8 : 0;

		if (n_kept < 8) {
			bytes[i] &= (unsigned char)(0xff00u >> n_kept);
		}
	}
}

/* Of "192.0.2.7/24" most people mean 192.0.2.0/24, and some 192.0.2.7: they are asked. */
static int check_rest(const struct prefix *prefix, const char *text, struct error *error)
{
	struct prefix_address network = prefix->address;
	char name[INET6_ADDRSTRLEN];

	clear_rest(network.bytes, prefix->n_bits);
	if (memcmp(network.bytes, prefix->address.bytes, sizeof(network.bytes)) == 0) {
		return 0;
	}
	inet_ntop(network.is_v6 ? AF_INET6 : AF_INET, network.bytes, name, sizeof(name));
	return error_set(error, "\"%s\" has bits behind its first %u: the network is \"%s/%u\"",
	    text, prefix->n_bits, name, prefix->n_bits);
}

int prefix_parse(struct prefix *prefix_r, const char *text, struct error *error)
{
	const char *slash = strchr(text, '/');
	size_t n = slash == NULL ? strlen(text) : (size_t)(slash - text);
	char address[INET6_ADDRSTRLEN] = "";
	unsigned most;

	if (n < sizeof(address)) {
		memcpy(address, text, n);
	}
	if (!prefix_parse_address(&prefix_r->address, address)) {
		return error_set(error,
		    "\"%s\" is neither an address nor a network, such as \"192.0.2.7\", "
		    "\"192.0.2.0/24\" or \"2001:db8::/32\"",
		    text);
	}
	if (!prefix_r->address.is_v6 && strchr(address, ':') != NULL) {
		return error_set(error, "\"%s\" is one of IPv4: write it so", text);
	}
	most = prefix_r->n_bits = bits_of(&prefix_r->address);
	if (slash == NULL) {
		return 0;
	}
	n = strlen(slash + 1);
	if (n == 0 || n > 3 || strspn(slash + 1, "0123456789") != n ||
	    strtoul(slash + 1, NULL, 10) > most) {
		return error_set(
		    error, "\"%s\": behind the / stands a number from 0 to %u", text, most);
	}
	prefix_r->n_bits = (unsigned)strtoul(slash + 1, NULL, 10);
	return check_rest(prefix_r, text, error);
}

int prefix_check(const char *text, struct error *error)
{
	struct prefix prefix;

	return prefix_parse(&prefix, text, error);
}

bool prefix_has(const struct prefix *prefix, const struct prefix_address *address)
{
	struct prefix_address network = *address;

	clear_rest(network.bytes, prefix->n_bits);
	return network.is_v6 == prefix->address.is_v6 &&
	       memcmp(network.bytes, prefix->address.bytes, sizeof(network.bytes)) == 0;
}

bool prefix_any_has(const char *const *texts, size_t n, const struct prefix_address *address)
{
	for (size_t i = 0; i < n; i++) {
		struct prefix prefix;
		struct error error;

		if (prefix_parse(&prefix, texts[i], &error) == 0 && prefix_has(&prefix, address)) {
			return true;
		}
	}
	return false;
}
