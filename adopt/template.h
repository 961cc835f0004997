/* SPDX-License-Identifier: MIT
 * Placeholders of other programs' queries, as lmtpd has them. Pure. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

enum template_dialect {
	TEMPLATE_POSTFIX,        /* %s the address, %u its local part, %d its domain */
	TEMPLATE_POSTFIX_DOMAIN, /* the same where a domain is asked for */
	TEMPLATE_DOVECOT_23,     /* %u, %n, %d, with L for lower case; %s, %r */
	TEMPLATE_DOVECOT_24, /* %{user}, %{user | username}, %{user | domain}; %{protocol}, %{remote_ip} */
};

/* The query with placeholders of lmtpd, each alone or alone in quotes: within a longer string one becomes an
 * argument of CONCAT(). To be freed; NULL with what has no translation in error. */
char *template_translate(const char *text, enum template_dialect dialect, struct error *error);
