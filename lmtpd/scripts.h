/* SPDX-License-Identifier: MIT
 * The Sieve scripts that run for a mailbox: where they lie, in which order they run, and their programs, which are
 * compiled once and kept as long as their files do not change.
 *
 * Any thread. Nothing is followed out of the home: a script of the user is opened beneath it, and its link is read, not
 * followed. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "lmtpd/config.h"
#include "sieve/sieve.h"

enum {
	SCRIPTS_CACHE_MAX = 32 << 20, /* bytes of programs that are kept */
};

/* Programs that are kept; one for the process, which outlives every service. */
struct scripts;

struct scripts *scripts_new(void); /* NULL: out of memory */
void scripts_free(struct scripts *scripts);

/* Where a mailbox' home is: below its root, without a slash at the end. */
struct scripts_home {
	const struct maildir_root *root; /* NULL: there is no home, only scripts of the admin */
	const char *path;
	const char *address; /* of the mailbox, for words */
};

/* What runs, in order: before, the user's or the default one, after. */
struct scripts_private;

struct scripts_chain {
	struct sieve_script list[SIEVE_CHAIN_MAX];
	size_t n;
	struct sieve_library *library; /* that they include */
	size_t n_library;
	bool sends; /* one of them leaves marks or messages outside of the mailbox */
	/* What is wrong with scripts that do not run, for the log: "" as a rule. */
	char trouble[512];
	bool has_own; /* the user has a script, if only one that cannot run */
	struct scripts_private *private;
};

/* Finds and compiles them. A script that is broken or may not be read is left out, and chain_r->trouble names it. Returns 0, or a
 * negative errno with words in error: mail must wait. scripts_close() is due in both cases. */
int scripts_open(struct scripts *scripts, const struct lmtpd_config *config,
    const struct scripts_home *home, struct scripts_chain *chain_r, struct error *error);

/* The same of one script in a file of any path, for commands: what it includes from the user's storage lies beside it. */
int scripts_open_file(struct scripts *scripts, const struct lmtpd_config *config, const char *path,
    struct scripts_chain *chain_r, struct error *error);

/* Where the script of that name lies, by the pointer that list and library have, for people. */
const char *scripts_path(const struct scripts_chain *chain, const char *name);

void scripts_close(struct scripts *scripts, struct scripts_chain *chain);

/* After a run, or when there is none to do (plan is NULL): tells the user's log what is wrong with his own script, and the
 * daemon's what is wrong with others; and counts runs that were exhausted: three in an hour switch the script off for
 * an hour. undone[n_undone]: what the plan wants and cannot be, which the daemon's log is told by the caller. Fails in
 * silence, but for the log. message_id: as its field has it; may be NULL. */
void scripts_ran(struct scripts *scripts, const struct lmtpd_config *config,
    const struct scripts_home *home, const struct scripts_chain *chain,
    const struct sieve_plan *plan, const struct sieve_note *undone, size_t n_undone,
    const char *message_id);

/* Is the script of that name, by the pointer that the run was given, the user's own, or what it includes from the storage? */
bool scripts_is_own(const struct scripts_chain *chain, const char *name);

/* Puts a note on a script of the user's own into his log, when the chain is closed. Fails as scripts_ran(). */
void scripts_tell(const struct lmtpd_config *config, const struct scripts_home *home,
    const struct sieve_note *note, const char *message_id);
