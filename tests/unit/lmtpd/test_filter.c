/* SPDX-License-Identifier: MIT
 * From scripts to places: who runs them, what they are told, and what becomes of what they want. */
#include "lmtpd/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maildir/marks.h"
#include "tests/unit/unit.h"

enum {
	RECIPIENTS_MAX = 3,
	SCRIPTS_MAX = 2,
	WINDOW = 4096,
};

static const char plain[] = "Return-Path: <s@x>\nSubject: Report\nTo: a+t@d\nX: 1\n\nthe body\n";

/* --- the world: scripts, folders, a message ------------------------------------------------------------------------ */

static const char *scripts[SCRIPTS_MAX]; /* of a@d */
static struct sieve_program *programs[SCRIPTS_MAX];
static int opened;                /* what scripts_open() returns */
static int n_ran, n_without_plan; /* how often scripts_ran() was called */
static char undone_text[1024];    /* what it was told for the user, a line each */
static const char *message_text;
static size_t n_read_max; /* bytes of a window */
static int read_error;

static bool has_scripts(const struct scripts_home *home)
{
	return strcmp(home->path, "a@d") == 0;
}

int scripts_open(struct scripts *all, const struct lmtpd_config *config,
    const struct scripts_home *home, struct scripts_chain *chain_r, struct error *error)
{
	struct sieve_errors errors = { .n = 0 };

	int result = strcmp(home->path, "eio@d") == 0 ? -EIO : has_scripts(home) ? opened : 0;

	*chain_r = (struct scripts_chain){ .n = 0 };
	if (result < 0) {
		error_set(error, "scripts of %s: %s", home->address, strerror(-result));
		return result;
	}
	for (size_t i = 0; i < SCRIPTS_MAX && has_scripts(home) && scripts[i] != NULL; i++) {
		if (sieve_compile(&sieve_language, span_of(scripts[i]), &programs[i], &errors) !=
		    0) {
			snprintf(chain_r->trouble, sizeof(chain_r->trouble), "it is broken");
		} else {
			chain_r->list[chain_r->n++] =
			    (struct sieve_script){ programs[i], i == 0 ? "own" : "after" };
		}
	}
	return 0;
}

void scripts_close(struct scripts *all, struct scripts_chain *chain)
{
	for (size_t i = 0; i < SCRIPTS_MAX; i++) {
		sieve_program_free(programs[i]);
		programs[i] = NULL;
	}
}

void scripts_ran(struct scripts *all, const struct lmtpd_config *config,
    const struct scripts_home *home, const struct scripts_chain *chain,
    const struct sieve_plan *plan, const struct sieve_note *undone, size_t n_undone,
    const char *message_id)
{
	size_t n = 0;

	undone_text[0] = '\0';
	for (size_t i = 0; i < n_undone; i++) {
		n += (size_t)snprintf(undone_text + n, sizeof(undone_text) - n, "%s %u: %.*s\n",
		    undone[i].script, undone[i].line, (int)undone[i].text.n, undone[i].text.p);
		assert_int_equal(undone[i].kind, SIEVE_NOTE_ERROR);
	}
	n_ran++;
	n_without_plan += plan == NULL;
	assert_string_equal(message_id, "<id>");
}

bool scripts_is_own(const struct scripts_chain *chain, const char *name)
{
	return name != NULL && strcmp(name, "own") == 0;
}

int __wrap_maildir_probe(const struct maildir_root *root, const char *mailbox, const char **part_r);
ssize_t __wrap_maildir_read(
    const struct maildir_message *message, uint64_t offset, char *buffer, size_t n);

/* .Work and .Junk are there. */
int __wrap_maildir_probe(const struct maildir_root *root, const char *mailbox, const char **part_r)
{
	return strcmp(mailbox, "a@d/Maildir/.Work") == 0 ||
		       strcmp(mailbox, "a@d/Maildir/.Junk") == 0
		   ? MAILDIR_EXISTS
		   : MAILDIR_ABSENT;
}

ssize_t __wrap_maildir_read(
    const struct maildir_message *message, uint64_t offset, char *buffer, size_t n)
{
	size_t length = strlen(message_text), left = offset < length ? length - offset : 0;

	if (read_error < 0 && offset > 0) {
		return read_error;
	}
	if (n > n_read_max) {
		n = n_read_max;
	}
	n = n < left ? n : left;
	memcpy(buffer, message_text + offset, n);
	return (ssize_t)n;
}

/* --- what was sent before ------------------------------------------------------------------------------------------ */

static struct outbound outbound;
static bool is_marked; /* whatever is asked for */
static int mark_error;

int __wrap_home_open(const struct maildir_root *root, const char *path);
int __wrap_marks_has(int home_fd, const char *user, struct span id, time_t now);
int __wrap_marks_add(int home_fd, const char *user, const struct mark *marks, size_t n, time_t now,
    unsigned *patience);

int __wrap_home_open(const struct maildir_root *root, const char *path)
{
	assert_string_equal(path, "a@d");
	return dup(STDERR_FILENO);
}

int __wrap_marks_has(int home_fd, const char *user, struct span id, time_t now)
{
	assert_string_equal(user, "a@d");
	assert_true(id.n > 0);
	return mark_error < 0 ? mark_error : is_marked;
}

int __wrap_marks_add(int home_fd, const char *user, const struct mark *marks, size_t n, time_t now,
    unsigned *patience)
{
	fail_msg("a run marks nothing");
	return -1;
}

/* --- one message --------------------------------------------------------------------------------------------------- */

static struct lmtpd_config config;
static struct envelope envelope;
static struct places places, filed;
static struct header_facts facts;
static struct filter *filter;
static const char *maildir_path; /* below the home */

/* The mailbox is the local part before a plus sign, and what stands behind it the folder. */
static int find(const struct lmtpd_config *unused, const struct mailbox *mailbox,
    struct home *home_r, struct error *error)
{
	static const struct maildir_root root = { .base = "/mail" };
	const char *detail = mailbox->detail;

	*home_r = (struct home){ .root = &root, .n_home = strlen(mailbox->address.text) };
	snprintf(home_r->path, sizeof(home_r->path), "%s%s", mailbox->address.text, maildir_path);
	if (detail != NULL) {
		snprintf(home_r->folder, sizeof(home_r->folder), ".%s", detail);
	}
	return 0;
}

static void add_recipient(const char *text, const char *address, const char *detail)
{
	struct recipient *recipient = recipient_new(text, strlen(text));
	struct mailbox *mailbox = calloc(1, sizeof(*mailbox));

	snprintf(mailbox->address.text, ADDRESS_MAX, "%s", address);
	mailbox->detail = detail == NULL ? NULL : strdup(detail);
	recipient->resolution.mailboxes = mailbox;
	recipient->resolution.n_mailboxes = 1;
	envelope_add(&envelope, recipient);
	envelope.n_mailboxes++;
}

static int begin(void **state)
{
	static const char *uses[] = { "\\Junk=Junk", "\\Trash=Trash" };

	config = (struct lmtpd_config){
		.hostname = "mx.example.com",
		.folder_style = { '.', "" },
		.folders_max = 100,
		.special_use = { uses, 2 },
		.auto_folders = { uses, 1 },
		.sieve = { .settings = sieve_defaults },
	};
	snprintf(config.auto_directories[0], FOLDER_DIRECTORY_MAX, ".Auto");
	config.lmtp.recipient_delimiter = "+";
	memset(scripts, 0, sizeof(scripts));
	opened = n_ran = n_without_plan = read_error = 0;
	mark_error = 0;
	is_marked = false;
	memset(&facts, 0, sizeof(facts));
	snprintf(facts.message_id, sizeof(facts.message_id), "<id>");
	snprintf(facts.queue_id, sizeof(facts.queue_id), "Q1");
	snprintf(facts.received, sizeof(facts.received), "Fri 1");
	assert_int_equal(outbound_init(&outbound), 0);
	n_read_max = WINDOW;
	message_text = plain;
	maildir_path = "/Maildir";
	envelope_init(&envelope);
	envelope.sender = strdup("s@x");
	places = filed = (struct places){ 0 };
	filter = NULL;
	return 0;
}

/* For another message to the same. */
static void forget_places(void)
{
	places_free(&filed);
	places_free(&places);
	places = filed = (struct places){ 0 };
}

static int end(void **state)
{
	filter_free(filter);
	claims_free(outbound.claims);
	rates_free(outbound.rates);
	marking_free(outbound.marking);
	forget_places();
	envelope_deinit(&envelope);
	return 0;
}

/* Fuel of a run on a writer's thread. */
static uint64_t first_fuel = FILTER_FUEL_FIRST;
static int n_elsewhere; /* messages for which it was not enough */

/* Runs all, with the message in memory or read piece by piece. */
static void run(bool is_whole)
{
	static char buffer[WINDOW];
	size_t n = strlen(message_text);
	struct maildir_message message = { .size = n, .wire_size = n + 6 };

	assert_int_equal(places_make(&places, &envelope, find, &config), 0);
	filter = filter_new(NULL, &outbound, &config, &places, &envelope);
	assert_non_null(filter);
	if (first_fuel < filter->first.fuel) {
		filter->first.fuel = first_fuel;
	}
	memcpy(buffer, message_text, is_whole ? n : 0);
	n = is_whole ? n : 0;
	if (filter_run(filter, &message, &facts, buffer, sizeof(buffer), n, true) > 0) {
		n_elsewhere++;
		assert_int_equal(
		    filter_run(filter, &message, &facts, buffer, sizeof(buffer), n, false), 0);
	}
	if (filter->error == 0) {
		assert_int_equal(
		    places_refile(&filed, &places, &filter->filing, &filter->arena), 0);
	}
}

static const char *const kinds[] = { [SIEVE_REDIRECT] = "redirect",
	[SIEVE_VACATION] = "vacation",
	[SIEVE_NOTIFY] = "notify",
	[SIEVE_MARK] = "mark" };

/* "mailbox FOLDER flags keywords (make subscribe) vN", one a line; then the notes. */
static void describe(char *got, size_t cap)
{
	size_t n = 0;

	got[0] = '\0';
	for (size_t i = 0; i < filed.n; i++) {
		const struct maildir_place *place = &filed.list[i];

		n += (size_t)snprintf(got + n, cap - n, "%.*s %s%s%s", (int)filed.homes[i],
		    place->mailbox, place->folder[0] == '\0' ? "INBOX" : place->folder,
		    place->flags[0] ? " " : "", place->flags);
		for (size_t k = 0; k < place->n_keywords; k++) {
			n += (size_t)snprintf(got + n, cap - n, " %s", place->keywords[k]);
		}
		if (place->if_absent == MAILDIR_MAKE) {
			n += (size_t)snprintf(
			    got + n, cap - n, " make%s", place->subscribes ? " subscribe" : "");
		}
		if (filed.versions[i] > 0) {
			n += (size_t)snprintf(got + n, cap - n, " v%u", filed.versions[i]);
		}
		n += (size_t)snprintf(got + n, cap - n, "\n");
	}
	for (size_t i = 0; filter->error == 0 && i < places.n_slots; i++) {
		const struct places_slot *slot = &filed.slots[i];

		if (slot->has_fallback) {
			assert_string_equal(filed.of[slot->first + slot->n]->folder, "");
			n += (size_t)snprintf(got + n, cap - n, "or back\n");
		}
		if (slot->is_redirected) {
			n += (size_t)snprintf(got + n, cap - n, "is redirected\n");
		}
		if (slot->rejection != NULL) {
			n += (size_t)snprintf(got + n, cap - n, "rejects: %s\n", slot->rejection);
		}
	}
	for (size_t i = 0; filter->error == 0 && i < filter->outbox.n; i++) {
		const struct letter *letter = &filter->outbox.list[i];

		n += (size_t)snprintf(got + n, cap - n, "%s %s%s%s%s v%u\n", kinds[letter->kind],
		    letter->from, letter->to[0] != '\0' ? " to " : "", letter->to,
		    letter->state == LETTER_SENT ? " was sent" : "", letter->version);
	}
	for (size_t i = 0; filter->error == 0 && i < places.n_slots; i++) {
		if (filter->runs[i].note[0] != '\0') {
			n += (size_t)snprintf(got + n, cap - n, "(%s)\n", filter->runs[i].note);
		}
	}
}

static void expect(const char *name, const char *want)
{
	char got[4096];

	describe(got, sizeof(got));
	expect_text(name, got, want);
}

#define FILE_FLAGS "require [\"fileinto\", \"imap4flags\", \"mailbox\", \"copy\"];\n"

/* What a script of a@d makes of a message for a@d alone. */
static const struct {
	const char *script, *want;
} cases[] = {
	{ "", "a@d INBOX\n" },
	{ "keep;", "a@d INBOX\n" },
	{ "discard;", "" },
	{ FILE_FLAGS "fileinto \"Work\";", "a@d .Work\n" },
	{ FILE_FLAGS "fileinto \"Work.\xc3\xa4\";", "a@d .Work.&AOQ-\n" },
	{ FILE_FLAGS "fileinto \"inbox\";", "a@d INBOX\n" },
	{ FILE_FLAGS "keep; fileinto \"INBOX\"; fileinto \"Work\";", "a@d INBOX\na@d .Work\n" },
	{ FILE_FLAGS "fileinto :copy \"Work\";", "a@d .Work\na@d INBOX\n" },
	{ FILE_FLAGS "fileinto :create \"New\";", "a@d .New make\n" },
	{ FILE_FLAGS "fileinto \"Auto\";", "a@d .Auto make subscribe\n" },
	{ FILE_FLAGS "if mailboxexists [\"Work\", \"Auto\", \"INBOX\"] { discard; }", "" },
	{ FILE_FLAGS "if mailboxexists \"None\" { discard; }", "a@d INBOX\n" },
	{ FILE_FLAGS "if mailboxexists \"a..b\" { discard; }", "a@d INBOX\n" },
	{ FILE_FLAGS "fileinto :flags [\"\\\\Seen\", \"$x\", \"\\\\seen\", \"y\"] \"Work\";",
	    "a@d .Work S $x y\n" },
	{ FILE_FLAGS "setflag [\"\\\\Deleted\", \"\\\\Draft\", \"\\\\Answered\", \"\\\\Flagged\"];",
	    "a@d INBOX TDRF\n" },
	{ FILE_FLAGS "fileinto \"a..b\";",
	    "a@d INBOX\n(own line 2: the folder \"a..b\" cannot be: a separator has no name on "
	    "one of its sides, INBOX is used)\n" },
	{ "require [\"fileinto\", \"special-use\"]; fileinto :specialuse \"\\\\Junk\" \"Other\";",
	    "a@d .Junk\n" },
	{ "require [\"fileinto\", \"special-use\"]; fileinto :specialuse \"\\\\Trash\" \"Work\";",
	    "a@d .Work\n" },
	{ "require \"special-use\"; if specialuse_exists \"\\\\Junk\" { discard; }", "" },
	{ "require \"special-use\"; if specialuse_exists \"Junk\" \"\\\\junk\" { discard; }", "" },
	{ "require \"special-use\"; if specialuse_exists \"Work\" \"\\\\Junk\" { discard; }",
	    "a@d INBOX\n" },
	{ "require \"special-use\"; if specialuse_exists \"\\\\Trash\" { discard; }",
	    "a@d INBOX\n" },
	/* What is sent. */
	{ "redirect \"b@x\";", "a@d INBOX\nor back\nredirect s@x to b@x v0\n" },
	{ "require [\"copy\", \"fileinto\"]; redirect :copy \"b@x\"; fileinto \"Work\";",
	    "a@d .Work\na@d INBOX\nor back\nredirect s@x to b@x v0\n" },
	{ "redirect \"b@x\"; keep;", "a@d INBOX\nredirect s@x to b@x v0\n" },
	{ "redirect \"b@x\"; redirect \"c@x\";",
	    "a@d INBOX\nor back\nredirect s@x to b@x v0\nredirect s@x to c@x v0\n" },
	{ "require \"editheader\"; addheader \"X\" \"1\"; redirect \"b@x\";",
	    "a@d INBOX v1\nor back\nredirect s@x to b@x v1\n" },
	/* Of one run once, whatever was done to the header between. */
	{ "require [\"copy\", \"editheader\"]; redirect :copy \"b@x\"; addheader \"X\" \"1\"; "
	  "redirect \"b@x\";",
	    "a@d INBOX v1\nor back\nredirect s@x to b@x v0\n" },
	{ "require \"enotify\"; notify :message \"1\" \"mailto:b@x\"; notify :message \"2\" "
	  "\"mailto:b@x\"; notify :message \"1\" \"mailto:b@x\";",
	    "a@d INBOX\nnotify postmaster to b@x v0\nnotify postmaster to b@x v0\n" },
	{ "require \"reject\"; reject \"no\";", "rejects: no\n" },
	{ "require \"ereject\"; ereject \"no\";", "rejects: no\n" },
	{ "require \"vacation\"; vacation :addresses \"a@d\" \"away\"; discard;",
	    "vacation  to s@x v0\n" },
	{ "require \"enotify\"; notify \"mailto:b@x\";",
	    "a@d INBOX\nnotify postmaster to b@x v0\n" },
	{ "require \"duplicate\"; if duplicate :uniqueid \"x\" { discard; }",
	    "a@d INBOX\nmark  v0\n" },
	{ "require [\"vacation\", \"fileinto\"]; vacation :addresses \"s@x\" \"away\"; fileinto "
	  "\"Work\";",
	    "a@d .Work\n" },
	/* A script that fails adds nothing. */
	{ FILE_FLAGS "fileinto \"Work\"; redirect \"${x}\"; require \"x\";",
	    "a@d INBOX\n(it is broken)\n" },
	{ "require [\"fileinto\", \"variables\", \"editheader\"]; fileinto \"Work\"; "
	  "set \"n\" \" \"; addheader \"${n}\" \"x\";",
	    NULL },
	/* Versions: what comes to the same is one. */
	{ "require [\"editheader\", \"fileinto\"]; fileinto \"Work\"; addheader \"X-A\" \"1\";",
	    "a@d .Work\n" },
	{ "require [\"editheader\", \"fileinto\", \"copy\"]; fileinto :copy \"Work\"; addheader "
	  "\"X-A\" \"1\";",
	    "a@d .Work\na@d INBOX v1\n" },
	{ "require [\"editheader\", \"fileinto\"]; addheader \"X-A\" \"1\"; deleteheader \"X-A\"; "
	  "fileinto \"Work\";",
	    "a@d .Work\n" },
	/* What scripts are told. */
	{ "require [\"envelope\", \"subaddress\"]; if allof(envelope \"from\" \"s@x\", "
	  "envelope :detail \"to\" \"t\") { discard; }",
	    "" },
	{ "require \"body\"; if body :contains \"the body\" { discard; }", "" },
	{ "require \"duplicate\"; if duplicate { discard; }", "a@d INBOX\n" },
	{ "require \"environment\"; if allof(environment \"host\" \"mx.example.com\", "
	  "environment \"domain\" \"example.com\") { discard; }",
	    "" },
	{ "if size :over 65 { discard; }", "" },
	{ "if size :over 66 { discard; }", "a@d INBOX\n" },
};

static void test_scripts(void **state)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (int is_whole = 0; is_whole <= 1; is_whole++) {
			begin(state);
			scripts[0] = cases[i].script;
			n_read_max = is_whole ? WINDOW : 7;
			add_recipient("a+t@d", "a@d", NULL);
			run(is_whole);
			assert_int_equal(filter->error, 0);
			if (cases[i].want != NULL) {
				expect(cases[i].script, cases[i].want);
			} else {
				assert_int_equal(filter->counts.n_failed, 1);
				assert_int_equal(filed.n, 1);
				assert_string_equal(filed.list[0].folder, "");
			}
			end(state);
		}
	}
}

/* What cannot be done is told to the user as well as to the admin, one line each. */
static void test_undone(void **state)
{
	scripts[0] = "require [\"fileinto\", \"copy\", \"encoded-character\"];\n"
		     "fileinto :copy \"a..b\";\nfileinto \"x${hex:0a}own: y\";\n"
		     "fileinto \"Work\";";
	add_recipient("a@d", "a@d", NULL);
	add_recipient("a+t@d", "a@d", NULL);
	run(true);
	expect_text("the user's", undone_text,
	    "own 2: the folder \"a..b\" cannot be: a separator has no name on one of its sides, "
	    "INBOX is used\n"
	    "own 3: the folder \"x own: y\" cannot be: it has a control character, INBOX is "
	    "used\n");
	expect_text("the admin's", filter->runs[1].note,
	    "own line 2: the folder \"a..b\" cannot be: a separator has no name on one of its "
	    "sides, INBOX is used; "
	    "own line 3: the folder \"x own: y\" cannot be: it has a control character, INBOX is "
	    "used");
}

/* What was redirected before, or is just now, stays here; but not what the client brings again since another recipient failed. */
static void test_redirected_before(void **state)
{
	struct key key;
	const struct span again[] = { span_of("Q1"), span_of("Fri 1"), span_of("a@d"),
		span_of("a@d"), span_of("b@x"), span_of("<1@x>-a@d-b@x--"), span_of("taken") };

	message_text = "Message-ID: <1@x>\n\nbody\n";
	scripts[0] = "redirect \"b@x\"; redirect \"c@x\";";
	add_recipient("a@d", "a@d", NULL);
	is_marked = true;
	run(true);
	expect("marked", "a@d INBOX\n");
	end(state);

	begin(state);
	message_text = "Message-ID: <1@x>\n\nbody\n";
	scripts[0] = "redirect \"b@x\"; redirect \"c@x\";";
	add_recipient("a@d", "a@d", NULL);
	is_marked = true;
	assert_int_equal(ids_key(&key, again, LENGTH(again)), 0);
	claims_note_redirect(outbound.claims, &key, (uint64_t)time(NULL));
	run(true);
	expect("a retry", "a@d INBOX\nis redirected\nredirect s@x to b@x was sent v0\n");
	end(state);

	/* Marks that cannot be read are none. */
	begin(state);
	message_text = "Message-ID: <1@x>\n\nbody\n";
	scripts[0] = "redirect \"b@x\";";
	add_recipient("a@d", "a@d", NULL);
	mark_error = -EACCES;
	run(true);
	expect("unreadable", "a@d INBOX\nor back\nredirect s@x to b@x v0\n");
}

/* Two messages at once: the second waits for the first, or is told to come again. */
static void test_two_at_once(void **state)
{
	struct filter *other;

	scripts[0] = "require \"duplicate\"; if duplicate :uniqueid \"x\" { discard; }";
	add_recipient("a@d", "a@d", NULL);
	run(true);
	expect("the first", "a@d INBOX\nmark  v0\n");
	other = filter;
	forget_places();
	n_elsewhere = 0;
	run(true);
	assert_int_equal(n_elsewhere, 1); /* a writer's thread does not wait */
	expect_text("the second", filed.slots[0].refusal,
	    "another message that its script may take for the same is being delivered");
	assert_int_equal(filed.n, 0);
	filter_free(filter);
	filter_free(other);
	forget_places();
	run(true);
	expect("the third", "a@d INBOX\nmark  v0\n");
}

/* But an answer that is about to be sent is one: the second is neither answered nor told to come again, and waits for nothing. */
static void test_two_to_answer(void **state)
{
	struct filter *other;

	scripts[0] = "require \"vacation\"; vacation :addresses \"a@d\" \"away\";";
	message_text = "To: a@d\n\nbody\n";
	add_recipient("a@d", "a@d", NULL);
	run(true);
	expect("the first", "a@d INBOX\nvacation  to s@x v0\n");
	other = filter;
	forget_places();
	n_elsewhere = 0;
	run(true);
	assert_int_equal(n_elsewhere, 0);
	expect("the second", "a@d INBOX\n");
	filter_free(other);
}

/* A box takes so many letters, and not one more. */
static void test_full_box(void **state)
{
	const struct scripts_home home = { .path = "a@d", .address = "a@d" };
	char to[16];
	struct sieve_action action = { .kind = SIEVE_NOTIFY, .from = { "", 0 } };

	add_recipient("a@d", "a@d", NULL);
	run(true);
	for (int i = 0; i <= OUTBOX_LETTERS_MAX; i++) {
		snprintf(to, sizeof(to), "%d@x", i);
		action.to = span_of(to);
		assert_int_equal(outbox_add(&filter->outbox, &home, 0, 0, &action, false),
		    i < OUTBOX_LETTERS_MAX ? OUTBOX_TAKEN : OUTBOX_FULL);
	}
	assert_int_equal(filter->outbox.n, OUTBOX_LETTERS_MAX);
}

/* A redirect knows which script of the user's own wants it, also when that is gone; none is known of the admin's. */
static void test_whose_redirect(void **state)
{
	scripts[0] = "require \"copy\";\nredirect :copy \"b@x\";";
	scripts[1] = "redirect \"c@x\";";
	add_recipient("a@d", "a@d", NULL);
	run(true);
	expect("two", "a@d INBOX\nor back\nredirect s@x to b@x v0\nredirect s@x to c@x v0\n");
	assert_string_equal(filter->outbox.list[0].script, "own");
	assert_int_equal(filter->outbox.list[0].line, 2);
	assert_null(filter->outbox.list[1].script);
}

/* Two recipients that are one mailbox: once. Nobody is told that nobody can be told. */
static void test_once_for_a_mailbox(void **state)
{
	scripts[0] = "require [\"vacation\", \"duplicate\", \"enotify\"];"
		     "vacation :addresses \"a@d\" \"away\"; notify \"mailto:n@x\";"
		     "if duplicate { discard; }";
	message_text = "Message-ID: <1@x>\nTo: a@d\n\nbody\n";
	add_recipient("a@d", "a@d", NULL);
	add_recipient("a+t@d", "a@d", NULL);
	run(true);
	expect("once", "a@d INBOX\nvacation  to s@x v0\nnotify postmaster to n@x v0\nmark  v0\n");
	end(state);

	begin(state);
	free(envelope.sender);
	envelope.sender = strdup("");
	scripts[0] = "require [\"reject\"]; reject \"no\";";
	add_recipient("a@d", "a@d", NULL);
	run(true);
	expect("no sender", "a@d INBOX\n(own line 1: a message without a sender is not rejected: "
			    "INBOX keeps it)\n");
}

/* More headers than there may be: the one that came is kept, also by what stands in no script. */
static void test_too_many_versions(void **state)
{
	char text[8192] = "require [\"editheader\", \"fileinto\", \"copy\", \"mailbox\"];\n";
	size_t n = strlen(text);

	config.sieve.settings.actions_max = 1000;
	for (int i = 1; i < FILTER_VERSIONS_MAX; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    "addheader \"X\" \"%d\"; fileinto :copy :create \"f%d\";\n", i, i);
	}
	snprintf(text + n, sizeof(text) - n,
	    "addheader \"X\" \"y\"; fileinto :copy \"Work\"; addheader \"X\" \"z\";");
	scripts[0] = text;
	add_recipient("a@d", "a@d", NULL);
	run(true);
	assert_int_equal(filter->error, 0);
	assert_int_equal(filter->filing.n_versions, FILTER_VERSIONS_MAX);
	assert_int_equal(filed.n, FILTER_VERSIONS_MAX + 1);
	assert_string_equal(filed.list[0].folder, ".Work");
	assert_string_equal(filed.list[1].folder, "");
	assert_int_equal(filed.versions[1], 0);
	expect_text("the user's", undone_text,
	    "own 65: too many different headers for one message: the one that came is kept\n");
	expect_text("the admin's", filter->runs[0].note,
	    "own line 65: too many different headers for one message: the one that came is kept; "
	    "too many different headers for one message: the one that came is kept");
}

/* Over all recipients there is a limit; those behind it have their mail in INBOX. */
static void test_too_many_stores(void **state)
{
	enum {
		FOLDERS = 60,
		RECIPIENTS = FILTER_STORES_MAX / FOLDERS + 3,
	};
	char text[4096] = "require [\"fileinto\", \"mailbox\"];\n", to[16];
	size_t n = strlen(text);

	for (int i = 0; i < FOLDERS; i++) {
		n += (size_t)snprintf(text + n, sizeof(text) - n, "fileinto :create \"f%d\";\n", i);
	}
	scripts[0] = text;
	for (int i = 0; i < RECIPIENTS; i++) {
		snprintf(to, sizeof(to), "a+%d@d", i);
		add_recipient(to, "a@d", NULL);
	}
	add_recipient("b@d", "b@d", NULL);
	run(true);
	assert_int_equal(filter->error, 0);
	assert_int_equal(filter->counts.n_runs, RECIPIENTS - 2);
	assert_int_equal(filter->filing.n_stores, (RECIPIENTS - 2) * FOLDERS + 3);
	assert_string_equal(filter->runs[RECIPIENTS - 3].note, "");
	assert_string_equal(filter->runs[RECIPIENTS - 1].note,
	    "the scripts of others have taken too much for one message: INBOX keeps it");
	assert_string_equal(filter->runs[RECIPIENTS].note, ""); /* it has none */
	assert_int_equal(filed.n, FOLDERS + 2);
}

/* A detail's folder is what INBOX is to keep; who says INBOX means it. */
static void test_detail(void **state)
{
	scripts[0] = "require [\"fileinto\", \"copy\"]; fileinto :copy \"INBOX\"; stop;";
	add_recipient("a+Lists@d", "a@d", "Lists");
	run(true);
	expect("INBOX, and what keep means", "a@d INBOX\n");
	end(state);
	begin(state);
	scripts[0] = "require [\"fileinto\", \"copy\"]; fileinto :copy \"Work\";";
	add_recipient("a+Lists@d", "a@d", "Lists");
	run(true);
	expect("the detail's folder", "a@d .Work\na@d .Lists\n");
}

/* The user's script lies where a folder would: nobody makes one of that name. */
static void test_home_that_is_the_maildir(void **state)
{
	maildir_path = "";
	scripts[0] = FILE_FLAGS "if not mailboxexists \"dovecot.sieve\" { fileinto :create "
				"\"dovecot.sieve\"; fileinto :create \"Work\"; }";
	add_recipient("a@d", "a@d", NULL);
	run(true);
	expect("taken",
	    "a@d INBOX\na@d .Work make\n(own line 2: the folder \"dovecot.sieve\" cannot be: that "
	    "name is taken, INBOX is used)\n");
}

/* Two addresses of one mailbox are two runs; a mailbox without scripts, and one that must wait, have theirs. */
static void test_recipients(void **state)
{
	scripts[0] = "require [\"envelope\", \"subaddress\", \"fileinto\", \"imap4flags\"];"
		     "if envelope :detail \"to\" \"x\" { fileinto :flags \"\\\\Seen\" \"Work\"; }"
		     "else { fileinto :flags \"$k\" \"Work\"; keep; }";
	add_recipient("a+x@d", "a@d", NULL);
	add_recipient("a+y@d", "a@d", NULL);
	add_recipient("b@d", "b@d", NULL);
	add_recipient("eio@d", "eio@d", NULL);
	run(true);
	expect("all", "a@d .Work S $k\na@d INBOX\nb@d INBOX\n");
	assert_int_equal(filter->counts.n_runs, 2);
	assert_int_equal(n_ran, 2);
	assert_string_equal(filter->runs[0].scripts, "own");
	assert_string_equal(filter->runs[2].scripts, "");
	expect_text("refusal", filed.slots[3].refusal, "scripts of eio@d: Input/output error");
	assert_int_equal(filed.slots[3].n, 0);
}

/* Behind a script that fails the others run. */
static void test_chain(void **state)
{
	scripts[0] =
	    "require [\"fileinto\", \"editheader\", \"variables\"]; fileinto \"Work\"; set \"n\" "
	    "\" \"; addheader \"${n}\" \"x\";";
	scripts[1] = "require \"fileinto\"; if header \"X\" \"1\" { fileinto \"Junk\"; }";
	add_recipient("a@d", "a@d", NULL);
	run(true);
	assert_int_equal(filter->counts.n_failed, 1);
	assert_int_equal(filed.n, 1);
	assert_string_equal(filed.list[0].folder, ".Junk");
	assert_string_equal(filter->runs[0].scripts, "own,after");
	assert_string_equal(
	    filter->runs[0].note, "own line 1: \" \" cannot be the name of a header field");
}

/* Where a script has decided, the log does not name those that would have come behind it. */
static void test_end_of_chain(void **state)
{
	scripts[0] = "discard;";
	scripts[1] = "keep;";
	add_recipient("a@d", "a@d", NULL);
	run(true);
	assert_int_equal(filed.n, 0);
	assert_string_equal(filter->runs[0].scripts, "own");
}

/* What is wrong with the admin's script is logged as it is, and once. */
static void test_error_of_the_admin(void **state)
{
	scripts[0] = "keep;";
	scripts[1] = "require [\"editheader\", \"variables\"]; set \"n\" \" \"; "
		     "addheader \"${n}\" \"x\";";
	add_recipient("a@d", "a@d", NULL);
	run(true);
	assert_int_equal(filter->counts.n_failed, 1);
	assert_int_equal(n_ran, 1);
	expect("kept, and no note", "a@d INBOX\n");
}

/* A broken script is told of and counted, alone as well as before one that runs; that there is none is no run. */
static void test_broken_script(void **state)
{
	static const char *const afters[] = { NULL, "keep;" };

	for (size_t i = 0; i < LENGTH(afters); i++) {
		begin(state);
		scripts[0] = "no script at all";
		scripts[1] = afters[i];
		add_recipient("a@d", "a@d", NULL);
		run(true);
		expect("broken", "a@d INBOX\n(it is broken)\n");
		assert_int_equal(n_ran, 1);
		assert_int_equal(n_without_plan, afters[i] == NULL);
		assert_int_equal(filter->counts.n_runs, 1);
		assert_int_equal(filter->counts.n_failed, 1);
		assert_int_equal(filter->counts.n_exhausted, 0);
		assert_string_equal(filter->runs[0].scripts, afters[i] == NULL ? "" : "after");
		end(state);
	}
	begin(state);
	add_recipient("a@d", "a@d", NULL);
	run(true);
	expect("none", "a@d INBOX\n");
	assert_int_equal(n_ran, 0);
	assert_int_equal(filter->counts.n_runs, 0);
	end(state);
}

/* Too little for the body, and for anything at all. */
static void test_fuel(void **state)
{
	static const uint64_t fuels[] = { 200, 5 };

	for (size_t i = 0; i < LENGTH(fuels); i++) {
		begin(state);
		config.sieve.settings.fuel = fuels[i];
		scripts[0] = "require \"body\"; if body :contains \"x\" { discard; }";
		add_recipient("a@d", "a@d", NULL);
		add_recipient("b@d", "b@d", NULL);
		run(true);
		assert_int_equal(filter->counts.n_exhausted, 1);
		assert_int_equal(filter->counts.n_failed, 1);
		assert_int_equal(filed.n, 2);
		assert_string_equal(filed.list[0].folder, "");
		assert_string_not_equal(filter->runs[0].note, "");
		assert_int_equal(n_ran, 1);
		end(state);
	}
}

/* Scripts that cannot be read now hold their mailbox's mail; a message that cannot be read again holds all. */
static void test_accidents(void **state)
{
	opened = -EIO;
	add_recipient("a@d", "a@d", NULL);
	add_recipient("b@d", "b@d", NULL);
	run(true);
	expect("the other one", "b@d INBOX\n");
	expect_text("refusal", filed.slots[0].refusal, "scripts of a@d: Input/output error");
	end(state);
	/* In the header, in the body. */
	for (size_t n = 50; n < WINDOW; n += 10) {
		begin(state);
		read_error = -EIO;
		n_read_max = n;
		scripts[0] = "require \"body\"; if body :contains \"x\" { discard; }";
		add_recipient("a@d", "a@d", NULL);
		add_recipient("b@d", "b@d", NULL);
		run(false);
		assert_int_equal(filter->error, -EIO);
		end(state);
	}
	begin(state);
}

/* A message that is a header and nothing else. */
static void test_header_alone(void **state)
{
	for (int is_whole = 0; is_whole <= 1; is_whole++) {
		begin(state);
		message_text = "Subject: Report\nX: 1\n";
		n_read_max = is_whole ? WINDOW : 7;
		scripts[0] = "require [\"body\", \"fileinto\"]; if allof(header \"x\" \"1\", not "
			     "body :raw :contains \"1\") { fileinto \"Work\"; }";
		add_recipient("a@d", "a@d", NULL);
		run(is_whole);
		assert_int_equal(filter->n_header, strlen(message_text));
		expect("filed", "a@d .Work\n");
		end(state);
	}
}

/* Without scripts nothing is looked at, and all stays as it was expected. */
static void test_nobody(void **state)
{
	add_recipient("b@d", "b@d", NULL);
	add_recipient("b+x@d", "b@d", "x");
	run(true);
	assert_int_equal(filter->counts.n_runs, 0);
	assert_int_equal(filter->n_header, 0);
	assert_true(places_stay(&places, &filter->filing));
	expect("nobody", "b@d INBOX\nb@d .x\n");
}

/* Scripts that change nothing leave the places alone: there is nothing to be made anew. */
static void test_same_places(void **state)
{
	static const struct {
		const char *script, *detail;
		bool stays;
	} wishes[] = {
		{ "stop;", NULL, true },
		{ "keep;", "x", true },
		{ FILE_FLAGS "fileinto \"INBOX\";", NULL, true },
		{ FILE_FLAGS "fileinto \"INBOX\";", "x", false },
		/* it would be subscribed to as a detail's folder is */
		{ FILE_FLAGS "fileinto \"x\";", "x", false },
		{ FILE_FLAGS "fileinto \"Work\";", NULL, false },
		{ FILE_FLAGS "fileinto \"Work\"; keep;", NULL, false },
		{ FILE_FLAGS "fileinto \"Auto\";", "Auto", false },
		{ FILE_FLAGS "keep :flags \"\\\\Seen\";", NULL, false },
		{ FILE_FLAGS "keep :flags \"$k\";", NULL, false },
		{ "require \"editheader\"; addheader \"X-A\" \"1\";", NULL, false },
		{ "require \"copy\"; redirect :copy \"u@v\";", NULL, true },
		{ "redirect \"u@v\";", NULL, false },
		{ "discard;", NULL, false },
		{ "require \"reject\"; reject \"no\";", NULL, false },
	};

	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		begin(state);
		scripts[0] = wishes[i].script;
		add_recipient("b@d", "b@d", NULL);
		add_recipient("a+x@d", "a@d", wishes[i].detail);
		run(true);
		if (places_stay(&places, &filter->filing) != wishes[i].stays) {
			fail_msg("%s: the places %s", wishes[i].script,
			    wishes[i].stays ? "change" : "stay");
		}
		end(state);
	}
	begin(state);
	opened = -EIO;
	add_recipient("a@d", "a@d", NULL);
	run(true);
	assert_false(places_stay(&places, &filter->filing));
	end(state);
}

/* What a writer's thread has no time for comes to the same on another one, is counted once, and what was done before stays. */
static void test_elsewhere(void **state)
{
	n_elsewhere = 0;
	scripts[0] = FILE_FLAGS "if header :contains \"subject\" \"port\" { fileinto \"Work\"; }";
	add_recipient("b@d", "b@d", NULL);
	add_recipient("a@d", "a@d", NULL);
	first_fuel = 10;
	run(true);
	first_fuel = FILTER_FUEL_FIRST;
	assert_int_equal(n_elsewhere, 1);
	assert_int_equal(n_ran, 1);
	assert_int_equal(filter->counts.n_runs, 1);
	assert_int_equal(filter->counts.n_exhausted, 0);
	expect("filed", "b@d INBOX\na@d .Work\n");
	end(state);
	begin(state);
	add_recipient("a@d", "a@d", NULL);
	run(true);
	assert_int_equal(n_elsewhere, 1);
}

/* Two recipients whose scripts say the same of the header share what they make of it. */
static void test_shared_version(void **state)
{
	scripts[0] = "require [\"editheader\", \"fileinto\", \"envelope\", \"subaddress\"];"
		     "addheader \"X-A\" \"1\"; if envelope :detail \"to\" \"y\" { fileinto "
		     "\"Work\"; }";
	add_recipient("a+x@d", "a@d", NULL);
	add_recipient("a+y@d", "a@d", NULL);
	run(true);
	expect("versions", "a@d INBOX v1\na@d .Work v1\n");
	assert_int_equal(filter->filing.n_versions, 2);
	assert_int_equal(filter->headers[1].n, filter->n_header + strlen("X-A: 1\n"));
	assert_memory_equal(filter->headers[1].text, "X-A: 1\nReturn-Path:", 19);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scripts),
		cmocka_unit_test_setup_teardown(test_undone, begin, end),
		cmocka_unit_test_setup_teardown(test_too_many_versions, begin, end),
		cmocka_unit_test_setup_teardown(test_too_many_stores, begin, end),
		cmocka_unit_test_setup_teardown(test_detail, begin, end),
		cmocka_unit_test_setup_teardown(test_redirected_before, begin, end),
		cmocka_unit_test_setup_teardown(test_two_at_once, begin, end),
		cmocka_unit_test_setup_teardown(test_two_to_answer, begin, end),
		cmocka_unit_test_setup_teardown(test_whose_redirect, begin, end),
		cmocka_unit_test_setup_teardown(test_full_box, begin, end),
		cmocka_unit_test_setup_teardown(test_once_for_a_mailbox, begin, end),
		cmocka_unit_test_setup_teardown(test_home_that_is_the_maildir, begin, end),
		cmocka_unit_test_setup_teardown(test_recipients, begin, end),
		cmocka_unit_test_setup_teardown(test_chain, begin, end),
		cmocka_unit_test_setup_teardown(test_end_of_chain, begin, end),
		cmocka_unit_test_setup_teardown(test_error_of_the_admin, begin, end),
		cmocka_unit_test(test_broken_script),
		cmocka_unit_test(test_fuel),
		cmocka_unit_test_setup_teardown(test_accidents, begin, end),
		cmocka_unit_test(test_header_alone),
		cmocka_unit_test_setup_teardown(test_nobody, begin, end),
		cmocka_unit_test(test_same_places),
		cmocka_unit_test_setup_teardown(test_elsewhere, begin, end),
		cmocka_unit_test_setup_teardown(test_shared_version, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
