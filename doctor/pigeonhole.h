/* SPDX-License-Identifier: MIT
 * Pigeonhole, Dovecot's Sieve: users store their scripts through its ManageSieve, which checks them by its own
 * settings; and what it runs, lmtpd should. */
#pragma once

#include <stdbool.h>

#include "doctor/report.h"

enum {
	PIGEONHOLE_TEXT_MAX = 512, /* bytes of what is told of it, NUL included; more is cut */
};

/* Kinds of scripts that are the admin's. */
enum pigeonhole_kind {
	PIGEONHOLE_BEFORE,
	PIGEONHOLE_AFTER,
	PIGEONHOLE_DEFAULT,
	PIGEONHOLE_GLOBAL,
	PIGEONHOLE_KINDS,
};

/* What lmtpd is set to. */
struct pigeonhole_facts {
	bool is_enabled;
	const char *const *extensions; /* that it knows; NULL ends them */
	const char *storage, *active;
	bool has[PIGEONHOLE_KINDS];
	bool creates,
	    subscribes; /* autocreate and autosubscribe, of folders that scripts store into */
};

struct pigeonhole {
	bool is_24;
	bool runs;                /* Dovecot's LMTP has the plugin */
	bool uploads;             /* ManageSieve is served */
	bool creates, subscribes; /* lda_mailbox_autocreate and _autosubscribe */
	/* Extensions, divided by blanks: that scripts may require there, and lmtpd does not know; and that lmtpd knows
	 * and would be of use, and scripts may not require there. */
	char unknown[PIGEONHOLE_TEXT_MAX], missing[PIGEONHOLE_TEXT_MAX];
	/* Where users' scripts are; "" where it says nothing. */
	char storage[PIGEONHOLE_TEXT_MAX], active[PIGEONHOLE_TEXT_MAX];
	char scripts[PIGEONHOLE_KINDS]
		    [PIGEONHOLE_TEXT_MAX]; /* the first of each kind; "" for none */
};

/* Reads what doveconf -N says, which is cut into lines. */
void pigeonhole_read(
    struct pigeonhole *pigeonhole_r, const struct pigeonhole_facts *facts, char *text);

void pigeonhole_report(const struct pigeonhole *pigeonhole, const struct pigeonhole_facts *facts,
    struct report *report);

/* Asks doveconf and reports. */
void pigeonhole_check(const struct pigeonhole_facts *facts, struct report *report);
