/* SPDX-License-Identifier: MIT
 * Sizes stand there as bytes, so that they can be compared with what other programs say. */
#include "doctor/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "doctor/report_private.h"

/* 0 is no limit. */
static void put_limit(struct json *json, const char *name, uint64_t limit)
{
	if (limit == 0) {
		json_text(json, name, NULL);
	} else {
		json_number(json, name, limit);
	}
}

/* The members of an object that is open. */
static void put_quota(struct json *json, const struct report_quota *quota)
{
	bool is_counted = quota->why.text[0] == '\0';

	if (is_counted) {
		json_number(json, "bytes", quota->used.bytes);
		json_number(json, "messages", quota->used.messages);
	} else {
		json_text(json, "bytes", NULL);
		json_text(json, "messages", NULL);
	}
	put_limit(json, "bytes_limit", quota->limit.bytes);
	put_limit(json, "messages_limit", quota->limit.messages);
	if (is_counted && quota_is_limited(&quota->limit)) {
		json_number(json, "percent", quota_percent(&quota->limit, &quota->used));
	} else {
		json_text(json, "percent", NULL);
	}
	json_text(json, "count", quota->count);
	json_number(json, "unsized", quota->n_unsized);
	if (quota->has_file && quota->is_file_usable) {
		json_open(json, "maildirsize", JSON_OBJECT);
		json_number(json, "bytes", quota->file.bytes);
		json_number(json, "messages", quota->file.messages);
		json_number(json, "differs", !quota->is_file_right);
		json_close(json);
	} else {
		json_text(json, "maildirsize", NULL);
	}
	json_text(json, "note", quota->doubt);
	json_text(json, "why", is_counted ? NULL : quota->why.text);
}

void report_put_quota(struct json *json, const struct report_quota *quota)
{
	if (quota == NULL) {
		json_text(json, "quota", NULL);
		return;
	}
	json_open(json, "quota", JSON_OBJECT);
	put_quota(json, quota);
	json_close(json);
}

/* How it was counted, or why it was not, and what else is to be known. */
static void print_counted(const struct report_quota *quota)
{
	if (quota->why.text[0] != '\0') {
		report_print("not counted: ", quota->why.text, "");
	} else {
		fputs(quota->count, stdout);
	}
	if (quota->n_unsized > 0) {
		printf(", %" PRIu64 " message%s without a size in the name", quota->n_unsized,
		    report_plural(quota->n_unsized));
	}
	if (quota->has_file && quota->is_file_usable) {
		printf(", maildirsize says %" PRIu64 " bytes, %" PRIu64 " messages (%s)",
		    quota->file.bytes, quota->file.messages,
		    quota->is_file_right ? "right" : "differs");
	} else if (quota->has_file) {
		printf(", maildirsize says nothing");
	}
	if (quota->doubt != NULL) {
		report_print("; ", quota->doubt, "");
	}
	putchar('\n');
}

static void print_amount(uint64_t used, uint64_t limit, const char *unit)
{
	printf("%" PRIu64, used);
	if (limit > 0) {
		printf(" of %" PRIu64, limit);
	}
	fputs(unit, stdout);
}

void report_print_quota(const struct report_quota *quota)
{
	fputs("  quota    ", stdout);
	if (quota->why.text[0] == '\0') {
		print_amount(quota->used.bytes, quota->limit.bytes, " bytes, ");
		print_amount(quota->used.messages, quota->limit.messages, " messages, ");
		printf("%u%%; ", quota_percent(&quota->limit, &quota->used));
	}
	print_counted(quota);
}

enum {
	MAILBOX_WIDTH = 32,
};

static void print_titles(struct report *report)
{
	if (!report->has_titles) {
		printf("%-*s %15s %15s %9s %9s %5s  counted\n", MAILBOX_WIDTH, "mailbox", "bytes",
		    "limit", "messages", "limit", "full");
	}
	report->has_titles = true;
}

/* A column of numbers; "-" where there is none. */
static void print_number(bool is_there, uint64_t number, int width)
{
	if (is_there) {
		printf(" %*" PRIu64, width, number);
	} else {
		printf(" %*s", width, "-");
	}
}

void report_quota(struct report *report, const char *mailbox, const struct report_quota *quota)
{
	bool is_counted = quota->why.text[0] == '\0';
	int n = 0;

	if (report->is_json) {
		json_open(&report->json, NULL, JSON_OBJECT);
		json_text(&report->json, "mailbox", mailbox);
		put_quota(&report->json, quota);
		json_close(&report->json);
		return;
	}
	print_titles(report);
	report_print("", mailbox, "");
	for (const char *p = mailbox; *p != '\0'; p++) {
		n += ((unsigned char)*p & 0xc0) != 0x80; /* characters of UTF-8 */
	}
	printf("%*s", n < MAILBOX_WIDTH ? MAILBOX_WIDTH - n : 0, "");
	print_number(is_counted, quota->used.bytes, 15);
	print_number(quota->limit.bytes > 0, quota->limit.bytes, 15);
	print_number(is_counted, quota->used.messages, 9);
	print_number(quota->limit.messages > 0, quota->limit.messages, 9);
	if (is_counted && quota_is_limited(&quota->limit)) {
		printf(" %4u%%  ", quota_percent(&quota->limit, &quota->used));
	} else {
		printf(" %5s  ", "-");
	}
	print_counted(quota);
}

void report_quotas_end(struct report *report, const struct report_quotas *totals, int exit_code)
{
	if (report->is_json) {
		json_close(&report->json);
		if (totals != NULL) {
			json_number(&report->json, "rows", totals->n_rows);
			json_number(&report->json, "bad_rows", totals->n_bad);
		}
		report_end_json(report, exit_code);
		return;
	}
	if (totals == NULL) {
		return;
	}
	printf("%zu mailbox%s, %zu without a limit", totals->n_rows,
	    totals->n_rows == 1 ? "" : "es", totals->n_unlimited);
	if (totals->n_unread > 0) {
		printf(", %zu not counted", totals->n_unread);
	}
	if (totals->n_bad > 0) {
		printf(
		    "; %zu row%s can be no mailbox", totals->n_bad, report_plural(totals->n_bad));
	}
	putchar('\n');
}
