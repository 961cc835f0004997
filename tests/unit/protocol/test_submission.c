/* SPDX-License-Identifier: MIT
 * The client machine of SMTP: what a server says, every byte that it is sent, and what becomes of each recipient, however the
 * server's words and the content were cut. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/models/submission_edge.h"

#define GREETING "220 mx.example.net ESMTP\r\n"
#define PLAIN    GREETING "250 mx.example.net\r\n"
#define POSTFIX                                                                                \
	GREETING                                                                               \
	"250-mx.example.net\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-ENHANCEDSTATUSCODES\r\n" \
	"250-8BITMIME\r\n250-SMTPUTF8\r\n250 CHUNKING\r\n"
#define EHLO       "EHLO mx.example.com\r\n"
#define RCPT(user) "RCPT TO:<" user "@example.net>\r\n"
#define MAIL       "MAIL FROM:<s@example.org>\r\n"
#define MAIL_22    "MAIL FROM:<s@example.org> SIZE=22\r\n"
#define OK         "250 2.1.0 Ok\r\n"
#define GO         "354 go on\r\n"
#define QUEUED     "250 2.0.0 Ok: queued as 1\r\n"
#define BYE        "221 2.0.0 Bye\r\n"
#define ACCEPTED   "accepted 250 2.0.0 Ok: queued as 1\n"
#define END        "end 221 2.0.0 Bye\n"
#define GONE       "deferred 0 4.4.2 It is gone\n"
#define MAYBE      "unknown 0 4.4.2 It is gone\n"
#define ALL_GONE   "end 0 4.4.2 It is gone\n"
#define BODY       "Subject: x\r\n\r\nHello.\r\n" /* 22 bytes */
#define BDAT       "BDAT 22 LAST\r\n" BODY
#define DATA       "DATA\r\n" BODY ".\r\n"
#define NONSENSE                                                 \
	"deferred 0 4.4.2 The server's answer is none of SMTP\n" \
	"end 0 4.4.2 The server's answer is none of SMTP\n"
#define UNFIT                                                              \
	"deferred 0 4.4.2 The server's answer does not fit the question\n" \
	"end 0 4.4.2 The server's answer does not fit the question\n"
#define UNFIT_LAST                                                        \
	"unknown 0 4.4.2 The server's answer does not fit the question\n" \
	"end 0 4.4.2 The server's answer does not fit the question\n"

static const struct submitted one = { "s@example.org", { "a@example.net" }, TEXT(BODY) };
static const struct submitted two = { "s@example.org", { "a@example.net", "b@example.net" },
	TEXT(BODY) };
static const struct submitted twice = { "s@example.org", { "a@example.net" }, TEXT(BODY),
	.n_times = 2 };
static const struct submitted null_sender = { "", { "a@example.net" }, TEXT(BODY) };
static const struct submitted eight_bit = { "s@example.org", { "a@example.net" },
	TEXT("caf\303\251\n") };
static const struct submitted utf8_address = { "s@example.org",
	{ "a@example.net", "\303\251@example.net" }, TEXT(BODY) };
static const struct submitted utf8_sender = { "\303\251@example.org",
	{ "a@example.net", "b@example.net" }, TEXT(BODY) };
static const struct submitted utf8_header = { "s@example.org", { "a@example.net" },
	TEXT("Subject: \303\251\n\n"), .is_utf8 = true };
static const struct submitted empty = { "s@example.org", { "a@example.net" }, TEXT("") };
static const struct submitted lies = { "s@example.org", { "a@example.net" }, TEXT(BODY),
	.lies = 1 };
static const struct submitted is_large = { "s@example.org", { "a@example.net" }, TEXT(BODY),
	.lies = 979 };
static const struct submitted odd_recipients = { "s@example.org",
	{ "a@example.net>\r\nDATA", "", "a b@example.net", "\"a b\"@example.net",
	    "a\303@example.net", "@x:a@example.net", "a\\" },
	TEXT(BODY) };
static const struct submitted odd_sender = { "s@example.org> SIZE=1", { "a@example.net" },
	TEXT(BODY) };

static const struct submitted question = { "", { "a@example.net", "b@example.net" }, TEXT(""),
	.is_question = true };
static const struct submitted questions = { "", { "a@example.net" }, TEXT(""), .is_question = true,
	.n_times = 2 };

struct conversation {
	const char *name;
	const struct submitted *submitted;
	const char *server, *output, *events;
};

static const struct conversation deliveries[] = {
	{ "with all extensions", &one, POSTFIX OK OK QUEUED BYE,
	    EHLO MAIL_22 RCPT("a") BDAT "QUIT\r\n", ACCEPTED END },
	{ "with none", &one, PLAIN OK OK GO QUEUED BYE, EHLO MAIL RCPT("a") DATA "QUIT\r\n",
	    ACCEPTED END },
	{ "with HELO", &one, GREETING "500 what?\r\n250 hi\r\n" OK OK GO QUEUED BYE,
	    EHLO "HELO mx.example.com\r\n" MAIL RCPT("a") DATA "QUIT\r\n", ACCEPTED END },
	{ "with HELO, by another word", &one,
	    GREETING "503-no\r\n503 PIPELINING\r\n250-hi\r\n250 CHUNKING\r\n" OK OK GO QUEUED BYE,
	    EHLO "HELO mx.example.com\r\n" MAIL RCPT("a") DATA "QUIT\r\n", ACCEPTED END },
	{ "chunks alone", &one, GREETING "250-x\r\n250 chunking\r\n" OK OK QUEUED BYE,
	    EHLO MAIL RCPT("a") BDAT "QUIT\r\n", ACCEPTED END },
	{ "pipelining alone", &two, GREETING "250-x\r\n250 PIPELINING x\r\n" OK OK OK GO QUEUED BYE,
	    EHLO MAIL RCPT("a") RCPT("b") DATA "QUIT\r\n", ACCEPTED ACCEPTED END },
	{ "a size without a limit", &one,
	    GREETING "250-x\r\n250-SIZE\r\n250-SIZE 5x\r\n250 SIZE 0\r\n" OK OK GO QUEUED BYE,
	    EHLO MAIL_22 RCPT("a") DATA "QUIT\r\n", ACCEPTED END },
	{ "the first line is a name", &one,
	    GREETING "250-CHUNKING\r\n250 SIZED 1\r\n" OK OK GO QUEUED BYE,
	    EHLO MAIL RCPT("a") DATA "QUIT\r\n", ACCEPTED END },
	{ "two of them", &twice, POSTFIX OK OK QUEUED OK OK QUEUED BYE,
	    EHLO MAIL_22 RCPT("a") BDAT MAIL_22 RCPT("a") BDAT "QUIT\r\n", ACCEPTED ACCEPTED END },
	{ "no sender", &null_sender, POSTFIX OK OK QUEUED BYE,
	    EHLO "MAIL FROM:<> SIZE=22\r\n" RCPT("a") BDAT "QUIT\r\n", ACCEPTED END },
	{ "8-bit", &eight_bit, POSTFIX OK OK QUEUED BYE,
	    EHLO "MAIL FROM:<s@example.org> SIZE=7 BODY=8BITMIME\r\n" RCPT(
		"a") "BDAT 7 LAST\r\ncaf\303\251\r\nQUIT\r\n",
	    ACCEPTED END },
	{ "8-bit that was not offered", &eight_bit, PLAIN OK OK GO QUEUED BYE,
	    EHLO MAIL RCPT("a") "DATA\r\ncaf\303\251\r\n.\r\nQUIT\r\n", ACCEPTED END },
	{ "UTF-8 in an address", &utf8_address, POSTFIX OK OK OK QUEUED BYE,
	    EHLO "MAIL FROM:<s@example.org> SIZE=22 SMTPUTF8\r\n" RCPT("a") RCPT("\303\251") BDAT
	    "QUIT\r\n",
	    ACCEPTED ACCEPTED END },
	{ "UTF-8 in the sender", &utf8_sender, POSTFIX OK OK OK QUEUED BYE,
	    EHLO "MAIL FROM:<\303\251@example.org> SIZE=22 SMTPUTF8\r\n" RCPT("a") RCPT("b") BDAT
	    "QUIT\r\n",
	    ACCEPTED ACCEPTED END },
	{ "UTF-8 in the header", &utf8_header, POSTFIX OK OK QUEUED BYE,
	    EHLO "MAIL FROM:<s@example.org> SIZE=15 BODY=8BITMIME SMTPUTF8\r\n" RCPT(
		"a") "BDAT 15 LAST\r\nSubject: \303\251\r\n\r\nQUIT\r\n",
	    ACCEPTED END },
	{ "nothing", &empty, POSTFIX OK OK QUEUED BYE,
	    EHLO "MAIL FROM:<s@example.org> SIZE=0\r\n" RCPT("a") "BDAT 0 LAST\r\nQUIT\r\n",
	    ACCEPTED END },
	{ "nothing, with DATA", &empty, PLAIN OK OK GO QUEUED BYE,
	    EHLO MAIL RCPT("a") "DATA\r\n.\r\nQUIT\r\n", ACCEPTED END },
	{ "a quoted address, among such as are none", &odd_recipients, POSTFIX OK OK QUEUED BYE,
	    EHLO MAIL_22 RCPT("\"a b\"") BDAT "QUIT\r\n",
	    "refused 0 5.1.3 The address cannot be sent\n"
	    "refused 0 5.1.3 The address cannot be sent\n"
	    "refused 0 5.1.3 The address cannot be sent\n" ACCEPTED
	    "refused 0 5.1.3 The address cannot be sent\n"
	    "refused 0 5.1.3 The address cannot be sent\n"
	    "refused 0 5.1.3 The address cannot be sent\n" END },
};

static const struct conversation refusals[] = {
	{ "one recipient of two, for good", &two, POSTFIX OK "550 5.1.1 nobody\r\n" OK QUEUED BYE,
	    EHLO MAIL_22 RCPT("a") RCPT("b") BDAT "QUIT\r\n",
	    "refused 550 5.1.1 nobody\n" ACCEPTED END },
	{ "one recipient of two, for a while", &two, PLAIN OK OK "450 later\r\n" GO QUEUED BYE,
	    EHLO MAIL RCPT("a") RCPT("b") DATA "QUIT\r\n", ACCEPTED "deferred 450  later\n" END },
	{ "all recipients", &two, POSTFIX OK "550 5.1.1 nobody\r\n450 later\r\n" OK BYE,
	    EHLO MAIL_22 RCPT("a") RCPT("b") "RSET\r\nQUIT\r\n",
	    "refused 550 5.1.1 nobody\ndeferred 450  later\n" END },
	{ "all recipients, one by one", &two, PLAIN OK "550 5.1.1 nobody\r\n450 later\r\n" OK BYE,
	    EHLO MAIL RCPT("a") RCPT("b") "RSET\r\nQUIT\r\n",
	    "refused 550 5.1.1 nobody\ndeferred 450  later\n" END },
	{ "the sender", &two, POSTFIX "550 5.7.1 not you\r\n503 5.5.1 no\r\n" OK OK BYE,
	    EHLO MAIL_22 RCPT("a") RCPT("b") "RSET\r\nQUIT\r\n",
	    "refused 550 5.7.1 not you\nrefused 550 5.7.1 not you\n" END },
	{ "the sender, without pipelining", &two, PLAIN "451 4.3.0 no\r\n" OK BYE,
	    EHLO MAIL "RSET\r\nQUIT\r\n", "deferred 451 4.3.0 no\ndeferred 451 4.3.0 no\n" END },
	{ "the content, for good", &one, POSTFIX OK OK "554 5.7.1 spam\r\n" OK BYE,
	    EHLO MAIL_22 RCPT("a") BDAT "RSET\r\nQUIT\r\n", "refused 554 5.7.1 spam\n" END },
	{ "the content, for a while", &one, PLAIN OK OK GO "452 4.3.1 full\r\n" OK BYE,
	    EHLO MAIL RCPT("a") DATA "RSET\r\nQUIT\r\n", "deferred 452 4.3.1 full\n" END },
	{ "DATA", &one, PLAIN OK OK "554 no\r\n" OK BYE,
	    EHLO MAIL RCPT("a") "DATA\r\nRSET\r\nQUIT\r\n", "refused 554  no\n" END },
	{ "RSET, after which nothing is sure", &twice,
	    POSTFIX OK OK "554 5.7.1 spam\r\n"
			  "500 no\r\n",
	    EHLO MAIL_22 RCPT("a") BDAT "RSET\r\n",
	    "refused 554 5.7.1 spam\ndeferred 500  no\nend 500  no\n" },
	{ "a message beyond the limit", &is_large, POSTFIX BYE, EHLO "QUIT\r\n",
	    "refused 0 5.3.4 The server takes messages of at most 1000 bytes\n" END },
	{ "an address in UTF-8 that was not offered", &utf8_address, PLAIN OK OK GO QUEUED BYE,
	    EHLO MAIL RCPT("a") DATA "QUIT\r\n",
	    ACCEPTED
	    "refused 0 5.6.7 The server does not take addresses in UTF-8 (SMTPUTF8)\n" END },
	{ "a sender in UTF-8 that was not offered", &utf8_sender, PLAIN BYE, EHLO "QUIT\r\n",
	    "refused 0 5.6.7 The server does not take addresses in UTF-8 (SMTPUTF8)\n"
	    "refused 0 5.6.7 The server does not take addresses in UTF-8 (SMTPUTF8)\n" END },
	{ "a header in UTF-8 that was not offered", &utf8_header, PLAIN BYE, EHLO "QUIT\r\n",
	    "refused 0 5.6.7 The server does not take addresses in UTF-8 (SMTPUTF8)\n" END },
	{ "a sender that is none", &odd_sender, POSTFIX BYE, EHLO "QUIT\r\n",
	    "refused 0 5.1.7 The sender's address cannot be sent\n" END },
};

/* Nothing is sent, whatever is answered. */
static const struct conversation asked[] = {
	{ "with all extensions", &question, POSTFIX OK "250 2.1.5 a\r\n250 2.1.5 b\r\n" OK BYE,
	    EHLO "MAIL FROM:<> SIZE=0\r\n" RCPT("a") RCPT("b") "RSET\r\nQUIT\r\n",
	    "accepted 250 2.1.5 a\naccepted 250 2.1.5 b\n" END },
	{ "with none", &question, PLAIN OK "250 2.1.5 a\r\n250 2.1.5 b\r\n" OK BYE,
	    EHLO "MAIL FROM:<>\r\n" RCPT("a") RCPT("b") "RSET\r\nQUIT\r\n",
	    "accepted 250 2.1.5 a\naccepted 250 2.1.5 b\n" END },
	{ "one of two", &question, POSTFIX OK "250 2.1.5 a\r\n554 5.7.1 denied\r\n" OK BYE,
	    EHLO "MAIL FROM:<> SIZE=0\r\n" RCPT("a") RCPT("b") "RSET\r\nQUIT\r\n",
	    "accepted 250 2.1.5 a\nrefused 554 5.7.1 denied\n" END },
	{ "the other one, without pipelining", &question,
	    PLAIN OK "450 4.2.0 later\r\n250 2.1.5 b\r\n" OK BYE,
	    EHLO "MAIL FROM:<>\r\n" RCPT("a") RCPT("b") "RSET\r\nQUIT\r\n",
	    "deferred 450 4.2.0 later\naccepted 250 2.1.5 b\n" END },
	{ "no sender", &question, POSTFIX "550 5.1.7 no\r\n503 5.5.1 no\r\n250 2.1.5 b\r\n" OK BYE,
	    EHLO "MAIL FROM:<> SIZE=0\r\n" RCPT("a") RCPT("b") "RSET\r\nQUIT\r\n",
	    "refused 550 5.1.7 no\nrefused 550 5.1.7 no\n" END },
	{ "gone in the middle", &question, POSTFIX OK "250 2.1.5 a\r\n",
	    EHLO "MAIL FROM:<> SIZE=0\r\n" RCPT("a") RCPT("b"),
	    "accepted 250 2.1.5 a\n" GONE ALL_GONE },
	{ "twice", &questions, POSTFIX OK "250 2.1.5 a\r\n" OK OK "550 5.1.1 no\r\n" OK BYE,
	    EHLO "MAIL FROM:<> SIZE=0\r\n" RCPT("a") "RSET\r\nMAIL FROM:<> SIZE=0\r\n" RCPT(
		"a") "RSET\r\nQUIT\r\n",
	    "accepted 250 2.1.5 a\nrefused 550 5.1.1 no\n" END },
};

static const struct conversation ends[] = {
	{ "nothing", &one, "", "", GONE ALL_GONE },
	{ "no greeting", &one, "554 5.3.2 go away\r\n", "",
	    "deferred 554 5.3.2 go away\nend 554 5.3.2 go away\n" },
	{ "another greeting", &one, "354 hello\r\n", "", UNFIT },
	{ "an end at EHLO", &one, GREETING "421 4.3.2 stopping\r\n", EHLO,
	    "deferred 421 4.3.2 stopping\nend 421 4.3.2 stopping\n" },
	{ "EHLO for a while", &one, GREETING "450 wait\r\n", EHLO,
	    "deferred 450  wait\nend 450  wait\n" },
	{ "HELO as well", &one, GREETING "502 no\r\n504 no\r\n", EHLO "HELO mx.example.com\r\n",
	    "deferred 504  no\nend 504  no\n" },
	{ "gone in the envelope", &two, POSTFIX OK "550 5.1.1 nobody\r\n",
	    EHLO MAIL_22 RCPT("a") RCPT("b"), "refused 550 5.1.1 nobody\n" GONE ALL_GONE },
	{ "421 in the envelope", &two, POSTFIX OK OK "421 4.7.0 busy\r\n" QUEUED,
	    EHLO MAIL_22 RCPT("a") RCPT("b"),
	    "deferred 421 4.7.0 busy\ndeferred 421 4.7.0 busy\nend 421 4.7.0 busy\n" },
	{ "gone after the content", &one, POSTFIX OK OK, EHLO MAIL_22 RCPT("a") BDAT,
	    MAYBE ALL_GONE },
	{ "half a word after the content", &one, POSTFIX OK OK "250 2.0.0 Ok\r",
	    EHLO MAIL_22 RCPT("a") BDAT, MAYBE ALL_GONE },
	{ "half a reply after the content", &one, POSTFIX OK OK "250-2.0.0 Ok\r\n",
	    EHLO MAIL_22 RCPT("a") BDAT, MAYBE ALL_GONE },
	{ "421 after the content", &one, PLAIN OK OK GO "421 4.3.2 stopping\r\n",
	    EHLO MAIL RCPT("a") DATA, "deferred 421 4.3.2 stopping\nend 421 4.3.2 stopping\n" },
	{ "gone behind the outcome", &one, POSTFIX OK OK QUEUED,
	    EHLO MAIL_22 RCPT("a") BDAT "QUIT\r\n", ACCEPTED ALL_GONE },
	{ "content of another size", &lies, PLAIN OK OK GO, EHLO MAIL RCPT("a") "DATA\r\n",
	    "deferred 0 4.4.2 The message changed while it was sent\n"
	    "end 0 4.4.2 The message changed while it was sent\n" },
	{ "content of another size, in chunks", &lies, POSTFIX OK OK,
	    EHLO "MAIL FROM:<s@example.org> SIZE=23\r\n" RCPT("a"),
	    "deferred 0 4.4.2 The message changed while it was sent\n"
	    "end 0 4.4.2 The message changed while it was sent\n" },
};

static const struct conversation nonsense[] = {
	{ "another protocol", &one, "SSH-2.0-OpenSSH\r\n", "", NONSENSE },
	{ "a code of two digits", &one, "22 x\r\n", "", NONSENSE },
	{ "a code of four digits", &one, "2200 x\r\n", "", NONSENSE },
	{ "a code that is none", &one, "2 0 x\r\n", "", NONSENSE },
	{ "a code of no class", &one, "620 x\r\n", "", NONSENSE },
	{ "a preliminary code", &one, "120 x\r\n", "", NONSENSE },
	{ "an empty line", &one, "\r\n", "", NONSENSE },
	{ "a tab", &one, "220\tx\r\n", "", NONSENSE },
	{ "codes that differ", &one, "220-x\r\n221 x\r\n", "", NONSENSE },
	{ "a lone LF", &one, "220 x\n220 y\r\n", "", NONSENSE },
	{ "a lone CR", &one, "220 x\r220 y\r\n", "", NONSENSE },
	{ "354 for MAIL", &one, POSTFIX GO, EHLO MAIL_22 RCPT("a"), UNFIT },
	{ "354 for RCPT", &one, POSTFIX OK GO, EHLO MAIL_22 RCPT("a"), UNFIT },
	{ "354 for content", &one, POSTFIX OK OK GO, EHLO MAIL_22 RCPT("a") BDAT, UNFIT_LAST },
	{ "250 for DATA", &one, PLAIN OK OK QUEUED, EHLO MAIL RCPT("a") "DATA\r\n", UNFIT },
	{ "334 for EHLO", &one, GREETING "334 x\r\n", EHLO, UNFIT },
};

static const struct conversation words[] = {
	{ "no text", &one, "220\r\n250\r\n" OK OK GO "250\r\n221 \r\n",
	    EHLO MAIL RCPT("a") DATA "QUIT\r\n", "accepted 250  \nend 221  \n" },
	{ "several lines", &one,
	    PLAIN OK OK GO
	    "250-2.0.0 one\r\n250-2.0.0\r\n250-\r\n250-2.0.0 two\r\n250 three\r\n" BYE,
	    EHLO MAIL RCPT("a") DATA "QUIT\r\n", "accepted 250 2.0.0 one two three\n" END },
	{ "an enhanced code of another class", &one, PLAIN OK OK GO "550 2.0.0 x\r\n" OK BYE,
	    EHLO MAIL RCPT("a") DATA "RSET\r\nQUIT\r\n", "refused 550  2.0.0 x\n" END },
	{ "one that is none", &one,
	    PLAIN OK OK GO
	    "550-5.0.0000 x\r\n550-5.1\r\n550-5.\r\n550-5..1\r\n550-55 y\r\n550 5\r\n" OK BYE,
	    EHLO MAIL RCPT("a") DATA "RSET\r\nQUIT\r\n",
	    "refused 550  5.0.0000 x 5.1 5. 5..1 55 y 5\n" END },
	{ "the longest one", &one, PLAIN OK OK GO "550 5.123.456 x\r\n" OK BYE,
	    EHLO MAIL RCPT("a") DATA "RSET\r\nQUIT\r\n", "refused 550 5.123.456 x\n" END },
	{ "what is not fit for a log", &one,
	    PLAIN OK OK GO "550 a\tb\033[1m\177\303\251\r\n" OK BYE,
	    EHLO MAIL RCPT("a") DATA "RSET\r\nQUIT\r\n", "refused 550  a?b?[1m???\n" END },
};

/* One way of running it. */
struct way {
	size_t cut, piece, content_piece;
};

static void check_way(const struct conversation *conversation, struct text server, struct way way)
{
	static struct submission_edge edge;
	char what[200];

	snprintf(what, sizeof(what), "%s (cut at %zu, pieces of %zu and %zu)", conversation->name,
	    way.cut, way.piece, way.content_piece);
	submission_edge_init(&edge, conversation->submitted);
	edge.content_piece = way.content_piece;
	submission_edge_feed(&edge, "", 0);
	for (size_t at = 0, n = way.cut; at < server.n; at += n, n = way.piece) {
		n = n < server.n - at ? n : server.n - at;
		submission_edge_feed(&edge, server.p + at, n);
	}
	submission_edge_end(&edge);
	expect_bytes(
	    what, edge.output.p, edge.output.n, conversation->output, strlen(conversation->output));
	expect_text(what, edge.events.p, conversation->events);
	submission_edge_deinit(&edge);
}

static void check_conversation(const struct conversation *conversation, struct text server)
{
	check_way(conversation, server, (struct way){ 1, 1, 1 });
	check_way(conversation, server, (struct way){ 1, 1, 0 });
	for (size_t piece = 1; piece <= 24; piece++) {
		check_way(conversation, server, (struct way){ SIZE_MAX, SIZE_MAX, piece });
	}
	for (size_t cut = 1; cut <= server.n; cut++) {
		check_way(conversation, server, (struct way){ cut, SIZE_MAX, 0 });
	}
}

static void check_all(const struct conversation *conversations, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		check_conversation(&conversations[i],
		    (struct text){ conversations[i].server, strlen(conversations[i].server) });
	}
}

static void test_deliveries(void **state)
{
	check_all(deliveries, LENGTH(deliveries));
}

static void test_refusals(void **state)
{
	check_all(refusals, LENGTH(refusals));
}

static void test_questions(void **state)
{
	check_all(asked, LENGTH(asked));
}

static void test_ends(void **state)
{
	check_all(ends, LENGTH(ends));
}

static void test_nonsense(void **state)
{
	static const char nul[] = "220 x\0y\r\n";

	check_all(nonsense, LENGTH(nonsense));
	check_conversation(&(struct conversation){ "a NUL", &one, "", "", NONSENSE },
	    (struct text){ nul, sizeof(nul) - 1 });
}

static void test_words(void **state)
{
	check_all(words, LENGTH(words));
}

/* A line may have so many bytes, a reply so many lines, and what is kept of its text is cut. */
static void test_limits(void **state)
{
	static char server[RESPONSE_LINES_MAX * 10 + 3 * RESPONSE_LINE_MAX];
	struct conversation conversation = { "a long line", &one, "", EHLO, GONE ALL_GONE };
	size_t n;

	for (size_t extra = 0; extra < 2; extra++) {
		n = (size_t)sprintf(server, "220 ");
		memset(server + n, 'x', RESPONSE_LINE_MAX);
		n = RESPONSE_LINE_MAX - 2 + extra;
		memcpy(server + n, "\r\n", 2);
		if (extra > 0) {
			conversation.output = "";
			conversation.events = NONSENSE;
		}
		check_conversation(&conversation, (struct text){ server, n + 2 });
	}
	memset(server, '2', sizeof(server));
	conversation.name = "a line without end";
	check_conversation(&conversation, (struct text){ server, RESPONSE_LINE_MAX + 1 });
	for (size_t extra = 0; extra < 2; extra++) {
		conversation = (struct conversation){ "many lines", &one, "", EHLO, GONE ALL_GONE };
		n = 0;
		for (size_t i = 1; i < RESPONSE_LINES_MAX + extra; i++) {
			n += (size_t)sprintf(server + n, "220-x\r\n");
		}
		n += (size_t)sprintf(server + n, "220 x\r\n");
		if (extra > 0) {
			conversation.output = "";
			conversation.events = NONSENSE;
		}
		check_conversation(&conversation, (struct text){ server, n });
	}
}

static void test_long_text(void **state)
{
	static char server[2 * RESPONSE_LINE_MAX], events[3 * RESPONSE_TEXT_MAX];
	char text[RESPONSE_TEXT_MAX];
	struct conversation conversation = { "a long text", &one, "", "", events };
	size_t n;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	n = (size_t)snprintf(server, sizeof(server), "554-%s\r\n554 y\r\n", text);
	snprintf(events, sizeof(events), "deferred 554  %s\nend 554  %s\n", text, text);
	check_conversation(&conversation, (struct text){ server, n });
	n = (size_t)snprintf(server, sizeof(server), "554 %sy\r\n", text);
	check_conversation(&conversation, (struct text){ server, n });
	text[sizeof(text) - 2] = '\0'; /* there is room for the blank alone, and it is not put */
	n = (size_t)snprintf(server, sizeof(server), "554-%s\r\n554 y\r\n", text);
	snprintf(events, sizeof(events), "deferred 554  %s\nend 554  %s\n", text, text);
	check_conversation(&conversation, (struct text){ server, n });
}

/* As many recipients as may be, each with its outcome. */
static void test_many_recipients(void **state)
{
	static struct submitted many = { "s@example.org", { NULL }, TEXT(BODY) };
	static struct submission_edge edge;
	static char addresses[SUBMISSION_RECIPIENTS_MAX][20];

	for (unsigned i = 0; i < SUBMISSION_RECIPIENTS_MAX; i++) {
		snprintf(addresses[i], sizeof(addresses[i]), "u%u@example.net", i);
		many.recipients[i] = addresses[i];
	}
	submission_edge_init(&edge, &many);
	submission_edge_feed(&edge, POSTFIX OK, strlen(POSTFIX OK));
	for (unsigned i = 0; i < SUBMISSION_RECIPIENTS_MAX; i++) {
		const char *reply = i % 3 == 0 ? "550 no\r\n" : OK;

		submission_edge_feed(&edge, reply, strlen(reply));
	}
	submission_edge_feed(&edge, QUEUED, strlen(QUEUED));
	for (unsigned i = 0; i < SUBMISSION_RECIPIENTS_MAX; i++) {
		assert_int_equal(
		    edge.outcomes[i].result, i % 3 == 0 ? SUBMISSION_REFUSED : SUBMISSION_ACCEPTED);
	}
	submission_edge_deinit(&edge);
}

static void test_long_addresses(void **state)
{
	static char fits[SUBMISSION_ADDRESS_MAX + 1], is_long[SUBMISSION_ADDRESS_MAX + 2];
	static char output[3 * SUBMISSION_ADDRESS_MAX];
	const struct submitted long_addresses = { fits, { fits, is_long }, TEXT(BODY),
		.is_utf8 = true };
	const struct submitted long_sender = { is_long, { fits }, TEXT(BODY) };
	const char *server = POSTFIX OK OK QUEUED BYE;
	struct conversation conversation = { "long addresses", &long_addresses, server, output,
		ACCEPTED "refused 0 5.1.3 The address cannot be sent\n" END };

	memset(fits, 'x', sizeof(fits) - 1);
	memset(is_long, 'x', sizeof(is_long) - 1);
	snprintf(output, sizeof(output),
	    EHLO "MAIL FROM:<%s> SIZE=22 SMTPUTF8\r\nRCPT TO:<%s>\r\n" BDAT "QUIT\r\n", fits, fits);
	check_way(&conversation, (struct text){ server, strlen(server) }, (struct way){ 7, 7, 0 });
	conversation = (struct conversation){ "a long sender", &long_sender, POSTFIX BYE,
		EHLO "QUIT\r\n", "refused 0 5.1.7 The sender's address cannot be sent\n" END };
	check_all(&conversation, 1);
}

/* A message of many chunks: each waits for the one before, and they are cut at the same bytes however it is given. */
static void check_large(
    bool has_chunking, size_t content_piece, const struct text *content, struct buffer *output)
{
	const struct submitted large = { "s@example.org", { "a@example.net" }, *content };
	static struct submission_edge edge;
	const char *hello =
	    has_chunking ? GREETING "250-x\r\n250 CHUNKING\r\n" OK OK : PLAIN OK OK GO;
	size_t n_before = SIZE_MAX;

	submission_edge_init(&edge, &large);
	edge.content_piece = content_piece;
	submission_edge_feed(&edge, hello, strlen(hello));
	while (has_chunking && edge.submission.phase != SUBMISSION_PHASE_FINAL) {
		assert_true(edge.output.n != n_before);
		n_before = edge.output.n;
		submission_edge_feed(&edge, OK, strlen(OK));
	}
	submission_edge_feed(&edge, QUEUED, strlen(QUEUED));
	expect_text("a large message", edge.events.p, ACCEPTED);
	buffer_put(output, edge.output.p, edge.output.n);
	submission_edge_deinit(&edge);
}

/* Takes the chunks of what was sent together. */
static void unchunk(struct buffer *message, char *p)
{
	while (strncmp(p, "BDAT ", 5) == 0) {
		size_t n = strtoul(p + 5, &p, 10);

		assert_in_range(n, 0, SUBMISSION_CHUNK + CONTENT_ROOM);
		p = strstr(p, "\r\n") + 2;
		buffer_put(message, p, n);
		p += n;
	}
	expect_text("behind the chunks", p, "QUIT\r\n");
}

enum {
	LINES = 9000,
	LINE_MAX_BYTES = 20,
};

static void test_large(void **state)
{
	static const size_t pieces[] = { 0, 1000, 777, 1 };
	char *text = calloc(LINES, LINE_MAX_BYTES), *sent = calloc(LINES, LINE_MAX_BYTES);
	struct buffer chunks = { .p = NULL }, dots = { .p = NULL }, message = { .p = NULL };
	size_t n = 0, n_sent = 0;

	for (unsigned i = 0; i < LINES; i++) {
		n += (size_t)sprintf(text + n, "a line, %u%s", i, i % 2 == 0 ? "\n" : "\r\n");
		n_sent += (size_t)sprintf(sent + n_sent, "a line, %u\r\n", i);
	}
	for (size_t i = 0; i < LENGTH(pieces); i++) {
		struct buffer again = { .p = NULL };

		check_large(true, pieces[i], &(struct text){ text, n }, i == 0 ? &chunks : &again);
		if (i > 0) {
			expect_bytes("chunks", again.p, again.n, chunks.p, chunks.n);
		}
		buffer_free(&again);
		check_large(false, pieces[i], &(struct text){ text, n }, i == 0 ? &dots : &again);
		if (i > 0) {
			expect_bytes("dots", again.p, again.n, dots.p, dots.n);
		}
		buffer_free(&again);
	}
	unchunk(&message, strstr(chunks.p, "BDAT"));
	expect_bytes("chunks together", message.p, message.n, sent, n_sent);
	expect_bytes("data", strstr(dots.p, "DATA\r\n") + 6, n_sent, sent, n_sent);
	expect_text("the end of data", strstr(dots.p, "DATA\r\n") + 6 + n_sent, ".\r\nQUIT\r\n");
	buffer_free(&chunks);
	buffer_free(&dots);
	buffer_free(&message);
	free(text);
	free(sent);
}

/* A chunk that is refused ends the content. */
static void test_refused_chunk(void **state)
{
	enum {
		SIZE = 3 * SUBMISSION_CHUNK
	};
	char *text = calloc(1, SIZE);
	struct submitted large = { "s@example.org", { "a@example.net" }, { text, SIZE } };
	static struct submission_edge edge;
	const char *server =
	    GREETING "250-x\r\n250 CHUNKING\r\n" OK OK OK "552 5.3.4 enough\r\n" OK BYE;

	memset(text, 'x', SIZE);
	submission_edge_init(&edge, &large);
	submission_edge_feed(&edge, server, strlen(server));
	expect_text("a refused chunk", edge.events.p, "refused 552 5.3.4 enough\n" END);
	assert_in_range(edge.output.n, 2 * SUBMISSION_CHUNK, 2 * SUBMISSION_CHUNK + 200);
	assert_memory_equal(edge.output.p + edge.output.n - 12, "RSET\r\nQUIT\r\n", 12);
	submission_edge_deinit(&edge);
	free(text);
}

/* The server may have what was sent to its last byte, and cannot have what was not. */
static void test_last_byte(void **state)
{
	for (size_t n_left = 0; n_left <= 2; n_left++) {
		static struct submission_edge edge;
		struct submission *submission = &edge.submission;
		size_t n;

		submission_edge_init(&edge, &one);
		submission_feed(submission, PLAIN, strlen(PLAIN), &n);
		submission_begin(submission, &edge.envelope, edge.outcomes);
		submission_feed(submission, OK OK GO, strlen(OK OK GO), &n);
		submission_content(submission, BODY, strlen(BODY));
		submission_content_end(submission);
		output_unsent(&submission->output, &n);
		output_sent(&submission->output, n - n_left);
		submission_break(submission, "It is gone");
		assert_int_equal(edge.outcomes[0].result,
		    n_left == 0 ? SUBMISSION_UNKNOWN : SUBMISSION_DEFERRED);
		submission_edge_deinit(&edge);
	}
}

/* What comes when nothing was asked ends the connection, with its own words if it is a refusal. */
static void test_out_of_turn(void **state)
{
	static const struct {
		const char *said, *events;
	} cases[] = {
		{ "421 4.4.2 timeout\r\n", "deferred 421 4.4.2 timeout\nend 421 4.4.2 timeout\n" },
		{ "421-4.4.2 too\r\n421 4.4.2 late\r\n",
		    "deferred 421 4.4.2 too late\nend 421 4.4.2 too late\n" },
		{ QUEUED, "deferred 0 4.4.2 The server spoke when it was not asked\n"
			  "end 0 4.4.2 The server spoke when it was not asked\n" },
		{ "421 4.4", "deferred 0 4.4.2 The server spoke when it was not asked\n"
			     "end 0 4.4.2 The server spoke when it was not asked\n" },
		{ "?\r\n", "deferred 0 4.4.2 The server spoke when it was not asked\n"
			   "end 0 4.4.2 The server spoke when it was not asked\n" },
	};

	for (size_t i = 0; i < LENGTH(cases); i++) {
		static struct submission_edge edge;
		size_t taken;

		submission_edge_init(&edge, &one);
		assert_int_equal(
		    submission_feed(&edge.submission, POSTFIX, strlen(POSTFIX), &taken),
		    SUBMISSION_READY);
		assert_int_equal(taken, strlen(POSTFIX));
		submission_begin(&edge.submission, &edge.envelope, edge.outcomes);
		edge.n_left = 0;
		edge.has_begun = true;
		assert_int_equal(
		    submission_feed(&edge.submission, OK OK QUEUED, strlen(OK OK QUEUED), &taken),
		    SUBMISSION_CONTENT);
		assert_int_equal(taken, strlen(OK OK)); /* the rest was not asked for */
		submission_break_by(&edge.submission, cases[i].said, strlen(cases[i].said));
		submission_edge_feed(&edge, "", 0);
		expect_text(cases[i].said, edge.events.p, cases[i].events);
		submission_edge_deinit(&edge);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_deliveries),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_questions),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_long_text),
		cmocka_unit_test(test_many_recipients),
		cmocka_unit_test(test_long_addresses),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_refused_chunk),
		cmocka_unit_test(test_last_byte),
		cmocka_unit_test(test_out_of_turn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
