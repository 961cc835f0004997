/* SPDX-License-Identifier: MIT
 * vacation (RFC 5230, 6131): whether anybody is answered (RFC 3834), and the answer. It never answers what may be a robot, and that it
 * has answered is an action of the plan, to be remembered before anything is sent. */
#include <string.h>

#include "sieve/compose.h"
#include "sieve/vacation.h"

enum {
	DAY = 86400,
};

static const struct tag vacation_tags[] = {
	{ ":days", SLOT_PERIOD, TYPE_NUMBER },
	{ ":seconds", SLOT_PERIOD, TYPE_NUMBER, .value = 1,
	    .extension = EXTENSION_VACATION_SECONDS },
	{ ":subject", SLOT_SUBJECT, TYPE_STRING },
	{ ":from", SLOT_FROM, TYPE_STRING },
	{ ":addresses", SLOT_ADDRESSES, TYPE_STRINGS },
	{ ":mime", SLOT_IS_MIME },
	{ ":handle", SLOT_HANDLE, TYPE_STRING },
	{ NULL },
};

static void check_vacation(struct compiler *compiler, struct node *node)
{
	compile_address(compiler, node_argument(node, SLOT_FROM));
}

/* --- the addresses that are the user's -------------------------------------------------------------------------- */

struct own {
	struct span *list;
	size_t n;
};

static void find_own(struct sieve_run *run, const struct node *node, struct own *own_r)
{
	const struct argument *addresses = node_argument(node, SLOT_ADDRESSES);
	size_t n = addresses != NULL ? addresses->n_strings : 0;

	own_r->n = 0;
	own_r->list = run_alloc(run, (n + 3) * sizeof(*own_r->list));
	if (own_r->list == NULL) {
		return;
	}
	own_r->list[own_r->n++] = run->facts->to;
	own_r->list[own_r->n++] = span_of(run->facts->user_email);
	if (run->settings->vacation_uses_original_recipient) {
		own_r->list[own_r->n++] = run->facts->original_to;
	}
	for (size_t i = 0; i < n; i++) {
		struct mail_address address;
		struct span text = run_string(run, node, &addresses->strings[i]);
		/* Webmails write "Name <user@example.com>" here, too. */
		if (addresses_parse_one(text, true, &run->scratch, &address) == 0) {
			text = address.text;
		}
		own_r->list[own_r->n++] = text;
	}
}

static bool is_own(const struct own *own, struct span address)
{
	for (size_t i = 0; i < own->n; i++) {
		if (address.n > 0 && span_is_same(own->list[i], address)) {
			return true;
		}
	}
	return false;
}

/* --- who is not answered ---------------------------------------------------------------------------------------- */

static bool contains(struct span text, const char *part)
{
	size_t n = strlen(part);

	for (size_t i = 0; i + n <= text.n; i++) {
		if (text_lower(text.p[i]) == part[0] && text_is(text.p + i, n, part)) {
			return true;
		}
	}
	return false;
}

/* Addresses that programs write from (RFC 5230 4.6). */
static bool is_robot(struct span sender)
{
	static const char *const names[] = { "mailer-daemon", "listserv", "majordomo", NULL };
	size_t n_local = sender.n;

	while (n_local > 0 && sender.p[n_local - 1] != '@') {
		n_local--;
	}
	sender.n = n_local > 0 ? n_local - 1 : sender.n;
	return span_find(sender, names) >= 0 || contains(sender, "-request") ||
	       span_begins(sender, "owner-");
}

static bool is_of_list(struct span name, struct span value)
{
	static const char *const fields[] = { "list-id", "list-owner", "list-subscribe",
		"list-post", "list-unsubscribe", "list-help", "list-archive", NULL };
	static const char *const precedences[] = { "junk", "bulk", "list", NULL };

	return span_find(name, fields) >= 0 ||
	       (span_is(name, "precedence") && span_find(value, precedences) >= 0);
}

static bool is_automatic(struct span name, struct span value)
{
	if (span_is(name, "auto-submitted")) {
		return !span_begins(value, "no") ||
		       (value.n > 2 && value.p[2] != ' ' && value.p[2] != ';');
	}
	return span_is(name, "x-auto-response-suppress") &&
	       (contains(value, "all") || contains(value, "oof"));
}

static bool names_recipient(struct span name)
{
	static const char *const fields[] = { "to", "cc", "bcc", "resent-to", "resent-cc",
		"resent-bcc", NULL };

	return span_find(name, fields) >= 0;
}

/* What a header says about it. */
struct verdict {
	const char *why_not; /* nobody is answered; NULL: somebody is */
	bool is_addressed;
	struct span address; /* of ours that it names */
};

static void look_at_field(struct sieve_run *run, const struct field *field, const struct own *own,
    struct verdict *verdict)
{
	struct span value = field_value(field, &run->scratch, &run->fuel);
	struct mail_address *list;
	size_t n;

	if (is_of_list(field->name, value)) {
		verdict->why_not = "the message comes from a mailing list";
	} else if (is_automatic(field->name, value)) {
		verdict->why_not = "a program has sent the message";
	} else if (names_recipient(field->name) && !verdict->is_addressed) {
		addresses_parse(value, &run->scratch, &run->fuel, &list, &n);
		for (size_t i = 0; !verdict->is_addressed && i < n; i++) {
			verdict->is_addressed = is_own(own, list[i].text);
			verdict->address = list[i].text;
		}
	}
}

static struct verdict judge(struct sieve_run *run, const struct own *own)
{
	const struct sieve_facts *facts = run->facts;
	struct verdict verdict = { 0 };

	if (facts->to.n == 0 || facts->from.n == 0) {
		verdict.why_not = "the envelope's sender is empty";
	} else if (is_own(own, facts->from)) {
		verdict.why_not = "the sender is the recipient";
	} else if (is_robot(facts->from)) {
		verdict.why_not = "the sender is a program";
	}
	for (size_t i = 0; verdict.why_not == NULL && i < run->fields->n; i++) {
		look_at_field(run, &run->fields->list[i], own, &verdict);
	}
	if (verdict.why_not == NULL && !verdict.is_addressed) {
		verdict.address = facts->to;
		if (run->settings->vacation_checks_recipient) {
			verdict.why_not = "no address of the user is in the message's header";
		}
	}
	return verdict;
}

/* --- the answer ------------------------------------------------------------------------------------------------- */

static struct vacation read_arguments(struct sieve_run *run, const struct node *node)
{
	struct vacation text = { .is_mime = node_argument(node, SLOT_IS_MIME) != NULL };

	run_text(run, node, SLOT_FIRST, &text.reason);
	text.has_subject = run_text(run, node, SLOT_SUBJECT, &text.subject) == ANSWER_YES;
	text.has_from = run_text(run, node, SLOT_FROM, &text.from) == ANSWER_YES;
	text.has_handle = run_text(run, node, SLOT_HANDLE, &text.handle) == ANSWER_YES;
	return text;
}

/* What stands in the script, whatever its variables hold: of an answer that names the message's subject there are as many as of
 * others. */
static void add_argument(
    struct composition *id, const struct node *node, enum slot slot, const char *otherwise)
{
	const struct argument *argument = node_argument(node, slot);

	compose_bytes(id, argument != NULL ? argument->strings[0].text : span_of(otherwise));
}

/* What tells answers to one sender apart: a new text is a new answer. As Pigeonhole has it. */
static bool write_id(
    struct sieve_run *run, const struct node *node, const struct vacation *text, struct span *id_r)
{
	struct composition id;
	struct span sender = run->facts->from;

	compose_begin(&id, run);
	for (size_t i = 0; i < sender.n; i++) {
		char c = text_lower(sender.p[i]);

		compose_bytes(&id, (struct span){ &c, 1 });
	}
	if (text->has_handle) {
		compose_bytes(&id, text->handle);
	} else {
		add_argument(&id, node, SLOT_FIRST, "");
		add_argument(&id, node, SLOT_SUBJECT, "<default-subject>");
		add_argument(&id, node, SLOT_FROM, "<default-from>");
		compose_text(&id, text->is_mime ? "<MIME>" : "<NO-MIME>");
	}
	return compose_end(&id, id_r);
}

static uint64_t find_seconds(const struct sieve_run *run, const struct node *node)
{
	const struct argument *period = node_argument(node, SLOT_PERIOD);
	const struct sieve_settings *settings = run->settings;
	uint64_t seconds = settings->vacation_default;

	if (period != NULL) {
		seconds = period->number > UINT32_MAX ? UINT32_MAX : period->number;
		seconds *= period->value == 1 ? 1 : DAY;
	}
	if (seconds < settings->vacation_min) {
		seconds = settings->vacation_min;
	}
	return settings->vacation_max > 0 && seconds > settings->vacation_max
		   ? settings->vacation_max
		   : seconds;
}

static enum answer run_vacation(struct sieve_run *run, const struct node *node)
{
	struct sieve_action action = { .kind = SIEVE_VACATION, .seconds = find_seconds(run, node) };
	struct vacation text = read_arguments(run, node);
	struct verdict verdict;
	struct own own;
	enum answer answer;

	find_own(run, node, &own);
	verdict = judge(run, &own);
	if (!write_id(run, node, &text, &action.id)) {
		return run_exhausted(run, node);
	}
	if (verdict.why_not == NULL && action.seconds > 0) {
		answer = run_ask(
		    run, node, SIEVE_NEED_ANSWERED, action.id, (struct span){ "", 0 }, NULL);
		if (answer == ANSWER_WAIT || answer == ANSWER_BROKEN) {
			return answer;
		}
		if (answer == ANSWER_YES) {
			verdict.why_not = "the sender was answered already";
		}
	}
	if (verdict.why_not != NULL) {
		action.text = span_of(verdict.why_not);
		return plan_add(run, node, &action, PLAN_LEAVES_KEEP);
	}
	action.to = run->facts->from;
	if (run->settings->vacation_sends_from_recipient) {
		action.from = run->facts->to;
	}
	action.message = vacation_compose(run, &text, verdict.address);
	return plan_add(run, node, &action, PLAN_LEAVES_KEEP);
}

const struct word words_vacation[] = {
	{ "vacation", WORD_COMMAND, EXTENSION_VACATION, .tags = { vacation_tags },
	    .parameters = { TYPE_STRING }, .sends = true, .check = check_vacation,
	    .run = run_vacation },
	{ NULL },
};
