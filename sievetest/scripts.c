/* SPDX-License-Identifier: MIT
 * Scripts that lie in files: compiled with all that they include, and run. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sievetest/tester.h"

/* --- errors ----------------------------------------------------------------------------------------------------- */

void scripts_forget_errors(struct tester *tester)
{
	tester->n_errors = 0;
}

void scripts_add_error(struct tester *tester, struct span text)
{
	if (tester->n_errors < TESTER_ERRORS_MAX) {
		tester->errors[tester->n_errors++] = text;
	}
}

void scripts_add_notes(struct tester *tester, const struct sieve_plan *plan)
{
	for (size_t i = 0; i < plan->n_notes; i++) {
		const struct sieve_note *note = &plan->notes[i];

		if (note->kind == SIEVE_NOTE_ERROR) {
			scripts_add_error(
			    tester, tester_format(tester, "%s: line %u: %.*s", note->script,
					note->line, (int)note->text.n, note->text.p));
		}
	}
}

static void add_errors(struct tester *tester, const char *path, const struct sieve_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++) {
		const struct sieve_error *error = &errors->list[i];

		if (!error->is_warning) {
			scripts_add_error(tester, tester_format(tester, "%s: line %u: %s", path,
						      error->line, error->text));
		}
	}
}

/* --- compiling -------------------------------------------------------------------------------------------------- */

/* Returns 0 or -errno. */
static int read_file(struct tester *tester, const char *path, struct span *bytes_r)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *p;
	ssize_t n, n_all = 0;

	if (fd < 0) {
		return -errno;
	}
	if (fstat(fd, &status) < 0 || status.st_size > SIEVE_SCRIPT_MAX) {
		close(fd);
		return -EFBIG;
	}
	p = tester_alloc(tester, (size_t)status.st_size + 1);
	while (n_all < status.st_size &&
	       (n = read(fd, p + n_all, (size_t)(status.st_size - n_all))) > 0) {
		n_all += n;
	}
	close(fd);
	*bytes_r = (struct span){ p, (size_t)n_all };
	return n_all == status.st_size ? 0 : -EIO;
}

static struct owned *own(struct tester *tester)
{
	struct owned *owned = tester_alloc(tester, sizeof(*owned));

	owned->next = tester->owned;
	tester->owned = owned;
	return owned;
}

/* Returns 0, or 1 and adds an error; of a file that is not there -ENOENT, too. */
static int compile_file(
    struct tester *tester, const char *path, const struct sieve_program **program_r)
{
	struct sieve_errors errors = { 0 };
	struct sieve_program *program = NULL;
	struct span bytes = { "", 0 };
	int result = read_file(tester, path, &bytes);

	if (result != 0) {
		scripts_add_error(tester,
		    tester_format(tester, "%s: cannot be read: %s", path, strerror(-result)));
		return result == -ENOENT ? -ENOENT : 1;
	}
	result = sieve_compile(&host_language, bytes, &program, &errors);
	if (result < 0) {
		tester_check(tester, NULL);
	}
	if (result == 0) {
		own(tester)->program = program;
	}
	add_errors(tester, path, &errors);
	*program_r = program;
	return result;
}

static bool is_in_library(const struct tester *tester, const struct sieve_include *include)
{
	for (size_t i = 0; i < tester->n_library; i++) {
		if (tester->library[i].place == include->place &&
		    span_equals(tester->library[i].name, include->name)) {
			return true;
		}
	}
	return false;
}

/* Brings what a program includes into the library; what is not there is missed by sieve_link(). */
static bool load_includes(struct tester *tester, const struct sieve_program *program)
{
	size_t n, next = tester->n_library;
	bool is_fine = true;

	for (;;) {
		const struct sieve_include *includes = sieve_program_includes(program, &n);

		for (size_t i = 0; i < n; i++) {
			const struct sieve_program *included;
			size_t n_errors = tester->n_errors;
			const char *path;
			int result;

			if (is_in_library(tester, &includes[i]) ||
			    tester->n_library == TESTER_SCRIPTS_MAX) {
				continue;
			}
			path = tester_format(tester, "%s/%s/%.*s.sieve", tester->directory,
			    includes[i].place == SIEVE_GLOBAL ? "included-global" : "included",
			    (int)includes[i].name.n, includes[i].name.p)
				   .p;
			result = compile_file(tester, path, &included);
			if (result == 0) {
				tester->library[tester->n_library++] =
				    (struct sieve_library){ includes[i].place,
					    tester_copy(tester, includes[i].name), included };
			} else if (result == -ENOENT) {
				tester->n_errors = n_errors;
			} else {
				is_fine = false;
			}
		}
		if (next == tester->n_library) {
			tester->facts->n_library = tester->n_library;
			return is_fine;
		}
		program = tester->library[next++].program;
	}
}

bool scripts_compile(
    struct tester *tester, struct span path, const struct sieve_program **program_r)
{
	const char *file =
	    path.n > 0 && path.p[0] == '/'
		? tester_copy(tester, path).p
		: tester_format(tester, "%s/%.*s", tester->directory, (int)path.n, path.p).p;
	const struct sieve_program *program = NULL;
	struct sieve_errors errors = { 0 };

	scripts_forget_errors(tester);
	if (compile_file(tester, file, &program) != 0 || !load_includes(tester, program)) {
		return false;
	}
	if (sieve_link(program, tester->library, tester->n_library, &errors) != 0) {
		add_errors(tester, file, &errors);
		return false;
	}
	*program_r = program;
	return true;
}

/* --- running ---------------------------------------------------------------------------------------------------- */

/* The folder that has a special use, as the tests have set it: "special_use/\Junk". */
static struct span special_use(const struct tester *tester, const struct sieve_question *question)
{
	static const char prefix[] = "special_use/";
	const size_t n = sizeof(prefix) - 1;

	for (const struct pair *pair = tester->configured; pair != NULL; pair = pair->next) {
		if (pair->name.n - n == question->name.n && memcmp(pair->name.p, prefix, n) == 0 &&
		    memcmp(pair->name.p + n, question->name.p, question->name.n) == 0 &&
		    (question->folder.n == 0 || span_equals(question->folder, pair->value))) {
			return pair->value;
		}
	}
	return (struct span){ NULL, 0 };
}

static bool is_marked(const struct tester *tester, struct span id)
{
	const struct pair *mark = tester->marks;

	while (mark != NULL && !span_equals(mark->name, id)) {
		mark = mark->next;
	}
	return mark != NULL;
}

int scripts_step(struct tester *tester, struct sieve_run *run, struct sieve_question *question)
{
	const char *reason;

	for (;;) {
		int need = sieve_step(run, question);
		uint64_t offset = question->offset;

		if (need < 0) {
			tester_check(tester, NULL);
		}
		switch (need) {
		case SIEVE_NEED_BODY:
			offset = offset < tester->body.n ? offset : tester->body.n;
			sieve_give_body(
			    run, (struct span){ tester->body.p + offset, tester->body.n - offset });
			break;
		case SIEVE_NEED_MAILBOX:
			sieve_answer(
			    run, world_folder(tester, question->name, false, &reason) != NULL);
			break;
		case SIEVE_NEED_SPECIAL_USE:
			sieve_answer_name(run, special_use(tester, question));
			break;
		case SIEVE_NEED_SEEN:
		case SIEVE_NEED_ANSWERED:
			sieve_answer(run, is_marked(tester, question->name));
			break;
		default:
			return need;
		}
	}
}

bool scripts_run(struct tester *tester, const struct sieve_script *chain, size_t n_chain,
    bool appends, const struct sieve_plan **plan_r)
{
	struct sieve_run *run = sieve_run_new(tester->facts, chain, n_chain);
	struct sieve_question question = { 0 };
	int need;

	tester_check(tester, run);
	own(tester)->run = run;
	if (appends) {
		tester_check(
		    tester, sieve_run_set_plan(run, sieve_run_plan(tester->run)) == 0 ? run : NULL);
	}
	/* A script that uses the test language itself can say test_fail, and ends there. */
	while ((need = scripts_step(tester, run, &question)) == SIEVE_NEED_HOST) {
		if (question.node->word->kind == WORD_COMMAND &&
		    strcmp(question.node->word->name, "test_fail") == 0) {
			break;
		}
		sieve_answer(run, false);
	}
	*plan_r = sieve_run_plan(run);
	scripts_add_notes(tester, *plan_r);
	return need == SIEVE_DONE && !(*plan_r)->has_failed;
}
