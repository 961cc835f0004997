/* SPDX-License-Identifier: MIT
 * Sieve (RFC 5228): a script is compiled into a program, and a run of programs over a message ends in a plan of
 * what shall become of it. Carrying the plan out is the caller's.
 *
 * This is a pure machine: no file, socket, thread, clock, locale or database. It cannot block: what a run wants
 * to know of the world it asks for, and goes on when it has been told. It cannot run away: every byte that it looks
 * at costs fuel. It cannot lose mail: a plan is never empty unless a script said discard, and a script that fails adds
 * nothing to it.
 *
 * A program is immutable and may be shared by any number of threads; a run and its plan belong to one at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"
#include "base/text.h"
#include "sieve/extension.h"

enum {
	SIEVE_SCRIPT_MAX = 1 << 20, /* bytes */
	SIEVE_ERRORS_MAX = 30,      /* kept of a script; behind them stands that there are more */
	SIEVE_ERROR_MAX = 256,      /* bytes of a text, NUL included */
	SIEVE_NAME_MAX = 256,       /* bytes of a script's name */
	SIEVE_CHAIN_MAX = 32,       /* programs that follow each other */
	SIEVE_INCLUDES_MAX = 255,   /* programs that a chain includes */
	SIEVE_INCLUDE_DEPTH_MAX = 10,
	SIEVE_HEADER_MAX = 1 << 20, /* bytes of a message's header that are looked at */
};

/* --- compiling ---------------------------------------------------------------------------------------------- */

struct sieve_program;
struct word;

/* What scripts may be written in. */
struct sieve_language {
	uint64_t extensions; /* that may be required: bits 1 << enum sieve_extension */
	const struct word *const
	    *host; /* tables of commands that the caller carries out himself; NULL: none */
};

/* All but those of the test language. */
extern const struct sieve_language sieve_language;

struct sieve_error {
	unsigned line, column; /* from 1; 0: none */
	bool is_warning;
	char text[SIEVE_ERROR_MAX]; /* what is wrong, and what to write instead */
};

struct sieve_errors {
	struct sieve_error list[SIEVE_ERRORS_MAX];
	size_t n;        /* in the list */
	size_t n_errors; /* met, without warnings */
};

/* Compiles a script. Returns 0; 1: it is broken, errors_r says why; -ENOMEM. Warnings may stand in errors_r in
 * any case. The script's bytes are not needed any longer. */
int sieve_compile(const struct sieve_language *language, struct span script,
    struct sieve_program **program_r, struct sieve_errors *errors_r);
void sieve_program_free(struct sieve_program *program);

/* Bytes of memory that it takes. */
size_t sieve_program_size(const struct sieve_program *program);

/* Extensions that it requires, as bits. */
uint64_t sieve_program_extensions(const struct sieve_program *program);

/* Does it hold what leaves a mark or a message outside of the mailbox: redirect, vacation, notify, duplicate? */
bool sieve_program_sends(const struct sieve_program *program);

/* A command of a program that tells somebody something, if the message is such that it is come to. */
struct sieve_sending {
	const char *command; /* redirect, reject, ereject, vacation, notify */
	struct span to; /* of redirect, and the method of notify: as the script has it, variables by
	                        their names; "": of other commands */
	unsigned line;
};

/* Calls found for each, in the order of the script. What it is told lives as long as the program. */
void sieve_program_sendings(const struct sieve_program *program,
    void (*found)(void *data, const struct sieve_sending *sending), void *data);

enum sieve_place {
	SIEVE_PERSONAL,
	SIEVE_GLOBAL,
};

/* A script that a program includes (RFC 6609). */
struct sieve_include {
	enum sieve_place place;
	struct span name;
	bool is_optional, is_once;
	unsigned line;
};

const struct sieve_include *sieve_program_includes(
    const struct sieve_program *program, size_t *n_r);

/* One that was found, for runs that may meet it. */
struct sieve_library {
	enum sieve_place place;
	struct span name;
	const struct sieve_program *program;
};

/* NULL: it is not there. */
const struct sieve_library *sieve_library_find(const struct sieve_library *library,
    size_t n_library, enum sieve_place place, struct span name);

/* Are all scripts that a program includes, directly or not, in the library but those that may be missing, does none
 * include itself, and are they neither too many nor nested too deep? Returns 0, or 1 with errors. */
int sieve_link(const struct sieve_program *program, const struct sieve_library *library,
    size_t n_library, struct sieve_errors *errors_r);

/* --- what a run is told -------------------------------------------------------------------------------------- */

/* How scores of a filter are read (RFC 5235). */
struct sieve_score {
	const char
	    *header; /* NAME, or NAME:REGEX whose first group is the score; "": nothing is tested */
	enum {
		SIEVE_SCORE_NUMBER,
		SIEVE_SCORE_LENGTH,
		SIEVE_SCORE_TEXT
	} type;
	const char *max;        /* the highest score, a number; "" if max_header says it */
	const char *max_header; /* as header */
	const char *texts[11];  /* of SIEVE_SCORE_TEXT: which text means 0 to 10; NULL: none */
};

/* Can a score be read by it, as by header above? Returns -1 with the reason if it cannot. */
int sieve_score_check_header(const char *header, struct error *error);

struct sieve_header_rule {
	const char *name;
	bool forbids_add, forbids_delete;
};

struct sieve_settings {
	unsigned actions_max, redirects_max, notifies_max;
	uint64_t fuel;
	unsigned vacation_default, vacation_min, vacation_max; /* seconds; max 0: none */
	bool vacation_checks_recipient;
	bool vacation_uses_original_recipient;
	bool
	    vacation_ignores_envelope; /* whom the header names is answered by name, though the envelope names another */
	bool vacation_sends_from_recipient;        /* their envelope's sender; else it is empty */
	const char *vacation_subject;              /* where neither script nor message has one */
	const char *vacation_subject_template;     /* %$ is the message's subject */
	unsigned duplicate_default, duplicate_max; /* seconds */
	const char *
	    redirect_from; /* envelope sender of redirect: sender, recipient, orig_recipient, user_email,
	                              postmaster or <address> */
	const char *notify_from;                      /* of notify: the same */
	const struct sieve_header_rule *header_rules; /* of editheader */
	size_t n_header_rules, edited_header_max;     /* bytes of a field that is added */
	size_t value_max;                             /* bytes of a variable's value */
	struct sieve_score spam, virus;
	const char *postmaster;
};

/* What lmtpd uses where its configuration says nothing. */
extern const struct sieve_settings sieve_defaults;

struct sieve_facts {
	const struct sieve_settings *settings;
	struct span from;        /* of the envelope, without brackets; "" = the null sender */
	struct span to;          /* with its detail */
	struct span original_to; /* before aliases; as to where nobody knows */
	struct span auth;        /* p is NULL: none */
	const char *delimiters;  /* recipient_delimiter: a set */
	const char *user;        /* the mailbox, as it logs in */
	const char *user_email;  /* where to is an alias of it; "" or NULL: unknown */
	const char *hostname, *domain;
	const char *const *flags; /* that the message has already; NULL ends them */
	time_t now;
	int (*zone)(time_t time); /* seconds east of UTC that the server's clock is at then */
	/* The message as it will be stored, with what delivery has put on top; line ends are LF or CRLF. The header
	 * holds the empty line at its end, if the message has one. */
	struct span header;
	uint64_t size; /* bytes with CRLF line ends */
	const struct sieve_library *library;
	size_t n_library;
};

/* --- what it ends in ------------------------------------------------------------------------------------------ */

enum sieve_action_kind {
	SIEVE_KEEP,  /* into INBOX, as a script said */
	SIEVE_STORE, /* into a folder */
	SIEVE_DISCARD,
	SIEVE_REDIRECT,
	SIEVE_REJECT,
	SIEVE_VACATION,
	SIEVE_NOTIFY,
	SIEVE_MARK, /* remember an id, for the test duplicate */
};

/* Strings belong to the plan. */
struct sieve_action {
	enum sieve_action_kind kind;
	const char *script; /* its name */
	unsigned line;
	unsigned version; /* of the message: index into the plan's */
	/* KEEP, STORE */
	struct span folder; /* as IMAP names it, in UTF-8; "" or INBOX in any case: INBOX */
	bool is_both;       /* keep and fileinto have both said INBOX */
	bool creates;
	struct span special_use;  /* that led to the folder; "" if none did */
	const struct span *flags; /* as IMAP writes them: \Seen, $Forwarded */
	size_t n_flags;
	/* REDIRECT, VACATION, NOTIFY: an envelope. from "": the null sender */
	struct span from, to;
	struct span
	    message; /* VACATION, NOTIFY: all of it; REDIRECT: fields to put on top of the version */
	/* VACATION, MARK, REDIRECT: what is remembered, and for how many seconds; "": nothing. Pigeonhole remembers the
	 * MD5 of the id of VACATION and MARK, and that of REDIRECT as it is */
	struct span id;
	uint64_t seconds;
	bool is_fresh; /* MARK: seen again, its time begins anew */
	/* REJECT: the reason. VACATION without a message: why nobody is answered */
	struct span text;
	bool is_ereject;
};

/* Does it store into INBOX? */
bool sieve_action_is_inbox(const struct sieve_action *action);

/* The command, if it tells somebody something: redirect, reject, ereject, vacation that answers, notify. NULL: it
 * stays in the mailbox. */
const char *sieve_action_sends(const struct sieve_action *action);

/* What a message's header has become (RFC 5293). Version 0 is the message as it came. */
struct sieve_version {
	const struct span *
	    header; /* pieces of it, in order, the empty line included; the body follows as it came */
	size_t n_header;
};

struct sieve_note {
	const char *script;
	unsigned line;
	enum {
		SIEVE_NOTE_ERROR,
		SIEVE_NOTE_WARNING,
		SIEVE_NOTE_DEBUG
	} kind;
	struct span text; /* one line, no control bytes */
};

struct sieve_plan {
	struct sieve_action *actions;
	size_t n_actions;
	struct sieve_version *versions;
	size_t n_versions;
	/* The implicit keep: into INBOX, besides the actions. */
	bool keeps;
	const struct span *keep_flags;
	size_t n_keep_flags;
	unsigned keep_version;
	/* For the user's log. */
	struct sieve_note *notes;
	size_t n_notes;
	bool has_failed; /* a script did, or ran out of fuel; what it had planned is not here */
	bool is_exhausted;
	size_t exhausted; /* which one of the chain, itself or by what it includes; the last one */
	size_t n_ran;     /* scripts of the chain: one that decides ends it */
	uint64_t fuel;    /* that was used */
};

/* --- running -------------------------------------------------------------------------------------------------- */

struct sieve_run;

/* One of those that run after each other. */
struct sieve_script {
	const struct sieve_program *program;
	const char *name; /* for notes */
};

/* Begins a run of programs, each of which runs as long as the ones before have left the message in INBOX.
 * All that is pointed to must outlive the run. NULL: out of memory. */
struct sieve_run *sieve_run_new(
    const struct sieve_facts *facts, const struct sieve_script *chain, size_t n_chain);
void sieve_run_free(struct sieve_run *run);

enum sieve_need {
	SIEVE_DONE = 0,  /* sieve_run_plan() */
	SIEVE_NEED_BODY, /* sieve_give_body(): bytes of the body, from question.offset on */
	SIEVE_NEED_MAILBOX, /* sieve_answer(): is there a folder question.name that can be stored into? */
	SIEVE_NEED_SPECIAL_USE, /* sieve_answer_name(): which folder has the use question.name; of question.folder,
	                           if that is not "", whether that has it */
	SIEVE_NEED_SEEN, /* sieve_answer(): is the id question.name remembered? */
	SIEVE_NEED_ANSWERED, /* the same, of an answer that is sent if not; yes as well if another message is about to send it */
	SIEVE_NEED_HOST, /* sieve_answer(): carry question.node out, a command of the language's host */
};

struct sieve_question {
	uint64_t offset;
	struct span name, folder;
	const struct node *node;
};

/* Goes on. Returns an enum sieve_need, or -ENOMEM: it can do no more than be freed. */
int sieve_step(struct sieve_run *run, struct sieve_question *question_r);

/* Bytes behind the header, which stay as they are until the next answer; n is 0 at the end of the message. Windows may be of
 * any size: the plan does not depend on it. */
void sieve_give_body(struct sieve_run *run, struct span bytes);
void sieve_answer(struct sieve_run *run, bool is_so);
void sieve_answer_name(struct sieve_run *run, struct span name); /* p is NULL: none */

/* Of a run that is done; lives as long as it. */
const struct sieve_plan *sieve_run_plan(struct sieve_run *run);

/* --- for tools that run tests ---------------------------------------------------------------------------------- */

/* Before the first step, or while SIEVE_NEED_HOST is asked for: the run goes on with other facts, or with what another plan holds,
 * whose run must outlive this one; NULL: with an empty one. Return 0 or -ENOMEM. */
int sieve_run_set_facts(struct sieve_run *run, const struct sieve_facts *facts);
int sieve_run_set_plan(struct sieve_run *run, const struct sieve_plan *plan);

/* A string of a command of the host; it lives until the answer. False: it was not given. */
bool sieve_host_text(
    struct sieve_run *run, const struct node *node, unsigned slot, struct span *text_r);

/* A command with a block: the answer that it is so lets the run enter it. Before the answer to another one, this makes the run leave
 * the innermost of those blocks with it. False: it is in none. */
bool sieve_host_leave(struct sieve_run *run);
