/* SPDX-License-Identifier: MIT
 * The parts of a message (RFC 2045, 2046), found while its body is read once; of bodies it keeps where they lie, of
 * headers of parts their bytes. */
#pragma once

#include "mail/fields.h"
#include "mail/transfer.h"

enum {
	MIME_DEPTH_MAX = 32,
	MIME_PARTS_MAX = 1000,
	MIME_PARAMETERS_MAX = 64,
	MIME_BOUNDARY_MAX = 200,
	MIME_NAME_MAX = 100,        /* of a parameter; a longer one is passed over */
	MIME_VALUE_MAX = 16384,     /* bytes of a structured value; what follows is not seen */
	MIME_HEADERS_MAX = 1 << 20, /* bytes that are kept of headers of parts, together */
	MIME_MEMORY_MAX =
	    2 << 20, /* what they may take with all that is made of them; then no more are kept */
};

/* A structured value such as Content-Type's: "text/plain; charset=utf-8". */
struct mime_parameter {
	struct span name, value; /* unquoted; of RFC 2231 put together and decoded */
};

struct mime_value {
	struct span first;         /* "text/plain", "attachment"; lower case */
	struct span type, subtype; /* parted at the slash; "" if there is none */
	struct mime_parameter *parameters;
	size_t n_parameters;
};

/* Reads one, unfolded. What is wrong is passed over up to the next semicolon; bytes that are no UTF-8 become U+FFFD. False: no
 * memory or fuel. */
bool mime_value_parse(
    struct span text, struct arena *arena, struct fuel *fuel, struct mime_value *value_r);
/* p is NULL: it is not there. */
struct span mime_value_find(const struct mime_value *value, const char *name);

struct part {
	const struct part *parent; /* NULL: the message */
	unsigned depth;
	struct fields *fields;
	/* In the message's body, from where the header of the message ends. */
	uint64_t header_begin; /* of a part; of the message 0, its header lies before it */
	uint64_t begin,
	    end; /* of its own body, without the line end that belongs to the boundary behind it */
	uint64_t prologue_end, epilogue_begin; /* of a multipart; else begin and end */
	struct mime_value
	    type; /* text/plain; charset=us-ascii where nothing is said or it cannot be read */
	enum transfer transfer;
	bool is_multipart; /* without a boundary, or too deep, it is all prologue */
	bool
	    is_message; /* message/rfc822 or global that is looked into: its one child is the message in it */
	size_t n_inside; /* parts below it, which follow it in the list */
};

/* In the order of the message: the first is the message itself. */
struct parts {
	struct part *list;
	size_t n;
	uint64_t end; /* bytes of the body */
	bool is_cut;  /* there are more, deeper, or longer ones than are looked at */
};

struct mime_scan;

/* Of a message whose header is known. NULL: no memory or fuel. */
struct mime_scan *mime_scan_new(struct arena *arena, struct fuel *fuel, struct fields *header);
/* The next bytes of the body. False: no memory or fuel. */
bool mime_scan_feed(struct mime_scan *scan, struct span bytes);
/* NULL: as above. */
const struct parts *mime_scan_end(struct mime_scan *scan);
