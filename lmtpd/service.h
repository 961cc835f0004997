/* SPDX-License-Identifier: MIT
 * What sessions are served with: one configuration, its mail root and its lanes. A reload makes a
 * new service; sessions keep the one they began with, and the last one to leave ends it. */
#pragma once

#include <uv.h>

#include "lmtpd/config.h"
#include "maildir/maildir.h"
#include "runtime/lane.h"

struct service {
	struct config config;
	struct maildir_root root;
	struct lane lookups; /* threads with a struct directory each, their context */
	struct lane writers;
	unsigned n_refs;
	unsigned n_lanes;
};

/* Takes over config, also when it fails. Returns NULL with a message in error. */
struct service *service_new(uv_loop_t *loop, struct config *config, char *error, size_t n_error);

struct service *service_ref(struct service *service);

/* The last reference must be dropped on the loop, when none of its work is out. */
void service_unref(struct service *service);
