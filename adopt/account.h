/* SPDX-License-Identifier: MIT
 * Who asks which database, in the words of Postfix and of Dovecot. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "adopt/file.h"
#include "adopt/side.h"

enum {
	ACCOUNT_HOSTS_MAX = 16,
	ACCOUNT_TEXT_MAX = 288, /* bytes of a name, NUL included */
};

struct account {
	char hosts[ACCOUNT_HOSTS_MAX][ACCOUNT_TEXT_MAX]; /* as lmtpd has them */
	size_t n_hosts;
	char user[ACCOUNT_TEXT_MAX], dbname[ACCOUNT_TEXT_MAX];
	char password[SIDE_PASSWORD_MAX];
	bool has_more; /* it says more than that: TLS, files of options */
	bool is_cut;   /* something is longer, or there are more hosts, than can be held */
};

/* A file of mysql_table(5). */
void account_read_map(struct account *account_r, const struct file_pairs *pairs);

/* "host=127.0.0.1 dbname=mailserver user=mailuser password=...": connect of Dovecot 2.3. */
void account_read_connect(struct account *account_r, const char *connect);

/* A host of either, with a port or "". */
void account_add_host(struct account *account, const char *host, const char *port);

/* Copies a text, or says that it is too long. */
void account_take(struct account *account, char *room, size_t n, const char *text);

/* Do both reach the same tables with the same rights? The password is of no interest. */
bool account_is_same(const struct account *a, const struct account *b);

/* Sets the keys of section mysql; the password stays in the side. */
void account_set(const struct account *account, struct side *side, const char *where);

/* No password stays behind. */
void account_wipe(struct account *account);
