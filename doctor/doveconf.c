/* SPDX-License-Identifier: MIT
 * doveconf prints blocks, one opening or closing brace or one "key = value" a line. */
#include "doctor/doveconf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor/command.h"
#include "runtime/endpoint.h"

/* Of sockets without a slash, Dovecot's base_dir. */
static const char base[] = "/run/dovecot/";

static const char *const listeners[] = { "unix_listener ", "inet_listener " };

/* What is known of the listener that is being read. */
struct reading {
	bool has_lmtp;         /* among the protocols */
	bool is_inet, is_open; /* within a listener */
	char name[256];        /* of the socket's path, or of the listener */
	char port[16];
	bool is_off;
};

/* The one of our sockets that the listener would be, or NULL. */
static const char *find_listed(const struct sockets *sockets, const struct reading *reading)
{
	for (size_t i = 0; i < sockets->settings->listen.n; i++) {
		struct endpoint ours;
		struct error ignored;

		if (endpoint_parse(&ours, sockets->settings->listen.texts[i], &ignored) == 0 &&
		    reading->is_inet == (ours.path == NULL) &&
		    strcmp(reading->is_inet ? ours.port : ours.path,
			reading->is_inet ? reading->port : reading->name) == 0) {
			return ours.text;
		}
	}
	return NULL;
}

static void end_listener(
    const struct sockets *sockets, struct reading *reading, struct report *report)
{
	const char *ours = reading->is_off ? NULL : find_listed(sockets, reading);

	reading->is_open = false;
	if (ours == NULL) {
		return;
	}
	report_warn(report, "dovecot",
	    report_remedy(report,
		"take it from service %s: cp "
		"/usr/share/doc/lmtpd/examples/dovecot/99-lmtpd.conf /etc/dovecot/conf.d/ && "
		"doveadm reload",
		sockets->section),
	    "%s: Dovecot is configured to serve it too; while another program does, it will not "
	    "start",
	    ours);
}

/* Other blocks within the service are of no interest; a socket's path is relative to base_dir. */
static void begin_block(struct reading *reading, const char *line)
{
	for (size_t i = 0; i < sizeof(listeners) / sizeof(listeners[0]); i++) {
		size_t n = strlen(listeners[i]);

		if (strncmp(line, listeners[i], n) == 0) {
			line += n;
			*reading = (struct reading){
				.has_lmtp = reading->has_lmtp,
				.is_open = true,
				.is_inet = i == 1,
			};
			snprintf(reading->name, sizeof(reading->name), "%s%.*s",
			    line[0] == '/' ? "" : base, (int)strcspn(line, " {"), line);
		}
	}
}

/* A listener of mode 0, or on port 0, is switched off. */
static void read_value(struct reading *reading, const char *line)
{
	if (strncmp(line, "protocols = ", 12) == 0) {
		reading->has_lmtp = strstr(line, "lmtp") != NULL;
	} else if (reading->is_open && strncmp(line, "mode = ", 7) == 0) {
		reading->is_off = strtol(line + 7, NULL, 8) == 0;
	} else if (reading->is_open && strncmp(line, "port = ", 7) == 0) {
		snprintf(reading->port, sizeof(reading->port), "%s", line + 7);
		reading->is_off = strtol(line + 7, NULL, 10) == 0;
	}
}

static void read_line(
    const struct sockets *sockets, struct reading *reading, const char *line, struct report *report)
{
	size_t n;

	line += strspn(line, " \t");
	n = strlen(line);
	if (n > 0 && line[n - 1] == '{') {
		begin_block(reading, line);
	} else if (strcmp(line, "}") == 0) {
		if (reading->is_open) {
			end_listener(sockets, reading, report);
		}
	} else {
		read_value(reading, line);
	}
}

char *doveconf_ask(const char *what, struct report *report)
{
	const char *const argv[] = { "doveconf", what, NULL };
	struct error error;
	char *text;
	int result = command_run(argv, NULL, &text, &error);

	if (result != COMMAND_OK && result != COMMAND_ABSENT) {
		/* Debian's files are closed to others, and some have no Dovecot to set up. */
		report_ok(report, "dovecot", "not looked at: doveconf: %s%s", error.text,
		    geteuid() == 0 ? "" : " (root may see more)");
	}
	return text;
}

bool doveconf_check(const struct sockets *sockets, struct report *report)
{
	char block[64];
	struct reading reading = { .is_open = false };
	char *text, *rest = NULL;
	bool is_there;

	snprintf(block, sizeof(block), "service/%s", sockets->section);
	if (strcmp(sockets->section, "lmtp") == 0) {
		text = doveconf_ask("protocols", report);
		if (text == NULL) {
			return false;
		}
		read_value(&reading, text);
		free(text);
		if (!reading.has_lmtp) {
			return true; /* the service's listeners are not made */
		}
	}
	text = doveconf_ask(block, report);
	is_there = text != NULL;
	for (char *line = text == NULL ? NULL : strtok_r(text, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		read_line(sockets, &reading, line, report);
	}
	free(text);
	return is_there;
}
