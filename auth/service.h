/* SPDX-License-Identifier: MIT
 * What logins are verified with: one configuration and its lanes. A reload makes a new service. */
#pragma once

#include "base/error.h"
#include "auth/config.h"
#include "auth/password.h"
#include "runtime/lanes.h"

enum {
	SERVICE_LOOKUPS, /* each thread's context is a struct directory */
	SERVICE_CRYPT,   /* as many threads as the machine has processors */
	SERVICE_LANES
};

struct service {
	struct lanes lanes; /* first: its end is the service's */
	struct config config;
	char dummy
	    [PASSWORD_HASH_MAX]; /* a hash of the method that users have; of nobody's account */
};

/* Takes over config, also when it fails. Returns NULL with a message in error. */
struct service *service_new(uv_loop_t *loop, struct config *config, struct error *error);
struct service *service_ref(struct service *service);
void service_unref(struct service *service);
