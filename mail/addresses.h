/* SPDX-License-Identifier: MIT
 * Addresses in header fields (RFC 5322 3.4), as strangers write them, and as somebody here names one. */
#pragma once

#include "base/arena.h"
#include "base/fuel.h"

enum {
	ADDRESSES_MAX = 256, /* of a field */
};

/* Quoting of the local part is taken off. */
struct mail_address {
	struct span local, domain; /* domain is "" where there is none */
	struct span phrase;        /* the name in front, as it stands; "" if there is none */
	struct span text;          /* local@domain, quoted where that is needed */
};

/* Reads a field's value that is unfolded: groups are passed over but for their members, and so is what cannot be read. False: no memory
 * or fuel. */
bool addresses_parse(struct span value, struct arena *arena, struct fuel *fuel,
    struct mail_address **list_r, size_t *n_r);

/* Is it one address and no more, written without what is obsolete ("Name <a@b>" if may_have_name)? 0: it is; 1: it is not; -ENOMEM. */
int addresses_parse_one(
    struct span text, bool may_have_name, struct arena *arena, struct mail_address *address_r);

enum address_part {
	ADDRESS_ALL = 0,
	ADDRESS_LOCALPART,
	ADDRESS_DOMAIN,
	ADDRESS_USER, /* RFC 5233 */
	ADDRESS_DETAIL,
};

/* The part of it; p is NULL where it has none: the detail of an address without a separator. delimiters: a set. */
struct span address_part_of(
    const struct mail_address *address, enum address_part part, const char *delimiters);
