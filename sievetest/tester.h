/* SPDX-License-Identifier: MIT
 * One file of tests, while it runs: the world that its scripts see, and what has come of its cases. All of it lies in
 * one arena that ends with the file. One thread.
 *
 * The language is that of Pigeonhole's testsuite, "vnd.dovecot.testsuite": see lmtpd-sievetest(1). */
#pragma once

#include "sieve/program.h"
#include "sieve/run.h"
#include "sieve/sieve.h"

enum {
	TESTER_SCRIPTS_MAX = 512, /* that are included */
	TESTER_ERRORS_MAX = 256,
};

/* A message that lies in a folder, or was sent. */
struct mail {
	struct mail *next;
	struct span bytes;
	const char *const *flags; /* NULL ends them */
	struct span from, to;     /* of one that was sent: its envelope */
};

struct folder {
	struct folder *next;
	const char *directory; /* of a Maildir, which is what makes names the same */
	struct mail *mails;
};

/* A pair of strings: a setting, an id that is remembered. */
struct pair {
	struct pair *next;
	struct span name, value;
};

enum case_state {
	CASE_NOT_REACHED,
	CASE_PASSED,
	CASE_FAILED,
};

struct test_case {
	const struct node *node;
	struct span name;
	enum case_state state;
	struct span reason;
};

struct saved {
	struct saved *next;
	struct span name;
	const struct sieve_program *program;
};

/* To be freed with the tester. */
struct owned {
	struct owned *next;
	struct sieve_run *run;
	struct sieve_program *program;
};

struct tester {
	struct arena arena;
	const char *directory; /* of the file */
	bool is_strict;        /* numbers of errors must be those that the file wants */
	struct owned *owned;
	/* The cases. */
	struct test_case *cases;
	size_t n_cases;
	struct test_case *current;
	struct span broken; /* why the file has ended early; n is 0: it has not */
	/* The world. */
	struct sieve_settings settings;
	struct pair *configured; /* what the settings will be made of, the newest first */
	struct sieve_facts *facts;
	struct span body; /* of the message */
	struct folder *folders;
	struct mail *sent;
	struct pair *marks; /* of the test duplicate */
	struct sieve_library library[TESTER_SCRIPTS_MAX];
	size_t n_library;
	/* What runs: the file itself; what it holds is the result. */
	struct sieve_run *run;
	const struct sieve_program *compiled; /* the last one; NULL: none */
	struct saved *saved;
	const struct sieve_plan *
	    keep; /* of the script that has brought the result, whose implicit keep counts; NULL: the file's own */
	size_t n_done; /* of the result's actions, and */
	bool has_kept; /* its implicit keep: carried out */
	struct span errors[TESTER_ERRORS_MAX];
	size_t n_errors;
};

/* Runs a file. True: it could be read, and could tell what is to be told of its cases; false: broken says why not. */
bool tester_run(struct tester *tester, const char *path, bool is_strict);
void tester_free(struct tester *tester);

/* There is no memory: says so and exits. What others return is never NULL. */
void *tester_alloc(struct tester *tester, size_t n);
struct span tester_copy(struct tester *tester, struct span bytes);
struct span tester_format(struct tester *tester, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
const void *tester_check(struct tester *tester, const void *made); /* NULL: see tester_alloc() */

/* --- host.c: the commands --------------------------------------------------------------------------------------- */

extern const struct sieve_language host_language;

/* Is it the command test? */
bool host_is_case(const struct node *node);

/* Carries out what a run asks for, SIEVE_NEED_HOST, and says what it comes to. */
bool host_command(struct tester *tester, const struct node *node);

/* Ends what is under way inside of the file, or the file. */
void host_fail(struct tester *tester, struct span reason);

/* --- scripts.c: other scripts ----------------------------------------------------------------------------------- */

/* Compiles a file and those that it includes; its path is relative to the tests'. False: tester->errors say why not, and so does
 * *error_r, which may be NULL. */
bool scripts_compile(
    struct tester *tester, struct span path, const struct sieve_program **program_r);

/* Runs a chain; true: none has failed. */
bool scripts_run(struct tester *tester, const struct sieve_script *chain, size_t n_chain,
    bool appends, const struct sieve_plan **plan_r);

/* Goes on until the host is asked for something, or the run is done. */
int scripts_step(struct tester *tester, struct sieve_run *run, struct sieve_question *question);

void scripts_forget_errors(struct tester *tester);
void scripts_add_error(struct tester *tester, struct span text);
void scripts_add_notes(struct tester *tester, const struct sieve_plan *plan);

/* --- world.c: messages and folders ------------------------------------------------------------------------------ */

void world_init(struct tester *tester);

/* Makes it the message. has_envelope: and its header the envelope. */
void world_set_message(
    struct tester *tester, struct span bytes, const char *const *flags, bool has_envelope);

/* A path of SMTP, with its brackets or without them; p is NULL: it is none. */
struct span world_path(struct tester *tester, struct span text);

/* NULL: *reason_r says why there is none of that name. */
struct folder *world_folder(
    struct tester *tester, struct span name, bool creates, const char **reason_r);

/* The one with that number, from 0. NULL: there is none. */
const struct mail *world_find_mail(const struct mail *list, uint64_t number);

/* Carries a plan out from its first action on that was not. True: all could be done; else INBOX has got the message as it came. */
bool world_execute(struct tester *tester, const struct sieve_plan *plan,
    const struct sieve_plan *keep, size_t *n_done, bool *has_kept);

/* --- config.c: settings ----------------------------------------------------------------------------------------- */

void config_set(struct tester *tester, struct span name, struct span value);
void config_unset(struct tester *tester, struct span name);

/* Puts them into force. */
void config_reload(struct tester *tester);
