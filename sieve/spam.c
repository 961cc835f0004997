/* SPDX-License-Identifier: MIT
 * The tests spamtest and virustest (RFC 5235): what a filter has written into a header, on a scale of their own. */
#include <string.h>

#include "match/regex.h"
#include "sieve/compare.h"

static const struct tag percent_tags[] = {
	{ ":percent", SLOT_PERCENT, .extension = EXTENSION_SPAMTESTPLUS },
	{ NULL },
};

/* A score in thousandths, as far as a decimal can be read at the start of a text. False: none can. */
static bool read_score(struct span text, int64_t *score_r)
{
	enum {
		SCORE_MAX = 1000000000
	};
	int64_t score = 0, scale = 1000;
	size_t i = 0;
	bool is_negative = false, is_fraction = false, has_digits = false;

	while (i < text.n && (text.p[i] == ' ' || text.p[i] == '\t')) {
		i++;
	}
	if (i < text.n && (text.p[i] == '-' || text.p[i] == '+')) {
		is_negative = text.p[i++] == '-';
	}
	for (; i < text.n; i++) {
		char c = text.p[i];

		if (c == '.' && !is_fraction) {
			is_fraction = true;
		} else if (!text_is_digit(c)) {
			break;
		} else if (is_fraction) {
			has_digits = true;
			scale /= 10;
			score += (c - '0') * scale;
		} else {
			has_digits = true;
			score = score < SCORE_MAX ? score * 10 + (c - '0') * INT64_C(1000) : score;
		}
	}
	*score_r = is_negative ? -score : score;
	return has_digits;
}

/* Of NAME or NAME:REGEX. text_r->p is NULL: there is no regular expression. */
static void split_header(const char *setting, struct span *name_r, struct span *text_r)
{
	size_t n = strcspn(setting, ":");

	*name_r = (struct span){ setting, n };
	*text_r =
	    setting[n] == ':' ? span_trim(span_of(setting + n + 1)) : (struct span){ NULL, 0 };
}

int sieve_score_check_header(const char *header, struct error *error)
{
	const struct regex *regex;
	const char *why = "there is none";
	struct span name, text;
	struct arena arena;
	int result = 0;

	split_header(header, &name, &text);
	if (header[0] != '\0' && !field_name_is_valid(name)) {
		return error_set(error,
		    "\"%s\": needs the name of a header field, and behind a colon may follow a "
		    "regular expression",
		    header);
	}
	if (text.p != NULL) {
		arena_init(&arena, RUN_SCRATCH_MAX);
		result = text.n == 0 ? 1 : regex_compile(&arena, text, true, &regex, &why);
		arena_deinit(&arena);
	}
	return result == 0 ? 0
			   : error_set(error, "\"%s\": no regular expression: %s", header,
				 result < 0 ? "out of memory" : why);
}

/* What a header that is named as NAME or NAME:REGEX holds: all of it, or the regular expression's first group.
 * ANSWER_NO: it is not there, or does not match. */
static enum answer read_header(
    struct sieve_run *run, const struct node *node, const char *setting, struct span *value_r)
{
	const struct regex *regex;
	struct captures captures;
	const char *error;
	struct span name, text;

	split_header(setting, &name, &text);
	*value_r = run_field(run, name, field_value);
	if (value_r->p == NULL || text.p == NULL) {
		return value_r->p != NULL ? ANSWER_YES : ANSWER_NO;
	}
	if (regex_compile(&run->scratch, text, true, &regex, &error) != 0) {
		return run_fail(run, node,
		    "the server's setting for %.*s holds no regular expression", SPAN(name));
	}
	switch (regex_search(regex, *value_r, &run->scratch, &run->fuel, &captures)) {
	case MATCH_YES:
		*value_r = captures.n > 1 ? captures.list[1] : captures.list[0];
		return ANSWER_YES;
	case MATCH_NO:
		return ANSWER_NO;
	default:
		return run_exhausted(run, node);
	}
}

/* How much of the scale it is, in thousandths: 0 to 1000. ANSWER_NO: it was not tested. */
static enum answer find_ratio(struct sieve_run *run, const struct node *node,
    const struct sieve_score *score, int64_t *ratio_r)
{
	struct span value, limit = span_of(score->max);
	int64_t status = 0, max = 0;
	enum answer answer;

	if (score->header == NULL || score->header[0] == '\0') {
		return ANSWER_NO;
	}
	answer = read_header(run, node, score->header, &value);
	if (answer != ANSWER_YES) {
		return answer;
	}
	if (score->type == SIEVE_SCORE_TEXT) {
		for (int i = 0; i <= 10; i++) {
			const char *text = score->texts[i];

			if (text != NULL && span_equals(span_of(text), value)) {
				*ratio_r = i;
				return ANSWER_YES;
			}
		}
		return ANSWER_NO;
	}
	if (limit.n == 0 && score->max_header != NULL && score->max_header[0] != '\0') {
		answer = read_header(run, node, score->max_header, &limit);
		if (answer != ANSWER_YES) {
			return answer;
		}
	}
	if (!read_score(limit, &max) || max <= 0) {
		return ANSWER_NO;
	}
	if (score->type == SIEVE_SCORE_LENGTH) {
		status = (int64_t)value.n * 1000;
	} else if (!read_score(value, &status)) {
		return ANSWER_NO;
	}
	status = status < 0 ? 0 : status > max ? max : status;
	*ratio_r = status * 1000 / max;
	return ANSWER_YES;
}

/* RFC 5235 2.1: 0 is untested, spam goes from 1 to 10, viruses from 1 to 5, percent from 0 to 100. */
static unsigned scale_of(
    const struct sieve_score *score, int64_t ratio, unsigned steps, bool is_percent)
{
	if (score->type == SIEVE_SCORE_TEXT) {
		return (unsigned)ratio * (is_percent ? 10 : 1);
	}
	return is_percent ? (unsigned)(ratio / 10) : (unsigned)(ratio * (steps - 1) / 1000 + 1);
}

static enum answer run_score(
    struct sieve_run *run, const struct node *node, const struct sieve_score *score, unsigned steps)
{
	int64_t ratio;
	unsigned value = 0;
	char text[TEXT_NUMBER_MAX] = "";
	enum answer answer = find_ratio(run, node, score, &ratio);

	if (answer == ANSWER_BROKEN) {
		return answer;
	}
	if (answer == ANSWER_YES) {
		value = scale_of(score, ratio, steps, node_argument(node, SLOT_PERCENT) != NULL);
	}
	return compare_one(run, node, (struct span){ text, text_write(text, value, 1) });
}

static enum answer run_spamtest(struct sieve_run *run, const struct node *node)
{
	return run_score(run, node, &run->settings->spam, 10);
}

static enum answer run_virustest(struct sieve_run *run, const struct node *node)
{
	return run_score(run, node, &run->settings->virus, 5);
}

const struct word words_spam[] = {
	{ "spamtest", WORD_TEST, EXTENSION_SPAMTEST, .tags = { compare_tags, percent_tags },
	    .parameters = { TYPE_STRING }, .check = compare_check, .run = run_spamtest },
	{ "virustest", WORD_TEST, EXTENSION_VIRUSTEST, .tags = { compare_tags },
	    .parameters = { TYPE_STRING }, .check = compare_check, .run = run_virustest },
	{ NULL },
};
