/* SPDX-License-Identifier: MIT
 * Fuzz target of the auth protocol. An input is run line by line beside a model of what may be
 * answered, then whole, then in pieces: all that is sent, and all that the edge hears, must be the
 * same each time.
 *
 * The first byte of an input is of enum auth_flags, the next two are the seed of the pieces. In the
 * rest, the client's lines, "WAIT" lets a minute pass and "ANSWER" answers; the protocol knows neither
 * and must ignore both. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "tests/models/auth_model.h"
#include "tests/models/auth_run.h"

enum {
	HEADER = 3,
	INPUT_MAX = 1 << 16,
};

static void answer_all(struct auth_run *run)
{
	while (run->n_out > 0) {
		auth_answer(run, (run->flags & AUTH_REVERSED) != 0 ? run->n_out - 1 : 0);
	}
	if ((run->flags & AUTH_READS_LATE) == 0) {
		auth_read(run);
	}
}

/* What a line does besides being sent. */
static void obey(struct auth_run *run, struct auth_line line)
{
	if (auth_line_is(line, "WAIT\n")) {
		run->now += AUTH_WAIT_MS;
	} else if (auth_line_is(line, "ANSWER\n")) {
		answer_all(run);
	}
}

static bool is_obeyed(struct auth_line line)
{
	return auth_line_is(line, "WAIT\n") || auth_line_is(line, "ANSWER\n");
}

static struct auth_bytes finish(struct auth_run *run)
{
	struct auth_bytes all = run->events;

	answer_all(run);
	auth_read(run);
	auth_put(&all, run->output.p == NULL ? "" : run->output.p, run->output.n);
	run->events = (struct auth_bytes){ .p = NULL };
	auth_end(run);
	return all;
}

static size_t random_size(uint32_t *seed, size_t most)
{
	*seed = *seed * 1664525 + 1013904223;
	return 1 + (*seed >> 8) % most;
}

/* Runs it in pieces of up to @most bytes, 0 for no bound; what is obeyed ends a piece, for its time is
 * that of the line's end. */
static struct auth_bytes run_in_pieces(
    unsigned char flags, const char *in, size_t n, uint32_t seed, size_t most)
{
	struct auth_run run;

	auth_start(&run, flags);
	while (n > 0) {
		struct auth_line line = { in, 0, false };
		const char *piece_end = in;

		/* Lines up to one that is obeyed. */
		while (piece_end < in + n && !is_obeyed(line)) {
			line = auth_next_line(piece_end, n - (size_t)(piece_end - in));
			piece_end += line.n;
		}
		while (in < piece_end) {
			size_t left = (size_t)(piece_end - in);
			size_t size = most == 0 ? left : random_size(&seed, most);

			size = size < left ? size : left;
			auth_feed(&run, in, size);
			in += size;
			n -= size;
		}
		obey(&run, line);
	}
	return finish(&run);
}

static void require_same(const struct auth_bytes *a, const struct auth_bytes *b)
{
	fuzz_require(a->n == b->n && memcmp(a->p, b->p, a->n) == 0,
	    "it does not matter how the input was cut");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct auth_bytes whole, pieces;
	const char *in = (const char *)data + HEADER;
	uint32_t seed;

	if (n < HEADER || n > INPUT_MAX) {
		return 0;
	}
	seed = (uint32_t)data[1] << 8 | data[2];
	n -= HEADER;
	auth_run_beside_model(data[0], in, n);
	whole = run_in_pieces(data[0], in, n, seed, 0);
	pieces = run_in_pieces(data[0], in, n, seed, 1);
	require_same(&whole, &pieces);
	free(pieces.p);
	pieces = run_in_pieces(data[0], in, n, seed, 1 + seed % 300);
	require_same(&whole, &pieces);
	free(pieces.p);
	free(whole.p);
	return 0;
}
