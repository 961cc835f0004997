/* SPDX-License-Identifier: MIT
 * What leaves the mailbox: envelopes of it, and when it must not. Private to sieve. */
#pragma once

#include "sieve/run.h"

/* The envelope sender that a setting names: sender, recipient, orig_recipient, user_email, postmaster or <address>; "" stays "".
 * An empty setting is the sender. */
struct span send_from(struct sieve_run *run, const char *setting);

/* Plans a redirect to action->to, unless the message has been redirected here already or has gone through too many servers: then it
 * is not, and the implicit keep stays. ANSWER_YES or _BROKEN. */
enum answer send_redirect(struct sieve_run *run, const struct node *node,
    struct sieve_action *action, enum plan_keep keep);

/* What tells a message that is redirected to somebody from others: its Message-ID, whom it came to, the target, and how it came. As it was
 * received, whatever scripts have made of it. "": it has no Message-ID, and is unlike any other. False: no memory or fuel. */
bool redirect_id(struct sieve_run *run, struct span to, struct span *id_r);
