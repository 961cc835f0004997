/* SPDX-License-Identifier: MIT
 * auth.conf, checked once. Constant while it is in use: a reload makes a new one. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "protocol/sasl.h"
#include "runtime/daemon.h"
#include "runtime/settings.h"
#include "schema/directory.h"

struct auth_config {
	struct daemon_settings daemon; /* first, as a program's table wants it */
	struct directory_settings directory;
	const char *users_query; /* for --check alone */

	struct settings_list mechanism_names;
	bool mechanisms[SASL_MECHANISMS];
	long failure_delay;           /* seconds */
	struct settings_list trusted; /* see prefix.h */
};

extern const struct settings_form auth_config_form;

/* The columns of password_query behind the password, by name. */
extern const char *const auth_config_columns[];

/* Is rip an address whose users have no other: this machine's own, or one that auth.trusted names? */
bool auth_config_trusts(const struct auth_config *config, const char *rip);

static inline const struct auth_config *auth_config_of(const struct service *service)
{
	return service->config;
}
