/* SPDX-License-Identifier: MIT
 * The line that the log gets for every recipient. */
#pragma once

#include "lmtpd/delivery.h"
#include "mail/envelope.h"

/* What became of a recipient with that reply: "saved", "deferred" or "rejected". */
const char *delivery_status(enum reply reply);

/* @delivery is NULL for a recipient that was refused before its message came. */
void delivery_log(const struct envelope *envelope, const struct recipient *recipient,
    const struct delivery *delivery, const char *reason);

/* What places and scripts have to say for people though the message lies there: event=folder, event=script. */
void delivery_log_notes(const struct delivery *delivery);

/* For a recipient that was refused; the reason is what is known of it. */
void delivery_log_refusal(const struct envelope *envelope, const struct recipient *recipient);
