/* SPDX-License-Identifier: MIT
 * Connects to a socket that somebody else listens on, in a bounded time. On a thread that may block. */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "runtime/endpoint.h"

/* Milliseconds of the clock that never goes back, as times to wait for are given. */
uint64_t dial_now(void);

/* Returns a non-blocking socket, or -1 with the reason in error. until: by dial_now(). Each address of a name is tried; to look a
 * name up takes what time it takes, which for addresses and localhost is none. */
int dial(const struct endpoint *endpoint, uint64_t until, struct error *error);

/* Waits until one of the events of poll(2) has come. Returns those that have; 0: it took too long; or a negative errno. */
int dial_wait(int fd, short events, uint64_t until);
