/* SPDX-License-Identifier: MIT
 * The envelope of a message: who sends it, through whom, and to whom it goes (RFC 5321 2.3.1). It is
 * filled in by a protocol, and is all that deliveries, log and counters know of the session. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include "mail/address.h"
#include "mail/resolver.h"

/* One recipient, and what became of it. */
struct recipient {
	STAILQ_ENTRY(recipient) next;
	int reply; /* the last of the protocol's replies to it; 0 while it has none */
	char *
	    said; /* what its user says to the client instead of the reply's text; NULL as a rule; freed with it */
	struct address address;       /* unquoted, in the client's case */
	size_t n_detail;              /* of its local part's end: "+detail"; 0: there is none */
	struct resolution resolution; /* empty until it was looked up */
	size_t first_mailbox;         /* of its own, among those of all recipients of a delivery */
	char text[];                  /* as the client wrote it, without angle brackets */
};
STAILQ_HEAD(recipients, recipient);

struct envelope {
	char id[80];  /* of the transaction, for log and header */
	char *client; /* its name, as it says itself; NULL: it has not */
	char *sender; /* without angle brackets, "" for none; NULL: there is no transaction */
	/* Addresses may be UTF-8 (SMTPUTF8): its client says so, or one of them is not ASCII. */
	bool is_utf8;
	struct recipients recipients; /* accepted ones, in the client's order */
	size_t n_recipients;
	/* That they lead to, one counted for each recipient. Recipients that were found and wait for
	 * the replies of those before them count as well. */
	size_t n_mailboxes;
};

void envelope_init(struct envelope *envelope);
void envelope_deinit(struct envelope *envelope);

/* The transaction has ended: all but the client's name is forgotten. */
void envelope_clear(struct envelope *envelope);

/* Puts a recipient behind those that were accepted before, and owns it from now on. */
void envelope_add(struct envelope *envelope, struct recipient *recipient);

/* Of text[0..n). NULL when out of memory. */
struct recipient *recipient_new(const char *text, size_t n);
void recipient_free(struct recipient *recipient); /* NULL: nothing to do */
void recipients_free(struct recipients *list);

/* The detail with its delimiter, n_detail bytes and no NUL behind them. */
const char *recipient_detail(const struct recipient *recipient);
