/* SPDX-License-Identifier: MIT
 * Whether Dovecot has quotas as lmtpd has them: users see its numbers, and mail is refused by ours. What doveconf says
 * is judged without asking it, as folders are. */
#pragma once

#include "doctor/report.h"
#include "mail/quota.h"
#include "maildir/folder.h"
#include "maildir/usage.h"

enum {
	QUOTAS_TEXT_MAX = 1024,
};

/* Of section quota, and of user_query. */
struct quotas_facts {
	bool is_used; /* rows say limits */
	struct usage_style style;
	struct quota_grace grace;
	const char *grace_text;      /* as it is written */
	struct folder_style folders; /* of names that clients see */
};

/* What Dovecot may have otherwise. */
enum quotas_difference {
	QUOTAS_NONE,   /* nothing, where rows say limits */
	QUOTAS_UNUSED, /* a quota, where they say none */
	QUOTAS_PLUGIN, /* a quota, and not the plugin for it */
	QUOTAS_HIDDEN, /* and not the one that shows it to clients */
	QUOTAS_VSIZES, /* in version 2.3 the count driver wants quota_vsizes */
	QUOTAS_DICT,   /* sums that know of Dovecot's own deliveries alone */
	QUOTAS_CLONE,  /* a copy of its sums, as well */
	QUOTAS_COUNT,  /* other sizes than quota.count */
	QUOTAS_MOVE,   /* a version whose maildirsize goes wrong */
	QUOTAS_GRACE,
	QUOTAS_FOLDERS, /* folders that do not count, and do in lmtpd */
	QUOTAS_DIFFERENCES,
};

struct quotas {
	bool is_24;
	char driver[64]; /* of its quota, the first if there are several; "" for none */
	bool differs[QUOTAS_DIFFERENCES];
	/* What Dovecot has: of the last two as it is typed into lmtpd.conf. */
	char theirs[QUOTAS_DIFFERENCES][QUOTAS_TEXT_MAX];
};

/* text: what doveconf -N printed; it is cut into lines. False: neither of them has quotas. */
bool quotas_judge(char *text, const struct quotas_facts *facts, struct quotas *quotas_r);

/* What differs, and what to type: warnings, since mail is delivered in any case. */
void quotas_report(
    const struct quotas *quotas, const struct quotas_facts *facts, struct report *report);

/* Asks doveconf, as the caller, judges and reports. */
void quotas_check(const struct quotas_facts *facts, struct report *report);
