/* SPDX-License-Identifier: MIT
 * notify and its tests (RFC 5435), by mail alone (RFC 5436). */

#include "sieve/compare.h"
#include "sieve/compose.h"
#include "sieve/mailto.h"
#include "sieve/send.h"

static const struct tag notify_tags[] = {
	{ ":from", SLOT_FROM, TYPE_STRING },
	{ ":importance", SLOT_IMPORTANCE, TYPE_STRING },
	{ ":options", SLOT_OPTIONS, TYPE_STRINGS },
	{ ":message", SLOT_MESSAGE, TYPE_STRING },
	{ NULL },
};

static bool is_importance(struct span text)
{
	return text.n == 1 && text.p[0] >= '1' && text.p[0] <= '3';
}

/* NAME=VALUE, on one line (RFC 5435 3.5): mail has no option of that kind, but a slip should be found. */
static bool is_option(struct span text)
{
	size_t n = 0;

	while (n < text.n && text.p[n] != '=') {
		char c = text.p[n];

		if (!text_is_letter(c) && !text_is_digit(c) &&
		    (n == 0 || (c != '-' && c != '.' && c != '_'))) {
			return false;
		}
		n++;
	}
	return n > 0 && n < text.n && !text_has_control(text.p, text.n);
}

static void check_options(struct compiler *compiler, const struct argument *options)
{
	for (size_t i = 0; options != NULL && i < options->n_strings; i++) {
		const struct string *option = &options->strings[i];

		if (option->n_pieces == 0 && !is_option(option->text)) {
			compile_error(compiler, options->at,
			    "\"%.*s\" is no option; write NAME=VALUE", SPAN(option->text));
		}
	}
}

static void check_notify(struct compiler *compiler, struct node *node)
{
	const struct argument *method = node_argument(node, SLOT_FIRST);
	const struct argument *importance = node_argument(node, SLOT_IMPORTANCE);
	struct mailto mailto;
	const char *error = "";

	check_options(compiler, node_argument(node, SLOT_OPTIONS));
	if (method->strings[0].n_pieces == 0 &&
	    mailto_parse(method->strings[0].text, &compiler->program->arena, &mailto, &error) > 0) {
		compile_error(compiler, method->at,
		    "\"%.*s\" is no method to notify by: %s; write mailto:user@example.com",
		    SPAN(method->strings[0].text), error);
	}
	compile_address(compiler, node_argument(node, SLOT_FROM));
	if (importance != NULL && importance->strings[0].n_pieces == 0 &&
	    !is_importance(importance->strings[0].text)) {
		compile_error(
		    compiler, importance->at, ":importance is \"1\" (high), \"2\" or \"3\" (low)");
	}
}

struct notification {
	struct mailto mailto;
	struct mail_address from;
	struct span importance, text; /* p is NULL: not given */
};

static enum answer read_arguments(
    struct sieve_run *run, const struct node *node, struct notification *notification_r)
{
	struct notification *out = notification_r;
	struct span method, from;
	const char *error = "";

	run_text(run, node, SLOT_FIRST, &method);
	run_text(run, node, SLOT_FROM, &from);
	run_text(run, node, SLOT_IMPORTANCE, &out->importance);
	run_text(run, node, SLOT_MESSAGE, &out->text);
	if (mailto_parse(method, &run->scratch, &out->mailto, &error) != 0) {
		return run_fail(
		    run, node, "\"%.*s\" is no method to notify by: %s", SPAN(method), error);
	}
	out->from = (struct mail_address){ .phrase = span_of("Postmaster"),
		.text = span_of(run->settings->postmaster) };
	if (from.n > 0 && addresses_parse_one(from, true, &run->scratch, &out->from) != 0) {
		return run_fail(run, node, "\"%.*s\" is no address", SPAN(from));
	}
	if (out->importance.n > 0 && !is_importance(out->importance)) {
		return run_fail(run, node, ":importance is \"1\", \"2\" or \"3\"");
	}
	return ANSWER_YES;
}

static void put_recipients(
    struct composition *out, const char *name, const struct mailto *mailto, enum mailto_place place)
{
	bool is_first = true;

	for (size_t i = 0; i < mailto->n_recipients; i++) {
		if (mailto->recipients[i].place == place) {
			compose_text(out, is_first ? name : ",\r\n");
			compose_address(out, is_first ? ": " : " ", &mailto->recipients[i].address);
			is_first = false;
		}
	}
	compose_text(out, is_first ? "" : "\r\n");
}

static void put_subject(struct composition *out, const struct notification *notification)
{
	struct sieve_run *run = out->run;
	struct composition subject;
	struct span value = notification->text;

	if (value.n == 0 && notification->mailto.subject.p != NULL) {
		value = notification->mailto.subject;
	} else if (value.n == 0) {
		struct span old = run_field(run, span_of("Subject"), field_text);

		compose_begin(&subject, run);
		compose_text(&subject, "Notification: ");
		compose_bytes(&subject, old.p != NULL ? old : span_of("(no subject)"));
		compose_end(&subject, &value);
	}
	compose_field(out, "Subject", compose_cut(out, value));
}

static void put_importance(struct composition *out, struct span importance)
{
	static const char *const fields[] = { "X-Priority: 1 (Highest)\r\nImportance: High\r\n",
		"X-Priority: 3 (Normal)\r\nImportance: Normal\r\n",
		"X-Priority: 5 (Lowest)\r\nImportance: Low\r\n" };

	compose_text(out, fields[importance.n > 0 ? importance.p[0] - '1' : 1]);
}

/* What owner-email names, so that loops are found (RFC 5436 2.7.1). */
static void put_origin(struct composition *out)
{
	const struct sieve_facts *facts = out->run->facts;
	struct composition value;
	struct span text;

	compose_begin(&value, out->run);
	compose_text(&value, "auto-notified; owner-email=\"");
	compose_bytes(&value, facts->user_email != NULL && facts->user_email[0] != '\0'
				  ? span_of(facts->user_email)
				  : facts->to);
	compose_text(&value, "\"");
	compose_end(&value, &text);
	compose_field(out, "Auto-Submitted", text);
}

static void put_body(struct composition *out, const struct notification *notification)
{
	compose_text(out, "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
			  "Content-Transfer-Encoding: 8bit\r\n\r\n");
	if (notification->mailto.body.p != NULL) {
		compose_body(out, notification->mailto.body);
		return;
	}
	if (notification->text.n > 0) {
		compose_body(out, notification->text);
		return;
	}
	compose_text(out, "Notification of new message.\r\n");
}

static void write_message(
    struct sieve_run *run, const struct notification *notification, struct sieve_action *action)
{
	const struct mailto *mailto = &notification->mailto;
	struct composition out, to;

	compose_begin(&to, run);
	for (size_t i = 0; i < mailto->n_recipients; i++) {
		compose_text(&to, i > 0 ? "\n" : "");
		compose_bytes(&to, mailto->recipients[i].address.text);
	}
	compose_begin(&out, run);
	compose_head(&out);
	put_subject(&out, notification);
	compose_text(&out, "From");
	compose_address(&out, ": ", &notification->from);
	compose_text(&out, "\r\n");
	put_recipients(&out, "To", mailto, MAILTO_TO);
	put_recipients(&out, "Cc", mailto, MAILTO_CC);
	put_origin(&out);
	compose_text(&out, "Precedence: bulk\r\n");
	put_importance(&out, notification->importance);
	for (size_t i = 0; i < mailto->n_fields; i++) {
		struct span name = run_keep_copy(run, mailto->fields[i].name);

		compose_field(&out, name.p != NULL ? name.p : "", mailto->fields[i].value);
	}
	put_body(&out, notification);
	compose_end(&to, &action->to);
	compose_end(&out, &action->message);
}

/* Was the message sent by a program? Two that notify each other would never end. */
static bool is_automatic(struct sieve_run *run)
{
	struct span value = run_field(run, span_of("Auto-Submitted"), field_value);

	return value.p != NULL && !span_is(value, "no");
}

static enum answer run_notify(struct sieve_run *run, const struct node *node)
{
	struct sieve_action action = { .kind = SIEVE_NOTIFY };
	struct notification notification;
	enum answer answer = read_arguments(run, node, &notification);

	if (answer != ANSWER_YES || is_automatic(run)) {
		return answer;
	}
	action.from = run->settings->notify_from[0] != '\0'
			  ? send_from(run, run->settings->notify_from)
			  : notification.from.text;
	if (run->facts->from.n == 0) {
		action.from = run->facts->from;
	}
	write_message(run, &notification, &action);
	return plan_add(run, node, &action, PLAN_LEAVES_KEEP);
}

/* --- tests ------------------------------------------------------------------------------------------------------ */

static bool is_method(struct sieve_run *run, struct span uri)
{
	struct mailto mailto;
	const char *error;

	return mailto_parse(uri, &run->scratch, &mailto, &error) == 0;
}

static enum answer run_valid(struct sieve_run *run, const struct node *node)
{
	const struct argument *methods = node_argument(node, SLOT_FIRST);
	bool are_methods = true;

	for (size_t i = 0; are_methods && i < methods->n_strings; i++) {
		are_methods = is_method(run, run_string(run, node, &methods->strings[i]));
	}
	return are_methods ? ANSWER_YES : ANSWER_NO;
}

/* Nobody knows whether somebody reads mail just now: "online" is "maybe" (RFC 5436 2.3). */
static enum answer run_capability(struct sieve_run *run, const struct node *node)
{
	struct span uri, capability;

	run_text(run, node, SLOT_FIRST, &uri);
	run_text(run, node, SLOT_SECOND, &capability);
	return is_method(run, uri) && span_is(capability, "online")
		   ? compare_one(run, node, span_of("maybe"))
		   : ANSWER_NO;
}

const struct word words_notify[] = {
	{ "notify", WORD_COMMAND, EXTENSION_ENOTIFY, .tags = { notify_tags },
	    .parameters = { TYPE_STRING }, .sends = true, .check = check_notify,
	    .run = run_notify },
	{ "valid_notify_method", WORD_TEST, EXTENSION_ENOTIFY, .parameters = { TYPE_STRINGS },
	    .run = run_valid },
	{ "notify_method_capability", WORD_TEST, EXTENSION_ENOTIFY, .tags = { compare_tags },
	    .parameters = { TYPE_STRING, TYPE_STRING, TYPE_STRINGS }, .check = compare_check,
	    .run = run_capability },
	{ NULL },
};
