/* SPDX-License-Identifier: MIT
 * A small edge for the session machine: it keeps unread input, answers look-ups and deliveries from
 * the names of the addresses, and writes down what it was asked for.
 *
 * The local part of an address says what becomes of it:
 *   unknown, foreign, down, loop, away, memory   RCPT is refused: 550, 550, 451, 451, 451, 451
 *   full, broken, forgotten                      the data is refused: 452, 451, and no reply set
 *   anything else                                is delivered */
#pragma once

#include "protocol/lmtp.h"
#include "tests/unit/unit.h"

/* When look-ups get their outcome. */
enum edge_order {
	EDGE_AT_ONCE,  /* within the step that asks */
	EDGE_REVERSED, /* when nothing else can go on, the last one first */
	EDGE_SHUFFLED, /* now and then, any one of them */
	EDGE_ORDERS
};

struct buffer {
	char *p;
	size_t n, cap;
};

void buffer_put(struct buffer *buffer, const void *bytes, size_t n);
void buffer_free(struct buffer *buffer);

struct edge {
	struct lmtp lmtp;
	struct lmtp_settings settings;
	enum edge_order order;
	size_t body_cap;
	char *room;         /* of exactly that size, for the address sanitizer */
	bool reads_late;    /* takes the output only when it must */
	bool delivers_late; /* only when it settles */
	uint64_t seed;

	struct buffer input; /* not taken by the machine yet */
	struct recipient *pending[LMTP_LOOKUP_MAX + 1];
	size_t n_pending;
	struct buffer output; /* everything sent */
	struct buffer body;   /* of the transaction */
	struct buffer
	    stored; /* every message that was delivered: its size, as a size_t, and bytes */
	struct buffer
	    events; /* one line each: begin (with utf8), deliver, body, abandon, refused */
	bool has_begun, is_delivering, is_closed;
};

/* What each call of the machine is wrapped in, so that a test can let memory fail there and only
 * there. NULL: nothing. */
extern void (*edge_enter)(void);
extern void (*edge_leave)(void);

extern const struct lmtp_settings edge_settings;

void edge_init(struct edge *edge, const struct lmtp_settings *settings, enum edge_order order,
    size_t body_cap);

/* Input from the client. What cannot be taken now is kept. */
void edge_feed(struct edge *edge, const char *in, size_t n);

/* Gives every look-up and delivery that is out its outcome, until nothing moves. */
void edge_settle(struct edge *edge);

/* The daemon ends; the client is silent. */
void edge_shut_down(struct edge *edge);
void edge_time_out(struct edge *edge);

/* Takes the machine down and checks that nothing is left. */
void edge_deinit(struct edge *edge);

/* The reply that a look-up or a delivery of the address has. */
enum reply edge_rcpt_reply(const char *text);
enum reply edge_data_reply(const char *text);

/* What the users say who reject. */
#define EDGE_SAID "Not this one.\r\nAnd never again."

/* Checks that every reply is well-formed: lines that end in CRLF and hold no other control bytes, at
 * most 512 bytes, the class of the enhanced code that of the code. Returns how many there are. */
size_t check_replies(const char *output, size_t n);

/* Takes the next reply (all of its lines) off the text; its length, 0 at the end. */
size_t next_reply(const char *output, size_t n);
