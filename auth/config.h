/* SPDX-License-Identifier: MIT
 * auth.conf, checked once. Constant while it is in use: a reload makes a new one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "protocol/sasl.h"
#include "runtime/daemon.h"
#include "runtime/mysql_settings.h"
#include "runtime/settings.h"
#include "schema/directory.h"

struct config {
	struct settings *settings; /* owns the strings below */
	struct daemon_settings daemon;
	bool mechanisms[SASL_MECHANISMS];
	unsigned failure_delay; /* seconds */

	struct directory_settings directory;
	struct mysql_settings mysql;
};

/* Reads and checks a file. Returns 0, or -1 with file, line and key in error. */
int config_load(struct config *config, const char *file, struct error *error);
void config_free(struct config *config);

static inline const struct config *config_of(const struct service *service)
{
	return service->config;
}

/* For the daemon's table. */
void *auth_load(const char *file, struct error *error);
void auth_unload(void *config);
const struct daemon_settings *auth_settings(const void *config);

/* Reads the path of the control socket alone. Returns 0, or -1 with a message in error. */
int config_load_control(char *path_r, size_t n_path, const char *file, struct error *error);
