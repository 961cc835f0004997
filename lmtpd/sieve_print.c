/* SPDX-License-Identifier: MIT
 * An action a line, its word in front. */
#include "lmtpd/sieve_print.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "protocol/reply.h"

void sieve_print_text(struct span text)
{
	size_t n;

	for (size_t i = 0; i < text.n; i += n) {
		const unsigned char *p = (const unsigned char *)text.p + i;

		n = utf8_length(text.p + i, text.n - i);
		if (n == 0 || *p < 0x20 || *p == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0)) {
			putchar('?');
			n = n == 0 ? 1 : n;
		} else {
			fwrite(p, 1, n, stdout);
		}
	}
}

void sieve_print_errors(const char *path, const struct sieve_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++) {
		const struct sieve_error *error = &errors->list[i];

		printf("%s:", path);
		if (error->line > 0) {
			printf("%u:%u:", error->line, error->column);
		}
		printf(" %s: ", error->is_warning ? "warning" : "error");
		sieve_print_text(span_of(error->text));
		putchar('\n');
	}
}

static void print_flags(const struct span *flags, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		printf("%s", i == 0 ? ", marked " : " ");
		sieve_print_text(flags[i]);
	}
}

static void print_version(unsigned version)
{
	if (version > 0) {
		printf(", with header %u", version);
	}
}

/* Whom something is sent to: several are divided by LF. */
static void print_envelope(const struct sieve_action *action)
{
	struct span rest = action->to;

	while (rest.n > 0) {
		const char *end = memchr(rest.p, '\n', rest.n);
		size_t n = end == NULL ? rest.n : (size_t)(end - rest.p);

		sieve_print_text((struct span){ rest.p, n });
		printf("%s", end == NULL ? "" : ", ");
		n += end != NULL;
		rest = (struct span){ rest.p + n, rest.n - n };
	}
	printf(", sender <");
	sieve_print_text(action->from);
	putchar('>');
}

static void print_store(const struct sieve_action *action)
{
	sieve_print_text(action->folder);
	printf("%s", action->creates ? ", made if it is not there" : "");
	if (action->special_use.n > 0) {
		printf(", by its use ");
		sieve_print_text(action->special_use);
	}
}

static void print_vacation(const struct sieve_action *action)
{
	if (action->message.n > 0) {
		print_envelope(action);
		printf(", once in %" PRIu64 " seconds", action->seconds);
	} else {
		printf("nobody is answered: ");
		sieve_print_text(action->text);
	}
}

/* The reply, on as many lines as it has. */
static void print_reject(const struct sieve_facts *facts, const struct sieve_action *action)
{
	char to[REPLY_LINE_MAX], reason[REPLY_SAID_MAX + 1], reply[REPLY_LINES_MAX];
	const char *at = reply, *end;
	size_t n;

	if (facts->from.n == 0) {
		printf("nobody can be told: INBOX keeps the message");
		return;
	}
	snprintf(to, sizeof(to), "%.*s", (int)facts->to.n, facts->to.p);
	snprintf(reason, sizeof(reason), "%.*s", (int)action->text.n, action->text.p);
	n = reply_format_said(reply, REPLY_REJECTED, to, reason);
	end = reply + n;
	while (at < end) {
		const char *stop = memchr(at, '\r', (size_t)(end - at));

		stop = stop == NULL ? end : stop;
		printf("%s%.*s", at > reply ? "\n          " : "", (int)(stop - at), at);
		at = stop < end ? stop + 2 : end;
	}
}

static void print_action(const struct sieve_facts *facts, const struct sieve_action *action)
{
	static const char *const words[] = {
		[SIEVE_KEEP] = "keep",
		[SIEVE_STORE] = "store",
		[SIEVE_DISCARD] = "discard",
		[SIEVE_REDIRECT] = "redirect",
		[SIEVE_REJECT] = "reject",
		[SIEVE_VACATION] = "vacation",
		[SIEVE_NOTIFY] = "notify",
		[SIEVE_MARK] = "remember",
	};

	printf("%-9s ", words[action->kind]);
	switch (action->kind) {
	case SIEVE_KEEP:
		printf("INBOX");
		break;
	case SIEVE_STORE:
		print_store(action);
		break;
	case SIEVE_DISCARD:
		printf("the message is dropped");
		break;
	case SIEVE_REDIRECT:
	case SIEVE_NOTIFY:
		print_envelope(action);
		break;
	case SIEVE_REJECT:
		print_reject(facts, action);
		break;
	case SIEVE_VACATION:
		print_vacation(action);
		break;
	case SIEVE_MARK:
		sieve_print_text(action->id);
		printf(", for %" PRIu64 " seconds", action->seconds);
		break;
	}
	print_flags(action->flags, action->n_flags);
	print_version(action->version);
	if (action->line > 0) {
		printf("  (%s: line %u)", action->script, action->line);
	}
	putchar('\n');
}

static void print_notes(const struct sieve_plan *plan)
{
	static const char *const kinds[] = {
		[SIEVE_NOTE_ERROR] = "error",
		[SIEVE_NOTE_WARNING] = "warning",
		[SIEVE_NOTE_DEBUG] = "debug",
	};

	for (size_t i = 0; i < plan->n_notes; i++) {
		const struct sieve_note *note = &plan->notes[i];

		printf("%-9s %s: line %u: ", kinds[note->kind], note->script, note->line);
		sieve_print_text(note->text);
		putchar('\n');
	}
}

/* Goes on with lines, two blanks in front of each. Returns whether the next piece begins one. */
static bool print_lines(struct span text, bool begins)
{
	while (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end == NULL ? text.n : (size_t)(end - text.p);

		printf("%s", begins ? "  " : "");
		sieve_print_text(
		    (struct span){ text.p, n > 0 && text.p[n - 1] == '\r' ? n - 1 : n });
		begins = end != NULL;
		printf("%s", begins ? "\n" : "");
		n += begins;
		text = (struct span){ text.p + n, text.n - n };
	}
	return begins;
}

static void print_header(const struct sieve_version *version)
{
	bool begins = true;

	for (size_t i = 0; i < version->n_header; i++) {
		begins = print_lines(version->header[i], begins);
	}
}

/* What answers and notifications are. */
static void print_message(const struct sieve_action *action)
{
	const char *command = sieve_action_sends(action);

	if (command != NULL && action->kind != SIEVE_REDIRECT && action->message.n > 0) {
		printf("message of %s:\n", command);
		printf("%s", print_lines(action->message, true) ? "" : "\n");
	}
}

void sieve_print_plan(const struct sieve_facts *facts, const struct sieve_plan *plan)
{
	print_notes(plan);
	for (size_t i = 0; i < plan->n_actions; i++) {
		print_action(facts, &plan->actions[i]);
	}
	if (plan->keeps) {
		printf("%-9s INBOX", "keep");
		print_flags(plan->keep_flags, plan->n_keep_flags);
		print_version(plan->keep_version);
		printf("%s\n", plan->has_failed ? "  (since the script failed)" : "");
	} else if (plan->n_actions == 0) {
		printf("%-9s the message is dropped\n", "discard");
	}
	for (size_t i = 1; i < plan->n_versions; i++) {
		printf("header %zu:\n", i);
		print_header(&plan->versions[i]);
	}
	for (size_t i = 0; i < plan->n_actions; i++) {
		print_message(&plan->actions[i]);
	}
}
