/* SPDX-License-Identifier: MIT
 * The test body (RFC 5173). Nothing of the body is held: all keys are looked for at once while it goes by, so it sets no match
 * values. */
#include "sieve/compare.h"
#include "sieve/content.h"

enum body_transform {
	BODY_TEXT = 0,
	BODY_RAW,
	BODY_CONTENT,
};

static const struct tag body_tags[] = {
	{ ":text", SLOT_TRANSFORM, .value = BODY_TEXT },
	{ ":raw", SLOT_TRANSFORM, .value = BODY_RAW },
	{ ":content", SLOT_TRANSFORM, TYPE_STRINGS, .value = BODY_CONTENT },
	{ NULL },
};

struct body {
	struct compare compare;
	struct matcher **matchers; /* one for each key */
	struct content *content;   /* that is being read; NULL: the next one is to be found */
	size_t part;               /* the next one */
	bool is_raw_read;
	struct span *types; /* of :content */
	size_t n_types;
};

/* RFC 5173 5.2: "" is every type, "text" every subtype of it; what has more than one slash is none. */
static bool is_type(struct span wanted, const struct mime_value *type)
{
	size_t n_slashes = 0;

	for (size_t i = 0; i < wanted.n; i++) {
		n_slashes += wanted.p[i] == '/';
	}
	if (n_slashes > 1) {
		return false;
	}
	return wanted.n == 0 || span_is_same(type->first, wanted) ||
	       span_is_same(type->type, wanted);
}

static bool is_wanted(
    const struct body *body, enum body_transform transform, const struct part *part)
{
	const struct span type = part->type.type;

	if (part->transfer == TRANSFER_UNKNOWN) {
		return false;
	}
	if (transform == BODY_TEXT) {
		return span_is(type, "text") || span_is(part->type.first, "application/xhtml+xml");
	}
	for (size_t i = 0; i < body->n_types; i++) {
		if (is_type(body->types[i], &part->type)) {
			return true;
		}
	}
	return false;
}

/* NULL: it has failed. */
static struct body *begin(struct sieve_run *run, const struct node *node)
{
	const struct argument *transform = node_argument(node, SLOT_TRANSFORM);
	struct body *body = run_alloc(run, sizeof(*body));

	if (body == NULL) {
		return NULL;
	}
	body->compare = compare_begin(run, node);
	body->compare.sets_values = false;
	body->matchers = run_alloc(run, body->compare.n_keys * sizeof(struct matcher *));
	body->n_types = transform != NULL ? transform->n_strings : 0;
	body->types = run_alloc(run, body->n_types * sizeof(*body->types));
	if (body->matchers == NULL || body->types == NULL) {
		return NULL;
	}
	for (size_t i = 0; i < body->n_types; i++) {
		body->types[i] = run_string(run, node, &transform->strings[i]);
	}
	for (size_t i = 0; !body->compare.counts && i < body->compare.n_keys; i++) {
		body->matchers[i] = matcher_new(&body->compare.keys[i], &run->scratch, &run->fuel);
	}
	run->paused = body;
	return run_has_failed(run) ? NULL : body;
}

/* Finds what is to be read next. ANSWER_NO: that was all. */
static enum answer next_content(struct sieve_run *run, const struct node *node, struct body *body)
{
	const struct argument *argument = node_argument(node, SLOT_TRANSFORM);
	enum body_transform transform =
	    argument != NULL ? (enum body_transform)argument->value : BODY_TEXT;
	const struct part *part = NULL;
	const struct parts *parts;
	enum answer answer;

	if (transform == BODY_RAW) {
		/* A message that ends with its header has no body, not an empty one. */
		if (body->is_raw_read || run->fields->rest.n == 0) {
			return ANSWER_NO;
		}
		body->is_raw_read = true;
		body->content = content_new(run, NULL, CONTENT_RAW);
		return body->content != NULL ? ANSWER_YES : ANSWER_BROKEN;
	}
	answer = run_parts(run, node, &parts);
	if (answer != ANSWER_YES) {
		return answer;
	}
	while (part == NULL && body->part < parts->n) {
		if (is_wanted(body, transform, &parts->list[body->part])) {
			part = &parts->list[body->part];
		}
		body->part++;
	}
	if (part == NULL) {
		return ANSWER_NO;
	}
	body->content =
	    content_new(run, part, transform == BODY_TEXT ? CONTENT_TEXT : CONTENT_DECODED);
	return body->content != NULL ? ANSWER_YES : ANSWER_BROKEN;
}

/* Reads it to its end, or until a key matches. ANSWER_YES; _WAIT, _BROKEN. */
static enum answer read_content(struct body *body, const struct node *node, bool *is_found_r)
{
	size_t n = body->compare.counts ? 0 : body->compare.n_keys;
	enum match_outcome outcome = MATCH_NO;
	enum answer answer = ANSWER_YES;

	while (answer == ANSWER_YES && outcome == MATCH_NO && n > 0) {
		struct span piece;

		answer = content_next(body->content, node, &piece);
		for (size_t i = 0; answer == ANSWER_YES && outcome == MATCH_NO && i < n; i++) {
			outcome = matcher_feed(body->matchers[i], piece, false);
		}
	}
	if (answer == ANSWER_WAIT || answer == ANSWER_BROKEN) {
		return answer;
	}
	for (size_t i = 0; outcome == MATCH_NO && i < n; i++) {
		outcome = matcher_feed(body->matchers[i], span_of(""), true);
		matcher_restart(body->matchers[i]);
	}
	body->compare.n_values++;
	body->content = NULL;
	*is_found_r = outcome == MATCH_YES;
	return outcome == MATCH_EXHAUSTED ? ANSWER_BROKEN : ANSWER_YES;
}

static enum answer run_body_test(struct sieve_run *run, const struct node *node)
{
	struct body *body = run->paused != NULL ? run->paused : begin(run, node);
	bool is_found = false;

	while (body != NULL && !is_found) {
		enum answer answer = ANSWER_YES;

		if (body->content == NULL) {
			answer = next_content(run, node, body);
		}
		if (answer == ANSWER_NO) {
			break;
		}
		if (answer == ANSWER_YES) {
			answer = read_content(body, node, &is_found);
		}
		if (answer != ANSWER_YES) {
			return answer;
		}
	}
	return body != NULL ? compare_end(&body->compare, is_found) : ANSWER_BROKEN;
}

const struct word words_body[] = {
	{ "body", WORD_TEST, EXTENSION_BODY, .tags = { compare_tags, body_tags },
	    .parameters = { TYPE_STRINGS }, .check = compare_check, .run = run_body_test },
	{ NULL },
};
