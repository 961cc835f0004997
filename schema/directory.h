/* SPDX-License-Identifier: MIT
 * The directory of mail users in MySQL: one connection with its prepared statements.
 *
 * A directory belongs to one thread. It connects when it is first asked, tries the hosts in order but
 * for those that were bad in the last DIRECTORY_BAD_SECONDS, which come last, and after a lost
 * connection connects and prepares anew and asks once more. A host that is there and does not answer
 * questions is bad too. Every wait for a server is bounded by the time-out. Accidents are negative:
 * -ENOMEM, or -EIO for everything else that keeps the database from answering; directory_error() then
 * says what, where and why. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/row.h"
#include "runtime/settings.h"

enum directory_query {
	DIRECTORY_MAILBOX,
	DIRECTORY_ALIAS,
	DIRECTORY_DOMAIN,
	DIRECTORY_PASSWORD,  /* of one user: address and hash, in one row or several */
	DIRECTORY_USERS,     /* of all users, the same; these have no key */
	DIRECTORY_MAILBOXES, /* all addresses of users */
	DIRECTORY_ALIASES,   /* all aliases: source and destination */
	DIRECTORY_DOMAINS,   /* all domains */
	DIRECTORY_QUERIES
};

enum {
	DIRECTORY_SETTINGS_KEYS = 10,
	DIRECTORY_VALUE_MAX = 65535, /* bytes of one value; a longer one is an accident */
	DIRECTORY_COLUMNS_MAX = 16,  /* of a row; EXPLAIN of MySQL has 12 */
	DIRECTORY_HOSTS_MAX = 16,
	DIRECTORY_BAD_SECONDS = 30,  /* that a host which failed is left alone */
	DIRECTORY_TOGETHER_MAX = 16, /* keys that are worth expecting */
};

/* A daemon's keys fill this, and tests by hand. */
struct directory_settings {
	struct settings_list hosts; /* name, name:port, [v6]:port, unix:/path */
	const char *user;
	const char *password;      /* "" leaves it to the option file */
	const char *password_file; /* "" for none; its first line is the password */
	const char *dbname;
	const char *option_file; /* "" for none; group [lmtpd] */
	const char *tls;         /* "", off, try, required; over TCP */
	const char *tls_ca;      /* "" for none; who may have signed the server's certificate */
	long connections;        /* directories at a time, each with a thread of its own */
	long timeout;            /* seconds to connect, read, write */
	const char *queries[DIRECTORY_QUERIES]; /* templates; NULL for one that is not used */
	/* What the columns of user_query behind its first may be called, those of DIRECTORY_MAILBOXES, and
	 * those of password_query behind its second; NULL ends them. NULL: there are none. */
	const char *const *mailbox_columns, *const *password_columns;

	char *file_password; /* the first line of password_file, when password leads to it */
};

/* The keys of section mysql but for the queries. */
extern const struct settings_key directory_settings_keys[DIRECTORY_SETTINGS_KEYS];

/* Goes beyond single keys: reads password_file and checks hosts and templates, without connecting.
 * Returns 0, or -1 with key and fault in error; in either case directory_settings_close() ends it. */
int directory_settings_open(struct directory_settings *settings, struct error *error);
void directory_settings_close(struct directory_settings *settings);

struct directory;

/* Seconds that a question may take over all hosts: the time-out, or one for each host where that is
 * more. Where the library hangs it may take longer: who asks for others bounds it himself. */
unsigned directory_patience(const struct directory_settings *settings);

/* Before the first directory. Returns 0, or -1 with a message in error. */
int directory_library_init(struct error *error);

/* For threads that have a directory of their own: @settings are a struct directory_settings; what the
 * first returns (NULL when out of memory) is freed by the second, at the end of the thread. */
void *directory_thread_begin(void *settings);
void directory_thread_end(void *directory);

/* Checks hosts and templates alone. Returns 0, or -1 with key and fault in error. */
int directory_check_settings(const struct directory_settings *settings, struct error *error);

/* NULL when out of memory. settings must outlive the directory and have passed the check. */
struct directory *directory_new(const struct directory_settings *settings);
void directory_free(struct directory *directory);

enum directory_outcome {
	DIRECTORY_OK = 0,
	DIRECTORY_REFUSED,   /* user, password, database, TLS or a file are not what they must be */
	DIRECTORY_BAD_QUERY, /* the database refuses a query, or it has the wrong columns */
};

/* Connects and prepares every query, in their order, if that is not done yet. Returns a directory_outcome or an
 * accident. */
int directory_connect(struct directory *directory);

/* The same for a directory that may be NULL for want of memory, and with the reason in error. */
int directory_try(void *directory, struct error *error);

/* Runs one query for a key (an address, "@domain" or a domain; %u, %n and %d are made of it) and
 * calls on_row for each row. Returns 0, what on_row returned when that was not 0, or an accident;
 * here a query that is refused is one of them. */
int directory_ask(struct directory *directory, enum directory_query query, const char *key,
    row_handler *on_row, void *data);

/* Runs password_query for a login: at a service, by a client's address, each "" if it is not known. The rest
 * is as with directory_ask(). */
struct directory_login {
	const char *user, *service, *client;
};
int directory_ask_login(struct directory *directory, const struct directory_login *login,
    row_handler *on_row, void *data);

/* These keys are about to be asked of user_query: asks for up to DIRECTORY_TOGETHER_MAX of them at
 * once and keeps what it finds for directory_ask(), until directory_forget() or the connection's end.
 * Whatever has no single short row, or none, is not kept, and nothing is if anything fails.
 *
 * For questions that wait already: one that comes later must see the database of its own time, so
 * forget before it is asked. keys must stay until then. */
void directory_expect(struct directory *directory, const char *const *keys, unsigned n);
void directory_forget(struct directory *directory);

/* What the server's error code means. */
enum directory_fault {
	DIRECTORY_OTHER_FAULT = 0, /* of the network, of the library, or of no interest */
	DIRECTORY_BAD_ACCOUNT, /* the server is there and knows no such user, password or database */
	DIRECTORY_STALE,       /* the connection or its statement is gone: a new one may help */
	DIRECTORY_NO_TLS,      /* or not such as was asked for: certificate, name */
	DIRECTORY_NOT_READY,   /* this server answers no question now; another one may */
	DIRECTORY_BEYOND_CHARSET, /* a column cannot hold the value that it is compared with */
	/* and what is wrong with a query */
	DIRECTORY_NO_GRANT, /* the user may not */
	DIRECTORY_NO_TABLE,
	DIRECTORY_NO_COLUMN,
	DIRECTORY_BAD_SQL, /* all else */
};

/* Of the last call that failed. */
enum directory_fault directory_fault(const struct directory *directory);

/* "mysql 127.0.0.1: connect: Connection refused (2003)"; of the last call that failed. */
const char *directory_error(const struct directory *directory);

/* What a connection goes over. */
struct directory_transport {
	bool is_socket; /* of this machine */
	char tls[96];   /* "TLS 1.3, TLS_AES_256_GCM_SHA384"; "": none */
};

/* The host that the directory is connected to, "" if it is not. */
const char *directory_host(const struct directory *directory);

const char *directory_query_name(enum directory_query query); /* "user_query", ... */
