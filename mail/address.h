/* SPDX-License-Identifier: MIT
 * Mail addresses: the paths of MAIL and RCPT, and what may be a mailbox here. */
#pragma once

#include <stddef.h>

#include "base/text.h"

enum {
	ADDRESS_LOCAL_MAX = 64, /* octets of a local part without its detail (RFC 5321 4.5.3.1.1) */
	ADDRESS_PART_MAX = 255, /* octets of a local part with its detail, and of a domain: one
	                            * component of a path on disk (NAME_MAX) */
	ADDRESS_MAX = 2 * ADDRESS_PART_MAX + 1,
};

/* local@domain without the quoting of the wire; text ends in NUL and holds no other.
 * local is text[0 .. n_local), '@' is text[n_local]. Each part can be one component of a path. */
struct address {
	size_t n_local;
	char text[ADDRESS_MAX + 1];
};

enum address_outcome {
	ADDRESS_OK = 0,
	ADDRESS_BAD, /* no address, or one that can be no mailbox here */
};

/* A path of the wire: "<...>", a source route dropped (RFC 5321 4.1.1.3: it SHOULD be ignored). */
struct path {
	const char *text; /* between the angle brackets, quoting kept; not NUL-terminated */
	size_t n;
};

/* Reads one path at the start of s[0..n). Returns the bytes it took, 0 when there is none.
 * An unquoted '>' ends it; control bytes are refused. */
size_t path_parse(struct path *path_r, const char *s, size_t n);

/* Makes an address of a path's text, taking off quoting ("a b"@d, a\b@d).
 * Refused: no '@', an empty part, "." and "..", '/', control bytes, bad UTF-8, too long. */
enum address_outcome address_from_path(struct address *address_r, const struct path *path);

/* The same for plain text such as a row of the database: no quoting, the last '@' divides. */
enum address_outcome address_from_text(struct address *address_r, const char *text, size_t n);

const char *address_domain(const struct address *address);

/* ASCII only: what lies above belongs to the mailbox's owner, byte for byte. */
void address_lower(struct address *address);

/* Splits local+detail as Postfix does: at the first character of the set @delimiters; never
 * postmaster, mailer-daemon or double-bounce, never leaving an empty local part; with '-' in the
 * set neither owner-... nor ...-request.
 * base_r: the address without its detail. Returns the detail with its delimiter as it stands in
 * @address; NULL and no bytes if there is none. */
struct span address_split(
    const struct address *address, const char *delimiters, struct address *base_r);

/* base with @detail (delimiter included) put behind its local part; ADDRESS_BAD if too long. */
enum address_outcome address_join(
    struct address *address_r, const struct address *base, struct span detail);
