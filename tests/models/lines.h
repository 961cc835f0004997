/* SPDX-License-Identifier: MIT
 * The lines of the auth protocol as a strict client reads them. Pure, and without any test library:
 * the fuzz target reads with it too. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum line_kind {
	LINE_NONE, /* of none of these forms */
	LINE_OK,   /* OK id user=name */
	LINE_FAIL, /* FAIL id, FAIL id user=name */
	LINE_CONT, /* CONT id challenge */
};

/* Reads one line of a server, without its LF. The id is decimal with nothing in front of it, as
 * Postfix compares it; names hold no control bytes; there is no other field. */
enum line_kind line_read(const char *line, size_t n, uint32_t *id_r);

/* Reads an id that a client sends; false if it is none. */
bool line_read_id(const char *text, size_t n, uint32_t *id_r);
