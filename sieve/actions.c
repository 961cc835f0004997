/* SPDX-License-Identifier: MIT
 * The actions of RFC 5228 4: keep, discard, fileinto, redirect; with :copy (RFC 3894), :create (RFC 5490), :specialuse
 * (RFC 8579) and :flags (RFC 5232). reject, ereject (RFC 5429). And the tests whether there are such mailboxes. */

#include "base/utf8.h"
#include "mail/addresses.h"
#include "sieve/flags.h"
#include "sieve/send.h"

static const struct tag copy_tags[] = {
	{ ":copy", SLOT_COPY, .extension = EXTENSION_COPY },
	{ NULL },
};

static const struct tag mailbox_tags[] = {
	{ ":create", SLOT_CREATE, .extension = EXTENSION_MAILBOX },
	{ ":specialuse", SLOT_SPECIAL_USE, TYPE_STRING, .extension = EXTENSION_SPECIAL_USE },
	{ NULL },
};

static enum plan_keep keep_of(const struct node *node)
{
	return node_argument(node, SLOT_COPY) != NULL ? PLAN_LEAVES_KEEP : PLAN_CANCELS_KEEP;
}

static enum answer run_keep_action(struct sieve_run *run, const struct node *node)
{
	struct sieve_action action = { .kind = SIEVE_KEEP };

	flags_of(run, node, &action.flags, &action.n_flags);
	return plan_add(run, node, &action, PLAN_CANCELS_KEEP);
}

static enum answer run_discard(struct sieve_run *run, const struct node *node)
{
	const struct sieve_action action = { .kind = SIEVE_DISCARD };

	return plan_add(run, node, &action, PLAN_CANCELS_KEEP);
}

/* --- fileinto --------------------------------------------------------------------------------------------------- */

static void check_fileinto(struct compiler *compiler, struct node *node)
{
	const struct argument *name = node_argument(node, SLOT_FIRST);
	const struct string *string = &name->strings[0];

	if (string->n_pieces == 0 && !utf8_is_valid(string->text.p, string->text.n)) {
		compile_error(compiler, name->at, "the name of a mailbox must be UTF-8");
	}
	flags_check(compiler, node);
}

static enum answer run_fileinto(struct sieve_run *run, const struct node *node)
{
	struct sieve_action action = { .kind = SIEVE_STORE,
		.creates = node_argument(node, SLOT_CREATE) != NULL };
	struct span use, found;
	enum answer answer;

	run_text(run, node, SLOT_FIRST, &action.folder);
	flags_of(run, node, &action.flags, &action.n_flags);
	answer = run_text(run, node, SLOT_SPECIAL_USE, &use);
	if (answer == ANSWER_YES) {
		answer =
		    run_ask(run, node, SIEVE_NEED_SPECIAL_USE, use, (struct span){ "", 0 }, &found);
		if (answer == ANSWER_YES) {
			action.folder = found;
			action.special_use = use;
		}
	}
	if (answer == ANSWER_WAIT || answer == ANSWER_BROKEN) {
		return answer;
	}
	return plan_add(run, node, &action, keep_of(node));
}

/* --- redirect --------------------------------------------------------------------------------------------------- */

static void check_redirect(struct compiler *compiler, struct node *node)
{
	compile_address(compiler, node_argument(node, SLOT_FIRST));
}

static enum answer run_redirect(struct sieve_run *run, const struct node *node)
{
	struct sieve_action action = { .kind = SIEVE_REDIRECT };
	struct mail_address address;
	struct span to;

	run_text(run, node, SLOT_FIRST, &to);
	if (addresses_parse_one(to, true, &run->scratch, &address) != 0) {
		return run_fail(run, node, "\"%.*s\" is no address to redirect to", SPAN(to));
	}
	action.to = address.text;
	return send_redirect(run, node, &action, keep_of(node));
}

/* --- reject, ereject --------------------------------------------------------------------------------------------- */

/* RFC 5429: the reason becomes the reply to the recipient, whichever of both says it. */
static enum answer refuse(struct sieve_run *run, const struct node *node, bool is_ereject)
{
	struct sieve_action action = { .kind = SIEVE_REJECT, .is_ereject = is_ereject };

	run_text(run, node, SLOT_FIRST, &action.text);
	return plan_add(run, node, &action, PLAN_CANCELS_KEEP);
}

static enum answer run_reject(struct sieve_run *run, const struct node *node)
{
	return refuse(run, node, false);
}

static enum answer run_ereject(struct sieve_run *run, const struct node *node)
{
	return refuse(run, node, true);
}

/* --- mailboxexists, specialuse_exists --------------------------------------------------------------------------- */

/* Are there all of those that a list names? folder: that has the use, or "". */
static enum answer ask_for_all(struct sieve_run *run, const struct node *node,
    const struct argument *names, enum sieve_need need, struct span folder)
{
	enum answer answer = ANSWER_YES;

	for (size_t i = 0; answer == ANSWER_YES && i < names->n_strings; i++) {
		answer = run_ask(
		    run, node, need, run_string(run, node, &names->strings[i]), folder, NULL);
	}
	return answer;
}

static enum answer run_mailboxexists(struct sieve_run *run, const struct node *node)
{
	return ask_for_all(
	    run, node, node_argument(node, SLOT_FIRST), SIEVE_NEED_MAILBOX, span_of(""));
}

static enum answer run_specialuse_exists(struct sieve_run *run, const struct node *node)
{
	struct span mailbox;

	run_text(run, node, SLOT_FIRST, &mailbox);
	return ask_for_all(
	    run, node, node_argument(node, SLOT_SECOND), SIEVE_NEED_SPECIAL_USE, mailbox);
}

const struct word words_actions[] = {
	{ "keep", WORD_COMMAND, .tags = { flags_tags }, .check = flags_check,
	    .run = run_keep_action },
	{ "discard", WORD_COMMAND, .run = run_discard },
	{ "fileinto", WORD_COMMAND, EXTENSION_FILEINTO,
	    .tags = { copy_tags, mailbox_tags, flags_tags }, .parameters = { TYPE_STRING },
	    .check = check_fileinto, .run = run_fileinto },
	{ "redirect", WORD_COMMAND, .tags = { copy_tags }, .parameters = { TYPE_STRING },
	    .sends = true, .check = check_redirect, .run = run_redirect },
	{ "reject", WORD_COMMAND, EXTENSION_REJECT, .parameters = { TYPE_STRING }, .sends = true,
	    .run = run_reject },
	{ "ereject", WORD_COMMAND, EXTENSION_EREJECT, .parameters = { TYPE_STRING }, .sends = true,
	    .run = run_ereject },
	{ "mailboxexists", WORD_TEST, EXTENSION_MAILBOX, .parameters = { TYPE_STRINGS },
	    .run = run_mailboxexists },
	{ "specialuse_exists", WORD_TEST, EXTENSION_SPECIAL_USE,
	    .parameters = { TYPE_STRING, TYPE_STRINGS }, .n_optional = 1,
	    .run = run_specialuse_exists },
	{ NULL },
};
