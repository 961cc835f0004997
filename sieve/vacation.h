/* SPDX-License-Identifier: MIT
 * The message that vacation answers with (RFC 5230 5). Private to sieve. */
#pragma once

#include "sieve/run.h"

/* What the command was given. */
struct vacation {
	struct span reason, subject, from, handle;
	bool has_subject, has_from, has_handle, is_mime;
};

/* own: the address of the user that the message was for. */
struct span vacation_compose(
    struct sieve_run *run, const struct vacation *vacation, struct span own);
