/* SPDX-License-Identifier: MIT
 * What --check says of the way to a server of the database: who on the network can read along. */
#pragma once

#include "doctor/report.h"
#include "schema/directory.h"

/* For a server that gives no TLS, or not as it was asked for. */
extern const char connection_tls_remedy[];

/* Of a directory that is connected. */
void connection_report(const struct directory *directory, const struct directory_settings *settings,
    struct report *report);
