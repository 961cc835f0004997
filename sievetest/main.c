/* SPDX-License-Identifier: MIT
 * lmtpd-sievetest: runs files of tests of the Sieve interpreter, and prints TAP. */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "sievetest/tester.h"
#include "version.h"

/* A case that is known to fail: "PATH: NAME: reason". */
struct expectation {
	struct expectation *next;
	bool was_met;
	const char *text;
};

struct report {
	struct arena arena; /* of the expectations */
	struct expectation *expectations;
	size_t n, n_failed;
};

enum {
	LIST_MAX = 8 << 20, /* bytes of expectations in memory */
};

/* What stands for a file that could not be run to its end. */
static const char whole_file[] = "(file)";

static void read_expectations(struct report *report, const char *path)
{
	struct expectation **end = &report->expectations;
	FILE *file = fopen(path, "re");
	char line[4096];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		const struct span text = { line, strcspn(line, "\n") };

		if (text.n == 0 || line[0] == '#') {
			continue;
		}
		*end = arena_alloc(&report->arena, sizeof(**end));
		if (*end == NULL || ((*end)->text = arena_copy(&report->arena, text).p) == NULL) {
			errx(2, "%s: it is too long", path);
		}
		end = &(*end)->next;
	}
	if (file == NULL || ferror(file)) {
		err(2, "%s", path);
	}
	fclose(file);
}

/* Is path that of the list, or below a directory that the list does not name? */
static bool is_path(const char *path, const char *listed, size_t n)
{
	size_t length = strlen(path);

	return length >= n && memcmp(path + length - n, listed, n) == 0 &&
	       (length == n || path[length - n - 1] == '/');
}

/* The reason why a case may fail; NULL: it may not. */
static const char *expected(struct report *report, const char *path, struct span name)
{
	struct expectation *expectation = report->expectations;

	for (; expectation != NULL; expectation = expectation->next) {
		const char *colon = strstr(expectation->text, ": ");

		if (colon != NULL && !expectation->was_met &&
		    is_path(path, expectation->text, (size_t)(colon - expectation->text)) &&
		    strncmp(colon + 2, name.p, name.n) == 0 &&
		    strncmp(colon + 2 + name.n, ": ", 2) == 0) {
			expectation->was_met = true;
			return colon + 2 + name.n + 2;
		}
	}
	return NULL;
}

/* One line; what TAP would take for a directive is not one. */
static void print_text(struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		putchar(text_is_control(text.p[i]) ? ' ' : text.p[i] == '#' ? '.' : text.p[i]);
	}
}

static void report_case(
    struct report *report, const char *path, struct span name, bool is_fine, struct span reason)
{
	const char *expectation = expected(report, path, name);

	printf("%sok %zu - %s: ", is_fine ? "" : "not ", ++report->n, path);
	print_text(name);
	if (expectation != NULL) {
		printf(" # TODO %s", expectation);
	}
	printf("\n");
	if (!is_fine) {
		printf("# ");
		print_text(reason);
		printf("\n");
	}
	if (is_fine == (expectation != NULL)) {
		report->n_failed++;
	}
}

static void run(struct report *report, const char *path, bool is_strict)
{
	struct tester tester;
	bool is_whole = tester_run(&tester, path, is_strict), is_told = is_whole;

	for (size_t i = 0; i < tester.n_cases; i++) {
		const struct test_case *one = &tester.cases[i];

		report_case(report, path, one->name, one->state == CASE_PASSED,
		    one->state == CASE_FAILED ? one->reason : span_of("it was not reached"));
		is_told = is_told || one->state == CASE_FAILED;
	}
	if (!is_told) {
		report_case(report, path, span_of(whole_file), false, tester.broken);
	}
	tester_free(&tester);
	fflush(stdout);
}

static void usage(FILE *to)
{
	fputs("usage: lmtpd-sievetest [--strict] [--expect FILE] FILE.svtest...\n", to);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "strict", no_argument, NULL, 's' },
		{ "expect", required_argument, NULL, 'e' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL },
	};
	struct report report = { 0 };
	bool is_strict = false;
	int option;

	arena_init(&report.arena, LIST_MAX);
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 's':
			is_strict = true;
			break;
		case 'e':
			read_expectations(&report, optarg);
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'v':
			puts("lmtpd-sievetest " LMTPD_VERSION);
			return 0;
		default:
			usage(stderr);
			return 64;
		}
	}
	if (optind == argc) {
		usage(stderr);
		return 64;
	}
	puts("TAP version 13");
	for (int i = optind; i < argc; i++) {
		run(&report, argv[i], is_strict);
	}
	printf("1..%zu\n", report.n);
	if (report.n_failed > 0) {
		printf("# %zu of %zu are not as they should be\n", report.n_failed, report.n);
	}
	arena_deinit(&report.arena);
	return report.n_failed > 0 ? 1 : 0;
}
