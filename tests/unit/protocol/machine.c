/* SPDX-License-Identifier: MIT
 * Does what client.c does, without sockets and threads. */
#include "tests/unit/protocol/machine.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void (*machine_enter)(void);
void (*machine_leave)(void);

void bytes_put(struct bytes *bytes, const void *more, size_t n)
{
	if (bytes->n + n + 1 > bytes->cap) {
		bytes->cap = 2 * (bytes->n + n + 1);
		bytes->p = realloc(bytes->p, bytes->cap);
		assert_non_null(bytes->p);
	}
	if (n > 0) {
		memcpy(bytes->p + bytes->n, more, n);
	}
	bytes->n += n;
	bytes->p[bytes->n] = '\0';
}

void bytes_free(struct bytes *bytes)
{
	free(bytes->p);
	*bytes = (struct bytes){ .p = NULL };
}

static void enter(void)
{
	if (machine_enter != NULL) {
		machine_enter();
	}
}

static void leave(void)
{
	if (machine_leave != NULL) {
		machine_leave();
	}
}

static void note(struct machine *machine, const char *text)
{
	bytes_put(&machine->events, text, strlen(text));
}

/* @most: bytes to take at most. */
static void take(struct machine *machine, size_t most)
{
	size_t n;
	const char *output = output_unsent(&machine->protocol.output, &n);

	n = n < most ? n : most;
	if (n > 0) {
		bytes_put(&machine->output, output, n);
		enter();
		output_sent(&machine->protocol.output, n);
		leave();
	}
}

void machine_read(struct machine *machine)
{
	size_t n;

	if (machine->is_closed && machine->drops_rest) {
		return;
	}
	for (output_unsent(&machine->protocol.output, &n); n > 0;
	     output_unsent(&machine->protocol.output, &n)) {
		take(machine, machine->reading == MACHINE_READS_BYTES ? 1 : n);
	}
}

void machine_init(struct machine *machine, const struct dovecot_settings *settings)
{
	*machine = (struct machine){ .answers_at_once = true, .now = 1000000 };
	enter();
	dovecot_init(&machine->protocol, settings);
	leave();
	bytes_put(&machine->output, "", 0);
	bytes_put(&machine->events, "", 0);
}

void machine_deinit(struct machine *machine)
{
	dovecot_deinit(&machine->protocol);
	bytes_free(&machine->output);
	bytes_free(&machine->events);
}

static void keep_out(struct machine *machine, struct dovecot_request *request)
{
	const struct sasl *sasl = &request->sasl;
	char id[48];

	assert_non_null(sasl->user);
	assert_non_null(sasl->password);
	assert_true(strlen(sasl->user) > 0 && strlen(sasl->user) <= SASL_USER_MAX);
	assert_true(strlen(sasl->password) <= SASL_PASSWORD_MAX);
	for (size_t i = 0; i < machine->n_out; i++) {
		assert_ptr_not_equal(machine->out[i], request);
	}
	assert_true(machine->n_out < DOVECOT_REQUESTS_MAX);
	machine->out[machine->n_out++] = request;
	snprintf(id, sizeof(id), "verify %u %s ", request->id, sasl_name(sasl->mechanism));
	note(machine, id);
	note(machine, sasl->user);
	note(machine, " ");
	note(machine, sasl->password);
	note(machine, " ");
	note(machine, request->rip);
	note(machine, request->service[0] == '\0' ? "" : " ");
	note(machine, request->service);
	note(machine, "\n");
}

void machine_answer(struct machine *machine, size_t i)
{
	struct dovecot_request *request = machine->out[i];
	char row[SASL_USER_MAX + 1];

	assert_true(i < machine->n_out);
	machine->n_out--;
	for (size_t j = i; j < machine->n_out; j++) {
		machine->out[j] = machine->out[j + 1];
	}
	for (size_t j = 0; j <= strlen(request->sasl.user); j++) {
		row[j] = (char)tolower((unsigned char)request->sasl.user[j]);
	}
	enter();
	if (strcmp(request->sasl.password, "right") == 0) {
		dovecot_ok(&machine->protocol, request, row);
	} else if (strcmp(request->sasl.password, "tab") == 0) {
		dovecot_ok(&machine->protocol, request, "ta\tb");
	} else if (strcmp(request->sasl.password, "del") == 0) {
		dovecot_ok(&machine->protocol, request, "de\177l");
	} else {
		dovecot_fail(&machine->protocol, request);
	}
	leave();
}

static void on_step(struct machine *machine, const struct dovecot_step *step)
{
	char text[48];

	switch (step->want) {
	case DOVECOT_NOTHING:
		fail_msg("the machine keeps that for itself");
		break;
	case DOVECOT_INPUT:
		break;
	case DOVECOT_FULL:
		assert_int_equal(machine->n_out, DOVECOT_REQUESTS_MAX);
		machine_answer(machine, 0);
		break;
	case DOVECOT_VERIFY:
		keep_out(machine, step->request);
		if (machine->answers_at_once) {
			machine_answer(machine, machine->n_out - 1);
		}
		break;
	case DOVECOT_REFUSED:
		assert_true(step->reason != NULL && step->reason[0] != '\0');
		snprintf(text, sizeof(text), "refused %u\n", step->request->id);
		note(machine, text);
		break;
	case DOVECOT_FLUSH:
		machine->n_flushes++;
		machine_read(machine);
		break;
	case DOVECOT_CLOSE:
		assert_true(step->reason != NULL && step->reason[0] != '\0');
		machine->is_closed = true;
		note(machine, "closed\n");
		break;
	}
}

void machine_feed(struct machine *machine, const char *in, size_t n)
{
	struct dovecot_step step = { .want = DOVECOT_FLUSH };

	while (!machine->is_closed && (n > 0 || step.want != DOVECOT_INPUT)) {
		/* Memory of exactly the size that is said. */
		char *copy = malloc(n + (n == 0));
		size_t taken;

		assert_non_null(copy);
		if (n > 0) {
			memcpy(copy, in, n);
		}
		enter();
		taken = dovecot_feed(&machine->protocol, copy, n, machine->now, &step);
		leave();
		assert_true(taken <= n);
		/* Else it would never end. */
		assert_true(taken > 0 || n == 0 || step.want == DOVECOT_FLUSH ||
			    step.want == DOVECOT_FULL || step.want == DOVECOT_CLOSE);
		free(copy);
		in += taken;
		n -= taken;
		on_step(machine, &step);
		if (machine->reading != MACHINE_READS_LATE) {
			machine_read(machine);
		}
	}
}
