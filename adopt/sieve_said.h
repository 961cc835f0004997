/* SPDX-License-Identifier: MIT
 * What doveconf -NP prints of Sieve, of both versions. Private to adopt, and pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	SIEVE_SETTINGS_MAX = 96, /* of Dovecot that are looked at */
	SIEVE_PATHS_MAX = 64,
};

/* "sieve_max_redirects"; of a list of version 2.4, a setting for each of its names: "sieve_plugins" has "sieve_extprograms". */
struct sieve_setting {
	const char *name, *value;
};

/* A script, or a directory of them, that the admin has. */
struct sieve_path {
	const char *kind;    /* before, after, default, global, discard; or personal */
	unsigned precedence; /* those of a kind run in its order */
	const char
	    *path; /* as it is set, maybe with a driver in front; "" where it has another one */
};

/* All texts lead into the one that was read. */
struct sieve_said {
	struct sieve_setting settings[SIEVE_SETTINGS_MAX];
	size_t n_settings;
	struct sieve_path paths[SIEVE_PATHS_MAX]; /* by their precedence */
	size_t n_paths;
};

/* Cuts text. */
void sieve_said_read(struct sieve_said *said_r, char *text);
