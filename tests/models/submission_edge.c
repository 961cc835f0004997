/* SPDX-License-Identifier: MIT
 * Drives the client machine until it wants more of the server. */
#include "tests/models/submission_edge.h"

#include <stdio.h>
#include <string.h>

static void measure(struct submission_envelope *envelope, struct text content)
{
	struct content measured = { .has_dots = false };
	char out[16];

	for (size_t at = 0, n; at < content.n;) {
		at +=
		    content_encode(&measured, content.p + at, content.n - at, out, sizeof(out), &n);
	}
	content_finish(&measured, out);
	envelope->size = measured.n_wire;
	envelope->is_8bit = measured.is_8bit;
}

void submission_edge_init(struct submission_edge *edge, const struct submitted *submitted)
{
	memset(edge, 0, sizeof(*edge));
	edge->submitted = submitted;
	edge->n_left = submitted->n_times == 0 ? 1 : submitted->n_times;
	edge->envelope = (struct submission_envelope){ .sender = submitted->sender,
		.recipients = submitted->recipients,
		.is_utf8 = submitted->is_utf8,
		.is_question = submitted->is_question };
	while (submitted->recipients[edge->envelope.n_recipients] != NULL) {
		edge->envelope.n_recipients++;
	}
	measure(&edge->envelope, submitted->content);
	edge->envelope.size += submitted->lies;
	buffer_put(&edge->output, "", 0);
	buffer_put(&edge->events, "", 0);
	submission_init(&edge->submission, "mx.example.com");
}

static void enter(void)
{
	if (edge_enter != NULL) {
		edge_enter();
	}
}

static void leave(void)
{
	if (edge_leave != NULL) {
		edge_leave();
	}
}

static void take_output(struct submission_edge *edge)
{
	size_t n;
	const char *bytes = output_unsent(&edge->submission.output, &n);

	buffer_put(&edge->output, bytes, n);
	output_sent(&edge->submission.output, n);
}

static void tell(struct submission_edge *edge, const char *what, const struct response_words *words)
{
	char line[RESPONSE_TEXT_MAX + 100];
	int n = snprintf(
	    line, sizeof(line), "%s %d %s %s\n", what, words->code, words->enhanced, words->text);

	buffer_put(&edge->events, line, (size_t)n);
}

static void tell_outcomes(struct submission_edge *edge)
{
	static const char *const names[] = { "pending", "accepted", "refused", "deferred",
		"unknown" };

	for (size_t i = 0; i < edge->envelope.n_recipients; i++) {
		tell(edge, names[edge->outcomes[i].result], &edge->outcomes[i].words);
	}
	edge->has_begun = false;
}

static void give_content(struct submission_edge *edge)
{
	const struct text *content = &edge->submitted->content;
	size_t n = content->n - edge->n_given;

	if (n == 0) {
		enter();
		submission_content_end(&edge->submission);
		leave();
		return;
	}
	if (edge->content_piece > 0 && n > edge->content_piece) {
		n = edge->content_piece;
	}
	enter();
	edge->n_given += submission_content(&edge->submission, content->p + edge->n_given, n);
	leave();
}

static void on_ready(struct submission_edge *edge)
{
	if (edge->has_begun) {
		tell_outcomes(edge);
	}
	if (edge->n_left == 0) {
		enter();
		submission_quit(&edge->submission);
		leave();
		return;
	}
	edge->n_left--;
	edge->n_given = 0;
	edge->has_begun = true;
	enter();
	submission_begin(&edge->submission, &edge->envelope, edge->outcomes);
	leave();
}

static void on_close(struct submission_edge *edge)
{
	if (edge->has_begun) {
		tell_outcomes(edge);
	}
	if (edge->n_left > 0) { /* who comes now hears why */
		submission_begin(&edge->submission, &edge->envelope, edge->outcomes);
		edge->n_left = 0;
		tell_outcomes(edge);
	}
	tell(edge, "end", &edge->submission.end);
	edge->is_closed = true;
}

void submission_edge_feed(struct submission_edge *edge, const char *in, size_t n)
{
	while (!edge->is_closed) {
		enum submission_want want;
		size_t taken;

		enter();
		want = submission_feed(&edge->submission, in, n, &taken);
		leave();
		in += taken;
		n -= taken;
		take_output(edge);
		if (want == SUBMISSION_INPUT) {
			return;
		}
		if (want == SUBMISSION_CONTENT) {
			give_content(edge);
			take_output(edge); /* what the server says to it comes behind it */
		} else if (want == SUBMISSION_READY) {
			on_ready(edge);
		} else {
			on_close(edge);
		}
	}
}

void submission_edge_end(struct submission_edge *edge)
{
	submission_break(&edge->submission, "It is gone");
	submission_edge_feed(edge, "", 0);
}

void submission_edge_deinit(struct submission_edge *edge)
{
	submission_deinit(&edge->submission);
	buffer_free(&edge->output);
	buffer_free(&edge->events);
}
