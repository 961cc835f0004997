/* SPDX-License-Identifier: MIT
 * Whether a server has TLS, before a client library talks to it. Private to schema; on any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "schema/driver.h"
#include "schema/host.h"
#include "schema/tls.h"

enum greeting {
	GREETING_TLS,
	GREETING_PLAIN,
	GREETING_OTHER, /* an error, another protocol, or nobody is there: let the library say what it is */
	GREETING_SHORT, /* of greeting_parse() alone: it goes on */
};

/* The first n bytes that a server says, of protocol 10 of MySQL and MariaDB. */
enum greeting greeting_parse(const unsigned char *p, size_t n);

/* Connects by TCP, reads the greeting, and says nothing. Returns one of the first three, or -ETIMEDOUT after so many
 * seconds. */
int greeting_ask(const char *name, unsigned port, unsigned seconds);

/* What a client library is told of TLS. */
struct tls_way {
	enum tls tls;
	bool is_verified;
};

/* What mysql.tls asks for on the way to a host. */
struct tls_way greeting_way(const struct directory_settings *settings, const struct host *host);

/* Changes what MariaDB's library is told, so that it does what mysql.tls asks for. Where it is to use TLS, verifies
 * nobody, and the server has none, it goes on in plain text, takes that for safe, and sends a password of
 * caching_sha2_password as it is: so the server is asked before. Returns false after it was put into failure why there
 * can be no connection; host_text is what the setting calls the host. */
bool greeting_settle(struct tls_way *way, const struct host *host, const char *host_text,
    unsigned seconds, struct driver_failure *failure);
