/* SPDX-License-Identifier: MIT
 * What postconf prints, one parameter or service a line, kept as vectors of lines (argz_add(3)). */
#include "doctor/postconf.h"

#include <argz.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/command.h"
#include "runtime/endpoint.h"

/* What postconf is asked: the parameters of main.cf that some check reads. */
static const char *const list_parameters[] = { "postconf", "-x", "queue_directory", "mail_owner",
	"compatibility_level", "virtual_transport", "virtual_mailbox_domains",
	"virtual_mailbox_maps", "virtual_alias_maps", "virtual_alias_domains", "mydestination",
	"message_size_limit", "lmtp_destination_recipient_limit", "recipient_delimiter",
	"smtpd_sasl_auth_enable", "smtpd_sasl_type", "smtpd_sasl_path", NULL };
static const char *const list_services[] = { "postconf", "-M", NULL };
static const char *const list_overrides[] = { "postconf", "-x", "-P", NULL };

/* The value of "name = value"; NULL if the line is of another name. */
static const char *value_of(const char *line, const char *name)
{
	size_t n = strlen(name);

	if (strncmp(line, name, n) != 0 || line[n] != ' ' || line[n + 1] != '=') {
		return NULL;
	}
	line += n + 2;
	return line + strspn(line, " \t");
}

static const char *find_value(const struct postconf_lines *lines, const char *name)
{
	const char *line = NULL;

	while ((line = argz_next(lines->argz, lines->n, line)) != NULL) {
		const char *value = value_of(line, name);

		if (value != NULL) {
			return value;
		}
	}
	return NULL;
}

const char *postconf_get(const struct postconf *postfix, const char *name)
{
	const char *value = find_value(&postfix->parameters, name);

	return value == NULL ? "" : value;
}

const char *postconf_get_override(
    const struct postconf *postfix, const struct postconf_service *service, const char *name)
{
	char key[sizeof(service->name) + sizeof(service->type) + 128];

	snprintf(key, sizeof(key), "%s/%s/%s", service->name, service->type, name);
	return find_value(&postfix->overrides, key);
}

/* Copies one word; returns what stands behind it. */
static const char *take_word(const char *line, char *word_r, size_t n_word)
{
	size_t n;

	line += strspn(line, " \t");
	n = strcspn(line, " \t");
	if (word_r != NULL) {
		snprintf(word_r, n_word, "%.*s", (int)n, line);
	}
	return line + n;
}

bool postconf_next_service(
    const struct postconf *postfix, const char **at, struct postconf_service *service_r)
{
	char chroot[4];
	const char *line;

	*at = argz_next(postfix->services.argz, postfix->services.n, *at);
	if (*at == NULL) {
		return false;
	}
	line = take_word(*at, service_r->name, sizeof(service_r->name));
	line = take_word(line, service_r->type, sizeof(service_r->type));
	line = take_word(line, NULL, 0); /* private */
	line = take_word(line, NULL, 0); /* unprivileged */
	line = take_word(line, chroot, sizeof(chroot));
	line = take_word(line, NULL, 0); /* wakeup */
	line = take_word(line, NULL, 0); /* limit of processes */
	take_word(line, service_r->command, sizeof(service_r->command));
	/* "-": y before Postfix 3.0, and where its defaults are asked for. */
	service_r->is_chrooted =
	    chroot[0] == 'y' ||
	    (chroot[0] == '-' && strcmp(postconf_get(postfix, "compatibility_level"), "0") == 0);
	return true;
}

void postconf_resolve(
    const struct postconf *postfix, const char *path, bool is_chrooted, char *path_r, size_t n_path)
{
	if (path[0] == '/' && !is_chrooted) {
		snprintf(path_r, n_path, "%s", path);
	} else {
		snprintf(path_r, n_path, "%s%s%s", postfix->queue_directory,
		    path[0] == '/' ? "" : "/", path);
	}
}

const char *postconf_below_queue(const struct postconf *postfix, const char *spec)
{
	size_t n = strlen(postfix->queue_directory);
	struct endpoint ours;
	struct error ignored;

	return endpoint_parse(&ours, spec, &ignored) == 0 && ours.path != NULL &&
		       strncmp(ours.path, postfix->queue_directory, n) == 0 && ours.path[n] == '/'
		   ? ours.path + n + 1
		   : NULL;
}

/* With the directory as it is really called, if we may see it. */
static void make_real(const char *path, char *real_r, size_t n_real)
{
	char directory[PATH_MAX], real[PATH_MAX];
	const char *slash = strrchr(path, '/');

	if (slash != NULL && (size_t)(slash - path) < sizeof(directory)) {
		snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
		if (realpath(directory[0] == '\0' ? "/" : directory, real) != NULL) {
			snprintf(real_r, n_real, "%s%s", strcmp(real, "/") == 0 ? "" : real, slash);
			return;
		}
	}
	snprintf(real_r, n_real, "%s", path);
}

static bool is_same_path(const char *a, const char *b)
{
	char real_a[PATH_MAX + 256], real_b[PATH_MAX + 256];

	make_real(a, real_a, sizeof(real_a));
	make_real(b, real_b, sizeof(real_b));
	return strcmp(real_a, real_b) == 0;
}

/* Addresses of this machine that are reached by one name, localhost. */
static bool is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
	       strcmp(host, "::1") == 0;
}

/* Does what Postfix connects to end at what we bind? One who binds all addresses is found at each. */
static bool is_same_inet(const struct endpoint *theirs, const struct endpoint *ours)
{
	return ours->path == NULL && strcmp(theirs->port, ours->port) == 0 &&
	       (strcmp(theirs->host, ours->host) == 0 || strcmp(ours->host, "0.0.0.0") == 0 ||
		   strcmp(ours->host, "::") == 0 ||
		   (is_loopback(theirs->host) && is_loopback(ours->host)));
}

bool postconf_is_listed(const struct postconf *postfix, const char *socket, bool is_chrooted,
    const struct settings_list *listen)
{
	bool is_inet = strncmp(socket, "inet:", 5) == 0;
	struct endpoint theirs, ours;
	struct error ignored;
	char path[PATH_MAX];

	if (is_inet && endpoint_parse(&theirs, socket, &ignored) != 0) {
		return false; /* its port has a name, while ours are numbers */
	}
	if (!is_inet) {
		postconf_resolve(postfix, strncmp(socket, "unix:", 5) == 0 ? socket + 5 : socket,
		    is_chrooted, path, sizeof(path));
	}
	for (size_t i = 0; i < listen->n; i++) {
		if (endpoint_parse(&ours, listen->texts[i], &ignored) == 0 &&
		    (is_inet ? is_same_inet(&theirs, &ours)
			     : ours.path != NULL && is_same_path(path, ours.path))) {
			return true;
		}
	}
	return false;
}

/* Runs postconf. False if that did not go well, which is reported. */
static bool ask(const char *const *argv, struct postconf_lines *lines_r, struct report *report)
{
	struct error error;
	char *text;
	size_t n;
	int result = command_run(argv, "MAIL_CONFIG", &text, &error);

	if (result == COMMAND_OK) {
		n = strlen(text);
		if (n > 0 && text[n - 1] == '\n') {
			text[n - 1] = '\0'; /* it ends the last line, and begins none */
		}
		result = argz_create_sep(text, '\n', &lines_r->argz, &lines_r->n);
		free(text);
		return result == 0;
	}
	if (result == COMMAND_ABSENT) {
		report_ok(report, "postfix", "not looked at: %s", error.text);
	} else {
		report_warn(report, "postfix",
		    "see what \"postconf\" says; until then nothing of Postfix is checked",
		    "postconf %s: %s", argv[1], error.text);
	}
	return false;
}

/* postconf would take a second to complain. */
static bool is_configured(struct report *report)
{
	const char *directory = getenv("MAIL_CONFIG");
	char file[PATH_MAX];

	snprintf(file, sizeof(file), "%s/main.cf", directory == NULL ? "/etc/postfix" : directory);
	if (access(file, R_OK) == 0) {
		return true;
	}
	if (errno == ENOENT || errno == ENOTDIR) {
		report_ok(report, "postfix",
		    "not looked at: there is no %s (MAIL_CONFIG names "
		    "another directory)",
		    file);
	} else {
		report_warn(report, "postfix", "run --check as root to see how Postfix is set up",
		    "%s: %s", file, strerror(errno));
	}
	return false;
}

void postconf_load(struct postconf *postfix, struct report *report)
{
	*postfix = (struct postconf){ .is_there = false };
	if (!is_configured(report) || !ask(list_parameters, &postfix->parameters, report) ||
	    !ask(list_services, &postfix->services, report) ||
	    !ask(list_overrides, &postfix->overrides, report)) {
		postconf_free(postfix);
		return;
	}
	postfix->is_there = true;
	postfix->queue_directory = postconf_get(postfix, "queue_directory");
	postfix->mail_owner = postconf_get(postfix, "mail_owner");
	report_ok(report, "postfix", "queue in %s, runs as %s", postfix->queue_directory,
	    postfix->mail_owner);
}

void postconf_free(struct postconf *postfix)
{
	free(postfix->parameters.argz);
	free(postfix->services.argz);
	free(postfix->overrides.argz);
	*postfix = (struct postconf){ .is_there = false };
}
