/* SPDX-License-Identifier: MIT
 * Redirecting a message before it is acknowledged: after that nobody else would have it. On a thread of the submissions. */
#pragma once

#include "lmtpd/filter.h"
#include "lmtpd/submitter.h"

/* Hands the redirects of the filter that are due to Postfix, but for those of recipients that the message does not reach anyway, and
 * remembers each as it is accepted. One that is refused for good leaves the message in INBOX; one that is put off holds the
 * recipient. goes_on(context) is asked before each: false ends it. deadline: of uv_hrtime() in ms. */
void redirects_send(struct filter *filter, struct places *places, struct submitter *submitter,
    const struct submitter_settings *settings, uint64_t deadline,
    bool (*goes_on)(const void *context), const void *context);
