/* SPDX-License-Identifier: MIT
 * What Dovecot says beside places of mail and databases. Private to adopt, and pure. */
#pragma once

#include "adopt/facts.h"
#include "adopt/side.h"

void others_adopt(const struct facts *facts, struct side *mail, struct side *logins);
