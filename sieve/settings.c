/* SPDX-License-Identifier: MIT
 * What holds where a configuration says nothing. */
#include "sieve/sieve.h"

enum {
	DAY = 86400,
};

const struct sieve_settings sieve_defaults = {
	.actions_max = 64,
	.redirects_max = 10,
	.notifies_max = 10,
	.fuel = 200000000,
	.vacation_default = 7 * DAY,
	.vacation_min = DAY,
	.vacation_max = 60 * DAY,
	.vacation_checks_recipient = true,
	.vacation_subject = "Automated reply",
	.vacation_subject_template = "Auto: %$",
	.duplicate_default = DAY / 2,
	.duplicate_max = 2 * DAY,
	.redirect_from = "sender",
	.notify_from = "",
	.edited_header_max = 2048,
	.value_max = 4096,
	.spam = { .header = "", .max = "", .max_header = "" },
	.virus = { .header = "", .max = "", .max_header = "" },
	.postmaster = "postmaster",
};
