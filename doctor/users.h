/* SPDX-License-Identifier: MIT
 * Users whose mail cannot reach them; a part of lists. */
#pragma once

#include "doctor/rows.h"

void users_check(struct rows *rows, const char *query);
