/* SPDX-License-Identifier: MIT
 * Which Maildirs lie below a directory: one pass, as the names come, in memory that does not grow with them.
 * Nothing is written, and no symbolic link is followed, so the pass neither leaves the directory nor goes
 * round in circles. For commands that look at all mail; blocks. */
#pragma once

#include <stdint.h>
#include <time.h>

enum {
	TREE_DEPTH_MAX = 63, /* directories below each other that are entered */
};

struct tree {
	/* Bit n: a Maildir may lie n directories below. Nowhere else is one looked for, since a domain with
	 * users called cur, new and tmp looks like one. Nothing is looked for within a Maildir. */
	uint64_t depths;
	/* A Maildir, its path below the base, and a descriptor of it that is the tree's. What is not 0 ends
	 * the pass. */
	int (*on_maildir)(void *data, const char *path, int fd);
	/* A directory that cannot be looked into, with a negative errno. As above. */
	int (*on_unread)(void *data, const char *path, int error);
	void *data;
};

/* Returns 0, what a handler returned, or a negative errno if the base itself cannot be read. */
int tree_walk(const struct tree *tree, const char *base);

struct tree_size {
	uint64_t n_messages; /* in the Maildir and its folders */
	time_t changed; /* when one came or went last, or was moved from new to cur; 0: not known */
};

/* What a Maildir holds, as far as it can be read. */
void tree_measure(int maildir_fd, struct tree_size *size_r);
