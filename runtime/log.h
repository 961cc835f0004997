/* SPDX-License-Identifier: MIT
 * The log: one event, one line on stderr, key=value. Values that come from outside are quoted and
 * escaped, so that no sender can write a line or a field of his own. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* Priorities of syslog(3), which systemd reads from "<n>" in front of a line, sd-daemon(3). */
enum log_level {
	LOG_LEVEL_ERROR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_INFO = 6,
};

enum {
	LOG_LINE_MAX = 4096
}; /* longer lines are cut; up to here a write to a pipe is atomic */

struct log_line {
	size_t n;
	size_t n_priority; /* in front, for the journal */
	enum log_level level;
	bool is_routine; /* the caller's to set: whatever its level, no problem of ours */
	char text[LOG_LINE_MAX];
};

enum {
	LOG_PROBLEMS_MAX = 10,
	LOG_PROBLEM_SIZE = 512, /* longer ones are cut */
};

/* A warning or an error, as it was logged. */
struct log_problem {
	time_t time;
	enum log_level level;
	char text[LOG_PROBLEM_SIZE];
};

/* Once, before the first line: priorities are written when stderr leads to the journal. */
void log_init(void);

/* A line is begun, given its fields and ended, which writes it. */
void log_begin(struct log_line *line, enum log_level level, const char *event);
void log_text(struct log_line *line, const char *key, const char *value);
void log_quoted(struct log_line *line, const char *key, const char *value); /* always in quotes */
void log_address(struct log_line *line, const char *key, const char *address); /* key=<address> */
void log_number(struct log_line *line, const char *key, uint64_t number);
void log_end(struct log_line *line);

/* The latest warnings and errors, the latest first, in problems[LOG_PROBLEMS_MAX], and how many there
 * have been. Returns how many are there. */
size_t log_problems(struct log_problem *problems, uint64_t *n_errors_r, uint64_t *n_warnings_r);

/* event= and reason=, in one call. */
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
