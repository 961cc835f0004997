/* SPDX-License-Identifier: MIT
 * lmtpd asks one query of a kind, by one account: of several maps the first counts, and the others are named. */
#include "adopt/postfix.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adopt/account.h"
#include "adopt/file.h"
#include "adopt/queries.h"
#include "doctor/route.h"

static const char main_cf[] = "main.cf";

/* One file of mysql_table(5). */
struct map {
	char path[PATH_MAX];
	char *text, *query;
	struct file_pairs pairs;
	char where[PATH_MAX + 16]; /* its query */
};

/* A parameter of main.cf, and what is known so far of all its maps. */
struct maps {
	const char *parameter;
	enum select_use use;
	const char *key;
	bool has_query;
	char first[PATH_MAX];
};

struct adoption {
	struct side *mail;
	struct account account; /* of the first map that can be read */
	char of[PATH_MAX];      /* which that is; "": none yet */
};

/* The form of before Postfix 2.2, in parts. */
static char *join_parts(const struct file_pairs *pairs)
{
	const char *table = file_value(pairs, "table"), *field = file_value(pairs, "select_field"),
		   *where = file_value(pairs, "where_field");
	char *query = NULL;

	if (table[0] == '\0' || field[0] == '\0' || where[0] == '\0' ||
	    asprintf(&query, "SELECT %s FROM %s WHERE %s = '%%s' %s", field, table, where,
		file_value(pairs, "additional_conditions")) < 0) {
		return NULL;
	}
	return query;
}

/* Returns false after it was noted that it cannot be read. */
static bool open_map(struct map *map, const char *path, struct side *mail)
{
	const struct file_pair *query;
	struct error error;

	*map = (struct map){ .text = file_load(path, &error) };
	snprintf(map->path, sizeof(map->path), "%s", path);
	if (map->text == NULL) {
		side_note(
		    mail, path, "%s: run this as root, or set by hand what it says", error.text);
		return false;
	}
	file_read_postfix(&map->pairs, map->text);
	query = file_find(&map->pairs, "query");
	map->query = query != NULL ? strdup(query->value) : join_parts(&map->pairs);
	snprintf(map->where, sizeof(map->where), "%s:%u", path, query == NULL ? 1 : query->line);
	if (map->query == NULL) {
		side_note(mail, path, "there is no query in it");
		return false;
	}
	return true;
}

static void close_map(struct map *map)
{
	file_free(map->text);
	free(map->query);
}

/* What a map says besides its query, and lmtpd has no word for. */
static void note_extras(const struct map *map, const struct maps *maps, struct side *mail)
{
	static const struct {
		const char *name, *initial, *remedy;
		bool is_of_aliases;
	} extras[] = {
		{ "domain", "", "Postfix asks for these domains alone; lmtpd asks for all", false },
		{ "result_format", "%s", "let alias_query make it, with CONCAT()", true },
		{ "expansion_limit", "0", "lmtpd has limits of its own", true },
		{ "option_file", "", "set mysql.option_file; lmtpd reads its group [lmtpd]",
		    false },
		{ "tls_CAfile", "", "set mysql.tls and mysql.tls_ca", false },
		{ "tls_cert_file", "", "set mysql.option_file with a certificate in it", false },
	};

	for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++) {
		const struct file_pair *pair = file_find(&map->pairs, extras[i].name);
		char where[PATH_MAX + 16];

		if (pair != NULL && strcmp(pair->value, extras[i].initial) != 0 &&
		    (!extras[i].is_of_aliases || maps->use == SELECT_ALIAS)) {
			snprintf(where, sizeof(where), "%s:%u", map->path, pair->line);
			side_note(
			    mail, where, "%s = %s: %s", pair->name, pair->value, extras[i].remedy);
		}
	}
}

static void take_account(struct adoption *adoption, const struct map *map)
{
	struct account account;

	account_read_map(&account, &map->pairs);
	if (adoption->of[0] == '\0') {
		adoption->account = account;
		snprintf(adoption->of, sizeof(adoption->of), "%s", map->path);
		account_set(&account, adoption->mail, map->path);
	} else if (!account_is_same(&account, &adoption->account)) {
		side_note(adoption->mail, map->path,
		    "it has another server, database or user than %s: lmtpd asks all by one "
		    "account, "
		    "so let that one read these tables, too",
		    adoption->of);
	}
	account_wipe(&account);
}

static void adopt_map(struct adoption *adoption, const struct map *map, struct maps *maps)
{
	struct side *mail = adoption->mail;
	struct adopted adopted;

	take_account(adoption, map);
	queries_make(&adopted, map->query,
	    maps->use == SELECT_DOMAIN ? TEMPLATE_POSTFIX_DOMAIN : TEMPLATE_POSTFIX, maps->use);
	if (adopted.query == NULL) {
		side_note(mail, map->where, "%s: %s: %s mysql.%s by hand", map->query,
		    adopted.error.text, maps->has_query ? "if it matters, add it to" : "set",
		    maps->key);
	} else if (maps->use == SELECT_ALIAS && select_is_identity(adopted.query)) {
		/* That keeps users from a catch-all: lmtpd looks for the user first. */
	} else if (maps->has_query) {
		side_note(mail, map->where,
		    "%s has the one query that lmtpd asks: if this one matters, add to mysql.%s by "
		    "hand: UNION ALL %s",
		    maps->first, maps->key, adopted.query);
	} else {
		note_extras(map, maps, mail);
		queries_set(&adopted, maps->use, mail, map->where);
		maps->has_query = true;
		snprintf(maps->first, sizeof(maps->first), "%s", map->path);
	}
	queries_free(&adopted);
}

static void adopt_maps(struct adoption *adoption, const struct postconf *postfix, struct maps *maps)
{
	char *list = strdup(postconf_get(postfix, maps->parameter)), *rest = NULL;

	for (char *spec = list == NULL ? NULL : strtok_r(list, ", \t", &rest); spec != NULL;
	     spec = strtok_r(NULL, ", \t", &rest)) {
		const char *table = strncmp(spec, "proxy:", 6) == 0 ? spec + 6 : spec;
		struct map map;

		if (strncmp(table, "mysql:/", 7) != 0) {
			side_note(adoption->mail, main_cf,
			    "%s has %s, which is no file of mysql: lmtpd knows what is in its "
			    "database alone, by mysql.%s",
			    maps->parameter, spec, maps->key);
			continue;
		}
		if (open_map(&map, table + 6, adoption->mail)) {
			adopt_map(adoption, &map, maps);
		}
		close_map(&map);
	}
	free(list);
	if (!maps->has_query) {
		side_note(adoption->mail, main_cf,
		    "%s gives no query: mysql.%s stays as lmtpd has it, until you set it by hand",
		    maps->parameter, maps->key);
	}
}

/* Sockets belong to those who connect. */
static void adopt_owner(const struct postconf *postfix, struct side *side)
{
	if (strcmp(postfix->mail_owner, "postfix") != 0) {
		const char *section = strcmp(side->name, "auth") == 0 ? "auth" : "lmtp";

		side_set(side, main_cf, section, "socket_user", postfix->mail_owner);
		side_set(side, main_cf, section, "socket_group", "");
	}
}

static void adopt_lmtp(const struct postconf *postfix, struct side *mail)
{
	char socket[POSTCONF_PATH_MAX + 8];
	const char *listen = socket;

	if (route_find_socket(postfix, socket, sizeof(socket))) {
		side_set_list(mail, "main.cf: virtual_transport", "lmtp", "listen", &listen, 1);
	} else {
		side_note(mail, main_cf,
		    "virtual_transport = %s hands no mail over by LMTP: lmtp.listen stays as lmtpd "
		    "has "
		    "it, and virtual_transport must lead there",
		    postconf_get(postfix, "virtual_transport"));
	}
	side_set(mail, main_cf, "lmtp", "recipient_delimiter",
	    postconf_get(postfix, "recipient_delimiter"));
}

enum {
	SASL_SOCKETS_MAX = 8,
};

struct sasl {
	char sockets[SASL_SOCKETS_MAX][POSTCONF_PATH_MAX + 8];
	const char *listen[SASL_SOCKETS_MAX];
	size_t n;
};

/* Adds the socket that an smtpd asks, once. */
static void add_socket(
    struct sasl *sasl, const struct postconf *postfix, const char *path, bool is_chrooted)
{
	char *socket = sasl->n < SASL_SOCKETS_MAX ? sasl->sockets[sasl->n] : NULL;

	if (socket == NULL || path[0] == '\0') {
		return;
	}
	if (strncmp(path, "inet:", 5) == 0) {
		snprintf(socket, sizeof(sasl->sockets[0]), "%s", path);
	} else {
		snprintf(socket, sizeof(sasl->sockets[0]), "unix:");
		postconf_resolve(postfix, strncmp(path, "unix:", 5) == 0 ? path + 5 : path,
		    is_chrooted, socket + 5, sizeof(sasl->sockets[0]) - 5);
	}
	for (size_t i = 0; i < sasl->n; i++) {
		if (strcmp(sasl->listen[i], socket) == 0) {
			return;
		}
	}
	sasl->listen[sasl->n++] = socket;
}

/* That of main.cf, and those of single services in master.cf. */
static void adopt_auth(const struct postconf *postfix, struct side *logins)
{
	const char *path = postconf_get(postfix, "smtpd_sasl_path"), *at = NULL;
	struct postconf_service service;
	struct sasl sasl = { .n = 0 };

	if (strcmp(postconf_get(postfix, "smtpd_sasl_type"), "dovecot") != 0) {
		side_note(logins, main_cf,
		    "smtpd_sasl_type = %s: lmtpd-auth speaks as Dovecot: set smtpd_sasl_type = "
		    "dovecot "
		    "and smtpd_sasl_path = private/auth there",
		    postconf_get(postfix, "smtpd_sasl_type"));
		return;
	}
	while (postconf_next_service(postfix, &at, &service)) {
		const char *own = postconf_get_override(postfix, &service, "smtpd_sasl_path");

		if (strcmp(service.command, "smtpd") == 0) {
			add_socket(&sasl, postfix, own == NULL ? path : own, service.is_chrooted);
		}
	}
	if (sasl.n > 0) {
		side_set_list(
		    logins, "main.cf: smtpd_sasl_path", "auth", "listen", sasl.listen, sasl.n);
	}
}

void postfix_adopt(const struct postconf *postfix, struct side *mail, struct side *logins)
{
	struct adoption adoption = { .mail = mail };
	struct maps maps[] = {
		{ .parameter = "virtual_mailbox_maps", .use = SELECT_USER, .key = "user_query" },
		{ .parameter = "virtual_alias_maps", .use = SELECT_ALIAS, .key = "alias_query" },
		{ .parameter = "virtual_mailbox_domains",
		    .use = SELECT_DOMAIN,
		    .key = "domain_query" },
	};

	adopt_owner(postfix, mail);
	adopt_owner(postfix, logins);
	adopt_lmtp(postfix, mail);
	adopt_auth(postfix, logins);
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		adopt_maps(&adoption, postfix, &maps[i]);
	}
	account_wipe(&adoption.account);
}
