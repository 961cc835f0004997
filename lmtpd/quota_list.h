/* SPDX-License-Identifier: MIT
 * lmtpd --quota: what mailboxes hold, and how much of their limit that is. It only reads. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "doctor/report.h"
#include "lmtpd/config.h"

/* What a mailbox holds, counted as the daemon counts it. doubt leads into the mailbox. Blocking. */
void quota_list_measure(
    const struct lmtpd_config *config, const struct mailbox *mailbox, struct report_quota *quota_r);

/* Lists all mailboxes that users_query names, or those that addresses lead to. Returns 0, or the exit code of the
 * worst. */
int quota_list(const char *config_file, bool is_json, char *const *addresses, size_t n);
