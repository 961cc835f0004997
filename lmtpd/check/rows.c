/* SPDX-License-Identifier: MIT
 * Users, aliases and domains, row by row, in bounded memory and time. */
#include "lmtpd/check/rows.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lmtpd/lookup.h"

struct resolver rows_resolver(const struct rows *rows)
{
	return (struct resolver){
		.ask = lookup_ask,
		.source = rows->directory,
		.delimiters = rows->check->config.lmtp.recipient_delimiter,
	};
}

void rows_warn(
    struct rows *rows, struct finding *finding, const char *remedy, const char *format, ...)
{
	char detail[REPORT_TEXT_MAX];
	va_list arguments;

	if (++finding->n > ROWS_SHOWN) {
		return;
	}
	va_start(arguments, format);
	vsnprintf(detail, sizeof(detail), format, arguments);
	va_end(arguments);
	report_check(&rows->check->report, REPORT_WARN, 0, finding->what, detail, remedy);
}

void rows_end(struct rows *rows, const struct finding *finding)
{
	if (finding->n > ROWS_SHOWN) {
		report_warn(&rows->check->report, finding->what, "as with those before",
		    "and %u more %s", finding->n - ROWS_SHOWN, finding->summary);
	}
}

bool rows_show(const char *value, size_t n, char *text_r)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "@.-_+=";
	size_t length = n < ROW_TEXT_MAX ? n : ROW_TEXT_MAX - 1;

	if (value == NULL) {
		snprintf(text_r, ROW_TEXT_MAX, "NULL");
		return false;
	}
	memcpy(text_r, value, length);
	text_r[length] = '\0';
	return length == n && n > 0 && strspn(text_r, plain) == n;
}

/* A value from the database must not become part of what somebody types as root. */
void rows_remedy(const struct rows *rows, bool is_plain, const char *words, char *remedy_r,
    size_t n_remedy, const char *format, ...)
{
	char statement[REPORT_TEXT_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(statement, sizeof(statement), format, arguments);
	va_end(arguments);
	if (is_plain) {
		snprintf(remedy_r, n_remedy, "mariadb %s -e \"%s\"",
		    rows->check->config.directory.dbname, statement);
	} else {
		snprintf(remedy_r, n_remedy, "%s", words);
	}
}

static int on_any_row(void *data, const struct row *row)
{
	*(bool *)data = true;
	return 0;
}

bool rows_has(struct rows *rows, enum directory_query query, const char *key)
{
	bool has_row = false;
	int result = directory_ask(rows->directory, query, key, on_any_row, &has_row);

	rows->accident = result != 0 ? result : rows->accident;
	return has_row;
}

const struct row_domain *rows_domain(struct rows *rows, const char *domain)
{
	const struct resolver resolver = rows_resolver(rows);
	char catch_all[ADDRESS_PART_MAX + 2];
	unsigned hash = 5381;
	struct row_domain *known;

	for (const char *p = domain; *p != '\0'; p++) {
		hash = hash * 33 + (unsigned char)*p;
	}
	known = &rows->domains[hash % ROWS_DOMAINS];
	if (strcmp(known->name, domain) == 0) {
		return known;
	}
	*known = (struct row_domain){ .is_ours = false };
	rows->accident = resolver_owns(&resolver, domain, &known->is_ours);
	if (rows->accident == 0 && rows->asks_aliases_first) {
		snprintf(catch_all, sizeof(catch_all), "@%s", domain);
		known->has_catch_all = rows_has(rows, DIRECTORY_ALIAS, catch_all);
	}
	if (rows->accident != 0) {
		return NULL;
	}
	snprintf(known->name, sizeof(known->name), "%s", domain);
	return known;
}

int rows_count(struct rows *rows)
{
	struct timespec now;

	if (rows->accident != 0) {
		return ROWS_STOP;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (rows->n == ROWS_MAX || now.tv_sec > rows->deadline.tv_sec ||
	    (now.tv_sec == rows->deadline.tv_sec && now.tv_nsec > rows->deadline.tv_nsec)) {
		report_ok(&rows->check->report, rows->what,
		    "the first %lu rows were looked at, and no more: at most %d rows and "
		    "%d seconds",
		    rows->n, ROWS_MAX, ROWS_SECONDS_MAX);
		return ROWS_STOP;
	}
	rows->n++;
	return 0;
}

/* A domain that is not found by its own name: blanks, or capitals in a binary collation. */
int domains_on_row(void *data, const struct row *row)
{
	const struct column *name = &row->columns[0];
	struct domains *domains = data;
	struct rows *rows = domains->rows;
	char text[ROW_TEXT_MAX], probe[ROW_TEXT_MAX + 2], remedy[REPORT_TEXT_MAX];
	bool is_plain = rows_show(name->text, name->n, text), is_ours = false;
	const struct resolver resolver = rows_resolver(rows);
	struct address address;

	if (rows_count(rows) != 0) {
		return ROWS_STOP;
	}
	snprintf(probe, sizeof(probe), "x@%s", text);
	if (address_from_text(&address, probe, strlen(probe)) == ADDRESS_OK) {
		address_lower(&address);
		rows->accident = resolver_owns(&resolver, address_domain(&address), &is_ours);
	}
	if (rows->accident == 0 && !is_ours) {
		rows_remedy(rows, is_plain, "correct that row of virtual_domains", remedy,
		    sizeof(remedy),
		    "UPDATE virtual_domains SET name = LOWER(name) WHERE name = '%s'", text);
		rows_warn(rows, &domains->unseen, remedy,
		    "\"%s\" is not found when the domain is looked up", text);
	}
	return 0;
}

/* Runs one of the list queries. */
static void read_rows(
    struct rows *rows, enum directory_query query, const char *key, row_handler *on_row, void *data)
{
	struct directory_settings settings = rows->check->config.directory;
	const char *text = settings_text(rows->check->config.settings, "mysql", key);
	struct directory *directory = NULL;
	struct error error = { "out of memory" };
	char remedy[256];
	int result = -1;

	rows->what = key;
	rows->n = 0;
	if (text[0] == '\0' || rows->accident != 0) {
		return;
	}
	memset(settings.queries, 0, sizeof(settings.queries));
	settings.queries[query] = text;
	if (directory_check_settings(&settings, &error) == 0) {
		directory = directory_new(&settings);
	}
	if (directory != NULL) {
		result = directory_ask(directory, query, "", on_row, data);
		error_set(&error, "%s", directory_error(directory));
	}
	if (rows->accident != 0) {
		report_warn(&rows->check->report, key,
		    "run --check again when the database answers", "stopped at row %lu: %s",
		    rows->n,
		    rows->accident < 0 ? directory_error(rows->directory)
				       : "a query returns what can be no answer to it");
	} else if (result < 0) {
		snprintf(remedy, sizeof(remedy),
		    "set mysql.%s to what lists yours, or to \"\" to leave it out; --check alone "
		    "uses it",
		    key);
		report_warn(&rows->check->report, key, remedy, "%s", error.text);
	} else if (result == 0) {
		report_ok(&rows->check->report, key, "%lu rows looked at", rows->n);
	}
	directory_free(directory);
}

static unsigned count_maps(const char *maps)
{
	unsigned n = 0;

	while (*(maps += strspn(maps, ", \t")) != '\0') {
		maps += strcspn(maps, ", \t");
		n++;
	}
	return n;
}

/* Postfix would refuse addresses that are aliases alone. */
static void check_alias_maps(struct check *check, unsigned long n_aliases)
{
	if (check->has_postfix && n_aliases > 0 &&
	    count_maps(postconf_get(&check->postfix, "virtual_alias_maps")) == 0) {
		report_warn(&check->report, "virtual_alias_maps",
		    "postconf -e 'virtual_alias_maps = "
		    "mysql:/etc/postfix/mysql-virtual-alias-maps.cf' && postfix reload",
		    "it is empty: Postfix refuses the addresses of aliases");
	}
}

void check_rows(struct check *check, struct directory *directory)
{
	static struct rows rows; /* it is large, and there is one */
	struct domains domains = {
		.rows = &rows,
		.unseen = { "domain", "that are not found when they are looked up" },
	};
	struct users users;
	struct aliases aliases;

	rows = (struct rows){
		.check = check,
		.directory = directory,
		.asks_aliases_first =
		    !check->has_postfix ||
		    count_maps(postconf_get(&check->postfix, "virtual_alias_maps")) == 1,
	};
	clock_gettime(CLOCK_MONOTONIC, &rows.deadline);
	rows.deadline.tv_sec += ROWS_SECONDS_MAX;
	read_rows(&rows, DIRECTORY_DOMAINS, "domains_query", domains_on_row, &domains);
	rows_end(&rows, &domains.unseen);
	users_begin(&users, &rows);
	read_rows(&rows, DIRECTORY_MAILBOXES, "users_query", users_on_row, &users);
	users_end(&users);
	aliases_begin(&aliases, &rows);
	read_rows(&rows, DIRECTORY_ALIASES, "aliases_query", aliases_on_row, &aliases);
	aliases_end(&aliases);
	check_alias_maps(check, rows.n);
}
