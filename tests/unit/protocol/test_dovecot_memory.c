/* SPDX-License-Identifier: MIT
 * The auth protocol without memory: whichever allocation fails, what was said until then is right,
 * and the connection ends. Half a line that is taken for a whole one would tell a user with the right
 * password that it is wrong. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/protocol/machine.h"
#include "tests/unit/protocol/memory.h"

static const struct dovecot_settings settings = {
	.mechanisms = { [SASL_PLAIN] = true, [SASL_LOGIN] = true },
	.pid = 77,
	.connection = 5,
	.cookie = "00112233445566778899aabbccddeeff",
};

/* Everything that allocates, and every form of an answer. The names are long enough for the output to
 * grow in the middle of a line. */
static const char input[] =
    "VERSION\t1\t0\nCPID\t1\n"
    "AUTH\t1\tPLAIN\trip=192.0.2.1\tresp=AHVAZAByaWdodA==\n"
    "AUTH\t2\tPLAIN\tresp=AHVAZAB3cm9uZw==\n"
    "AUTH\t3\tLOGIN\n"
    "AUTH\t4\tPLAIN\tresp=AGEtdXNlci13aXRoLWEtdmVyeS1sb25nLW5hbWVAZXhhbXBsZS5jb20AcmlnaHQ=\n"
    "CONT\t3\tYS11c2VyLXdpdGgtYS12ZXJ5LWxvbmctbmFtZUBleGFtcGxlLmNvbQ==\n"
    "AUTH\t5\tNONE\n"
    "CONT\t3\tcmlnaHQ=\n"
    "AUTH\t6\tLOGIN\tresp=dUBk\n"
    "CONT\t6\t!\n"
    "AUTH\t7\tPLAIN\tresp=AHVAZAB0YWI=\n"
    "CONT\t8\t\n"
    "AUTH\t9\tPLAIN\n"
    "AUTH\t9\tPLAIN\n"
    "CONT\t9\tAHVAZAByaWdodA==\n"
    "CANCEL\t9\n";

/* The last line lets the machine say what it thinks of itself. */
static const char last[] = "CPID\t1\n";

struct way {
	size_t piece;
	enum machine_reading reading;
	bool answers_at_once;
};

static void converse(struct machine *machine, const struct way *way)
{
	machine_init(machine, &settings);
	machine->reading = way->reading;
	machine->drops_rest = true;
	machine->answers_at_once = way->answers_at_once;
	for (size_t at = 0; at < strlen(input); at += way->piece) {
		size_t n = strlen(input) - at;

		machine_feed(machine, input + at, n < way->piece ? n : way->piece);
	}
	while (machine->n_out > 0) {
		machine_answer(machine, machine->n_out - 1);
	}
	machine_read(machine);
	machine_feed(machine, last, strlen(last));
}

/* With answers that come when they are made, a machine that fails says less, but nothing else. */
static void check_prefix(const struct machine *machine, const struct bytes *whole, size_t n)
{
	if (machine->output.n > whole->n ||
	    memcmp(machine->output.p, whole->p, machine->output.n) != 0) {
		fail_msg("allocation %zu failed%s\n  got  %s\n  want the start of %s", n,
		    memory.is_for_good ? ", and all after it" : "",
		    shown(machine->output.p, machine->output.n), shown(whole->p, whole->n));
	}
}

/* With answers at the end some are missing, but each line is one of those that belong there. */
static void check_each_line(const struct machine *machine, const struct bytes *whole, size_t n)
{
	const char *line = machine->output.p, *lf;

	while ((lf = strchr(line, '\n')) != NULL) {
		size_t length = (size_t)(lf + 1 - line);

		if (memmem(whole->p, whole->n, line, length) == NULL) {
			fail_msg("allocation %zu failed%s\n  a line of nobody: %s", n,
			    memory.is_for_good ? ", and all after it" : "", shown(line, length));
		}
		line = lf + 1;
	}
}

static void check_way(const struct way *way)
{
	struct bytes whole = { .p = NULL };
	struct machine machine;
	size_t n = 0;

	machine_enter = machine_leave = NULL;
	converse(&machine, way);
	assert_false(machine.is_closed);
	bytes_put(&whole, machine.output.p, machine.output.n);
	machine_deinit(&machine);

	machine_enter = memory_enter;
	machine_leave = memory_leave;
	do {
		memory.n_until = n++;
		memory.n_failed = 0;
		converse(&machine, way);
		if (way->answers_at_once) {
			check_prefix(&machine, &whole, n);
		} else {
			check_each_line(&machine, &whole, n);
		}
		/* Postfix turns a closed connection into "try again later"; silence costs it 10 s. */
		if (memory.n_failed > 0 && !machine.is_closed) {
			fail_msg("allocation %zu failed, and it goes on: %s", n,
			    shown(machine.output.p, machine.output.n));
		}
		machine_deinit(&machine);
	} while (memory.n_failed > 0);
	assert_true(n > 10); /* else nothing has failed */
	bytes_free(&whole);
}

static void check_ways(bool answers_at_once)
{
	static const size_t pieces[] = { sizeof(input), 1, 7, 30 };

	for (enum machine_reading reading = 0; reading < MACHINE_READINGS; reading++) {
		for (size_t i = 0; i < LENGTH(pieces); i++) {
			check_way(&(struct way){ pieces[i], reading, answers_at_once });
		}
	}
}

static void test_one_allocation_fails(void **state)
{
	memory.is_for_good = false;
	check_ways(true);
}

static void test_memory_stays_away(void **state)
{
	memory.is_for_good = true;
	check_ways(true);
}

static void test_answers_at_the_end(void **state)
{
	memory.is_for_good = false;
	check_ways(false);
	memory.is_for_good = true;
	check_ways(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_allocation_fails),
		cmocka_unit_test(test_memory_stays_away),
		cmocka_unit_test(test_answers_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
