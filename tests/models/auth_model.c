/* SPDX-License-Identifier: MIT
 * A model of the protocol: small enough to be right, as exact as a client may expect. The one thing
 * that it leaves open is when a challenge without a response is forgotten. */
#include "tests/models/auth_model.h"

#include <stdlib.h>
#include <string.h>

#include "tests/models/auth_run.h"
#include "tests/fuzz/fuzz.h"
#include "tests/models/lines.h"

enum state {
	STATE_NONE,
	STATE_CHALLENGED, /* or forgotten meanwhile */
	STATE_OUT,
};

/* What a client may expect of one id. */
struct expected {
	uint32_t id;
	enum state state;
	struct dovecot_request *request; /* STATE_OUT */
};

struct model {
	struct expected *expected;
	size_t n;
	struct auth_run *run;
	size_t at; /* of the output: what was looked at */
};

static struct expected *find_expected(struct model *model, uint32_t id)
{
	for (size_t i = 0; i < model->n; i++) {
		if (model->expected[i].id == id) {
			return &model->expected[i];
		}
	}
	model->expected = realloc(model->expected, (model->n + 1) * sizeof(*model->expected));
	if (model->expected == NULL) {
		fuzz_end_broken("memory");
	}
	model->expected[model->n] = (struct expected){ .id = id };
	return &model->expected[model->n++];
}

/* The one line that was sent since the last call; LINE_NONE if there is none. */
static enum line_kind next_sent(struct model *model, uint32_t id)
{
	struct auth_run *run = model->run;
	struct auth_line line;
	enum line_kind kind;
	uint32_t id_sent;

	auth_read(run);
	if (model->at == run->output.n) {
		return LINE_NONE;
	}
	line = auth_next_line(run->output.p + model->at, run->output.n - model->at);
	fuzz_require(line.has_end, "lines are whole");
	kind = line_read(line.p, line.n - 1, &id_sent);
	fuzz_require(kind != LINE_NONE, "lines are of a known form");
	fuzz_require(id_sent == id, "an answer has the id of its request");
	model->at += line.n;
	fuzz_require(model->at == run->output.n, "one answer at a time");
	return kind;
}

/* Answers one login: exactly one line, unless it was cancelled, or the client has turned out to speak
 * another version: its connection is closed. */
static void model_answer(struct model *model, size_t i)
{
	struct dovecot_request *request = model->run->out[i];
	struct expected *expected = find_expected(model, request->id);
	bool is_expected =
	    expected->state == STATE_OUT && expected->request == request && !model->run->is_closed;
	enum line_kind wanted = auth_is_right(request) ? LINE_OK : LINE_FAIL;

	auth_answer(model->run, i);
	fuzz_require(next_sent(model, expected->id) == (is_expected ? wanted : LINE_NONE),
	    "a login has the one answer that it deserves");
	if (is_expected) {
		expected->state = STATE_NONE;
	}
}

static void model_answer_all(struct model *model)
{
	while (model->run->n_out > 0) {
		model_answer(
		    model, (model->run->flags & AUTH_REVERSED) != 0 ? model->run->n_out - 1 : 0);
	}
}

/* A line that moves a request on: a challenge, a login, or the end. */
static void model_move(struct model *model, struct expected *expected)
{
	struct auth_run *run = model->run;
	bool is_verify = run->n_steps > 0 && run->step.want == DOVECOT_VERIFY;
	enum line_kind sent;

	if (is_verify) {
		fuzz_require(run->step.request->id == expected->id, "a login has its request's id");
		expected->state = STATE_OUT;
		expected->request = run->step.request;
		fuzz_require(
		    next_sent(model, expected->id) == LINE_NONE, "no answer before its time");
		return;
	}
	sent = next_sent(model, expected->id);
	fuzz_require(sent == LINE_FAIL || sent == LINE_CONT, "every request is answered");
	fuzz_require(sent == LINE_CONT || run->n_steps == 0 || run->step.want == DOVECOT_REFUSED,
	    "a refusal is heard of");
	expected->state = sent == LINE_CONT ? STATE_CHALLENGED : STATE_NONE;
}

static void model_line(struct model *model, const char *verb, uint32_t id, bool is_long)
{
	struct expected *expected = find_expected(model, id);
	bool is_auth = strcmp(verb, "AUTH") == 0;

	if (strcmp(verb, "CANCEL") == 0) {
		expected->state = STATE_NONE;
	} else if (is_long) {
		fuzz_require(next_sent(model, id) == LINE_FAIL, "a long line fails");
		expected->state = STATE_NONE;
	} else if (is_auth && expected->state == STATE_OUT) {
		fuzz_require(next_sent(model, id) == LINE_FAIL, "an id that is out is refused");
	} else if (!is_auth && expected->state == STATE_NONE) {
		fuzz_require(next_sent(model, id) == LINE_FAIL, "an unknown id is refused");
		fuzz_require(model->run->n_steps == 0, "and nothing else");
	} else if (is_auth || expected->state == STATE_CHALLENGED) {
		model_move(model, expected);
	} else {
		fuzz_require(model->run->n_steps == 0, "what is being verified is left alone");
	}
	fuzz_require(next_sent(model, id) == LINE_NONE, "nothing more is sent");
}

/* The fields of a line that matter here. */
struct fields {
	const char *verb; /* of those that have an id; NULL: another one */
	uint32_t id;
	bool is_version, is_major_1;
};

static struct fields read_fields(struct auth_line line, bool is_long)
{
	static const char *const verbs[] = { "AUTH", "CONT", "CANCEL" };
	struct fields fields = { .verb = NULL };
	size_t n = is_long ? DOVECOT_LINE_MAX : line.n - 1, n_verb, n_id;
	const char *tab = memchr(line.p, '\t', n), *second;

	n_verb = tab == NULL ? n : (size_t)(tab - line.p);
	fields.is_version = n_verb == 7 && memcmp(line.p, "VERSION", 7) == 0;
	if (tab == NULL) {
		return fields;
	}
	n -= n_verb + 1;
	second = memchr(tab + 1, '\t', n);
	n_id = second == NULL ? n : (size_t)(second - tab - 1);
	fields.is_major_1 = n_id == 1 && tab[1] == '1';
	if (!line_read_id(tab + 1, n_id, &fields.id)) {
		return fields;
	}
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		bool needs_third = i == 0 || is_long;

		if (n_verb == strlen(verbs[i]) && memcmp(line.p, verbs[i], n_verb) == 0 &&
		    (second != NULL || !needs_third) && (i < 2 || !is_long)) {
			fields.verb = verbs[i];
		}
	}
	return fields;
}

/* is_eager: logins are answered behind the line. */
static void model_feed(struct model *model, struct auth_line line, bool is_eager)
{
	bool is_long = line.n > DOVECOT_LINE_MAX;
	struct auth_run *run = model->run;
	struct fields fields;

	if (run->n_out == DOVECOT_REQUESTS_MAX) {
		model_answer(model, 0); /* the machine would wait for one */
	}
	run->n_steps = 0;
	run->step.want = DOVECOT_INPUT;
	auth_feed(run, line.p, line.n);
	if (!line.has_end) {
		fuzz_require(run->n_steps == 0 && next_sent(model, 0) == LINE_NONE,
		    "half a line does nothing");
		return;
	}
	fields = read_fields(line, is_long);
	fuzz_require(run->n_steps <= 1, "a line does one thing");
	fuzz_require(run->is_closed == (fields.is_version && !fields.is_major_1 && !is_long),
	    "only another version ends it");
	if (fields.verb != NULL) {
		model_line(model, fields.verb, fields.id, is_long);
	} else {
		fuzz_require(
		    next_sent(model, 0) == LINE_NONE, "what asks for nothing has no answer");
	}
	if (is_eager || auth_line_is(line, "ANSWER\n")) {
		model_answer_all(model);
	}
	if (auth_line_is(line, "WAIT\n")) {
		run->now += AUTH_WAIT_MS;
	}
}

void auth_run_beside_model(unsigned char flags, const char *in, size_t n)
{
	struct auth_run run;
	struct model model = { .run = &run };

	/* The model itself gives the answers and reads the output. */
	auth_start(&run, flags & (AUTH_PLAIN | AUTH_LOGIN | AUTH_REVERSED));
	while (n > 0 && !run.is_closed) {
		struct auth_line line = auth_next_line(in, n);

		model_feed(&model, line, (flags & AUTH_AT_ONCE) != 0);
		in += line.n;
		n -= line.n;
	}
	model_answer_all(&model);
	free(model.expected);
	auth_end(&run);
}
