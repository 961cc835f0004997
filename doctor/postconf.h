/* SPDX-License-Identifier: MIT
 * How the installed Postfix is configured, as postconf(1) says. For --check alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "doctor/report.h"
#include "runtime/settings.h"

enum {
	POSTCONF_PATH_MAX = 1536,
};

/* Lines, one behind the other, each ended by NUL. */
struct postconf_lines {
	char *argz;
	size_t n;
};

struct postconf {
	bool is_there;
	struct postconf_lines parameters; /* "name = value" of main.cf, expanded */
	struct postconf_lines services;   /* of master.cf */
	struct postconf_lines overrides;  /* "service/type/name = value" of it, expanded */
	const char *queue_directory, *mail_owner;
};

/* One line of master.cf. */
struct postconf_service {
	char name[128], type[16], command[128];
	bool is_chrooted;
};

/* Asks postconf for all that some check wants to know. It is asked as the caller, and MAIL_CONFIG tells it
 * another directory than /etc/postfix, as always. Reports whom it found; or that there is no Postfix here,
 * or that it cannot be asked: then is_there is false, and all that can be got is "". */
void postconf_load(struct postconf *postfix, struct report *report);
void postconf_free(struct postconf *postfix);

/* A parameter of main.cf; "" if it is not set. It lives as long as postfix. */
const char *postconf_get(const struct postconf *postfix, const char *name);

/* What master.cf sets for a service; NULL if it does not. */
const char *postconf_get_override(
    const struct postconf *postfix, const struct postconf_service *service, const char *name);

/* The services one after the other: *at is NULL for the first. False behind the last. */
bool postconf_next_service(
    const struct postconf *postfix, const char **at, struct postconf_service *service_r);

/* The path that a service means by "path": below the queue directory, if it is relative or the
 * service lives in there (chroot). */
void postconf_resolve(const struct postconf *postfix, const char *path, bool is_chrooted,
    char *path_r, size_t n_path);

/* How main.cf calls a socket of ours that lies below the queue directory, where services with and without
 * a chroot find it: "private/auth". NULL for one that lies elsewhere, or is none of the file system. */
const char *postconf_below_queue(const struct postconf *postfix, const char *spec);

/* Is the socket that Postfix means, "unix:path", "path" or "inet:host:port", one of these? */
bool postconf_is_listed(const struct postconf *postfix, const char *socket, bool is_chrooted,
    const struct settings_list *listen);
