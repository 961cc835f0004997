/* SPDX-License-Identifier: MIT
 * File names of messages: unique for ever, and in the order of their arrival. Private to maildir. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "maildir/maildir.h"

/* Flags that a name can have. */
#define NAME_FLAGS "DFRST"

enum {
	NAME_ATTEMPTS = 16, /* of making one that nobody has yet */
};

/* Writes "<sec>.M<usec>P<pid>Q<n>.<host>" into name_r[MAILDIR_NAME_MAX + 1]. Q is a counter of this
 * process, so no two calls make the same. */
void name_make(char *name_r, const struct timespec *now, const char *host);
void name_make_now(char *name_r, const char *host);

/* Appends ",S=<size>,W=<wire_size>", which spares readers the counting. */
void name_add_sizes(char *name, uint64_t size, uint64_t wire_size);

/* Appends ":2,", those of the flags that are some, each once and in the order of ASCII, as readers expect, and
 * the letters of keywords, which are in that order. */
void name_add_flags(char *name, const char *flags, const char *letters);

/* Takes flags and letters off again, if there are any. */
void name_drop_flags(char *name);

/* Copies as much of host as fits into out with '/' as \057, ':' as \072 (the rules of Maildir) and other
 * bytes that upset readers as '_'. */
void name_escape_host(char *out, size_t cap, const char *host);
