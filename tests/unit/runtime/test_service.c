/* SPDX-License-Identifier: MIT
 * What the process waits for at its end. */
#include "runtime/service.h"

#include "tests/unit/unit.h"

static void test_needed(void **state)
{
	static const struct {
		struct lane lane;
		bool is_needed, is_needed_later; /* when nobody is patient any more */
	} rows[] = {
		{ { .n_out = 0 }, false, false },
		{ { .n_out = 1 }, true, true },
		{ { .n_out = 1, .settings.is_dispensable = true }, false, false },
		{ { .n_out = 1, .n_dispensable = 1 }, false, false },
		{ { .n_out = 2, .n_dispensable = 1 }, true, true },
		{ { .n_out = 1, .n_late = 1 }, true, false },
		{ { .n_out = 2, .n_late = 1 }, true, true },
		{ { .n_out = 2, .n_late = 1, .n_dispensable = 1 }, true, false },
		{ { .n_out = 1, .settings.is_dispensable_late = true }, true, true },
		{ { .n_out = 1, .n_late = 1, .settings.is_dispensable_late = true }, false, false },
		{ { .n_out = 2, .n_late = 1, .settings.is_dispensable_late = true }, true, true },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct service service = { .n_lanes = 2 };

		service.lanes[1] = rows[i].lane;
		if (service_is_needed(&service, true) != rows[i].is_needed ||
		    service_is_needed(&service, false) != rows[i].is_needed_later) {
			fail_msg("row %zu", i);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
