/* SPDX-License-Identifier: MIT
 * lmtpd's sockets: whether Postfix reaches them, who serves them, and whether Dovecot wants them. */
#include <stdio.h>
#include <string.h>

#include "lmtpd/check/check.h"
#include "doctor/doveconf.h"
#include "doctor/sockets.h"

/* By the greeting. */
static bool is_ours(const char *said, char *who_r, size_t n_who)
{
	snprintf(who_r, n_who, "\"%.*s\"", (int)strcspn(said, "\r\n"), said);
	return strstr(who_r, "lmtpd") != NULL;
}

void check_sockets(struct check *check)
{
	const struct config *config = &check->config;
	const struct socket_check sockets = {
		.section = "lmtp",
		.daemon = "lmtpd",
		.listen = config->listen,
		.n_listen = config->n_listen,
		.mode = config->socket_mode,
		.user = config->socket_user,
		.group = config->socket_group,
		.client = check->is_fed ? check->postfix.mail_owner : NULL,
		.inside = check->is_fed ? check->postfix.queue_directory : NULL,
		.is_ours = is_ours,
		.end = "\n",
		.remedy =
		    "before lmtpd starts, take it from that program: from Dovecot, its service "
		    "lmtp",
	};

	socket_check_run(&sockets, &check->report);
	doveconf_check(&check->report, "lmtp", config->listen, config->n_listen);
}
