/* SPDX-License-Identifier: MIT
 * Where a user's active script lies. Any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lmtpd/config.h"

enum {
	SCRIPT_PATH_MAX = 512, /* bytes of a path below the home, NUL included */
	SCRIPT_WHY_MAX = 256,
};

/* May a file never be read while nobody changes it? Else, for a negative errno of opening or reading, it may be read
 * a while later: mail must wait. */
bool scripts_is_final(int result);

/* What a key says of a path below the home, without the "~/" in front. */
const char *scripts_own_path(const char *value);

/* The name of a script's file, its suffix left out. */
void scripts_name(const char *path, char name_r[SIEVE_NAME_MAX + 1]);

/* Where a link at active leads, if that is a script directly in storage: the path below the home. home: its whole path,
 * without a slash at the end; active and storage: below it. Compared as it is written, so that nobody's link is
 * followed. Pure. */
bool scripts_resolve_link(const char *home, const char *active, const char *storage,
    const char *target, char path_r[SCRIPT_PATH_MAX]);

struct scripts_home;

struct scripts_own {
	bool is_there; /* the user has something there, if only a script that cannot run */
	char path[SCRIPT_PATH_MAX]; /* of the script, below the home */
	int fd; /* of the script, open as a path (O_PATH); or a negative errno, for good */
	char why[SCRIPT_WHY_MAX]; /* none runs though there is something; "" as a rule */
};

/* home_fd: of home_open() for the home. Returns 1: own_r->path leads to a script, and own_r->fd is the caller's; 0: none runs; or a negative errno:
 * mail must wait. */
int scripts_find(const struct sieve_config *config, int home_fd, const struct scripts_home *home,
    struct scripts_own *own_r);
