/* SPDX-License-Identifier: MIT
 * What the scripts see: a message with its envelope, folders with mail in them, mail that was sent. */
#include <string.h>

#include "mail/address.h"
#include "mail/addresses.h"
#include "maildir/folder.h"
#include "sievetest/tester.h"

static int zone(time_t time)
{
	struct tm tm;

	return localtime_r(&time, &tm) != NULL ? (int)tm.tm_gmtoff : 0;
}

void world_init(struct tester *tester)
{
	static const char message[] = "From: sender@example.com\r\nTo: recipient@example.org\r\n"
				      "Subject: Frop!\r\n\r\nFriep!\r\n";
	struct sieve_facts *facts = tester_alloc(tester, sizeof(*facts));
	const char *reason;

	*facts = (struct sieve_facts){ .settings = &tester->settings,
		.user = "user@example.org",
		.hostname = "host.example.com",
		.domain = "example.com",
		.now = time(NULL),
		.zone = zone,
		.library = tester->library };
	tester->facts = facts;
	world_folder(tester, span_of("INBOX"), true, &reason);
	world_set_message(tester, span_of(message), NULL, true);
	config_reload(tester);
}

/* --- the message ------------------------------------------------------------------------------------------------ */

static size_t header_length(struct span message)
{
	size_t start = 0;

	for (size_t i = 0; i < message.n; i++) {
		if (message.p[i] == '\n') {
			if (i == start || (i == start + 1 && message.p[start] == '\r')) {
				return i + 1;
			}
			start = i + 1;
		}
	}
	return message.n;
}

static uint64_t size_of(struct span message)
{
	uint64_t size = message.n;

	for (size_t i = 0; i < message.n; i++) {
		size += message.p[i] == '\n' && (i == 0 || message.p[i - 1] != '\r');
	}
	return size;
}

/* The first address in the first of some fields that has one. */
static struct span address_in(
    struct tester *tester, const char *const *names, const char *otherwise)
{
	struct fuel fuel = { UINT64_MAX / 2, false };
	const struct fields *fields = fields_parse(&tester->arena, &fuel, tester->facts->header);

	tester_check(tester, fields);
	for (; *names != NULL; names++) {
		const struct field *field = fields_find(fields, span_of(*names), 1, false);
		struct mail_address *list;
		size_t n;

		if (field != NULL &&
		    addresses_parse(field_value(field, &tester->arena, &fuel), &tester->arena,
			&fuel, &list, &n) &&
		    n > 0) {
			return list[0].text;
		}
	}
	return span_of(otherwise);
}

void world_set_message(
    struct tester *tester, struct span bytes, const char *const *flags, bool has_envelope)
{
	static const char *const to[] = { "Envelope-To", "To", NULL };
	static const char *const from[] = { "Return-Path", "Sender", "From", NULL };
	struct sieve_facts *facts = tester_alloc(tester, sizeof(*facts));
	size_t n;

	*facts = *tester->facts;
	tester->facts = facts;
	bytes = tester_copy(tester, bytes);
	n = header_length(bytes);
	facts->header = (struct span){ bytes.p, n };
	tester->body = (struct span){ bytes.p + n, bytes.n - n };
	facts->size = size_of(bytes);
	facts->flags = flags;
	if (has_envelope) {
		facts->to = address_in(tester, to, "recipient@example.com");
		facts->original_to = facts->to;
		facts->from = address_in(tester, from, "sender@example.com");
		facts->auth = (struct span){ NULL, 0 };
	}
	if (tester->run != NULL && sieve_run_set_facts(tester->run, facts) != 0) {
		tester_check(tester, NULL);
	}
}

struct span world_path(struct tester *tester, struct span text)
{
	bool is_bare = text.n == 0 || text.p[0] != '<';
	struct span bracketed = tester_format(
	    tester, "%s%.*s%s", is_bare ? "<" : "", (int)text.n, text.p, is_bare ? ">" : "");
	struct address address;
	struct path path;

	if (path_parse(&path, bracketed.p, bracketed.n) == bracketed.n &&
	    (memchr(path.text, '@', path.n) == NULL ||
		address_from_path(&address, &path) == ADDRESS_OK)) {
		return (struct span){ path.text, path.n };
	}
	return (struct span){ NULL, 0 };
}

/* --- folders ---------------------------------------------------------------------------------------------------- */

struct folder *world_folder(
    struct tester *tester, struct span name, bool creates, const char **reason_r)
{
	static const struct folder_style style = { '.', "" };
	char directory[FOLDER_DIRECTORY_MAX + 1];
	struct folder *folder = tester->folders;
	enum folder_outcome outcome =
	    folder_to_directory(&style, name.n > 0 ? name.p : "", name.n, directory);

	if (outcome != FOLDER_FINE) {
		*reason_r = folder_reason(outcome);
		return NULL;
	}
	while (folder != NULL && strcmp(folder->directory, directory) != 0) {
		folder = folder->next;
	}
	if (folder == NULL && creates) {
		folder = tester_alloc(tester, sizeof(*folder));
		*folder = (struct folder){ tester->folders,
			tester_copy(tester, span_of(directory)).p, NULL };
		tester->folders = folder;
	}
	*reason_r = "it does not exist";
	return folder;
}

const struct mail *world_find_mail(const struct mail *list, uint64_t number)
{
	while (list != NULL && number > 0) {
		list = list->next;
		number--;
	}
	return list;
}

static struct mail *add_mail(struct tester *tester, struct mail **list, struct span bytes)
{
	struct mail *mail = tester_alloc(tester, sizeof(*mail));

	while (*list != NULL) {
		list = &(*list)->next;
	}
	mail->bytes = bytes;
	*list = mail;
	return mail;
}

/* --- carrying a plan out ---------------------------------------------------------------------------------------- */

/* A version of the message with something on top. */
static struct span write_message(
    struct tester *tester, const struct sieve_plan *plan, unsigned version, struct span top)
{
	const struct sieve_version *header = &plan->versions[version];
	size_t n = top.n + tester->body.n;
	char *p;

	for (size_t i = 0; i < header->n_header; i++) {
		n += header->header[i].n;
	}
	p = tester_alloc(tester, n + 1);
	n = 0;
	for (size_t i = 0; i < header->n_header + 2; i++) {
		struct span piece = i == 0                 ? top
				    : i > header->n_header ? tester->body
							   : header->header[i - 1];

		if (piece.n > 0) {
			memcpy(p + n, piece.p, piece.n);
			n += piece.n;
		}
	}
	return (struct span){ p, n };
}

/* False: there is no such folder. */
static bool store(
    struct tester *tester, const struct sieve_plan *plan, const struct sieve_action *action)
{
	const char *reason;
	struct folder *folder = world_folder(tester, action->folder, action->creates, &reason);
	const char **flags = tester_alloc(tester, (action->n_flags + 1) * sizeof(*flags));

	if (folder == NULL) {
		scripts_add_error(tester,
		    tester_format(tester, "failed to store into mailbox '%.*s': the name: %s",
			SPAN(action->folder), reason));
		return false;
	}
	for (size_t i = 0; i < action->n_flags; i++) {
		flags[i] = tester_copy(tester, action->flags[i]).p;
	}
	add_mail(tester, &folder->mails,
	    write_message(tester, plan, action->version, (struct span){ "", 0 }))
	    ->flags = flags;
	return true;
}

/* To each recipient: those of notify stand on lines of their own. */
static void send_action(struct tester *tester, const struct sieve_action *action, struct span bytes)
{
	struct span to = tester_copy(tester, action->to);

	for (;;) {
		size_t n = strcspn(to.p, "\n");
		struct mail *mail = add_mail(tester, &tester->sent, bytes);

		mail->from = tester_copy(tester, action->from);
		mail->to = (struct span){ to.p, n };
		if (n == to.n) {
			return;
		}
		to = (struct span){ to.p + n + 1, to.n - n - 1 };
	}
}

static bool execute(
    struct tester *tester, const struct sieve_plan *plan, const struct sieve_action *action)
{
	struct pair *mark;

	switch (action->kind) {
	case SIEVE_KEEP:
	case SIEVE_STORE:
		return store(tester, plan, action);
	case SIEVE_REDIRECT:
		send_action(
		    tester, action, write_message(tester, plan, action->version, action->message));
		break;
	case SIEVE_VACATION:
		if (action->message.n == 0) {
			break; /* nobody is answered */
		}
		/* fall through */
	case SIEVE_NOTIFY:
		send_action(tester, action, tester_copy(tester, action->message));
		break;
	case SIEVE_MARK:
		mark = tester_alloc(tester, sizeof(*mark));
		*mark = (struct pair){ tester->marks, .name = tester_copy(tester, action->id) };
		tester->marks = mark;
		break;
	case SIEVE_DISCARD:
	case SIEVE_REJECT: /* lmtpd refuses the message then: nothing is sent */
		break;
	}
	return true;
}

bool world_execute(struct tester *tester, const struct sieve_plan *plan,
    const struct sieve_plan *keep, size_t *n_done, bool *has_kept)
{
	const struct sieve_action original = { .kind = SIEVE_KEEP };
	const struct sieve_action inbox = { .kind = SIEVE_KEEP,
		.version = keep->keep_version,
		.flags = keep->keep_flags,
		.n_flags = keep->n_keep_flags };
	bool is_fine = true;

	for (; *n_done < plan->n_actions; ++*n_done) {
		is_fine = execute(tester, plan, &plan->actions[*n_done]) && is_fine;
	}
	if ((plan->keeps || !is_fine) && !*has_kept) {
		execute(tester, plan, is_fine ? &inbox : &original);
		*has_kept = true;
	}
	return is_fine;
}
