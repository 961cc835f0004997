/* SPDX-License-Identifier: MIT
 * What matchers look at: a symbol is a UTF-8 character, or a byte that belongs to none; under i;octet it is each byte. As a
 * number it is its bytes, the first one on top, which has the order of Unicode. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

enum {
	SYMBOL_MAX = 4, /* bytes */
	LETTERS_FOLD = 'Z' - 'A' + 1,
	LETTERS_STAY = 0,
};

#define SYMBOL_NONE UINT32_MAX

/* i;ascii-casemap has letters in upper case, also for their order (RFC 4790 9.2.1). letters: LETTERS_FOLD or
 * LETTERS_STAY. */
static inline unsigned char byte_fold(char c, unsigned letters)
{
	unsigned char byte = (unsigned char)c;

	return (unsigned char)(byte - ((unsigned)byte - 'a' < letters ? 'a' - 'A' : 0));
}

/* Symbols of a text that comes in pieces. */
struct symbols {
	unsigned letters;
	bool is_octets;
	char kept[SYMBOL_MAX]; /* the beginning of one */
	size_t n_kept;
};

/* Bytes of the symbol that p[0..n) begins with; n is above 0. */
size_t symbol_length(const char *p, size_t n, bool is_octets);

uint32_t symbol_of(const char *p, size_t n, unsigned letters);

bool symbols_next_slowly(
    struct symbols *symbols, struct span *bytes, bool is_end, uint32_t *symbol_r);

/* Takes the next one off. False: more bytes are needed, or at the end: there is none. */
static inline bool symbols_next(
    struct symbols *symbols, struct span *bytes, bool is_end, uint32_t *symbol_r)
{
	if (symbols->n_kept > 0 || bytes->n == 0 ||
	    ((unsigned char)bytes->p[0] >= 0x80 && !symbols->is_octets)) {
		return symbols_next_slowly(symbols, bytes, is_end, symbol_r);
	}
	*symbol_r = byte_fold(bytes->p[0], symbols->letters);
	*bytes = (struct span){ bytes->p + 1, bytes->n - 1 };
	return true;
}
