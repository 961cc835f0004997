/* SPDX-License-Identifier: MIT
 * systemctl show prints one "Name=value" a line, whatever the form of the unit's files and drop-ins. */
#include "doctor/sandbox.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/text.h"
#include "doctor/command.h"
#include "runtime/endpoint.h"
#include "runtime/prefix.h"
#include "schema/host.h"

enum {
	WORD_MAX = 1024,
};

/* The value of a line of that name, NULL for another line. */
static const char *value_of(const char *line, const char *name)
{
	size_t n = strlen(name);

	return strncmp(line, name, n) == 0 && line[n] == '=' ? line + n + 1 : NULL;
}

void sandbox_read(struct sandbox *sandbox_r, char *text)
{
	char *rest = NULL;

	*sandbox_r = (struct sandbox){ .writable = "", .allowed = "", .denied = "", .command = "" };
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		const char *value;

		if ((value = value_of(line, "LoadState")) != NULL) {
			sandbox_r->is_loaded = strcmp(value, "loaded") == 0;
		} else if ((value = value_of(line, "ProtectSystem")) != NULL) {
			sandbox_r->is_strict = strcmp(value, "strict") == 0;
		} else if ((value = value_of(line, "ProtectHome")) != NULL) {
			sandbox_r->hides_home = strcmp(value, "no") != 0;
		} else if ((value = value_of(line, "ReadWritePaths")) != NULL) {
			sandbox_r->writable = value;
		} else if ((value = value_of(line, "IPAddressAllow")) != NULL) {
			sandbox_r->allowed = value;
		} else if ((value = value_of(line, "IPAddressDeny")) != NULL) {
			sandbox_r->denied = value;
		} else if ((value = value_of(line, "ExecStart")) != NULL) {
			sandbox_r->command = value;
		}
	}
}

/* The next word of a list; false behind the last. One that is too long is cut, and means nothing then. */
static bool next_word(const char **at, char word_r[WORD_MAX])
{
	size_t n;

	*at += strspn(*at, " ");
	n = strcspn(*at, " ");
	snprintf(word_r, WORD_MAX, "%.*s", (int)n, *at);
	*at += n;
	return n > 0;
}

bool sandbox_is_of(const struct sandbox *sandbox, const char *file, const char *initial)
{
	const char *at = strstr(sandbox->command, " -c ");
	char word[WORD_MAX];

	if (at == NULL) {
		return strcmp(file, initial) == 0;
	}
	at += 4;
	return next_word(&at, word) && strcmp(file, word) == 0;
}

static bool is_hidden(const struct sandbox *sandbox, const char *path)
{
	return sandbox->hides_home &&
	       (text_is_below(path, "/home") || text_is_below(path, "/root") ||
		   text_is_below(path, "/run/user"));
}

bool sandbox_may_write(const struct sandbox *sandbox, const char *path)
{
	const char *at = sandbox->writable;
	char word[WORD_MAX];

	if (is_hidden(sandbox, path)) {
		return false;
	}
	while (next_word(&at, word)) {
		if (text_is_below(path, word + strspn(word, "-+"))) {
			return true;
		}
	}
	return !sandbox->is_strict;
}

static bool is_among(const char *list, const struct prefix_address *address)
{
	char word[WORD_MAX];

	while (next_word(&list, word)) {
		const char *one = word;

		if (prefix_any_has(&one, 1, address)) {
			return true;
		}
	}
	return false;
}

bool sandbox_may_reach(const struct sandbox *sandbox, const char *address)
{
	struct prefix_address ours;

	return !prefix_parse_address(&ours, address) || is_among(sandbox->allowed, &ours) ||
	       !is_among(sandbox->denied, &ours);
}

/* "Listen=/run/x (Stream)", a line for each, written as behind "unix:" and "inet:". */
bool sandbox_has_socket(const char *text, const char *socket)
{
	char want[WORD_MAX];

	snprintf(want, sizeof(want), "Listen=%s (Stream)", socket + strlen("unix:"));
	return strstr(text, want) != NULL;
}

/* NULL: there is no systemd, or it cannot be asked. */
static char *ask(const char *unit, const char *properties)
{
	const char *const argv[] = { "systemctl", "show", unit, "-p", properties, NULL };
	struct error ignored;
	char *text;

	return command_run(argv, NULL, &text, &ignored) == COMMAND_OK ? text : NULL;
}

static void check_base(const struct sandbox_facts *facts, const struct sandbox *sandbox,
    const char *base, struct report *report)
{
	char *real = realpath(base, NULL);

	if (!sandbox_may_write(sandbox, base) &&
	    (real == NULL || !sandbox_may_write(sandbox, real))) {
		report_warn(report, "service",
		    report_remedy(report, "systemctl edit %s: [Service] ReadWritePaths=%s%s",
			facts->daemon, base, is_hidden(sandbox, base) ? " and ProtectHome=no" : ""),
		    "%s.service may not write to %s: all mail is put off", facts->daemon, base);
	}
	free(real);
}

/* An address of the host that cannot be reached; false for none, or if it has no address now. */
static bool find_unreachable(
    const struct sandbox *sandbox, const char *name, char address_r[NI_MAXHOST])
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *all = NULL;
	bool is_found = false;

	if (getaddrinfo(name, NULL, &hints, &all) != 0) {
		return false;
	}
	for (const struct addrinfo *at = all; at != NULL && !is_found; at = at->ai_next) {
		is_found = getnameinfo(at->ai_addr, at->ai_addrlen, address_r, NI_MAXHOST, NULL, 0,
			       NI_NUMERICHOST) == 0 &&
			   !sandbox_may_reach(sandbox, address_r);
	}
	freeaddrinfo(all);
	return is_found;
}

/* text: the host as it stands in key. */
static void check_host(const struct sandbox_facts *facts, const struct sandbox *sandbox,
    const char *name, const char *text, const char *key, struct report *report)
{
	char address[NI_MAXHOST];

	if (find_unreachable(sandbox, name, address)) {
		report_warn(report, "service",
		    report_remedy(report, "systemctl edit %s: [Service] IPAddressAllow=%s",
			facts->daemon, address),
		    "%s.service may not reach %s of %s", facts->daemon, text, key);
	}
}

static void check_hosts(
    const struct sandbox_facts *facts, const struct sandbox *sandbox, struct report *report)
{
	struct endpoint endpoint;
	struct error ignored;

	for (size_t i = 0; i < facts->hosts->n; i++) {
		const char *text = facts->hosts->texts[i];
		struct host host;

		if (host_parse(&host, text) == 0 && host.socket_path == NULL) {
			check_host(facts, sandbox, host.name, text, "mysql.hosts", report);
		}
	}
	if (facts->submission != NULL &&
	    endpoint_parse(&endpoint, facts->submission, &ignored) == 0 && endpoint.path == NULL) {
		check_host(
		    facts, sandbox, endpoint.host, facts->submission, "sieve.submission", report);
	}
}

/* What systemd listens on is handed over in the place of what the configuration says. */
static void check_sockets(const struct sandbox_facts *facts, struct report *report)
{
	char unit[64], *text;

	snprintf(unit, sizeof(unit), "%s.socket", facts->daemon);
	text = ask(unit, "LoadState,Listen");
	for (size_t i = 0; text != NULL && i < facts->listen->n; i++) {
		const char *ours = facts->listen->texts[i];

		if (strstr(text, "LoadState=loaded") != NULL && !sandbox_has_socket(text, ours)) {
			report_warn(report, "service",
			    report_remedy(report,
				"systemctl edit %s: [Socket], an empty ListenStream=, and "
				"ListenStream=%s",
				unit, ours + strlen("unix:")),
			    "%s: %s does not listen there", ours, unit);
		}
	}
	free(text);
}

void sandbox_check(const struct sandbox_facts *facts, struct report *report)
{
	struct sandbox sandbox;
	char unit[64], *text;

	snprintf(unit, sizeof(unit), "%s.service", facts->daemon);
	text = ask(unit, "LoadState,ExecStart,ProtectSystem,ProtectHome,ReadWritePaths,"
			 "IPAddressAllow,IPAddressDeny");
	if (text == NULL) {
		return;
	}
	sandbox_read(&sandbox, text);
	if (sandbox.is_loaded && sandbox_is_of(&sandbox, facts->file, facts->initial)) {
		for (const char *const *base = facts->bases; base != NULL && *base != NULL;
		     base++) {
			check_base(facts, &sandbox, *base, report);
		}
		check_hosts(facts, &sandbox, report);
		check_sockets(facts, report);
	}
	free(text);
}
