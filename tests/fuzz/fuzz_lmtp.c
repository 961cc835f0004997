/* SPDX-License-Identifier: MIT
 * Fuzz target of the session machine of LMTP. An input is run in several ways, cut differently, with
 * outcomes at once or late and in another order: each must send and store exactly what the model
 * works out. Then once more with the event in the middle of everything, where no model knows the
 * order: what is sent must still be whole replies, as many as recipients behind each message.
 *
 * The first byte of an input chooses event and settings, the second is the seed of cuts and orders, the
 * next two say where the event happens. The rest is what the client sends; what becomes of look-ups
 * and deliveries stands in the names of the recipients, see tests/unit/edge.h. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "tests/models/lmtp_model.h"

enum {
	HEADER = 4,
	INPUT_MAX = 1 << 16,
};

static const struct lmtp_settings variants[] = {
	{ "mx.example.com", "+", 0, MODEL_RECIPIENTS_MAX, false },
	{ "mx.example.com", "+-", 30, 3, false },
	{ "mx.example.com", "", 1000, 1, false },
	{ "mx.example.com", "+", 10, MODEL_RECIPIENTS_MAX, false },
};

/* One way of running an input. */
struct way {
	size_t piece; /* the largest one; pieces have random sizes up to it */
	size_t body_cap;
	enum edge_order order;
	bool is_late;    /* deliveries, and reading the replies */
	bool is_settled; /* before the event everything is answered */
};

static void feed(struct edge *edge, const char *in, size_t n, const struct way *way)
{
	for (size_t at = 0; at < n;) {
		size_t piece = 1 + random_below(&edge->seed, way->piece);

		piece = piece < n - at ? piece : n - at;
		edge_feed(edge, in + at, piece);
		at += piece;
	}
}

static void run(
    struct edge *edge, const struct lmtp_session *session, const struct way *way, uint64_t seed)
{
	edge_init(edge, session->settings, way->order, way->body_cap);
	edge->seed = seed;
	edge->reads_late = edge->delivers_late = way->is_late;
	feed(edge, session->in, session->event_at, way);
	/* The daemon does not time a client out that waits for it. */
	if (way->is_settled || session->event == LMTP_EVENT_TIME_OUT) {
		edge_settle(edge);
	}
	if (session->event == LMTP_EVENT_SHUT_DOWN) {
		edge_shut_down(edge);
	} else if (session->event == LMTP_EVENT_TIME_OUT) {
		edge_time_out(edge);
	}
	feed(edge, session->in + session->event_at, session->n - session->event_at, way);
	edge_settle(edge);
	check_replies(edge->output.p, edge->output.n);
}

static bool is_same(const struct buffer *a, const struct buffer *b)
{
	return a->n == b->n && (a->n == 0 || memcmp(a->p, b->p, a->n) == 0);
}

static void check(const struct lmtp_session *session, uint64_t seed)
{
	const struct way ways[] = {
		{ session->n + 1, 4096, EDGE_AT_ONCE, false, true },
		/* Byte by byte, if there are not too many. */
		{ 1 + session->n / 500, 2, EDGE_REVERSED, false, true },
		{ 1 + seed, 2 + seed % 40, EDGE_SHUFFLED, true, true },
		{ 1 + 3 * seed, 64, EDGE_SHUFFLED, true, false },
	};
	struct buffer output = { .p = NULL }, stored = { .p = NULL }, events = { .p = NULL };

	lmtp_model(session, &output, &stored);
	for (size_t i = 0; i < LENGTH(ways); i++) {
		struct edge edge;

		run(&edge, session, &ways[i], seed);
		if (ways[i].is_settled) {
			expect_bytes("replies", edge.output.p, edge.output.n, output.p, output.n);
			fuzz_require(is_same(&edge.stored, &stored), "what came in is stored");
			if (events.p == NULL) {
				buffer_put(&events, edge.events.p, edge.events.n);
			}
			fuzz_require(is_same(&edge.events, &events), "the edge hears the same");
		}
		edge_deinit(&edge);
	}
	buffer_free(&output);
	buffer_free(&stored);
	buffer_free(&events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct lmtp_session session;

	if (n < HEADER || n > INPUT_MAX) {
		return 0;
	}
	session = (struct lmtp_session){
		.settings = &variants[data[0] / LMTP_EVENTS % LENGTH(variants)],
		.in = (const char *)data + HEADER,
		.n = n - HEADER,
		.event = (enum lmtp_event)(data[0] % LMTP_EVENTS),
	};
	session.event_at = ((size_t)data[2] << 8 | data[3]) % (session.n + 1);
	check(&session, data[1]);
	return 0;
}
