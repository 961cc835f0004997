/* SPDX-License-Identifier: MIT
 * Fuzz target of query templates and hosts. A template is refused with a reason, or every placeholder
 * is a parameter of the statement; written out again, template and host mean the same.
 *
 * An input is the text of both. */
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/host.h"
#include "schema/query.h"

/* The statement as a template: its parameters by name, percent signs doubled. Quotes are followed as
 * MySQL does. */
static char *write_template(const struct query *query)
{
	char *template = fuzz_room(2 * strlen(query->sql) + 1), *out = template;
	size_t n_parameters = 0;
	char quote = '\0';

	for (const char *p = query->sql; *p != '\0'; p++) {
		if (*p == '?' && quote == '\0') {
			fuzz_require(n_parameters < query->n_parameters, "each ? is a parameter");
			*out++ = '%';
			*out++ = query->parameters[n_parameters++];
			continue;
		}
		if (*p == '\\' && quote != '\0' && p[1] != '\0') {
			*out++ = *p++;
		} else if (quote == *p) {
			quote = '\0';
		} else if (quote == '\0' && strchr("'\"`", *p) != NULL) {
			quote = *p;
		}
		if (*p == '%') {
			*out++ = '%';
		}
		*out++ = *p;
	}
	*out = '\0';
	fuzz_require(n_parameters == query->n_parameters, "each parameter is a ?");
	return template;
}

static void check_again(const struct query *query, enum query_use use)
{
	char *template = write_template(query);
	struct error error = { "" };
	struct query again;

	fuzz_require(query_init(&again, template, use, &error) == 0, "it is a template");
	fuzz_require(strcmp(again.sql, query->sql) == 0 &&
			 again.n_parameters == query->n_parameters &&
			 memcmp(again.parameters, query->parameters, query->n_parameters) == 0,
	    "and the same one");
	query_deinit(&again);
	free(template);
}

static bool has_letter(const struct query *query, const char *letters)
{
	for (size_t i = 0; i < query->n_parameters; i++) {
		if (strchr(letters, query->parameters[i]) != NULL) {
			return true;
		}
	}
	return false;
}

static void check_query(const char *text, enum query_use use)
{
	struct query query;
	struct error error = { "" };
	int result = query_init(&query, text, use, &error);

	if (result != 0) {
		fuzz_require(result == -1 && error.text[0] != '\0', "a refusal has a reason");
		return;
	}
	fuzz_require(strlen(query.sql) <= strlen(text), "a statement is not longer");
	fuzz_require(query.n_parameters <= QUERY_PARAMETERS_MAX, "parameters have a limit");
	for (size_t i = 0; i < query.n_parameters; i++) {
		fuzz_require(
		    strchr(use == QUERY_OF_LOGIN ? "undsr" : "und", query.parameters[i]) != NULL,
		    "a parameter has a name");
	}
	fuzz_require(use == QUERY_OF_ALL || has_letter(&query, "und"), "who needs a key has one");
	check_again(&query, use);
	query_deinit(&query);
}

static void check_host(const char *text)
{
	struct host host, again;
	char written[300];

	if (host_parse(&host, text) != 0) {
		return;
	}
	fuzz_require(memchr(host.name, '\0', sizeof(host.name)) != NULL && host.name[0] != '\0',
	    "a host has a name");
	fuzz_require(host.port <= 65535, "a port is one");
	if (host.socket_path != NULL) {
		fuzz_require(strncmp(text, "unix:", 5) == 0 && host.socket_path == text + 5 &&
				 host.socket_path[0] == '/',
		    "a socket has an absolute path");
		return;
	}
	if (strchr(host.name, ']') != NULL) {
		return; /* of a name that no resolver knows */
	}
	snprintf(
	    written, sizeof(written), host.port > 0 ? "[%s]:%u" : "[%s]", host.name, host.port);
	fuzz_require(host_parse(&again, written) == 0, "it can be written out");
	fuzz_require(strcmp(again.name, host.name) == 0 && again.port == host.port &&
			 again.socket_path == NULL,
	    "and is the same again");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = fuzz_string(data, n);

	check_query(text, QUERY_OF_ALL);
	check_query(text, QUERY_OF_KEY);
	check_query(text, QUERY_OF_LOGIN);
	check_host(text);
	free(text);
	return 0;
}
