/* SPDX-License-Identifier: MIT
 * Mail addresses: the paths of MAIL and RCPT, and what may be a mailbox here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

enum {
	/* Octets of a local part with its detail, and of a domain: one component of a path on disk has no
	 * more (NAME_MAX). RFC 5321 4.5.3.1.1 has 64, but who has a row is somebody. */
	ADDRESS_PART_MAX = 255,
	ADDRESS_MAX = 2 * ADDRESS_PART_MAX + 1,
};

/* local@domain without the quoting of the wire; text ends in NUL and holds no other.
 * local is text[0 .. n_local), '@' is text[n_local]. */
struct address {
	size_t n_local;
	char text[ADDRESS_MAX + 1];
};

enum address_outcome {
	ADDRESS_OK = 0,
	ADDRESS_BAD, /* no address, or one that can be nobody's */
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
 * Refused: no '@', an empty part, control bytes, bad UTF-8, too long. */
enum address_outcome address_from_path(struct address *address_r, const struct path *path);

/* The same for plain text such as a row of the database: no quoting, the last '@' divides. */
enum address_outcome address_from_text(struct address *address_r, const char *text, size_t n);

const char *address_domain(const struct address *address);

/* <postmaster> without a domain (RFC 5321 4.5.1): its domain is empty, which no other's is. */
extern const struct address address_postmaster;

/* Can each part be one component of a path: no '/', and neither "." nor ".."? Only the address of a row
 * becomes a path, so nothing else is asked this. */
bool address_is_path(const struct address *address);

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
