/* SPDX-License-Identifier: MIT
 * Whether Dovecot has folders where lmtpd puts them, and calls them as lmtpd does: mail in a folder that it
 * does not show seems lost. What doveconf says is judged without asking it, as the place of the INBOX is. */
#pragma once

#include "doctor/report.h"
#include "runtime/settings.h"

enum {
	LAYOUT_TEXT_MAX = 1024,
};

/* Of section maildir. */
struct layout_facts {
	bool is_used;                     /* mail goes into folders */
	const char *separator, *prefix;   /* of names that clients see */
	struct settings_list creation;    /* folders that are made when they are first needed */
	struct settings_list special_use; /* "\\Junk=Junk" */
};

/* What Dovecot may have otherwise. */
enum layout_difference {
	LAYOUT_LIST,    /* folders are no directories with a dot in front, as in Maildir++ */
	LAYOUT_UTF8,    /* their directories are called as they are, not in modified UTF-7 */
	LAYOUT_CONTROL, /* subscriptions and keywords lie elsewhere */
	LAYOUT_SEPARATOR,
	LAYOUT_PREFIX,
	LAYOUT_CREATION,    /* folders that it makes, and lmtpd does not */
	LAYOUT_SPECIAL_USE, /* folders that have another name in lmtpd */
	LAYOUT_DIFFERENCES,
};

struct layout {
	bool is_24;
	bool differs[LAYOUT_DIFFERENCES];
	/* What Dovecot has; of the last two, a list as it is typed into lmtpd.conf. */
	char theirs[LAYOUT_DIFFERENCES][LAYOUT_TEXT_MAX];
};

/* text: what doveconf -N printed; it is cut into lines. False: Dovecot has no Maildirs, or serves nobody but
 * the users of the system, so that there is nothing to compare. */
bool layout_judge(char *text, const struct layout_facts *facts, struct layout *layout_r);

/* What differs, and what to type. Where mail goes into folders it is a failure if users lose sight of it; what
 * only matters then is not said otherwise. */
void layout_report(
    const struct layout *layout, const struct layout_facts *facts, struct report *report);

/* Asks doveconf, as the caller, judges and reports. */
void layout_check(const struct layout_facts *facts, struct report *report);
