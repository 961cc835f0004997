/* SPDX-License-Identifier: MIT
 * Marks, and a script that makes and asks for them, by the libraries alone:
 *
 *   marks BASE HOME USER has ID              exits with 1 when it is not remembered
 *   marks BASE HOME USER add SECONDS ID...   one after the other
 *   marks BASE HOME USER forget ID
 *   marks BASE HOME USER run FROM TO SCRIPT <MESSAGE    prints what becomes of the message, a line for each action
 *   marks BASE HOME USER mark FROM TO SCRIPT <MESSAGE   the same, and remembers what is sent or seen
 *
 * Ids are given as they are. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lmtpd/ids.h"
#include "maildir/dotlock.h"
#include "maildir/home.h"
#include "maildir/marks.h"

static int home_fd;
static const char *user;
static unsigned patience = DOTLOCK_PATIENCE_MS;

static int fail(const char *what, int result)
{
	printf("%s: %s\n", what, result < 0 ? strerror(-result) : "held or full");
	return 70;
}

static int has(struct span id)
{
	int result = marks_has(home_fd, user, id, time(NULL));

	return result < 0 ? fail("has", result) : !result;
}

static int add(struct span id, uint64_t seconds)
{
	const struct mark mark = { id, time(NULL) + (time_t)seconds };
	int result = marks_add(home_fd, user, &mark, 1, time(NULL), &patience);

	return result == 0 ? 0 : fail("add", result);
}

static int zone(time_t time)
{
	return 0;
}

static bool is_seen(struct span text)
{
	unsigned char digest[IDS_DIGEST];

	return ids_of_text(text, digest) == 0 &&
	       has((struct span){ (const char *)digest, IDS_DIGEST }) == 0;
}

static void show(const struct sieve_action *action, bool marks)
{
	static const char *const kinds[] = { "keep", "store", "discard", "redirect", "reject",
		"vacation", "notify", "mark" };
	unsigned char digest[IDS_DIGEST];
	bool is_redirect = action->kind == SIEVE_REDIRECT, is_silent;
	struct span id = { "", 0 };

	if (action->id.n > 0 && ids_of_action(action, digest, &id) != 0) {
		puts("no id");
		return;
	}
	is_silent = (action->kind == SIEVE_VACATION && action->message.n == 0) ||
		    (is_redirect && id.n > 0 && has(id) == 0);
	printf("%s", kinds[action->kind]);
	if (action->kind == SIEVE_STORE) {
		printf(" %.*s", (int)action->folder.n, action->folder.p);
	} else if (is_silent) {
		const struct span text = is_redirect ? span_of("seen") : action->text;

		printf(": %.*s", (int)text.n, text.p);
	}
	putchar('\n');
	if (marks && id.n > 0 && !is_silent) {
		add(id, action->seconds);
	}
}

static int run(char **argv, bool marks)
{
	static char message[1 << 16], script[1 << 16];
	size_t n = fread(message, 1, sizeof(message) - 1, stdin);
	const char *body = strstr(message, "\r\n\r\n");
	struct sieve_facts facts = { .settings = &sieve_defaults,
		.from = span_of(argv[0]),
		.to = span_of(argv[1]),
		.original_to = span_of(argv[1]),
		.delimiters = "+",
		.user = user,
		.hostname = "mx.example.com",
		.domain = "example.com",
		.now = time(NULL),
		.zone = zone,
		.header = { message, body == NULL ? n : (size_t)(body + 4 - message) },
		.size = n };
	struct sieve_errors errors;
	struct sieve_program *program;
	struct sieve_question question;
	const struct sieve_plan *plan;
	struct sieve_run *sieve;
	FILE *file = fopen(argv[2], "re");
	int need;

	if (file == NULL || sieve_compile(&sieve_language,
				(struct span){ script, fread(script, 1, sizeof(script), file) },
				&program, &errors) != 0) {
		printf("%s: %s\n", argv[2], file == NULL ? "cannot be read" : errors.list[0].text);
		return 65;
	}
	fclose(file);
	sieve = sieve_run_new(&facts, &(struct sieve_script){ program, "script" }, 1);
	while ((need = sieve_step(sieve, &question)) > 0) {
		if (need == SIEVE_NEED_BODY) {
			sieve_give_body(sieve, (struct span){ "", 0 });
		} else if (need == SIEVE_NEED_SPECIAL_USE) {
			sieve_answer_name(sieve, (struct span){ NULL, 0 });
		} else {
			sieve_answer(
			    sieve, (need == SIEVE_NEED_SEEN || need == SIEVE_NEED_ANSWERED) &&
				       is_seen(question.name));
		}
	}
	plan = sieve_run_plan(sieve);
	for (size_t i = 0; i < plan->n_actions; i++) {
		show(&plan->actions[i], marks);
	}
	for (size_t i = 0; i < plan->n_notes; i++) {
		printf("%.*s\n", (int)plan->notes[i].text.n, plan->notes[i].text.p);
	}
	sieve_run_free(sieve);
	sieve_program_free(program);
	return need == SIEVE_DONE ? 0 : 70;
}

int main(int argc, char **argv)
{
	struct maildir_root root;
	int result = 64;

	if (argc < 6) {
		return 64;
	}
	maildir_root_init(&root, argv[1], "mx.example.com");
	home_fd = home_open(&root, argv[2]);
	user = argv[3];
	if (home_fd < 0) {
		return fail(argv[2], home_fd);
	}
	if (strcmp(argv[4], "has") == 0) {
		result = has(span_of(argv[5]));
	} else if (strcmp(argv[4], "add") == 0) {
		result = 0;
		for (int i = 6; i < argc && result == 0; i++) {
			result = add(span_of(argv[i]), strtoull(argv[5], NULL, 10));
		}
	} else if (strcmp(argv[4], "forget") == 0) {
		result = marks_forget(home_fd, user, span_of(argv[5]), time(NULL), &patience);
	} else if (argc == 8) {
		result = run(argv + 5, strcmp(argv[4], "mark") == 0);
	}
	return result;
}
