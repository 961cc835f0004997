/* SPDX-License-Identifier: MIT
 * What --check says of Sieve scripts: those of the admin, and those of users that do not do what they do elsewhere. */
#pragma once

#include "doctor/users.h"
#include "lmtpd/scripts.h"

/* Reports whether Dovecot and lmtpd agree. As the caller. */
void scripts_check_dovecot(const struct lmtpd_config *config, struct report *report);

/* Asks the server that takes what scripts send, where they run, and reports. Nothing is sent. As the owner of the mail. */
void scripts_check_submission(const struct lmtpd_config *config, struct report *report);

/* Reports scripts of the admin that do not run, or are not there. As the owner of the mail. */
void scripts_check_admin(
    struct scripts *scripts, const struct lmtpd_config *config, struct report *report);

/* A users_judge: says what is wrong with the script of a user. */
struct scripts_check {
	struct scripts *scripts;
	struct lmtpd_config config; /* without scripts of the admin, which are not each user's */
};
users_judge scripts_check_user;

void scripts_check_init(
    struct scripts_check *check_r, struct scripts *scripts, const struct lmtpd_config *config);

enum {
	SCRIPTS_SENDINGS_MAX = 32, /* that are told; beyond them, how many there are */
};

/* What runs for a mailbox. */
struct scripts_description {
	struct report_scripts report; /* points to what follows */
	char names[2048], trouble[ERROR_MAX];
	struct report_sending sendings[SCRIPTS_SENDINGS_MAX];
};

void scripts_describe(struct scripts *scripts, const struct lmtpd_config *config,
    const struct mailbox *mailbox, struct scripts_description *description_r);
