/* SPDX-License-Identifier: MIT
 * Runs a conversation in every way that must not matter. */
#include "tests/unit/protocol/conversation.h"

#include <stdio.h>
#include <string.h>

const struct lmtp_settings conversation_ten_bytes = {
	.hostname = "mx.example.com",
	.recipient_delimiter = "+",
	.message_size_limit = 10,
	.recipient_limit = 1000,
};

/* One way of running it. */
struct way {
	size_t cut, piece; /* the first piece of the input, and all others */
	enum edge_order order;
	size_t body_cap;
	bool reads_late;
};

static void feed(struct edge *edge, struct text in, const struct way *way)
{
	size_t at = 0, n = way->cut < in.n ? way->cut : in.n;

	edge_feed(edge, in.p, n);
	for (at = n; at < in.n; at += n) {
		n = way->piece < in.n - at ? way->piece : in.n - at;
		edge_feed(edge, in.p + at, n);
	}
	edge_settle(edge);
}

static void converse(
    struct edge *edge, const struct conversation *conversation, const struct way *way)
{
	const struct lmtp_settings *settings =
	    conversation->settings != NULL ? conversation->settings : &edge_settings;

	edge_init(edge, settings, way->order, way->body_cap);
	edge->reads_late = way->reads_late;
	feed(edge, conversation->input, way);
	if (conversation->event == CONVERSATION_SHUT_DOWN) {
		edge_shut_down(edge);
	} else if (conversation->event == CONVERSATION_TIME_OUT) {
		edge_time_out(edge);
	}
	feed(edge, conversation->more, way);
}

/* Must give the same as the plain way, whose events are in *events. */
static void check_way(
    const struct conversation *conversation, const struct way *way, struct buffer *events)
{
	struct edge edge;
	char what[200];

	snprintf(what, sizeof(what), "%s (cut at %zu, pieces of %zu, order %d, room for %zu)",
	    conversation->name, way->cut, way->piece, (int)way->order, way->body_cap);
	converse(&edge, conversation, way);
	expect_bytes(
	    what, edge.output.p, edge.output.n, conversation->output, strlen(conversation->output));
	check_replies(edge.output.p, edge.output.n);
	if (events->p == NULL) {
		buffer_put(events, edge.events.p, edge.events.n);
	}
	expect_bytes(what, edge.events.p, edge.events.n, events->p, events->n);
	edge_deinit(&edge);
}

/* Long conversations are not cut at each byte, but at many, and around their line ends. */
static bool is_cut_worthwhile(struct text in, size_t cut)
{
	return in.n < 1500 || cut < 64 || in.n - cut < 64 || cut % 211 == 0;
}

static void check_conversation(const struct conversation *conversation)
{
	static const size_t caps[] = { 2, 3, 7, 4096 };
	struct buffer events = { .p = NULL };
	size_t n = conversation->input.n + conversation->more.n;

	if (conversation->events != NULL) {
		buffer_put(&events, conversation->events, strlen(conversation->events));
	}
	for (enum edge_order order = 0; order < EDGE_ORDERS; order++) {
		for (size_t i = 0; i < LENGTH(caps); i++) {
			check_way(
			    conversation, &(struct way){ n, n, order, caps[i], false }, &events);
			check_way(
			    conversation, &(struct way){ 1, 1, order, caps[i], false }, &events);
			check_way(
			    conversation, &(struct way){ 5, 3, order, caps[i], false }, &events);
			check_way(
			    conversation, &(struct way){ 7, 11, order, caps[i], true }, &events);
		}
		for (size_t cut = 0; cut <= n; cut++) {
			if (is_cut_worthwhile(conversation->input, cut)) {
				check_way(conversation, &(struct way){ cut, n, order, 4096, false },
				    &events);
			}
		}
	}
	buffer_free(&events);
}

void check_conversations(const struct conversation *conversations, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		check_conversation(&conversations[i]);
	}
}

void check_exchange(const struct lmtp_settings *settings, const char *name, const char *input,
    const char *output, const char *events)
{
	const struct conversation conversation = {
		.name = name,
		.settings = settings,
		.input = { input, strlen(input) },
		.output = output,
		.events = events,
	};

	check_conversations(&conversation, 1);
}
