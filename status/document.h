/* SPDX-License-Identifier: MIT
 * What a daemon tells of itself: a list of groups of values, said once and written in one of three
 * forms: text for people, one line of JSON, or Prometheus's exposition format, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Pure: bytes into a buffer.
 *
 * For someone who watches, text also tells what happened since he last looked. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/json.h"
#include "runtime/log.h"
#include "status/histogram.h"

enum document_form {
	DOCUMENT_TEXT,
	DOCUMENT_JSON,
	DOCUMENT_PROMETHEUS,
};

enum {
	DOCUMENT_MARKS_MAX = 64,     /* counters of a document that have a rate */
	DOCUMENT_HISTOGRAMS_MAX = 4, /* and histograms */
};

/* What a watcher saw last, in the order of the document. All zero: nothing. */
struct document_marks {
	uint64_t time; /* nanoseconds of any clock that does not go back */
	uint64_t counters[DOCUMENT_MARKS_MAX];
	struct histogram histograms[DOCUMENT_HISTOGRAMS_MAX];
};

struct document {
	enum document_form form;
	const char *prefix; /* of Prometheus's names: "lmtpd" */
	char *data;
	size_t n, cap;
	bool is_full; /* something did not fit */

	struct document_marks *marks; /* NULL: nobody watches */
	double seconds;               /* since the marks; 0: nothing to compare with */
	size_t n_counters, n_histograms;
	bool is_in_group;
	struct json json;
	size_t line; /* text: where the line begins */
	bool needs_comma;
	char metric[96]; /* Prometheus: the one that was described last */
};

/* A number. Those of one metric stand behind one another. */
struct document_value {
	const char *name;      /* in its group; NULL: only Prometheus is told */
	const char *metric;    /* Prometheus's name, without the prefix; NULL: it is not told */
	const char *labels;    /* Prometheus's, such as code="250"; NULL for none */
	const char *help;      /* Prometheus's; ASCII without backslashes */
	bool is_counter;       /* it only grows: it has a rate */
	bool is_size;          /* in bytes */
	bool is_left_out_at_0; /* of text */
};

/* Begins in buffer[0..cap). marks, or NULL, are brought up to date; @now is in their clock. */
void document_begin(struct document *document, enum document_form form, const char *prefix,
    char *buffer, size_t cap, struct document_marks *marks, uint64_t now);

/* Returns the length of the document, 0 if it did not fit. */
size_t document_end(struct document *document);

void document_group(struct document *document, const char *name);
void document_number(
    struct document *document, const struct document_value *value, uint64_t number);

/* The same for what needs no labels; it may grow and shrink, or only grow. */
void document_gauge(struct document *document, const char *name, const char *metric,
    const char *help, uint64_t number);
void document_counter(struct document *document, const char *name, const char *metric,
    const char *help, uint64_t number);

/* Percentiles for text and JSON, a histogram of seconds for Prometheus. */
void document_histogram(struct document *document, const char *metric, const char *help,
    const struct histogram *histogram);

/* Words and times; not for Prometheus. NULL and 0 stand for none: text leaves them out. */
void document_words(struct document *document, const char *name, const char *words);
void document_time(struct document *document, const char *name, time_t time);
void document_duration(struct document *document, const char *name, uint64_t seconds);

/* The group "problems", the latest first; not for Prometheus. */
void document_problems(
    struct document *document, const struct log_problem *problems, size_t n_problems);
