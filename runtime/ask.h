/* SPDX-License-Identifier: MIT
 * --status: asks a running daemon over its control socket and prints what it answers. Blocking. */
#pragma once

#include "runtime/document.h"

enum {
	ASK_SECONDS = 2, /* between two looks */
	ASK_SECONDS_MAX = 3600,
};

struct ask {
	const char *program; /* "lmtpd" */
	const char *path;    /* of the control socket; "" is none */
	const char *config;  /* the file that says so */
	enum document_form form;
	unsigned seconds; /* between two looks, in text; 0: one look */
};

/* The argument of --watch, NULL if it has none. Returns 0 if it is no number of seconds. */
unsigned ask_parse_seconds(const char *text);

/* Once, or again and again until SIGINT or SIGTERM. Returns an exit code of sysexits: 69 if nobody
 * answers, 77 if this user may not ask, 78 if there is no socket. */
int ask_show(const struct ask *ask);
