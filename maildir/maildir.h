/* SPDX-License-Identifier: MIT
 * Writes a message into Maildirs, so that it is durable or not there at all.
 *
 * A message is a file that has no name yet; a place is a mailbox that it gets one in. One message goes
 * to one or more places:
 *
 *   1. open: every place is opened, and its mailbox made where it does not exist yet, and its folder, if it may;
 *   2. write: the bytes go into one unnamed file on the places' own filesystem, as they come;
 *   3. seal: the bytes of the file reach the disk;
 *   4. copy: places that no hard link reaches, on another filesystem or in another project of one, get
 *      a sealed copy, one for all that lie together;
 *   5. place: it gets its name in new/ of every place, or with flags in cur/, by link(2), which cannot
 *      overwrite;
 *   6. sync: the file is synced, with its names; then, where the filesystem needs it, every new/ or cur/, and
 *      of a young mailbox or folder, which may not have been synced since it was made, all that is around
 *      it, up to the root.
 *
 * How much of it is needed is known by the filesystem, see storage.h. On ext4 with a journal and on XFS it is
 * one commit of the journal: step 3 only waits until the bytes are written, and the sync of step 6 commits
 * names and new directories with the file. Elsewhere step 3 is a sync of its own, and directories are synced.
 * The sync of the file in step 6 is for filesystems without a journal too: what was synced without a name
 * is, to their repair, a file that was deleted, whatever directory has a name for it by then.
 *
 * Keywords get their letters before step 3, since an entry of Dovecot's table must be there before a letter is.
 *
 * Nothing appears anywhere before step 5, and the result of a place is 0 only after step 6: from then
 * on a power cut loses nothing. Whoever dies on the way leaves no name behind. A place that fails does
 * so alone, as long as the file itself is sound, and whatever can fail before step 5 does.
 *
 * maildir_begin() is told where the message will probably lie, so that the file is made on the right
 * filesystem and what is slow about a new mailbox is done before the last byte has come.
 * maildir_prepare() is told where it does lie, which need not be known earlier. Between it and
 * maildir_commit() the caller knows which places cannot take the message, and may leave others out.
 *
 * This library never logs: a result says which step failed, on which path, and with what errno.
 * A message belongs to one thread at a time; a root may be shared by any number of threads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "maildir/storage.h"

enum {
	MAILDIR_PATH_MAX = 1024, /* bytes of a mailbox's path below its root, NUL included */
	MAILDIR_HOST_MAX = 100,  /* bytes of the host in a file's name; longer ones are cut */
	MAILDIR_NAME_MAX = 255,
	MAILDIR_NOTE_MAX = 200,
	MAILDIR_LETTERS_MAX = 26,
	MAILDIR_HELD_MAX = 64, /* places of a message that stay open; others are opened again */
};

/* Where mailboxes live. Fixed before the first of them is used. */
struct maildir_root {
	const char *base; /* an existing directory; the caller's, must outlive the root */
	char host[MAILDIR_HOST_MAX + 1];
	bool has_tmpfile;       /* unnamed files can be used: /proc is there to name them by */
	struct storage storage; /* nothing is known unless storage_look() is asked: all is strict */
	/* The name of a file that must be there, in the root or in the first directory on the way to a
	 * mailbox: where the disk is not mounted it is not. "" for none; the caller's to set. */
	const char *marker;
};

/* @host goes into every file's name, with '/' and ':' written as \057 and \072. */
void maildir_root_init(struct maildir_root *root, const char *base, const char *host);

/* Can a file be written in the root now? One without a name is, where there are such; elsewhere the permissions
 * are asked alone. Returns 0 or a negative errno. */
int maildir_root_probe(const struct maildir_root *root);

/* Can this be the path of a mailbox below a root? Not too long, no empty, "." or ".." component. */
bool maildir_path_is_plain(const char *path);

/* Links reach from one directory to another where this is the same: on one filesystem, and where that
 * counts disk space by projects (ext4, XFS), within one. Private. */
struct maildir_domain {
	dev_t device;
	uint32_t project;           /* 0: none */
	enum storage_commit commit; /* how files become durable there */
};

/* A file before it has its names. Private. */
struct maildir_file {
	int fd;     /* -1: none */
	int tmp_fd; /* the tmp/ it has a name in; -1: it is unnamed */
	struct maildir_domain domain;
	bool is_shared; /* by several places */
	bool is_linked; /* since it was synced */
	bool has_moved; /* its name is in a place: no other can be given */
	int error;      /* of a sync, which is its last */
	char tmp_name[MAILDIR_NAME_MAX + 1];
};

/* What becomes of a message for a folder that is not there. */
enum maildir_if_absent {
	MAILDIR_USE_INBOX = 0,
	MAILDIR_MAKE,
};

/* Where a message goes. What stands first is the caller's to set, and must outlive the message; all else is the
 * message's to write, and zero before a maildir_prepare() that is the first to see this place. */
struct maildir_place {
	/* That the mailbox lies below, which need not be that of its neighbour. */
	const struct maildir_root *root;

	/* Relative to the root, e.g. "example.com/email1/Maildir"; maildir_path_is_plain(). Symbolic
	 * links must not lead out of the root. */
	const char *mailbox;

	/* The folder of the mailbox that the message goes to, as folder_to_directory() writes it, e.g. ".Junk". "" or
	 * NULL for INBOX, which is the mailbox itself. No folder fails a delivery: INBOX is used instead of
	 * one that is not there and not to be made, and of one that cannot be used, see note. */
	const char *folder;
	enum maildir_if_absent if_absent;
	unsigned folders_max; /* where there are as many already, none is made; 0: no limit */

	/* What the message is marked with: of the letters DFRST (draft, flagged, answered, seen, deleted) those
	 * that stand there; others are none. NULL or "": not marked, so that it is new. */
	const char *flags;
	/* And with what else, IMAP's keywords such as "$Forwarded"; case does not count. One that is no atom of IMAP
	 * is left out, and so are those that the folder has no letter for or cannot be given one, see note. */
	const char *const *keywords;
	size_t n_keywords;

	bool subscribes; /* to a folder that it makes, so that clients show it */

	/* Set between prepare and commit: leave it out. Its result stays what it was. A place whose twin (same) is
	 * wanted is so, too. */
	bool is_unwanted;

	/* Private: it was opened, maybe in vain, and maybe closed since; and it may not have been synced since it was
	 * made. */
	bool is_begun, is_young;

	/* The outcome: 0 when the message is durable here, else a negative errno, and for people the
	 * step that failed ("sync") and the part below the mailbox it failed on ("/new", "/cur", or "" for
	 * the mailbox itself). */
	int result;
	const char *step;
	const char *part;
	/* In new/ or cur/. Between prepare and commit it has no flags yet, and is "" where the message cannot go; a folder
	 * that is left later does not change it. Only one that somebody has by then is replaced by another one. */
	char name[MAILDIR_NAME_MAX + 1];
	/* The folder in use, or that it failed in: as it was set, or "" when INBOX is used instead. */
	const char *where;
	/* For people: what could not be done, though the message lies there: "cannot make .Junk: Permission denied".
	 * "" as a rule. */
	char note[MAILDIR_NOTE_MAX];
	/* Another place that leads to the same INBOX, since a folder had to be left for it. The message lies there
	 * once, as that place has it, and what became of that one became of this one. NULL as a rule. */
	struct maildir_place *same;

	/* private */
	unsigned *patience; /* with locks, the message's */
	struct maildir_domain domain;
	struct maildir_file *file; /* that it gets a name of: the message's, or somebody's copy */
	struct maildir_file copy;  /* its own, where that cannot be linked */
	int names_fd;              /* of the directory that its name goes to; -1: closed */
	bool is_marked;            /* its name is in cur/ */
	char letters[MAILDIR_LETTERS_MAX + 1]; /* of its keywords, in that folder */
};

struct maildir_message {
	uint64_t size;      /* S=: bytes written */
	uint64_t wire_size; /* W=: the same with every line ended by CRLF (RFC822.SIZE) */

	/* private */
	struct maildir_place *expected; /* those of maildir_begin() */
	size_t n_expected;
	struct maildir_file file;
	struct maildir_place *home; /* that the file was made in */
	unsigned n_lost;            /* files that could not take more, lately, */
	unsigned n_lost_ever;       /* and altogether */
	int error;                  /* why there is no file; 0: there is one */
	uint64_t n_started;         /* bytes that are on their way to the disk */
	char last;                  /* the byte written last */
	unsigned patience;          /* ms that it may still wait for locks of others */
};

/* Begins a message that will probably go to these places: opens them, and makes the file in the first
 * one that can take it. They stay where they are until the message has ended. Returns 0, or why there
 * is no file; each place holds its own outcome so far in both cases. */
int maildir_begin(
    struct maildir_message *message, struct maildir_place *expected, size_t n_expected);

/* Appends to the message: bytes as they shall lie on disk. Returns 0 or a negative errno, which
 * then is every place's result; the message must still be ended by commit or abort. */
int maildir_write(struct maildir_message *message, const char *data, size_t n);

/* Reads what was written so far, from an offset on, for who decides by it where the message goes. Returns how many bytes it
 * was, fewer than n at the end alone, or a negative errno. */
ssize_t maildir_read(
    const struct maildir_message *message, uint64_t offset, char *buffer, size_t n);

/* Steps 3 and 4 for these places: those of maildir_begin(), others, or both; others are opened first.
 * What cannot take the message has its result then, but for what happens at the last moment. What can has the
 * name that it will get: who counts a mailbox meanwhile knows by it what is under way. */
void maildir_prepare(
    struct maildir_message *message, struct maildir_place *places, size_t n_places);

/* Steps 5 and 6 for the places of maildir_prepare() that are well and wanted. Then the result of each is
 * final, and the message has ended. */
void maildir_commit(struct maildir_message *message, struct maildir_place *places, size_t n_places);

/* After the commit: takes the names away again that it gave, so that a message which its sender was told
 * to keep is not there twice. What a reader has moved by then cannot be found. */
void maildir_take_back(const struct maildir_place *places, size_t n_places);

/* Drops the message before its commit: nothing of it stays anywhere. places are those of
 * maildir_prepare(), if it was called. */
void maildir_abort(struct maildir_message *message, struct maildir_place *places, size_t n_places);

/* What failed at a place whose result is negative, on what path, and why, for people: "cannot sync
 * /var/mail/example.com/email1/Maildir/.Junk/new: Input/output error". */
void maildir_describe(const struct maildir_place *place, char *text_r, size_t n);

/* What a result means, for people. step is the place's, or "" behind maildir_probe(). */
const char *maildir_strerror(int result, const char *step);

/* What a delivery would find, without writing anything. */
enum maildir_state {
	MAILDIR_EXISTS = 0, /* and can be written */
	MAILDIR_ABSENT,     /* would be made by the first delivery */
};

/* Returns a maildir_state, or a negative errno that a delivery would meet; part_r as in a place, or "the
 * marker". */
int maildir_probe(const struct maildir_root *root, const char *mailbox, const char **part_r);
