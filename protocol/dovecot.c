/* SPDX-License-Identifier: MIT
 * The protocol machine. A user's secrets pass through a line and through `sasl`; both are wiped as
 * soon as they were used. FAIL never carries reason=: Postfix shows that to strangers. */
#include "protocol/dovecot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "protocol/base64.h"

enum {
	OUTPUT_MAX = 65536,
	WORDS_MAX = 32,
};

static bool word_is(struct span word, const char *text)
{
	return word.n == strlen(text) && memcmp(word.p, text, word.n) == 0;
}

/* Puts one line out, whole or not at all: its verb, an id, and what follows. */
static void put_line(
    struct dovecot *dovecot, const char *verb, uint32_t id, const char *label, const char *value)
{
	size_t n = strlen(verb) + strlen(label) + strlen(value) + 16;
	char *out = dovecot->closed == NULL ? output_reserve(&dovecot->output, n) : NULL;

	if (out != NULL) {
		dovecot->output.n +=
		    (size_t)snprintf(out, n, "%s\t%" PRIu32 "%s%s\n", verb, id, label, value);
	}
}

/* Postfix takes the mechanisms before SPID; the other way round it believes to have found the wrong
 * socket. */
void dovecot_init(struct dovecot *dovecot, const struct dovecot_settings *settings)
{
	char rest[256] = "\t2";
	size_t n = 2;

	*dovecot = (struct dovecot){ .settings = settings, .line.max = DOVECOT_LINE_MAX };
	STAILQ_INIT(&dovecot->requests);
	for (int i = 0; i < SASL_MECHANISMS; i++) {
		if (settings->mechanisms[i]) {
			n += (size_t)snprintf(
			    rest + n, sizeof(rest) - n, "\nMECH\t%s\tplaintext", sasl_name(i));
		}
	}
	snprintf(rest + n, sizeof(rest) - n, "\nSPID\t%lu\nCUID\t%lu\nCOOKIE\t%s\nDONE",
	    settings->pid, settings->connection, settings->cookie);
	put_line(dovecot, "VERSION", 1, rest, "");
}

static void free_request(struct dovecot_request *request)
{
	if (request != NULL) {
		sasl_deinit(&request->sasl);
		free(request);
	}
}

static void remove_request(struct dovecot *dovecot, struct dovecot_request *request)
{
	STAILQ_REMOVE(&dovecot->requests, request, dovecot_request, next);
	dovecot->n_requests--;
}

static void drop_request(struct dovecot *dovecot, struct dovecot_request *request)
{
	remove_request(dovecot, request);
	free_request(request);
}

void dovecot_deinit(struct dovecot *dovecot)
{
	struct dovecot_request *request;

	while ((request = STAILQ_FIRST(&dovecot->requests)) != NULL) {
		drop_request(dovecot, request);
	}
	free_request(dovecot->told);
	line_done(&dovecot->line);
	free(dovecot->output.bytes);
	*dovecot = (struct dovecot){ .closed = "" };
}

/* A name that a client sent holds no control bytes, see sasl.h. */
static void put_fail(struct dovecot *dovecot, uint32_t id, const char *user)
{
	put_line(dovecot, "FAIL", id, user != NULL ? "\tuser=" : "", user != NULL ? user : "");
}

/* Values are tab-escaped by those who know how; Postfix does not unescape, so what would need it is
 * left out of a reply. */
void dovecot_ok(struct dovecot *dovecot, struct dovecot_request *request, const char *user)
{
	bool is_plain = !text_has_control(user, strlen(user));

	if (!request->is_cancelled && is_plain) {
		put_line(dovecot, "OK", request->id, "\tuser=", user);
	} else if (!request->is_cancelled) {
		put_fail(dovecot, request->id, NULL);
	}
	drop_request(dovecot, request);
}

void dovecot_fail(struct dovecot *dovecot, struct dovecot_request *request)
{
	if (!request->is_cancelled) {
		put_fail(dovecot, request->id, request->sasl.user);
	}
	drop_request(dovecot, request);
}

/* The words of a line, whose room is empty at first: a word that is missing has no bytes. */
static size_t split(const char *line, size_t n, struct span *words)
{
	size_t n_words = 0;

	for (;;) {
		const char *tab = memchr(line, '\t', n);
		size_t length = tab == NULL ? n : (size_t)(tab - line);

		words[n_words++] = (struct span){ line, length };
		if (tab == NULL || n_words == WORDS_MAX) {
			return n_words;
		}
		line += length + 1;
		n -= length + 1;
	}
}

static bool parse_id(struct span word, uint32_t *id_r)
{
	uint64_t id;
	bool is_number = text_number(word.p, word.n, &id);

	*id_r = (uint32_t)id;
	return is_number && id <= UINT32_MAX;
}

static struct dovecot_request *find_request(struct dovecot *dovecot, uint32_t id)
{
	struct dovecot_request *request;

	STAILQ_FOREACH (request, &dovecot->requests, next) {
		if (request->id == id && !request->is_cancelled) {
			return request;
		}
	}
	return NULL;
}

/* Forgets requests whose clients went away between challenge and response: those that are too old,
 * and the oldest until no more than n_allowed requests are left. */
static void forget_abandoned(struct dovecot *dovecot, uint64_t now, size_t n_allowed)
{
	struct dovecot_request *request = STAILQ_FIRST(&dovecot->requests), *next;

	for (; request != NULL; request = next) {
		next = STAILQ_NEXT(request, next);
		if (!request->is_out &&
		    (dovecot->n_requests > n_allowed ||
			now - request->time >= (uint64_t)DOVECOT_ABANDONED_SECONDS * 1000)) {
			drop_request(dovecot, request);
		}
	}
}

/* Fails a request and hands it to the edge for its log line. */
static void refuse(struct dovecot *dovecot, struct dovecot_request *request, const char *reason,
    struct dovecot_step *step)
{
	put_fail(dovecot, request->id, request->sasl.user);
	remove_request(dovecot, request);
	dovecot->told = request;
	*step = (struct dovecot_step){ DOVECOT_REFUSED, request, reason };
}

/* Takes a response in base64 (text == NULL: none) to the mechanism. */
static void respond(struct dovecot *dovecot, struct dovecot_request *request, const char *text,
    size_t n, struct dovecot_step *step)
{
	unsigned char decoded[DOVECOT_LINE_MAX / 4 * 3]; /* it came in a line */
	const char *challenge;
	ssize_t n_decoded = text == NULL ? 0 : base64_decode(decoded, text, n);
	int outcome = n_decoded < 0
			  ? SASL_INVALID
			  : sasl_step(&request->sasl, text == NULL ? NULL : (char *)decoded,
				(size_t)n_decoded, &challenge);

	explicit_bzero(decoded, n / 4 * 3);
	switch (outcome) {
	case SASL_DONE:
		request->is_out = true;
		*step = (struct dovecot_step){ DOVECOT_VERIFY, request, NULL };
		break;
	case SASL_CONTINUE:
		/* The TAB stands even before an empty challenge: Postfix misses it else. */
		put_line(dovecot, "CONT", request->id, "\t", challenge);
		break;
	case SASL_INVALID:
		refuse(dovecot, request,
		    n_decoded < 0 ? "response is not base64" : "response is malformed", step);
		break;
	default:
		dovecot->output.is_out_of_memory = true;
	}
}

static bool parse_parameter(struct span word, const char *name, struct span *value_r)
{
	size_t n = strlen(name);

	if (word.n < n || memcmp(word.p, name, n) != 0) {
		return false;
	}
	*value_r = (struct span){ word.p + n, word.n - n };
	return true;
}

/* Into text_r[n]. What is too long for it is left out. */
static void copy(char *text_r, size_t n, struct span value)
{
	if (value.n < n) {
		snprintf(text_r, n, "%.*s", (int)value.n, value.p);
	}
}

/* An empty response is spelled "resp==" by clients before version 1.2, to whom "resp=" is none. */
static struct span read_response(const struct dovecot *dovecot, struct span value)
{
	if (value.n == 1 && value.p[0] == '=') {
		return (struct span){ "", 0 };
	}
	return value.n == 0 && dovecot->minor < 2 ? (struct span){ NULL, 0 } : value;
}

/* AUTH id mechanism parameters... resp= */
static void on_auth(struct dovecot *dovecot, const struct span *words, size_t n_words, uint64_t now,
    struct dovecot_step *step)
{
	struct dovecot_request *request;
	struct span value, response = { NULL, 0 };
	enum sasl_mechanism mechanism;
	uint32_t id;

	if (n_words < 3 || !parse_id(words[1], &id)) {
		return; /* nothing that an answer could be addressed to */
	}
	request = find_request(dovecot, id);
	if (request != NULL && !request->is_out) { /* the client has begun anew */
		drop_request(dovecot, request);
		request = NULL;
	}
	forget_abandoned(dovecot, now, DOVECOT_REQUESTS_MAX - 1);
	if (request != NULL) {
		put_fail(dovecot, id, NULL);
		return;
	}
	request = malloc(sizeof(*request));
	if (request == NULL) {
		dovecot->output.is_out_of_memory = true;
		return;
	}
	mechanism = sasl_find(words[2].p, words[2].n);
	*request = (struct dovecot_request){ .id = id, .time = now, .sasl.mechanism = mechanism };
	STAILQ_INSERT_TAIL(&dovecot->requests, request, next);
	dovecot->n_requests++;
	for (size_t i = 3; i < n_words; i++) {
		if (parse_parameter(words[i], "rip=", &value)) {
			copy(request->rip, sizeof(request->rip), value);
		} else if (parse_parameter(words[i], "service=", &value)) {
			copy(request->service, sizeof(request->service), value);
		} else if (parse_parameter(words[i], "resp=", &value)) {
			response = read_response(dovecot, value);
		}
	}
	if (mechanism == SASL_MECHANISMS || !dovecot->settings->mechanisms[mechanism]) {
		refuse(dovecot, request, "mechanism is not offered", step);
		return;
	}
	respond(dovecot, request, response.p, response.n, step);
}

/* CONT id response */
static void on_cont(
    struct dovecot *dovecot, const struct span *words, uint64_t now, struct dovecot_step *step)
{
	struct dovecot_request *request;
	uint32_t id;

	if (!parse_id(words[1], &id)) {
		return;
	}
	request = find_request(dovecot, id);
	if (request != NULL && request->is_out) {
		return; /* it has all it needs; its answer is on the way */
	}
	if (request == NULL || now - request->time >= (uint64_t)DOVECOT_ABANDONED_SECONDS * 1000) {
		forget_abandoned(dovecot, now, DOVECOT_REQUESTS_MAX);
		put_fail(dovecot, id, NULL);
		return;
	}
	request->time = now;
	respond(dovecot, request, words[2].n > 0 ? words[2].p : "", words[2].n, step);
}

/* CANCEL id */
static void on_cancel(struct dovecot *dovecot, const struct span *words)
{
	uint32_t id;
	struct dovecot_request *request =
	    parse_id(words[1], &id) ? find_request(dovecot, id) : NULL;

	if (request != NULL && request->is_out) {
		request->is_cancelled = true;
	} else if (request != NULL) {
		drop_request(dovecot, request);
	}
}

/* VERSION major minor: another major is another protocol. */
static void on_version(struct dovecot *dovecot, const struct span *words)
{
	uint32_t minor;

	if (!word_is(words[1], "1")) {
		dovecot->closed = "client speaks another version of the protocol";
	} else if (parse_id(words[2], &minor)) {
		dovecot->minor = minor;
	}
}

static void on_line(struct dovecot *dovecot, const char *line, size_t n, bool is_long, uint64_t now,
    struct dovecot_step *step)
{
	struct span words[WORDS_MAX] = { { NULL, 0 } };
	size_t n_words = split(line, n, words);
	uint32_t id;

	if (is_long) {
		/* Its start is here: enough to tell whom to fail. */
		if (n_words > 2 && (word_is(words[0], "AUTH") || word_is(words[0], "CONT")) &&
		    parse_id(words[1], &id)) {
			on_cancel(dovecot, words);
			put_fail(dovecot, id, NULL);
		}
	} else if (word_is(words[0], "AUTH")) {
		on_auth(dovecot, words, n_words, now, step);
	} else if (word_is(words[0], "CONT")) {
		on_cont(dovecot, words, now, step);
	} else if (word_is(words[0], "CANCEL")) {
		on_cancel(dovecot, words);
	} else if (word_is(words[0], "VERSION")) {
		on_version(dovecot, words);
	}
	/* CPID, and whatever later versions say, is of no concern here. */
}

/* May there be one more request? One that waits for its client can be forgotten. */
static bool has_room(const struct dovecot *dovecot)
{
	const struct dovecot_request *request;

	if (dovecot->n_requests < DOVECOT_REQUESTS_MAX) {
		return true;
	}
	STAILQ_FOREACH (request, &dovecot->requests, next) {
		if (!request->is_out) {
			return true;
		}
	}
	return false;
}

/* Takes one line off the input, or what there is of it. Returns the bytes taken. */
static size_t feed_line(
    struct dovecot *dovecot, const char *in, size_t n, uint64_t now, struct dovecot_step *step)
{
	const char *line;
	size_t n_line, taken;
	int outcome;

	if (n == 0) {
		step->want = DOVECOT_INPUT;
		return 0;
	}
	if (dovecot->output.n - dovecot->output.n_sent > OUTPUT_MAX) {
		step->want = DOVECOT_FLUSH;
		return 0;
	}
	if (!has_room(dovecot)) {
		step->want = DOVECOT_FULL;
		return 0;
	}
	outcome = line_take(&dovecot->line, in, n, &taken, &line, &n_line);
	if (outcome < 0) {
		dovecot->output.is_out_of_memory = true;
	} else if (outcome != LINE_MORE) {
		on_line(dovecot, line, n_line, outcome == LINE_LONG, now, step);
		line_done(&dovecot->line);
	}
	return taken;
}

size_t dovecot_feed(
    struct dovecot *dovecot, const char *in, size_t n, uint64_t now, struct dovecot_step *step_r)
{
	size_t taken = 0;

	*step_r = (struct dovecot_step){ .want = DOVECOT_NOTHING };
	free_request(dovecot->told);
	dovecot->told = NULL;
	/* Each turn takes a line, or ends in a wish. */
	while (step_r->want == DOVECOT_NOTHING) {
		if (dovecot->closed == NULL) {
			taken += feed_line(dovecot, in + taken, n - taken, now, step_r);
		}
		if (dovecot->closed == NULL && dovecot->output.is_out_of_memory) {
			dovecot->closed = "out of memory";
		}
		if (dovecot->closed != NULL) {
			*step_r = (struct dovecot_step){ DOVECOT_CLOSE, NULL, dovecot->closed };
		}
	}
	return taken;
}
