/* SPDX-License-Identifier: MIT
 * The steps on the disk that make a message durable in a Maildir, and nothing more: what the disk
 * allows a delivery agent at best. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct stored {
	int new_fd, fd;
};

/* Creates an unnamed file in new/. All return false with errno when a step failed. */
bool store_open(struct stored *stored, const char *new_path);

bool store_write(struct stored *stored, const char *data, size_t n);

/* Each closes all in any case.
 *
 * In two commits of the journal: syncs the file, names it, syncs new/. */
bool store_commit_twice(struct stored *stored);

/* In one: waits until the bytes are written, names the file, syncs it. */
bool store_commit_once(struct stored *stored);

/* Syncs the file and names it, no more. */
bool store_commit_file(struct stored *stored);
