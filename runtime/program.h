/* SPDX-License-Identifier: MIT
 * A daemon is a table: what it is called, what it can be asked to do, and what it does when clients come
 * and go. All that daemons have in common stands here once: the order of a start, options, reload, end.
 *
 * A start goes like this. As root: the configuration is read, the sockets are bound, prepare() is called.
 * Then root is given up for good, the loop and the first service come to life, clients are accepted. Only
 * what needs no server can refuse a start: the database is asked when all this is done. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "runtime/lane.h"
#include "runtime/peer.h"
#include "runtime/service.h"

struct daemon;
struct daemon_settings;
struct program;
struct settings_form;

/* What a program was called with. */
struct program_call {
	const struct program *program;
	const struct program_command *command; /* NULL: serve */
	const char *config_file;
	const char *argument;   /* of the command's option; NULL for none */
	char *const *arguments; /* those that belong to no option */
	size_t n_arguments;
	unsigned forms;        /* PROGRAM_JSON and so on */
	const char *seconds;   /* of --watch; NULL for none */
	const char *directory; /* of --write; NULL for none */
};

enum program_form {
	PROGRAM_TEXT = 0,
	PROGRAM_JSON = 1,
	PROGRAM_PROMETHEUS = 2,
	PROGRAM_WATCH = 4,
	PROGRAM_WRITE = 8,
	PROGRAM_QUIET = 16,
};

/* Something else than to serve: the option --NAME. */
struct program_command {
	const char *name; /* NULL ends the list */
	/* Returns an exit code of sysexits. */
	int (*run)(const struct program_call *call);
	size_t arguments_max;
	int has_argument; /* as getopt_long(3) has it */
	unsigned
	    forms; /* options --json, --prometheus, --quiet, --watch and --write that it knows */
};

/* One kind of connections, and of the sockets that they come through. */
struct program_door {
	/* FileDescriptorName= of its sockets in units of systemd. Those of any other name are the first
	 * door's, and so are stdin and stdout. */
	const char *name;
	/* The peer of a new connection, which the daemon goes on to accept, and whose closed() calls
	 * daemon_closed(); NULL when out of memory. */
	struct peer *(*open)(struct daemon *daemon);
};

struct program {
	const char *name;
	const char *usage;
	const char *config_file; /* unless -c says otherwise */
	const struct program_command *commands;
	struct daemon *daemon; /* there is one in a process */

	/* First of all, whatever is to be done: 0, or -1 with a message in error. */
	int (*init)(struct error *error);

	/* Its configuration: the form's struct begins with a struct daemon_settings. */
	const struct settings_form *form;
	/* What must be there before a configuration can be served with: 0, or -1 with a message in error. At
	 * the start before anything else, and of a reload on a thread. NULL: nothing. */
	int (*check)(const void *config, struct error *error);
	const char *fixed_keys;   /* in words: those that change with a restart only */
	const char *root_warning; /* why its user should not be root */

	/* Its lanes: how they are set for a configuration, but for what is the same in all daemons (service.c). One
	 * without threads is not there.
	 * try(), on a thread of SERVICE_LOOKUPS with its
	 * context: can the database be worked with? 0; a positive outcome if it refuses; or a negative
	 * errno if it is merely away. error says why. tried(): the outcome at the start; NULL if it can. */
	void (*lanes)(void *config, struct lane_settings settings_r[SERVICE_LANES]);
	int (*try)(void *context, struct error *error);
	void (*tried)(struct daemon *daemon, const char *why_not);

	/* Is it well now? ask(), on a thread of SERVICE_LOOKUPS with its context: does the database answer a
	 * question? store(), on one of SERVICE_WORKERS: can its configuration's store be written to? Each returns
	 * 0, or -1 with the reason in error. NULL: it has no store. */
	int (*ask)(void *context, struct error *error);
	int (*store)(const void *config, struct error *error);

	/* Its life. prepare(): as root, before it is given up. begin(): everything is there, and sockets
	 * are served unless it was started without; -1 ends it again. end(): the last connection is gone. */
	void (*prepare)(const struct daemon_settings *settings, uid_t uid, gid_t gid);
	int (*begin)(struct daemon *daemon);
	void (*end)(struct daemon *daemon);

	/* Its kinds of connections; two at most. */
	const struct program_door *doors;
	size_t n_doors;
};

/* The whole of main(). Returns an exit code of sysexits. */
int program_main(const struct program *program, int argc, char **argv);

/* Serves until SIGTERM or SIGINT; without listening, one client on stdin and stdout. Returns an exit code
 * of sysexits. */
int program_serve(const struct program_call *call, bool is_listening);

/* Prints the usage on standard error, and returns the exit code for it. */
int program_misused(const struct program *program);
