/* SPDX-License-Identifier: MIT
 * The driver for MySQL and MariaDB: blocking prepared statements with time-outs, on the thread that
 * asks. They are what both MariaDB's client library and Oracle's have.
 * The library's automatic reconnect stays off: it would lose the statements, and tell nobody. */
#include "schema/driver.h"

#include <errmsg.h>
#include <errno.h>
#include <mysql.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/greeting.h"
#include "schema/host.h"

enum {
	VALUE_ROOM = 512, /* longer values are fetched again with more room */
	/* Of one of the two alone: the headers of the other do not have them. */
	CODE_CONNECTION_KILLED = 1927,
	CODE_OFFLINE_MODE = 3032,
	CODE_ACCOUNT_LOCKED = 3118,
	CODE_CANNOT_CONVERT_STRING = 3988,
	CODE_CLIENT_INTERACTION_TIMEOUT = 4031,
	CODE_ACCOUNT_LOCKED_BY_MARIADB = 4151,
};

/* my_bool in MariaDB and MySQL 5, bool in MySQL 8. */
typedef __typeof__(*((MYSQL_BIND *)0)->is_null) mysql_flag;

struct driver {
	MYSQL mysql;
	const char *host;
	struct driver_failure *failure;
};

struct driver_statement {
	struct driver *driver;
	const char *name;
	MYSQL_STMT *handle;
	/* Its columns, asked for with the first answer: of some statements the server describes them no
	 * sooner. Kept, since the library makes a new description each time. */
	MYSQL_RES *columns;
};

static const struct {
	unsigned code;
	enum directory_fault fault;
} faults[] = {
	{ ER_ACCESS_DENIED_ERROR, DIRECTORY_BAD_ACCOUNT },
	{ ER_BAD_DB_ERROR, DIRECTORY_BAD_ACCOUNT },
	{ CODE_ACCOUNT_LOCKED, DIRECTORY_BAD_ACCOUNT },
	{ CODE_ACCOUNT_LOCKED_BY_MARIADB, DIRECTORY_BAD_ACCOUNT },
	/* What a node of Galera says of each query while it is not in the primary component; and with it
	 * a server that wants a new password, or nobody, where connecting and preparing were fine. */
	{ ER_UNKNOWN_COM_ERROR, DIRECTORY_NOT_READY },
	{ ER_MUST_CHANGE_PASSWORD, DIRECTORY_NOT_READY },
	{ CODE_OFFLINE_MODE, DIRECTORY_NOT_READY },
	{ CR_SSL_CONNECTION_ERROR, DIRECTORY_NO_TLS },
	{ ER_DBACCESS_DENIED_ERROR, DIRECTORY_NO_GRANT },
	{ ER_TABLEACCESS_DENIED_ERROR, DIRECTORY_NO_GRANT },
	{ ER_COLUMNACCESS_DENIED_ERROR, DIRECTORY_NO_GRANT },
	{ ER_NO_SUCH_TABLE, DIRECTORY_NO_TABLE },
	{ ER_BAD_FIELD_ERROR, DIRECTORY_NO_COLUMN },
	{ ER_PARSE_ERROR, DIRECTORY_BAD_SQL },
	{ ER_WRONG_FIELD_WITH_GROUP, DIRECTORY_BAD_SQL },
	{ ER_NON_UNIQ_ERROR, DIRECTORY_BAD_SQL },
	{ ER_SP_DOES_NOT_EXIST, DIRECTORY_BAD_SQL },
	{ CR_SERVER_GONE_ERROR, DIRECTORY_STALE },
	{ CR_SERVER_LOST, DIRECTORY_STALE },
	{ CR_COMMANDS_OUT_OF_SYNC, DIRECTORY_STALE },
	{ ER_SERVER_SHUTDOWN, DIRECTORY_STALE },
	{ ER_UNKNOWN_STMT_HANDLER, DIRECTORY_STALE },
	{ ER_NEED_REPREPARE, DIRECTORY_STALE },
	{ CODE_CONNECTION_KILLED, DIRECTORY_STALE },
	{ CODE_CLIENT_INTERACTION_TIMEOUT, DIRECTORY_STALE },
	{ ER_CANT_AGGREGATE_2COLLATIONS, DIRECTORY_BEYOND_CHARSET },
	{ ER_CANT_AGGREGATE_3COLLATIONS, DIRECTORY_BEYOND_CHARSET },
	{ ER_CANT_AGGREGATE_NCOLLATIONS, DIRECTORY_BEYOND_CHARSET },
	{ ER_INVALID_CHARACTER_STRING, DIRECTORY_BEYOND_CHARSET },
	{ CODE_CANNOT_CONVERT_STRING, DIRECTORY_BEYOND_CHARSET },
};

int driver_library_init(void)
{
	return mysql_library_init(0, NULL, NULL);
}

void driver_thread_end(void)
{
	mysql_thread_end();
}

/* "mysql 127.0.0.1: connect: Connection refused (2003)" */
static int driver_fail(
    const struct driver *driver, const char *step, const char *name, const char *why, unsigned code)
{
	struct driver_failure *failure = driver->failure;

	error_set(&failure->error, "mysql %s: %s%s: %s (%u)", driver->host, step, name, why, code);
	failure->fault = DIRECTORY_OTHER_FAULT;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		if (faults[i].code == code) {
			failure->fault = faults[i].fault;
		}
	}
	return -EIO;
}

/* What ends an answer among its rows MariaDB's library tells of the connection alone. */
static int statement_fail(const struct driver_statement *statement, const char *step)
{
	MYSQL *mysql = &statement->driver->mysql;
	unsigned code = mysql_stmt_errno(statement->handle);

	return driver_fail(statement->driver, step, statement->name,
	    code != 0 ? mysql_stmt_error(statement->handle) : mysql_error(mysql),
	    code != 0 ? code : mysql_errno(mysql));
}

/* Of addresses. It is set twice: an option file, which is read as the connection is made, may say otherwise. */
static const char charset[] = "utf8mb4";

static const char *or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

/* Both are said: MariaDB's library of Debian 13 would verify by itself. */
static void set_tls(MYSQL *mysql, const char *ca, const struct tls_way *way)
{
#ifdef MARIADB_BASE_VERSION
	mysql_flag enforce = way->tls != TLS_OFF, verify = way->is_verified;

	mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &enforce);
	mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
#else
	unsigned mode = way->tls == TLS_OFF   ? SSL_MODE_DISABLED
			: way->tls == TLS_TRY ? SSL_MODE_PREFERRED
			: way->is_verified    ? SSL_MODE_VERIFY_IDENTITY
					      : SSL_MODE_REQUIRED;

	mysql_options(mysql, MYSQL_OPT_SSL_MODE, &mode);
#endif
	if (way->is_verified && ca[0] != '\0') {
		mysql_options(mysql, MYSQL_OPT_SSL_CA, ca);
	}
}

void driver_transport(struct driver *driver, struct directory_transport *transport_r)
{
	const char *cipher = mysql_get_ssl_cipher(&driver->mysql);
	const char *version = NULL;

	transport_r->is_socket = strstr(mysql_get_host_info(&driver->mysql), "UNIX socket") != NULL;
#ifdef MARIADB_BASE_VERSION
	mariadb_get_infov(&driver->mysql, MARIADB_CONNECTION_TLS_VERSION, &version);
#endif
	tls_describe(version, cipher, transport_r->tls, sizeof(transport_r->tls));
}

/* MariaDB numbers its versions from 10. */
bool driver_is_mysql(struct driver *driver)
{
	return mysql_get_server_version(&driver->mysql) < 100000 &&
	       strcasestr(mysql_get_server_info(&driver->mysql), "mariadb") == NULL;
}

/* Says what the library says, or why otherwise, and what a server must have for TLS. */
static bool fail_connect(
    struct driver *driver, const struct directory_settings *settings, const char *why)
{
	MYSQL *mysql = &driver->mysql;

	driver_fail(driver, "connect", "", why != NULL ? why : mysql_error(mysql),
	    why != NULL ? CR_SSL_CONNECTION_ERROR : mysql_errno(mysql));
	if (driver->failure->fault == DIRECTORY_NO_TLS && settings->tls[0] != '\0') {
		error_append(&driver->failure->error, "%s", tls_advice(settings->tls_ca));
	}
	return false;
}

static bool open_connection(struct driver *driver, const struct directory_settings *settings,
    const struct host *address, unsigned patience)
{
	struct tls_way way = greeting_way(settings, address);
	struct directory_transport transport;
	MYSQL *mysql = &driver->mysql;

#ifdef MARIADB_BASE_VERSION
	if (!greeting_settle(&way, address, driver->host, patience, driver->failure)) {
		return false;
	}
#endif
	if (way.tls != TLS_BY_LIBRARY) {
		set_tls(mysql, settings->tls_ca, &way);
	}
	if (mysql_real_connect(mysql, address->name, or_null(settings->user),
		or_null(settings->password), settings->dbname, address->port, address->socket_path,
		0) == NULL) {
		return fail_connect(driver, settings, NULL);
	}
	driver_transport(driver, &transport);
	if (way.tls == TLS_REQUIRED && transport.tls[0] == '\0') {
		return fail_connect(driver, settings, "the server offers no TLS");
	}
	if (mysql_set_character_set(mysql, charset) != 0 ||
	    strcmp(mysql_character_set_name(mysql), charset) != 0) {
		driver_fail(driver, "set the character set utf8mb4", "", mysql_error(mysql),
		    mysql_errno(mysql));
		return false;
	}
	return true;
}

struct driver *driver_connect(const struct directory_settings *settings, const char *host,
    unsigned patience, struct driver_failure *failure)
{
	struct driver *driver = calloc(1, sizeof(*driver));
	const unsigned timeout = (unsigned)settings->timeout;
	struct host address;
	MYSQL *mysql;

	if (driver == NULL || mysql_init(&driver->mysql) == NULL) {
		*failure = (struct driver_failure){ .error = { "out of memory" } };
		free(driver);
		return NULL;
	}
	driver->host = host;
	driver->failure = failure;
	mysql = &driver->mysql;
	/* Each bounds one read or one write: silence, that is. A server that answers byte by byte is waited for longer. */
	mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &patience);
	mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &timeout);
	mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeout);
	if (settings->option_file[0] != '\0') {
		mysql_options(mysql, MYSQL_READ_DEFAULT_FILE, settings->option_file);
		mysql_options(mysql, MYSQL_READ_DEFAULT_GROUP, "lmtpd");
	}
	mysql_options(mysql, MYSQL_SET_CHARSET_NAME, charset);
#ifndef MARIADB_BASE_VERSION
	/* A password that MySQL has not seen since its start goes over plain TCP under this key alone. MariaDB's
	 * library takes it by itself. Who could forge it could also be a server of TLS that nobody verifies. */
	mysql_options(mysql, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &(mysql_flag){ true });
#endif
	if (host_parse(&address, host) != 0) {
		driver_fail(
		    driver, "connect", "", "neither name, name:port, [v6]:port nor unix:/path", 0);
	} else if (open_connection(driver, settings, &address, patience)) {
		return driver;
	}
	driver_disconnect(driver);
	return NULL;
}

void driver_disconnect(struct driver *driver)
{
	if (driver != NULL) {
		mysql_close(&driver->mysql);
		free(driver);
	}
}

struct driver_statement *driver_prepare(struct driver *driver, const char *name, const char *sql)
{
	struct driver_statement *statement = calloc(1, sizeof(*statement));

	if (statement == NULL || (statement->handle = mysql_stmt_init(&driver->mysql)) == NULL) {
		driver_fail(driver, "prepare", "", "out of memory", 0);
		free(statement);
		return NULL;
	}
	statement->driver = driver;
	statement->name = name;
	if (mysql_stmt_prepare(statement->handle, sql, strlen(sql)) != 0) {
		statement_fail(statement, "prepare ");
		driver_close(statement);
		return NULL;
	}
	return statement;
}

void driver_close(struct driver_statement *statement)
{
	if (statement != NULL) {
		mysql_free_result(statement->columns);
		mysql_stmt_close(statement->handle);
		free(statement);
	}
}

static MYSQL_RES *describe(struct driver_statement *statement)
{
	if (statement->columns == NULL) {
		statement->columns = mysql_stmt_result_metadata(statement->handle);
	}
	return statement->columns;
}

const char *driver_column_name(struct driver_statement *statement, unsigned column)
{
	MYSQL_RES *columns = describe(statement);

	return columns == NULL ? NULL : mysql_fetch_fields(columns)[column].name;
}

unsigned driver_count_columns(const struct driver_statement *statement)
{
	return mysql_stmt_field_count(statement->handle);
}

unsigned driver_count_parameters(const struct driver_statement *statement)
{
	return (unsigned)mysql_stmt_param_count(statement->handle);
}

int driver_execute(struct driver_statement *statement, const struct query *query,
    const char *const *keys, unsigned n_keys)
{
	MYSQL_BIND binds[DIRECTORY_TOGETHER_MAX * QUERY_PARAMETERS_MAX];
	unsigned long lengths[DIRECTORY_TOGETHER_MAX * QUERY_PARAMETERS_MAX];
	size_t n = 0;

	for (unsigned key = 0; key < n_keys; key++) {
		for (size_t i = 0; i < query->n_parameters; i++, n++) {
			size_t n_value;
			const char *value = query_value(query, i, keys[key], &n_value);

			lengths[n] = n_value;
			binds[n] = (MYSQL_BIND){
				.buffer_type = MYSQL_TYPE_STRING,
				.buffer = (void *)(size_t)value, /* only read */
				.buffer_length = n_value,
				.length = &lengths[n],
			};
		}
	}
	if (mysql_stmt_bind_param(statement->handle, binds) != 0 ||
	    mysql_stmt_execute(statement->handle) != 0) {
		return statement_fail(statement, "execute ");
	}
	return 0;
}

struct value {
	char room[VALUE_ROOM];
	char *more; /* when room was too small; for this row and the next ones */
	unsigned long n;
	mysql_flag is_null;
};

static int value_refetch(struct driver_statement *statement, struct value *value, unsigned column)
{
	MYSQL_BIND bind = { .buffer_type = MYSQL_TYPE_STRING, .buffer_length = value->n };
	char *grown;

	if (value->n > DIRECTORY_VALUE_MAX) {
		return driver_fail(
		    statement->driver, "", statement->name, "a value of more than 65535 bytes", 0);
	}
	grown = realloc(value->more, value->n);
	if (grown == NULL) {
		return -ENOMEM;
	}
	value->more = grown;
	bind.buffer = grown;
	if (mysql_stmt_fetch_column(statement->handle, &bind, column, 0) != 0) {
		return statement_fail(statement, "fetch ");
	}
	return 0;
}

enum {
	LAST_ROW = 0, /* there was none left */
	ROW
};

/* Reads a row into n columns. Returns ROW, LAST_ROW or an accident. */
static int statement_fetch(
    struct driver_statement *statement, struct value *values, struct column *columns_r, unsigned n)
{
	const MYSQL_FIELD *fields = mysql_fetch_fields(statement->columns);
	int result;

	switch (mysql_stmt_fetch(statement->handle)) {
	case 0:
	case MYSQL_DATA_TRUNCATED:
		break;
	case MYSQL_NO_DATA:
		return LAST_ROW;
	default:
		return statement_fail(statement, "fetch ");
	}
	for (unsigned i = 0; i < n; i++) {
		struct value *value = &values[i];

		columns_r[i] = (struct column){ .name = fields[i].name };
		if (value->is_null) {
			continue;
		}
		columns_r[i].text = value->room;
		columns_r[i].n = value->n;
		if (value->n > sizeof(value->room)) {
			result = value_refetch(statement, value, i);
			if (result != 0) {
				return result;
			}
			columns_r[i].text = value->more;
		}
	}
	return ROW;
}

int driver_fetch(struct driver_statement *statement, row_handler *on_row, void *data)
{
	MYSQL_BIND binds[DIRECTORY_COLUMNS_MAX] = { 0 };
	struct value values[DIRECTORY_COLUMNS_MAX];
	struct column columns[DIRECTORY_COLUMNS_MAX];
	const unsigned n = driver_count_columns(statement);
	const struct row row = { columns, n };
	int result;

	if (n > DIRECTORY_COLUMNS_MAX) {
		return driver_fail(statement->driver, "", statement->name, "too many columns", 0);
	}
	for (unsigned i = 0; i < n; i++) {
		values[i].more = NULL;
		values[i].n = 0;
		values[i].is_null = 0;
		binds[i].buffer_type = MYSQL_TYPE_STRING;
		binds[i].buffer = values[i].room;
		binds[i].buffer_length = sizeof(values[i].room);
		binds[i].length = &values[i].n;
		binds[i].is_null = &values[i].is_null;
	}
	if (describe(statement) == NULL || mysql_stmt_bind_result(statement->handle, binds) != 0) {
		return statement_fail(statement, "bind the columns of ");
	}
	do {
		result = statement_fetch(statement, values, columns, n);
	} while (result == ROW && (result = on_row(data, &row)) == 0);
	for (unsigned i = 0; i < n; i++) {
		free(values[i].more);
	}
	if (result == 0) {
		mysql_stmt_free_result(statement->handle);
	}
	return result;
}
