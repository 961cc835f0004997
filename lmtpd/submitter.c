/* SPDX-License-Identifier: MIT
 * The edge of the client machine: a socket, a clock, and the message. The server may speak while something is sent to it, and is
 * heard: what it says then is why it takes no more. */
#include "lmtpd/submitter.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/dial.h"

enum {
	INPUT_MAX = 8192,
	QUIT_MS = 1000,
};

struct submitter {
	int fd; /* -1: there is no connection, and the machine is not in use */
	unsigned reply, content;
	uint64_t deadline;
	bool has_timed_out;
	struct submission submission;
	struct outgoing outgoing;
	size_t n_input;     /* that the machine has not taken */
	size_t at, n_piece; /* of the message: given to the machine, and all of the piece */
	char input[INPUT_MAX];
	char piece[OUTGOING_ROOM];
};

void *submitter_start(void *unused)
{
	struct submitter *submitter = malloc(sizeof(*submitter));

	if (submitter != NULL) {
		submitter->fd = -1;
	}
	return submitter;
}

static void break_by_error(struct submitter *submitter, const char *what, int error)
{
	char text[200];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(error));
	submission_break(&submitter->submission, text);
}

/* Reads what is there. */
static void receive(struct submitter *submitter)
{
	ssize_t n = recv(submitter->fd, submitter->input + submitter->n_input,
	    sizeof(submitter->input) - submitter->n_input, MSG_DONTWAIT);

	if (n > 0) {
		submitter->n_input += (size_t)n;
	} else if (n == 0) {
		submission_break(&submitter->submission, "The server closed the connection");
	} else if (errno != EAGAIN && errno != EINTR) {
		break_by_error(submitter, "Cannot read from the server", errno);
	}
}

static void send_output(struct submitter *submitter)
{
	size_t n;
	const char *bytes = output_unsent(&submitter->submission.output, &n);
	ssize_t n_sent = send(submitter->fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n_sent >= 0) {
		output_sent(&submitter->submission.output, (size_t)n_sent);
	} else if (errno != EAGAIN && errno != EINTR) {
		break_by_error(submitter, "Cannot write to the server", errno);
	}
}

/* Waits until something can be read or sent, and does that. */
static void exchange(struct submitter *submitter, size_t n_unsent)
{
	bool is_final = submitter->submission.phase == SUBMISSION_PHASE_FINAL;
	uint64_t now = dial_now();
	uint64_t until = now + (is_final ? submitter->content : submitter->reply);
	bool is_last = until >= submitter->deadline;
	short events = (short)(POLLIN | (n_unsent > 0 ? POLLOUT : 0));
	int came = 0;

	if (now < submitter->deadline) {
		came = dial_wait(submitter->fd, events, is_last ? submitter->deadline : until);
	}
	if (came == 0) {
		submitter->has_timed_out = true;
		submission_break(
		    &submitter->submission, is_last ? "There was no time left for the server"
						    : "The server did not answer in time");
	} else if (came < 0) {
		break_by_error(submitter, "Cannot wait for the server", -came);
	} else if ((came & ~POLLOUT) != 0) {
		receive(submitter);
	} else {
		send_output(submitter);
	}
}

/* Talks until the machine wants something that is not the server's, and all is sent. */
static enum submission_want converse(struct submitter *submitter)
{
	struct submission *submission = &submitter->submission;

	for (;;) {
		size_t taken, n_unsent;
		enum submission_want want =
		    submission_feed(submission, submitter->input, submitter->n_input, &taken);

		submitter->n_input -= taken;
		memmove(submitter->input, submitter->input + taken, submitter->n_input);
		output_unsent(&submission->output, &n_unsent);
		if (want == SUBMISSION_CONTENT && submitter->n_input > 0) {
			submission_break_by(submission, submitter->input, submitter->n_input);
		} else if (want == SUBMISSION_CLOSE ||
			   (want != SUBMISSION_INPUT && n_unsent == 0)) {
			return want;
		} else {
			exchange(submitter, n_unsent);
		}
	}
}

/* Nothing was asked: what the server has said nevertheless, or that it is gone, ends the connection. */
static void look(struct submitter *submitter)
{
	if (submitter->n_input == 0) {
		receive(submitter);
	}
	if (submitter->n_input > 0) {
		submission_break_by(&submitter->submission, submitter->input, submitter->n_input);
	}
}

static bool is_over(const struct submitter *submitter)
{
	return submitter->submission.phase == SUBMISSION_PHASE_CLOSED;
}

static void hang_up(struct submitter *submitter)
{
	if (submitter->fd >= 0) {
		close(submitter->fd);
		submitter->fd = -1;
		submission_deinit(&submitter->submission);
	}
}

/* If it fails, the machine says why. */
static void open_connection(struct submitter *submitter, const struct submitter_settings *settings)
{
	uint64_t until = dial_now() + settings->connect;
	struct endpoint endpoint;
	struct error error;

	submitter->n_input = 0;
	submission_init(&submitter->submission, settings->hostname);
	if (endpoint_parse(&endpoint, settings->endpoint, &error) == 0) {
		submitter->fd = dial(
		    &endpoint, until < submitter->deadline ? until : submitter->deadline, &error);
	}
	if (submitter->fd < 0) {
		submission_break(&submitter->submission, error.text);
		return;
	}
	converse(submitter);
}

/* Says goodbye, if there is somebody to say it to. */
static void quit(struct submitter *submitter)
{
	look(submitter);
	if (!is_over(submitter)) {
		submitter->deadline = dial_now() + QUIT_MS;
		submission_quit(&submitter->submission);
		converse(submitter);
	}
	hang_up(submitter);
}

/* Returns whether the connection is one that was there before. */
static bool take_connection(struct submitter *submitter, const struct submitter_settings *settings)
{
	if (submitter->fd >= 0) {
		look(submitter);
		if (!is_over(submitter)) {
			return true;
		}
		hang_up(submitter);
	}
	open_connection(submitter, settings);
	return false;
}

void submitter_on_idle(void *context)
{
	struct submitter *submitter = context;

	if (submitter != NULL && submitter->fd >= 0) {
		quit(submitter);
	}
}

void submitter_stop(void *context)
{
	submitter_on_idle(context);
	free(context);
}

static void give_content(struct submitter *submitter)
{
	struct submission *submission = &submitter->submission;

	if (submitter->at == submitter->n_piece) {
		ssize_t n = outgoing_next(&submitter->outgoing, submitter->piece);

		if (n < 0) {
			break_by_error(submitter, "Cannot read the message", (int)-n);
			return;
		}
		submitter->at = 0;
		submitter->n_piece = (size_t)n;
		if (n == 0) {
			/* An answer that is there before the question is none. */
			look(submitter);
			if (!is_over(submitter)) {
				submission_content_end(submission);
			}
			return;
		}
	}
	submitter->at += submission_content(
	    submission, submitter->piece + submitter->at, submitter->n_piece - submitter->at);
}

static void transact(struct submitter *submitter, const struct submission_message *message,
    const struct submission_envelope *envelope, struct submission_outcome *outcomes)
{
	enum submission_want want;

	outgoing_begin(&submitter->outgoing, &message->content);
	submitter->at = submitter->n_piece = 0;
	submission_begin(&submitter->submission, envelope, outcomes);
	while ((want = converse(submitter)) == SUBMISSION_CONTENT) {
		give_content(submitter);
	}
	if (want == SUBMISSION_CLOSE) {
		hang_up(submitter);
	}
}

static void defer(
    const struct submission_message *message, struct submission_outcome *outcomes, int error)
{
	char text[200];

	snprintf(text, sizeof(text), "Cannot read the message: %s", strerror(error));
	for (size_t i = 0; i < message->n_recipients; i++) {
		outcomes[i].result = SUBMISSION_DEFERRED;
		response_words_set(&outcomes[i].words, "4.3.0", text);
	}
}

static void begin(
    struct submitter *submitter, const struct submitter_settings *settings, uint64_t deadline)
{
	submitter->deadline = deadline;
	submitter->reply = settings->reply;
	submitter->content = settings->content;
	submitter->has_timed_out = false;
}

static void find_client(int fd, char text_r[PREFIX_TEXT_SIZE])
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	struct prefix_address address;
	socklen_t n = sizeof(name);

	text_r[0] = '\0';
	if (fd >= 0 && getsockname(fd, (struct sockaddr *)&name, &n) == 0 &&
	    prefix_from_socket(&address, (const struct sockaddr *)&name) &&
	    !prefix_is_loopback(&address)) {
		prefix_print_address(&address, text_r);
	}
}

bool submitter_ask(struct submitter *submitter, const struct submitter_settings *settings,
    const char *const *recipients, size_t n_recipients, uint64_t deadline,
    struct submission_outcome *outcomes, struct submitter_offer *offer_r)
{
	const struct submission_message nothing = { .sender = "" };
	const struct submission_envelope envelope = { .sender = "",
		.recipients = recipients,
		.n_recipients = n_recipients,
		.is_question = true };
	const struct submission *submission = &submitter->submission;
	bool is_offered;

	begin(submitter, settings, deadline);
	take_connection(submitter, settings);
	is_offered = !is_over(submitter);
	*offer_r = (struct submitter_offer){ submission->has_8bitmime, submission->has_chunking,
		submission->has_smtputf8, submission->size_max };
	find_client(submitter->fd, offer_r->client);
	transact(submitter, &nothing, &envelope, outcomes);
	return is_offered;
}

void submitter_submit(struct submitter *submitter, const struct submitter_settings *settings,
    const struct submission_message *message, uint64_t deadline,
    struct submission_outcome *outcomes)
{
	struct submission_envelope envelope = { .sender = message->sender,
		.recipients = message->recipients,
		.n_recipients = message->n_recipients,
		.is_utf8 = message->is_utf8 };
	bool was_kept;
	int error = submitter == NULL ? -ENOMEM
				      : outgoing_measure(&submitter->outgoing, &message->content,
					    &envelope.size, &envelope.is_8bit);

	if (error != 0) {
		defer(message, outcomes, -error);
		return;
	}
	begin(submitter, settings, deadline);
	do {
		was_kept = take_connection(submitter, settings);
		transact(submitter, message, &envelope, outcomes);
	} while (was_kept && submitter->fd < 0 && !submitter->submission.has_answered &&
		 !submitter->has_timed_out);
}
