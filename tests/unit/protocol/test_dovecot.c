/* SPDX-License-Identifier: MIT
 * The auth protocol: what Postfix and others send, and every byte of the answer. */
#include "tests/unit/protocol/exchange.h"

#define HELLO             "VERSION\t1\t0\nCPID\t4711\n" /* as Postfix */
#define HELLO_1_1         "VERSION\t1\t1\nCPID\t4711\n" /* as Exim */
#define HELLO_1_2         "VERSION\t1\t2\nCPID\t4711\n"
#define RIGHT             "{^u@d^right}"
#define RIGHT_OK(id)      "OK\t" id "\tuser=u@d\n"
#define ASKS(id)          "CONT\t" id "\t\n"
#define ASKS_USER(id)     "CONT\t" id "\tVXNlcm5hbWU6\n"
#define ASKS_PASSWORD(id) "CONT\t" id "\tUGFzc3dvcmQ6\n"
#define FAIL(id)          "FAIL\t" id "\n"
#define FAIL_USER(id)     "FAIL\t" id "\tuser=u@d\n"

static const struct exchange starts[] = {
	{ .name = "silence", .input = TEXT(""), .output = "", .events = "" },
	{ .name = "Postfix connects", .input = TEXT(HELLO), .output = "", .events = "" },
	{ .name = "a version without its minor",
	    .input = TEXT("VERSION\t1\nCPID\t1\n"),
	    .output = "",
	    .events = "" },
	{ .name = "a later minor",
	    .input = TEXT("VERSION\t1\t99\tmore\nCPID\t1\n"),
	    .output = "",
	    .events = "" },
	{ .name = "no version at all",
	    .input = TEXT("AUTH\t1\tPLAIN\tresp=" RIGHT "\n"),
	    .output = RIGHT_OK("1") },
	{ .name = "another major version",
	    .input = TEXT("VERSION\t2\t0\nAUTH\t1\tPLAIN\tresp=" RIGHT "\n"),
	    .output = "",
	    .events = "closed\n" },
	{ .name = "another that begins with 1",
	    .input = TEXT("VERSION\t11\t0\nCPID\t1\n"),
	    .output = "",
	    .events = "closed\n" },
	{ .name = "no major version",
	    .input = TEXT("VERSION\n"),
	    .output = "",
	    .events = "closed\n" },
	{ .name = "an empty one",
	    .input = TEXT("VERSION\t\t0\n"),
	    .output = "",
	    .events = "closed\n" },
	{ .name = "a wrong version behind a login",
	    .input = TEXT(HELLO "AUTH\t1\tPLAIN\tresp=" RIGHT "\nVERSION\t3\t0\n"
				"AUTH\t2\tPLAIN\tresp=" RIGHT "\n"),
	    .output = RIGHT_OK("1"),
	    .events = "verify 1 PLAIN u@d right \nclosed\n" },
	{ .name = "commands of nobody",
	    .input = TEXT("\n\n\t\n \nNOOP\nAUTHX\t1\tPLAIN\tresp=" RIGHT "\n"
			  "AUT\t1\tPLAIN\nauth\t1\tPLAIN\nversion\t2\t0\nMECH\tPLAIN\n"
			  "OK\t1\tuser=x\nFAIL\t1\nSPID\t1\nDONE\n\0\n\377\376\n"),
	    .output = "",
	    .events = "" },
	{ .name = "commands without their fields",
	    .input = TEXT("AUTH\nAUTH\t\nAUTH\t1\nCONT\nCONT\t\nCANCEL\nCANCEL\t\nCPID\n"),
	    .output = "",
	    .events = "" },
	{ .name = "blanks are no tabs",
	    .input = TEXT("AUTH 1 PLAIN resp=" RIGHT "\nCONT 1 x\nCANCEL 1\nVERSION 2 0\n"),
	    .output = "",
	    .events = "" },
	{ .name = "the last line has no end",
	    .input = TEXT("AUTH\t1\tPLAIN\tresp=" RIGHT),
	    .output = "",
	    .events = "" },
};

static void test_starts(void **state)
{
	check_exchanges(starts, LENGTH(starts));
}

static const struct exchange plain[] = {
	{ .name = "as Postfix sends it",
	    .input =
		TEXT(HELLO "AUTH\t1\tPLAIN\tservice=smtp\tnologin\tlip=192.0.2.1\trip=198.51.100.7"
			   "\tsecured\tresp={^u@d^right}\n"),
	    .output = RIGHT_OK("1"),
	    .events = "verify 1 PLAIN u@d right 198.51.100.7 smtp\n" },
	{ .name = "the name of the row",
	    .input = TEXT("AUTH\t1\tPLAIN\tresp={^U@D^right}\n"),
	    .output = RIGHT_OK("1"),
	    .events = "verify 1 PLAIN U@D right \n" },
	{ .name = "a wrong password",
	    .input = TEXT("AUTH\t1\tPLAIN\trip=2001:db8::1\tresp={^u@d^wrong}\n"),
	    .output = FAIL_USER("1"),
	    .events = "verify 1 PLAIN u@d wrong 2001:db8::1\n" },
	{ .name = "one login behind another",
	    .input = TEXT(HELLO "AUTH\t1\tPLAIN\tresp={^u@d^wrong}\n"
				"AUTH\t2\tPLAIN\tresp=" RIGHT "\nAUTH\t4\tPLAIN\tresp=" RIGHT "\n"),
	    .output = FAIL_USER("1") RIGHT_OK("2") RIGHT_OK("4") },
	{ .name = "no initial response",
	    .input = TEXT(HELLO "AUTH\t1\tPLAIN\tservice=smtp\nCONT\t1\t" RIGHT "\n"),
	    .output = ASKS("1") RIGHT_OK("1"),
	    .events = "verify 1 PLAIN u@d right  smtp\n" },
	{ .name = "nothing behind the mechanism",
	    .input = TEXT("AUTH\t1\tPLAIN\n"),
	    .output = ASKS("1") },
	{ .name = "another identity",
	    .input = TEXT("AUTH\t1\tPLAIN\tresp={root^u@d^right}\n"),
	    .output = FAIL("1"),
	    .events = "refused 1\n" },
	{ .name = "the same identity",
	    .input = TEXT("AUTH\t1\tPLAIN\tresp={u@d^u@d^right}\n"),
	    .output = RIGHT_OK("1") },
	{ .name = "no NUL in it",
	    .input = TEXT("AUTH\t1\tPLAIN\tresp={u@d}\n"),
	    .output = FAIL("1"),
	    .events = "refused 1\n" },
	{ .name = "a tab in the name",
	    .input = TEXT("AUTH\t1\tPLAIN\tresp={^u\t@d^right}\n"),
	    .output = FAIL("1"),
	    .events = "refused 1\n" },
	{ .name = "a tab in the row's name",
	    .input = TEXT("AUTH\t1\tPLAIN\tresp={^u@d^tab}\n"),
	    .output = FAIL("1") },
	{ .name = "DEL in the row's name",
	    .input = TEXT("AUTH\t1\tPLAIN\tresp={^u@d^del}\n"),
	    .output = FAIL("1") },
	{ .name = "an empty password",
	    .input = TEXT("AUTH\t1\tPLAIN\tresp={^u@d^}\n"),
	    .output = FAIL_USER("1"),
	    .events = "verify 1 PLAIN u@d  \n" },
	{ .name = "more than ASCII",
	    .input = TEXT("AUTH\t1\tPLAIN\tresp={^\303\251 =\"@d^right}\n"),
	    .output = "OK\t1\tuser=\303\251 =\"@d\n" },
	{ .name = "parameters of others",
	    .input = TEXT("AUTH\t1\tPLAIN\tlport=25\trport=4\tno-penalty\tvalid-client-cert"
			  "\tcert_username=x\tlocal_name=y\tsession=z\tsecured=tls\tclient_id=\t\t"
			  "=\trip\tresp\tunknown=\001t\tresp=" RIGHT "\n"),
	    .output = RIGHT_OK("1"),
	    .events = "verify 1 PLAIN u@d right \n" },
	{ .name = "an address that is too long",
	    .input = TEXT("AUTH\t1\tPLAIN\trip=0123456789012345678901234567890123456789012345"
			  "\tresp=" RIGHT "\n"),
	    .output = RIGHT_OK("1"),
	    .events = "verify 1 PLAIN u@d right \n" },
	{ .name = "the longest service, and one that is too long",
	    .input = TEXT(
		"AUTH\t1\tPLAIN\tservice=0123456789012345678901234567890\tresp=" RIGHT
		"\nAUTH\t2\tPLAIN\tservice=01234567890123456789012345678901\tresp=" RIGHT "\n"),
	    .output = RIGHT_OK("1") RIGHT_OK("2"),
	    .events = "verify 1 PLAIN u@d right  0123456789012345678901234567890\n"
		      "verify 2 PLAIN u@d right \n" },
	{ .name = "the longest address",
	    .input = TEXT("AUTH\t1\tPLAIN\trip=012345678901234567890123456789012345678901234"
			  "\tresp=" RIGHT "\n"),
	    .output = RIGHT_OK("1"),
	    .events = "verify 1 PLAIN u@d right 012345678901234567890123456789012345678901234\n" },
};

static void test_plain(void **state)
{
	check_exchanges(plain, LENGTH(plain));
}

static const struct exchange login[] = {
	{ .name = "LOGIN",
	    .input = TEXT(HELLO "AUTH\t1\tLOGIN\tservice=smtp\tnologin\trip=198.51.100.7\n"
				"CONT\t1\t{u@d}\nCONT\t1\t{right}\n"),
	    .output = ASKS_USER("1") ASKS_PASSWORD("1") RIGHT_OK("1"),
	    .events = "verify 1 LOGIN u@d right 198.51.100.7 smtp\n" },
	{ .name = "LOGIN, wrong",
	    .input = TEXT("AUTH\t1\tLOGIN\nCONT\t1\t{u@d}\nCONT\t1\t{wrong}\n"),
	    .output = ASKS_USER("1") ASKS_PASSWORD("1") FAIL_USER("1") },
	{ .name = "LOGIN with the name at once",
	    .input = TEXT("AUTH\t1\tLOGIN\tresp={u@d}\nCONT\t1\t{right}\n"),
	    .output = ASKS_PASSWORD("1") RIGHT_OK("1") },
	{ .name = "LOGIN with an empty initial response",
	    .input = TEXT("AUTH\t1\tLOGIN\tresp==\nCONT\t1\t{u@d}\nCONT\t1\t{right}\n"),
	    .output = ASKS_USER("1") ASKS_PASSWORD("1") RIGHT_OK("1") },
	{ .name = "LOGIN, an empty name",
	    .input = TEXT("AUTH\t1\tLOGIN\nCONT\t1\t\n"),
	    .output = ASKS_USER("1") FAIL("1"),
	    .events = "refused 1\n" },
	{ .name = "LOGIN, no response field",
	    .input = TEXT("AUTH\t1\tLOGIN\nCONT\t1\n"),
	    .output = ASKS_USER("1") FAIL("1"),
	    .events = "refused 1\n" },
	{ .name = "LOGIN, an empty password",
	    .input = TEXT("AUTH\t1\tLOGIN\nCONT\t1\t{u@d}\nCONT\t1\t\n"),
	    .output = ASKS_USER("1") ASKS_PASSWORD("1") FAIL_USER("1"),
	    .events = "verify 1 LOGIN u@d  \n" },
	{ .name = "LOGIN, the password is no base64",
	    .input = TEXT("AUTH\t1\tLOGIN\nCONT\t1\t{u@d}\nCONT\t1\tright\n"),
	    .output = ASKS_USER("1") ASKS_PASSWORD("1") FAIL_USER("1"),
	    .events = "refused 1\n" },
	{ .name = "LOGIN, the password holds a NUL",
	    .input = TEXT("AUTH\t1\tLOGIN\nCONT\t1\t{u@d}\nCONT\t1\t{right^}\n"),
	    .output = ASKS_USER("1") ASKS_PASSWORD("1") FAIL_USER("1"),
	    .events = "refused 1\n" },
	{ .name = "LOGIN, what PLAIN would send",
	    .input = TEXT("AUTH\t1\tLOGIN\tresp=" RIGHT "\n"),
	    .output = FAIL("1"),
	    .events = "refused 1\n" },
	{ .name = "two at a time",
	    .input = TEXT("AUTH\t1\tLOGIN\nAUTH\t2\tLOGIN\nCONT\t2\t{second}\nCONT\t1\t{u@d}\n"
			  "CONT\t1\t{right}\nCONT\t2\t{right}\n"),
	    .output = ASKS_USER("1") ASKS_USER("2") ASKS_PASSWORD("2") ASKS_PASSWORD("1")
		RIGHT_OK("1") "OK\t2\tuser=second\n" },
};

static void test_login(void **state)
{
	check_exchanges(login, LENGTH(login));
}

static const struct exchange initial[] = {
	{ .name = "resp== is an empty one",
	    .input = TEXT(HELLO "AUTH\t1\tPLAIN\tresp==\n"),
	    .output = FAIL("1"),
	    .events = "refused 1\n" },
	{ .name = "resp== later too",
	    .input = TEXT(HELLO_1_2 "AUTH\t1\tPLAIN\tresp==\n"),
	    .output = FAIL("1"),
	    .events = "refused 1\n" },
	{ .name = "resp= was none once",
	    .input = TEXT(HELLO "AUTH\t1\tPLAIN\tresp=\nCONT\t1\t" RIGHT "\n"),
	    .output = ASKS("1") RIGHT_OK("1") },
	{ .name = "resp= was none in 1.1",
	    .input = TEXT(HELLO_1_1 "AUTH\t1\tPLAIN\tresp=\nCONT\t1\t" RIGHT "\n"),
	    .output = ASKS("1") RIGHT_OK("1") },
	{ .name = "resp= is an empty one since 1.2",
	    .input = TEXT(HELLO_1_2 "AUTH\t1\tPLAIN\tresp=\n"),
	    .output = FAIL("1"),
	    .events = "refused 1\n" },
	{ .name = "resp= and no version",
	    .input = TEXT("AUTH\t1\tPLAIN\tresp=\n"),
	    .output = ASKS("1"),
	    .events = "" },
	{ .name = "LOGIN, resp= once",
	    .input = TEXT(HELLO "AUTH\t1\tLOGIN\tresp=\n"),
	    .output = ASKS_USER("1") },
	{ .name = "LOGIN, resp= since 1.2",
	    .input = TEXT(HELLO_1_2 "AUTH\t1\tLOGIN\tresp=\n"),
	    .output = ASKS_USER("1") },
	{ .name = "no resp=, since 1.2",
	    .input = TEXT(HELLO_1_2 "AUTH\t1\tPLAIN\nCONT\t1\t" RIGHT "\n"),
	    .output = ASKS("1") RIGHT_OK("1") },
	{ .name = "no base64",
	    .input = TEXT("AUTH\t1\tPLAIN\tresp====\nAUTH\t2\tPLAIN\tresp=x\n"
			  "AUTH\t3\tPLAIN\tresp=A===\nAUTH\t4\tPLAIN\tresp=" RIGHT "=\n"
			  "AUTH\t5\tPLAIN\tresp= " RIGHT "\nAUTH\t6\tPLAIN\tresp=" RIGHT "\r\n"),
	    .output = FAIL("1") FAIL("2") FAIL("3") FAIL("4") FAIL("5") FAIL("6"),
	    .events = "refused 1\nrefused 2\nrefused 3\nrefused 4\nrefused 5\nrefused 6\n" },
	{ .name = "= is no response to a challenge",
	    .input = TEXT("AUTH\t1\tPLAIN\nCONT\t1\t=\n"),
	    .output = ASKS("1") FAIL("1"),
	    .events = "refused 1\n" },
};

static void test_initial_responses(void **state)
{
	check_exchanges(initial, LENGTH(initial));
}

static const struct exchange mechanisms[] = {
	{ .name = "in any case",
	    .input = TEXT("AUTH\t1\tplain\tresp=" RIGHT "\nAUTH\t2\tPlAiN\tresp=" RIGHT "\n"
			  "AUTH\t3\tlogin\tresp={u@d}\nCONT\t3\t{right}\n"),
	    .output = RIGHT_OK("1") RIGHT_OK("2") ASKS_PASSWORD("3") RIGHT_OK("3"),
	    .events = "verify 1 PLAIN u@d right \nverify 2 PLAIN u@d right \n"
		      "verify 3 LOGIN u@d right \n" },
	{ .name = "not offered",
	    .input = TEXT("AUTH\t1\tCRAM-MD5\nAUTH\t2\t\tresp=" RIGHT "\nAUTH\t3\tPLAI\n"
			  "AUTH\t4\tPLAINS\nAUTH\t5\tEXTERNAL\tresp==\nAUTH\t6\tPLAIN\r\n"
			  "AUTH\t7\tPLA\0IN\n"),
	    .output = FAIL("1") FAIL("2") FAIL("3") FAIL("4") FAIL("5") FAIL("6") FAIL("7"),
	    .events = "refused 1\nrefused 2\nrefused 3\nrefused 4\nrefused 5\nrefused 6\n"
		      "refused 7\n" },
	{ .name = "no second step for one that was refused",
	    .input = TEXT("AUTH\t1\tCRAM-MD5\nCONT\t1\t" RIGHT "\n"),
	    .output = FAIL("1") FAIL("1"),
	    .events = "refused 1\n" },
};

static const struct dovecot_settings only_plain = {
	.mechanisms = { [SASL_PLAIN] = true },
	.pid = 4294967295,
	.connection = 1,
	.cookie = "0",
};
static const struct dovecot_settings only_login = {
	.mechanisms = { [SASL_LOGIN] = true },
	.pid = 1,
	.connection = 2,
	.cookie = "ffffffffffffffffffffffffffffffff",
};

/* Postfix takes a server that says SPID before any MECH for the wrong one. */
static const struct exchange offers[] = {
	{ .name = "PLAIN alone",
	    .settings = &only_plain,
	    .input = TEXT("AUTH\t1\tLOGIN\nAUTH\t2\tPLAIN\tresp=" RIGHT "\n"),
	    .output = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t4294967295\nCUID\t1\n"
		      "COOKIE\t0\nDONE\nFAIL\t1\nOK\t2\tuser=u@d\n" },
	{ .name = "LOGIN alone",
	    .settings = &only_login,
	    .input = TEXT("AUTH\t1\tPLAIN\tresp=" RIGHT "\nAUTH\t2\tLOGIN\n"),
	    .output = "VERSION\t1\t2\nMECH\tLOGIN\tplaintext\nSPID\t1\nCUID\t2\n"
		      "COOKIE\tffffffffffffffffffffffffffffffff\nDONE\n"
		      "FAIL\t1\nCONT\t2\tVXNlcm5hbWU6\n" },
};

static void test_mechanisms(void **state)
{
	check_exchanges(mechanisms, LENGTH(mechanisms));
	check_exchanges(offers, LENGTH(offers));
}

static const struct exchange ids[] = {
	{ .name = "the least and the greatest",
	    .input =
		TEXT("AUTH\t0\tPLAIN\tresp=" RIGHT "\nAUTH\t4294967295\tPLAIN\tresp=" RIGHT "\n"),
	    .output = RIGHT_OK("0") RIGHT_OK("4294967295") },
	{ .name = "zeros in front",
	    .input = TEXT("AUTH\t007\tPLAIN\nCONT\t7\t" RIGHT "\n"),
	    .output = ASKS("7") RIGHT_OK("7") },
	{ .name = "that are none",
	    .input = TEXT("AUTH\t4294967296\tPLAIN\tresp=" RIGHT "\n"
			  "AUTH\t18446744073709551617\tPLAIN\tresp=" RIGHT "\n"
			  "AUTH\t99999999999999999999999999\tPLAIN\tresp=" RIGHT "\n"
			  "AUTH\t-1\tPLAIN\tresp=" RIGHT "\nAUTH\t+1\tPLAIN\tresp=" RIGHT "\n"
			  "AUTH\t 1\tPLAIN\tresp=" RIGHT "\nAUTH\t1 \tPLAIN\tresp=" RIGHT "\n"
			  "AUTH\t0x1\tPLAIN\tresp=" RIGHT "\nAUTH\t1a\tPLAIN\tresp=" RIGHT "\n"
			  "AUTH\t\tPLAIN\tresp=" RIGHT "\nCONT\t4294967297\t" RIGHT "\n"
			  "CONT\tx\t" RIGHT "\nCANCEL\t-1\n"),
	    .output = "",
	    .events = "" },
	{ .name = "used again behind the answer",
	    .input = TEXT("AUTH\t1\tPLAIN\tresp=" RIGHT "\nAUTH\t1\tPLAIN\tresp={^u@d^wrong}\n"
			  "AUTH\t1\tLOGIN\n"),
	    .output = RIGHT_OK("1") FAIL_USER("1") ASKS_USER("1") },
	{ .name = "begun anew between challenge and response",
	    .input = TEXT("AUTH\t1\tLOGIN\nCONT\t1\t{other}\nAUTH\t1\tPLAIN\nCONT\t1\t" RIGHT "\n"
			  "CONT\t1\t" RIGHT "\n"),
	    .output = ASKS_USER("1") ASKS_PASSWORD("1") ASKS("1") RIGHT_OK("1") FAIL("1"),
	    .events = "verify 1 PLAIN u@d right \n" },
	/* The answer to the first must not be taken for the second's. */
	{ .name = "of one that is being verified",
	    .outcomes = EXCHANGE_AT_END,
	    .input = TEXT("AUTH\t1\tPLAIN\tresp={^u@d^wrong}\nAUTH\t1\tPLAIN\tresp=" RIGHT "\n"),
	    .output = FAIL("1") FAIL_USER("1"),
	    .events = "verify 1 PLAIN u@d wrong \n" },
	{ .name = "unknown ones",
	    .input = TEXT("CONT\t1\t" RIGHT "\nCONT\t2\n"),
	    .output = FAIL("1") FAIL("2"),
	    .events = "" },
	{ .name = "answers out of order",
	    .outcomes = EXCHANGE_REVERSED,
	    .input = TEXT("AUTH\t1\tPLAIN\tresp=" RIGHT "\nAUTH\t2\tPLAIN\tresp={^u@d^wrong}\n"
			  "AUTH\t3\tPLAIN\tresp=" RIGHT "\n"),
	    .output = RIGHT_OK("3") FAIL_USER("2") RIGHT_OK("1") },
};

static void test_ids(void **state)
{
	check_exchanges(ids, LENGTH(ids));
}

static const struct exchange cancels[] = {
	{ .name = "of nothing",
	    .input = TEXT("CANCEL\t1\nCANCEL\t1\n"),
	    .output = "",
	    .events = "" },
	{ .name = "between challenge and response",
	    .input = TEXT("AUTH\t1\tLOGIN\nCANCEL\t1\nCONT\t1\t{u@d}\n"),
	    .output = ASKS_USER("1") FAIL("1"),
	    .events = "" },
	{ .name = "before the password",
	    .input =
		TEXT("AUTH\t1\tLOGIN\nCONT\t1\t{u@d}\nCANCEL\t1\nAUTH\t1\tPLAIN\tresp=" RIGHT "\n"),
	    .output = ASKS_USER("1") ASKS_PASSWORD("1") RIGHT_OK("1"),
	    .events = "verify 1 PLAIN u@d right \n" },
	{ .name = "while it is being verified",
	    .outcomes = EXCHANGE_AT_END,
	    .input = TEXT("AUTH\t1\tPLAIN\tresp=" RIGHT "\nCANCEL\t1\nCANCEL\t1\n"),
	    .output = "",
	    .events = "verify 1 PLAIN u@d right \n" },
	{ .name = "of one of two",
	    .outcomes = EXCHANGE_AT_END,
	    .input = TEXT("AUTH\t1\tPLAIN\tresp={^u@d^wrong}\nAUTH\t2\tPLAIN\tresp=" RIGHT "\n"
			  "CANCEL\t1\n"),
	    .output = RIGHT_OK("2") },
	{ .name = "then the same id",
	    .outcomes = EXCHANGE_AT_END,
	    .input = TEXT("AUTH\t1\tPLAIN\tresp={^u@d^wrong}\nCANCEL\t1\n"
			  "AUTH\t1\tPLAIN\tresp=" RIGHT "\n"),
	    .output = RIGHT_OK("1"),
	    .events = "verify 1 PLAIN u@d wrong \nverify 1 PLAIN u@d right \n" },
	{ .name = "then the same id, answered first",
	    .outcomes = EXCHANGE_REVERSED,
	    .input = TEXT("AUTH\t1\tPLAIN\tresp=" RIGHT "\nCANCEL\t1\n"
			  "AUTH\t1\tPLAIN\tresp={^u@d^wrong}\n"),
	    .output = FAIL_USER("1") },
	{ .name = "too late",
	    .outcomes = EXCHANGE_BETWEEN,
	    .input = TEXT("AUTH\t1\tPLAIN\tresp=" RIGHT "\n"),
	    .more = TEXT("CANCEL\t1\n"),
	    .output = RIGHT_OK("1") },
	{ .name = "a response while it is being verified",
	    .outcomes = EXCHANGE_AT_END,
	    .input = TEXT("AUTH\t1\tPLAIN\tresp=" RIGHT "\nCONT\t1\t{^u@d^wrong}\nCONT\t1\t=\n"),
	    .output = RIGHT_OK("1"),
	    .events = "verify 1 PLAIN u@d right \n" },
};

static void test_cancels(void **state)
{
	check_exchanges(cancels, LENGTH(cancels));
}

/* Postfix says nothing when its client aborts a login: what it leaves must go away by itself. */
static const struct exchange abandoned[] = {
	{ .name = "a response just in time",
	    .input = TEXT("AUTH\t1\tPLAIN\n"),
	    .seconds = DOVECOT_ABANDONED_SECONDS - 1,
	    .more = TEXT("CONT\t1\t" RIGHT "\n"),
	    .output = ASKS("1") RIGHT_OK("1") },
	{ .name = "a response too late",
	    .input = TEXT("AUTH\t1\tPLAIN\n"),
	    .seconds = DOVECOT_ABANDONED_SECONDS,
	    .more = TEXT("CONT\t1\t" RIGHT "\n"),
	    .output = ASKS("1") FAIL("1"),
	    .events = "" },
	{ .name = "too late in the middle",
	    .input = TEXT("AUTH\t1\tLOGIN\nCONT\t1\t{u@d}\n"),
	    .seconds = DOVECOT_ABANDONED_SECONDS,
	    .more = TEXT("CONT\t1\t{right}\n"),
	    .output = ASKS_USER("1") ASKS_PASSWORD("1") FAIL("1"),
	    .events = "" },
	{ .name = "the next login is its own",
	    .input = TEXT("AUTH\t1\tLOGIN\nCONT\t1\t{other}\n"),
	    .seconds = 3,
	    .more = TEXT("AUTH\t2\tPLAIN\tresp=" RIGHT "\n"),
	    .output = ASKS_USER("1") ASKS_PASSWORD("1") RIGHT_OK("2") },
	{ .name = "one that is being verified is not",
	    .outcomes = EXCHANGE_AT_END,
	    .input = TEXT("AUTH\t1\tPLAIN\tresp=" RIGHT "\nAUTH\t2\tLOGIN\n"),
	    .seconds = 100 * DOVECOT_ABANDONED_SECONDS,
	    .more = TEXT("AUTH\t3\tLOGIN\nCONT\t2\t{u@d}\n"),
	    .output = ASKS_USER("2") ASKS_USER("3") FAIL("2") RIGHT_OK("1") },
};

static void test_abandoned(void **state)
{
	check_exchanges(abandoned, LENGTH(abandoned));
}

/* One request's bad input is its own. */
static const struct exchange neighbours[] = {
	{ .name = "no base64",
	    .input = TEXT("AUTH\t1\tLOGIN\nAUTH\t2\tPLAIN\tresp=!\nCONT\t1\t{u@d}\nAUTH\t3\tLOGIN\n"
			  "CONT\t3\t?\nCONT\t1\t{right}\n"),
	    .output =
		ASKS_USER("1") FAIL("2") ASKS_PASSWORD("1") ASKS_USER("3") FAIL("3") RIGHT_OK("1"),
	    .events = "refused 2\nrefused 3\nverify 1 LOGIN u@d right \n" },
	{ .name = "while others are being verified",
	    .outcomes = EXCHANGE_AT_END,
	    .input = TEXT("AUTH\t1\tPLAIN\tresp=" RIGHT "\nAUTH\t2\tPLAIN\tresp=!\n"
			  "AUTH\t3\tNONE\nAUTH\t4\tPLAIN\tresp={^^}\nAUTH\tx\tPLAIN\n\n"
			  "AUTH\t5\tPLAIN\tresp=" RIGHT "\n"),
	    .output = FAIL("2") FAIL("3") FAIL("4") RIGHT_OK("1") RIGHT_OK("5"),
	    .events = "verify 1 PLAIN u@d right \nrefused 2\nrefused 3\nrefused 4\n"
		      "verify 5 PLAIN u@d right \n" },
};

static void test_neighbours(void **state)
{
	check_exchanges(neighbours, LENGTH(neighbours));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starts),
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_initial_responses),
		cmocka_unit_test(test_mechanisms),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_cancels),
		cmocka_unit_test(test_abandoned),
		cmocka_unit_test(test_neighbours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
