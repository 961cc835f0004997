/* SPDX-License-Identifier: MIT
 * The test duplicate (RFC 7352). It asks whether an id is remembered; that it is to be remembered is an action of the plan, which
 * is carried out when the message lies where it should. */
#include <errno.h>

#include "sieve/select.h"

enum {
	ID_IS_STRING = 0,
	ID_IS_HEADER,
};

static const struct tag duplicate_tags[] = {
	{ ":handle", SLOT_HANDLE, TYPE_STRING },
	{ ":header", SLOT_ID, TYPE_STRING, .value = ID_IS_HEADER },
	{ ":uniqueid", SLOT_ID, TYPE_STRING, .value = ID_IS_STRING },
	{ ":seconds", SLOT_PERIOD, TYPE_NUMBER },
	{ ":last", SLOT_LAST },
	{ NULL },
};

static void check_duplicate(struct compiler *compiler, struct node *node)
{
	const struct argument *id = node_argument(node, SLOT_ID);

	if (id != NULL && id->value == ID_IS_HEADER) {
		compile_field_name(compiler, id);
	}
}

/* What tells messages apart. ANSWER_NO: this one has nothing of it. */
static enum answer find_value(struct sieve_run *run, const struct node *node, struct span *value_r)
{
	const struct argument *id = node_argument(node, SLOT_ID);
	struct span name = { "Message-ID", 10 }, text;
	const struct field *field;

	if (id != NULL && id->value == ID_IS_STRING) {
		return run_text(run, node, SLOT_ID, value_r);
	}
	if (id != NULL) {
		run_text(run, node, SLOT_ID, &name);
	}
	field = fields_find(run->fields, name, 1, false);
	if (field == NULL) {
		return ANSWER_NO;
	}
	text = field_text(field, &run->scratch, &run->fuel);
	*value_r = id == NULL ? field_id(field, &run->scratch, &run->fuel) : text;
	/* What is no id as it should be tells messages apart, too. */
	*value_r = value_r->n > 0 ? *value_r : text;
	return id != NULL || text.n > 0 ? ANSWER_YES : ANSWER_NO;
}

/* The spaces of ids do not overlap: a handle is another than none, a string another than a header. */
static char *put(char *p, struct span bytes)
{
	for (size_t i = 0; i < bytes.n; i++) {
		*p++ = bytes.p[i];
	}
	return p;
}

/* With :last, which has ids of its own. False: no memory. */
static bool write_id(struct sieve_run *run, bool is_last, const struct span *handle,
    struct span value, struct span *id_r)
{
	char *p = run_alloc(run, (handle != NULL ? handle->n : 0) + value.n + 32), *end;

	if (p == NULL) {
		return false;
	}
	end = put(p, (struct span){ "sieve duplicate", 15 });
	*end++ = is_last ? '0' : '+';
	end = handle != NULL ? put(put(end, (struct span){ "h-", 2 }), *handle)
			     : put(end, (struct span){ "default", 7 });
	*id_r = (struct span){ p, (size_t)(put(end, value) - p) };
	return true;
}

static uint64_t find_seconds(const struct sieve_run *run, const struct node *node)
{
	const struct argument *period = node_argument(node, SLOT_PERIOD);
	uint64_t seconds = period != NULL ? period->number : run->settings->duplicate_default;

	return run->settings->duplicate_max > 0 && seconds > run->settings->duplicate_max
		   ? run->settings->duplicate_max
		   : seconds;
}

static enum answer run_duplicate(struct sieve_run *run, const struct node *node)
{
	struct sieve_action mark = { .kind = SIEVE_MARK,
		.seconds = find_seconds(run, node),
		.is_fresh = node_argument(node, SLOT_LAST) != NULL };
	struct span handle, value, other;
	enum answer answer = find_value(run, node, &value);
	const struct span *own, nothing = { "", 0 };

	if (answer != ANSWER_YES) {
		return answer;
	}
	own = run_text(run, node, SLOT_HANDLE, &handle) == ANSWER_YES ? &handle : NULL;
	if (!write_id(run, mark.is_fresh, own, value, &mark.id) ||
	    !write_id(run, false, own, value, &other)) {
		return run_exhausted(run, node);
	}
	answer = run_ask(run, node, SIEVE_NEED_SEEN, mark.id, nothing, NULL);
	if (answer == ANSWER_NO && mark.is_fresh) {
		/* A script that has begun to say :last knows what it has seen before. */
		answer = run_ask(run, node, SIEVE_NEED_SEEN, other, nothing, NULL);
	}
	if (answer == ANSWER_WAIT || answer == ANSWER_BROKEN) {
		return answer;
	}
	if (answer == ANSWER_NO || mark.is_fresh) {
		plan_add(run, node, &mark, PLAN_LEAVES_KEEP);
	}
	return answer;
}

const struct word words_duplicate[] = {
	{ "duplicate", WORD_TEST, EXTENSION_DUPLICATE, .tags = { duplicate_tags }, .sends = true,
	    .check = check_duplicate, .run = run_duplicate },
	{ NULL },
};
