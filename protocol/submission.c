/* SPDX-License-Identifier: MIT
 * One reply at a time: each is answered by what comes next in the conversation, and a reply that fits nowhere ends it. Pure. */
#include "protocol/submission_private.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void submission_init(struct submission *submission, const char *hostname)
{
	memset(submission, 0, offsetof(struct submission, chunk));
	submission->hostname = hostname;
	submission->response.line = (struct line){ .end = LINE_CRLF, .max = RESPONSE_LINE_MAX };
}

void submission_deinit(struct submission *submission)
{
	size_t n;

	response_deinit(&submission->response);
	output_unsent(&submission->output, &n);
	output_sent(&submission->output, n);
}

static void put_bytes(struct submission *submission, const char *bytes, size_t n)
{
	char *out = n == 0 ? NULL : output_reserve(&submission->output, n);

	if (out != NULL) {
		memcpy(out, bytes, n);
		submission->output.n += n;
	}
}

__attribute__((format(printf, 2, 3))) void submission_put(
    struct submission *submission, const char *format, ...)
{
	char line[SUBMISSION_COMMAND_MAX];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	assert(n > 0 && (size_t)n < sizeof(line));
	put_bytes(submission, line, (size_t)n);
}

void submission_decide(struct submission *submission, enum submission_result result,
    const struct response_words *words)
{
	for (size_t i = 0; submission->outcomes != NULL && i < submission->envelope->n_recipients;
	     i++) {
		struct submission_outcome *outcome = &submission->outcomes[i];

		if (outcome->result == SUBMISSION_PENDING) {
			*outcome = (struct submission_outcome){ result, *words };
		}
	}
}

bool submission_has_pending(const struct submission *submission)
{
	for (size_t i = 0; i < submission->envelope->n_recipients; i++) {
		if (submission->outcomes[i].result == SUBMISSION_PENDING) {
			return true;
		}
	}
	return false;
}

enum submission_result submission_result_of(int code)
{
	return code >= 500 ? SUBMISSION_REFUSED : SUBMISSION_DEFERRED;
}

static void close_as(struct submission *submission, enum submission_result result,
    const struct response_words *words)
{
	submission->end = *words;
	submission_decide(submission, result, words);
	submission->outcomes = NULL;
	submission->phase = SUBMISSION_PHASE_CLOSED;
}

static void close_with(struct submission *submission, const struct response_words *words)
{
	close_as(submission, SUBMISSION_DEFERRED, words);
}

/* Has all of the content gone out? Then the server may have taken it. */
static bool is_sent(const struct submission *submission)
{
	size_t n;

	output_unsent(&submission->output, &n);
	return submission->phase == SUBMISSION_PHASE_FINAL && n == 0 &&
	       !submission->output.is_out_of_memory;
}

void submission_break(struct submission *submission, const char *why)
{
	struct response_words words;

	if (submission->phase != SUBMISSION_PHASE_CLOSED) {
		response_words_set(&words, "4.4.2", why);
		close_as(submission, is_sent(submission) ? SUBMISSION_UNKNOWN : SUBMISSION_DEFERRED,
		    &words);
	}
}

void submission_break_by(struct submission *submission, const char *in, size_t n)
{
	struct response *response = &submission->response;
	int result = RESPONSE_LINE;

	for (size_t taken = 0; result == RESPONSE_LINE; in += taken, n -= taken) {
		result = response_take(response, in, n, &taken);
	}
	if (result == RESPONSE_WHOLE && response->words.code >= 400) {
		close_with(submission, &response->words);
	}
	submission_break(submission, "The server spoke when it was not asked");
}

void submission_become_ready(struct submission *submission)
{
	submission->outcomes = NULL;
	submission->phase = SUBMISSION_PHASE_READY;
}

void submission_reset(struct submission *submission)
{
	submission_put(submission, "RSET\r\n");
	submission->phase = SUBMISSION_PHASE_RESET;
}

/* What is encoded goes out: as a chunk, or as it is. */
static void put_chunk(struct submission *submission, bool is_last)
{
	if (submission->has_chunking) {
		submission_put(
		    submission, "BDAT %zu%s\r\n", submission->n_chunk, is_last ? " LAST" : "");
		submission->phase = SUBMISSION_PHASE_CHUNK;
	}
	put_bytes(submission, submission->chunk, submission->n_chunk);
	submission->n_chunk = 0;
}

size_t submission_content(struct submission *submission, const char *bytes, size_t n)
{
	size_t taken = 0;

	assert(submission->phase == SUBMISSION_PHASE_CONTENT);
	while (taken < n && submission->phase == SUBMISSION_PHASE_CONTENT) {
		size_t n_out = 0, n_in = 0;

		if (SUBMISSION_CHUNK - submission->n_chunk < CONTENT_ROOM) {
			put_chunk(submission, false);
			if (!submission->has_chunking) {
				break; /* no more waits than a chunk */
			}
			continue;
		}
		n_in = content_encode(&submission->content, bytes + taken, n - taken,
		    submission->chunk + submission->n_chunk, SUBMISSION_CHUNK - submission->n_chunk,
		    &n_out);
		taken += n_in;
		submission->n_chunk += n_out;
	}
	return taken;
}

void submission_content_end(struct submission *submission)
{
	assert(submission->phase == SUBMISSION_PHASE_CONTENT);
	submission->n_chunk +=
	    content_finish(&submission->content, submission->chunk + submission->n_chunk);
	if (submission->content.n_wire != submission->envelope->size) {
		submission_break(submission, "The message changed while it was sent");
		return;
	}
	put_chunk(submission, true);
	if (!submission->has_chunking) {
		submission_put(submission, ".\r\n");
	}
	submission->phase = SUBMISSION_PHASE_FINAL;
}

/* A keyword of the server (RFC 5321 4.1.1.1), with its parameters. */
static void on_extension(struct submission *submission, struct span line)
{
	const char *blank = memchr(line.p, ' ', line.n);
	size_t n = blank == NULL ? line.n : (size_t)(blank - line.p);
	uint64_t size;

	submission->has_pipelining |= text_is(line.p, n, "PIPELINING");
	submission->has_8bitmime |= text_is(line.p, n, "8BITMIME");
	submission->has_chunking |= text_is(line.p, n, "CHUNKING");
	submission->has_smtputf8 |= text_is(line.p, n, "SMTPUTF8");
	if (text_is(line.p, n, "SIZE")) {
		submission->has_size = true;
		if (n + 1 < line.n && text_number(line.p + n + 1, line.n - n - 1, &size)) {
			submission->size_max = size;
		}
	}
}

/* The class of a reply that fits its phase; all others but refusals are nonsense. */
static char class_due(const struct submission *submission)
{
	return submission->phase == SUBMISSION_PHASE_DATA ? 3 : 2;
}

static void on_hello(struct submission *submission, const struct response_words *words)
{
	if (words->code < 300) {
		submission_become_ready(submission);
	} else if (submission->phase == SUBMISSION_PHASE_EHLO && words->code >= 500) {
		submission_put(submission, "HELO %s\r\n", submission->hostname);
		submission->phase = SUBMISSION_PHASE_HELO;
	} else {
		close_with(submission, words);
	}
}

/* Of what was said of the content, or to be allowed to send it. */
static void on_content(struct submission *submission, const struct response_words *words)
{
	if (words->code >= 400) {
		submission_decide(submission, submission_result_of(words->code), words);
		submission_reset(submission);
	} else if (submission->phase == SUBMISSION_PHASE_FINAL) {
		submission_decide(submission, SUBMISSION_ACCEPTED, words);
		submission_become_ready(submission);
	} else {
		submission->phase = SUBMISSION_PHASE_CONTENT;
	}
}

static void on_response(struct submission *submission, const struct response_words *words)
{
	if (words->code == 421) {
		close_with(submission, words); /* to any command (RFC 5321 3.8) */
		return;
	}
	if (words->code < 400 && words->code / 100 != class_due(submission)) {
		submission_break(submission, "The server's answer does not fit the question");
		return;
	}
	switch (submission->phase) {
	case SUBMISSION_PHASE_GREETING:
		if (words->code >= 400) {
			close_with(submission, words);
			break;
		}
		submission_put(submission, "EHLO %s\r\n", submission->hostname);
		submission->phase = SUBMISSION_PHASE_EHLO;
		break;
	case SUBMISSION_PHASE_EHLO:
	case SUBMISSION_PHASE_HELO:
		on_hello(submission, words);
		break;
	case SUBMISSION_PHASE_ENVELOPE:
		submission_on_envelope(submission, words);
		break;
	case SUBMISSION_PHASE_DATA:
	case SUBMISSION_PHASE_CHUNK:
	case SUBMISSION_PHASE_FINAL:
		on_content(submission, words);
		break;
	case SUBMISSION_PHASE_RESET:
		if (words->code >= 400) {
			close_with(submission, words);
			break;
		}
		submission_become_ready(submission);
		break;
	case SUBMISSION_PHASE_QUIT:
	case SUBMISSION_PHASE_READY:
	case SUBMISSION_PHASE_CONTENT:
	case SUBMISSION_PHASE_CLOSED:
		close_with(submission, words);
		break;
	}
}

static enum submission_want want_of(struct submission *submission)
{
	if (submission->output.is_out_of_memory) {
		submission_break(submission, "Out of memory");
	}
	switch (submission->phase) {
	case SUBMISSION_PHASE_READY:
		return SUBMISSION_READY;
	case SUBMISSION_PHASE_CONTENT:
		return SUBMISSION_CONTENT;
	case SUBMISSION_PHASE_CLOSED:
		return SUBMISSION_CLOSE;
	default:
		return SUBMISSION_INPUT;
	}
}

enum submission_want submission_feed(
    struct submission *submission, const char *in, size_t n, size_t *n_taken_r)
{
	struct response *response = &submission->response;
	enum submission_want want;

	for (*n_taken_r = 0; (want = want_of(submission)) == SUBMISSION_INPUT;) {
		size_t taken = 0;
		int result = response_take(response, in + *n_taken_r, n - *n_taken_r, &taken);

		*n_taken_r += taken;
		if (result == RESPONSE_MORE) {
			return SUBMISSION_INPUT;
		}
		if (result < 0) {
			submission_break(submission, "Out of memory");
		} else if (result == RESPONSE_BAD) {
			submission_break(submission, "The server's answer is none of SMTP");
		} else {
			if (submission->phase == SUBMISSION_PHASE_EHLO && response->n_lines > 1 &&
			    response->words.code < 300) {
				on_extension(submission, response->current);
			}
			if (result == RESPONSE_WHOLE) {
				on_response(submission, &response->words);
			}
		}
	}
	return want;
}

void submission_quit(struct submission *submission)
{
	assert(submission->phase == SUBMISSION_PHASE_READY);
	submission_put(submission, "QUIT\r\n");
	submission->phase = SUBMISSION_PHASE_QUIT;
}
