/* SPDX-License-Identifier: MIT
 * Where Postfix sends the mail for an address, as its transport_maps say: of several nodes each must get its own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "mail/address.h"

/* Asks the maps of the installed Postfix, as the caller, in their order. MAIL_CONFIG tells it another directory than
 * /etc/postfix, as always. transport_r: what the first says that knows the address or its domain, "" if none
 * does. Returns false if there is no Postfix here, or it has no such maps. */
bool transport_ask(const struct address *address, char *transport_r, size_t n);

/* Does it name that node, as a host or a part of its name? */
bool transport_names(const char *transport, const char *node);
