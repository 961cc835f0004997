/* SPDX-License-Identifier: MIT
 * Who may log in: passdbs become the queries and the account of auth.conf. Private to adopt. */
#pragma once

#include "adopt/source.h"

/* Of version 2.3 it leaves the file of the last passdb loaded. */
void logins_adopt(struct source *source);
