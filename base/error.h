/* SPDX-License-Identifier: MIT
 * What went wrong, in words for people: a function that can fail for more reasons than an errno tells
 * fills one of these and returns -1. */
#pragma once

enum {
	ERROR_MAX = 1024, /* bytes of a text, NUL included; longer ones are cut */
};

struct error {
	char text[ERROR_MAX];
};

/* Says what failed, on what, why, and what to do. Returns -1, so that a caller can return it. */
int error_set(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Puts a text behind what is said already. Returns -1. */
int error_append(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts a text in front of what is said already. Returns -1. */
int error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
