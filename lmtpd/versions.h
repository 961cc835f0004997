/* SPDX-License-Identifier: MIT
 * A message in several versions: the one that came, and those whose header a script has changed (RFC 5293), with the body
 * as it came. Each is a message of maildir/ with places of its own, and all are committed together. On a writer's thread. */
#pragma once

#include "lmtpd/filter.h"

struct version {
	struct maildir_message message;
	size_t first, n; /* of its places in the list */
};

struct versions {
	struct maildir_message *original;
	size_t n_original; /* places that get it, the first of the list */
	struct version *list;
	size_t n;
};

/* Of places whose message is written. filter: what changed it, NULL: nothing did. Returns 0 or -ENOMEM; versions_drop() is
 * due in both cases. */
int versions_make(struct versions *versions, struct maildir_message *original,
    const struct places *places, const struct filter *filter);
void versions_drop(struct versions *versions);

/* The one that the place at i gets. */
const struct maildir_message *versions_message(const struct versions *versions, size_t i);

/* As of maildir/, for all of them. */
void versions_prepare(
    struct versions *versions, const struct places *places, const struct filter *filter);
void versions_commit(struct versions *versions, const struct places *places);
void versions_abort(struct versions *versions, const struct places *places);
