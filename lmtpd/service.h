/* SPDX-License-Identifier: MIT
 * What sessions are served with: one configuration, its mail root and its lanes. A reload makes a
 * new service; sessions keep the one they began with, and the last one to leave ends it. */
#pragma once

#include <uv.h>

#include "base/error.h"
#include "lmtpd/config.h"
#include "maildir/maildir.h"
#include "runtime/lanes.h"

enum {
	SERVICE_LOOKUPS, /* each thread's context is a struct directory */
	SERVICE_WRITERS,
	SERVICE_LANES
};

struct service {
	struct lanes lanes; /* first: its end is the service's */
	struct config config;
	struct maildir_root root;
};

/* Takes over config, also when it fails. Returns NULL with a message in error. */
struct service *service_new(uv_loop_t *loop, struct config *config, struct error *error);

struct service *service_ref(struct service *service);

/* The last reference must be dropped on the loop, when none of its work is out. */
void service_unref(struct service *service);
