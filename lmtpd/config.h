/* SPDX-License-Identifier: MIT
 * lmtpd.conf, checked once. Constant while it is in use: a reload makes a new one. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "maildir/maildir.h"
#include "protocol/lmtp.h"
#include "runtime/daemon.h"
#include "runtime/settings.h"
#include "schema/directory.h"

struct lmtpd_config {
	struct daemon_settings daemon; /* first, as a program's table wants it */
	struct directory_settings directory;
	/* For --check alone; "" leaves one out. */
	const char *users_query, *aliases_query, *domains_query;

	const char *hostname;
	char machine_name[256]; /* hostname leads here when the file names none */
	long message_size_limit, recipient_limit;
	long idle_timeout; /* seconds */
	struct lmtp_settings lmtp;

	const char *home; /* with placeholders, as is home_rest; no component that is no name */
	const char *home_rest; /* of home: from the first component with a placeholder on */
	const char *path;      /* below home; as well */
	/* Of home: its directories before that, without placeholders. */
	char base[MAILDIR_PATH_MAX + 1];
	/* Home and path lead here. */
	char tidy_home[MAILDIR_PATH_MAX + 1], tidy_path[MAILDIR_PATH_MAX];
	const char *commit; /* "auto" or "strict" */
	char words[128];    /* the file of storage_examine(), "" for none */
	const char *marker; /* see struct maildir_root */
	long writers;
	struct maildir_root root;
};

extern const struct settings_form lmtpd_config_form;

static inline const struct lmtpd_config *lmtpd_config_of(const struct service *service)
{
	return service->config;
}

/* Is the mail root (of a struct lmtpd_config) there? Returns 0, or -1 with a message in error. */
int lmtpd_config_check_root(const void *config, struct error *error);

/* The path below base of a mailbox's Maildir, made of its row. Returns 0, or -1 if it is refused: a part of
 * the address is no name of a directory, or the path is too long. */
int lmtpd_config_mailbox_path(
    const struct lmtpd_config *config, const struct address *row, char *path_r, size_t n_path);
