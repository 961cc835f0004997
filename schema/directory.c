/* SPDX-License-Identifier: MIT
 * When to connect and to which host, what to do when that fails, and which query may look like what.
 * What a server is told is the driver's business. On the thread that the directory belongs to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "schema/directory_private.h"
#include "schema/host.h"
#include "schema/tls.h"

static const struct {
	const char *name;
	unsigned columns_min, columns_max;
	enum query_use use;
	const char
	    *last; /* what its last column is that has no name; those behind it count by theirs */
} query_facts[DIRECTORY_QUERIES] = {
	[DIRECTORY_MAILBOX] = { "user_query", 1, 1, QUERY_OF_KEY, "address" },
	[DIRECTORY_ALIAS] = { "alias_query", 1, 2, QUERY_OF_KEY, NULL },
	[DIRECTORY_DOMAIN] = { "domain_query", 1, 1, QUERY_OF_KEY, NULL },
	[DIRECTORY_PASSWORD] = { "password_query", 2, 2, QUERY_OF_LOGIN, "password" },
	[DIRECTORY_USERS] = { "users_query", 2, 2, QUERY_OF_ALL, NULL },
	[DIRECTORY_MAILBOXES] = { "users_query", 1, 1, QUERY_OF_ALL, "address" },
	[DIRECTORY_ALIASES] = { "aliases_query", 2, 2, QUERY_OF_ALL, NULL },
	[DIRECTORY_DOMAINS] = { "domains_query", 1, 1, QUERY_OF_ALL, NULL },
};

/* What columns may be called that count by their names, NULL for a query that has none such. */
static const char *const *names_of(const struct directory *directory, enum directory_query query)
{
	if (query_facts[query].last == NULL) {
		return NULL;
	}
	return query == DIRECTORY_PASSWORD ? directory->settings->password_columns
					   : directory->settings->mailbox_columns;
}

int directory_library_init(struct error *error)
{
	return driver_library_init() == 0
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
	driver_thread_end();
}

const char *directory_query_name(enum directory_query query)
{
	return query_facts[query].name;
}

const char *directory_error(const struct directory *directory)
{
	return directory->failure.error.text;
}

enum directory_fault directory_fault(const struct directory *directory)
{
	return directory->failure.fault;
}

const char *directory_host(const struct directory *directory)
{
	return directory->driver == NULL ? "" : directory->settings->hosts.texts[directory->host];
}

int directory_check_settings(const struct directory_settings *settings, struct error *error)
{
	if (settings->hosts.n > DIRECTORY_HOSTS_MAX) {
		return error_set(error, "hosts: at most %d", DIRECTORY_HOSTS_MAX);
	}
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
		if (query_init(&query, settings->queries[i], query_facts[i].use, error) != 0) {
			return error_prefix(error, "%s: ", query_facts[i].name);
		}
		query_deinit(&query);
	}
	return 0;
}

struct directory *directory_new(const struct directory_settings *settings)
{
	struct directory *directory = calloc(1, sizeof(*directory));
	struct error ignored = { "" }; /* the settings were checked: what is left is memory */

	if (directory == NULL) {
		return NULL;
	}
	directory->settings = settings;
	for (int i = 0; i < DIRECTORY_QUERIES; i++) {
		if (settings->queries[i] != NULL &&
		    query_init(&directory->statements[i].query, settings->queries[i],
			query_facts[i].use, &ignored) != 0) {
			directory_free(directory);
			return NULL;
		}
	}
	return directory;
}

void directory_disconnect(struct directory *directory)
{
	/* First of all: a statement that is closed on an open connection reads what is left of its
	 * rows, which may be millions. */
	driver_disconnect(directory->driver);
	directory->driver = NULL;
	expectation_clear(&directory->expectation);
	for (int i = 0; i < DIRECTORY_QUERIES; i++) {
		driver_close(directory->statements[i].prepared);
		directory->statements[i].prepared = NULL;
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

static bool is_known(const char *const *names, const char *name)
{
	for (; *names != NULL; names++) {
		if (strcasecmp(*names, name) == 0) {
			return true;
		}
	}
	return false;
}

/* The names of columns that mean something: a slip among them would let a mailbox lie elsewhere, or a user be
 * served who is disabled. Returns 0 or DIRECTORY_BAD_QUERY. */
static int check_names(struct directory *directory, enum directory_query query)
{
	const char *const *names = names_of(directory, query);
	struct driver_statement *prepared = directory->statements[query].prepared;
	struct error *error = &directory->failure.error;
	unsigned n = names == NULL ? 0 : driver_count_columns(prepared);

	for (unsigned i = query_facts[query].columns_min; i < n; i++) {
		const char *name = driver_column_name(prepared, i);

		if (name == NULL || is_known(names, name)) {
			continue;
		}
		directory->failure.fault = DIRECTORY_OTHER_FAULT;
		error_set(error, "mysql %s: %s: its column %.64s is not known; behind the %s",
		    directory_host(directory), query_facts[query].name, name,
		    query_facts[query].last);
		for (size_t k = 0; names[k] != NULL; k++) {
			error_append(error, k == 0 ? " there may be %s" : ", %s", names[k]);
		}
		return DIRECTORY_BAD_QUERY;
	}
	return 0;
}

/* What a server refuses because of a query, it will refuse again; another one may not. */
static int directory_prepare(struct directory *directory, enum directory_query query)
{
	struct statement *statement = &directory->statements[query];
	unsigned n_columns, max = names_of(directory, query) == NULL
				      ? query_facts[query].columns_max
				      : DIRECTORY_COLUMNS_MAX;

	statement->prepared =
	    driver_prepare(directory->driver, query_facts[query].name, statement->query.sql);
	if (statement->prepared == NULL) {
		return directory->failure.fault >= DIRECTORY_NO_GRANT ? DIRECTORY_BAD_QUERY : -EIO;
	}
	n_columns = driver_count_columns(statement->prepared);
	if (n_columns < query_facts[query].columns_min || n_columns > max ||
	    driver_count_parameters(statement->prepared) != statement->query.n_parameters) {
		directory->failure.fault = DIRECTORY_OTHER_FAULT;
		error_set(&directory->failure.error,
		    "mysql %s: %s: it has %u columns, allowed are %u to %u (0)",
		    directory_host(directory), query_facts[query].name, n_columns,
		    query_facts[query].columns_min, max);
		return DIRECTORY_BAD_QUERY;
	}
	return check_names(directory, query);
}

/* TLS counts where it was asked for by its key: an option file's was never a reason to refuse a reload. */
static bool is_refusal(const struct directory *directory)
{
	switch (directory->failure.fault) {
	case DIRECTORY_BAD_ACCOUNT:
	case DIRECTORY_NO_GRANT:
		return true;
	case DIRECTORY_NO_TLS:
		return directory->settings->tls[0] != '\0';
	default:
		return false;
	}
}

/* All or none: a connection is only kept when it can answer every question. */
static int directory_connect_host(struct directory *directory, size_t host, unsigned patience)
{
	int result = 0;

	directory->host = host;
	directory->driver = driver_connect(directory->settings,
	    directory->settings->hosts.texts[host], patience, &directory->failure);
	if (directory->driver == NULL) {
		return is_refusal(directory) ? DIRECTORY_REFUSED : -EIO;
	}
	directory->is_mysql = driver_is_mysql(directory->driver);
	for (int i = 0; i < DIRECTORY_QUERIES && result == 0; i++) {
		if (directory->settings->queries[i] != NULL) {
			result = directory_prepare(directory, i);
		}
	}
	if (result != 0) {
		directory_disconnect(directory);
	}
	return result;
}

static time_t now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* The host that was tried last is left alone for a while, as long as there are others. */
static void host_fail(struct directory *directory)
{
	directory->failed[directory->host] = now() + 1; /* never 0 */
}

static bool host_is_bad(const struct directory *directory, size_t host)
{
	time_t failed = directory->failed[host];

	return failed != 0 && now() - failed < DIRECTORY_BAD_SECONDS;
}

unsigned directory_patience(const struct directory_settings *settings)
{
	return settings->timeout > (long)settings->hosts.n ? (unsigned)settings->timeout
							   : (unsigned)settings->hosts.n;
}

/* What is left of the time, shared among the hosts that are left. */
static unsigned share_of(const struct directory_settings *settings, time_t start, size_t n_left)
{
	long left = (long)directory_patience(settings) - (long)(now() - start);

	return left > (long)n_left ? (unsigned)(left / (long)n_left) : 1;
}

/* The files that the client library reads as it connects. */
static int check_files(const struct directory_settings *settings, struct error *error)
{
	const char *option_file = settings->option_file;
	enum tls tls = TLS_BY_LIBRARY;
	char line[TLS_LINE_MAX];

	/* It would go on without it, and without the TLS that it asks for. */
	if (option_file[0] != '\0' && access(option_file, R_OK) != 0) {
		return error_set(error, "mysql.option_file: %s: %s", option_file, strerror(errno));
	}
	if (settings->tls_ca[0] != '\0' && access(settings->tls_ca, R_OK) != 0) {
		return error_set(error, "mysql.tls_ca: %s: %s", settings->tls_ca, strerror(errno));
	}
	tls_parse(settings->tls, &tls);
	if (tls != TLS_BY_LIBRARY && option_file[0] != '\0' &&
	    tls_find_line(option_file, tls, line)) {
		return error_set(error,
		    "mysql.option_file: %s: %s: mysql.tls = %s says what TLS there is, and "
		    "this line "
		    "may undo it: take one of the two out",
		    option_file, line, settings->tls);
	}
	return 0;
}

/* A host that is away, or a replica that refuses a query, must not hide one that is well. When all fail,
 * the gravest is told: a refusal is for an admin to mend, an absence may pass. */
int directory_connect(struct directory *directory)
{
	const struct directory_settings *settings = directory->settings;
	struct driver_failure gravest = { .error = { "mysql: no hosts" } };
	size_t n_left = settings->hosts.n, n_bad = 0, bad[DIRECTORY_HOSTS_MAX];
	time_t start = now();
	int result = -EIO;

	if (directory->driver != NULL) {
		return 0;
	}
	if (check_files(settings, &directory->failure.error) != 0) {
		directory->failure.fault = DIRECTORY_OTHER_FAULT;
		return DIRECTORY_REFUSED;
	}
	for (size_t i = 0; i < settings->hosts.n + n_bad; i++) {
		size_t host = i < settings->hosts.n ? i : bad[i - settings->hosts.n];
		int outcome;

		if (i < settings->hosts.n && host_is_bad(directory, host)) {
			bad[n_bad++] = host;
			continue;
		}
		outcome =
		    directory_connect_host(directory, host, share_of(settings, start, n_left));
		if (outcome == 0) {
			return 0;
		}
		host_fail(directory);
		if (n_left-- == settings->hosts.n || outcome >= result) {
			result = outcome;
			gravest = directory->failure;
		}
	}
	directory->failure = gravest;
	return result;
}

int directory_try(void *directory, struct error *error)
{
	int result = directory == NULL ? -ENOMEM : directory_connect(directory);

	error_set(error, "%s", directory == NULL ? "out of memory" : directory_error(directory));
	return result;
}

/* The column's character set lacks a character of the key, such as one of four bytes in the guide's
 * utf8 tables: no row can be equal to it. A query that mixes collations in itself fails for plain
 * ASCII too, and stays an accident. */
static bool is_beyond_charset(const struct directory *directory, const char *key)
{
	return directory->failure.fault == DIRECTORY_BEYOND_CHARSET && !key_is_ascii(key);
}

/* A question failed on this connection, which has been cut: is it worth another one? n_not_ready hosts
 * have said that they answer none; waited is for how long it was asked, in seconds. */
static bool is_worth_retrying(
    const struct directory *directory, bool was_connected, size_t n_not_ready, time_t waited)
{
	/* Not if this one let us wait, so that nobody waits for two time-outs. */
	if (waited >= directory->settings->timeout) {
		return false;
	}
	/* One that lay idle may have been cut long ago. */
	if (directory->failure.fault == DIRECTORY_STALE) {
		return was_connected;
	}
	return directory->failure.fault == DIRECTORY_NOT_READY &&
	       n_not_ready < directory->settings->hosts.n;
}

int directory_ask(struct directory *directory, enum directory_query query, const char *key,
    row_handler *on_row, void *data)
{
	struct statement *statement = &directory->statements[query];
	const struct expected *expected =
	    query == DIRECTORY_MAILBOX ? expectation_find(&directory->expectation, key) : NULL;
	size_t n_not_ready = 0;
	time_t start = now();
	int result;

	if (expected != NULL) {
		return expected->row.n_columns == 0 ? 0 : on_row(data, &expected->row);
	}
	for (;;) {
		bool was_connected = directory->driver != NULL;

		result = directory_connect(directory);
		if (result != 0) {
			return result < 0 ? result : -EIO;
		}
		result = driver_execute(statement->prepared, &statement->query, &key, 1);
		if (result == 0) {
			break;
		}
		if (is_beyond_charset(directory, key)) {
			return 0;
		}
		n_not_ready += directory->failure.fault == DIRECTORY_NOT_READY;
		if (directory->failure.fault == DIRECTORY_NOT_READY ||
		    now() - start >= directory->settings->timeout) {
			host_fail(directory);
		}
		directory_disconnect(directory);
		if (!is_worth_retrying(directory, was_connected, n_not_ready, now() - start)) {
			return result;
		}
	}
	result = driver_fetch(statement->prepared, on_row, data);
	if (result != 0) {
		/* Closing is cheaper than reading what nobody wants. */
		directory_disconnect(directory);
	}
	return result;
}

int directory_ask_login(struct directory *directory, const struct directory_login *login,
    row_handler *on_row, void *data)
{
	struct query *query = &directory->statements[DIRECTORY_PASSWORD].query;
	int result;

	query->service = login->service;
	query->client = login->client;
	result = directory_ask(directory, DIRECTORY_PASSWORD, login->user, on_row, data);
	query->service = query->client = "";
	return result;
}
