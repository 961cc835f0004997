/* SPDX-License-Identifier: MIT
 * lmtpd.conf, checked once. Constant while it is in use: a reload makes a new one. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "maildir/maildir.h"
#include "protocol/lmtp.h"
#include "runtime/daemon.h"
#include "runtime/mysql_settings.h"
#include "runtime/settings.h"
#include "schema/directory.h"

struct config {
	struct settings *settings; /* owns the strings below */
	char hostname[256];
	struct lmtp_settings lmtp;

	struct daemon_settings daemon;
	unsigned idle_timeout; /* seconds */

	char *base;            /* of maildir.home: its directories before the first placeholder */
	const char *home_rest; /* of maildir.home: the rest, with placeholders */
	const char *path;      /* below home */
	unsigned writers;
	struct maildir_root root;

	struct mysql_settings mysql;
	struct directory_settings directory; /* the same for the directory, with the queries */
};

/* Reads and checks a file. Returns 0, or -1 with file, line and key in error. */
int config_load(struct config *config, const char *file, struct error *error);
void config_free(struct config *config);

static inline const struct config *config_of(const struct service *service)
{
	return service->config;
}

/* For the daemon's table. */
void *lmtpd_load(const char *file, struct error *error);
void lmtpd_unload(void *config);
const struct daemon_settings *lmtpd_settings(const void *config);

/* Reads the path of the control socket alone. Returns 0, or -1 with a message in error. */
int config_load_control(char *path_r, size_t n_path, const char *file, struct error *error);

/* The path below base of a mailbox's Maildir, made of its row. Returns 0, or -1 if it is too long. */
int config_mailbox_path(
    const struct config *config, const struct address *row, char *path_r, size_t n_path);
