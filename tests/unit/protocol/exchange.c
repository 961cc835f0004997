/* SPDX-License-Identifier: MIT
 * Runs an exchange in every way that must not matter. */
#include "tests/unit/protocol/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/models/encode.h"
#include "tests/models/lines.h"
#include "tests/unit/protocol/machine.h"

const struct dovecot_settings exchange_settings = {
	.mechanisms = { [SASL_PLAIN] = true, [SASL_LOGIN] = true },
	.pid = 77,
	.connection = 5,
	.cookie = "00112233445566778899aabbccddeeff",
};

const char exchange_handshake[] = "VERSION\t1\t2\n"
				  "MECH\tPLAIN\tplaintext\n"
				  "MECH\tLOGIN\tplaintext\n"
				  "SPID\t77\n"
				  "CUID\t5\n"
				  "COOKIE\t00112233445566778899aabbccddeeff\n"
				  "DONE\n";

/* One way of running it. */
struct way {
	size_t cut, piece; /* the first piece of the input, and all others */
	enum machine_reading reading;
};

/* What stands between braces in base64. */
static void expand(struct bytes *out, struct text in)
{
	const char *end = in.p + in.n;

	for (const char *p = in.p; p < end; p++) {
		char bytes[1024], text[2048];
		size_t n = 0;

		if (*p != '{') {
			bytes_put(out, p, 1);
			continue;
		}
		for (p++; p < end && *p != '}'; p++) {
			assert_true(n < sizeof(bytes));
			bytes[n++] = *p;
			if (*p == '^') {
				bytes[n - 1] = '\0';
			}
		}
		assert_true(p < end);
		bytes_put(out, text, encode(text, bytes, n));
	}
}

static void feed(struct machine *machine, const struct bytes *in, const struct way *way)
{
	size_t at = way->cut < in->n ? way->cut : in->n;

	machine_feed(machine, in->p, at);
	while (at < in->n) {
		size_t n = way->piece < in->n - at ? way->piece : in->n - at;

		machine_feed(machine, in->p + at, n);
		at += n;
	}
}

static void answer_all(struct machine *machine, bool is_reversed)
{
	while (machine->n_out > 0) {
		machine_answer(machine, is_reversed ? machine->n_out - 1 : 0);
		if (machine->reading != MACHINE_READS_LATE) {
			machine_read(machine);
		}
	}
}

static void converse(struct machine *machine, const struct exchange *exchange,
    const struct bytes *input, const struct bytes *more, const struct way *way)
{
	machine_init(machine, exchange->settings != NULL ? exchange->settings : &exchange_settings);
	machine->reading = way->reading;
	machine->answers_at_once = exchange->outcomes == EXCHANGE_AT_ONCE;
	feed(machine, input, way);
	if (exchange->outcomes == EXCHANGE_BETWEEN) {
		answer_all(machine, false);
	}
	machine->now += (uint64_t)exchange->seconds * 1000;
	feed(machine, more, way);
	answer_all(machine, exchange->outcomes == EXCHANGE_REVERSED);
	machine_read(machine);
}

size_t check_lines(const char *output, size_t n)
{
	const char *end = output + n;
	size_t n_lines = 0;
	uint32_t id;

	while (output < end) {
		const char *lf = memchr(output, '\n', (size_t)(end - output));
		const char *line_end = lf == NULL ? end : lf;
		size_t length = (size_t)(line_end - output);

		if (lf == NULL || line_read(output, length, &id) == LINE_NONE) {
			fail_msg("malformed: %s", shown(output, length));
		}
		output = line_end + 1;
		n_lines++;
	}
	return n_lines;
}

struct prepared {
	const struct exchange *exchange;
	struct bytes input, more, output, events;
};

static void prepare(struct prepared *prepared, const struct exchange *exchange)
{
	*prepared = (struct prepared){ .exchange = exchange };
	expand(&prepared->input, exchange->input);
	expand(&prepared->more, exchange->more);
	if (exchange->settings == NULL) {
		bytes_put(&prepared->output, exchange_handshake, strlen(exchange_handshake));
	}
	bytes_put(&prepared->output, exchange->output, strlen(exchange->output));
	if (exchange->events != NULL) {
		bytes_put(&prepared->events, exchange->events, strlen(exchange->events));
	}
}

static void release(struct prepared *prepared)
{
	bytes_free(&prepared->input);
	bytes_free(&prepared->more);
	bytes_free(&prepared->output);
	bytes_free(&prepared->events);
}

static void check_way(struct prepared *prepared, struct way way)
{
	const struct exchange *exchange = prepared->exchange;
	struct machine machine;
	char what[200];

	snprintf(what, sizeof(what), "%s (cut at %zu, pieces of %zu, reading %d)", exchange->name,
	    way.cut, way.piece, (int)way.reading);
	converse(&machine, exchange, &prepared->input, &prepared->more, &way);
	expect_bytes(
	    what, machine.output.p, machine.output.n, prepared->output.p, prepared->output.n);
	if (exchange->settings == NULL) {
		size_t n = strlen(exchange_handshake);

		check_lines(machine.output.p + n, machine.output.n - n);
	}
	if (prepared->events.p == NULL) {
		bytes_put(&prepared->events, machine.events.p, machine.events.n);
	}
	expect_bytes(
	    what, machine.events.p, machine.events.n, prepared->events.p, prepared->events.n);
	machine_deinit(&machine);
}

/* Long exchanges are cut at their ends, at their line ends, and here and there. */
static bool is_cut_worthwhile(const struct bytes *in, size_t cut)
{
	if (in->n < 2000 || cut < 64 || cut + 64 > in->n || cut % 1021 == 0) {
		return true;
	}
	return memchr(in->p + cut - 8, '\n', 16) != NULL;
}

static void check_exchange(const struct exchange *exchange)
{
	struct prepared prepared;
	size_t n;

	prepare(&prepared, exchange);
	n = prepared.input.n + prepared.more.n + 1;
	for (enum machine_reading reading = 0; reading < MACHINE_READINGS; reading++) {
		check_way(&prepared, (struct way){ n, n, reading });
		check_way(&prepared, (struct way){ 1, 1, reading });
		check_way(&prepared, (struct way){ 5, 3, reading });
	}
	for (size_t cut = 0; cut <= prepared.input.n || cut <= prepared.more.n; cut++) {
		if (cut > prepared.input.n || is_cut_worthwhile(&prepared.input, cut)) {
			check_way(&prepared, (struct way){ cut, n, MACHINE_READS_AT_ONCE });
		}
	}
	release(&prepared);
}

void check_exchanges(const struct exchange *exchanges, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		check_exchange(&exchanges[i]);
	}
}
