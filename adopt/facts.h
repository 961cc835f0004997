/* SPDX-License-Identifier: MIT
 * What doveconf -NP prints of databases and sockets, beside what doctor/dovecot.h reads of it. Private to adopt, and
 * pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "adopt/account.h"

enum {
	FACTS_LISTENERS_MAX = 16,
	FACTS_PASSDBS_MAX = 4,
};

/* passdb or userdb. NULL: nothing was said. */
struct facts_db {
	const char *driver, *args, *query, *scheme, *uid, *gid;
	const char
	    *other; /* one more key that it has; of several, one that is `deny` or `master` */
	bool is_no_source; /* by one of these: its rows are not passwords of users */
};

struct facts_listener {
	bool is_lmtp, is_inet, is_off; /* else of service auth */
	const char *name, *port;
};

/* All texts lead into the one that was read. */
struct facts {
	bool is_24, has_quota;
	struct facts_db passdbs[FACTS_PASSDBS_MAX], userdb; /* the last userdb counts */
	size_t n_passdbs,
	    n_userdbs;         /* as there are; of more passdbs than fit, the last are missing */
	const char *uid, *gid; /* mail_uid and mail_gid; NULL: not set */
	const char *mechanisms, *realm, *separator,
	    *detail; /* of settings whose names end so; NULL: not set */
	const char *port;
	struct account account; /* of 2.4 */
	struct facts_listener listeners[FACTS_LISTENERS_MAX];
	size_t n_listeners;
};

/* Cuts text; account of facts_r is to be wiped. */
void facts_read(struct facts *facts_r, char *text);
