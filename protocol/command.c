/* SPDX-License-Identifier: MIT
 * The grammar of commands (RFC 5321 4.1, RFC 2033, RFC 3030, RFC 1870, RFC 6152, RFC 6531).
 * Whether a command may come now is the session machine's business. Pure. */
#include "protocol/command.h"

#include <string.h>

#include "base/text.h"

static void skip_spaces(struct span *rest)
{
	while (rest->n > 0 && rest->p[0] == ' ') {
		rest->p++;
		rest->n--;
	}
}

/* Takes the next word off the line; spaces divide. */
static struct span next_word(struct span *rest)
{
	struct span word;

	skip_spaces(rest);
	word = *rest;
	while (rest->n > 0 && rest->p[0] != ' ') {
		rest->p++;
		rest->n--;
	}
	word.n -= rest->n;
	return word;
}

static bool has_more(struct span rest)
{
	return next_word(&rest).n > 0;
}

static enum reply parse_parameter(struct command *command, struct span name, struct span value)
{
	if (command->verb == VERB_RCPT) {
		/* From clients that send it though DSN was not announced; nothing hangs on it. */
		return span_is(name, "ORCPT") ? REPLY_NONE : REPLY_UNKNOWN_PARAMETER;
	}
	if (span_is(name, "SIZE")) { /* RFC 1870 */
		return text_number(value.p, value.n, &command->size) ? REPLY_NONE
								     : REPLY_BAD_ARGUMENT;
	}
	if (span_is(name, "BODY")) { /* RFC 6152; BINARYMIME (RFC 3030) was not announced */
		return span_is(value, "7BIT") || span_is(value, "8BITMIME")
			   ? REPLY_NONE
			   : REPLY_UNKNOWN_PARAMETER;
	}
	if (span_is(name, "SMTPUTF8")) { /* RFC 6531 3.4: no value */
		command->is_utf8 = true;
		return value.n == 0 ? REPLY_NONE : REPLY_BAD_ARGUMENT;
	}
	return REPLY_UNKNOWN_PARAMETER;
}

static enum reply parse_parameters(struct command *command, struct span rest)
{
	struct span word;

	if (rest.n > 0 && rest.p[0] != ' ') {
		return REPLY_BAD_ARGUMENT;
	}
	while ((word = next_word(&rest)).n > 0) {
		const char *equals = memchr(word.p, '=', word.n);
		struct span name = word, value = { word.p, 0 };
		enum reply reply;

		if (equals != NULL) {
			name.n = (size_t)(equals - word.p);
			value = (struct span){ equals + 1, word.n - name.n - 1 };
		}
		reply = parse_parameter(command, name, value);
		if (reply != REPLY_NONE) {
			return reply;
		}
	}
	return REPLY_NONE;
}

/* "FROM:<path> parameters" and "TO:<path> parameters". */
static enum reply parse_envelope(struct command *command, struct span rest)
{
	const char *label = command->verb == VERB_MAIL ? "FROM:" : "TO:";
	size_t n_label = strlen(label), taken;

	skip_spaces(&rest);
	if (rest.n < n_label || !text_is(rest.p, n_label, label)) {
		return REPLY_BAD_ARGUMENT;
	}
	rest.p += n_label;
	rest.n -= n_label;
	skip_spaces(&rest); /* RFC 5321 3.3 has none here, but senders that put one are common */
	taken = path_parse(&command->path, rest.p, rest.n);
	if (taken == 0) {
		return command->verb == VERB_MAIL ? REPLY_BAD_SENDER : REPLY_BAD_MAILBOX;
	}
	return parse_parameters(command, (struct span){ rest.p + taken, rest.n - taken });
}

static enum reply parse_bdat(struct command *command, struct span rest)
{
	struct span size = next_word(&rest), last = next_word(&rest);

	command->is_last = span_is(last, "LAST");
	if (!text_number(size.p, size.n, &command->size) || (last.n > 0 && !command->is_last) ||
	    has_more(rest)) {
		return REPLY_BAD_ARGUMENT;
	}
	return REPLY_NONE;
}

static enum reply parse_lhlo(struct command *command, struct span rest)
{
	command->client = next_word(&rest);
	return command->client.n > 0 && !has_more(rest) ? REPLY_NONE : REPLY_BAD_ARGUMENT;
}

static enum reply parse_nothing(struct command *command, struct span rest)
{
	return has_more(rest) ? REPLY_BAD_ARGUMENT : REPLY_NONE;
}

static enum reply parse_anything(struct command *command, struct span rest)
{
	return REPLY_NONE;
}

/* Each verb, and what reads the rest of its line. */
static const struct {
	const char *name;
	enum reply (*parse)(struct command *command, struct span rest);
} verbs[] = {
	[VERB_LHLO] = { "LHLO", parse_lhlo },
	[VERB_MAIL] = { "MAIL", parse_envelope },
	[VERB_RCPT] = { "RCPT", parse_envelope },
	[VERB_DATA] = { "DATA", parse_nothing },
	[VERB_BDAT] = { "BDAT", parse_bdat },
	[VERB_RSET] = { "RSET", parse_nothing },
	[VERB_NOOP] = { "NOOP", parse_anything }, /* may carry a string, RFC 5321 4.1.1.9 */
	[VERB_VRFY] = { "VRFY", parse_anything },
	[VERB_QUIT] = { "QUIT", parse_nothing },
};

enum reply command_parse(struct command *command_r, const char *line, size_t n)
{
	struct span rest = { line, n };
	struct span word = next_word(&rest);

	*command_r = (struct command){ .verb = VERB_UNKNOWN };
	for (unsigned i = VERB_UNKNOWN + 1; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (span_is(word, verbs[i].name)) {
			command_r->verb = (enum verb)i;
			return verbs[i].parse(command_r, rest);
		}
	}
	return REPLY_UNKNOWN_COMMAND;
}
