/* SPDX-License-Identifier: MIT
 * Who gets the mail: from an address to the mailboxes it leads to.
 *
 * Postfix has expanded aliases already, so a mailbox comes first. The first of these that has a row
 * wins: mailbox local+detail@domain, alias local+detail@domain, mailbox local@domain, alias
 * local@domain, alias @domain. A row counts only if it equals what was asked, byte for byte after
 * ASCII-lower-casing both: the collations of MySQL match more than that.
 *
 * Blocking: it asks its source row by row, so it runs on the thread of a lane. It knows no MySQL. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/row.h"
#include "mail/destinations.h"
#include "mail/mailbox.h"

enum resolver_table {
	RESOLVER_MAILBOX,
	RESOLVER_ALIAS,
	RESOLVER_DOMAIN,
};

enum {
	RESOLVER_LEVEL_MAX = 10,                /* of aliases behind aliases */
	RESOLVER_RESULT_MAX = DESTINATIONS_MAX, /* destinations looked at for one recipient */
};

/* Asks for a key and calls on_row for every row: its first column is the mailbox's address, with those of
 * mailbox_columns behind it, an alias' destinations or the domain's name. An alias' second column, if there is
 * one, is its source. 0, what
 * on_row returned if not 0, or a negative accident. */
typedef int resolver_ask(
    void *source, enum resolver_table table, const char *key, row_handler *on_row, void *data);

/* Told of every look-up: found is the row (or the list of destinations), NULL where there is none. */
typedef void resolver_trace(
    void *data, enum resolver_table table, const char *key, const char *found);

struct resolver {
	resolver_ask *ask;
	void *source;
	const char *delimiters; /* recipient_delimiter */
	const char *node;       /* our name in the column `state`; NULL: nobody cares */
	bool keeps_detail;      /* mailboxes are to know by which detail they were reached */
	resolver_trace *trace;  /* NULL for none */
	void *trace_data;
	const char
	    *hostname; /* where address_postmaster is looked for; NULL if nobody asks for it */
};

enum resolver_outcome {
	RESOLVER_FOUND = 0,
	RESOLVER_NO_MAILBOX, /* the domain is ours, the address is not */
	RESOLVER_NO_DOMAIN,
	RESOLVER_DISABLED,    /* there is a mailbox, and it gets no mail */
	RESOLVER_MOVING,      /* a mailbox is being moved to another node */
	RESOLVER_OTHER_NODE,  /* another node serves a mailbox; which one, the note says */
	RESOLVER_LOOP,        /* too many levels or results; the chain is in the note */
	RESOLVER_ELSEWHERE,   /* an alias leads to a domain that is not ours */
	RESOLVER_BAD_MAILBOX, /* the row of a mailbox has a column that cannot be used */
	RESOLVER_BAD_ROW,     /* a query returns what can be no answer to it: the query is wrong */
};

/* What is wrong with destinations that were met on the way. */
struct resolver_faults {
	unsigned n_missing; /* in a domain of ours, without a row */
	unsigned n_itself;  /* the alias leads to itself; nothing is wrong if that is a mailbox */
	unsigned n_foreign; /* in a domain that is not ours */
	unsigned n_bad;     /* no mail address */
};

struct resolution {
	struct mailbox *mailboxes; /* no two are the same */
	size_t n_mailboxes;
	struct resolver_faults faults;
	char note[512]; /* what an admin should know: destinations left out, the chain of a loop */
};

/* address_postmaster is that of the host's name, or else of its parent domain.
 * Returns a resolver_outcome, or a negative accident (-ENOMEM or what the source said).
 * resolution_r must be given to resolution_deinit() in every case. */
int resolver_resolve(const struct resolver *resolver, const struct address *address,
    struct resolution *resolution_r);
void resolution_deinit(struct resolution *resolution);

/* Is the domain one of ours? Returns 0, RESOLVER_BAD_ROW or a negative accident. */
int resolver_owns(const struct resolver *resolver, const char *domain, bool *is_ours_r);
