/* SPDX-License-Identifier: MIT
 * Section "mysql" of both configuration files: where the database is and who asks it. */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "runtime/settings.h"

struct mysql_settings {
	const char **hosts;
	size_t n_hosts;
	const char *user, *dbname, *option_file; /* the settings' */
	char *password; /* of the file itself, or of the file that it names */
	unsigned connections, timeout;
};

extern const struct settings_table mysql_settings_table;

/* Takes the section's values. Returns 0, or -1 with key and fault in error. */
int mysql_settings_load(
    struct mysql_settings *mysql, const struct settings *settings, struct error *error);
void mysql_settings_free(struct mysql_settings *mysql);
