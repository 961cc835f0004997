/* SPDX-License-Identifier: MIT
 * Who may connect over TCP: whom the key allow of the configuration in force names. A path has its owner and its
 * mode, an address has nothing of that kind: who reaches it could put mail into every mailbox, past all that
 * Postfix refuses, or guess passwords. Loop's thread. */
#pragma once

#include <stdbool.h>

#include "runtime/endpoint.h"

struct daemon;
struct peer;

/* May it stay? Counts it if not, and tells the log now and then. */
bool admission_grant(struct daemon *daemon, const struct peer *peer);

/* Can others than this machine reach the address? Asks the resolver, as who binds it does. */
bool admission_is_reached(const struct endpoint *endpoint);
