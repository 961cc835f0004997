/* SPDX-License-Identifier: MIT
 * What every unit test stands on: cmocka, texts that may hold NUL, failures that show bytes, a
 * random sequence that is the same on every machine, and directories that go away again. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* A literal with its length, so that it may hold NUL. */
struct text {
	const char *p;
	size_t n;
};
#define TEXT(literal)                        \
	{                                    \
		literal, sizeof(literal) - 1 \
	}

/* The bytes with everything unprintable escaped; good until some calls later. */
const char *shown(const void *bytes, size_t n);

/* Fails with both texts shown, and what they are. */
void expect_bytes(const char *what, const void *got, size_t n_got, const void *want, size_t n_want);
void expect_text(const char *what, const char *got, const char *want);

/* Fails if what @say prints on standard output is another text. */
void expect_printed(const char *what, void (*say)(void *data), void *data, const char *want);

/* Appends to the text in out[n]; fails when it does not fit. */
void add_text(char *out, size_t n, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The length of the enhanced status code (RFC 3463) that s begins with, 0 when there is none or it is
 * of another class than the code ('2', '4', '5'). */
size_t enhanced_code_length(const char *s, char class);

/* Pseudo-random: the next number below limit (splitmix64). */
uint64_t random_below(uint64_t *seed, uint64_t limit);

/* A new directory below the system's one for temporary files, or in memory where that can be had and
 * speed is all, and its end with all that is in it. */
void directory_make(char *path_r, size_t n);
void directory_make_in_memory(char *path_r, size_t n);
void directory_remove(const char *path);

/* A fixture: such a directory, and the path of a file in it that is not there yet. */
struct place {
	char directory[200];
	char file[256];
};
int place_set_up(void **state, const char *file);
int place_tear_down(void **state);
