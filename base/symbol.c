/* SPDX-License-Identifier: MIT
 * Symbols: whole, or cut by the pieces that they come in. */
#include "base/symbol.h"

#include <string.h>

#include "base/utf8.h"

size_t symbol_length(const char *p, size_t n, bool is_octets)
{
	size_t length = is_octets || (unsigned char)*p < 0x80 ? 1 : utf8_length(p, n);

	return length > 0 ? length : 1;
}

uint32_t symbol_of(const char *p, size_t n, unsigned letters)
{
	uint32_t symbol = byte_fold(p[0], letters);

	for (size_t i = 1; i < n; i++) {
		symbol = symbol << 8 | (unsigned char)p[i];
	}
	return symbol;
}

/* How many bytes decide what it is that begins with this one. */
static size_t needed(char first)
{
	unsigned char byte = (unsigned char)first;

	return byte < 0xc0 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

bool symbols_next_slowly(
    struct symbols *symbols, struct span *bytes, bool is_end, uint32_t *symbol_r)
{
	size_t length;

	if (symbols->n_kept == 0 && bytes->n > 0 && (is_end || bytes->n >= needed(bytes->p[0]))) {
		length = symbol_length(bytes->p, bytes->n, symbols->is_octets);
		*symbol_r = symbol_of(bytes->p, length, symbols->letters);
		*bytes = (struct span){ bytes->p + length, bytes->n - length };
		return true;
	}
	while (
	    bytes->n > 0 && (symbols->n_kept == 0 || symbols->n_kept < needed(symbols->kept[0]))) {
		symbols->kept[symbols->n_kept++] = bytes->p[0];
		*bytes = (struct span){ bytes->p + 1, bytes->n - 1 };
	}
	if (symbols->n_kept == 0 || (!is_end && symbols->n_kept < needed(symbols->kept[0]))) {
		return false;
	}
	length = symbol_length(symbols->kept, symbols->n_kept, symbols->is_octets);
	*symbol_r = symbol_of(symbols->kept, length, symbols->letters);
	symbols->n_kept -= length;
	memmove(symbols->kept, symbols->kept + length, symbols->n_kept);
	return true;
}
