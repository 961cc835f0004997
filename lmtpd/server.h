/* SPDX-License-Identifier: MIT
 * The mail daemon: a table for runtime/program.h, and what it has of its own. Loop's thread. */
#pragma once

#include "lmtpd/account.h"
#include "lmtpd/config.h"
#include "lmtpd/devices.h"
#include "lmtpd/outbox.h"
#include "lmtpd/scripts.h"
#include "lmtpd/status.h"
#include "runtime/daemon.h"

struct lmtpd_server {
	struct daemon daemon; /* first: its program's functions get back to the server */
	struct lmtpd_status status;
	struct devices devices;
	struct accounts accounts; /* of mailboxes with a quota */
	struct scripts *scripts;  /* of mailboxes */
	struct outbound outbound; /* of what they send */
	char id_prefix[40];       /* of its sessions */
};

static inline struct lmtpd_server *lmtpd_server_of(const struct service *service)
{
	return (struct lmtpd_server *)service->daemon;
}
