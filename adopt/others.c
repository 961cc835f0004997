/* SPDX-License-Identifier: MIT
 * Most of it has no translation, and is named. */
#include "adopt/others.h"

#include <string.h>

#include "base/text.h"

static const char where_said[] = "doveconf -N";

/* Those of Dovecot that lmtpd-auth has, in its order; all else is named. */
static void adopt_mechanisms(const struct facts *facts, struct side *logins)
{
	static const char *const known[] = { "PLAIN", "LOGIN" };
	const char *said = facts->mechanisms, *values[2];
	size_t n = 0;

	for (size_t i = 0; said != NULL && i < sizeof(known) / sizeof(known[0]); i++) {
		if (strcasestr(said, known[i]) != NULL) {
			values[n++] = known[i];
		}
	}
	if (said == NULL) {
		values[n++] = known[0]; /* its default */
	}
	if (n > 0) {
		side_set_list(logins, where_said, "auth", "mechanisms", values, n);
	}
	for (const char *word = said; word != NULL && *word != '\0';) {
		size_t length = strcspn(word, " ");

		if (length > 0 && !text_is(word, length, "PLAIN") &&
		    !text_is(word, length, "LOGIN")) {
			side_note(logins, where_said,
			    "auth_mechanisms has %.*s: lmtpd-auth knows PLAIN and LOGIN alone",
			    (int)length, word);
		}
		word += length + (word[length] == ' ');
	}
}

/* Settings that change who is who. */
static void note_settings(const struct facts *facts, struct side *mail, struct side *logins)
{
	if (facts->realm != NULL && facts->realm[0] != '\0') {
		side_note(logins, where_said,
		    "auth_default_realm = %s: whoever logs in to lmtpd-auth says the domain, or "
		    "mysql.password_query adds it",
		    facts->realm);
	}
	if (facts->separator != NULL && facts->separator[0] != '\0') {
		side_note(logins, where_said,
		    "auth_master_user_separator: lmtpd-auth has no master users");
	}
	if (facts->detail != NULL && strcmp(facts->detail, "yes") == 0) {
		side_note(mail, where_said,
		    "lmtp_save_to_detail_mailbox = yes: set maildir.detail = existing, or create");
	}
	if (facts->n_userdbs > 1) {
		side_note(mail, where_said, "%zu userdbs: what the last says is taken, %s",
		    facts->n_userdbs, facts->userdb.driver == NULL ? "" : facts->userdb.driver);
	}
}

/* Listeners over TCP are asked by others than this machine's Postfix. */
static void note_listeners(const struct facts *facts, struct side *mail, struct side *logins)
{
	for (size_t i = 0; i < facts->n_listeners; i++) {
		const struct facts_listener *listener = &facts->listeners[i];

		if (listener->is_inet && !listener->is_off) {
			side_note(listener->is_lmtp ? mail : logins, where_said,
			    "inet_listener %s, port %s: if others than this Postfix connect there, "
			    "add "
			    "\"inet:address:port\" to %s.listen, and them to allow",
			    listener->name, listener->port == NULL ? "unknown" : listener->port,
			    listener->is_lmtp ? "lmtp" : "auth");
		}
	}
}

void others_adopt(const struct facts *facts, struct side *mail, struct side *logins)
{
	adopt_mechanisms(facts, logins);
	note_settings(facts, mail, logins);
	note_listeners(facts, mail, logins);
	if (facts->has_quota) {
		side_note(mail, where_said,
		    "quota: let columns `quota_bytes` and `quota_messages` of mysql.user_query say "
		    "the "
		    "limits; lmtpd.conf(5), section quota");
	}
}
