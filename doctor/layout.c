/* SPDX-License-Identifier: MIT
 * Names of folders are compared as lists of names, since each side has a separator of its own. What is said
 * in a namespace goes before what is said for all. */
#include "doctor/layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "doctor/doveconf.h"
#include "doctor/dovecot.h"

static const char maildir[] = "maildir:";

/* What stands behind "CONTROL=" in maildir:~/Maildir:CONTROL=~/control, as n bytes. NULL: nothing does; the
 * name of an option without a value ends there, too. */
static const char *find_option(const char *location, const char *name, size_t *n_r)
{
	size_t n = strlen(name);

	for (const char *at = strchr(location, ':'); at != NULL; at = strchr(at, ':')) {
		at++;
		*n_r = strcspn(at, ":");
		if (*n_r >= n && strncmp(at, name, n) == 0) {
			*n_r -= n;
			return at + n;
		}
	}
	return NULL;
}

static void differ(
    struct layout *layout, enum layout_difference difference, const char *theirs, size_t n)
{
	layout->differs[difference] = true;
	snprintf(layout->theirs[difference], LAYOUT_TEXT_MAX, "%.*s", (int)n, theirs);
}

static const char *get(const struct dovecot *dovecot, enum dovecot_setting setting)
{
	const char *of_inbox = dovecot->inbox.values[setting], *of_all = dovecot->values[setting];

	return of_inbox != NULL ? of_inbox : of_all != NULL ? of_all : "";
}

static void judge_list(struct layout *layout, const char *theirs, size_t n)
{
	if (n > 0 && (n != strlen("maildir++") || strncasecmp(theirs, "maildir++", n) != 0)) {
		differ(layout, LAYOUT_LIST, theirs, n);
	}
}

/* Returns false if there are no Maildirs. */
static bool judge_23(const struct dovecot *dovecot, struct layout *layout)
{
	const char *location = get(dovecot, DOVECOT_MAIL_LOCATION), *theirs;
	size_t n, n_path;

	if (strncmp(location, maildir, strlen(maildir)) != 0) {
		return false;
	}
	theirs = find_option(location, "LAYOUT=", &n);
	if (theirs != NULL) {
		judge_list(layout, theirs, n);
	}
	if (find_option(location, "UTF-8", &n) != NULL && n == 0) {
		differ(layout, LAYOUT_UTF8, "", 0);
	}
	theirs = find_option(location, "CONTROL=", &n);
	location += strlen(maildir);
	n_path = strcspn(location, ":");
	if (theirs != NULL && (n != n_path || strncmp(theirs, location, n) != 0)) {
		differ(layout, LAYOUT_CONTROL, theirs, n);
	}
	return true;
}

static bool judge_24(const struct dovecot *dovecot, struct layout *layout)
{
	const char *list = get(dovecot, DOVECOT_LIST_LAYOUT),
		   *control = get(dovecot, DOVECOT_CONTROL_PATH);

	if (strcmp(get(dovecot, DOVECOT_MAIL_DRIVER), "maildir") != 0) {
		return false;
	}
	judge_list(layout, list, strlen(list));
	if (strcmp(get(dovecot, DOVECOT_LIST_UTF8), "yes") == 0) {
		differ(layout, LAYOUT_UTF8, "", 0);
	}
	if (control[0] != '\0' && strcmp(control, get(dovecot, DOVECOT_MAIL_PATH)) != 0) {
		differ(layout, LAYOUT_CONTROL, control, strlen(control));
	}
	return true;
}

/* Puts an item behind a list as it stands in lmtpd.conf: "Trash", "\\Junk=Spam". One that does not fit is
 * left out. */
static void add_item(char list[LAYOUT_TEXT_MAX], const char *text)
{
	size_t at = strlen(list), n = at;

	if (at + 2 * strlen(text) + 5 > LAYOUT_TEXT_MAX) {
		return;
	}
	n += (size_t)snprintf(list + n, LAYOUT_TEXT_MAX - n, "%s\"", at > 0 ? ", " : "");
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\') {
			list[n++] = '\\';
		}
		list[n++] = *text;
	}
	list[n++] = '"';
	list[n] = '\0';
}

/* Theirs is relative to the namespace; ours may have the prefix that clients see, or not. */
static bool is_same_folder(const char *theirs, const char *their_separator,
    const struct layout_facts *facts, const char *ours)
{
	size_t n_prefix = strlen(facts->prefix);

	if (n_prefix > 0 && strncmp(ours, facts->prefix, n_prefix) == 0) {
		ours += n_prefix;
	}
	for (; *theirs != '\0' && *ours != '\0'; theirs++, ours++) {
		bool is_between = *theirs == their_separator[0];

		if (is_between != (*ours == facts->separator[0]) ||
		    (!is_between && *theirs != *ours)) {
			return false;
		}
	}
	return *theirs == *ours;
}

static void judge_creation(const struct dovecot *dovecot, const char *separator,
    const struct layout_facts *facts, struct layout *layout)
{
	for (size_t i = 0; i < dovecot->inbox.n_mailboxes; i++) {
		const struct dovecot_mailbox *theirs = &dovecot->inbox.mailboxes[i];
		bool is_ours = theirs->creation == NULL || strcmp(theirs->creation, "no") == 0 ||
			       strcasecmp(theirs->name, "INBOX") == 0;

		for (size_t n = 0; n < facts->creation.n && !is_ours; n++) {
			is_ours = is_same_folder(
			    theirs->name, separator, facts, facts->creation.texts[n]);
		}
		if (!is_ours) {
			layout->differs[LAYOUT_CREATION] = true;
			add_item(layout->theirs[LAYOUT_CREATION], theirs->name);
		}
	}
}

/* The name of the folder behind "\\Junk=" in ours; NULL: we have none. RFC 6154 section 2: attributes are
 * compared without regard to case. */
static const char *find_ours(const struct layout_facts *facts, const char *attribute, size_t n)
{
	for (size_t i = 0; i < facts->special_use.n; i++) {
		const char *ours = facts->special_use.texts[i];

		if (strncasecmp(ours, attribute, n) == 0 && ours[n] == '=') {
			return ours + n + 1;
		}
	}
	return NULL;
}

/* Folders that are made of searches: no mail is put there. */
static bool is_virtual(const char *attribute, size_t n)
{
	static const char *const attributes[] = { "\\All", "\\Flagged", "\\Important" };

	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		if (strlen(attributes[i]) == n && strncasecmp(attributes[i], attribute, n) == 0) {
			return true;
		}
	}
	return false;
}

struct special_use {
	const struct dovecot *dovecot;
	const char *separator;
	const struct layout_facts *facts;
	struct layout *layout;
};

static bool has_attribute(const struct dovecot_mailbox *mailbox, const char *attribute, size_t n)
{
	const char *rest = mailbox->special_use;
	size_t n_rest;

	for (; rest != NULL && *rest != '\0'; rest += n_rest) {
		rest += strspn(rest, " ");
		n_rest = strcspn(rest, " ");
		if (n_rest == n && strncasecmp(rest, attribute, n) == 0) {
			return true;
		}
	}
	return false;
}

/* Several of their folders may have it, of which this is the first; ours must be one of them. */
static void judge_attribute(
    const struct special_use *of, size_t first, const char *attribute, size_t n)
{
	const struct dovecot_namespace *inbox = &of->dovecot->inbox;
	const char *ours = find_ours(of->facts, attribute, n);
	char item[LAYOUT_TEXT_MAX];

	for (size_t i = first; i < inbox->n_mailboxes && ours != NULL; i++) {
		const struct dovecot_mailbox *theirs = &inbox->mailboxes[i];

		if (has_attribute(theirs, attribute, n) &&
		    is_same_folder(theirs->name, of->separator, of->facts, ours)) {
			return;
		}
	}
	snprintf(item, sizeof(item), "%.*s=%s", (int)n, attribute, inbox->mailboxes[first].name);
	of->layout->differs[LAYOUT_SPECIAL_USE] = true;
	add_item(of->layout->theirs[LAYOUT_SPECIAL_USE], item);
}

static bool is_told(
    const struct special_use *of, size_t n_mailboxes, const char *attribute, size_t n)
{
	bool is_earlier = false;

	for (size_t i = 0; i < n_mailboxes && !is_earlier; i++) {
		is_earlier = has_attribute(&of->dovecot->inbox.mailboxes[i], attribute, n);
	}
	return is_earlier;
}

static void judge_special_use(const struct special_use *of)
{
	const struct dovecot_namespace *inbox = &of->dovecot->inbox;

	for (size_t i = 0; i < inbox->n_mailboxes; i++) {
		const char *rest = inbox->mailboxes[i].special_use;
		size_t n;

		for (; rest != NULL && *rest != '\0'; rest += n) {
			rest += strspn(rest, " ");
			n = strcspn(rest, " ");
			if (n > 0 && !is_virtual(rest, n) && !is_told(of, i, rest, n)) {
				judge_attribute(of, i, rest, n);
			}
		}
	}
}

static void judge_names(
    const struct dovecot *dovecot, const struct layout_facts *facts, struct layout *layout)
{
	const char *separator = dovecot->inbox.separator, *prefix = dovecot->inbox.prefix;

	if (separator == NULL || separator[0] == '\0') {
		separator = layout->differs[LAYOUT_LIST] ? "/" : "."; /* as the layout has it */
	}
	prefix = prefix == NULL ? "" : prefix;
	if (strcmp(separator, facts->separator) != 0) {
		differ(layout, LAYOUT_SEPARATOR, separator, strlen(separator));
	}
	if (strcmp(prefix, facts->prefix) != 0) {
		differ(layout, LAYOUT_PREFIX, prefix, strlen(prefix));
	}
	judge_creation(dovecot, separator, facts, layout);
	judge_special_use(&(struct special_use){ dovecot, separator, facts, layout });
}

bool layout_judge(char *text, const struct layout_facts *facts, struct layout *layout_r)
{
	struct dovecot dovecot;

	*layout_r = (struct layout){ .is_24 = false };
	dovecot_read(&dovecot, text);
	layout_r->is_24 = dovecot.is_24;
	if (dovecot.n_userdbs == 0 ||
	    (dovecot.n_userdbs == 1 && dovecot.driver != NULL &&
		strcmp(dovecot.driver, "passwd") == 0) ||
	    !(dovecot.is_24 ? judge_24 : judge_23)(&dovecot, layout_r)) {
		return false;
	}
	judge_names(&dovecot, facts, layout_r);
	return true;
}

/* Without mail in folders nothing is lost yet. */
static void say(struct report *report, const struct layout_facts *facts, const char *remedy,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
static void say(struct report *report, const struct layout_facts *facts, const char *remedy,
    const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report_check(report, facts->is_used ? REPORT_FAIL : REPORT_WARN, EX_CONFIG, "folders",
	    remedy, format, arguments);
	va_end(arguments);
}

/* What is to be taken out of Dovecot's configuration, and what goes with that. */
static const char *take_away(const struct layout *layout, struct report *report,
    const char *setting_24, const char *option_23, const char *besides)
{
	return report_remedy(report,
	    "use no folders, maildir.detail = \"ignore\" and sieve.enabled = no; or in Dovecot "
	    "take "
	    "away %s%s%s, and %s",
	    layout->is_24 ? setting_24 : ":", layout->is_24 ? "" : option_23,
	    layout->is_24 ? "" : " of mail_location", besides);
}

/* How folders lie on the disk is for Dovecot to change. */
static void say_on_disk(
    const struct layout *layout, const struct layout_facts *facts, struct report *report)
{
	if (layout->differs[LAYOUT_LIST]) {
		say(report, facts,
		    take_away(layout, report, "mailbox_list_layout",
			"LAYOUT=", "copy the mail with doveadm backup"),
		    "Dovecot's layout is %s, and lmtpd's is Maildir++: neither finds the folders "
		    "of "
		    "the other",
		    layout->theirs[LAYOUT_LIST]);
	}
	if (layout->differs[LAYOUT_UTF8]) {
		say(report, facts,
		    take_away(layout, report, "mailbox_list_utf8", "UTF-8",
			"rename the directories with other letters than those of ASCII"),
		    "directories of Dovecot's folders are called in UTF-8, and lmtpd's in modified "
		    "UTF-7: neither finds those of the other that are not ASCII");
	}
	if (layout->differs[LAYOUT_CONTROL]) {
		say(report, facts,
		    take_away(layout, report, "mail_control_path",
			"CONTROL=", "move what lies there into the Maildirs"),
		    "Dovecot keeps subscriptions and keywords at %s, and lmtpd in the Maildir: "
		    "clients do not show folders that lmtpd makes, nor its labels",
		    layout->theirs[LAYOUT_CONTROL]);
	}
}

/* What folders are called is for lmtpd to follow. */
static void say_names(
    const struct layout *layout, const struct layout_facts *facts, struct report *report)
{
	const char *separator = layout->theirs[LAYOUT_SEPARATOR],
		   *prefix = layout->theirs[LAYOUT_PREFIX];

	if (layout->differs[LAYOUT_SEPARATOR]) {
		say(report, facts, report_remedy(report, "maildir.separator = \"%s\"", separator),
		    "Dovecot divides the names of folders by \"%s\", and lmtpd by \"%s\": the same "
		    "name is not the same folder",
		    separator, facts->separator);
	}
	if (layout->differs[LAYOUT_PREFIX]) {
		say(report, facts, report_remedy(report, "maildir.prefix = \"%s\"", prefix),
		    "names of folders begin with \"%s\" in Dovecot, and with \"%s\" in lmtpd: the "
		    "same name is not the same folder",
		    prefix, facts->prefix);
	}
}

/* These matter to mail that goes there, and to nothing else. */
static void say_lists(const struct layout *layout, struct report *report)
{
	const char *creation = layout->theirs[LAYOUT_CREATION],
		   *special_use = layout->theirs[LAYOUT_SPECIAL_USE];

	if (layout->differs[LAYOUT_CREATION]) {
		report_warn(report, "folders",
		    report_remedy(report, "add to maildir.auto: %s", creation),
		    "Dovecot makes %s when they are first needed, and lmtpd does not: until they "
		    "are there, mail for them goes to the INBOX",
		    creation);
	}
	if (layout->differs[LAYOUT_SPECIAL_USE]) {
		report_warn(report, "folders",
		    report_remedy(report, "put into maildir.special_use: %s", special_use),
		    "Dovecot has %s, and maildir.special_use does not: mail by special use goes "
		    "to another folder than clients show",
		    special_use);
	}
}

void layout_report(
    const struct layout *layout, const struct layout_facts *facts, struct report *report)
{
	bool is_same = true;

	for (enum layout_difference i = LAYOUT_LIST; i < LAYOUT_DIFFERENCES; i++) {
		bool is_told = i < LAYOUT_CREATION || facts->is_used;

		is_same = is_same && !(is_told && layout->differs[i]);
	}
	if (is_same) {
		report_ok(report, "folders",
		    "those of Dovecot: Maildir++, separator \"%s\", prefix \"%s\"",
		    facts->separator, facts->prefix);
	}
	say_on_disk(layout, facts, report);
	say_names(layout, facts, report);
	if (facts->is_used) {
		say_lists(layout, report);
	}
}

void layout_check(const struct layout_facts *facts, struct report *report)
{
	char *text = doveconf_ask("-N", report);
	struct layout layout;

	if (text != NULL && layout_judge(text, facts, &layout)) {
		layout_report(&layout, facts, report);
	}
	free(text);
}
