/* SPDX-License-Identifier: MIT
 * What the fuzz targets have in common. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A target: runs one input and aborts if a promise is broken. How an input is read stands on top of
 * each fuzz_*.c. Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Aborts with what was broken. */
__attribute__((noreturn)) void fuzz_end_broken(const char *what);
void fuzz_require(bool is_so, const char *what);

/* Memory of exactly that size; never NULL. */
void *fuzz_room(size_t n);

/* A copy of exactly its size, so that a sanitizer sees a byte too many; never NULL. */
void *fuzz_copy(const void *bytes, size_t n);

/* The same as a string, up to its first NUL. */
char *fuzz_string(const void *bytes, size_t n);
