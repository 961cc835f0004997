/* SPDX-License-Identifier: MIT
 * Log lines are built in the caller's buffer and leave whole. */
#include "runtime/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/log_output.h"

static bool has_priorities;

/* A ring: the next one goes where the oldest is. */
static struct {
	pthread_mutex_t mutex;
	struct log_problem problems[LOG_PROBLEMS_MAX];
	uint64_t n_errors, n_warnings;
} kept = { .mutex = PTHREAD_MUTEX_INITIALIZER };

void log_init(void)
{
	const char *stream = getenv("JOURNAL_STREAM"); /* "device:inode", systemd.exec(5) */
	struct stat status;
	char mine[64];

	/* Children inherit the variable; only who still writes to that stream is read by the journal. */
	if (stream != NULL && fstat(STDERR_FILENO, &status) == 0) {
		snprintf(mine, sizeof(mine), "%ju:%ju", (uintmax_t)status.st_dev,
		    (uintmax_t)status.st_ino);
		has_priorities = strcmp(mine, stream) == 0;
	}
}

/* Leaves room for the line's end. */
static void put(struct log_line *line, const char *s, size_t n)
{
	size_t room = sizeof(line->text) - 1 - line->n;

	n = n < room ? n : room;
	memcpy(line->text + line->n, s, n);
	line->n += n;
}

static void put_escaped(struct log_line *line, const char *value)
{
	for (const char *p = value; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;
		char hex[5];

		if (c == '"' || c == '\\') {
			put(line, "\\", 1);
			put(line, p, 1);
		} else if (c < 0x20 || c >= 0x7f) {
			snprintf(hex, sizeof(hex), "\\x%02x", c);
			put(line, hex, 4);
		} else {
			put(line, p, 1);
		}
	}
}

static bool is_bare(const char *value)
{
	for (const char *p = value; *p != '\0'; p++) {
		unsigned char c = (unsigned char)*p;

		if (c <= ' ' || c >= 0x7f || c == '"' || c == '\\') {
			return false;
		}
	}
	return true;
}

static void put_key(struct log_line *line, const char *key)
{
	put(line, " ", 1);
	put(line, key, strlen(key));
	put(line, "=", 1);
}

void log_begin(struct log_line *line, enum log_level level, const char *event)
{
	char start[80];

	line->n = line->n_priority = 0;
	line->level = level;
	line->is_routine = false;
	if (has_priorities) {
		line->n_priority = (size_t)snprintf(start, sizeof(start), "<%d>", (int)level);
		put(line, start, line->n_priority);
	}
	snprintf(start, sizeof(start), "event=%s", event);
	put(line, start, strlen(start));
	if (level < LOG_LEVEL_INFO) {
		log_text(line, "level", level == LOG_LEVEL_ERROR ? "error" : "warning");
	}
}

void log_quoted(struct log_line *line, const char *key, const char *value)
{
	put_key(line, key);
	put(line, "\"", 1);
	put_escaped(line, value);
	put(line, "\"", 1);
}

void log_text(struct log_line *line, const char *key, const char *value)
{
	if (!is_bare(value)) {
		log_quoted(line, key, value);
		return;
	}
	put_key(line, key);
	put(line, value, strlen(value));
}

void log_address(struct log_line *line, const char *key, const char *address)
{
	bool is_quoted = !is_bare(address);

	put_key(line, key);
	put(line, is_quoted ? "\"<" : "<", is_quoted ? 2 : 1);
	put_escaped(line, address);
	put(line, is_quoted ? ">\"" : ">", is_quoted ? 2 : 1);
}

void log_number(struct log_line *line, const char *key, uint64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%" PRIu64, number);
	log_text(line, key, digits);
}

static void keep(const struct log_line *line)
{
	size_t n = line->n - line->n_priority;
	struct log_problem *problem;

	pthread_mutex_lock(&kept.mutex);
	problem = &kept.problems[(kept.n_errors + kept.n_warnings) % LOG_PROBLEMS_MAX];
	problem->time = time(NULL);
	problem->level = line->level;
	n = n < sizeof(problem->text) ? n : sizeof(problem->text) - 1;
	memcpy(problem->text, line->text + line->n_priority, n);
	problem->text[n] = '\0';
	if (line->level == LOG_LEVEL_ERROR) {
		kept.n_errors++;
	} else {
		kept.n_warnings++;
	}
	pthread_mutex_unlock(&kept.mutex);
}

size_t log_problems(struct log_problem *problems, uint64_t *n_errors_r, uint64_t *n_warnings_r)
{
	uint64_t n_all;
	size_t n;

	pthread_mutex_lock(&kept.mutex);
	n_all = kept.n_errors + kept.n_warnings;
	n = n_all < LOG_PROBLEMS_MAX ? (size_t)n_all : LOG_PROBLEMS_MAX;
	for (size_t i = 0; i < n; i++) {
		problems[i] = kept.problems[(n_all - 1 - i) % LOG_PROBLEMS_MAX];
	}
	*n_errors_r = kept.n_errors;
	*n_warnings_r = kept.n_warnings;
	pthread_mutex_unlock(&kept.mutex);
	return n;
}

void log_end(struct log_line *line)
{
	uint64_t n_lost;

	if (line->level < LOG_LEVEL_INFO && !line->is_routine) {
		keep(line);
	}
	line->text[line->n++] = '\n';
	n_lost = log_output(line->text, line->n);
	if (n_lost > 0) {
		log_event(LOG_LEVEL_WARNING, "log",
		    "%" PRIu64 " lines were lost: whoever reads the log did not keep up", n_lost);
	}
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
	struct log_line line;
	char reason[2048];
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	log_begin(&line, level, event);
	log_quoted(&line, "reason", reason);
	log_end(&line);
}
