/* SPDX-License-Identifier: MIT
 * One connection to one server, and statements prepared on it: all that schema/ needs of a database's
 * client library. mysql.c is the only file that knows one. Private to schema.
 *
 * What can fail returns NULL or a negative accident, -EIO or -ENOMEM, and says in the connection's
 * driver_failure what the server or the library said. Nothing waits longer for the server than the
 * settings' time-out. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "schema/directory.h"
#include "schema/query.h"

struct driver_failure {
	struct error error;
	enum directory_fault fault;
};

/* Before the first connection, 0 if all is well; and by each thread that had one, behind the last. */
int driver_library_init(void);
void driver_thread_end(void);

struct driver;
struct driver_statement;

/* Connects to a host of the settings, within so many seconds. failure gets what goes wrong now and later,
 * and must outlive the connection, as host must. */
struct driver *driver_connect(const struct directory_settings *settings, const char *host,
    unsigned patience, struct driver_failure *failure);

/* A server of MySQL, and not of MariaDB. */
bool driver_is_mysql(struct driver *driver);

/* What it goes over: a socket of this machine, or TCP with this TLS, "" for none. */
void driver_transport(struct driver *driver, struct directory_transport *transport_r);

/* Its statements can do nothing then, and are still to be closed. NULL is fine. */
void driver_disconnect(struct driver *driver);

/* name is what a failure calls the statement; it must outlive it. */
struct driver_statement *driver_prepare(struct driver *driver, const char *name, const char *sql);

/* Reads the rows that were not fetched, if the connection is open. NULL is fine. */
void driver_close(struct driver_statement *statement);

/* The name of a column, NULL where the server tells none before the first answer. It lives as long as the
 * statement. */
const char *driver_column_name(struct driver_statement *statement, unsigned column);

unsigned driver_count_columns(const struct driver_statement *statement);
unsigned driver_count_parameters(const struct driver_statement *statement);

/* Runs a statement that repeats a query once for each key. Its rows are to be fetched next. */
int driver_execute(struct driver_statement *statement, const struct query *query,
    const char *const *keys, unsigned n_keys);

/* Calls on_row for each row. Returns 0 behind the last one. Anything else, what on_row returned or an
 * accident, leaves rows behind, and nothing more can be asked of this connection. */
int driver_fetch(struct driver_statement *statement, row_handler *on_row, void *data);
