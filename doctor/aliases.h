/* SPDX-License-Identifier: MIT
 * Aliases that lead nowhere, or in circles; a part of lists. */
#pragma once

#include "doctor/rows.h"

/* Returns how many were looked at. */
unsigned long aliases_check(struct rows *rows, const char *query);
