/* SPDX-License-Identifier: MIT
 * Messages that scripts redirect stay in INBOX where this server refuses them. They wait at the client where it is away, and go back
 * to their senders in the end: so it is a failure, though all other mail is delivered. */
#include "doctor/forwarding.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char what[] = "submission";

static const char *say(
    const struct submission_outcome *outcome, char text_r[RESPONSE_TEXT_MAX + 64])
{
	const struct response_words *words = &outcome->words;

	if (words->code == 0) {
		return words->text;
	}
	snprintf(text_r, RESPONSE_TEXT_MAX + 64, "%d %s%s%s", words->code, words->enhanced,
	    words->enhanced[0] != '\0' ? " " : "", words->text);
	return text_r;
}

/* For who asks, not for whom he asks: X.7.1 of RFC 3463, or a word that all servers use. */
static bool denies_relay(const struct submission_outcome *outcome)
{
	const struct response_words *words = &outcome->words;

	return outcome->result != SUBMISSION_ACCEPTED && words->code != 0 &&
	       (strcmp(words->enhanced, "5.7.1") == 0 || strcmp(words->enhanced, "4.7.1") == 0 ||
		   strcasestr(words->text, "relay") != NULL);
}

static void report_silence(const struct forwarding_facts *facts, struct report *report)
{
	const struct submission_outcome *outcome = &facts->outcomes[FORWARDING_OURS];
	bool is_tcp = strncmp(facts->endpoint, "inet:", 5) == 0;
	char text[RESPONSE_TEXT_MAX + 64];

	if (outcome->words.code != 0) {
		report_fail(report, EX_CONFIG, what,
		    "let it take mail from this machine: in Postfix, mynetworks and "
		    "smtpd_client_restrictions",
		    "%s does not speak with this machine: %s", facts->endpoint, say(outcome, text));
		return;
	}
	report_fail(report, EX_UNAVAILABLE, what,
	    is_tcp
		? "is Postfix running (postfix status)? sieve.submission must name a service smtpd "
		  "of its master.cf"
		: "is Postfix running (postfix status)? sieve.submission must name a socket of a "
		  "service smtpd, and the owner of the mail must be able to reach it",
	    "%s cannot be asked, so what scripts redirect is put off: %s", facts->endpoint,
	    say(outcome, text));
}

/* Would it take mail of ours for somebody of its own? Nobody need be called postmaster for that. */
static bool takes(const struct submission_outcome *outcome)
{
	return outcome->result == SUBMISSION_ACCEPTED ||
	       (outcome->result == SUBMISSION_REFUSED &&
		   strncmp(outcome->words.enhanced, "5.1.", 4) == 0);
}

static void report_offer(const struct forwarding_facts *facts, struct report *report)
{
	char size[40] = "";

	if (facts->size_max > 0) {
		snprintf(size, sizeof(size), " SIZE %" PRIu64, facts->size_max);
	}
	report_ok(report, what, "%s takes what scripts send; it offers%s%s%s%s%s", facts->endpoint,
	    facts->has_chunking ? " CHUNKING" : "", facts->has_8bitmime ? " 8BITMIME" : "",
	    facts->has_smtputf8 ? " SMTPUTF8" : "", size,
	    facts->has_chunking || facts->has_8bitmime || facts->has_smtputf8 || size[0] != '\0'
		? ""
		: " no extension");
	if (facts->size_max > 0 && facts->size_limit > facts->size_max) {
		report_warn(report, what,
		    report_remedy(
			report, "in Postfix: message_size_limit = %" PRIu64, facts->size_limit),
		    "a message of more than %" PRIu64
		    " bytes can be taken here and not be redirected: it is kept in INBOX",
		    facts->size_max);
	}
}

static void report_denial(const struct forwarding_facts *facts,
    const struct submission_outcome *outcome, struct report *report)
{
	bool is_v6 = strchr(facts->client, ':') != NULL;
	char text[RESPONSE_TEXT_MAX + 64];

	report_fail(report, EX_CONFIG, what,
	    report_remedy(report,
		"in Postfix, let mynetworks name this machine (%s%s%s), and permit_mynetworks "
		"stand first in smtpd_relay_restrictions and smtpd_recipient_restrictions",
		is_v6 ? "[" : "",
		facts->client[0] != '\0' ? facts->client : "127.0.0.0/8 [::1]/128",
		is_v6 ? "]" : ""),
	    "%s does not take mail from this machine to other servers: %s", facts->endpoint,
	    say(outcome, text));
}

void forwarding_check(const struct forwarding_facts *facts, struct report *report)
{
	const struct submission_outcome *ours = &facts->outcomes[FORWARDING_OURS];
	const struct submission_outcome *others = &facts->outcomes[FORWARDING_OTHERS];
	char text[RESPONSE_TEXT_MAX + 64];
	bool denies = denies_relay(ours) || denies_relay(others);

	if (!facts->is_offered || (ours->words.code == 0 && !denies && !takes(ours))) {
		report_silence(facts, report);
	} else if (denies) {
		report_denial(facts, denies_relay(others) ? others : ours, report);
	} else if (takes(ours)) {
		report_offer(facts, report);
	} else if (ours->result == SUBMISSION_REFUSED) {
		report_fail(report, EX_CONFIG, what,
		    "let Postfix take mail from this machine, notices too, which have no sender; "
		    "or give scripts a service of their own, docs/sieve.md",
		    "%s refuses what scripts send: %s", facts->endpoint, say(ours, text));
	} else {
		report_warn(report, what,
		    "greylisting and limits are not for mail of this machine: give scripts a "
		    "service of their own, docs/sieve.md",
		    "%s puts off what scripts send: %s", facts->endpoint, say(ours, text));
	}
}
