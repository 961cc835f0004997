/* SPDX-License-Identifier: MIT
 * Sessions without memory: whichever allocation fails, no reply is wrong. A client counts replies, so
 * one that is lost must not be followed by the next one in its place: a recipient that was refused
 * would look saved, and its message would be gone. */
#include "tests/models/edge.h"
#include "tests/unit/protocol/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Everything that allocates, with fates that must not be mixed up. */
static const char input[] = "LHLO client.example.org\r\n"
			    "NOOP\r\n"
			    "MAIL FROM:<s@example.org>\r\n"
			    "RCPT TO:<unknown@d>\r\n"
			    "RCPT TO:<user1@d>\r\n"
			    "RCPT TO:<a@b@d>\r\n"
			    "RCPT TO:<user2@d>\r\n"
			    "RCPT TO:<down@d>\r\n"
			    "RCPT TO:<user3@d>\r\n"
			    "RCPT\r\n"
			    "DATA\r\n"
			    "S: x\r\n\r\nbody\r\n.\r\n"
			    "MAIL FROM:<s@example.org> SIZE=x\r\n"
			    "MAIL FROM:<s@example.org>\r\n"
			    "RCPT TO:<full@d>\r\n"
			    "RCPT TO:<user1@d>\r\n"
			    "RCPT TO:<broken@d>\r\n"
			    "RCPT TO:<user2@d>\r\n"
			    "BDAT 4\r\nabcd"
			    "BDAT 4 LAST\r\nefgh"
			    "LHLO again\r\n"
			    "MAIL FROM:<s@example.org>\r\n"
			    "RCPT TO:<user1@d>\r\n"
			    "RCPT TO:<user2@d>\r\n"
			    "BDAT 60 LAST\r\n"
			    "012345678901234567890123456789012345678901234567890123456789";

static const struct lmtp_settings settings = {
	.hostname = "mx.example.com",
	.recipient_delimiter = "+",
	.message_size_limit = 40,
	.recipient_limit = 1000,
};

struct way {
	enum edge_order order;
	size_t piece;
	bool reads_late;
};

static void converse(struct edge *edge, const struct way *way)
{
	edge_init(edge, &settings, way->order, 16);
	edge->reads_late = way->reads_late;
	for (size_t at = 0; at < strlen(input); at += way->piece) {
		size_t n = strlen(input) - at;

		edge_feed(edge, input + at, n < way->piece ? n : way->piece);
	}
	edge_settle(edge);
	edge_feed(edge, "", 0);
}

/* Each reply is the one that belongs there, or says: not now. */
static void check_output(const struct edge *edge, const struct buffer *wanted, size_t n)
{
	const char *got = edge->output.p == NULL ? "" : edge->output.p;
	size_t at = 0, at_wanted = 0;

	while (at < edge->output.n) {
		size_t n_got = next_reply(got + at, edge->output.n - at);
		size_t n_wanted = next_reply(wanted->p + at_wanted, wanted->n - at_wanted);
		bool is_same =
		    n_got == n_wanted && memcmp(got + at, wanted->p + at_wanted, n_got) == 0;

		if (n_wanted == 0 || (!is_same && got[at] != '4')) {
			fail_msg("allocation %zu failed%s\n  got  %s\n  want %s", n,
			    memory.is_for_good ? ", and all after it" : "", shown(got + at, n_got),
			    shown(wanted->p + at_wanted, n_wanted));
		}
		at += n_got;
		at_wanted += n_wanted;
	}
}

static void check_way(const struct way *way)
{
	struct buffer wanted = { .p = NULL };
	struct edge edge;
	size_t n = 0;

	edge_enter = edge_leave = NULL;
	converse(&edge, way);
	buffer_put(&wanted, edge.output.p, edge.output.n);
	assert_int_equal(check_replies(wanted.p, wanted.n), 32);
	edge_deinit(&edge);

	edge_enter = memory_enter;
	edge_leave = memory_leave;
	for (;; n++) {
		memory.n_until = n;
		memory.n_failed = 0;
		converse(&edge, way);
		check_output(&edge, &wanted, n);
		/* A session that lost something ends; it does not go on and guess. */
		assert_int_equal(edge.is_closed, memory.n_failed > 0);
		edge_deinit(&edge);
		if (memory.n_failed == 0) {
			break;
		}
	}
	assert_true(n > 10); /* else nothing has failed */
	buffer_free(&wanted);
}

static void check_ways(void)
{
	static const size_t pieces[] = { sizeof(input), 1, 7, 30 };

	for (enum edge_order order = 0; order < EDGE_ORDERS; order++) {
		for (size_t i = 0; i < LENGTH(pieces); i++) {
			check_way(&(struct way){ order, pieces[i], false });
			check_way(&(struct way){ order, pieces[i], true });
		}
	}
}

static void test_one_allocation_fails(void **state)
{
	memory.is_for_good = false;
	check_ways();
}

static void test_memory_stays_away(void **state)
{
	memory.is_for_good = true;
	check_ways();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_allocation_fails),
		cmocka_unit_test(test_memory_stays_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
