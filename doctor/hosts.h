/* SPDX-License-Identifier: MIT
 * What --check of both daemons says of each of several servers. One that answers hides the others, which are
 * needed on a day when it does not. */
#pragma once

#include "doctor/report.h"
#include "schema/directory.h"

/* Tries each host by itself, with all queries prepared and one asked. */
void hosts_check(
    const struct directory_settings *settings, enum directory_query asked, struct report *report);
