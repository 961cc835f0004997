/* SPDX-License-Identifier: MIT
 * How the installed Postfix is configured, as postconf(1) says. For --check alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "doctor/report.h"

enum {
	POSTCONF_PATH_MAX = 1536,
};

struct postconf {
	char *parameters; /* lines of "name = value" of main.cf, expanded */
	char *services;   /* lines of master.cf */
	char *overrides;  /* lines of "service/type/name = value" of master.cf, expanded */
	const char *queue_directory, *mail_owner;
};

/* One line of master.cf. */
struct postconf_service {
	char name[128], type[16], command[128];
	bool is_chrooted;
};

/* Asks postconf for these parameters, NULL at their end. It is asked as the caller, and MAIL_CONFIG
 * tells it another directory than /etc/postfix, as always. Returns true; or false if there is no
 * Postfix here or it cannot be asked, which it has reported then. */
bool postconf_load(struct postconf *postfix, const char *const *names, struct report *report);
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

/* Is the socket that Postfix means, "unix:path", "path" or "inet:host:port", one of these? */
bool postconf_is_listed(const struct postconf *postfix, const char *socket, bool is_chrooted,
    const char *const *listen, size_t n_listen);
