/* SPDX-License-Identifier: MIT
 * The fields on top of a message, byte for byte, whatever the client said; and what is read of the
 * message's own header. */
#include "mail/header.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/unit.h"

static const struct header plain = {
	.sender = "s@example.org",
	.delivered_to = "user@example.com",
	.lhlo = "client.example.org",
	.hostname = "mx.example.com",
	.id = "S1.T1",
	.recipient = "User+x@example.com",
	.time = 1700000000,
};

static void set_zone(const char *zone)
{
	setenv("TZ", zone, 1);
	tzset();
}

static void expect_header(const char *what, const struct header *header, const char *want)
{
	char *out = test_malloc(HEADER_MAX);
	size_t n = header_compose(out, header);

	expect_bytes(what, out, n, want, strlen(want));
	test_free(out);
}

static void test_compose(void **state)
{
	struct header header = plain;

	set_zone("UTC0");
	expect_header("one recipient", &header,
	    "Return-Path: <s@example.org>\n"
	    "Delivered-To: user@example.com\n"
	    "Received: from client.example.org\n"
	    "\tby mx.example.com with LMTP id S1.T1\n"
	    "\t(envelope-from <s@example.org>)\n"
	    "\tfor <User+x@example.com>;\n"
	    "\tTue, 14 Nov 2023 22:13:20 +0000\n");
	header.sender = "";
	header.delivered_to = NULL;
	header.recipient = NULL;
	header.time = 0;
	set_zone("XXX-05:30");
	expect_header("several recipients, the null sender", &header,
	    "Return-Path: <>\n"
	    "Received: from client.example.org\n"
	    "\tby mx.example.com with LMTP id S1.T1\n"
	    "\t(envelope-from <>);\n"
	    "\tThu, 01 Jan 1970 05:30:00 +0530\n");
	header.is_utf8 = true;
	expect_header("with SMTPUTF8", &header,
	    "Return-Path: <>\n"
	    "Received: from client.example.org\n"
	    "\tby mx.example.com with UTF8LMTP id S1.T1\n"
	    "\t(envelope-from <>);\n"
	    "\tThu, 01 Jan 1970 05:30:00 +0530\n");
	header.is_utf8 = false;
	set_zone("XXX8");
	header.time = 1709251199; /* the last second of a 29th of February, UTC */
	expect_header("behind UTC", &header,
	    "Return-Path: <>\n"
	    "Received: from client.example.org\n"
	    "\tby mx.example.com with LMTP id S1.T1\n"
	    "\t(envelope-from <>);\n"
	    "\tThu, 29 Feb 2024 15:59:59 -0800\n");
}

static void test_compose_hostile(void **state)
{
	struct header header = {
		.sender = "\"a\r\nSubject: x\"@d\177",
		.delivered_to = "a\nX: y@d",
		.lhlo = "x(y)z; \r\n\001\342\202\254",
		.hostname = "mx\nx",
		.id = "S1",
		.recipient = "\"a\nb\"@\303\251",
	};

	set_zone("UTC0");
	expect_header("control bytes", &header,
	    "Return-Path: <\"a??Subject: x\"@d?>\n"
	    "Delivered-To: a?X: y@d\n"
	    "Received: from x?y?z?????\342\202\254\n"
	    "\tby mx?x with LMTP id S1\n"
	    "\t(envelope-from <\"a??Subject: x\"@d?>)\n"
	    "\tfor <\"a?b\"@\303\251>;\n"
	    "\tThu, 01 Jan 1970 00:00:00 +0000\n");
}

/* Structured fields as RFC 5322 3.2.2 reads them: comments nest, and a backslash quotes in them.
 * Returns the text outside of comments. */
static size_t without_comments(const char *in, size_t n, char *out)
{
	size_t depth = 0, o = 0;

	for (size_t i = 0; i < n; i++) {
		if (in[i] == '(') {
			depth++;
		} else if (in[i] == ')' && depth > 0) {
			depth--;
		} else if (in[i] == '\\' && depth > 0) {
			i++;
		} else if (depth == 0) {
			out[o++] = in[i];
		}
	}
	return o;
}

/* A sender cannot add a clause to the Received: field that names this host: outside of its comments
 * the field is the same for any sender. */
static void test_sender_stays_in_its_comment(void **state)
{
	static const char *const senders[] = {
		"",
		"a(b@d",
		"a)b@d",
		"\")\"@d",
		"\"a) with ESMTP id FAKE (b\"@d",
		"\"a\\\\) for <x@y>; Thu, 01 Jan 1970 00:00:00 +0000 (\"@d",
		"a\\)@d",
		"a\\>",
		"((((@d",
		"))))@d",
	};
	char *out = test_malloc(HEADER_MAX), *got = test_malloc(HEADER_MAX),
	     *want = test_malloc(HEADER_MAX);
	struct header header = plain;
	size_t n, n_want;
	const char *received;

	set_zone("UTC0");
	n = header_compose(out, &header);
	received = memmem(out, n, "Received:", 9);
	n_want = without_comments(received, n - (size_t)(received - out), want);
	for (size_t i = 0; i < LENGTH(senders); i++) {
		header.sender = senders[i];
		n = header_compose(out, &header);
		received = memmem(out, n, "Received: from client", 21);
		expect_bytes(senders[i], got,
		    without_comments(received, n - (size_t)(received - out), got), want, n_want);
	}
	test_free(out);
	test_free(got);
	test_free(want);
}

/* The longest strings that a session can hold fit, also where each byte becomes two, and those that
 * are cut leave the rest in order. */
static void check_longest(char fill)
{
	enum {
		LONGEST = 4096 + 1 /* than any line */
	};
	char *text = test_malloc(LONGEST + 1), *out = test_malloc(HEADER_MAX);
	struct header header = { .sender = text,
		.delivered_to = text,
		.lhlo = text,
		.hostname = text,
		.id = "S1.T1",
		.recipient = text };
	size_t n;

	set_zone("UTC0");
	memset(text, fill, LONGEST);
	text[LONGEST] = '\0';
	n = header_compose(out, &header);
	assert_in_range(n, 2 * LONGEST, HEADER_MAX - 1);
	out[n] = '\0';
	assert_non_null(strstr(out, ">\nDelivered-To: "));
	assert_non_null(strstr(out, "\nReceived: from "));
	assert_ptr_equal(strchr(strstr(out, "from "), '\n'), strstr(out, "from ") + 5 + 255);
	assert_non_null(strstr(out, " with LMTP id S1.T1\n\t(envelope-from <"));
	assert_non_null(strstr(out, ">)\n\tfor <"));
	assert_non_null(strstr(out, ">;\n\tThu, 01 Jan 1970 00:00:00 +0000\n"));
	test_free(text);
	test_free(out);
}

static void test_compose_longest(void **state)
{
	check_longest('x');
	check_longest('(');
	check_longest('\\');
	check_longest('\n');
}

static const struct {
	const char *name;
	struct text message;
	const char *queue_id, *message_id;
} scans[] = {
	{ "Postfix, from the network",
	    TEXT("Received: from client.example.org (client.example.org [192.0.2.1])\n"
		 "\tby mx.example.com (Postfix) with ESMTP id B79A0A76975\n"
		 "\tfor <user@example.com>; Tue, 14 Nov 2023 22:13:20 +0000 (UTC)\n"
		 "Message-ID: <1@example.org>\n\nbody\n"),
	    "B79A0A76975", "<1@example.org>" },
	{ "Postfix, long ids and TLS",
	    TEXT("Received: from c (c [192.0.2.1])\n"
		 "\t(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)\n"
		 "\t key-exchange X25519 server-signature RSA-PSS (2048 bits))\n"
		 "\t(No client certificate requested)\n"
		 "\tby mx.example.com (Postfix) with ESMTPS id 4SVDnY1Zq2z1Bk\n"
		 "\tfor <user@example.com>; Tue, 14 Nov 2023 22:13:20 +0000 (UTC)\n\n"),
	    "4SVDnY1Zq2z1Bk", "" },
	{ "Postfix, by sendmail(1)",
	    TEXT("Received: by mx.example.com (Postfix, from userid 0)\n"
		 "\tid 3F1E5A1B2C; Tue, 14 Nov 2023 22:13:20 +0000 (UTC)\n"
		 "Message-Id: <20231114221320.3F1E5A1B2C@mx.example.com>\n\n"),
	    "3F1E5A1B2C", "<20231114221320.3F1E5A1B2C@mx.example.com>" },
	{ "folded everywhere",
	    TEXT("Received: from\n c\n\t(c)\n by\n\tmx\n (Postfix)\n with\n ESMTP\n id\n\tABC\n ; "
		 "x\n"),
	    "ABC", "" },
	{ "CRLF",
	    TEXT("Received: from c (c)\r\n\tby mx (Postfix) with ESMTP id ABC\r\n\tfor <u@d>; x\r\n"
		 "Message-ID: <1@d>\r\n\r\nbody\r\n"),
	    "ABC", "<1@d>" },
	{ "any case", TEXT("RECEIVED: FROM c BY mx WITH x ID ABC; y\nMESSAGE-id: <1@d>\n\n"), "ABC",
	    "<1@d>" },
	{ "the topmost one counts",
	    TEXT("Received: by a id FIRST; x\nReceived: by b id SECOND; x\n"
		 "Message-ID: <1@d>\nMessage-ID: <2@d>\n\n"),
	    "FIRST", "<1@d>" },
	{ "the topmost one has none", TEXT("Received: by a; x\nReceived: by b id SECOND; x\n\n"),
	    "", "" },
	/* names that a client may give itself */
	{ "HELO id",
	    TEXT("Received: from id (id [192.0.2.1])\n\tby mx (Postfix) with SMTP id ABC; x\n"),
	    "ABC", "" },
	{ "HELO by",
	    TEXT("Received: from by (x [192.0.2.1])\n\tby mx (Postfix) with SMTP id ABC; x\n"),
	    "ABC", "" },
	{ "HELO from", TEXT("Received: from from (x)\n\tby mx (Postfix) with SMTP id ABC; x\n"),
	    "ABC", "" },
	{ "HELO by id in a comment",
	    TEXT("Received: from x (by y id FAKE [192.0.2.1])\n\tby mx (Postfix) id ABC; x\n"),
	    "ABC", "" },
	{ "id before by", TEXT("Received: from x id FAKE by mx id ABC; x\n"), "ABC", "" },
	{ "a host named id", TEXT("Received: from x by id (Postfix) with ESMTP id ABC; x\n"), "ABC",
	    "" },
	/* comments */
	{ "nested", TEXT("Received: from x (a (b) by c id FAKE) by mx (d (e)) id ABC; x\n"), "ABC",
	    "" },
	{ "quoted in a comment", TEXT("Received: from x (a \\) by c id FAKE) by mx id ABC; x\n"),
	    "ABC", "" },
	{ "never closed", TEXT("Received: from x (a by mx id FAKE; x\nMessage-ID: <1@d>\n\n"), "",
	    "<1@d>" },
	{ "closed too often", TEXT("Received: from x) by mx) id ABC; x\n"), "ABC", "" },
	{ "without blanks", TEXT("Received: from x(y)by mx(Postfix)with ESMTP id(z)ABC(q); x\n"),
	    "ABC", "" },
	{ "a comment between", TEXT("Received: by mx id (not this) ABC; x\n"), "ABC", "" },
	/* what is cut or missing */
	{ "nothing", TEXT(""), "", "" },
	{ "no header", TEXT("\nReceived: by mx id FAKE; x\nMessage-ID: <1@d>\n"), "", "" },
	{ "no header, CRLF", TEXT("\r\nMessage-ID: <1@d>\r\n"), "", "" },
	{ "the body is not looked at",
	    TEXT("Subject: x\n\nReceived: by mx id FAKE; x\nMessage-ID: <1@d>\n"), "", "" },
	{ "the body is not looked at, CRLF", TEXT("Subject: x\r\n\r\nMessage-ID: <1@d>\r\n"), "",
	    "" },
	{ "not at the start of a line",
	    TEXT("Subject: x\n Message-ID: <1@d>\n\tReceived: by x id y;\n"), "", "" },
	{ "other names",
	    TEXT("X-Received: by x id y; z\nReceived-SPF: by x id y;\nMessage-IDs: <1@d>\n"), "",
	    "" },
	{ "no value", TEXT("Received:\nMessage-ID:\n\n"), "", "" },
	{ "id at the very end", TEXT("Received: by mx id"), "", "" },
	{ "id without one", TEXT("Received: by mx id; x\n"), "", "" },
	{ "cut within", TEXT("Received: by mx id AB"), "AB", "" },
	{ "by at the end", TEXT("Received: from x by"), "", "" },
	{ "a date that looks like one", TEXT("Received: by mx; Tue id FAKE\n"), "", "" },
	{ "31 bytes", TEXT("Received: by mx id 0123456789012345678901234567890; x\n"),
	    "0123456789012345678901234567890", "" },
	{ "32 bytes are no queue id",
	    TEXT("Received: by mx id 01234567890123456789012345678901; x\n"), "", "" },
	{ "not a field", TEXT("From someone Tue Nov 14\n>x\nMessage-ID: <1@d>\n\n"), "", "<1@d>" },
	/* Message-ID */
	{ "folded", TEXT("Message-ID:\n <1@d>\n\n"), "", "<1@d>" },
	{ "folded twice", TEXT("Message-ID:\n\t\n  <1@d>\n\n"), "", "<1@d>" },
	{ "folded, CRLF", TEXT("Message-ID:\r\n <1@d>\r\n\r\n"), "", "<1@d>" },
	{ "no blank", TEXT("Message-ID:<1@d>\n"), "", "<1@d>" },
	{ "something behind", TEXT("Message-ID: <1@d> (comment)\n"), "", "<1@d>" },
	{ "no line end", TEXT("Message-ID: <1@d>"), "", "<1@d>" },
};

static void test_scan(void **state)
{
	for (size_t i = 0; i < LENGTH(scans); i++) {
		struct header_facts facts;
		char *copy = test_malloc(scans[i].message.n + 1);

		memset(&facts, 'x', sizeof(facts));
		memcpy(copy, scans[i].message.p, scans[i].message.n);
		header_scan(&facts, copy, scans[i].message.n);
		expect_text(scans[i].name, facts.queue_id, scans[i].queue_id);
		expect_text(scans[i].name, facts.message_id, scans[i].message_id);
		test_free(copy);
	}
}

/* Cut anywhere, as the first buffer of a message may be: no byte behind the cut is read. */
static void test_scan_cuts(void **state)
{
	for (size_t i = 0; i < LENGTH(scans); i++) {
		for (size_t n = 0; n < scans[i].message.n; n++) {
			char *copy = malloc(n + (n == 0));
			struct header_facts facts;

			memcpy(copy, scans[i].message.p, n);
			header_scan(&facts, copy, n);
			assert_true(strlen(facts.queue_id) < sizeof(facts.queue_id));
			assert_true(strlen(facts.message_id) < sizeof(facts.message_id));
			assert_true(strlen(facts.received) < sizeof(facts.received));
			free(copy);
		}
	}
}

/* When the one that has the queue id got the message, as it says it. */
static void test_scan_received(void **state)
{
	static const struct {
		struct text message;
		const char *received;
	} dates[] = {
		{ TEXT("Received: from c (c [192.0.2.1])\n\tby mx (Postfix) with ESMTP id "
		       "B79A0A76975\n"
		       "\tfor <u@d>; Tue, 14 Nov 2023 22:13:20 +0000 (UTC)\nReceived: by x id y; "
		       "z\n"),
		    "Tue, 14 Nov 2023 22:13:20 +0000 (UTC)" },
		{ TEXT("Received: from c by mx id A (a; b) for <u@d>;\r\n\tTue, 14 Nov\r\n "
		       "2023\r\n\r\n"),
		    "Tue, 14 Nov   2023" },
		{ TEXT("Received: by mx id A; x id B; y"), "x id B; y" },
		{ TEXT("Received: by mx id A;"), "" },
		{ TEXT("Received: by mx id A; \n\t\n\n"), "" },
		{ TEXT("Received: by mx id A (x; y\n"), "" },
		{ TEXT("Received: by mx id A\nReceived: by x id B; y\n"), "" },
		{ TEXT("Received: by mx id A; a\0b\n"), "a b" },
		{ TEXT("Received: by mx id A; 0123456789012345678901234567890123456789"
		       "0123456789012345678901234567890\n"),
		    "012345678901234567890123456789012345678901234567890123456789012" },
	};

	for (size_t i = 0; i < LENGTH(dates); i++) {
		struct header_facts facts;

		memset(&facts, 'x', sizeof(facts));
		header_scan(&facts, dates[i].message.p, dates[i].message.n);
		expect_text("received", facts.received, dates[i].received);
	}
}

static void test_scan_long_message_id(void **state)
{
	enum {
		LONG = 1000
	};
	char message[LONG + 20] = "Message-ID: <";
	struct header_facts facts;

	memset(message + 13, 'x', LONG);
	header_scan(&facts, message, 13 + LONG);
	assert_int_equal(strlen(facts.message_id), sizeof(facts.message_id) - 1);
	assert_memory_equal(facts.message_id, "<xxx", 4);
}

/* A header of many fields, or of one that never ends, costs no more than its first part. */
static void test_scan_far_away(void **state)
{
	enum {
		FAR = 200000
	};
	static const char last[] = "Message-ID: <far@d>\n\n";
	char *message = test_malloc(FAR + sizeof(last));
	struct header_facts facts;

	for (size_t i = 0; i < FAR; i += 4) {
		memcpy(message + i, "X:y\n", 4);
	}
	memcpy(message + FAR, last, sizeof(last));
	header_scan(&facts, message, FAR + sizeof(last) - 1);
	expect_text("far away", facts.message_id, "");
	memcpy(message + 40000, last, sizeof(last) - 1);
	header_scan(&facts, message, FAR + sizeof(last) - 1);
	expect_text("near", facts.message_id, "<far@d>");
	memset(message, '(', FAR);
	memcpy(message, "Received: ", 10);
	header_scan(&facts, message, FAR + sizeof(last) - 1);
	expect_text("comments", facts.queue_id, "");
	test_free(message);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compose),
		cmocka_unit_test(test_compose_hostile),
		cmocka_unit_test(test_sender_stays_in_its_comment),
		cmocka_unit_test(test_compose_longest),
		cmocka_unit_test(test_scan),
		cmocka_unit_test(test_scan_cuts),
		cmocka_unit_test(test_scan_received),
		cmocka_unit_test(test_scan_long_message_id),
		cmocka_unit_test(test_scan_far_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
