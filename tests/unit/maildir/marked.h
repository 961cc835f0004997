/* SPDX-License-Identifier: MIT
 * The home of a mailbox with marks in it, for tests. */
#pragma once

#include "maildir/marks.h"
#include "tests/unit/maildir/mailroot.h"

#define MARKED_USER "user@example.com"
#define MARKED_HOME "example.com/user"
#define MARKED_FILE MARKED_HOME "/.dovecot.lda-dupes"

enum {
	MARKED_NOW = 1790000000,
};

struct marked_file {
	char *p;
	size_t n, room;
};

/* An empty file of the form, and one more record at its end. test_free() what p points to. */
void marked_begin(struct marked_file *file);
void marked_add(struct marked_file *file, uint32_t until, const char *id, const char *user);

/* Puts the first n bytes into the home, instead of what is there. */
void marked_put(const struct mailroot *mailroot, const struct marked_file *file, size_t n);

/* Compares the file in the home with what it should be. */
void marked_expect(
    const struct mailroot *mailroot, const char *what, const struct marked_file *want);

int marked_open_home(const struct mailroot *mailroot);

/* Of one id, without waiting. */
int marked_add_id(int home_fd, const char *id, time_t until);
int marked_has(int home_fd, const char *id);
