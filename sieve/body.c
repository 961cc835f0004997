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

static int check_body(struct compiler *compiler, struct node *node)
{
	return compare_check(compiler, node, SLOT_FIRST);
}

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

static enum answer begin(struct sieve_run *run, const struct node *node, struct body **body_r)
{
	const struct argument *transform = node_argument(node, SLOT_TRANSFORM);
	struct body *body = run_alloc(run, sizeof(*body));
	enum answer answer;

	*body_r = body;
	if (body == NULL) {
		return run_exhausted(run, node);
	}
	answer = compare_begin(run, node, SLOT_FIRST, &body->compare);
	if (answer != ANSWER_NO) {
		return answer;
	}
	body->compare.sets_values = false;
	body->matchers = run_alloc(run, body->compare.n_keys * sizeof(struct matcher *));
	body->n_types = transform != NULL ? transform->n_strings : 0;
	body->types = run_alloc(run, body->n_types * sizeof(*body->types));
	if (body->matchers == NULL || body->types == NULL) {
		return run_exhausted(run, node);
	}
	for (size_t i = 0; i < body->n_types; i++) {
		if (run_string(run, node, &transform->strings[i], &body->types[i]) ==
		    ANSWER_BROKEN) {
			return ANSWER_BROKEN;
		}
	}
	for (size_t i = 0; !body->compare.counts && i < body->compare.n_keys; i++) {
		body->matchers[i] = matcher_new(&body->compare.keys[i], &run->scratch, &run->fuel);
		if (body->matchers[i] == NULL) {
			return run_exhausted(run, node);
		}
	}
	run->paused = body;
	return ANSWER_NO;
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
		return body->content != NULL ? ANSWER_YES : run_exhausted(run, node);
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
	return body->content != NULL ? ANSWER_YES : run_exhausted(run, node);
}

/* What a matcher has said. */
static enum answer judge(struct sieve_run *run, const struct node *node, enum match_outcome outcome)
{
	switch (outcome) {
	case MATCH_NO:
		return ANSWER_NO;
	case MATCH_YES:
		return ANSWER_YES;
	default:
		return run_exhausted(run, node);
	}
}

/* Reads it to its end. ANSWER_YES: a key matches. */
static enum answer read_content(struct sieve_run *run, const struct node *node, struct body *body)
{
	size_t n = body->compare.counts ? 0 : body->compare.n_keys;
	enum answer answer = ANSWER_YES, found = ANSWER_NO;

	while (answer == ANSWER_YES && found == ANSWER_NO && n > 0) {
		struct span piece;

		answer = content_next(body->content, node, &piece);
		for (size_t i = 0; answer == ANSWER_YES && found == ANSWER_NO && i < n; i++) {
			found = judge(run, node, matcher_feed(body->matchers[i], piece));
		}
	}
	if (answer == ANSWER_WAIT || answer == ANSWER_BROKEN || found != ANSWER_NO) {
		return found != ANSWER_NO ? found : answer;
	}
	for (size_t i = 0; found == ANSWER_NO && i < n; i++) {
		found = judge(run, node, matcher_end(body->matchers[i]));
		matcher_restart(body->matchers[i]);
	}
	compare_count(&body->compare, 1);
	body->content = NULL;
	return found;
}

static enum answer run_body_test(struct sieve_run *run, const struct node *node)
{
	struct body *body = run->paused;
	enum answer answer = body == NULL ? begin(run, node, &body) : ANSWER_NO;

	while (answer == ANSWER_NO) {
		if (body->content == NULL) {
			answer = next_content(run, node, body);
			if (answer != ANSWER_YES) {
				break;
			}
		}
		answer = read_content(run, node, body);
	}
	return answer == ANSWER_WAIT ? answer : compare_end(&body->compare, answer);
}

const struct word words_body[] = {
	{ "body", WORD_TEST, EXTENSION_BODY, .tags = { compare_tags, body_tags },
	    .parameters = { TYPE_STRINGS }, .check = check_body, .run = run_body_test },
	{ NULL },
};
