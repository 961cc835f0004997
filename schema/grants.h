/* SPDX-License-Identifier: MIT
 * What a line of SHOW GRANTS allows beyond reading one database. Private to schema; pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Does the line allow more than to read tables, or to read those of all databases? privileges_r: what,
 * "INSERT, UPDATE"; object_r: of what, without backquotes. Both are cut to fit. */
bool grant_is_more_than_needed(
    const char *line, char *privileges_r, size_t n_privileges, char *object_r, size_t n_object);
