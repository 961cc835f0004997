/* SPDX-License-Identifier: MIT
 * A small edge for the client machine of SMTP: it plays a server that says a text whatever it is asked, and writes down what the
 * machine sends and what became of each recipient. */
#pragma once

#include "protocol/submission.h"
#include "tests/models/edge.h"

/* What is sent, once or several times over one connection. */
struct submitted {
	const char *sender;
	const char *recipients[SUBMISSION_RECIPIENTS_MAX + 1]; /* up to NULL */
	struct text content;
	bool is_utf8, is_question;
	uint64_t lies;    /* added to its size */
	unsigned n_times; /* 0: once */
};

struct submission_edge {
	struct submission submission;
	struct submission_envelope envelope;
	const struct submitted *submitted;
	unsigned n_left;
	bool has_begun;
	size_t n_given;       /* bytes of the content */
	size_t content_piece; /* that it is given in; 0: as a whole */
	struct submission_outcome outcomes[SUBMISSION_RECIPIENTS_MAX];
	struct buffer output, events; /* a line for each outcome, and for the end */
	bool is_closed;
};

void submission_edge_init(struct submission_edge *edge, const struct submitted *submitted);

/* The server says in[0..n); and the connection ends. */
void submission_edge_feed(struct submission_edge *edge, const char *in, size_t n);
void submission_edge_end(struct submission_edge *edge);
void submission_edge_deinit(struct submission_edge *edge);
