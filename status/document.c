/* SPDX-License-Identifier: MIT
 * Three forms of the same values. Words are written as they are but for what is no printable ASCII:
 * nobody can forge a line, or move the cursor of a terminal. */
#include "status/document.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	WIDTH = 79,  /* of text; longer lines go on in the next */
	MARGIN = 13, /* of text: the group's name stands there */
	LE_FIRST = 6,
	LE_LAST = 25, /* powers of two of microseconds: 64 us to 34 s */
};

/* All bytes of a document pass here. What does not fit as a whole is left out as a whole. */
__attribute__((format(printf, 2, 3))) static void put(
    struct document *document, const char *format, ...)
{
	size_t room = document->cap - document->n;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(document->data + document->n, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room) {
		document->is_full = true;
		return;
	}
	document->n += (size_t)n;
}

static void put_json(void *data, const char *text, size_t n)
{
	put(data, "%.*s", (int)n, text);
}

/* Text. */
static void put_words(struct document *document, const char *words)
{
	for (const char *p = words; *p != '\0'; p++) {
		put(document, "%c", *p < 0x20 || *p >= 0x7f ? '?' : *p);
	}
}

void document_begin(struct document *document, enum document_form form, const char *prefix,
    char *buffer, size_t cap, struct document_marks *marks, uint64_t now)
{
	*document = (struct document){
		.form = form,
		.prefix = prefix,
		.data = buffer,
		.cap = cap,
		.marks = marks,
	};
	if (marks != NULL) {
		if (marks->time != 0 && now > marks->time) {
			document->seconds = (double)(now - marks->time) / 1e9;
		}
		marks->time = now;
	}
	if (form == DOCUMENT_JSON) {
		document->json =
		    (struct json){ .put = put_json, .data = document, .is_ascii = true };
		json_open(&document->json, NULL, JSON_OBJECT);
	}
}

static void end_group(struct document *document)
{
	if (document->is_in_group) {
		if (document->form == DOCUMENT_JSON) {
			json_close(&document->json);
		} else if (document->form == DOCUMENT_TEXT) {
			put(document, "\n");
		}
	}
	document->is_in_group = false;
}

size_t document_end(struct document *document)
{
	end_group(document);
	if (document->form == DOCUMENT_JSON) {
		json_close(&document->json);
		put(document, "\n");
	}
	return document->is_full ? 0 : document->n;
}

void document_group(struct document *document, const char *name)
{
	end_group(document);
	document->is_in_group = true;
	document->needs_comma = false;
	document->line = document->n;
	if (document->form == DOCUMENT_JSON) {
		json_open(&document->json, name, JSON_OBJECT);
	} else if (document->form == DOCUMENT_TEXT) {
		put(document, "%-*s", MARGIN - 1, name);
	}
}

/* Text: puts one entry behind the others of its group, or into a line of its own. */
static void put_entry(struct document *document, const char *name, const char *value)
{
	if (document->needs_comma) {
		put(document, ",");
	}
	if (document->needs_comma &&
	    document->n - document->line + strlen(name) + strlen(value) + 2 > WIDTH) {
		put(document, "\n%*s", MARGIN - 1, "");
		document->line = document->n - (MARGIN - 1);
	}
	document->needs_comma = true;
	put(document, " %s ", name);
	put_words(document, value);
}

/* With so many decimals; a size has a unit, and one decimal from 1 KiB on. */
static void print_number(
    char *out, size_t n, const struct document_value *value, double number, int n_decimals)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	unsigned unit = 0;

	if (!value->is_size) {
		snprintf(out, n, "%.*f", n_decimals, number);
		return;
	}
	for (; number >= 1024 && unit < 4; unit++) {
		number /= 1024;
	}
	snprintf(out, n, "%.*f %s", unit == 0 ? 0 : 1, number, units[unit]);
}

static void put_text_number(
    struct document *document, const struct document_value *value, uint64_t number)
{
	char shown[48], rate[48], both[100];
	size_t at = document->n_counters;

	print_number(shown, sizeof(shown), value, (double)number, 0);
	snprintf(both, sizeof(both), "%s", shown);
	if (value->is_counter && document->marks != NULL && at < DOCUMENT_MARKS_MAX) {
		if (document->seconds > 0) {
			print_number(rate, sizeof(rate), value,
			    (double)(number - document->marks->counters[at]) / document->seconds,
			    1);
			snprintf(both, sizeof(both), "%s (%s/s)", shown, rate);
		}
		document->marks->counters[at] = number;
		document->n_counters++;
	}
	if (number != 0 || !value->is_left_out_at_0) {
		put_entry(document, value->name, both);
	}
}

/* HELP and TYPE, once for each metric. */
static void describe(
    struct document *document, const char *metric, const char *help, const char *type)
{
	if (strcmp(document->metric, metric) != 0) {
		snprintf(document->metric, sizeof(document->metric), "%s", metric);
		put(document, "# HELP %s_%s %s\n# TYPE %s_%s %s\n", document->prefix, metric, help,
		    document->prefix, metric, type);
	}
}

void document_number(struct document *document, const struct document_value *value, uint64_t number)
{
	if (document->form == DOCUMENT_PROMETHEUS) {
		if (value->metric != NULL) {
			describe(document, value->metric, value->help,
			    value->is_counter ? "counter" : "gauge");
			put(document, "%s_%s%s%s%s %" PRIu64 "\n", document->prefix, value->metric,
			    value->labels == NULL ? "" : "{",
			    value->labels == NULL ? "" : value->labels,
			    value->labels == NULL ? "" : "}", number);
		}
	} else if (value->name == NULL) {
		return;
	} else if (document->form == DOCUMENT_JSON) {
		json_number(&document->json, value->name, number);
	} else {
		put_text_number(document, value, number);
	}
}

void document_gauge(struct document *document, const char *name, const char *metric,
    const char *help, uint64_t number)
{
	document_number(document,
	    &(struct document_value){ .name = name, .metric = metric, .help = help }, number);
}

void document_counter(struct document *document, const char *name, const char *metric,
    const char *help, uint64_t number)
{
	const struct document_value value = {
		.name = name, .metric = metric, .help = help, .is_counter = true
	};

	document_number(document, &value, number);
}

static void put_prometheus_histogram(struct document *document, const char *metric,
    const char *help, const struct histogram *histogram)
{
	describe(document, metric, help, "histogram");
	for (unsigned power = LE_FIRST; power <= LE_LAST; power++) {
		put(document, "%s_%s_bucket{le=\"%.6f\"} %" PRIu64 "\n", document->prefix, metric,
		    (double)(UINT64_C(1) << power) / 1e6, histogram_count_up_to(histogram, power));
	}
	put(document, "%s_%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", document->prefix, metric,
	    histogram->n);
	put(document, "%s_%s_sum %.9f\n%s_%s_count %" PRIu64 "\n", document->prefix, metric,
	    (double)histogram->sum / 1e9, document->prefix, metric, histogram->n);
}

static void put_seconds(struct document *document, const char *name, uint64_t microseconds)
{
	double ms = (double)microseconds / 1e3;
	char shown[48];

	if (document->form == DOCUMENT_JSON) {
		json_seconds(&document->json, name, microseconds);
		return;
	}
	snprintf(shown, sizeof(shown), ms < 10 ? "%.2f ms" : ms < 100 ? "%.1f ms" : "%.0f ms", ms);
	put_entry(document, name, shown);
}

void document_histogram(struct document *document, const char *metric, const char *help,
    const struct histogram *histogram)
{
	static const struct {
		const char *name;
		unsigned percent;
	} percentiles[] = { { "p50", 50 }, { "p95", 95 }, { "p99", 99 } };
	const struct histogram *shown = histogram;
	struct histogram recent;
	size_t at = document->n_histograms;

	if (document->form == DOCUMENT_PROMETHEUS) {
		put_prometheus_histogram(document, metric, help, histogram);
		return;
	}
	document_counter(document, "count", NULL, NULL, histogram->n);
	if (document->form == DOCUMENT_TEXT && document->marks != NULL &&
	    at < DOCUMENT_HISTOGRAMS_MAX) {
		if (document->seconds > 0) {
			histogram_difference(&recent, histogram, &document->marks->histograms[at]);
			shown = &recent;
		}
		document->marks->histograms[at] = *histogram;
		document->n_histograms++;
	}
	for (size_t i = 0; i < sizeof(percentiles) / sizeof(percentiles[0]); i++) {
		if (shown->n > 0 || document->form == DOCUMENT_JSON) {
			put_seconds(document, percentiles[i].name,
			    histogram_percentile(shown, percentiles[i].percent));
		}
	}
	if (histogram->n > 0 || document->form == DOCUMENT_JSON) {
		put_seconds(document, "max", histogram->max / 1000);
	}
}

void document_words(struct document *document, const char *name, const char *words)
{
	if (document->form == DOCUMENT_JSON) {
		json_text(&document->json, name, words);
	} else if (document->form == DOCUMENT_TEXT && words != NULL) {
		put_entry(document, name, words);
	}
}

/* In UTC, RFC 3339. */
static const char *print_time(char *out, size_t n, time_t time)
{
	struct tm tm;

	if (gmtime_r(&time, &tm) == NULL || strftime(out, n, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
		snprintf(out, n, "?");
	}
	return out;
}

void document_time(struct document *document, const char *name, time_t time)
{
	char shown[48];

	document_words(document, name, time == 0 ? NULL : print_time(shown, sizeof(shown), time));
}

void document_duration(struct document *document, const char *name, uint64_t seconds)
{
	char shown[64];

	if (document->form == DOCUMENT_JSON) {
		json_number(&document->json, name, seconds);
	} else if (document->form == DOCUMENT_TEXT) {
		snprintf(shown, sizeof(shown), "%" PRIu64 "d %02u:%02u:%02u", seconds / 86400,
		    (unsigned)(seconds / 3600 % 24), (unsigned)(seconds / 60 % 60),
		    (unsigned)(seconds % 60));
		put_entry(document, name, shown);
	}
}

static void put_problem(struct document *document, const struct log_problem *problem)
{
	const char *level = problem->level == LOG_LEVEL_ERROR ? "error" : "warning";
	char time[48];

	print_time(time, sizeof(time), problem->time);
	if (document->form == DOCUMENT_JSON) {
		json_open(&document->json, NULL, JSON_OBJECT);
		json_text(&document->json, "time", time);
		json_text(&document->json, "level", level);
		json_text(&document->json, "message", problem->text);
		json_close(&document->json);
	} else {
		put(document, "  %s ", time);
		put_words(document, problem->text);
		put(document, "\n");
	}
}

void document_problems(
    struct document *document, const struct log_problem *problems, size_t n_problems)
{
	if (document->form == DOCUMENT_PROMETHEUS) {
		return;
	}
	end_group(document);
	if (document->form == DOCUMENT_JSON) {
		json_open(&document->json, "problems", JSON_ARRAY);
	} else {
		put(document, "%-*s %s\n", MARGIN - 1, "problems",
		    n_problems == 0 ? "none" : "the latest first");
	}
	for (size_t i = 0; i < n_problems; i++) {
		put_problem(document, &problems[i]);
	}
	if (document->form == DOCUMENT_JSON) {
		json_close(&document->json);
	}
}
