/* SPDX-License-Identifier: MIT
 * How the installed Postfix is configured, as postconf(1) says. For --check alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "runtime/report.h"

enum {
	POSTFIX_PATH_MAX = 1536,
};

struct postfix {
	char *parameters; /* lines of "name = value" of main.cf, expanded */
	char *services;   /* lines of master.cf */
	char *overrides;  /* lines of "service/type/name = value" of master.cf, expanded */
	const char *queue_directory, *mail_owner;
};

/* One line of master.cf. */
struct postfix_service {
	char name[128], type[16], command[128];
	bool is_chrooted;
};

/* Asks postconf for these parameters, NULL at their end. It is asked as the caller, and MAIL_CONFIG
 * tells it another directory than /etc/postfix, as always. Returns true; or false if there is no
 * Postfix here or it cannot be asked, which it has reported then. */
bool postfix_load(struct postfix *postfix, const char *const *names, struct report *report);
void postfix_free(struct postfix *postfix);

/* A parameter of main.cf; "" if it is not set. It lives as long as postfix. */
const char *postfix_get(const struct postfix *postfix, const char *name);

/* What master.cf sets for a service; NULL if it does not. */
const char *postfix_get_override(
    const struct postfix *postfix, const struct postfix_service *service, const char *name);

/* The services one after the other: *at is NULL for the first. False behind the last. */
bool postfix_next_service(
    const struct postfix *postfix, const char **at, struct postfix_service *service_r);

/* The path that a service means by "path": below the queue directory, if it is relative or the
 * service lives in there (chroot). */
void postfix_resolve(
    const struct postfix *postfix, const char *path, bool is_chrooted, char *path_r, size_t n_path);

/* Is the socket that Postfix means, "unix:path", "path" or "inet:host:port", one of these? */
bool postfix_is_listed(const struct postfix *postfix, const char *socket, bool is_chrooted,
    const char *const *listen, size_t n_listen);
