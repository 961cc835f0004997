/* SPDX-License-Identifier: MIT
 * Version 2.3 has its settings in the block of plugins, version 2.4 at the top and in blocks sieve_script. A block
 * sieve_extensions of 2.4 names all, those of the default too, unless the list was replaced. */
#include "doctor/pigeonhole.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/doveconf.h"
#include "doctor/dovecot.h"

enum {
	NAMES_MAX = 96, /* of extensions that are looked at */
};

/* Without sieve_extensions, in both versions. */
static const char *const defaults[] = { "fileinto", "reject", "envelope", "encoded-character",
	"vacation", "subaddress", "comparator-i;ascii-numeric", "relational", "regex", "imap4flags",
	"copy", "include", "body", "variables", "enotify", "environment", "mailbox", "date",
	"index", "ihave", "duplicate", "mime", "foreverypart", "extracttext" };

/* Those that it has and allows nobody unless it is told to, and webmail offers. */
static const char *const useful[] = { "vacation-seconds", "editheader", "special-use", "spamtest",
	"spamtestplus", "virustest" };

enum block {
	BLOCK_TOP = DOVECOT_TOP,
	BLOCK_OTHER = DOVECOT_OTHER,
	BLOCK_PLUGIN,
	BLOCK_LMTP,
	BLOCK_PLUGINS, /* mail_plugins of 2.4 */
	BLOCK_EXTENSIONS,
	BLOCK_SCRIPT,
};

struct reading {
	struct pigeonhole *found;
	const char *names[NAMES_MAX];
	size_t n_names;
	bool is_plain; /* a list that names all has begun */
	/* The block sieve_script that is being read. */
	const char *type, *path, *active_path;
};

static void set(char text[PIGEONHOLE_TEXT_MAX], const char *value, size_t n)
{
	snprintf(text, PIGEONHOLE_TEXT_MAX, "%.*s", (int)n, value);
}

static void allow(struct reading *reading, const char *name, bool is_allowed)
{
	size_t at = 0;

	while (at < reading->n_names && strcmp(reading->names[at], name) != 0) {
		at++;
	}
	if (!is_allowed && at < reading->n_names) {
		reading->names[at] = reading->names[--reading->n_names];
	} else if (is_allowed && at == reading->n_names && at < NAMES_MAX) {
		reading->names[reading->n_names++] = name;
	}
}

/* "+a -b" changes what is allowed, "a b" is all of it. */
static void read_extensions(struct reading *reading, char *value)
{
	char *rest = NULL;

	for (char *name = strtok_r(value, " ", &rest); name != NULL;
	     name = strtok_r(NULL, " ", &rest)) {
		bool is_change = name[0] == '+' || name[0] == '-';

		if (!is_change && !reading->is_plain) {
			reading->n_names = 0;
			reading->is_plain = true;
		}
		allow(reading, name + is_change, name[0] != '-');
	}
}

static bool has_word(const char *words, const char *word)
{
	size_t n;

	for (; *(words += strspn(words, " ")) != '\0'; words += n) {
		n = strcspn(words, " ");
		if (n == strlen(word) && strncmp(words, word, n) == 0) {
			return true;
		}
	}
	return false;
}

static enum block kind_of(int outer, char *line)
{
	const char *name = dovecot_block_name(line, "protocol");

	if ((outer == BLOCK_TOP || outer == BLOCK_LMTP) && strcmp(line, "mail_plugins") == 0) {
		return BLOCK_PLUGINS;
	}
	if (outer != BLOCK_TOP) {
		return BLOCK_OTHER;
	}
	return name != NULL && strcmp(name, "lmtp") == 0          ? BLOCK_LMTP
	       : strcmp(line, "plugin") == 0                      ? BLOCK_PLUGIN
	       : strcmp(line, "sieve_extensions") == 0            ? BLOCK_EXTENSIONS
	       : dovecot_block_name(line, "sieve_script") != NULL ? BLOCK_SCRIPT
								  : BLOCK_OTHER;
}

static int on_begin(void *data, int outer, char *line)
{
	struct reading *reading = data;
	enum block kind = kind_of(outer, line);

	if (kind == BLOCK_SCRIPT) {
		reading->type = "personal";
		reading->path = reading->active_path = "";
	}
	return kind;
}

static const char *const kinds[PIGEONHOLE_KINDS] = { "before", "after", "default", "global" };

/* The first of a kind is enough to know that there are some. */
static void add_script(struct pigeonhole *found, const char *kind, const char *path)
{
	for (size_t i = 0; i < PIGEONHOLE_KINDS; i++) {
		if (strncmp(kind, kinds[i], strlen(kinds[i])) == 0 &&
		    strspn(kind + strlen(kinds[i]), "0123456789") ==
			strlen(kind + strlen(kinds[i])) &&
		    found->scripts[i][0] == '\0') {
			set(found->scripts[i], path, strlen(path));
		}
	}
}

static void on_end(void *data, int block)
{
	struct reading *reading = data;

	if (block == BLOCK_SCRIPT) {
		if (strcmp(reading->type, "personal") == 0) {
			set(reading->found->storage, reading->path, strlen(reading->path));
			set(reading->found->active, reading->active_path,
			    strlen(reading->active_path));
		} else {
			add_script(reading->found, reading->type, reading->path);
		}
	}
}

/* "file:~/sieve;active=~/.dovecot.sieve", or a script by itself. */
static void read_location(struct pigeonhole *found, const char *value)
{
	static const char option[] = ";active=";
	const char *active = strstr(value, option);
	size_t n;

	value += strncmp(value, "file:", 5) == 0 ? 5 : 0;
	n = strcspn(value, ";");
	if (n > 6 && strncmp(value + n - 6, ".sieve", 6) == 0) {
		set(found->active, value, n);
	} else {
		set(found->storage, value, n);
	}
	if (active != NULL) {
		active += strlen(option);
		set(found->active, active, strcspn(active, ";"));
	}
}

static void read_plugin(struct reading *reading, const char *key, char *value)
{
	if (strcmp(key, "sieve") == 0) {
		read_location(reading->found, value);
	} else if (strcmp(key, "sieve_dir") == 0 && reading->found->storage[0] == '\0') {
		set(reading->found->storage, value, strlen(value));
	} else if (strcmp(key, "sieve_extensions") == 0) {
		read_extensions(reading, value);
	} else if (strncmp(key, "sieve_", 6) == 0) {
		add_script(reading->found, key + 6, value);
	}
}

static void read_delivery(struct pigeonhole *found, const char *key, const char *value)
{
	bool is_on = strcmp(value, "yes") == 0;

	if (strcmp(key, "mail_plugins") == 0) {
		found->runs |= has_word(value, "sieve");
	} else if (strcmp(key, "lda_mailbox_autocreate") == 0) {
		found->creates = is_on;
	} else if (strcmp(key, "lda_mailbox_autosubscribe") == 0) {
		found->subscribes = is_on;
	}
}

static void on_value(void *data, int block, const char *key, char *value)
{
	struct reading *reading = data;

	switch (block) {
	case BLOCK_TOP:
		reading->found->is_24 |= strcmp(key, "dovecot_config_version") == 0;
		reading->found->uploads |=
		    strcmp(key, "protocols") == 0 && has_word(value, "sieve");
		if (strcmp(key, "sieve_extensions") == 0) {
			read_extensions(reading, value);
		}
		__attribute__((fallthrough));
	case BLOCK_LMTP:
		read_delivery(reading->found, key, value);
		break;
	case BLOCK_PLUGINS:
		reading->found->runs |= strcmp(key, "sieve") == 0 && strcmp(value, "yes") == 0;
		break;
	case BLOCK_EXTENSIONS:
		allow(reading, key, strcmp(value, "yes") == 0);
		break;
	case BLOCK_PLUGIN:
		read_plugin(reading, key, value);
		break;
	case BLOCK_SCRIPT:
		reading->type = strcmp(key, "type") == 0 ? value : reading->type;
		reading->path = strcmp(key, "path") == 0 ? value : reading->path;
		if (strcmp(key, "active_path") == 0) {
			reading->active_path = value;
		}
		break;
	default:
		break;
	}
}

static void add_name(char list[PIGEONHOLE_TEXT_MAX], const char *name)
{
	size_t n = strlen(list);

	snprintf(list + n, PIGEONHOLE_TEXT_MAX - n, "%s%s", n > 0 ? " " : "", name);
}

static bool is_known(const struct pigeonhole_facts *facts, const char *name)
{
	const char *const *known = facts->extensions;

	while (*known != NULL && strcmp(*known, name) != 0) {
		known++;
	}
	return *known != NULL;
}

void pigeonhole_read(
    struct pigeonhole *pigeonhole_r, const struct pigeonhole_facts *facts, char *text)
{
	struct reading reading = { .found = pigeonhole_r };
	const struct dovecot_reader reader = {
		.on_begin = on_begin, .on_end = on_end, .on_value = on_value, .data = &reading
	};

	*pigeonhole_r = (struct pigeonhole){ .is_24 = false };
	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++) {
		allow(&reading, defaults[i], true);
	}
	dovecot_walk(&reader, text);
	for (size_t i = 0; i < reading.n_names; i++) {
		if (!is_known(facts, reading.names[i])) {
			add_name(pigeonhole_r->unknown, reading.names[i]);
		}
	}
	for (size_t i = 0; i < sizeof(useful) / sizeof(useful[0]); i++) {
		size_t n = reading.n_names;

		allow(&reading, useful[i], true);
		if (reading.n_names > n && is_known(facts, useful[i])) {
			add_name(pigeonhole_r->missing, useful[i]);
		}
	}
}

/* The line that allows them, or no longer does; of 2.4, one for each. Neither version takes a block in one line. */
static const char *write_lines(
    const struct pigeonhole *pigeonhole, const char *names, bool is_allowed, char lines_r[2048])
{
	const char *start = !pigeonhole->is_24           ? "plugin/sieve_extensions ="
			    : strchr(names, ' ') != NULL ? "a line each: "
							 : "";
	size_t at = (size_t)snprintf(lines_r, 2048, "%s", start);
	size_t n_names = 0;

	while (*names != '\0' && at < 1900) {
		int n = (int)strcspn(names, " ");

		if (pigeonhole->is_24) {
			at += (size_t)snprintf(lines_r + at, 2048 - at,
			    "%ssieve_extensions/%.*s = %s", n_names++ > 0 ? ", " : "", n, names,
			    is_allowed ? "yes" : "no");
		} else {
			at += (size_t)snprintf(
			    lines_r + at, 2048 - at, " %c%.*s", is_allowed ? '+' : '-', n, names);
		}
		names += n + (names[n] == ' ');
	}
	return lines_r;
}

static void report_extensions(const struct pigeonhole *pigeonhole, struct report *report)
{
	char lines[2048];

	if (pigeonhole->unknown[0] != '\0') {
		report_warn(report, "sieve",
		    report_remedy(report, "in Dovecot: %s",
			write_lines(pigeonhole, pigeonhole->unknown, false, lines)),
		    "Dovecot lets users store scripts that require %s: lmtpd does not run them",
		    pigeonhole->unknown);
	}
	if (pigeonhole->missing[0] != '\0') {
		report_ok(report, "sieve",
		    "lmtpd knows more than Dovecot lets users require; who wants it, in Dovecot: "
		    "%s",
		    write_lines(pigeonhole, pigeonhole->missing, true, lines));
	} else if (pigeonhole->unknown[0] == '\0') {
		report_ok(report, "sieve", "what Dovecot lets users require, lmtpd knows");
	}
}

static void report_place(
    const char *key, const char *ours, const char *theirs, struct report *report)
{
	if (theirs[0] != '\0' && strcmp(ours, theirs) != 0) {
		report_warn(report, "sieve",
		    strncmp(theirs, "~/", 2) == 0
			? report_remedy(report, "sieve.%s = \"%s\"", key, theirs)
			: "let Dovecot have them below the home, where lmtpd looks for them",
		    "Dovecot has the scripts of users at %s, and sieve.%s is %s", theirs, key,
		    ours);
	}
}

static void report_folders(const char *key, const char *doing, struct report *report)
{
	report_warn(report, "sieve", report_remedy(report, "sieve.%s = yes", key),
	    "Dovecot has lda_mailbox_%s = yes, and sieve.%s is no: lmtpd does not %s the folders "
	    "that "
	    "scripts store into",
	    key, key, doing);
}

void pigeonhole_report(const struct pigeonhole *pigeonhole, const struct pigeonhole_facts *facts,
    struct report *report)
{
	if (!facts->is_enabled) {
		if (pigeonhole->runs) {
			report_warn(report, "sieve", "sieve { enabled = yes } in lmtpd.conf",
			    "Dovecot's LMTP runs the scripts of users, and lmtpd does not");
		}
		return;
	}
	if (pigeonhole->uploads) {
		report_extensions(pigeonhole, report);
	} else {
		report_ok(report, "sieve", "no ManageSieve in Dovecot: users cannot store scripts");
	}
	report_place("storage", facts->storage, pigeonhole->storage, report);
	report_place("active", facts->active, pigeonhole->active, report);
	for (size_t i = 0; i < PIGEONHOLE_KINDS; i++) {
		if (pigeonhole->scripts[i][0] != '\0' && !facts->has[i]) {
			bool is_list = i == PIGEONHOLE_BEFORE || i == PIGEONHOLE_AFTER;

			report_warn(report, "sieve",
			    report_remedy(report, "sieve.%s = %s\"%s\"%s", kinds[i],
				is_list ? "{" : "", pigeonhole->scripts[i], is_list ? "}" : ""),
			    "Dovecot has %s as %s, and lmtpd has none", pigeonhole->scripts[i],
			    kinds[i]);
		}
	}
	if (pigeonhole->creates && !facts->creates) {
		report_folders("autocreate", "make", report);
	}
	if (pigeonhole->subscribes && !facts->subscribes) {
		report_folders("autosubscribe", "subscribe users to", report);
	}
}

void pigeonhole_check(const struct pigeonhole_facts *facts, struct report *report)
{
	char *text = doveconf_ask("-N", report);
	struct pigeonhole pigeonhole;

	if (text != NULL) {
		pigeonhole_read(&pigeonhole, facts, text);
		pigeonhole_report(&pigeonhole, facts, report);
	}
	free(text);
}
