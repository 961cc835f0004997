/* SPDX-License-Identifier: MIT
 * The machine's edge under the fuzzer. */
#include "tests/models/auth_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

enum {
	OUTPUT_ROOM = 128 * 1024, /* of a client that does not read */
};

void auth_put(struct auth_bytes *bytes, const void *more, size_t n)
{
	if (bytes->p == NULL || bytes->n + n + 1 > bytes->cap) {
		bytes->cap = 2 * (bytes->n + n + 1);
		bytes->p = realloc(bytes->p, bytes->cap);
		if (bytes->p == NULL) {
			fuzz_end_broken("memory");
		}
	}
	memcpy(bytes->p + bytes->n, more, n);
	bytes->n += n;
}

void auth_read(struct auth_run *run)
{
	size_t n;
	const char *output = output_unsent(&run->protocol.output, &n);

	if (n > 0) {
		auth_put(&run->output, output, n);
		/* In two, since a socket may take only part of it. */
		output_sent(&run->protocol.output, n / 2);
		output_sent(&run->protocol.output, n - n / 2);
	}
}

void auth_start(struct auth_run *run, unsigned char flags)
{
	bool is_plain = (flags & AUTH_PLAIN) != 0, is_login = (flags & AUTH_LOGIN) != 0;

	*run = (struct auth_run){ .flags = flags, .now = 5000 };
	run->settings.mechanisms[SASL_PLAIN] = is_plain || !is_login;
	run->settings.mechanisms[SASL_LOGIN] = is_login || !is_plain;
	dovecot_init(&run->protocol, &run->settings);
	auth_read(run);
	run->output.n = 0; /* the handshake is no answer */
}

void auth_end(struct auth_run *run)
{
	dovecot_deinit(&run->protocol);
	free(run->output.p);
	free(run->events.p);
}

static void note(struct auth_run *run, const char *what, const struct dovecot_request *request)
{
	char id[16];

	snprintf(id, sizeof(id), " %u ", request->id);
	auth_put(&run->events, what, strlen(what));
	auth_put(&run->events, id, strlen(id));
	auth_put(&run->events, request->rip, strlen(request->rip));
	auth_put(&run->events, "\n", 1);
}

bool auth_is_right(const struct dovecot_request *request)
{
	return request->sasl.password[0] == 'r';
}

static void check_credentials(const struct dovecot_request *request)
{
	const struct sasl *sasl = &request->sasl;
	size_t n_user;

	if (sasl->user == NULL || sasl->password == NULL) {
		fuzz_end_broken("a login has user and password");
	}
	n_user = strlen(sasl->user);
	fuzz_require(n_user > 0 && n_user <= SASL_USER_MAX, "the user has a fit length");
	fuzz_require(strlen(sasl->password) <= SASL_PASSWORD_MAX, "the password has a fit length");
	fuzz_require(strlen(request->rip) <= DOVECOT_RIP_MAX, "the address has a fit length");
	fuzz_require(
	    strlen(request->service) <= DOVECOT_SERVICE_MAX, "the service has a fit length");
	for (size_t i = 0; i < n_user; i++) {
		unsigned char c = (unsigned char)sasl->user[i];

		fuzz_require(c >= 0x20 && c != 0x7f, "the user has no control bytes");
	}
}

void auth_answer(struct auth_run *run, size_t i)
{
	struct dovecot_request *request = run->out[i];

	run->n_out--;
	for (; i < run->n_out; i++) {
		run->out[i] = run->out[i + 1];
	}
	if (auth_is_right(request)) {
		char user[SASL_USER_MAX + 1];

		snprintf(user, sizeof(user), "%s", request->sasl.user);
		dovecot_ok(&run->protocol, request, user);
	} else {
		dovecot_fail(&run->protocol, request);
	}
}

static void on_step(struct auth_run *run, const struct dovecot_step *step)
{
	if (step->want != DOVECOT_INPUT && step->want != DOVECOT_FLUSH &&
	    step->want != DOVECOT_FULL) {
		run->step = *step;
		run->n_steps++;
	}
	switch (step->want) {
	case DOVECOT_NOTHING:
		fuzz_require(false, "the machine keeps that for itself");
		break;
	case DOVECOT_INPUT:
		break;
	case DOVECOT_FULL:
		fuzz_require(run->n_out == DOVECOT_REQUESTS_MAX, "it waits for one that is out");
		auth_answer(run, 0);
		break;
	case DOVECOT_VERIFY:
		check_credentials(step->request);
		for (size_t i = 0; i < run->n_out; i++) {
			fuzz_require(run->out[i] != step->request, "no login is out twice");
		}
		fuzz_require(run->n_out < DOVECOT_REQUESTS_MAX, "not too many are out");
		run->out[run->n_out++] = step->request;
		note(run, "verify", step->request);
		auth_put(&run->events, step->request->sasl.user, strlen(step->request->sasl.user));
		auth_put(&run->events, step->request->sasl.password,
		    strlen(step->request->sasl.password) + 1);
		break;
	case DOVECOT_REFUSED:
		fuzz_require(step->reason != NULL, "a refusal has a reason");
		note(run, "refused", step->request);
		break;
	case DOVECOT_FLUSH:
		auth_read(run);
		break;
	case DOVECOT_CLOSE:
		fuzz_require(step->reason != NULL, "an end has a reason");
		auth_put(&run->events, "closed\n", 7);
		run->is_closed = true;
		break;
	}
}

void auth_feed(struct auth_run *run, const char *in, size_t n)
{
	struct dovecot_step step = { .want = DOVECOT_FLUSH };
	size_t n_output;

	while (!run->is_closed && (n > 0 || step.want != DOVECOT_INPUT)) {
		size_t taken = dovecot_feed(&run->protocol, in, n, run->now, &step);

		fuzz_require(taken <= n, "it takes no more than there is");
		fuzz_require(taken > 0 || n == 0 || step.want == DOVECOT_FLUSH ||
				 step.want == DOVECOT_FULL || step.want == DOVECOT_CLOSE,
		    "it moves on");
		in += taken;
		n -= taken;
		on_step(run, &step);
		if (step.want == DOVECOT_VERIFY && (run->flags & AUTH_AT_ONCE) != 0) {
			auth_answer(run, run->n_out - 1);
		}
		if ((run->flags & AUTH_READS_LATE) == 0) {
			auth_read(run);
		}
		output_unsent(&run->protocol.output, &n_output);
		fuzz_require(n_output < OUTPUT_ROOM, "the output has bounds");
	}
}

struct auth_line auth_next_line(const char *p, size_t n)
{
	const char *lf = memchr(p, '\n', n);

	return (struct auth_line){ p, lf == NULL ? n : (size_t)(lf + 1 - p), lf != NULL };
}

bool auth_line_is(struct auth_line line, const char *text)
{
	return line.n == strlen(text) && memcmp(line.p, text, line.n) == 0;
}
