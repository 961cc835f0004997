/* SPDX-License-Identifier: MIT
 * A directory made of a table, for the resolver to ask. */
#pragma once

#include "mail/resolver.h"
#include "tests/unit/unit.h"

enum {
	SOURCE_ROWS_MAX = 24,
	SOURCE_TRACE_MAX = 4096,
};

/* What the database answers to a key: one row each. Real ones find by collation, so key and row may
 * differ. */
struct source_row {
	enum resolver_table table;
	const char *key;
	const char *first, *second; /* NULL: SQL's NULL, or no such column */
	const char *further;        /* "name=value name=value"; NULL: no columns more */
};
#define MAILBOX(address)                                       \
	{                                                      \
		RESOLVER_MAILBOX, address, address, NULL, NULL \
	}
#define MAILBOX_WITH(address, further)                            \
	{                                                         \
		RESOLVER_MAILBOX, address, address, NULL, further \
	}
#define STORED(key, row)                               \
	{                                              \
		RESOLVER_MAILBOX, key, row, NULL, NULL \
	}
#define ALIAS(source, destinations)                                \
	{                                                          \
		RESOLVER_ALIAS, source, destinations, source, NULL \
	}
#define DOMAIN(name)                                    \
	{                                               \
		RESOLVER_DOMAIN, name, name, NULL, NULL \
	}

struct source {
	const struct source_row *rows;
	size_t n_rows;
	size_t n_asked;
	size_t fails_at; /* the ask that meets an accident; 0: none */
	char trace[SOURCE_TRACE_MAX];
};

/* resolver_ask and resolver_trace of a struct source. */
int source_ask(
    void *data, enum resolver_table table, const char *key, row_handler *on_row, void *row_data);
void source_trace(void *data, enum resolver_table table, const char *key, const char *found);

/* The address of a RCPT; "" is postmaster's without a domain. */
struct address source_address(const char *text);

/* The note must have this part; NULL: it must be empty. */
void source_check_note(const char *what, const char *note, const char *part);
