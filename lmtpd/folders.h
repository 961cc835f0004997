/* SPDX-License-Identifier: MIT
 * The folders of a mailbox as its scripts know them: by the names that clients see, and by their special use (RFC 6154).
 * Any thread. */
#pragma once

#include <stdbool.h>

#include "base/text.h"
#include "lmtpd/config.h"
#include "lmtpd/places.h"

/* The directory of a folder of the mailbox that the place is one of; "" for INBOX. Returns 0, or -1 with why it cannot be
 * one in words. */
int folders_find(const struct lmtpd_config *config, const struct places *places, size_t place,
    struct span name, char directory_r[FOLDER_DIRECTORY_MAX + 1], const char **why_r);

/* Can mail be stored there? Yes, if it is there, or is made when it is needed. */
bool folders_exist(
    const struct lmtpd_config *config, const struct places *places, size_t place, struct span name);

/* The folder that has a special use; of name, if that is not empty, whether it is that one. p is NULL: none. */
struct span folders_with_use(const struct lmtpd_config *config, const struct places *places,
    size_t place, struct span use, struct span name);
