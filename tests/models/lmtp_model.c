/* SPDX-License-Identifier: MIT
 * The model reads its input from front to back, one command or message at a time. */
#include "tests/models/lmtp_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/command.h"
#include "tests/fuzz/fuzz.h"

struct model {
	const struct lmtp_session *session;
	const char *in, *end;
	struct buffer *output, *stored;
	bool is_closed, is_over; /* over: the input ends within a line or a message */

	bool has_lhlo, has_sender;
	unsigned n_errors, n_transactions;
	char *recipients[MODEL_RECIPIENTS_MAX]; /* accepted */
	size_t n_recipients;
	bool has_chunks;
	struct buffer chunks; /* as sent */
};

static void put_reply(struct model *model, enum reply reply, const char *text, const char *word)
{
	char line[REPLY_LINE_MAX];

	buffer_put(model->output, line, reply_format(line, reply, text, word));
}

static void put_said(struct model *model, enum reply reply, const char *text)
{
	char lines[REPLY_LINES_MAX];

	buffer_put(model->output, lines, reply_format_said(lines, reply, text, EDGE_SAID));
}

static void close_with(struct model *model, enum reply reply)
{
	put_reply(model, reply, NULL, model->session->settings->hostname);
	model->is_closed = true;
}

/* The daemon ends: heard of when what came before, or was under way, is done. */
static bool is_ending(const struct model *model)
{
	const struct lmtp_session *session = model->session;

	return session->event == LMTP_EVENT_SHUT_DOWN &&
	       session->event_at < (size_t)(model->in - session->in);
}

/* Of a command that is no recipient; twenty refusals in a row are too many. */
static void answer(struct model *model, enum reply reply)
{
	put_reply(model, reply, NULL, NULL);
	model->n_errors = reply_code(reply) >= 500 ? model->n_errors + 1 : 0;
	if (model->n_errors == 20) {
		close_with(model, REPLY_TOO_MANY_ERRORS);
	}
}

static void end_transaction(struct model *model)
{
	while (model->n_recipients > 0) {
		free(model->recipients[--model->n_recipients]);
	}
	model->has_sender = model->has_chunks = false;
	model->chunks.n = 0;
}

/* Only these may be told for good, whatever happens inside. */
static bool is_accident(const char *text)
{
	static const char *const accidents[] = { "down", "loop", "away", "memory", "full", "broken",
		"forgotten" };

	for (size_t i = 0; i < LENGTH(accidents); i++) {
		if (strncmp(text, accidents[i], strlen(accidents[i])) == 0) {
			return true;
		}
	}
	return false;
}

static enum reply fate_of(enum reply reply, const char *text)
{
	int class = reply_code(reply) / 100;

	fuzz_require(class != 5 || !is_accident(text), "no accident is answered for good");
	return reply;
}

/* The message has come to its end: one reply for each recipient. n_wire: its bytes as sent. */
static void finish_message(struct model *model, const struct buffer *message, size_t n_wire)
{
	uint64_t limit = model->session->settings->message_size_limit;
	bool is_too_big = limit > 0 && n_wire > limit;
	char id[32];

	if (!is_too_big) {
		buffer_put(model->stored, &message->n, sizeof(message->n));
		buffer_put(model->stored, message->p, message->n);
	}
	snprintf(id, sizeof(id), "S1.%u", model->n_transactions);
	for (size_t i = 0; i < model->n_recipients; i++) {
		const char *text = model->recipients[i];
		enum reply reply = is_too_big ? REPLY_TOO_BIG : edge_data_reply(text);

		/* The edge forgot to say. */
		reply = reply == REPLY_RECIPIENT_OK ? REPLY_NOT_WRITTEN : reply;
		if (reply == REPLY_REJECTED) {
			put_said(model, fate_of(reply, text), text);
			continue;
		}
		put_reply(model, is_too_big ? reply : fate_of(reply, text), text,
		    reply == REPLY_SAVED ? id : NULL);
	}
	end_transaction(model);
	if (is_ending(model)) {
		close_with(model, REPLY_SHUTTING_DOWN);
	}
}

/* Up to the first CRLF.CRLF; the CRLF of DATA itself counts. */
static void take_data(struct model *model)
{
	struct buffer message = { .p = NULL };
	const char *in = model->in, *end, *line_end;
	size_t n_wire = 0;

	end = model->end - in >= 3 && memcmp(in, ".\r\n", 3) == 0 ? in : NULL;
	if (end == NULL) {
		end = memmem(in, (size_t)(model->end - in), "\r\n.\r\n", 5);
		end = end == NULL ? NULL : end + 2;
	}
	if (end == NULL) {
		model->is_over = true;
		return;
	}
	model->in = end + 3;
	for (; in < end; in = line_end + 2) {
		line_end = memmem(in, (size_t)(end - in), "\r\n", 2);
		in += *in == '.'; /* stuffed */
		buffer_put(&message, in, (size_t)(line_end - in));
		buffer_put(&message, "\n", 1);
		n_wire += (size_t)(line_end - in) + 2;
	}
	finish_message(model, &message, n_wire);
	buffer_free(&message);
}

static void finish_chunks(struct model *model)
{
	struct buffer message = { .p = NULL };
	const char *in = model->chunks.p, *end = in + model->chunks.n;
	size_t n_wire = model->chunks.n;

	while (in < end) {
		const char *crlf = memmem(in, (size_t)(end - in), "\r\n", 2);
		size_t n = (size_t)((crlf == NULL ? end : crlf) - in);

		buffer_put(&message, in, n);
		if (crlf != NULL) {
			buffer_put(&message, "\n", 1);
		}
		in += n + (crlf == NULL ? 0 : 2);
	}
	finish_message(model, &message, n_wire);
	buffer_free(&message);
}

static void take_chunk(struct model *model, const struct command *command)
{
	const char *in = model->in;

	if (command->size > (uint64_t)(model->end - in)) {
		model->is_over = true;
		return;
	}
	model->in += command->size;
	if (model->n_recipients == 0) {
		answer(model, REPLY_BAD_SEQUENCE);
		return;
	}
	model->n_errors = 0;
	model->has_chunks = true;
	buffer_put(&model->chunks, in, command->size);
	if (command->is_last) {
		finish_chunks(model);
	} else {
		put_reply(model, REPLY_CHUNK_OK, NULL, NULL);
	}
}

static void on_rcpt(struct model *model, const struct command *command, enum reply reply)
{
	const struct lmtp_settings *settings = model->session->settings;
	struct address address;
	size_t n_detail;
	char *text;

	if (!model->has_sender || model->has_chunks) {
		answer(model, REPLY_BAD_SEQUENCE);
		return;
	}
	text = command->path.n == 0 ? fuzz_string("", 0)
				    : fuzz_string(command->path.text, command->path.n);
	if (reply == REPLY_NONE) {
		reply = lmtp_check_path(settings, &command->path, &address, &n_detail);
	}
	if (reply == REPLY_NONE && model->n_recipients == settings->recipient_limit) {
		reply = REPLY_TOO_MANY_RECIPIENTS;
	}
	if (reply == REPLY_NONE) {
		reply = fate_of(edge_rcpt_reply(text), text);
	}
	put_reply(model, reply, text, NULL);
	if (reply == REPLY_RECIPIENT_OK) {
		model->recipients[model->n_recipients++] = text;
	} else {
		free(text);
	}
}

static void on_mail(struct model *model, const struct command *command)
{
	uint64_t limit = model->session->settings->message_size_limit;

	if (!model->has_lhlo || model->has_sender) {
		answer(model, REPLY_BAD_SEQUENCE);
	} else if (limit > 0 && command->size > limit) {
		answer(model, REPLY_TOO_BIG);
	} else {
		model->has_sender = true;
		model->n_transactions++;
		answer(model, REPLY_SENDER_OK);
	}
}

static void on_lhlo(struct model *model)
{
	const struct lmtp_settings *settings = model->session->settings;
	char text[600];

	end_transaction(model);
	model->has_lhlo = true;
	model->n_errors = 0;
	snprintf(text, sizeof(text),
	    "250-%s\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n"
	    "250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n250 SIZE %llu\r\n",
	    settings->hostname, (unsigned long long)settings->message_size_limit);
	buffer_put(model->output, text, strlen(text));
}

static void on_data(struct model *model)
{
	if (model->n_recipients == 0 || model->has_chunks) {
		answer(model, REPLY_BAD_SEQUENCE);
		return;
	}
	model->n_errors = 0;
	put_reply(model, REPLY_START_DATA, NULL, NULL);
	take_data(model);
}

static void on_command(struct model *model, const struct command *command, enum reply reply)
{
	bool goes_on = model->has_sender || command->verb == VERB_LHLO ||
		       command->verb == VERB_MAIL || command->verb == VERB_QUIT;

	if (is_ending(model) && !goes_on) {
		close_with(model, REPLY_SHUTTING_DOWN);
	} else if (command->verb == VERB_RCPT) {
		on_rcpt(model, command, reply);
	} else if (reply != REPLY_NONE) {
		answer(model, reply);
	} else if (command->verb == VERB_LHLO) {
		on_lhlo(model);
	} else if (command->verb == VERB_MAIL) {
		on_mail(model, command);
	} else if (command->verb == VERB_DATA) {
		on_data(model);
	} else if (command->verb == VERB_BDAT) {
		take_chunk(model, command);
	} else if (command->verb == VERB_QUIT) {
		put_reply(model, REPLY_BYE, NULL, NULL);
		model->is_closed = true;
	} else {
		if (command->verb == VERB_RSET) {
			end_transaction(model);
		}
		answer(model, command->verb == VERB_VRFY ? REPLY_CANNOT_VERIFY : REPLY_OK);
	}
}

static void take_line(struct model *model)
{
	const char *line = model->in;
	size_t left = (size_t)(model->end - line), n;
	const char *crlf = memmem(line, left, "\r\n", 2);
	struct command command = { .verb = VERB_UNKNOWN };
	enum reply reply = REPLY_BAD_LINE;

	if (crlf == NULL) {
		model->is_over = true;
		return;
	}
	n = (size_t)(crlf - line);
	model->in = crlf + 2;
	if (n + 2 <= LMTP_LINE_MAX && memchr(line, '\r', n) == NULL &&
	    memchr(line, '\n', n) == NULL && memchr(line, '\0', n) == NULL) {
		reply = command_parse(&command, line, n);
	}
	on_command(model, &command, reply);
}

void lmtp_model(
    const struct lmtp_session *session, struct buffer *output_r, struct buffer *stored_r)
{
	struct model model = {
		.session = session,
		.in = session->in,
		.end = session->in + session->n,
		.output = output_r,
		.stored = stored_r,
	};
	const char *event = session->in + session->event_at;
	bool is_timed_out = session->event == LMTP_EVENT_TIME_OUT;

	if (is_timed_out) {
		model.end = event; /* nothing behind it is read */
	}
	put_reply(&model, REPLY_GREETING, NULL, session->settings->hostname);
	while (!model.is_closed && !model.is_over) {
		if (model.in == model.end) {
			model.is_over = true;
		} else {
			take_line(&model);
		}
	}
	if (is_timed_out && !model.is_closed) {
		close_with(&model, REPLY_IDLE);
	}
	end_transaction(&model);
	buffer_free(&model.chunks);
}
