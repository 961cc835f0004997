/* SPDX-License-Identifier: MIT
 * Random conversations, made of what clients say and of garbage, through the fuzz target: it aborts
 * when a request has no answer or two, when an answer is malformed, or when it matters how the input
 * was cut. The sequence is the same on every machine. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/unit.h"

enum {
	INPUT_MAX = 40000,
	CONVERSATIONS = 3000,
	LINES_MAX = 60,
};

struct input {
	uint8_t p[INPUT_MAX];
	size_t n;
	uint64_t seed;
};

static void put(struct input *input, const char *text)
{
	size_t n = strlen(text);

	if (input->n + n <= INPUT_MAX) {
		memcpy(input->p + input->n, text, n);
		input->n += n;
	}
}

static const char *one_of(struct input *input, const char *const *texts, size_t n)
{
	return texts[random_below(&input->seed, n)];
}

static void put_id(struct input *input)
{
	static const char *const odd[] = { "", "-1", "4294967295", "4294967296", "007", "1x",
		"18446744073709551617", "99999999999999999999999999" };
	char text[16];

	if (random_below(&input->seed, 20) == 0) {
		put(input, one_of(input, odd, LENGTH(odd)));
		return;
	}
	snprintf(text, sizeof(text), "%d", (int)random_below(&input->seed, 6));
	put(input, text);
}

/* user@d with "right" or "wrong", "u@d", and what is none. */
static void put_response(struct input *input)
{
	static const char *const responses[] = { "AHVAZAByaWdodA==", "AHVAZAB3cm9uZw==", "dUBk",
		"cmlnaHQ=", "d3Jvbmc=", "=", "", "AAA=", "AAAA", "!", "dUBk=", "dUB",
		"AHUJQGQAeA==", "cm9vdAB1QGQAcmlnaHQ=", "dUBkAHVAZAByaWdodA==" };

	put(input, one_of(input, responses, LENGTH(responses)));
}

static void put_long(struct input *input)
{
	size_t n = 16300 + random_below(&input->seed, 200);

	while (n-- > 0 && input->n < INPUT_MAX) {
		input->p[input->n++] = 'A';
	}
}

static void put_auth(struct input *input)
{
	static const char *const mechanisms[] = { "PLAIN", "LOGIN", "plain", "Login", "NONE", "" };
	static const char *const parameters[] = { "\tservice=smtp", "\tnologin", "\trip=192.0.2.1",
		"\trip=", "\t", "\tsecured", "\tresp", "\tx=y" };

	put(input, "AUTH\t");
	put_id(input);
	put(input, "\t");
	put(input, one_of(input, mechanisms, LENGTH(mechanisms)));
	for (uint64_t i = random_below(&input->seed, 4); i > 0; i--) {
		put(input, one_of(input, parameters, LENGTH(parameters)));
	}
	if (random_below(&input->seed, 300) == 0) {
		put_long(input);
	}
	if (random_below(&input->seed, 3) > 0) {
		put(input, "\tresp=");
		put_response(input);
	}
}

static void put_garbage(struct input *input)
{
	static const char some[] = "\t\t\tAUTHCON1234=\r\n";

	for (uint64_t i = random_below(&input->seed, 20); i > 0 && input->n < INPUT_MAX; i--) {
		input->p[input->n++] = random_below(&input->seed, 2) == 0
					   ? (uint8_t)some[random_below(&input->seed, sizeof(some))]
					   : (uint8_t)random_below(&input->seed, 256);
	}
}

static void put_line(struct input *input)
{
	static const char *const others[] = { "WAIT", "ANSWER", "ANSWER", "VERSION\t1\t0",
		"VERSION\t1\t2", "CPID\t1", "AUTH", "CONT", "CANCEL", "", "OK\t1" };

	switch (random_below(&input->seed, 12)) {
	case 0:
		put(input, "CANCEL\t");
		put_id(input);
		break;
	case 1:
	case 2:
	case 3:
		put(input, "CONT\t");
		put_id(input);
		put(input, random_below(&input->seed, 20) == 0 ? "" : "\t");
		put_response(input);
		if (random_below(&input->seed, 300) == 0) {
			put_long(input);
		}
		break;
	case 4:
	case 5:
		put(input, one_of(input, others, LENGTH(others)));
		break;
	case 6:
		put_garbage(input);
		break;
	default:
		put_auth(input);
	}
	put(input, "\n");
}

/* Turns over some bytes. */
static void damage(struct input *input)
{
	for (uint64_t i = random_below(&input->seed, 5); i > 0; i--) {
		input->p[random_below(&input->seed, input->n)] =
		    (uint8_t)random_below(&input->seed, 256);
	}
}

static void run(struct input *input)
{
	uint8_t *exact = malloc(input->n);

	assert_non_null(exact);
	memcpy(exact, input->p, input->n);
	assert_int_equal(LLVMFuzzerTestOneInput(exact, input->n), 0);
	free(exact);
}

static void start(struct input *input)
{
	input->n = 0;
	for (int i = 0; i < 3; i++) {
		input->p[input->n++] = (uint8_t)random_below(&input->seed, 256);
	}
}

static void test_conversations(void **state)
{
	static struct input input = { .seed = 1 };

	for (int i = 0; i < CONVERSATIONS; i++) {
		start(&input);
		for (uint64_t n = random_below(&input.seed, LINES_MAX); n > 0; n--) {
			put_line(&input);
		}
		if (i % 2 == 1) {
			damage(&input);
		}
		run(&input);
	}
}

static void test_garbage(void **state)
{
	static struct input input = { .seed = 2 };

	for (int i = 0; i < CONVERSATIONS; i++) {
		start(&input);
		for (uint64_t n = random_below(&input.seed, LINES_MAX); n > 0; n--) {
			put_garbage(&input);
		}
		run(&input);
	}
}

/* More requests than may be out, and more challenges than are remembered. */
static void test_crowds(void **state)
{
	static struct input input = { .seed = 3 };
	char line[64];

	for (int i = 0; i < 300; i++) {
		start(&input);
		for (int n = 0; n < 200; n++) {
			snprintf(line, sizeof(line), "%s\t%d\t%s\n",
			    random_below(&input.seed, 3) == 0 ? "CONT" : "AUTH",
			    (int)random_below(&input.seed, 90),
			    random_below(&input.seed, 2) == 0 ? "PLAIN"
							      : "PLAIN\tresp=AHVAZAByaWdodA==");
			put(&input, line);
			if (random_below(&input.seed, 80) == 0) {
				put(&input, "ANSWER\n");
			}
		}
		run(&input);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conversations),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_crowds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
