/* SPDX-License-Identifier: MIT
 * Settings of Pigeonhole, one by one. Private to adopt, and pure. */
#pragma once

#include "adopt/side.h"
#include "adopt/sieve_said.h"

/* Sets what lmtpd has as well, and names the others. */
void scripts_settings_adopt(struct side *mail, const struct sieve_said *said);
