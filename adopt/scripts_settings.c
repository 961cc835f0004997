/* SPDX-License-Identifier: MIT
 * Each setting has a row here. Those that only Dovecot's ManageSieve or IMAP look at stay there; what has no row is named as it
 * stands, so that nobody need find out by its absence. */
#include "adopt/scripts_settings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adopt/source.h"
#include "base/text.h"

enum {
	DAY = 86400,
	REDIRECTS_MAX = 64,
	ACTIONS_MAX = 64,
	SCRIPT_MAX = 1 << 20,
};

struct row;

struct adoption {
	struct side *mail;
	const struct sieve_said *said;
	const struct row *row;
	const struct sieve_setting *setting;
};

struct row {
	const char *name;                               /* with "*" at its end: all that begin so */
	void (*adopt)(const struct adoption *adoption); /* NULL: it stays Dovecot's */
	const char *text; /* of a key: its name; of a note: what to do */
};

static void set(const struct adoption *adoption, const char *value)
{
	side_set(adoption->mail, source_said, "sieve", adoption->row->text, value);
}

static void say(const struct adoption *adoption, const char *remedy)
{
	side_note(adoption->mail, source_said, "%s = %s: %s", adoption->setting->name,
	    adoption->setting->value, remedy);
}

static void adopt_note(const struct adoption *adoption)
{
	say(adoption, adoption->row->text);
}

static bool is_yes(const struct adoption *adoption)
{
	return strcmp(adoption->setting->value, "yes") == 0;
}

/* What is only worth a note if it is on. */
static void adopt_switch_note(const struct adoption *adoption)
{
	if (is_yes(adoption)) {
		adopt_note(adoption);
	}
}

/* --- senders and recipients ------------------------------------------------------------------------------------- */

static void adopt_vacation_from(const struct adoption *adoption)
{
	set(adoption, is_yes(adoption) ? "recipient" : "null");
}

static void adopt_check(const struct adoption *adoption)
{
	set(adoption, is_yes(adoption) ? "yes" : "no");
}

static void adopt_no_check(const struct adoption *adoption)
{
	set(adoption, is_yes(adoption) ? "no" : "yes");
}

static void adopt_redirect_from(const struct adoption *adoption)
{
	const char *value = adoption->setting->value;
	size_t n = strlen(value);
	char address[512];

	if (n > 2 && value[0] == '<' && value[n - 1] == '>' && n < sizeof(address)) {
		snprintf(address, sizeof(address), "%.*s", (int)n - 2, value + 1);
		set(adoption, address);
	} else if (strcmp(value, "sender") == 0 || strcmp(value, "recipient") == 0) {
		set(adoption, value);
	} else if (strcmp(value, "orig_recipient") == 0 || strcmp(value, "user_email") == 0) {
		set(adoption, "recipient");
		say(adoption,
		    "lmtpd knows the recipient that Postfix names, after aliases: it is that one");
	} else {
		say(adoption, "write the address itself into sieve.redirect_from");
	}
}

/* --- numbers ---------------------------------------------------------------------------------------------------- */

/* "30", "60 s", "5 mins", "1d": seconds. False: it is no time. */
static bool read_time(const char *text, uint64_t *seconds_r)
{
	static const struct {
		char letter;
		unsigned seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', DAY }, { 'w', 7 * DAY } };
	char *end;
	unsigned long number = strtoul(text, &end, 10);

	if (end == text || number > UINT32_MAX || text[0] == '-') {
		return false;
	}
	end += strspn(end, " ");
	*seconds_r = number;
	for (size_t i = 0; *end != '\0' && i < sizeof(units) / sizeof(units[0]); i++) {
		if (text_lower(*end) == units[i].letter) {
			*seconds_r = (uint64_t)number * units[i].seconds;
			return strncmp(end, "ms", 2) != 0;
		}
	}
	return *end == '\0';
}

/* Days, of which a part counts as a whole; least is for a part of the first one. */
static void adopt_days(const struct adoption *adoption, uint64_t least)
{
	uint64_t seconds, days;
	char text[32];

	if (!read_time(adoption->setting->value, &seconds)) {
		say(adoption, "it is no time that lmtpd knows");
		return;
	}
	days = seconds > 0 && seconds < DAY ? least : (seconds + DAY - 1) / DAY;
	snprintf(text, sizeof(text), "%" PRIu64, days);
	set(adoption, text);
	if (seconds % DAY != 0 && !(days == 0 && seconds == 60)) {
		say(adoption, days == 0 ? "lmtpd counts days, and has a minute here"
					: "lmtpd counts days, and has whole days here");
	}
}

static void adopt_period(const struct adoption *adoption)
{
	adopt_days(adoption, 1);
}

/* 0 is a minute. */
static void adopt_min_period(const struct adoption *adoption)
{
	adopt_days(adoption, 0);
}

static void adopt_redirects(const struct adoption *adoption)
{
	unsigned long n = strtoul(adoption->setting->value, NULL, 10);
	char text[32];

	snprintf(text, sizeof(text), "%lu", n < REDIRECTS_MAX ? n : REDIRECTS_MAX);
	set(adoption, text);
	if (n > REDIRECTS_MAX) {
		say(adoption, "lmtpd redirects a message to 64 addresses at most");
	}
}

/* Less is no loss: both are limits of what a script does by mistake. */
static void adopt_actions(const struct adoption *adoption)
{
	unsigned long n = strtoul(adoption->setting->value, NULL, 10);

	if (n == 0 || n > ACTIONS_MAX) {
		say(adoption, "lmtpd carries out 64 actions for a message at most");
	}
}

static void adopt_script_size(const struct adoption *adoption)
{
	char *end;
	unsigned long n = strtoul(adoption->setting->value, &end, 10);

	end += strspn(end, " ");
	n *= strchr("kK", *end) != NULL && *end != '\0'   ? 1024
	     : strchr("mM", *end) != NULL && *end != '\0' ? 1 << 20
	     : strchr("gG", *end) != NULL && *end != '\0' ? 1 << 30
							  : 1;
	if (n == 0 || n > SCRIPT_MAX) {
		say(adoption, "lmtpd runs scripts of 1 MiB at most");
	}
}

/* --- what scripts are written in -------------------------------------------------------------------------------- */

static void adopt_plugins(const struct adoption *adoption)
{
	const char *value = adoption->setting->value;

	if (strstr(value, "sieve_extprograms") != NULL) {
		side_note(adoption->mail, source_said,
		    "sieve_plugins has sieve_extprograms: lmtpd starts no programs; a script that "
		    "requires "
		    "vnd.dovecot.pipe, .filter or .execute does not run, and lmtpd --check names "
		    "it. Let "
		    "domains that need one stay with Dovecot's LMTP (transport_maps)");
	}
}

/* Those that Dovecot has and lmtpd has not; --check compares what is allowed in all. */
static void adopt_extensions(const struct adoption *adoption)
{
	static const char *const others[] = { "extlists", "mboxmetadata", "servermetadata",
		"imapflags", "notify", "vnd.dovecot.report", "vnd.dovecot.pipe",
		"vnd.dovecot.filter", "vnd.dovecot.execute", "vnd.dovecot.duplicate" };
	const char *word = adoption->setting->value;
	size_t n;

	for (; *(word += strspn(word, " ")) != '\0'; word += n) {
		n = strcspn(word, " ");
		for (size_t i = 0; word[0] != '-' && i < sizeof(others) / sizeof(others[0]); i++) {
			size_t n_sign = word[0] == '+';

			if (strlen(others[i]) == n - n_sign &&
			    strncmp(word + n_sign, others[i], n - n_sign) == 0) {
				side_note(adoption->mail, source_said,
				    "%s has %s: lmtpd does not know it, and does not run scripts "
				    "that "
				    "require it; take it out, so that users cannot store such ones",
				    adoption->setting->name, others[i]);
			}
		}
	}
}

/* --- spamtest --------------------------------------------------------------------------------------------------- */

static const char *find(const struct sieve_said *said, const char *name)
{
	for (size_t i = 0; i < said->n_settings; i++) {
		if (strcmp(said->settings[i].name, name) == 0) {
			return said->settings[i].value;
		}
	}
	return NULL;
}

/* The header and the highest score need each other. */
static void adopt_spamtest(const struct adoption *adoption)
{
	const char *type = find(adoption->said, "sieve_spamtest_status_type");
	const char *max = find(adoption->said, "sieve_spamtest_score_max_value");

	max = max != NULL ? max : find(adoption->said, "sieve_spamtest_max_value");
	if ((type != NULL && strcmp(type, "score") != 0) || max == NULL) {
		say(adoption, "lmtpd reads a score alone, and its highest from sieve.spamtest_max: "
			      "set both, or let "
			      "scripts test the header itself");
		return;
	}
	side_set(adoption->mail, source_said, "sieve", "spamtest_max", max);
	set(adoption, adoption->setting->value);
}

/* --- the server that takes what is sent -------------------------------------------------------------------------- */

static void adopt_submission(const struct adoption *adoption)
{
	static const char *const local[] = { "127.0.0.1", "localhost", "[::1]" };
	const char *value = adoption->setting->value;
	size_t n = value[0] == '[' ? strcspn(value, "]") + 1 : strcspn(value, ":");
	char endpoint[512];

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++) {
		if (strlen(local[i]) == n && strncmp(value, local[i], n) == 0) {
			snprintf(endpoint, sizeof(endpoint), "inet:%s%s", value,
			    value[n] == '\0' ? ":25" : "");
			set(adoption, endpoint);
			return;
		}
	}
	say(adoption, "lmtpd speaks no TLS, and its unit lets it connect to this machine alone: "
		      "let sieve.submission "
		      "be the Postfix here, and that one relay");
}

static void adopt_ssl(const struct adoption *adoption)
{
	if (strcmp(adoption->setting->value, "no") != 0) {
		say(adoption,
		    "lmtpd speaks no TLS: let sieve.submission be a server on this machine");
	}
}

/* ---------------------------------------------------------------------------------------------------------------- */

#define NO_LIKE "lmtpd has no like of it; lmtpd-sieve(5) says what it does"

static const struct row rows[] = {
	{ "sieve_dir", NULL, NULL }, /* with sieve */
	{ "sieve_default_name", NULL, NULL },
	{ "sieve_quota_*", NULL, NULL },      /* of what is stored */
	{ "sieve_max_cpu_time", NULL, NULL }, /* the work of a script is limited here, too */
	{ "sieve_resource_usage_timeout", NULL, NULL },
	{ "sieve_user_email", adopt_note,
	    "lmtpd takes the recipient and the mailbox for the user's addresses; others stand in "
	    ":addresses of the script" },
	{ "sieve_plugins", adopt_plugins, NULL },
	{ "sieve_plugin_dir", NULL, NULL },
	{ "sieve_pipe_*", NULL, NULL }, /* with sieve_plugins */
	{ "sieve_filter_*", NULL, NULL },
	{ "sieve_execute_*", NULL, NULL },
	{ "sieve_extensions", adopt_extensions, NULL },
	{ "sieve_global_extensions", adopt_extensions, NULL },
	{ "sieve_implicit_extensions", adopt_note, "each script must require what it uses" },
	{ "sieve_redirect_envelope_from", adopt_redirect_from, "redirect_from" },
	{ "sieve_redirect_duplicate_period", adopt_note, "in lmtpd it is 12 hours" },
	{ "sieve_max_redirects", adopt_redirects, "redirects_max" },
	{ "sieve_max_actions", adopt_actions, NULL },
	{ "sieve_max_script_size", adopt_script_size, NULL },
	{ "sieve_vacation_send_from_recipient", adopt_vacation_from, "vacation_from" },
	{ "sieve_vacation_dont_check_recipient", adopt_no_check, "vacation_check_recipient" },
	{ "sieve_vacation_check_recipient", adopt_check, "vacation_check_recipient" },
	{ "sieve_vacation_default_period", adopt_period, "vacation_days_default" },
	{ "sieve_vacation_min_period", adopt_min_period, "vacation_days_min" },
	{ "sieve_vacation_max_period", adopt_period, "vacation_days_max" },
	{ "sieve_vacation_use_original_recipient", adopt_switch_note,
	    "lmtpd does not know to which alias a message came; scripts name it in :addresses, or "
	    "sieve.vacation_check_recipient = no" },
	{ "sieve_vacation_*", adopt_note, NO_LIKE },
	{ "sieve_spamtest_status_header", adopt_spamtest, "spamtest_header" },
	{ "sieve_spamtest_status_type", NULL, NULL }, /* with the header */
	{ "sieve_spamtest_max_value", NULL, NULL },
	{ "sieve_spamtest_score_max_value", NULL, NULL },
	{ "sieve_spamtest_*", adopt_note, "lmtpd reads a score alone: set sieve.spamtest_max" },
	{ "sieve_virustest_*", adopt_note,
	    "virustest finds no message tested: let scripts test the header itself" },
	{ "submission_host", adopt_submission, "submission" },
	{ "submission_ssl", adopt_ssl, NULL },
	{ "sendmail_path", adopt_note,
	    "what scripts send goes to sieve.submission, and not through a program" },
	{ "*", adopt_note, NO_LIKE },
};

static bool is_named(const struct row *row, const char *name)
{
	size_t n = strlen(row->name);

	return row->name[n - 1] == '*' ? strncmp(row->name, name, n - 1) == 0
				       : strcmp(row->name, name) == 0;
}

void scripts_settings_adopt(struct side *mail, const struct sieve_said *said)
{
	for (size_t i = 0; i < said->n_settings; i++) {
		const struct row *row = rows;

		while (!is_named(row, said->settings[i].name)) {
			row++;
		}
		if (row->adopt != NULL) {
			row->adopt(&(const struct adoption){ .mail = mail,
			    .said = said,
			    .row = row,
			    .setting = &said->settings[i] });
		}
	}
}
