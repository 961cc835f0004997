/* SPDX-License-Identifier: MIT
 * Two ways to print the same facts. What comes from outside is escaped in both. */
#include "doctor/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/utf8.h"
#include "doctor/report_private.h"

static void put_json(void *data, const char *text, size_t n)
{
	fwrite(text, 1, n, data);
}

/* A terminal would obey control characters, those of ISO 8859 among them. */
void report_print(const char *before, const char *text, const char *behind)
{
	const unsigned char *p = (const unsigned char *)text;

	fputs(before, stdout);
	while (*p != '\0') {
		size_t n = utf8_length((const char *)p, strnlen((const char *)p, 4));

		if (n == 0 || *p < 0x20 || *p == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0)) {
			putchar('?');
			p += n == 0 ? 1 : n;
		} else {
			fwrite(p, 1, n, stdout);
			p += n;
		}
	}
	fputs(behind, stdout);
}

/* https://no-color.org, and terminals that can do nothing. */
static bool wants_colour(void)
{
	const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");

	return (no_colour == NULL || no_colour[0] == '\0') && terminal != NULL &&
	       terminal[0] != '\0' && strcmp(terminal, "dumb") != 0;
}

void report_begin(struct report *report, const char *name)
{
	report->json = (struct json){ .put = put_json, .data = stdout };
	report->is_terminal = !report->is_json && isatty(STDOUT_FILENO) == 1;
	report->has_colour = report->is_terminal && wants_colour();
	if (report->is_json) {
		json_open(&report->json, NULL, JSON_OBJECT);
		json_open(&report->json, name, JSON_ARRAY);
	}
}

const char *report_plural(uint64_t n)
{
	return n == 1 ? "" : "s";
}

void report_end_json(struct report *report, int exit_code)
{
	json_number(&report->json, "exit", (unsigned)exit_code);
	json_close(&report->json);
	putchar('\n');
}

void report_end(struct report *report, int exit_code)
{
	const unsigned *n = report->n_checks;

	if (report->is_json) {
		json_close(&report->json);
		report_end_json(report, exit_code);
	} else if (report->is_terminal && n[REPORT_OK] + n[REPORT_WARN] + n[REPORT_FAIL] > 0) {
		printf("%u ok, %u warning%s, %u failure%s\n", n[REPORT_OK], n[REPORT_WARN],
		    report_plural(n[REPORT_WARN]), n[REPORT_FAIL], report_plural(n[REPORT_FAIL]));
	}
}

/* The first failure names the exit code: what comes after it may follow from it. */
void report_check(struct report *report, enum report_status status, int exit_code, const char *what,
    const char *remedy, const char *format, va_list arguments)
{
	static const char *const words[] = { "ok", "warn", "FAIL" };
	static const char *const colours[] = { "32", "33", "1;31" };
	char detail[REPORT_TEXT_MAX];

	vsnprintf(detail, sizeof(detail), format, arguments);
	report->n_checks[status]++;
	if (status == REPORT_FAIL && report->exit_code == 0) {
		report->exit_code = exit_code;
	}
	if (report->on_check != NULL) {
		report->on_check(report->data, status, detail);
		return;
	}
	if (report->is_json) {
		json_open(&report->json, NULL, JSON_OBJECT);
		json_text(&report->json, "status", words[status]);
		json_text(&report->json, "what", what);
		json_text(&report->json, "detail", detail);
		json_text(&report->json, "remedy", remedy);
		json_close(&report->json);
		return;
	}
	if (report->has_colour) {
		printf("\033[%sm%-4s\033[0m  %s", colours[status], words[status], what);
	} else {
		printf("%-4s  %s", words[status], what);
	}
	report_print(": ", detail, "");
	if (remedy != NULL) {
		report_print("; remedy: ", remedy, "");
	}
	putchar('\n');
	/* The next one may take a while. */
	fflush(stdout);
}

const char *report_remedy(struct report *report, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(report->remedy, sizeof(report->remedy), format, arguments);
	va_end(arguments);
	return report->remedy;
}

void report_ok(struct report *report, const char *what, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report_check(report, REPORT_OK, 0, what, NULL, format, arguments);
	va_end(arguments);
}

void report_warn(
    struct report *report, const char *what, const char *remedy, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report_check(report, REPORT_WARN, 0, what, remedy, format, arguments);
	va_end(arguments);
}

void report_fail(struct report *report, int exit_code, const char *what, const char *remedy,
    const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report_check(report, REPORT_FAIL, exit_code, what, remedy, format, arguments);
	va_end(arguments);
}

void report_address(struct report *report, const char *address)
{
	if (report->is_json) {
		json_open(&report->json, NULL, JSON_OBJECT);
		json_text(&report->json, "address", address);
		return;
	}
	report_print("", address, "\n");
}

/* People see by the lines themselves what they are a list of. */
void report_list(struct report *report, const char *name)
{
	if (report->is_json) {
		json_open(&report->json, name, JSON_ARRAY);
	}
}

void report_list_end(struct report *report)
{
	if (report->is_json) {
		json_close(&report->json);
	}
}

void report_lookup(struct report *report, const char *table, const char *key, const char *found)
{
	if (report->is_json) {
		json_open(&report->json, NULL, JSON_OBJECT);
		json_text(&report->json, "table", table);
		json_text(&report->json, "key", key);
		json_text(&report->json, "found", found);
		json_close(&report->json);
		return;
	}
	printf("  %-8s ", table);
	report_print("", key, ": ");
	report_print("", found == NULL ? "no row" : found, "\n");
}

void report_mailbox(struct report *report, const char *mailbox, const char *path, const char *state,
    const struct report_quota *quota, const struct report_scripts *scripts)
{
	if (report->is_json) {
		json_open(&report->json, NULL, JSON_OBJECT);
		json_text(&report->json, "mailbox", mailbox);
		json_text(&report->json, "path", path);
		json_text(&report->json, "state", state);
		report_put_quota(&report->json, quota);
		if (scripts != NULL) {
			report_put_scripts(&report->json, scripts);
		}
		json_close(&report->json);
		return;
	}
	report_print("  delivers to ", path, "");
	report_print(" (", state, ")\n");
	if (quota != NULL) {
		report_print_quota(quota);
	}
	if (scripts != NULL) {
		report_print_scripts(scripts);
	}
}

void report_address_end(
    struct report *report, const char *reply, const char *megabyte, const char *note)
{
	if (report->is_json) {
		json_text(&report->json, "reply", reply);
		json_text(&report->json, "reply_to_1_mb", megabyte);
		json_text(&report->json, "note", note);
		json_close(&report->json);
		return;
	}
	if (note != NULL) {
		report_print("  note     ", note, "\n");
	}
	report_print("  reply    ", reply, "\n");
	if (megabyte != NULL) {
		report_print("  a message of 1 MB: ", megabyte, "\n");
	}
}

void report_absent(struct report *report, const char *mailbox, const char *path)
{
	if (report->is_json) {
		json_open(&report->json, NULL, JSON_OBJECT);
		json_text(&report->json, "mailbox", mailbox);
		json_text(&report->json, "path", path);
		json_close(&report->json);
		return;
	}
	report_print("no Maildir  ", mailbox, ": ");
	report_print("", path, " (made at the first delivery)\n");
}

void report_stray(struct report *report, const char *path, uint64_t n_messages, time_t changed)
{
	char date[48] = "";
	struct tm tm;
	bool is_known = changed != 0 && gmtime_r(&changed, &tm) != NULL &&
			strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm) != 0;

	if (report->is_json) {
		json_open(&report->json, NULL, JSON_OBJECT);
		json_text(&report->json, "path", path);
		json_number(&report->json, "messages", n_messages);
		json_text(&report->json, "changed", is_known ? date : NULL);
		json_close(&report->json);
		return;
	}
	report_print("no row      ", path, "");
	printf(" (%" PRIu64 " message%s%s%s)\n", n_messages, report_plural(n_messages),
	    is_known ? ", last change " : "", date);
}

void report_unread(struct report *report, const char *path, const char *why)
{
	if (report->is_json) {
		json_open(&report->json, NULL, JSON_OBJECT);
		json_text(&report->json, "path", path);
		json_text(&report->json, "why", why);
		json_close(&report->json);
		return;
	}
	report_print("unread      ", path, "");
	report_print(": ", why, "\n");
}

void report_maildirs_end(struct report *report, const struct report_maildirs *totals, int exit_code)
{
	if (report->is_json) {
		json_close(&report->json);
		json_number(&report->json, "rows", totals->n_rows);
		json_number(&report->json, "bad_rows", totals->n_bad);
		report_end_json(report, exit_code);
		return;
	}
	printf("%zu mailbox%s, %zu without a Maildir; %zu Maildir%s without a row", totals->n_rows,
	    totals->n_rows == 1 ? "" : "es", totals->n_absent, totals->n_strays,
	    report_plural(totals->n_strays));
	if (totals->n_bad > 0) {
		printf(
		    "; %zu row%s can be no mailbox", totals->n_bad, report_plural(totals->n_bad));
	}
	if (totals->n_unread > 0) {
		printf("; %zu path%s could not be looked at", totals->n_unread,
		    report_plural(totals->n_unread));
	}
	putchar('\n');
}
