/* SPDX-License-Identifier: MIT
 * A path as host is a socket; "localhost" is the library's own socket for all of us. */
#include "adopt/account.h"

#include <stdio.h>
#include <string.h>

void account_take(struct account *account, char *room, size_t n, const char *text)
{
	account->is_cut |= snprintf(room, n, "%s", text) >= (int)n;
}

void account_add_host(struct account *account, const char *host, const char *port)
{
	bool is_v6 = host[0] != '[' && strchr(host, ':') != strrchr(host, ':');
	char text[ACCOUNT_TEXT_MAX];
	int n;

	if (account->n_hosts == ACCOUNT_HOSTS_MAX) {
		account->is_cut = true;
		return;
	}
	if (host[0] == '/') {
		n = snprintf(text, sizeof(text), "unix:%s", host);
	} else if (port[0] != '\0') {
		n = snprintf(text, sizeof(text), is_v6 ? "[%s]:%s" : "%s:%s", host, port);
	} else {
		n = snprintf(text, sizeof(text), "%s", host);
	}
	account->is_cut |= n >= (int)sizeof(text);
	memcpy(account->hosts[account->n_hosts++], text, sizeof(text));
}

void account_read_map(struct account *account_r, const struct file_pairs *pairs)
{
	const char *hosts = file_value(pairs, "hosts");

	*account_r = (struct account){ .n_hosts = 0 };
	account_take(account_r, account_r->user, ACCOUNT_TEXT_MAX, file_value(pairs, "user"));
	account_take(account_r, account_r->dbname, ACCOUNT_TEXT_MAX, file_value(pairs, "dbname"));
	account_take(
	    account_r, account_r->password, SIDE_PASSWORD_MAX, file_value(pairs, "password"));
	hosts = hosts[0] == '\0' ? "localhost" : hosts;
	for (hosts += strspn(hosts, ", \t"); *hosts != '\0'; hosts += strspn(hosts, ", \t")) {
		char host[ACCOUNT_TEXT_MAX];
		size_t n = strcspn(hosts, ", \t");
		size_t skipped = strncmp(hosts, "inet:", 5) == 0 ? 5 : 0;

		account_r->is_cut |= n >= sizeof(host);
		snprintf(host, sizeof(host), "%.*s", (int)(n - skipped), hosts + skipped);
		account_add_host(account_r, host, "");
		hosts += n;
	}
}

void account_read_connect(struct account *account_r, const char *connect)
{
	char hosts[ACCOUNT_HOSTS_MAX][ACCOUNT_TEXT_MAX], port[16] = "";
	size_t n_hosts = 0;

	*account_r = (struct account){ .n_hosts = 0 };
	for (connect += strspn(connect, " \t"); *connect != '\0';
	     connect += strspn(connect, " \t")) {
		size_t n = strcspn(connect, " \t");
		char field[SIDE_PASSWORD_MAX + 16];
		const char *value;

		account_r->is_cut |= n >= sizeof(field);
		snprintf(field, sizeof(field), "%.*s", (int)n, connect);
		connect += n;
		value = field + strcspn(field, "=");
		value += *value == '=';
		if (strncmp(field, "host=", 5) == 0) {
			account_r->is_cut |= n_hosts == ACCOUNT_HOSTS_MAX;
			if (n_hosts < ACCOUNT_HOSTS_MAX) {
				account_take(account_r, hosts[n_hosts++], ACCOUNT_TEXT_MAX, value);
			}
		} else if (strncmp(field, "port=", 5) == 0) {
			account_take(account_r, port, sizeof(port), value);
		} else if (strncmp(field, "user=", 5) == 0) {
			account_take(account_r, account_r->user, ACCOUNT_TEXT_MAX, value);
		} else if (strncmp(field, "dbname=", 7) == 0) {
			account_take(account_r, account_r->dbname, ACCOUNT_TEXT_MAX, value);
		} else if (strncmp(field, "password=", 9) == 0) {
			account_take(account_r, account_r->password, SIDE_PASSWORD_MAX, value);
		} else {
			account_r->has_more = true;
		}
		explicit_bzero(field, sizeof(field));
	}
	for (size_t i = 0; i < n_hosts; i++) {
		account_add_host(account_r, hosts[i], hosts[i][0] == '/' ? "" : port);
	}
}

bool account_is_same(const struct account *a, const struct account *b)
{
	bool is_same = a->n_hosts == b->n_hosts && strcmp(a->user, b->user) == 0 &&
		       strcmp(a->dbname, b->dbname) == 0;

	for (size_t i = 0; i < a->n_hosts && is_same; i++) {
		is_same = strcmp(a->hosts[i], b->hosts[i]) == 0;
	}
	return is_same;
}

void account_set(const struct account *account, struct side *side, const char *where)
{
	const char *hosts[ACCOUNT_HOSTS_MAX];

	for (size_t i = 0; i < account->n_hosts; i++) {
		hosts[i] = account->hosts[i];
	}
	if (account->n_hosts > 0) {
		side_set_list(side, where, "mysql", "hosts", hosts, account->n_hosts);
	}
	if (account->user[0] != '\0') {
		side_set(side, where, "mysql", "user", account->user);
	}
	if (account->dbname[0] != '\0') {
		side_set(side, where, "mysql", "dbname", account->dbname);
	}
	if (account->is_cut) {
		side_note(side, where, "names or a password too long: set section mysql by hand");
	} else {
		snprintf(side->password, sizeof(side->password), "%s", account->password);
	}
	if (account->has_more) {
		side_note(side, where,
		    "the connection has settings beyond host, port, names and password: see tls, "
		    "tls_ca and "
		    "option_file of section mysql");
	}
	if (account->password[0] == '\0') {
		side_note(side, where, "it has no password: put it into %s.password", side->name);
	}
	snprintf(side->user, sizeof(side->user), "%.127s", account->user);
	snprintf(side->dbname, sizeof(side->dbname), "%.127s", account->dbname);
}

void account_wipe(struct account *account)
{
	explicit_bzero(account, sizeof(*account));
}
