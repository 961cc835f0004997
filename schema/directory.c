/* SPDX-License-Identifier: MIT
 * Connections and questions to MySQL. Blocking prepared statements with time-outs, on a lane's
 * thread: they build with MariaDB's client and with Oracle's. No automatic reconnect of the
 * library's: it would silently lose the statements. */
#include "schema/directory_private.h"

#include <errno.h>
#include <errmsg.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "schema/host.h"

enum {
	VALUE_ROOM = 512, /* longer values are fetched again with more room */
};

static const struct {
	const char *name;
	unsigned columns_min, columns_max;
	bool needs_key;
} query_facts[DIRECTORY_QUERIES] = {
	[DIRECTORY_MAILBOX] = { "user_query", 1, 1, true },
	[DIRECTORY_ALIAS] = { "alias_query", 1, 2, true },
	[DIRECTORY_DOMAIN] = { "domain_query", 1, 1, true },
	[DIRECTORY_PASSWORD] = { "password_query", 2, 2, true },
	[DIRECTORY_USERS] = { "users_query", 2, 2, false },
	[DIRECTORY_MAILBOXES] = { "users_query", 1, 1, false },
	[DIRECTORY_ALIASES] = { "aliases_query", 2, 2, false },
	[DIRECTORY_DOMAINS] = { "domains_query", 1, 1, false },
};

int directory_library_init(struct error *error)
{
	return mysql_library_init(0, NULL, NULL) == 0
		   ? 0
		   : error_set(error, "the MySQL client library cannot be initialised");
}

void *directory_thread_begin(void *settings)
{
	return directory_new(settings);
}

void directory_thread_end(void *directory)
{
	directory_free(directory);
	mysql_thread_end();
}

const char *directory_query_name(enum directory_query query)
{
	return query_facts[query].name;
}

const char *directory_error(const struct directory *directory)
{
	return directory->error;
}

const char *directory_host(const struct directory *directory)
{
	return directory->mysql == NULL ? "" : directory->host;
}

int directory_check_settings(const struct directory_settings *settings, struct error *error)
{
	for (size_t i = 0; i < settings->hosts.n; i++) {
		struct host host;

		if (host_parse(&host, settings->hosts.texts[i]) != 0) {
			return error_set(error,
			    "hosts: \"%s\" is neither name, name:port, [v6]:port nor unix:/path",
			    settings->hosts.texts[i]);
		}
	}
	for (int i = 0; i < DIRECTORY_QUERIES; i++) {
		struct query query;

		if (settings->queries[i] == NULL) {
			continue;
		}
		if (query_init(&query, settings->queries[i], query_facts[i].needs_key, error) !=
		    0) {
			return error_prefix(error, "%s: ", query_facts[i].name);
		}
		query_deinit(&query);
	}
	return 0;
}

struct directory *directory_new(const struct directory_settings *settings)
{
	struct directory *directory = calloc(1, sizeof(*directory));
	struct error ignored;

	if (directory == NULL) {
		return NULL;
	}
	directory->settings = settings;
	for (int i = 0; i < DIRECTORY_QUERIES; i++) {
		if (settings->queries[i] != NULL &&
		    query_init(&directory->statements[i].query, settings->queries[i],
			query_facts[i].needs_key, &ignored) != 0) {
			directory_free(directory);
			return NULL;
		}
	}
	return directory;
}

void directory_disconnect(struct directory *directory)
{
	together_close(directory);
	for (int i = 0; i < DIRECTORY_QUERIES; i++) {
		struct statement *statement = &directory->statements[i];

		if (statement->handle != NULL) {
			mysql_free_result(statement->columns);
			mysql_stmt_close(statement->handle);
			statement->columns = NULL;
			statement->handle = NULL;
		}
	}
	if (directory->mysql != NULL) {
		mysql_close(directory->mysql);
		directory->mysql = NULL;
	}
}

void directory_free(struct directory *directory)
{
	if (directory == NULL) {
		return;
	}
	directory_disconnect(directory);
	for (int i = 0; i < DIRECTORY_QUERIES; i++) {
		query_deinit(&directory->statements[i].query);
	}
	free(directory);
}

/* Says what failed; returns the accident. */
static int fail(struct directory *directory, const char *what, const char *why, unsigned code)
{
	snprintf(directory->error, sizeof(directory->error), "mysql %s: %s: %s (%u)",
	    directory->host, what, why, code);
	directory->error_code = code;
	return -EIO;
}

static int fail_statement(
    struct directory *directory, struct statement *statement, const char *what)
{
	char step[64];

	snprintf(
	    step, sizeof(step), "%s %s", what, query_facts[statement - directory->statements].name);
	return fail(directory, step, mysql_stmt_error(statement->handle),
	    mysql_stmt_errno(statement->handle));
}

static const char *or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

/* The server is there and does not want us. */
static bool is_refusal(unsigned code)
{
	return code == ER_ACCESS_DENIED_ERROR || code == ER_DBACCESS_DENIED_ERROR ||
	       code == ER_BAD_DB_ERROR;
}

static int connect_host(struct directory *directory, const char *host)
{
	const struct directory_settings *settings = directory->settings;
	unsigned timeout = (unsigned)settings->timeout;
	struct host address;

	directory->host = host;
	if (host_parse(&address, host) != 0) {
		return fail(
		    directory, "connect", "neither name, name:port, [v6]:port nor unix:/path", 0);
	}
	/* The client library would go on without it, and without the TLS that it asks for. */
	if (settings->option_file[0] != '\0' && access(settings->option_file, R_OK) != 0) {
		snprintf(directory->error, sizeof(directory->error), "mysql.option_file: %s: %s",
		    settings->option_file, strerror(errno));
		return DIRECTORY_REFUSED;
	}
	directory->mysql = mysql_init(NULL);
	if (directory->mysql == NULL) {
		return fail(directory, "connect", "out of memory", 0);
	}
	mysql_options(directory->mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeout);
	mysql_options(directory->mysql, MYSQL_OPT_READ_TIMEOUT, &timeout);
	mysql_options(directory->mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeout);
	if (settings->option_file[0] != '\0') {
		mysql_options(directory->mysql, MYSQL_READ_DEFAULT_FILE, settings->option_file);
		mysql_options(directory->mysql, MYSQL_READ_DEFAULT_GROUP, "lmtpd");
	}
	mysql_options(directory->mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (mysql_real_connect(directory->mysql, address.name, or_null(settings->user),
		or_null(settings->password), settings->dbname, address.port, address.socket_path,
		0) == NULL) {
		unsigned code = mysql_errno(directory->mysql);
		int result = fail(directory, "connect", mysql_error(directory->mysql), code);

		directory_disconnect(directory);
		return is_refusal(code) ? DIRECTORY_REFUSED : result;
	}
	return 0;
}

/* A refusal that a new connection could not mend: the text or the columns are wrong. */
static bool is_bad_query(unsigned code)
{
	switch (code) {
	case ER_PARSE_ERROR:
	case ER_NO_SUCH_TABLE:
	case ER_BAD_FIELD_ERROR:
	case ER_TABLEACCESS_DENIED_ERROR:
	case ER_COLUMNACCESS_DENIED_ERROR:
	case ER_WRONG_FIELD_WITH_GROUP:
	case ER_NON_UNIQ_ERROR:
	case ER_SP_DOES_NOT_EXIST:
		return true;
	default:
		return false;
	}
}

static int prepare(struct directory *directory, struct statement *statement)
{
	ptrdiff_t query = statement - directory->statements;
	unsigned columns_min = query_facts[query].columns_min;
	unsigned columns_max = query_facts[query].columns_max;
	char why[128];

	statement->handle = mysql_stmt_init(directory->mysql);
	if (statement->handle == NULL) {
		return fail(directory, "prepare", "out of memory", 0);
	}
	if (mysql_stmt_prepare(
		statement->handle, statement->query.sql, strlen(statement->query.sql)) != 0) {
		unsigned code = mysql_stmt_errno(statement->handle);

		fail_statement(directory, statement, "prepare");
		return is_bad_query(code) ? DIRECTORY_BAD_QUERY : -EIO;
	}
	statement->n_columns = mysql_stmt_field_count(statement->handle);
	if (statement->n_columns < columns_min || statement->n_columns > columns_max ||
	    mysql_stmt_param_count(statement->handle) != statement->query.n_parameters) {
		snprintf(why, sizeof(why), "it has %u columns, allowed are %u to %u",
		    statement->n_columns, columns_min, columns_max);
		fail(directory, query_facts[query].name, why, 0);
		return DIRECTORY_BAD_QUERY;
	}
	return 0;
}

static int prepare_all(struct directory *directory)
{
	for (int i = 0; i < DIRECTORY_QUERIES; i++) {
		if (directory->settings->queries[i] != NULL) {
			int result = prepare(directory, &directory->statements[i]);

			if (result != 0) {
				directory_disconnect(directory);
				return result;
			}
		}
	}
	return 0;
}

int directory_connect(struct directory *directory)
{
	int result = -EIO;

	if (directory->mysql != NULL) {
		return 0;
	}
	snprintf(directory->error, sizeof(directory->error), "mysql: no hosts");
	for (size_t i = 0; i < directory->settings->hosts.n; i++) {
		result = connect_host(directory, directory->settings->hosts.texts[i]);
		if (result == 0) {
			result = prepare_all(directory);
		}
		if (result == 0 || result == DIRECTORY_BAD_QUERY) { /* bad on every host */
			break;
		}
	}
	return result;
}

int directory_try(void *directory, struct error *error)
{
	int result = directory == NULL ? -ENOMEM : directory_connect(directory);

	error_set(error, "%s", directory == NULL ? "out of memory" : directory_error(directory));
	return result;
}

/* The connection is gone, or the server has forgotten the statement: a new one may help. */
static bool is_stale(unsigned code)
{
	switch (code) {
	case CR_SERVER_GONE_ERROR:
	case CR_SERVER_LOST:
	case CR_COMMANDS_OUT_OF_SYNC:
	case ER_SERVER_SHUTDOWN:
	case ER_UNKNOWN_STMT_HANDLER:
	case ER_NEED_REPREPARE:
	case ER_CONNECTION_KILLED:
		return true;
	default:
		return code == 4031; /* ER_CLIENT_INTERACTION_TIMEOUT of MySQL 8 */
	}
}

void directory_bind(
    const struct query *query, const char *key, MYSQL_BIND *binds, unsigned long *lengths)
{
	const char *at = strrchr(key, '@');

	memset(binds, 0, query->n_parameters * sizeof(*binds));
	for (size_t i = 0; i < query->n_parameters; i++) {
		const char *value = key;
		size_t n = strlen(key);

		if (query->parameters[i] == 'd' && at != NULL) {
			value = at + 1;
			n = strlen(value);
		} else if (query->parameters[i] == 'n' && at != NULL) {
			n = (size_t)(at - key);
		}
		lengths[i] = n;
		binds[i].buffer_type = MYSQL_TYPE_STRING;
		binds[i].buffer = (void *)(size_t)value; /* only read */
		binds[i].buffer_length = n;
		binds[i].length = &lengths[i];
	}
}

static int execute(struct directory *directory, struct statement *statement, const char *key)
{
	MYSQL_BIND binds[QUERY_PARAMETERS_MAX];
	unsigned long lengths[QUERY_PARAMETERS_MAX];

	directory_bind(&statement->query, key, binds, lengths);
	if (mysql_stmt_bind_param(statement->handle, binds) != 0 ||
	    mysql_stmt_execute(statement->handle) != 0) {
		return fail_statement(directory, statement, "execute");
	}
	return 0;
}

struct value {
	char room[VALUE_ROOM];
	char *more; /* when room was too small */
	unsigned long n;
	mysql_flag is_null;
};

static int refetch(
    struct directory *directory, struct statement *statement, struct value *value, unsigned column)
{
	MYSQL_BIND bind = { .buffer_type = MYSQL_TYPE_STRING };

	if (value->n > DIRECTORY_VALUE_MAX) {
		return fail(directory, query_facts[statement - directory->statements].name,
		    "a value of more than 65535 bytes", 0);
	}
	value->more = malloc(value->n);
	if (value->more == NULL) {
		return -ENOMEM;
	}
	bind.buffer = value->more;
	bind.buffer_length = value->n;
	if (mysql_stmt_fetch_column(statement->handle, &bind, column, 0) != 0) {
		return fail_statement(directory, statement, "fetch");
	}
	return 0;
}

/* Returns 0, DIRECTORY_NONE behind the last row, or an accident. */
static int fetch_row(struct directory *directory, struct statement *statement, struct value *values,
    row_handler *on_row, void *data)
{
	struct column columns[DIRECTORY_COLUMNS_MAX];
	const MYSQL_FIELD *fields = mysql_fetch_fields(statement->columns);
	int result;

	switch (mysql_stmt_fetch(statement->handle)) {
	case 0:
	case MYSQL_DATA_TRUNCATED:
		break;
	case MYSQL_NO_DATA:
		return -ENODATA;
	default:
		return fail_statement(directory, statement, "fetch");
	}
	result = 0;
	for (unsigned i = 0; i < statement->n_columns && result == 0; i++) {
		values[i].more = NULL;
		if (!values[i].is_null && values[i].n > sizeof(values[i].room)) {
			result = refetch(directory, statement, &values[i], i);
		}
		columns[i] = (struct column){ .name = fields[i].name };
		if (!values[i].is_null) {
			columns[i].text = values[i].more != NULL ? values[i].more : values[i].room;
			columns[i].n = values[i].n;
		}
	}
	if (result == 0) {
		result = on_row(data, &(struct row){ columns, statement->n_columns });
	}
	for (unsigned i = 0; i < statement->n_columns; i++) {
		free(values[i].more);
		values[i].more = NULL;
	}
	return result;
}

static int fetch_rows(
    struct directory *directory, struct statement *statement, row_handler *on_row, void *data)
{
	struct value values[DIRECTORY_COLUMNS_MAX];
	MYSQL_BIND binds[DIRECTORY_COLUMNS_MAX];
	int result;

	memset(binds, 0, sizeof(binds));
	for (unsigned i = 0; i < DIRECTORY_COLUMNS_MAX; i++) {
		values[i].more = NULL;
		values[i].n = 0;
		binds[i].buffer_type = MYSQL_TYPE_STRING;
		binds[i].buffer = values[i].room;
		binds[i].buffer_length = sizeof(values[i].room);
		binds[i].length = &values[i].n;
		binds[i].is_null = &values[i].is_null;
	}
	if (statement->columns == NULL) {
		statement->columns = mysql_stmt_result_metadata(statement->handle);
	}
	if (statement->columns == NULL || mysql_stmt_bind_result(statement->handle, binds) != 0) {
		return fail_statement(directory, statement, "bind the columns of");
	}
	do {
		result = fetch_row(directory, statement, values, on_row, data);
	} while (result == 0);
	if (result == -ENODATA) {
		mysql_stmt_free_result(statement->handle);
		return 0;
	}
	/* Rows that nobody wants may be millions: closing is cheaper than reading them. */
	directory_disconnect(directory);
	return result;
}

static long seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)(now.tv_sec - start->tv_sec);
}

/* The column's character set lacks a character of the key, such as one of four bytes in the guide's
 * utf8 tables: no row can be equal to it. A query that mixes collations in itself fails for plain
 * ASCII too, and stays an accident. */
static bool is_beyond_charset(unsigned code, const char *key)
{
	enum {
		CANNOT_CONVERT_STRING = 3988
	}; /* MySQL 8 */

	while (*key != '\0' && (unsigned char)*key < 0x80) {
		key++;
	}
	return *key != '\0' &&
	       (code == ER_CANT_AGGREGATE_2COLLATIONS || code == ER_INVALID_CHARACTER_STRING ||
		   code == CANNOT_CONVERT_STRING);
}

int directory_ask(struct directory *directory, enum directory_query query, const char *key,
    row_handler *on_row, void *data)
{
	struct statement *statement = &directory->statements[query];
	struct timespec start;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (int attempt = 0;; attempt++) {
		bool was_connected = directory->mysql != NULL;
		unsigned code;
		int result = directory_connect(directory);

		if (result != 0) {
			return result < 0 ? result : -EIO;
		}
		result = execute(directory, statement, key);
		if (result == 0) {
			return fetch_rows(directory, statement, on_row, data);
		}
		code = mysql_stmt_errno(statement->handle);
		if (is_beyond_charset(code, key)) {
			return 0;
		}
		directory_disconnect(directory);
		/* Once more if an old connection broke; not if this one let us wait. */
		if (!was_connected || attempt > 0 || !is_stale(code) ||
		    seconds_since(&start) >= (long)directory->settings->timeout) {
			return result;
		}
	}
}
