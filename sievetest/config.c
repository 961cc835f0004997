/* SPDX-License-Identifier: MIT
 * Settings by the names that Dovecot has for them. */
#include <stddef.h>
#include <string.h>

#include "sievetest/tester.h"

enum kind {
	KIND_TEXT,
	KIND_BOOL,
	KIND_NUMBER,
	KIND_SECONDS,
	KIND_BYTES,
};

#define AT(member) offsetof(struct sieve_settings, member)

static const struct setting {
	const char *name;
	enum kind kind;
	size_t offset;
} settings[] = {
	{ "sieve_max_actions", KIND_NUMBER, AT(actions_max) },
	{ "sieve_max_redirects", KIND_NUMBER, AT(redirects_max) },
	{ "sieve_notify_max_notifications", KIND_NUMBER, AT(notifies_max) },
	{ "sieve_vacation_default_period", KIND_SECONDS, AT(vacation_default) },
	{ "sieve_vacation_min_period", KIND_SECONDS, AT(vacation_min) },
	{ "sieve_vacation_max_period", KIND_SECONDS, AT(vacation_max) },
	{ "sieve_vacation_check_recipient", KIND_BOOL, AT(vacation_checks_recipient) },
	{ "sieve_vacation_use_original_recipient", KIND_BOOL,
	    AT(vacation_uses_original_recipient) },
	{ "sieve_vacation_to_header_ignore_envelope", KIND_BOOL, AT(vacation_ignores_envelope) },
	{ "sieve_vacation_send_from_recipient", KIND_BOOL, AT(vacation_sends_from_recipient) },
	{ "sieve_vacation_default_subject", KIND_TEXT, AT(vacation_subject) },
	{ "sieve_vacation_default_subject_template", KIND_TEXT, AT(vacation_subject_template) },
	{ "sieve_duplicate_default_period", KIND_SECONDS, AT(duplicate_default) },
	{ "sieve_duplicate_max_period", KIND_SECONDS, AT(duplicate_max) },
	{ "sieve_redirect_envelope_from", KIND_TEXT, AT(redirect_from) },
	{ "sieve_notify_mailto_envelope_from", KIND_TEXT, AT(notify_from) },
	{ "sieve_editheader_max_header_size", KIND_BYTES, AT(edited_header_max) },
	{ "sieve_variables_max_variable_size", KIND_BYTES, AT(value_max) }, /* an older name */
	{ "sieve_variables_max_value_size", KIND_BYTES, AT(value_max) },
};

enum {
	CPU_TIME =
	    30, /* seconds that Dovecot gives a script by default: as much fuel as ours has */
};

void config_set(struct tester *tester, struct span name, struct span value)
{
	struct pair *pair = tester_alloc(tester, sizeof(*pair));

	while (value.n > 0 && value.p[0] == ' ') {
		value = (struct span){ value.p + 1, value.n - 1 };
	}
	while (value.n > 0 && value.p[value.n - 1] == ' ') {
		value.n--;
	}
	config_unset(tester, name);
	*pair = (struct pair){ tester->configured, tester_copy(tester, name),
		tester_copy(tester, value) };
	tester->configured = pair;
}

void config_unset(struct tester *tester, struct span name)
{
	struct pair **place = &tester->configured;

	while (*place != NULL) {
		if (span_equals((*place)->name, name)) {
			*place = (*place)->next;
		} else {
			place = &(*place)->next;
		}
	}
}

static bool is_yes(struct span value)
{
	return text_is(value.p, value.n, "yes") || text_is(value.p, value.n, "true");
}

/* With a unit, if it has one: s to w of time, k and m of bytes. */
static uint64_t number_of(struct span value, enum kind kind)
{
	static const struct {
		char unit;
		enum kind kind;
		unsigned size;
	} units[] = { { 'm', KIND_SECONDS, 60 }, { 'h', KIND_SECONDS, 3600 },
		{ 'd', KIND_SECONDS, 86400 }, { 'w', KIND_SECONDS, 604800 },
		{ 'k', KIND_BYTES, 1 << 10 }, { 'm', KIND_BYTES, 1 << 20 } };
	uint64_t number = 0;
	size_t n = 0;

	while (n < value.n && value.p[n] >= '0' && value.p[n] <= '9') {
		n++;
	}
	text_number(value.p, n, &number);
	for (size_t i = 0; n < value.n && i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].kind == kind && (value.p[n] | 0x20) == units[i].unit) {
			return number * units[i].size;
		}
	}
	return number;
}

/* Where Dovecot's template has %{subject}, ours has %$. */
static const char *text_of(struct tester *tester, struct span value)
{
	static const char variable[] = "%{subject}";
	const char *at = strstr(value.p, variable);

	return at == NULL ? value.p
			  : tester_format(tester, "%.*s%%$%s", (int)(at - value.p), value.p,
				at + sizeof(variable) - 1)
				.p;
}

/* What follows a prefix; p is NULL: it is not there. */
static struct span behind(struct span name, const char *prefix)
{
	size_t n = strlen(prefix);

	return name.n >= n && memcmp(name.p, prefix, n) == 0
		   ? (struct span){ name.p + n, name.n - n }
		   : (struct span){ NULL, 0 };
}

static bool is(struct span a, const char *b)
{
	return text_is(a.p, a.n, b);
}

static void set_score(struct sieve_score *score, struct span name, struct span value)
{
	struct span text = behind(name, "text_value/");
	uint64_t number;

	if (is(name, "status_header")) {
		score->header = value.p;
	} else if (is(name, "score_max_value")) {
		score->max = value.p;
	} else if (is(name, "score_max_header")) {
		score->max_header = value.p;
	} else if (is(name, "status_type")) {
		score->type = is(value, "strlen") ? SIEVE_SCORE_LENGTH
			      : is(value, "text") ? SIEVE_SCORE_TEXT
						  : SIEVE_SCORE_NUMBER;
	} else if (text.p != NULL && text_number(text.p, text.n, &number) && number <= 10) {
		score->texts[number] = value.p;
	}
}

/* NULL: it is not set. */
static const struct pair *find(const struct tester *tester, struct span name)
{
	const struct pair *pair = tester->configured;

	while (pair != NULL && !span_equals(pair->name, name)) {
		pair = pair->next;
	}
	return pair;
}

/* "RULE/name", whose other settings stand beside it; sieve_editheader_header itself is a list of those that count. */
static void add_header_rule(
    struct tester *tester, struct sieve_header_rule *rule, struct span name, struct span header)
{
	static const char all[] = "sieve_editheader_header";
	const struct pair *list = find(tester, span_of(all)), *forbids;
	const int n = (int)(name.n - (sizeof("/name") - 1));

	if (list == NULL || n <= 0 || memcmp(name.p + n, "/name", sizeof("/name") - 1) != 0 ||
	    memmem(list->value.p, list->value.n, name.p, (size_t)n) == NULL) {
		return;
	}
	rule += tester->settings.n_header_rules++;
	rule->name = header.p;
	forbids = find(tester, tester_format(tester, "%s/%.*s/forbid_add", all, n, name.p));
	rule->forbids_add = forbids != NULL && is_yes(forbids->value);
	forbids = find(tester, tester_format(tester, "%s/%.*s/forbid_delete", all, n, name.p));
	rule->forbids_delete = forbids != NULL && is_yes(forbids->value);
}

static void set_from_table(struct tester *tester, struct span name, struct span value)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		void *member = (char *)&tester->settings + settings[i].offset;

		if (!is(name, settings[i].name)) {
			continue;
		}
		switch (settings[i].kind) {
		case KIND_TEXT:
			*(const char **)member = text_of(tester, value);
			break;
		case KIND_BOOL:
			*(bool *)member = is_yes(value);
			break;
		case KIND_BYTES:
			*(size_t *)member = number_of(value, KIND_BYTES);
			break;
		default:
			*(unsigned *)member = (unsigned)number_of(value, settings[i].kind);
			break;
		}
	}
}

void config_reload(struct tester *tester)
{
	struct sieve_header_rule *rules;
	struct pair *pair;
	size_t n = 1;

	tester->settings = sieve_defaults;
	tester->settings.postmaster = "postmaster@example.com";
	tester->facts->user_email = NULL;
	tester->facts->delimiters = "+";
	for (pair = tester->configured; pair != NULL; pair = pair->next) {
		n++;
	}
	rules = tester_alloc(tester, n * sizeof(*rules));
	tester->settings.header_rules = rules;
	tester->settings.n_header_rules = 0;
	for (pair = tester->configured; pair != NULL; pair = pair->next) {
		struct span spam = behind(pair->name, "sieve_spamtest_");
		struct span virus = behind(pair->name, "sieve_virustest_");
		struct span rule = behind(pair->name, "sieve_editheader_header/");

		if (spam.p != NULL) {
			set_score(&tester->settings.spam, spam, pair->value);
		} else if (virus.p != NULL) {
			set_score(&tester->settings.virus, virus, pair->value);
		} else if (rule.p != NULL) {
			add_header_rule(tester, rules, rule, pair->value);
		} else if (is(pair->name, "sieve_user_email")) {
			tester->facts->user_email = pair->value.p;
		} else if (is(pair->name, "recipient_delimiter")) {
			tester->facts->delimiters = pair->value.p;
		} else if (is(pair->name, "sieve_max_cpu_time")) {
			tester->settings.fuel =
			    sieve_defaults.fuel / CPU_TIME * number_of(pair->value, KIND_SECONDS);
		} else {
			set_from_table(tester, pair->name, pair->value);
		}
	}
}
