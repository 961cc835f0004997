/* SPDX-License-Identifier: MIT
 * Where mailboxes lie: the template of maildir.home or the home of a row, the roots that it may be below, and the
 * path of the Maildir in it. */
#pragma once

#include <stdbool.h>

#include "doctor/mailboxes.h"
#include "lmtpd/config.h"

/* Is there a placeholder of maildir.home at p: %d, %n or %u? */
bool homes_is_placeholder(const char *p);

/* The path without empty and "." components, without a slash in front or behind. Returns 0, or -1 if it
 * could not be the path of a mailbox. */
int homes_tidy_path(const char *path, char tidy_r[MAILDIR_PATH_MAX]);

/* Prepares a configuration whose keys are set. Returns 0, or -1 with key and fault in error. */
int homes_init(struct lmtpd_config *config, struct error *error);

/* The directories of all roots; NULL ends them. */
void homes_list_roots(const struct lmtpd_config *config, const char *bases_r[LMTPD_ROOTS_MAX + 2]);

/* For a program's table, whose config is a struct lmtpd_config: can all roots be written to? Returns 0, or -1
 * with the one that cannot in error. */
int homes_probe(const void *config, struct error *error);

/* Where the mail of a mailbox goes. */
struct home {
	const struct maildir_root *root;
	char path[MAILDIR_PATH_MAX]; /* of the Maildir, below the root */
	size_t n_home;               /* so many bytes of it are the path of the home */
	/* The folder of it, as a directory; "" is INBOX. May it be made, while there are fewer than so many (0: any
	 * number)? */
	char folder[FOLDER_DIRECTORY_MAX + 1];
	bool makes_folder;
	unsigned folders_max;
};

/* A folder, as a directory, that is made when it is first needed (maildir.auto). */
bool homes_is_auto(const struct lmtpd_config *config, const char *folder);

/* Where the home itself is the Maildir, other hidden things have their place among the folders: nobody's mail may
 * take the names of a user's script and keys. */
bool homes_is_taken(const char *folder);

/* Returns 0, or -1 with what is refused in error: a part of the address is no name of a directory, the home of its
 * row lies below no root, or the path is too long. */
int homes_find(const struct lmtpd_config *config, const struct mailbox *mailbox,
    struct home *home_r, struct error *error);

/* A mailboxes_path for the doctor, whose config is a struct lmtpd_config: writes the whole path of the Maildir.
 * Returns as homes_find(). */
int homes_write_path(const void *config, const struct mailbox *mailbox,
    char path_r[MAILBOXES_PATH_MAX], struct error *error);
