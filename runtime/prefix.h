/* SPDX-License-Identifier: MIT
 * Addresses and networks as lists in a configuration name them: "192.0.2.7", "192.0.2.0/24",
 * "2001:db8::/32". Pure. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum {
	PREFIX_TEXT_SIZE = INET6_ADDRSTRLEN, /* of an address, with its NUL */
};

/* One of IPv4 that is written as IPv6 (::ffff:192.0.2.7) is one of IPv4. */
struct prefix_address {
	bool is_v6;
	unsigned char bytes[16]; /* 4 of IPv4 */
};

struct prefix {
	struct prefix_address address;
	unsigned n_bits; /* that count */
};

/* False: text is no address. */
bool prefix_parse_address(struct prefix_address *address_r, const char *text);

/* False: it is none of IP. */
bool prefix_from_socket(struct prefix_address *address_r, const struct sockaddr *socket);

/* One that leads to this machine itself: 127.0.0.0/8 or ::1. */
bool prefix_is_loopback(const struct prefix_address *address);

/* Into text[PREFIX_TEXT_SIZE]. */
void prefix_print_address(const struct prefix_address *address, char *text);

/* An address, or one with / and how many bits of it count. Returns 0, or -1 with what is wrong with text in
 * error. */
int prefix_parse(struct prefix *prefix_r, const char *text, struct error *error);

/* Only says whether it is one; of the form that keys want (settings.h). */
int prefix_check(const char *text, struct error *error);

bool prefix_has(const struct prefix *prefix, const struct prefix_address *address);

/* Is the address in one of n prefixes, written as prefix_check() allows? */
bool prefix_any_has(const char *const *texts, size_t n, const struct prefix_address *address);
