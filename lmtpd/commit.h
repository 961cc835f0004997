/* SPDX-License-Identifier: MIT
 * From a message that is written to one that is delivered, on threads of lanes: each is told what follows by delivery_go_on(). Private to
 * delivery. */
#pragma once

#include "lmtpd/delivery.h"

/* Nobody waits for it any more: whoever is at it drops it. */
bool delivery_is_given_up(const struct delivery *delivery);

/* The message lies nowhere, and every recipient's reply is that. */
void delivery_fail(struct delivery *delivery, int error, const char *step);

/* Makes it ready, redirects it, gives it names, and notes what its scripts want to be remembered. What can be done here is done now; what
 * takes another thread follows. */
void delivery_commit(struct delivery *delivery);
void delivery_run_commit(struct work *work, void *context); /* as work of a lane */

/* Takes back what was made ready and has no names. */
void delivery_give_back(struct delivery *delivery);

/* When the thread is done with it, it goes on with that. */
void delivery_go_on(struct delivery *delivery, enum service_lane lane,
    void (*run)(struct work *work, void *context));
