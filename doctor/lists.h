/* SPDX-License-Identifier: MIT
 * What --check says of each domain, user and alias: those that mail cannot reach, or that lead nowhere. */
#pragma once

#include <stdbool.h>

#include "doctor/mailboxes.h"
#include "doctor/postconf.h"
#include "doctor/report.h"
#include "doctor/users.h"
#include "mail/resolver.h"
#include "schema/directory.h"

struct lists {
	const struct directory_settings *settings;
	bool is_guide; /* all queries ask the guide's tables: remedies may name them */
	const char *domains_query, *users_query, *aliases_query; /* "" leaves one out */
	struct resolver resolver;                                /* the daemon's */
	struct directory *directory;                             /* that answers it */
	mailboxes_path *path_of;                                 /* where the mail of a user lies */
	const void *config;                                      /* for path_of */
	users_judge *judge; /* of what else the daemon does for a user; NULL: nothing */
	void *data;         /* for judge */
};

/* postfix: as it asks for these rows too. */
void lists_check(const struct lists *lists, const struct postconf *postfix, struct report *report);
