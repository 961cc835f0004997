/* SPDX-License-Identifier: MIT
 * Whether Postfix asks lmtpd-auth who may log in. Each service may have its own answer in master.cf, which
 * comes before that of main.cf. */
#include "doctor/logins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* What a process is called, "" if it cannot be seen. */
static void find_name(unsigned long pid, char *name_r, size_t n_name)
{
	char path[64];
	FILE *file;

	name_r[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%lu/comm", pid);
	file = fopen(path, "re");
	if (file != NULL) {
		if (fgets(name_r, (int)n_name, file) != NULL) {
			name_r[strcspn(name_r, "\n")] = '\0';
		}
		fclose(file);
	}
}

/* Both speak Dovecot's protocol, and Dovecot's own process is called "auth": the number of the process stands
 * behind SPID. In another container numbers mean other processes. */
enum socket_server logins_judge(const char *said, pid_t holder, char *who_r, size_t n_who)
{
	const char *spid = strstr(said, "\nSPID\t");
	unsigned long pid;
	char name[64];

	if (spid == NULL) {
		snprintf(who_r, n_who, "%s",
		    strncmp(said, "VERSION\t", 8) == 0
			? "it waits for its client to speak first, as Dovecot 2.4 does"
			: "it does not speak Dovecot's auth protocol");
		return SOCKET_OTHER;
	}
	pid = strtoul(spid + 6, NULL, 10);
	find_name(pid, name, sizeof(name));
	if (strcmp(name, "lmtpd-auth") == 0) {
		return SOCKET_OURS;
	}
	if (holder == 0 || name[0] == '\0') {
		snprintf(who_r, n_who, "process %lu, which cannot be seen from here", pid);
		return SOCKET_UNKNOWN;
	}
	snprintf(who_r, n_who, "process %lu (%s)%s", pid, name,
	    strcmp(name, "auth") == 0 ? ", which is Dovecot's" : "");
	return SOCKET_OTHER;
}

/* What a service goes by. */
static const char *get(
    const struct postconf *postfix, const struct postconf_service *service, const char *name)
{
	const char *override = postconf_get_override(postfix, service, name);

	return override != NULL ? override : postconf_get(postfix, name);
}

/* Leads a service to our first socket: there where its parameters are set now. */
static const char *make_remedy(const struct sockets *sockets, const struct postconf *postfix,
    const struct postconf_service *service, struct report *report)
{
	const char *below = postconf_below_queue(postfix, sockets->settings->listen.texts[0]);
	const char *path = below != NULL ? below : sockets->settings->listen.texts[0];

	if (postconf_get_override(postfix, service, "smtpd_sasl_path") != NULL ||
	    postconf_get_override(postfix, service, "smtpd_sasl_type") != NULL) {
		return report_remedy(report,
		    "postconf -P '%s/%s/smtpd_sasl_type = dovecot' '%s/%s/smtpd_sasl_path = %s' && "
		    "postfix reload",
		    service->name, service->type, service->name, service->type, path);
	}
	return report_remedy(report,
	    "postconf -e 'smtpd_sasl_type = dovecot' 'smtpd_sasl_path = %s' && postfix "
	    "reload",
	    path);
}

/* Only smtpd(8) asks for logins, and by default it does not. Postfix takes "YES" too. */
static bool offers_logins(const struct postconf *postfix, const struct postconf_service *service)
{
	return strcmp(service->command, "smtpd") == 0 &&
	       strcasecmp(get(postfix, service, "smtpd_sasl_auth_enable"), "yes") == 0;
}

/* True if the service asks us. */
static bool check_service(const struct sockets *sockets, const struct postconf *postfix,
    const struct postconf_service *service, struct report *report)
{
	const char *type = get(postfix, service, "smtpd_sasl_type");
	const char *path = get(postfix, service, "smtpd_sasl_path");
	const char *remedy = make_remedy(sockets, postfix, service, report);

	if (strcmp(type, "dovecot") != 0) {
		report_warn(report, "smtpd_sasl_type", remedy,
		    "service %s: \"%s\": logins there do not come to lmtpd-auth", service->name,
		    type);
	} else if (!postconf_is_listed(
		       postfix, path, service->is_chrooted, &sockets->settings->listen)) {
		report_warn(report, "smtpd_sasl_path", remedy,
		    "service %s: \"%s\" is none of auth.listen%s", service->name, path,
		    path[0] == '/' && service->is_chrooted ? " (the service lives in a chroot)"
							   : "");
	} else {
		report_ok(report, "smtpd_sasl_path", "service %s: %s", service->name, path);
		return true;
	}
	return false;
}

bool logins_check(
    const struct sockets *sockets, const struct postconf *postfix, struct report *report)
{
	struct postconf_service service;
	const char *at = NULL;
	bool is_offered = false, is_asked = false;

	while (postconf_next_service(postfix, &at, &service)) {
		if (offers_logins(postfix, &service)) {
			is_offered = true;
			is_asked = check_service(sockets, postfix, &service, report) || is_asked;
		}
	}
	if (postfix->is_there && !is_offered) {
		report_warn(report, "smtpd_sasl_auth_enable",
		    "postconf -P 'submission/inet/smtpd_sasl_auth_enable = yes' && postfix reload",
		    "no service of master.cf offers logins: nobody asks lmtpd-auth");
	}
	return is_asked;
}
