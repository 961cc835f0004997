/* SPDX-License-Identifier: MIT
 * Notices of vacation and notifications (RFC 5230, 5435, 5436): remembered before they are sent, and sent after the client has its
 * answer, by threads of their own. Nobody waits for them, and what fails is logged and forgotten. */
#pragma once

#include "lmtpd/filter.h"
#include "runtime/service.h"

enum {
	NOTICES_THREADS = 2,
	NOTICES_PATIENCE = 600, /* seconds that one waits for its turn; then it is not sent */
};

struct notice;
STAILQ_HEAD(notices, notice);

struct lmtpd_config;

/* Of their own, so that what a client waits for does not wait for them; one to each domain at a time, so that one that hangs does not
 * hold up the others. */
void notices_lane(const struct lmtpd_config *config, struct lane_settings *settings_r);

/* Behind the names, on a writer's thread: marks what the scripts of recipients that the message has reached want to be remembered, and
 * keeps in the list what is to be sent. Without a mark, beyond a rate, or with too many in the queue, nothing is sent. */
void notices_prepare(struct notices *notices, struct filter *filter, const struct places *places);

/* On the loop: hands them to the lane. */
void notices_send(struct notices *notices, struct service *service);

/* On the loop, at the end of the process: those that do not get their turn soon are not sent, and what was marked for them is forgotten. */
void notices_end(const struct daemon *daemon);

/* Those that were not handed on. Any thread. */
void notices_drop(struct notices *notices);
