/* SPDX-License-Identifier: MIT
 * Fuzz target of the policy protocol: every request is answered once, in order, with what a model written
 * apart from the machine says, and nothing comes behind what no client of the protocol sends, however the
 * input is cut and whenever look-ups are answered.
 *
 * The first byte of an input is of enum flags, the next two are the seed of the pieces; the rest is what the
 * client sends. What a look-up finds stands in tests/models/policy_edge.h. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/models/policy_edge.h"

enum flags {
	ANSWERS_LATE = 1,
	READS_LATE = 2,
	SOFT = 4,
};

enum {
	HEADER = 3,
	INPUT_MAX = 1 << 16,
};

/* A request as the model reads it. */
struct seen {
	bool is_asked, is_rcpt, is_odd, has_recipient;
	char recipient[POLICY_LINE_MAX];
	unsigned n_lines;
};

static bool has_value(const char *line, size_t n, const char *name, const char *value)
{
	size_t n_name = strlen(name), n_value = strlen(value);

	return n == n_name + 1 + n_value && strncasecmp(line, name, n_name) == 0 &&
	       line[n_name] == '=' && strncasecmp(line + n_name + 1, value, n_value) == 0;
}

static bool has_name(const char *line, size_t n, const char *name)
{
	size_t n_name = strlen(name);

	return n > n_name && strncasecmp(line, name, n_name) == 0 && line[n_name] == '=';
}

static void see_line(struct seen *seen, const char *line, size_t n)
{
	if (line[0] == '=' || memchr(line, '=', n) == NULL || memchr(line, 0, n) != NULL) {
		seen->is_odd = true;
	} else if (has_name(line, n, "request")) {
		seen->is_asked = has_value(line, n, "request", "smtpd_access_policy");
	} else if (has_name(line, n, "protocol_state")) {
		seen->is_rcpt = has_value(line, n, "protocol_state", "rcpt");
	} else if (has_name(line, n, "recipient")) {
		seen->has_recipient = true;
		snprintf(
		    seen->recipient, sizeof(seen->recipient), "%.*s", (int)(n - 10), line + 10);
	}
}

/* What is echoed of an address never breaks an answer; fuzz_lmtp looks at how it is cleaned. */
static void put_answer(struct buffer *out, const struct seen *seen, bool is_soft)
{
	struct address address;
	enum reply reply = REPLY_RECIPIENT_OK;
	char line[REPLY_LINE_MAX];
	size_t n = 0;

	if (seen->is_asked && seen->is_rcpt && !seen->is_odd && seen->has_recipient &&
	    address_from_text(&address, seen->recipient, strlen(seen->recipient)) == ADDRESS_OK) {
		reply = policy_edge_reply(address.text);
	}
	if (reply == REPLY_FULL) {
		reply = REPLY_FULL_NOW;
	} else if (reply == REPLY_DISABLED && is_soft) {
		reply = reply_soften(REPLY_DISABLED);
	}
	buffer_put(out, "action=", 7);
	if (reply == REPLY_FULL_NOW || reply == REPLY_DISABLED_NOW || reply == REPLY_DISABLED ||
	    reply == reply_soften(REPLY_DISABLED)) {
		n = reply_format(line, reply, seen->recipient, NULL) - 2;
	} else {
		n = (size_t)snprintf(line, sizeof(line), "DUNNO");
	}
	buffer_put(out, line, n);
	buffer_put(out, "\n\n", 2);
}

/* Returns whether the connection ends. */
static bool answer_all(struct buffer *out, const char *in, size_t n, bool is_soft)
{
	static struct seen seen;
	const char *end = in + n, *lf;

	memset(&seen, 0, sizeof(seen));
	for (; (lf = memchr(in, '\n', (size_t)(end - in))) != NULL; in = lf + 1) {
		size_t length = (size_t)(lf - in);

		if (length >= POLICY_LINE_MAX) {
			return true;
		}
		if (length == 0) {
			put_answer(out, &seen, is_soft);
			memset(&seen, 0, sizeof(seen));
		} else if (++seen.n_lines > POLICY_LINES_MAX) {
			return true;
		} else {
			see_line(&seen, in, length);
		}
	}
	return end - in > POLICY_LINE_MAX;
}

static size_t random_size(uint32_t *seed, size_t most)
{
	*seed = *seed * 1664525 + 1013904223;
	return 1 + (*seed >> 8) % most;
}

/* Runs it in pieces of up to @most bytes. */
static void run(
    struct policy_edge *edge, unsigned char flags, const char *in, size_t n, size_t most)
{
	struct lmtp_settings settings = edge_settings;
	uint32_t seed = (uint32_t)most;

	settings.soft_bounce = (flags & SOFT) != 0;
	policy_edge_init(edge, &settings);
	edge->answers_late = (flags & ANSWERS_LATE) != 0;
	edge->reads_late = (flags & READS_LATE) != 0;
	while (n > 0) {
		size_t size = random_size(&seed, most);

		size = size < n ? size : n;
		policy_edge_feed(edge, in, size);
		in += size;
		n -= size;
	}
	policy_edge_settle(edge);
}

static void require_same(const struct buffer *a, const struct buffer *b, const char *what)
{
	fuzz_require(a->n == b->n && memcmp(a->p, b->p, a->n) == 0, what);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct policy_edge whole, pieces;
	struct buffer expected = { .p = NULL };
	const char *in = (const char *)data + HEADER;
	unsigned char flags;
	bool is_closed;

	if (n < HEADER || n > INPUT_MAX) {
		return 0;
	}
	flags = data[0];
	n -= HEADER;
	buffer_put(&expected, "", 0);
	is_closed = answer_all(&expected, in, n, (flags & SOFT) != 0);
	run(&whole, flags & SOFT, in, n, INPUT_MAX);
	require_same(&whole.output, &expected, "the answers are those of the model");
	fuzz_require(whole.is_closed == is_closed, "the connection ends when it must");
	run(&pieces, flags, in, n, 1 + ((size_t)data[1] << 8 | data[2]) % 300);
	require_same(&whole.output, &pieces.output, "it does not matter how the input was cut");
	require_same(&whole.events, &pieces.events, "nor for what is looked up");
	policy_edge_deinit(&whole);
	policy_edge_deinit(&pieces);
	buffer_free(&expected);
	return 0;
}
