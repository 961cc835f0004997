/* SPDX-License-Identifier: MIT
 * The parts of --check without an address, in their order. Each reports what it finds. */
#pragma once

#include <stdbool.h>

#include "lmtpd/config.h"
#include "doctor/postconf.h"
#include "doctor/report.h"

struct check {
	struct report report;
	struct config config;
	bool has_postfix;
	bool is_fed; /* by that Postfix */
	struct postconf postfix;
};

/* As the caller, who may be root: Postfix's configuration, Dovecot's, and the sockets. */
void check_postfix(struct check *check);
void check_sockets(struct check *check);

/* As the owner of the mail: */
void check_storage(struct check *check);

/* The database, its tables and what the account may do. Returns a directory that answers, to be
 * freed, or NULL. */
struct directory *check_tables(struct check *check);
void check_postfix_domains(struct check *check, struct directory *directory);
void check_rows(struct check *check, struct directory *directory);
