/* SPDX-License-Identifier: MIT
 * lmtpd.conf, checked once. Constant while it is in use: a reload makes a new one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "lmtpd/allowance.h"
#include "lmtpd/submitter.h"
#include "mail/mailbox.h"
#include "maildir/folder.h"
#include "maildir/maildir.h"
#include "protocol/lmtp.h"
#include "runtime/daemon.h"
#include "runtime/settings.h"
#include "schema/directory.h"
#include "sieve/sieve.h"

enum {
	LMTPD_ROOTS_MAX = 16,   /* of maildir.roots */
	LMTPD_AUTO_MAX = 64,    /* of maildir.auto */
	LMTPD_IGNORED_MAX = 64, /* of quota.ignore */
};

/* Section sieve. */
struct sieve_config {
	bool is_enabled;
	const char *storage, *active; /* of the user: below the home, with "~/" in front */
	/* Of the admin: files and directories, absolute paths; "" for none. */
	struct settings_list before, after;
	const char *fallback, *global;
	bool creates_folders, subscribes_folders;
	const char *spam_header, *spam_max;
	const char *submission;    /* where what scripts send is handed in, an endpoint */
	char postmaster[300];      /* who speaks where a script does not say who */
	const char *redirect_from; /* "sender", "recipient" or an address */
	const char *vacation_from; /* "null" or "recipient" */
	bool vacation_checks_recipient;
	long redirects_max;
	long vacation_default, vacation_min, vacation_max; /* days */
	struct sieve_settings settings;                    /* of runs */
	struct submitter_settings submitter;
};

struct lmtpd_config {
	struct daemon_settings daemon; /* first, as a program's table wants it */
	struct directory_settings directory;
	/* For --check, --maildirs and --quota alone; "" leaves one out. */
	const char *users_query, *aliases_query, *domains_query;

	const char *hostname;
	char machine_name[256]; /* hostname leads here when the file names none */
	long message_size_limit, recipient_limit;
	long idle_timeout; /* seconds */
	struct lmtp_settings lmtp;
	const char *node;     /* our name in the column `state` */
	const char *disabled; /* "refuse" or "defer" */

	const char *home; /* with placeholders, as is home_rest; no component that is no name */
	const char *home_rest; /* of home: from the first component with a placeholder on */
	const char *path;      /* below home; as well */
	/* Of home: its directories before that, without placeholders. */
	char base[MAILDIR_PATH_MAX + 1];
	/* Home and path lead here. */
	char tidy_home[MAILDIR_PATH_MAX + 1], tidy_path[MAILDIR_PATH_MAX];
	const char *commit; /* "auto" or "strict" */
	/* Folders: what a detail does ("ignore", "existing" or "create"), names as clients see them, and those that
	 * are made when they are first needed, as directories; "" ends them. */
	const char *detail, *separator, *prefix;
	long folders_max;
	struct settings_list auto_folders, special_use;
	struct folder_style folder_style;
	char auto_directories[LMTPD_AUTO_MAX + 1][FOLDER_DIRECTORY_MAX + 1];
	/* Quota: "refuse" or "defer", sizes "virtual" or "disk", the grace as it is written, folders that do not count,
	 * and what becomes of all that. */
	const char *full, *count, *grace;
	struct settings_list ignored_folders;
	char ignored_directories[LMTPD_IGNORED_MAX][FOLDER_DIRECTORY_MAX + 1];
	const char *ignored[LMTPD_IGNORED_MAX + 1];
	struct account_rules rules;
	char words[128];    /* the file of storage_examine(), "" for none */
	const char *marker; /* see struct maildir_root */
	long writers;
	/* Further directories that homes of rows may lie below. */
	struct settings_list more_roots;
	char tidy_roots[LMTPD_ROOTS_MAX][MAILDIR_PATH_MAX + 1];
	struct maildir_root roots[1 + LMTPD_ROOTS_MAX]; /* base, and those */
	size_t n_roots;
	struct sieve_config sieve;
};

extern const struct settings_form lmtpd_config_form;

static inline const struct lmtpd_config *lmtpd_config_of(const struct service *service)
{
	return service->config;
}

/* Makes the settings of runs of what the keys say: check() does so, and who reads a file without it may. */
void lmtpd_config_init_sieve(struct lmtpd_config *config);

/* For a command that looks at mail: loads the configuration and, if it is root who calls, becomes the owner of
 * the mail. NULL with the reason in error; else to be freed by settings_free(). */
struct lmtpd_config *lmtpd_config_load_as_owner(const char *config_file, struct error *error);

/* Is the mail root (of a struct lmtpd_config) there? Returns 0, or -1 with a message in error. */
int lmtpd_config_check_root(const void *config, struct error *error);
