/* SPDX-License-Identifier: MIT
 * What several rooms ask of a string. The daemons never call setlocale(), so letters are those of ASCII. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A part of somebody else's string, not ended by NUL. */
struct span {
	const char *p;
	size_t n;
};

/* Of a string; NULL is an empty one whose p is NULL. */
struct span span_of(const char *s);

/* Are they the same, byte for byte, or but for the case of letters? */
bool span_equals(struct span a, struct span b);
bool span_is_same(struct span a, struct span b);

/* What stands from a byte on, which is not behind its end. */
static inline struct span span_from(struct span s, size_t at)
{
	return (struct span){ s.p + at, s.n - at };
}

/* Is s[0..n) that name, letters in either case? The name holds no NUL, so one in s makes it another. */
bool text_is(const char *s, size_t n, const char *name);
bool span_is(struct span s, const char *name);

/* Does it begin with that, letters in either case? */
bool span_begins(struct span s, const char *prefix);

/* Which of the names it is, letters in either case; NULL ends them. -1: none. */
int span_find(struct span s, const char *const *names);

/* A control byte of ASCII: what has no business in a name, a reply or a log. */
bool text_is_control(char c);
bool text_has_control(const char *s, size_t n);

/* Of ASCII, whatever the locale. */
static inline bool text_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool text_is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static inline char text_lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* The value of a hexadecimal digit; -1: it is none. */
static inline int text_hex(char c)
{
	char lower = text_lower(c);

	return text_is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Without white space and line ends at both ends. */
struct span span_trim(struct span s);

/* Does a string hold ASCII alone? */
bool text_is_ascii(const char *s);

/* Is a path that directory, or below it? Compared as they are written. */
bool text_is_below(const char *path, const char *directory);

/* FNV-1a of some bytes, behind those that start is the hash of. Who knows where it starts can make collisions. */
#define TEXT_HASH_START 14695981039346656037U
uint64_t text_hash(uint64_t start, const void *bytes, size_t n);

/* Reads a number of digits only. One that is too large for its type is UINT64_MAX: larger than any limit. */
bool text_number(const char *s, size_t n, uint64_t *number_r);

/* Writes a number in decimal, with zeros in front if it has less than so many digits. Returns how many there are. */
#define TEXT_NUMBER_MAX 20
size_t text_write(char *out, uint64_t number, size_t n_min);
