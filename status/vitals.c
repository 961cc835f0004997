/* SPDX-License-Identifier: MIT
 * Names and words of the documents that both daemons share: a promise, see lmtpd(8). */
#include "status/vitals.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "version.h"

void vitals_begin(struct vitals *vitals)
{
	vitals->started = time(NULL);
	vitals->began = uv_hrtime();
}

void vitals_answered(struct vitals *vitals)
{
	vitals->has_asked = vitals->is_answering = true;
}

void vitals_unanswered(struct vitals *vitals, const char *why)
{
	vitals->has_asked = true;
	vitals->is_answering = false;
	vitals->n_errors++;
	vitals->last_error_time = time(NULL);
	snprintf(vitals->last_error, sizeof(vitals->last_error), "%s", why);
}

/* Bytes; 0 if the system does not tell. proc(5), statm: pages in all, then resident. */
static uint64_t resident_memory(void)
{
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	char text[128] = "";
	const char *blank;

	if (fd < 0) {
		return 0;
	}
	if (read(fd, text, sizeof(text) - 1) < 0) {
		text[0] = '\0';
	}
	close(fd);
	blank = strchr(text, ' ');
	return blank == NULL ? 0 : strtoull(blank, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

void vitals_write_process(const struct vitals *vitals, struct document *document,
    const char *program, const struct daemon *daemon)
{
	static const struct document_value pid = { .name = "pid" };
	static const struct document_value info = { .metric = "info",
		.labels = "version=\"" LMTPD_VERSION "\"",
		.help = "Always 1; the label has the version." };
	static const struct document_value started = { .metric = "start_time_seconds",
		.help = "When the process started, in seconds since 1970." };
	static const struct document_value ending = { .metric = "ending",
		.help = "1 while the process finishes what is under way before its end." };
	static const struct document_value memory = { .name = "memory",
		.metric = "resident_memory_bytes",
		.help = "Memory of the process that is resident.",
		.is_size = true };
	document_group(document, "process");
	document_words(document, "program", program);
	document_words(document, "version", LMTPD_VERSION);
	document_number(document, &pid, (uint64_t)getpid());
	document_words(document, "state", daemon->is_stopping ? "ending" : "serving");
	document_time(document, "started", vitals->started);
	document_duration(document, "uptime", (uv_hrtime() - vitals->began) / 1000000000);
	document_number(document, &info, 1);
	document_number(document, &started, (uint64_t)vitals->started);
	document_number(document, &ending, daemon->is_stopping);
	document_number(document, &memory, resident_memory());
}

void vitals_write_connections(
    struct document *document, const struct daemon *daemon, uint64_t n_accepted)
{
	static const struct document_value now = {
		.name = "now", .metric = "connections", .help = "Connections that are open."
	};
	static const struct document_value max = { .name = "max",
		.metric = "connections_max",
		.help = "Connections that may be open at a time; further clients wait." };
	static const struct document_value total = { .name = "total",
		.metric = "connections_total",
		.help = "Connections that were accepted.",
		.is_counter = true };

	document_group(document, "connections");
	document_number(document, &now, daemon->n_connections);
	document_number(document, &max, daemon->connections_max);
	document_number(document, &total, n_accepted);
}

void vitals_write_lane(struct document *document, struct lane *lane, const char *metric)
{
	struct lane_load load;
	char name[48];
	struct document_value value = { .metric = name };

	lane_get_load(lane, &load);
	value.name = "waiting";
	value.help = "Work that waits for a thread.";
	snprintf(name, sizeof(name), "%s_waiting", metric);
	document_number(document, &value, load.n_waiting);
	value.name = "busy";
	value.help = "Threads that work.";
	snprintf(name, sizeof(name), "%s_threads_busy", metric);
	document_number(document, &value, load.n_busy);
	value.name = "threads";
	value.help = "Threads that there are.";
	snprintf(name, sizeof(name), "%s_threads", metric);
	document_number(document, &value, load.n_threads);
}

void vitals_write_database(const struct vitals *vitals, struct document *document)
{
	static const struct document_value up = { .metric = "database_up",
		.help = "Has the database answered the last question?" };
	static const struct document_value errors = { .name = "errors",
		.metric = "database_errors_total",
		.help = "Look-ups that the database did not answer.",
		.is_counter = true };
	static const struct document_value last = { .metric = "database_last_error_time_seconds",
		.help = "When it last did not, in seconds since 1970; 0 if it always has." };

	document_group(document, "database");
	document_words(document, "state",
	    !vitals->has_asked     ? "not asked yet"
	    : vitals->is_answering ? "answers"
				   : "does not answer");
	document_number(document, &up, vitals->is_answering);
	document_number(document, &errors, vitals->n_errors);
	document_number(document, &last, (uint64_t)vitals->last_error_time);
	document_time(document, "last_error_time", vitals->last_error_time);
	document_words(document, "last_error", vitals->n_errors > 0 ? vitals->last_error : NULL);
}

void vitals_write_problems(struct document *document)
{
	static const struct document_value errors = { .metric = "log_problems_total",
		.labels = "level=\"error\"",
		.help = "Lines of the log that tell of a problem.",
		.is_counter = true };
	static const struct document_value warnings = { .metric = "log_problems_total",
		.labels = "level=\"warning\"",
		.help = "Lines of the log that tell of a problem.",
		.is_counter = true };
	struct log_problem problems[LOG_PROBLEMS_MAX];
	uint64_t n_errors, n_warnings;
	size_t n = log_problems(problems, &n_errors, &n_warnings);

	document_number(document, &errors, n_errors);
	document_number(document, &warnings, n_warnings);
	document_problems(document, problems, n);
}
