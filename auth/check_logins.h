/* SPDX-License-Identifier: MIT
 * The part of --check that is about the way from Postfix to our sockets. */
#pragma once

#include "auth/config.h"
#include "doctor/report.h"

/* As the caller, who may be root: Postfix's configuration, Dovecot's, and the sockets. */
void check_logins(const struct config *config, struct report *report);
