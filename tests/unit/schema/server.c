/* SPDX-License-Identifier: MIT
 * driver.h, without a database. */
#include "tests/unit/schema/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/unit/unit.h"

struct server server;

struct driver {
	struct driver_failure *failure;
	bool is_broken; /* rows were left, or it failed */
};

struct driver_statement {
	struct driver *driver;
	char *sql;
	const char *const *keys;
	unsigned n_keys;
};

int __wrap_clock_gettime(clockid_t clock, struct timespec *now_r);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now_r)
{
	*now_r = (struct timespec){ .tv_sec = server.now };
	return 0;
}

int driver_library_init(void)
{
	return 0;
}

void driver_thread_end(void)
{
}

static int server_fail(struct driver_failure *failure, enum directory_fault why, const char *what)
{
	failure->fault = why;
	error_set(&failure->error, "%s fails", what);
	return -EIO;
}

struct driver *driver_connect(const struct directory_settings *settings, const char *host,
    unsigned patience, struct driver_failure *failure)
{
	enum directory_fault why = DIRECTORY_OTHER_FAULT;

	add_text(server.log, sizeof(server.log), "connect %s; ", host);
	server.patience = patience;
	for (size_t i = 0; i < SERVER_HOSTS_MAX; i++) {
		struct driver *driver;

		if (server.hosts[i].name == NULL || strcmp(server.hosts[i].name, host) != 0) {
			continue;
		}
		if (server.hosts[i].is_away) {
			why = server.hosts[i].why;
			break;
		}
		driver = calloc(1, sizeof(*driver));
		driver->failure = failure;
		server.n_open++;
		return driver;
	}
	server_fail(failure, why, host);
	return NULL;
}

bool driver_is_mysql(struct driver *driver)
{
	return server.is_mysql;
}

void driver_transport(struct driver *driver, struct directory_transport *transport_r)
{
	*transport_r = (struct directory_transport){ .is_socket = true };
}

void driver_disconnect(struct driver *driver)
{
	server.n_open -= driver != NULL;
	free(driver);
}

static bool is_union(const char *sql)
{
	return strncmp(sql, "SELECT 'a', q.*", 15) == 0;
}

static unsigned count(const char *sql, const char *part)
{
	unsigned n = 0;

	while ((sql = strstr(sql, part)) != NULL) {
		sql += strlen(part);
		n++;
	}
	return n;
}

struct driver_statement *driver_prepare(struct driver *driver, const char *name, const char *sql)
{
	struct driver_statement *statement;

	if (driver->is_broken || (server.has_no_union && is_union(sql)) ||
	    strstr(sql, "bad") != NULL) {
		server_fail(
		    driver->failure, driver->is_broken ? DIRECTORY_STALE : DIRECTORY_BAD_SQL, name);
		return NULL;
	}
	statement = calloc(1, sizeof(*statement));
	statement->driver = driver;
	statement->sql = strdup(sql);
	server.n_open++;
	return statement;
}

void driver_close(struct driver_statement *statement)
{
	if (statement != NULL) {
		free(statement->sql);
		free(statement);
		server.n_open--;
	}
}

const char *driver_column_name(struct driver_statement *statement, unsigned column)
{
	return column == 0 ? "email" : server.column;
}

unsigned driver_count_columns(const struct driver_statement *statement)
{
	unsigned n = server.n_columns == 0 ? 1 : server.n_columns;

	return is_union(statement->sql) ? 1 + n : n;
}

unsigned driver_count_parameters(const struct driver_statement *statement)
{
	return count(statement->sql, "?");
}

int driver_execute(struct driver_statement *statement, const struct query *query,
    const char *const *keys, unsigned n_keys)
{
	struct driver *driver = statement->driver;

	assert_int_equal(driver_count_parameters(statement), n_keys * query->n_parameters);
	add_text(server.log, sizeof(server.log), "%u; ", n_keys);
	if (driver->is_broken) {
		return server_fail(driver->failure, DIRECTORY_STALE, "an old connection");
	}
	if (server.n_executions_fail > 0) {
		server.n_executions_fail--;
		server.now += server.seconds;
		driver->is_broken = server.why == DIRECTORY_STALE;
		return server_fail(driver->failure, server.why, "an execution");
	}
	statement->keys = keys;
	statement->n_keys = n_keys;
	return 0;
}

/* The row for the key that a letter stands for. */
static int fetch_one(const struct driver_statement *statement, unsigned key,
    const struct server_row *found, row_handler *on_row, void *data)
{
	const char letter = (char)('a' + key);
	const struct column columns[] = {
		{ "a", &letter, 1 },
		{ "email", found->value, found->value == NULL ? 0 : strlen(found->value) },
	};

	return on_row(data, is_union(statement->sql) ? &(struct row){ columns, 2 }
						     : &(struct row){ columns + 1, 1 });
}

int driver_fetch(struct driver_statement *statement, row_handler *on_row, void *data)
{
	unsigned n_rows = 0;

	for (unsigned key = 0; key < statement->n_keys; key++) {
		for (size_t i = 0; i < server.n_rows; i++) {
			int result = 0;

			if (strcmp(server.rows[i].key, statement->keys[key]) != 0) {
				continue;
			}
			if (server.fetch_fails && n_rows++ == server.n_rows_before) {
				server.fetch_fails = false;
				result = server_fail(
				    statement->driver->failure, DIRECTORY_STALE, "a fetch");
			}
			if (result == 0) {
				result = fetch_one(statement, key, &server.rows[i], on_row, data);
			}
			if (result != 0) {
				statement->driver->is_broken = true;
				return result;
			}
		}
	}
	return 0;
}
