/* SPDX-License-Identifier: MIT
 * What doveconf -n says of the places of mail, of both versions. Pure. */
#pragma once

#include <stdbool.h>

enum dovecot_setting {
	DOVECOT_MAIL_LOCATION,
	DOVECOT_MAIL_DRIVER,
	DOVECOT_MAIL_PATH,
	DOVECOT_MAIL_INBOX_PATH,
	DOVECOT_MAIL_HOME,
	DOVECOT_SETTINGS,
};

/* All of it lies in doveconf's text. NULL: nothing was said of it. */
struct dovecot {
	bool is_24;
	const char *values[DOVECOT_SETTINGS];
	unsigned n_userdbs;
	const char *driver, *home; /* of the userdb */
	bool is_opaque; /* something overrides the settings for some users or protocols */
};

/* Cuts text into lines. */
void dovecot_read(struct dovecot *dovecot_r, char *text);

const char *dovecot_setting_name(enum dovecot_setting setting);
