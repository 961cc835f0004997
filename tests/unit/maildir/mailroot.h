/* SPDX-License-Identifier: MIT
 * A mail root in a temporary directory: deliveries into it, and a look at what they have left. */
#pragma once

#include "maildir/maildir.h"
#include "tests/unit/maildir/faults.h"
#include "tests/unit/unit.h"

enum {
	MAILROOT_PLACES = 5
};

struct mailroot {
	char base[256];
	struct maildir_root root;
	struct maildir_place places[MAILROOT_PLACES];
	struct maildir_place
	    wishes[MAILROOT_PLACES]; /* what a caller sets, but for root and mailbox */
	size_t n_places;
	size_t n_late;  /* of them are known at the commit only; to be set before */
	unsigned n_fds; /* open before */
};

/* An ordinary filesystem, whose fsync costs no time. */
extern const struct faults mailroot_plain;

/* From now on the root's filesystem is one where one commit is enough. */
void mailroot_commit_once(struct mailroot *mailroot);

/* cmocka's set-up and tear-down: *state is a struct mailroot. The tear-down fails when a descriptor
 * has leaked. */
int mailroot_setup(void **state);
int mailroot_setup_in_memory(void **state); /* for thousands of deliveries */
int mailroot_teardown(void **state);

/* Delivers a message in pieces to the paths; the outcomes are in places. Returns how often the
 * fault struck. */
unsigned mailroot_deliver(struct mailroot *mailroot, const struct faults *faults,
    const char *const *paths, size_t n_paths, struct text message, size_t piece);

/* To one path, on a plain filesystem, and in one piece. */
struct maildir_place *mailroot_deliver_one(
    struct mailroot *mailroot, const char *path, struct text message);

/* Every place either has the whole message in its new/ or cur/ and nothing else in new/, cur/ or tmp/, or
 * says what failed and has nothing there. */
void mailroot_check(const struct mailroot *mailroot, struct text message);

/* Every place that was saved was saved in the right order: the file is written, then synced, then
 * named, then the name is synced; and with has_parents every directory on the way was synced after
 * what was made in it. */
void mailroot_check_order(const struct mailroot *mailroot, struct text message, bool has_parents);

/* base/path/part, in a buffer that is good until some calls later. */
const char *mailroot_path(const struct mailroot *mailroot, const char *path, const char *part);

/* The directory that holds the message of a place, as mailroot_path(). */
const char *mailroot_directory(const struct mailroot *mailroot, const struct maildir_place *place);

/* Names in a directory, sorted, divided by blanks; "-" when there is no such directory. */
void mailroot_list(const char *directory, char *out, size_t n);

void mailroot_make_directory(const struct mailroot *mailroot, const char *path);
void mailroot_make_file(const struct mailroot *mailroot, const char *path, const char *content);

/* Reads a whole file; test_free() it. */
struct text mailroot_read(const char *file);

unsigned count_fds(void);

/* Those of files and directories that have lost their names. */
unsigned count_lost_names(void);

/* The same at the last sync of a directory, for faults.on_fsync. watch_lost_names() says which one, and begins anew. */
void watch_lost_names(ino_t directory);
void note_lost_names(int fd);
unsigned noted_lost_names(void);

ino_t inode_of(const char *path);

/* Where in the events, counted from 1, the last such call succeeded; 0: nowhere. A source of 0 stands for any. */
size_t find_event(enum fault_call call, ino_t inode, ino_t source);
