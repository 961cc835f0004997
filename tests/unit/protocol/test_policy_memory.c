/* SPDX-License-Identifier: MIT
 * The policy protocol without memory: whichever allocation fails, what was said until then is right, and the
 * connection ends, so that Postfix goes by its default_action. */
#include <string.h>

#include "tests/models/policy_edge.h"
#include "tests/unit/protocol/memory.h"

#define RCPT(address) "request=smtpd_access_policy\nprotocol_state=RCPT\nrecipient=" address "\n\n"

static const char input[] = RCPT("off@example.com") RCPT("user+detail@example.com")
    RCPT("nonsense") "\n" RCPT("full@example.com") "recipient=a@b\nrecipient=c@d\n\n";

struct way {
	size_t piece;
	bool answers_late;
};

static void converse(struct policy_edge *edge, const struct way *way)
{
	policy_edge_init(edge, &edge_settings);
	edge->answers_late = way->answers_late;
	for (size_t at = 0; at < strlen(input); at += way->piece) {
		size_t n = strlen(input) - at;

		policy_edge_feed(edge, input + at, n < way->piece ? n : way->piece);
	}
	policy_edge_settle(edge);
	/* Lets the machine say what it thinks of itself. */
	policy_edge_feed(edge, "", 0);
}

static void check_way(const struct way *way)
{
	struct policy_edge whole, edge;
	size_t n = 0;

	edge_enter = edge_leave = NULL;
	converse(&whole, way);
	assert_false(whole.is_closed);
	edge_enter = memory_enter;
	edge_leave = memory_leave;
	do {
		memory.n_until = n++;
		memory.n_failed = 0;
		converse(&edge, way);
		if (edge.output.n > whole.output.n ||
		    memcmp(edge.output.p, whole.output.p, edge.output.n) != 0) {
			fail_msg("allocation %zu failed\n  got  %s\n  want the start of %s", n,
			    shown(edge.output.p, edge.output.n),
			    shown(whole.output.p, whole.output.n));
		}
		assert_int_equal(edge.is_closed, memory.n_failed > 0);
		policy_edge_deinit(&edge);
	} while (memory.n_failed > 0);
	assert_true(n > 8); /* else nothing has failed */
	edge_enter = edge_leave = NULL;
	policy_edge_deinit(&whole);
}

static void test_allocations_fail(void **state)
{
	static const size_t pieces[] = { sizeof(input), 1, 7, 30 };

	for (unsigned i = 0; i < 4; i++) {
		memory.is_for_good = (i & 1) != 0;
		for (size_t k = 0; k < LENGTH(pieces); k++) {
			check_way(&(struct way){ pieces[k], (i & 2) != 0 });
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_allocations_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
