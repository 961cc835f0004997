/* SPDX-License-Identifier: MIT
 * Users and groups: looked up by name or number, and becoming one for good. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

/* The ids of a user and group given by name or by number; "" for either leaves its id at -1.
 * Returns 0, or -1 with a message in error. */
int privilege_find(
    const char *user, const char *group, uid_t *uid_r, gid_t *gid_r, struct error *error);

/* Root becomes uid and gid, with no other group and no way back. Whoever is not root must already be uid
 * and gid, without root's group. In both cases no saved id and no capability may lead elsewhere. A process
 * that others may not look into stays so. Returns 0, or -1 with a message in error. */
int privilege_become(uid_t uid, gid_t gid, struct error *error);

/* For a command that anybody may give: root becomes user and group, and whoever else stays. Returns 0, or -1
 * with a message in error. */
int privilege_leave_root(const char *user, const char *group, struct error *error);
