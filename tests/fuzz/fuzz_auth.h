/* SPDX-License-Identifier: MIT
 * The fuzz target of the auth protocol, for those that call it themselves. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Runs one input and aborts if the protocol breaks a promise. Its first three bytes say how, see
 * fuzz_auth.c; the rest is what the client sends. Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
