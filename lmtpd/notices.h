/* SPDX-License-Identifier: MIT
 * Notices of vacation and notifications (RFC 5230, 5435, 5436): remembered before they are sent, and sent after the client has its
 * answer, by the threads of the submissions. Nobody waits for them, and what fails is logged and forgotten. */
#pragma once

#include "lmtpd/filter.h"
#include "runtime/service.h"

struct notice;
SLIST_HEAD(notices, notice);

/* Behind the names, on a writer's thread: marks what the scripts of recipients that the message has reached want to be remembered, and
 * keeps in the list what is to be sent. Without a mark, beyond a rate, or with too many in the queue, nothing is sent. */
void notices_prepare(struct notices *notices, struct filter *filter, const struct places *places);

/* On the loop: hands them to the lane. */
void notices_send(struct notices *notices, struct service *service);

/* Those that were not handed on. Any thread. */
void notices_drop(struct notices *notices);
