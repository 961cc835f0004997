/* SPDX-License-Identifier: MIT
 * Blocks are known by their first word, wherever they stand: 2.4 lets those of sql stand within others. What stands in one that
 * nobody cares for belongs to the one around it. */
#include "adopt/facts.h"

#include <string.h>

#include "doctor/dovecot.h"

enum block {
	BLOCK_TOP = DOVECOT_TOP,
	BLOCK_OTHER = DOVECOT_OTHER,
	BLOCK_PASSDB,
	BLOCK_USERDB,
	BLOCK_MYSQL,
	BLOCK_LISTENER,
	BLOCK_LMTP, /* service lmtp */
	BLOCK_AUTH,
};

static void begin_db(struct facts_db *db, const char *driver)
{
	*db = (struct facts_db){ .driver = driver[0] == '\0' ? NULL : driver };
}

static void begin_passdb(struct facts *facts, const char *driver)
{
	if (facts->n_passdbs < FACTS_PASSDBS_MAX) {
		begin_db(&facts->passdbs[facts->n_passdbs], driver);
	}
	facts->n_passdbs++;
}

static void begin_listener(struct facts *facts, int service, const char *name, bool is_inet)
{
	if (facts->n_listeners < FACTS_LISTENERS_MAX &&
	    (service == BLOCK_LMTP || service == BLOCK_AUTH)) {
		facts->listeners[facts->n_listeners++] = (struct facts_listener){
			.is_lmtp = service == BLOCK_LMTP, .is_inet = is_inet, .name = name
		};
	}
}

static int on_begin(void *data, int outer, char *line)
{
	struct facts *facts = data;
	const char *name;

	if ((name = dovecot_block_name(line, "passdb")) != NULL) {
		begin_passdb(facts, name);
		return BLOCK_PASSDB;
	}
	if ((name = dovecot_block_name(line, "userdb")) != NULL) {
		begin_db(&facts->userdb, name);
		facts->n_userdbs++;
		return BLOCK_USERDB;
	}
	if ((name = dovecot_block_name(line, "mysql")) != NULL) {
		account_add_host(&facts->account, name, "");
		return BLOCK_MYSQL;
	}
	if ((name = dovecot_block_name(line, "service")) != NULL) {
		return strcmp(name, "lmtp") == 0   ? BLOCK_LMTP
		       : strcmp(name, "auth") == 0 ? BLOCK_AUTH
						   : BLOCK_OTHER;
	}
	if ((name = dovecot_block_name(line, "unix_listener")) != NULL) {
		begin_listener(facts, outer, name, false);
		return BLOCK_LISTENER;
	}
	if ((name = dovecot_block_name(line, "inet_listener")) != NULL) {
		begin_listener(facts, outer, name, true);
		return BLOCK_LISTENER;
	}
	facts->has_quota |= dovecot_block_name(line, "quota") != NULL;
	return outer == BLOCK_TOP ? BLOCK_OTHER : outer;
}

/* 2.4 calls the query of a block by a name of its own "sql_query". */
static void take_db(struct facts_db *db, const char *key, const char *value)
{
	const struct {
		const char *key;
		const char **member;
	} members[] = {
		{ "driver", &db->driver },
		{ "args", &db->args },
		{ "query", &db->query },
		{ "sql_query", &db->query },
		{ "default_password_scheme", &db->scheme },
		{ "passdb_default_password_scheme", &db->scheme },
		{ "uid", &db->uid },
		{ "gid", &db->gid },
	};

	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		if (strcmp(members[i].key, key) == 0) {
			*members[i].member = value;
			return;
		}
	}
	if (!db->is_no_source) {
		db->other = key;
		db->is_no_source = (strcmp(key, "deny") == 0 || strcmp(key, "master") == 0) &&
				   strcmp(value, "yes") == 0;
	}
}

static void take_passdb(struct facts *facts, const char *key, const char *value)
{
	if (facts->n_passdbs <= FACTS_PASSDBS_MAX) {
		take_db(&facts->passdbs[facts->n_passdbs - 1], key, value);
	}
}

static void take_account(struct facts *facts, const char *key, const char *value)
{
	struct account *account = &facts->account;

	if (strcmp(key, "user") == 0) {
		account_take(account, account->user, sizeof(account->user), value);
	} else if (strcmp(key, "dbname") == 0) {
		account_take(account, account->dbname, sizeof(account->dbname), value);
	} else if (strcmp(key, "password") == 0) {
		account_take(account, account->password, sizeof(account->password), value);
	} else if (strcmp(key, "port") == 0) {
		facts->port = value;
	} else {
		account->has_more = true;
	}
}

static void take_listener(struct facts *facts, const char *key, const char *value)
{
	struct facts_listener *listener =
	    facts->n_listeners == 0 ? NULL : &facts->listeners[facts->n_listeners - 1];

	if (listener == NULL) {
		return;
	}
	if (strcmp(key, "port") == 0) {
		listener->port = value;
		listener->is_off = strcmp(value, "0") == 0;
	} else if (strcmp(key, "mode") == 0) {
		listener->is_off = strspn(value, "0") == strlen(value);
	}
}

static void take_other(struct facts *facts, bool is_top, const char *key, const char *value)
{
	const struct {
		const char *key;
		const char **member;
	} members[] = {
		{ "mail_uid", &facts->uid },
		{ "mail_gid", &facts->gid },
		{ "auth_mechanisms", &facts->mechanisms },
		{ "auth_default_realm", &facts->realm },
		{ "auth_master_user_separator", &facts->separator },
		{ "lmtp_save_to_detail_mailbox", &facts->detail },
	};

	for (size_t i = 0; is_top && i < sizeof(members) / sizeof(members[0]); i++) {
		if (strcmp(members[i].key, key) == 0) {
			*members[i].member = value;
		}
	}
	facts->is_24 |= is_top && strcmp(key, "dovecot_config_version") == 0;
	facts->has_quota |= strncmp(key, "quota", 5) == 0;
}

static void on_value(void *data, int block, const char *key, char *value)
{
	struct facts *facts = data;

	if (value[0] == '\0') {
		return; /* as if it were not set */
	}
	switch (block) {
	case BLOCK_PASSDB:
		take_passdb(facts, key, value);
		break;
	case BLOCK_USERDB:
		take_db(&facts->userdb, key, value);
		break;
	case BLOCK_MYSQL:
		take_account(facts, key, value);
		break;
	case BLOCK_LISTENER:
		take_listener(facts, key, value);
		break;
	default:
		take_other(facts, block == BLOCK_TOP, key, value);
	}
}

/* "uid=vmail gid=vmail home=/x": fields of version 2.3. */
static void read_fields(struct facts_db *db)
{
	char *args, *rest = NULL;

	if (db->driver == NULL || db->args == NULL || strcmp(db->driver, "static") != 0) {
		return;
	}
	args = (char *)(size_t)db->args; /* it lies in the text that is cut */
	for (char *field = strtok_r(args, " ", &rest); field != NULL;
	     field = strtok_r(NULL, " ", &rest)) {
		if (strncmp(field, "uid=", 4) == 0) {
			db->uid = field + 4;
		} else if (strncmp(field, "gid=", 4) == 0) {
			db->gid = field + 4;
		}
	}
}

void facts_read(struct facts *facts_r, char *text)
{
	const struct dovecot_reader reader = {
		.on_begin = on_begin, .on_value = on_value, .data = facts_r
	};

	memset(facts_r, 0, sizeof(*facts_r));
	dovecot_walk(&reader, text);
	read_fields(&facts_r->userdb);
	for (size_t i = 0; i < facts_r->account.n_hosts && facts_r->port != NULL; i++) {
		struct account *account = &facts_r->account;
		char host[ACCOUNT_TEXT_MAX];

		/* the port comes behind the name of its block */
		memcpy(host, account->hosts[i], sizeof(host));
		if (strncmp(host, "unix:", 5) != 0) {
			size_t n = account->n_hosts;

			account->n_hosts = i;
			account_add_host(account, host, facts_r->port);
			account->n_hosts = n;
		}
	}
}
