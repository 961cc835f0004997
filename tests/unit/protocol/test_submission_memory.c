/* SPDX-License-Identifier: MIT
 * The client machine without memory: whichever allocation fails, the message is accepted as ever, or "for a while"; and the server
 * is never sent a part of something and then something else. */
#include <string.h>

#include "tests/models/submission_edge.h"
#include "tests/unit/protocol/memory.h"

#define SERVER                                                                                 \
	"220 mx.example.net ESMTP\r\n250-mx.example.net\r\n250-PIPELINING\r\n250 CHUNKING\r\n" \
	"250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n250 2.0.0 queued\r\n221 2.0.0 Bye\r\n"
#define PLAIN                                                                                \
	"220 mx.example.net ESMTP\r\n250 mx.example.net\r\n250 2.1.0 Ok\r\n250 2.1.5 Ok\r\n" \
	"354 go\r\n250 2.0.0 queued\r\n221 2.0.0 Bye\r\n"

static const struct submitted message = { "s@example.org", { "a@example.net" },
	TEXT("Subject: x\n\nHello.\n") };

static struct submission_edge plain, edge;

static void converse(struct submission_edge *run, const char *server, size_t piece)
{
	submission_edge_init(run, &message);
	submission_edge_feed(run, "", 0);
	for (size_t n; *server != '\0'; server += n) {
		n = strnlen(server, piece);
		submission_edge_feed(run, server, n);
	}
	submission_edge_end(run);
}

/* Returns whether an allocation failed. */
static bool check(const char *server, size_t piece, unsigned n_until, bool is_for_good)
{
	bool has_failed;

	memory = (struct memory){ .n_until = n_until, .is_for_good = is_for_good };
	edge_enter = memory_enter;
	edge_leave = memory_leave;
	converse(&edge, server, piece);
	edge_enter = edge_leave = NULL;
	has_failed = memory.n_failed > 0;
	assert_true(edge.output.n <= plain.output.n);
	expect_bytes("what was sent", edge.output.p, edge.output.n, plain.output.p, edge.output.n);
	if (edge.outcomes[0].result == SUBMISSION_ACCEPTED) {
		expect_text("accepted", edge.outcomes[0].words.text, "queued");
	} else {
		assert_true(has_failed);
		/* Its answer may be what there is no memory for. */
		assert_true(edge.outcomes[0].result == SUBMISSION_DEFERRED ||
			    (edge.outcomes[0].result == SUBMISSION_UNKNOWN &&
				edge.output.n + sizeof("QUIT\r\n") > plain.output.n));
		expect_text("deferred", edge.outcomes[0].words.text, "Out of memory");
	}
	submission_edge_deinit(&edge);
	return has_failed;
}

static void check_all(const char *server, size_t piece)
{
	unsigned n = 0;

	converse(&plain, server, piece);
	while (check(server, piece, n, false) && check(server, piece, n, true)) {
		n++;
	}
	assert_true(n > 4);
	submission_edge_deinit(&plain);
}

static void test_memory(void **state)
{
	check_all(SERVER, 1);
	check_all(SERVER, 1000);
	check_all(PLAIN, 1);
	check_all(PLAIN, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
