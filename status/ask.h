/* SPDX-License-Identifier: MIT
 * --status: asks a running daemon over its control socket and prints what it answers. Blocking. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "status/control.h"
#include "status/document.h"

enum {
	ASK_SECONDS = 2, /* between two looks */
	ASK_SECONDS_MAX = 3600,
};

struct ask {
	const char *program; /* "lmtpd" */
	const char *config;  /* the file with the path of the control socket */
	/* Reads that path alone, "" for none. Returns 0, or -1 with a message in error. */
	int (*load_path)(char *path_r, size_t n_path, const char *file, struct error *error);
	enum document_form form;
	unsigned seconds; /* between two looks, in text; 0: one look */

	char path[CONTROL_PATH_MAX + 1]; /* private */
};

/* The seconds of --watch=SECONDS, or of --watch SECONDS, which is then the next of argv and is taken;
 * text is what getopt_long(3) found behind the "=". Returns 0 if it is no number of seconds. */
unsigned ask_take_seconds(const char *text, int argc, char **argv);

/* Once, or again and again until SIGINT or SIGTERM. Returns an exit code of sysexits: 69 if nobody
 * answers, 77 if this user may not ask, 78 if there is no socket or the configuration is wrong. */
int ask_show(struct ask *ask);
