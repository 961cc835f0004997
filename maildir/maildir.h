/* SPDX-License-Identifier: MIT
 * Writes a message into Maildirs, so that it is durable or not there at all.
 *
 * One delivery takes one message to one or more mailboxes:
 *
 *   1. every mailbox is opened, and made where it does not exist yet;
 *   2. the bytes go into one unnamed file on the mailboxes' own filesystem, as they come;
 *   3. the file is synced (and a copy for each mailbox that cannot share it by hard link);
 *   4. it gets its name in new/ of every mailbox by link(2), which cannot overwrite;
 *   5. every new/ is synced, and the parents of directories that are young.
 *
 * Nothing appears in any mailbox before step 4, and a mailbox's result is 0 only after step 5: from
 * then on a power cut loses nothing. Whoever dies on the way leaves no name behind.
 *
 * This library never logs: a result says which step failed, on which path, and with what errno.
 * A delivery belongs to one thread at a time; a root may be shared by any number of threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	MAILDIR_PATH_MAX = 1024, /* bytes of a mailbox's path below its root, NUL included */
	MAILDIR_HOST_MAX = 100,  /* bytes of the host in a file's name; longer ones are cut */
	MAILDIR_NAME_MAX = 255,
	MAILDIR_HELD_MAX = 64, /* mailboxes of a delivery that stay open; others are opened again */
};

/* Where mailboxes live. Fixed after maildir_root_init(). */
struct maildir_root {
	const char *base; /* an existing directory; the caller's, must outlive the root */
	char host[MAILDIR_HOST_MAX + 1];
	bool has_tmpfile; /* unnamed files can be used: /proc is there to name them by */
};

/* @host goes into every file's name, with '/' and ':' written as \057 and \072. */
void maildir_root_init(struct maildir_root *root, const char *base, const char *host);

/* Syncs the filesystem of the mail, once in a process, so that nobody need ask of directories that
 * were there before whether they are durable. It may take seconds; deliveries may go on beside it. */
void maildir_root_settle(const struct maildir_root *root);

/* A file that has no name in new/ yet. Private. */
struct maildir_file {
	int fd;     /* -1: none */
	int tmp_fd; /* the tmp/ it has a name in; -1: it is unnamed */
	char tmp_name[MAILDIR_NAME_MAX + 1];
};

/* One mailbox of a delivery. The caller sets path; the rest is the delivery's to write. */
struct maildir_target {
	const char
	    *path; /* relative to the root, e.g. "example.com/email1/Maildir"; no empty, "." or
	                   * ".." component; symbolic links must not lead out of the root */
	/* The outcome: 0 when the message is durable here, else a negative errno, and for people the
	 * step that failed ("sync") and the part below path it failed on ("/new", "" for path). */
	int result;
	const char *step;
	const char *part;
	char name[MAILDIR_NAME_MAX + 1]; /* in new/ */

	/* private */
	int new_fd;
	bool is_young; /* its parents may not have been synced */
	uint64_t
	    identity; /* of new/: tells it from every other directory, and from its successor */
	dev_t device;
	struct maildir_file copy; /* an own file, where the shared one cannot be linked */
};

struct maildir_delivery {
	const struct maildir_root *root;
	struct maildir_target *targets;
	size_t n_targets;
	uint64_t size;      /* S=: bytes written */
	uint64_t wire_size; /* W=: the same with every line ended by CRLF (RFC822.SIZE) */

	/* private */
	int error; /* of a failed write: everything after it is void */
	struct maildir_file file;
	dev_t device;       /* that the file lies on */
	uint64_t n_started; /* bytes that are on their way to the disk */
	char last;          /* the byte written last */
};

/* Opens the mailboxes and the file. Returns 0 when at least one target can be written, else the
 * negative errno of the first; each target holds its own outcome (so far) in both cases. */
int maildir_open(struct maildir_delivery *delivery, const struct maildir_root *root,
    struct maildir_target *targets, size_t n_targets);

/* Appends to the message: bytes as they shall lie on disk. Returns 0 or a negative errno, which
 * then is every target's result; the delivery must still be ended by commit or abort. */
int maildir_write(struct maildir_delivery *delivery, const char *data, size_t n);

/* Steps 3 to 5; then every target's result is final and the delivery is closed. */
void maildir_commit(struct maildir_delivery *delivery);

/* Drops the message: nothing of it stays in any mailbox. */
void maildir_abort(struct maildir_delivery *delivery);

/* What a result means, for people. */
const char *maildir_strerror(int result);

/* What a delivery would find, without writing anything. */
enum maildir_state {
	MAILDIR_EXISTS = 0, /* and can be written */
	MAILDIR_ABSENT,     /* would be made by the first delivery */
};

/* Returns a maildir_state, or a negative errno that a delivery would meet; part_r as in a target. */
int maildir_probe(const struct maildir_root *root, const char *path, const char **part_r);
