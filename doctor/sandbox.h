/* SPDX-License-Identifier: MIT
 * Whether systemd's unit lets the daemon do what its configuration wants: --check runs outside of it, where all
 * of that works. What systemctl says is judged by functions without an edge. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "doctor/report.h"
#include "runtime/settings.h"

/* A unit as it is loaded; all of it lies in systemctl's text. */
struct sandbox {
	bool is_loaded, is_strict, hides_home;
	const char *writable, *allowed,
	    *denied;         /* lists: of paths, and of addresses with prefixes */
	const char *command; /* ExecStart */
};

/* text: of systemctl show; it is cut into lines. */
void sandbox_read(struct sandbox *sandbox_r, char *text);

/* Is the daemon started with this configuration? initial: the one that it has if none is named. */
bool sandbox_is_of(const struct sandbox *sandbox, const char *file, const char *initial);

bool sandbox_may_write(const struct sandbox *sandbox, const char *path);

/* address: in numbers; what is none can be reached. */
bool sandbox_may_reach(const struct sandbox *sandbox, const char *address);

/* Does a socket unit, of which systemctl said text, listen there? socket: "unix:/path" or "inet:address:port". */
bool sandbox_has_socket(const char *text, const char *socket);

struct sandbox_facts {
	const char *daemon;         /* what its units are called */
	const char *file, *initial; /* its configuration, and the one that it has by default */
	const char *const *bases;   /* the mail roots; NULL ends them */
	const struct settings_list *hosts, *listen;
	const char *submission; /* sieve.submission; NULL: nothing is sent */
};

/* Asks systemctl, as the caller. Says nothing where systemd does not run, or does not run this. */
void sandbox_check(const struct sandbox_facts *facts, struct report *report);
