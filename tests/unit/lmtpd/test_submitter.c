/* SPDX-License-Identifier: MIT
 * The edge of the client machine, with a server that fails at every point: nothing but its last word is an acceptance, and a
 * connection that was kept is worth no more than what it still does. */
#include "lmtpd/submitter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "runtime/dial.h"
#include "tests/unit/lmtpd/smtp_server.h"

#define GREETING "220 mx.example.net ESMTP\r\n"
#define HELLO    "250-mx.example.net\r\n250-PIPELINING\r\n250-SIZE 1000000\r\n250 CHUNKING\r\n"
#define PLAIN    "250 mx.example.net\r\n"
#define OK       "250 2.1.0 Ok\r\n"
#define QUEUED   "250 2.0.0 Ok: queued\r\n"
#define BYE      "221 2.0.0 Bye\r\n"
#define BODY     "Subject: x\n\nHello.\n"
#define SENT     "Subject: x\r\n\r\nHello.\r\n"
#define ENVELOPE "MAIL FROM:<s@example.org> SIZE=22\r\nRCPT TO:<a@example.net>\r\n"
#define MESSAGE  ENVELOPE "BDAT 22 LAST\r\n" SENT
#define EHLO     "EHLO mx.example.com\r\n"

enum {
	LONG = 600000, /* ms that no test waits for, */
	REPLY = 40000, /* nor for these */
	CONTENT = 80000,
	SLACK = 15000, /* of a busy machine */
};

/* What a server does for one message, for a second one, and at the end. */
#define OPEN                \
	{ "", GREETING },   \
	{                   \
		EHLO, HELLO \
	}
#define DELIVER                         \
	{ ENVELOPE, OK OK },            \
	{                               \
		"LAST\r\n" SENT, QUEUED \
	}
#define LEAVE                   \
	{                       \
		"QUIT\r\n", BYE \
	}

static const char *const recipients[] = { "a@example.net" };

/* Content that is a text, and may fail when it is read for the nth time. */
struct source {
	struct span text;
	unsigned n_until;
	ssize_t failure; /* what is returned then: 0 as if it ended */
};

static ssize_t read_source(void *data, uint64_t offset, char *buffer, size_t n)
{
	struct source *source = data;

	if (source->failure <= 0 && source->n_until-- == 0) {
		return source->failure;
	}
	n = n < source->text.n - offset ? n : source->text.n - offset;
	memcpy(buffer, source->text.p + offset, n);
	return (ssize_t)n;
}

static struct source body_source = { { BODY, sizeof(BODY) - 1 }, 0, 1 };
static const struct submission_message body = { .sender = "s@example.org",
	.recipients = recipients,
	.n_recipients = 1,
	.content = { .read = read_source, .source = &body_source } };

static uint64_t in(unsigned milliseconds)
{
	return uv_hrtime() / 1000000 + milliseconds;
}

static void expect_outcome(
    const char *what, const struct submission_outcome *outcome, const char *want)
{
	static const char *const names[] = { "pending", "accepted", "refused", "deferred",
		"unknown" };
	char got[RESPONSE_TEXT_MAX + 100];

	snprintf(got, sizeof(got), "%s %d %s", names[outcome->result], outcome->words.code,
	    outcome->words.text);
	expect_text(what, got, want);
}

/* Time passes when the server has said all that it will say, and at no other time. */
static struct smtp_server *clock_server;
static unsigned n_dialed;      /* connections of now */
static uint64_t last_patience; /* ms that were to be waited when it passed */

int __real_dial(const struct endpoint *endpoint, uint64_t until, struct error *error);
int __wrap_dial(const struct endpoint *endpoint, uint64_t until, struct error *error);
int __wrap_dial(const struct endpoint *endpoint, uint64_t until, struct error *error)
{
	int fd = __real_dial(endpoint, until, error);

	n_dialed += fd >= 0;
	return fd;
}

int __real_dial_wait(int fd, short events, uint64_t until);
int __wrap_dial_wait(int fd, short events, uint64_t until);
int __wrap_dial_wait(int fd, short events, uint64_t until)
{
	uint64_t now = in(0);

	for (;;) {
		bool is_silent = atomic_load(&clock_server->n_silent) == n_dialed;
		int came = __real_dial_wait(fd, events, is_silent ? in(0) : in(5));

		if (came != 0) {
			return came;
		}
		if (is_silent) {
			last_patience = until > now ? until - now : 0;
			return 0;
		}
	}
}

/* The next call of this thread fails so; 0: none does. */
static _Thread_local int recv_fails, send_fails;

ssize_t __real_recv(int fd, void *buffer, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *buffer, size_t n, int flags);
ssize_t __wrap_recv(int fd, void *buffer, size_t n, int flags)
{
	if (recv_fails != 0) {
		errno = recv_fails;
		recv_fails = 0;
		return -1;
	}
	return __real_recv(fd, buffer, n, flags);
}

ssize_t __real_send(int fd, const void *buffer, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *buffer, size_t n, int flags);
ssize_t __wrap_send(int fd, const void *buffer, size_t n, int flags)
{
	if (send_fails != 0) {
		errno = send_fails;
		send_fails = 0;
		return -1;
	}
	return __real_send(fd, buffer, n, flags);
}

struct fixture {
	struct smtp_server server;
	struct submitter *submitter;
	struct submitter_settings settings;
	const char *name;
};

static void set_up(struct fixture *fixture, const char *name)
{
	clock_server = &fixture->server;
	n_dialed = 0;
	last_patience = 0;
	fixture->name = name;
	smtp_server_start(&fixture->server);
	fixture->submitter = submitter_start(NULL);
	fixture->settings = (struct submitter_settings){ .endpoint = fixture->server.endpoint,
		.hostname = "mx.example.com",
		.connect = LONG,
		.reply = REPLY,
		.content = CONTENT };
}

static void submit(
    struct fixture *fixture, const struct submission_message *message, const char *want)
{
	struct submission_outcome outcome;

	submitter_submit(fixture->submitter, &fixture->settings, message, in(LONG), &outcome);
	expect_outcome(fixture->name, &outcome, want);
}

/* said: on each connection, up to NULL. */
static void tear_down(struct fixture *fixture, const char *const *said)
{
	unsigned n = 0;

	submitter_stop(fixture->submitter);
	smtp_server_end(&fixture->server);
	for (; said[n] != NULL; n++) {
		expect_text(fixture->name, fixture->server.said[n], said[n]);
	}
	assert_int_equal(fixture->server.n_connections, n);
	smtp_server_free(&fixture->server);
}

struct fault {
	const char *name;
	struct smtp_turn turns[SMTP_TURNS_MAX];
	const char *outcome, *said;
};

#define GONE       "deferred 0 The server closed the connection"
#define SILENT     "deferred 0 The server did not answer in time"
#define MAYBE(why) "unknown 0 The server" why
#define NONSENSE   "deferred 0 The server's answer is none of SMTP"
#define EARLY      "deferred 0 The server spoke when it was not asked"

static const struct fault faults[] = {
	{ "none", { OPEN, DELIVER, LEAVE }, "accepted 250 Ok: queued", EHLO MESSAGE "QUIT\r\n" },
	{ "byte by byte, with DATA",
	    { { "", "2" }, { "", "20 x\r" }, { "", "\n" }, { EHLO, PLAIN },
		{ "MAIL FROM:<s@example.org>\r\n", OK }, { "RCPT TO:<a@example.net>\r\n", "2" },
		{ "", "50 ok\r\n" }, { "DATA\r\n", "354 go\r\n" }, { "\r\n.\r\n", QUEUED }, LEAVE },
	    "accepted 250 Ok: queued",
	    EHLO "MAIL FROM:<s@example.org>\r\nRCPT TO:<a@example.net>\r\nDATA\r\n" SENT
		 ".\r\nQUIT\r\n" },
	{ "closed at once", { { "", "", SMTP_CLOSE } }, GONE, "" },
	{ "closed after the greeting", { { "", GREETING }, { EHLO, "", SMTP_CLOSE } }, GONE, EHLO },
	{ "closed at MAIL", { OPEN, { ENVELOPE, "", SMTP_CLOSE } }, GONE, EHLO ENVELOPE },
	{ "closed at RCPT", { OPEN, { ENVELOPE, OK, SMTP_CLOSE } }, GONE, EHLO ENVELOPE },
	{ "closed after the content", { OPEN, { ENVELOPE, OK OK }, { SENT, "", SMTP_CLOSE } },
	    MAYBE(" closed the connection"), EHLO MESSAGE },
	{ "closed in its last word",
	    { OPEN, { ENVELOPE, OK OK }, { SENT, "250 2.0.0 Ok", SMTP_CLOSE } },
	    MAYBE(" closed the connection"), EHLO MESSAGE },
	{ "closed behind its last word",
	    { OPEN, { ENVELOPE, OK OK }, { SENT, QUEUED, SMTP_CLOSE } }, "accepted 250 Ok: queued",
	    EHLO MESSAGE },
	{ "421 instead of a greeting", { { "", "421 4.3.2 busy\r\n", SMTP_CLOSE } },
	    "deferred 421 busy", "" },
	{ "421 after the content",
	    { OPEN, { ENVELOPE, OK OK }, { SENT, "421 4.3.2 stopping\r\n", SMTP_CLOSE } },
	    "deferred 421 stopping", EHLO MESSAGE },
	{ "421 before the content", { OPEN, { ENVELOPE, OK OK "421 4.3.2 stopping\r\n" } },
	    "deferred 421 stopping", EHLO ENVELOPE },
	{ "250 before the content", { OPEN, { ENVELOPE, OK OK QUEUED } }, EARLY, EHLO ENVELOPE },
	{ "no greeting", { { "", "554 5.7.1 go away\r\n" } }, "deferred 554 go away", "" },
	{ "a sender refused for good",
	    { OPEN, { ENVELOPE, "550 5.7.1 no\r\n503 5.5.1 x\r\n" }, { "RSET\r\n", OK }, LEAVE },
	    "refused 550 no", EHLO ENVELOPE "RSET\r\nQUIT\r\n" },
	{ "a sender refused for a while",
	    { OPEN, { ENVELOPE, "450 4.7.1 no\r\n503 5.5.1 x\r\n" }, { "RSET\r\n", OK }, LEAVE },
	    "deferred 450 no", EHLO ENVELOPE "RSET\r\nQUIT\r\n" },
	{ "a recipient refused for good",
	    { OPEN, { ENVELOPE, OK "550 5.1.1 no\r\n" }, { "RSET\r\n", OK }, LEAVE },
	    "refused 550 no", EHLO ENVELOPE "RSET\r\nQUIT\r\n" },
	{ "a recipient refused for a while",
	    { OPEN, { ENVELOPE, OK "451 4.3.0 no\r\n" }, { "RSET\r\n", OK }, LEAVE },
	    "deferred 451 no", EHLO ENVELOPE "RSET\r\nQUIT\r\n" },
	{ "content refused for good",
	    { OPEN, { ENVELOPE, OK OK }, { SENT, "554 5.7.1 no\r\n" }, { "RSET\r\n", OK }, LEAVE },
	    "refused 554 no", EHLO MESSAGE "RSET\r\nQUIT\r\n" },
	{ "content refused for a while",
	    { OPEN, { ENVELOPE, OK OK }, { SENT, "452 4.3.1 no\r\n" }, { "RSET\r\n", OK }, LEAVE },
	    "deferred 452 no", EHLO MESSAGE "RSET\r\nQUIT\r\n" },
	{ "a reset that is closed upon",
	    { OPEN, { ENVELOPE, OK OK }, { SENT, "554 5.7.1 no\r\n" },
		{ "RSET\r\n", "", SMTP_CLOSE } },
	    "refused 554 no", EHLO MESSAGE "RSET\r\n" },
	{ "nonsense at once", { { "", "SSH-2.0-x\r\n" } }, NONSENSE, "" },
	{ "nonsense in the envelope", { OPEN, { ENVELOPE, OK "??\r\n" } }, NONSENSE,
	    EHLO ENVELOPE },
	{ "nonsense after the content", { OPEN, { ENVELOPE, OK OK }, { SENT, "OK\r\n" } },
	    MAYBE("'s answer is none of SMTP"), EHLO MESSAGE },
};

static const struct fault silences[] = {
	{ "no greeting", { { NULL } }, SILENT, "" },
	{ "half a greeting", { { "", "220 x" } }, SILENT, "" },
	{ "no word to EHLO", { { "", GREETING } }, SILENT, EHLO },
	{ "none to MAIL", { OPEN }, SILENT, EHLO ENVELOPE },
	{ "none to RCPT", { OPEN, { ENVELOPE, OK } }, SILENT, EHLO ENVELOPE },
	{ "none to the content", { OPEN, { ENVELOPE, OK OK } }, MAYBE(" did not answer in time"),
	    EHLO MESSAGE },
	{ "none to QUIT", { OPEN, DELIVER }, "accepted 250 Ok: queued", EHLO MESSAGE "QUIT\r\n" },
};

static void check_faults(const struct fault *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct fixture fixture;
		const char *const said[] = { list[i].said, NULL };

		memset(&fixture, 0, sizeof(fixture));
		memcpy(fixture.server.turns[0], list[i].turns, sizeof(list[i].turns));
		set_up(&fixture, list[i].name);
		submit(&fixture, &body, list[i].outcome);
		tear_down(&fixture, said);
	}
}

static void test_faults(void **state)
{
	check_faults(faults, LENGTH(faults));
}

static void test_silences(void **state)
{
	check_faults(silences, LENGTH(silences));
}

/* How long it waits: for a reply, for the one to the content, and never beyond the deadline. */
static void test_patience(void **state)
{
	static const struct {
		struct smtp_turn turns[SMTP_TURNS_MAX];
		const char *outcome;
		unsigned deadline, patience;
	} rows[] = {
		{ { OPEN }, SILENT, LONG, REPLY },
		{ { OPEN, { ENVELOPE, OK OK } }, MAYBE(" did not answer in time"), LONG, CONTENT },
		{ { OPEN }, "deferred 0 There was no time left for the server", REPLY / 2,
		    REPLY / 2 },
		{ { OPEN, DELIVER, LEAVE }, "deferred 0 There was no time left for the server", 0,
		    0 },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct fixture fixture;
		struct submission_outcome outcome;

		memset(&fixture, 0, sizeof(fixture));
		memcpy(fixture.server.turns[0], rows[i].turns, sizeof(rows[i].turns));
		set_up(&fixture, "patience");
		submitter_submit(
		    fixture.submitter, &fixture.settings, &body, in(rows[i].deadline), &outcome);
		expect_outcome("patience", &outcome, rows[i].outcome);
		assert_in_range(last_patience,
		    rows[i].patience > SLACK ? rows[i].patience - SLACK : 0, rows[i].patience);
		submitter_stop(fixture.submitter);
		smtp_server_end(&fixture.server);
		smtp_server_free(&fixture.server);
	}
}

/* Two messages, one after the other. */
struct pair {
	const char *name;
	struct smtp_turn first[SMTP_TURNS_MAX], second[SMTP_TURNS_MAX]; /* connections */
	const char *outcome, *said[3];
};

#define ACCEPTED "accepted 250 Ok: queued"

static const struct pair pairs[] = {
	{ "one connection for both", { OPEN, DELIVER, DELIVER, LEAVE }, {}, ACCEPTED,
	    { EHLO MESSAGE MESSAGE "QUIT\r\n" } },
	{ "after a refusal, too",
	    { OPEN, { ENVELOPE, "450 x\r\n450 x\r\n" }, { "RSET\r\n", OK }, DELIVER, LEAVE }, {},
	    ACCEPTED, { EHLO ENVELOPE "RSET\r\n" MESSAGE "QUIT\r\n" } },
	{ "dead at MAIL", { OPEN, DELIVER, { ENVELOPE, "", SMTP_CLOSE } }, { OPEN, DELIVER, LEAVE },
	    ACCEPTED, { EHLO MESSAGE ENVELOPE, EHLO MESSAGE "QUIT\r\n" } },
	{ "421 at MAIL", { OPEN, DELIVER, { ENVELOPE, "421 4.3.2 stopping\r\n", SMTP_CLOSE } },
	    { OPEN, DELIVER, LEAVE }, ACCEPTED,
	    { EHLO MESSAGE ENVELOPE, EHLO MESSAGE "QUIT\r\n" } },
	{ "nonsense at MAIL", { OPEN, DELIVER, { ENVELOPE, "??\r\n" } }, { OPEN, DELIVER, LEAVE },
	    ACCEPTED, { EHLO MESSAGE ENVELOPE, EHLO MESSAGE "QUIT\r\n" } },
	{ "421 behind the first",
	    { OPEN, { ENVELOPE, OK OK }, { SENT, QUEUED "421 4.4.2 late\r\n" } },
	    { OPEN, DELIVER, LEAVE }, ACCEPTED, { EHLO MESSAGE, EHLO MESSAGE "QUIT\r\n" } },
	{ "answers before the questions", { OPEN, { ENVELOPE, OK OK }, { SENT, QUEUED OK OK } },
	    { OPEN, DELIVER, LEAVE }, ACCEPTED, { EHLO MESSAGE, EHLO MESSAGE "QUIT\r\n" } },
	{ "dead at MAIL, and nobody there", { OPEN, DELIVER, { ENVELOPE, "", SMTP_CLOSE } },
	    { { "", "421 4.3.2 busy\r\n", SMTP_CLOSE } }, "deferred 421 busy",
	    { EHLO MESSAGE ENVELOPE, "" } },
	{ "dead at MAIL, and again", { OPEN, DELIVER, { ENVELOPE, "", SMTP_CLOSE } },
	    { OPEN, { ENVELOPE, "", SMTP_CLOSE } }, GONE,
	    { EHLO MESSAGE ENVELOPE, EHLO ENVELOPE } },
	{ "dead at RCPT", { OPEN, DELIVER, { ENVELOPE, OK, SMTP_CLOSE } }, {}, GONE,
	    { EHLO MESSAGE ENVELOPE } },
	{ "dead after the content",
	    { OPEN, DELIVER, { ENVELOPE, OK OK }, { SENT, "", SMTP_CLOSE } }, {},
	    MAYBE(" closed the connection"), { EHLO MESSAGE MESSAGE } },
	{ "silent at MAIL", { OPEN, DELIVER }, {}, SILENT, { EHLO MESSAGE ENVELOPE } },
	{ "a reset that is closed upon",
	    { OPEN, DELIVER, { ENVELOPE, "550 x\r\n550 x\r\n" }, { "RSET\r\n", "", SMTP_CLOSE } },
	    {}, "refused 550 x", { EHLO MESSAGE ENVELOPE "RSET\r\n" } },
};

static void test_kept(void **state)
{
	for (size_t i = 0; i < LENGTH(pairs); i++) {
		struct fixture fixture;
		struct submission_outcome outcome;

		memset(&fixture, 0, sizeof(fixture));
		memcpy(fixture.server.turns[0], pairs[i].first, sizeof(pairs[i].first));
		memcpy(fixture.server.turns[1], pairs[i].second, sizeof(pairs[i].second));
		set_up(&fixture, pairs[i].name);
		submitter_submit(fixture.submitter, &fixture.settings, &body, in(LONG), &outcome);
		submit(&fixture, &body, pairs[i].outcome);
		tear_down(&fixture, pairs[i].said);
	}
}

/* Who has nothing to do says goodbye, and begins anew when there is something again. */
static void test_idle(void **state)
{
	static const char *const said[] = { EHLO MESSAGE "QUIT\r\n", EHLO MESSAGE "QUIT\r\n",
		NULL };
	struct fixture fixture = { .server.turns = {
				       { OPEN, DELIVER, LEAVE }, { OPEN, DELIVER, LEAVE } } };

	set_up(&fixture, "idle");
	submitter_on_idle(fixture.submitter);
	submit(&fixture, &body, ACCEPTED);
	submitter_on_idle(fixture.submitter);
	submitter_on_idle(fixture.submitter);
	submit(&fixture, &body, ACCEPTED);
	tear_down(&fixture, said);
	submitter_on_idle(NULL);
	submitter_stop(NULL);
}

static void test_nobody_there(void **state)
{
	struct fixture fixture = { .server.turns = { { OPEN } } };
	static const char *const said[] = { NULL };

	set_up(&fixture, "nobody");
	fixture.settings.endpoint = "unix:/nowhere/smtp";
	submit(&fixture, &body,
	    "deferred 0 unix:/nowhere/smtp: cannot connect: No such file or directory");
	fixture.settings.endpoint = "nowhere";
	submit(&fixture, &body,
	    "deferred 0 \"nowhere\" is neither \"unix:/path\" nor \"inet:address:port\"");
	tear_down(&fixture, said);
}

/* What a call says of the connection; on one that was kept, it is the reason for a new one. */
static void test_calls_that_fail(void **state)
{
	static const struct {
		int recv, send;
		const char *outcome;
	} rows[] = {
		{ EINTR, EINTR, ACCEPTED },
		{ EAGAIN, EAGAIN, ACCEPTED },
		{ ECONNRESET, 0,
		    "deferred 0 Cannot read from the server: Connection reset by peer" },
		{ 0, EPIPE, "deferred 0 Cannot write to the server: Broken pipe" },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct fixture fixture = { .server.turns = { { OPEN, DELIVER, DELIVER, DELIVER },
					       { OPEN, DELIVER, DELIVER }, { OPEN, DELIVER } } };

		set_up(&fixture, "a call that fails");
		recv_fails = rows[i].recv;
		send_fails = rows[i].send;
		submit(&fixture, &body, rows[i].outcome);
		submit(&fixture, &body, ACCEPTED);
		recv_fails = rows[i].recv;
		send_fails = rows[i].send;
		submit(&fixture, &body, ACCEPTED);
		submitter_stop(fixture.submitter);
		smtp_server_end(&fixture.server);
		smtp_server_free(&fixture.server);
	}
}

static void test_out_of_memory(void **state)
{
	const struct submitter_settings settings = { .endpoint = "unix:/nowhere" };
	struct submission_outcome outcome;

	submitter_submit(NULL, &settings, &body, in(LONG), &outcome);
	expect_outcome(
	    "no memory", &outcome, "deferred 0 Cannot read the message: Cannot allocate memory");
}

/* What cannot be read, or is no more what it was, is never a message: the server hears no end of it. */
static void test_bad_sources(void **state)
{
	static const struct {
		const char *name;
		unsigned n_until;
		ssize_t failure;
		const char *outcome, *said;
	} rows[] = {
		{ "fails at once", 0, -EIO,
		    "deferred 0 Cannot read the message: Input/output error", NULL },
		{ "fails at its end", 1, -EIO,
		    "deferred 0 Cannot read the message: Input/output error", NULL },
		{ "fails when it is sent", 2, -EIO,
		    "deferred 0 Cannot read the message: Input/output error", EHLO ENVELOPE },
		{ "fails at its end when it is sent", 3, -EIO,
		    "deferred 0 Cannot read the message: Input/output error", EHLO ENVELOPE },
		{ "is empty when it is sent", 2, 0,
		    "deferred 0 The message changed while it was sent", EHLO ENVELOPE },
	};

	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct source source = { body_source.text, rows[i].n_until, rows[i].failure };
		struct submission_message message = body;
		struct fixture fixture = { .server.turns = { { OPEN, { ENVELOPE, OK OK } } } };
		const char *const said[] = { rows[i].said, NULL };

		message.content.source = &source;
		set_up(&fixture, rows[i].name);
		submit(&fixture, &message, rows[i].outcome);
		tear_down(&fixture, said);
	}
}

/* Leading fields, and a Return-Path less; the size is that of what is sent. */
static void test_redirected(void **state)
{
	static const char text[] =
	    "Return-Path: <s@example.org>\nA: b\nReturn-Path: <x>\n y\n\nReturn-Path: body\n";
	static const char envelope[] = "MAIL FROM:<> SIZE=43\r\nRCPT TO:<a@example.net>\r\n";
	static const char *const said[] = { EHLO
		"MAIL FROM:<> SIZE=43\r\nRCPT TO:<a@example.net>\r\n"
		"BDAT 43 LAST\r\nX-Sieve: lmtpd\r\nA: b\r\n\r\nReturn-Path: body\r\nQUIT\r\n",
		NULL };
	struct source source = { { text, sizeof(text) - 1 }, 0, 1 };
	struct submission_message message = body;
	struct fixture fixture = {
		.server.turns = { { OPEN, { envelope, OK OK }, { "body\r\n", QUEUED }, LEAVE } }
	};

	message.sender = "";
	message.content = (struct outgoing_message){ .leading = { "X-Sieve: lmtpd\n", 15 },
		.read = read_source,
		.source = &source,
		.omits_return_path = true };
	set_up(&fixture, "redirected");
	submit(&fixture, &message, ACCEPTED);
	tear_down(&fixture, said);
}

enum {
	LARGE = 3000000
};

/* A field that is left out may fill whole pieces of what is read. */
static void test_large_field(void **state)
{
	static const char *const said[] = { EHLO MESSAGE "QUIT\r\n", NULL };
	struct fixture fixture = { .server.turns = { { OPEN, DELIVER, LEAVE } } };
	struct submission_message message = body;
	struct source source = { { NULL, LARGE + sizeof(BODY) - 1 }, 0, 1 };
	char *text = malloc(LARGE + sizeof(BODY));

	memset(text, 'x', LARGE);
	memcpy(text, "Return-Path:", 12);
	text[LARGE - 1] = '\n';
	memcpy(text + LARGE, BODY, sizeof(BODY));
	source.text.p = text;
	message.content.source = &source;
	message.content.omits_return_path = true;
	set_up(&fixture, "large field");
	submit(&fixture, &message, ACCEPTED);
	tear_down(&fixture, said);
	free(text);
}

/* A message that is a text alone, such as a notice of absence. */
static void test_text_alone(void **state)
{
	static const char *const said[] = { EHLO MESSAGE "QUIT\r\n", NULL };
	struct submission_message message = body;
	struct fixture fixture = { .server.turns = { { OPEN, DELIVER, LEAVE } } };

	message.content = (struct outgoing_message){ .leading = { BODY, sizeof(BODY) - 1 } };
	set_up(&fixture, "text");
	submit(&fixture, &message, ACCEPTED);
	tear_down(&fixture, said);
}

/* A message that no buffer holds: what reads it takes all of it, who does not is waited for in vain, and who says why is heard. */
static void test_large(void **state)
{
	static const struct {
		const char *name;
		struct smtp_turn last;
		const char *outcome;
	} rows[] = {
		{ "not read", { "DATA\r\n", "354 go\r\n", SMTP_HANG }, SILENT },
		{ "421", { "DATA\r\n", "354 go\r\n421 4.3.2 stopping\r\n", SMTP_HANG },
		    "deferred 421 stopping" },
		{ "552", { "DATA\r\n", "354 go\r\n552 5.3.4 too big\r\n", SMTP_HANG },
		    "deferred 552 too big" },
	};
	char *text = malloc(LARGE);

	for (size_t i = 0; i < LARGE; i++) {
		text[i] = i % 70 == 69 ? '\n' : 'x';
	}
	for (size_t i = 0; i < LENGTH(rows); i++) {
		struct source source = { { text, LARGE }, 0, 1 };
		struct submission_message message = body;
		struct fixture fixture = { .server.turns = { { { "", GREETING }, { EHLO, PLAIN },
					       { "MAIL FROM:<s@example.org>\r\n", OK },
					       { "RCPT TO:<a@example.net>\r\n", OK },
					       rows[i].last } } };

		message.content.source = &source;
		set_up(&fixture, rows[i].name);
		submit(&fixture, &message, rows[i].outcome);
		submitter_stop(fixture.submitter);
		smtp_server_end(&fixture.server);
		smtp_server_free(&fixture.server);
	}
	free(text);
}

/* Gives its last bytes when the server has said all that it will say. */
static ssize_t read_late(void *data, uint64_t offset, char *buffer, size_t n)
{
	struct source *source = data;

	while (
	    offset == source->text.n && n_dialed == 1 && atomic_load(&clock_server->n_silent) < 1) {
		usleep(1000);
	}
	return read_source(data, offset, buffer, n);
}

/* An acceptance of what was not sent as a whole is none. */
static void test_accepted_early(void **state)
{
	struct fixture fixture = { .server.turns = { { { "", GREETING }, { EHLO, PLAIN },
				       { "MAIL FROM:<s@example.org>\r\n", OK },
				       { "RCPT TO:<a@example.net>\r\n", OK },
				       { "DATA\r\n", "354 go\r\n" }, { "xxx", QUEUED } } } };
	struct submission_message message = body;
	struct source source = { { NULL, SUBMISSION_CHUNK + 100 }, 0, 1 };
	char *text = malloc(source.text.n);

	memset(text, 'x', source.text.n);
	source.text.p = text;
	message.content.read = read_late;
	message.content.source = &source;
	set_up(&fixture, "accepted early");
	submit(&fixture, &message, EARLY);
	submitter_stop(fixture.submitter);
	smtp_server_end(&fixture.server);
	assert_null(strstr(fixture.server.said[0], "\r\n.\r\n"));
	smtp_server_free(&fixture.server);
	free(text);
}

/* It is asked, and nothing is sent. */
static void test_question(void **state)
{
	static const char *const questions[] = {
		EHLO "MAIL FROM:<> SIZE=0\r\nRCPT TO:<a@example.net>\r\nRSET\r\nQUIT\r\n", NULL
	};
	static const char *const hello[] = { EHLO, NULL };
	struct fixture fixture = { .server.turns = { { OPEN,
				       { "RCPT TO:<a@example.net>\r\n", OK "554 5.7.1 denied\r\n" },
				       { "RSET\r\n", OK }, LEAVE } } };
	struct fixture silent = { .server.turns = { { { "", GREETING } } } };
	struct submission_outcome outcome;
	struct submitter_offer offer;

	set_up(&fixture, "a question");
	assert_true(submitter_ask(
	    fixture.submitter, &fixture.settings, recipients, 1, in(LONG), &outcome, &offer));
	expect_outcome("a question", &outcome, "refused 554 denied");
	assert_true(offer.has_chunking && !offer.has_8bitmime && !offer.has_smtputf8);
	assert_int_equal(offer.size_max, 1000000);
	assert_string_equal(offer.client, "");
	tear_down(&fixture, questions);

	set_up(&silent, "no answer to EHLO");
	assert_false(submitter_ask(
	    silent.submitter, &silent.settings, recipients, 1, in(LONG), &outcome, &offer));
	expect_outcome(
	    "no answer to EHLO", &outcome, "deferred 0 The server did not answer in time");
	assert_false(offer.has_chunking);
	tear_down(&silent, hello);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_silences),
		cmocka_unit_test(test_patience),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_calls_that_fail),
		cmocka_unit_test(test_out_of_memory),
		cmocka_unit_test(test_bad_sources),
		cmocka_unit_test(test_redirected),
		cmocka_unit_test(test_text_alone),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_large_field),
		cmocka_unit_test(test_accepted_early),
		cmocka_unit_test(test_question),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
