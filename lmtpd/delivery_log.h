/* SPDX-License-Identifier: MIT
 * The line that the log gets for every recipient. */
#pragma once

#include "lmtpd/delivery.h"
#include "protocol/lmtp.h"

/* @delivery is NULL for a recipient that was refused before its message came. @session names the
 * transaction. */
void delivery_log(const char *session, const char *sender, const struct lmtp_recipient *recipient,
    const struct delivery *delivery, const char *reason);

/* For a recipient that was refused; the reason is what is known of it. */
void delivery_log_refusal(
    const char *session, const char *sender, const struct lmtp_recipient *recipient);
