/* SPDX-License-Identifier: MIT
 * Fuzz target of the client machine of SMTP: whatever a server says, what it is sent and what becomes of each recipient is what a
 * model written apart from the machine says, however its words and the content were cut.
 *
 * The first byte of an input is of enum flags, the next is the seed of the pieces, the third how many bytes of content follow; the
 * rest is what the server says, before it is gone. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/models/submission_edge.h"

enum flags {
	HAS_UTF8_HEADER = 1,
	HAS_UTF8_RECIPIENT = 2,
	HAS_BAD_RECIPIENT = 4,
	HAS_NULL_SENDER = 8,
	IS_TWICE = 16,
	IS_QUESTION = 32,
};

enum {
	HEADER = 3,
	INPUT_MAX = 1 << 16,
	RECIPIENTS_MAX = 4,
	GONE = 0,
	CLOSED = 421,
	UNKNOWN = 1,
};

static struct submission_edge whole, pieces;

/* What the model knows of the server. */
struct seen {
	const char *p, *end;
	bool has_pipelining, has_chunking, has_8bitmime, has_smtputf8, has_size;
	uint64_t size_max;
	struct buffer output, results; /* what is sent; a letter for each outcome */
};

static void put(struct buffer *buffer, const char *text)
{
	buffer_put(buffer, text, strlen(text));
}

static void see_extension(struct seen *seen, const char *line, size_t n)
{
	char word[20] = "";
	size_t n_word = 0, i;
	uint64_t size = 0;

	while (n_word < n && line[n_word] != ' ') {
		n_word++;
	}
	if (n_word >= sizeof(word)) {
		return;
	}
	memcpy(word, line, n_word);
	seen->has_pipelining |= strcasecmp(word, "PIPELINING") == 0;
	seen->has_chunking |= strcasecmp(word, "CHUNKING") == 0;
	seen->has_8bitmime |= strcasecmp(word, "8BITMIME") == 0;
	seen->has_smtputf8 |= strcasecmp(word, "SMTPUTF8") == 0;
	if (strcasecmp(word, "SIZE") == 0) {
		seen->has_size = true;
		for (i = n_word + 1; i < n && line[i] >= '0' && line[i] <= '9'; i++) {
			/* No content is as large as this. */
			size = size > 1000000 ? size : size * 10 + (uint64_t)(line[i] - '0');
		}
		if (i == n && n > n_word + 1) {
			seen->size_max = size;
		}
	}
}

static int number_of(const char *line)
{
	return (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
}

/* The code of the next reply; GONE when there is none, or it is none. sees: it is that to EHLO. */
static int next_code(struct seen *seen, bool sees)
{
	int code = GONE;

	for (unsigned n_lines = 1;; n_lines++) {
		const char *line = seen->p,
			   *end = memmem(line, (size_t)(seen->end - line), "\r\n", 2);
		size_t n = end == NULL ? 0 : (size_t)(end - line);

		if (n_lines > RESPONSE_LINES_MAX || n < 3 || n + 2 > RESPONSE_LINE_MAX ||
		    memchr(line, '\r', n) != NULL || memchr(line, '\n', n) != NULL ||
		    memchr(line, '\0', n) != NULL || strspn(line, "0123456789") < 3 ||
		    (n > 3 && line[3] != ' ' && line[3] != '-')) {
			return GONE;
		}
		if (n_lines > 1 && number_of(line) != code) {
			return GONE;
		}
		code = number_of(line);
		if (code < 200 || code > 599) {
			return GONE;
		}
		if (sees && n_lines > 1 && code < 300) {
			see_extension(seen, n > 4 ? line + 4 : "", n > 4 ? n - 4 : 0);
		}
		seen->p = end + 2;
		if (n == 3 || line[3] == ' ') {
			return code;
		}
	}
}

/* A reply that is a refusal, or of that class; all else is GONE. */
static int next_reply_of(struct seen *seen, int class)
{
	int code = next_code(seen, false);

	return code == CLOSED || (code < 400 && code / 100 != class) ? GONE : code;
}

/* The same to content that was sent; UNKNOWN: none, or none that fits. */
static int next_final(struct seen *seen)
{
	int code = next_code(seen, false);

	if (code == CLOSED) {
		return GONE;
	}
	return code == GONE || (code < 400 && code / 100 != 2) ? UNKNOWN : code;
}

static bool greet(struct seen *seen)
{
	int code = next_code(seen, false);

	if (code / 100 != 2) {
		return false;
	}
	put(&seen->output, "EHLO mx.example.com\r\n");
	code = next_code(seen, true);
	if (code / 100 == 5) {
		put(&seen->output, "HELO mx.example.com\r\n");
		code = next_code(seen, false);
	}
	return code / 100 == 2;
}

static void put_content(struct seen *seen, struct text content, bool has_dots)
{
	bool is_start = true;

	for (size_t i = 0; i < content.n; i++) {
		char c = content.p[i];

		if (c == '\n' && i > 0 && content.p[i - 1] == '\r') {
			continue;
		}
		if (c == '\r' || c == '\n') {
			put(&seen->output, "\r\n");
			is_start = true;
			continue;
		}
		if (c == '.' && is_start && has_dots) {
			put(&seen->output, ".");
		}
		buffer_put(&seen->output, &c, 1);
		is_start = false;
	}
	if (!is_start) {
		put(&seen->output, "\r\n");
	}
}

static uint64_t size_of(struct text content, bool *is_8bit_r)
{
	struct seen scratch = { .p = NULL };
	uint64_t n;

	buffer_put(&scratch.output, "", 0);
	put_content(&scratch, content, false);
	n = scratch.output.n;
	*is_8bit_r = false;
	for (uint64_t i = 0; i < n; i++) {
		*is_8bit_r |= (scratch.output.p[i] & 0x80) != 0;
	}
	buffer_free(&scratch.output);
	return n;
}

static void fill(char *results, size_t n, char result)
{
	for (size_t i = 0; i < n; i++) {
		results[i] = results[i] == '?' ? result : results[i];
	}
}

static char letter(int code)
{
	return code >= 500 ? 'r' : code >= 400 ? 'd' : '?';
}

/* Sends the content to those that are left. Returns the last word to it. */
static int send_content(struct seen *seen, struct text content, uint64_t size)
{
	char line[60];
	int code;

	if (!seen->has_chunking) {
		put(&seen->output, "DATA\r\n");
		code = next_reply_of(seen, 3);
		if (code / 100 != 3) {
			return code;
		}
		put_content(seen, content, true);
		put(&seen->output, ".\r\n");
	} else {
		snprintf(line, sizeof(line), "BDAT %llu LAST\r\n", (unsigned long long)size);
		put(&seen->output, line);
		put_content(seen, content, false);
	}
	return next_final(seen);
}

static void put_rcpt(struct seen *seen, const char *recipient)
{
	put(&seen->output, "RCPT TO:<");
	put(&seen->output, recipient);
	put(&seen->output, ">\r\n");
}

/* MAIL and RCPT. Returns whether the connection is still good. */
static bool ask(struct seen *seen, const struct submitted *submitted, char *results, size_t n,
    uint64_t size, bool is_8bit)
{
	bool is_asked[RECIPIENTS_MAX], needs_utf8 = submitted->is_utf8;
	char line[200], number[40] = "";
	int code, answer;

	for (size_t i = 0; i < n; i++) {
		is_asked[i] = results[i] == '?';
		needs_utf8 |= is_asked[i] && (submitted->recipients[i][0] & 0x80) != 0;
	}
	if (seen->has_size) {
		snprintf(number, sizeof(number), " SIZE=%llu", (unsigned long long)size);
	}
	snprintf(line, sizeof(line), "MAIL FROM:<%s>%s%s%s\r\n", submitted->sender, number,
	    is_8bit && seen->has_8bitmime ? " BODY=8BITMIME" : "", needs_utf8 ? " SMTPUTF8" : "");
	put(&seen->output, line);
	for (size_t i = 0; i < n && seen->has_pipelining; i++) {
		if (is_asked[i]) {
			put_rcpt(seen, submitted->recipients[i]);
		}
	}
	code = next_reply_of(seen, 2);
	if (code == GONE) {
		return false;
	}
	fill(results, n, letter(code));
	for (size_t i = 0; i < n; i++) {
		if (!is_asked[i] || (!seen->has_pipelining && code >= 400)) {
			continue;
		}
		if (!seen->has_pipelining) {
			put_rcpt(seen, submitted->recipients[i]);
		}
		answer = next_reply_of(seen, 2);
		if (answer == GONE) {
			return false;
		}
		if (results[i] == '?') {
			results[i] = submitted->is_question && answer < 300 ? 'a' : letter(answer);
		}
	}
	return true;
}

/* One message. Returns whether the connection is still good. */
static bool transact(struct seen *seen, const struct submitted *submitted, char *results, size_t n)
{
	bool is_8bit;
	uint64_t size = size_of(submitted->content, &is_8bit);
	int code;

	for (size_t i = 0; i < n; i++) {
		const char *recipient = submitted->recipients[i];
		bool needs_utf8 = submitted->is_utf8 || (recipient[0] & 0x80) != 0;

		if (strchr(recipient, '>') != NULL ||
		    (seen->size_max > 0 && size > seen->size_max) ||
		    (needs_utf8 && !seen->has_smtputf8)) {
			results[i] = 'r';
		}
	}
	if (memchr(results, '?', n) == NULL) {
		return true;
	}
	if (!ask(seen, submitted, results, n, size, is_8bit)) {
		return false;
	}
	if (memchr(results, '?', n) != NULL) {
		code = send_content(seen, submitted->content, size);
		if (code == UNKNOWN) {
			fill(results, n, 'u');
		}
		if (code == GONE || code == UNKNOWN) {
			return false;
		}
		fill(results, n, code < 300 ? 'a' : letter(code));
		if (code < 300) {
			return true;
		}
	}
	put(&seen->output, "RSET\r\n");
	return next_code(seen, false) / 100 == 2;
}

static void predict(struct seen *seen, const struct submitted *submitted)
{
	char results[RECIPIENTS_MAX];
	size_t n = 0;
	bool is_good;
	unsigned n_left = submitted->n_times;

	while (submitted->recipients[n] != NULL) {
		n++;
	}
	is_good = greet(seen);
	while (n_left > 0) {
		n_left = is_good ? n_left - 1 : 0;
		memset(results, '?', sizeof(results));
		is_good = is_good && transact(seen, submitted, results, n);
		fill(results, n, 'd');
		buffer_put(&seen->results, results, n);
	}
	if (is_good) {
		put(&seen->output, "QUIT\r\n");
	}
}

static void run(struct submission_edge *edge, const struct submitted *submitted, const char *in,
    size_t n, size_t most)
{
	uint64_t seed = most;

	submission_edge_init(edge, submitted);
	edge->content_piece = most;
	submission_edge_feed(edge, "", 0);
	while (n > 0) {
		size_t size = 1 + random_below(&seed, most);
		char *copy;

		size = size < n ? size : n;
		copy = fuzz_copy(in, size);
		submission_edge_feed(edge, copy, size);
		free(copy);
		in += size;
		n -= size;
	}
	submission_edge_end(edge);
}

static void require_same(const struct buffer *a, const struct buffer *b, const char *what)
{
	fuzz_require(a->n == b->n && memcmp(a->p, b->p, a->n) == 0, what);
}

/* The outcomes among the events, a letter each. */
static void read_results(struct buffer *results, const struct buffer *events)
{
	const char *line = events->p;

	for (size_t n = 0; n < events->n; n = (size_t)(line - events->p)) {
		if (strncmp(line, "end", 3) != 0) {
			buffer_put(results, line, 1);
		}
		line = (const char *)memchr(line, '\n', events->n - n) + 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct submitted submitted = { "s@example.org", { "a@example.net", "b@example.net" } };
	struct buffer results = { .p = NULL };
	struct seen seen = { .p = NULL };
	size_t n_recipients = 2;
	char *server;

	if (n < HEADER || n > INPUT_MAX || n < HEADER + (size_t)data[2]) {
		return 0;
	}
	if ((data[0] & HAS_UTF8_RECIPIENT) != 0) {
		submitted.recipients[n_recipients++] = "\303\251@example.net";
	}
	if ((data[0] & HAS_BAD_RECIPIENT) != 0) {
		submitted.recipients[n_recipients++] = "a@example.net>";
	}
	submitted.sender = (data[0] & HAS_NULL_SENDER) != 0 ? "" : submitted.sender;
	submitted.is_question = (data[0] & IS_QUESTION) != 0;
	submitted.is_utf8 = (data[0] & HAS_UTF8_HEADER) != 0;
	submitted.n_times = (data[0] & IS_TWICE) != 0 ? 2 : 1;
	submitted.content = (struct text){ (const char *)data + HEADER, data[2] };
	n -= HEADER + (size_t)data[2];
	server = fuzz_room(n + 1);
	memcpy(server, data + HEADER + data[2], n);
	server[n] = '\0';
	seen.p = server;
	seen.end = server + n;
	buffer_put(&seen.output, "", 0);
	buffer_put(&seen.results, "", 0);
	buffer_put(&results, "", 0);
	predict(&seen, &submitted);
	run(&whole, &submitted, server, n, INPUT_MAX);
	require_same(&whole.output, &seen.output, "what is sent is what the model says");
	read_results(&results, &whole.events);
	require_same(&results, &seen.results, "and so are the outcomes");
	run(&pieces, &submitted, server, n, 1 + (size_t)data[1] % 50);
	require_same(
	    &whole.output, &pieces.output, "it does not matter how the server's words were cut");
	require_same(&whole.events, &pieces.events, "nor for the outcomes");
	submission_edge_deinit(&whole);
	submission_edge_deinit(&pieces);
	buffer_free(&seen.output);
	buffer_free(&seen.results);
	buffer_free(&results);
	free(server);
	return 0;
}
