/* SPDX-License-Identifier: MIT
 * What Postfix must be told so that mail reaches lmtpd, and does not come back. Postfix may be told
 * otherwise for a reason, so most of it is a warning. */
#include "doctor/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum {
	DOMAINS_MAX = 200, /* of a parameter, that are looked up */
};

/* virtual_transport = transport:nexthop, transport(5): a service of master.cf, and where it goes. */
struct route {
	char transport[64];
	const char *nexthop;
	char destination[1024]; /* as socket: "unix:path" or "inet:host:port" */
	struct postconf_service service;
};

/* lmtp(8) is a client of type unix in master.cf, like all that qmgr(8) hands mail to. */
static bool find_service(const struct postconf *postfix, struct route *route)
{
	const char *at = NULL;

	while (postconf_next_service(postfix, &at, &route->service)) {
		if (strcmp(route->service.name, route->transport) == 0 &&
		    strcmp(route->service.type, "unix") == 0) {
			return true;
		}
	}
	return false;
}

/* Nexthops of lmtp(8): unix:path, inet:host:port, [host]:port, host; the usual port is 24. */
static void read_destination(struct route *route)
{
	const char *text = route->nexthop;

	if (strncmp(text, "unix:", 5) == 0) {
		snprintf(route->destination, sizeof(route->destination), "%s", text);
		return;
	}
	text += strncmp(text, "inet:", 5) == 0 ? 5 : 0;
	snprintf(route->destination, sizeof(route->destination), "inet:%s%s", text,
	    strrchr(text, ':') == NULL || text[strlen(text) - 1] == ']' ? ":24" : "");
}

/* Without a nexthop Postfix takes the recipient's domain for one: that is no socket of ours. */
static void read_route(const char *value, struct route *route_r)
{
	size_t n = strcspn(value, ":");

	*route_r = (struct route){ .nexthop = value[n] == ':' ? value + n + 1 : "" };
	snprintf(route_r->transport, sizeof(route_r->transport), "%.*s", (int)n, value);
	read_destination(route_r);
}

/* Leads virtual_transport to our first socket. */
static const char *make_remedy(
    const struct sockets *sockets, const struct postconf *postfix, struct report *report)
{
	const char *below = postconf_below_queue(postfix, sockets->settings->listen.texts[0]);

	return report_remedy(report,
	    "postconf -e 'virtual_transport = lmtp:%s%s' && postfix reload",
	    below != NULL ? "unix:" : "",
	    below != NULL ? below : sockets->settings->listen.texts[0]);
}

/* The path that a socket's destination has on this machine, for people. */
static void show_destination(
    const struct postconf *postfix, const struct route *route, char *path_r, size_t n)
{
	bool is_chrooted = route->service.is_chrooted;

	if (strncmp(route->destination, "unix:", 5) == 0) {
		postconf_resolve(postfix, route->destination + 5, is_chrooted, path_r, n);
	} else {
		snprintf(path_r, n, "%s", route->destination + 5);
	}
}

bool route_find_socket(const struct postconf *postfix, char *socket_r, size_t n)
{
	struct route route;
	char path[POSTCONF_PATH_MAX];

	read_route(postconf_get(postfix, "virtual_transport"), &route);
	if (!find_service(postfix, &route) || strcmp(route.service.command, "lmtp") != 0 ||
	    route.nexthop[0] == '\0') {
		return false;
	}
	show_destination(postfix, &route, path, sizeof(path));
	snprintf(socket_r, n, "%s%s", path[0] == '/' ? "unix:" : "inet:", path);
	return true;
}

/* True if it leads to us. */
static bool check_transport(
    const struct sockets *sockets, const struct postconf *postfix, struct report *report)
{
	const char *value = postconf_get(postfix, "virtual_transport");
	const char *remedy = make_remedy(sockets, postfix, report);
	char path[POSTCONF_PATH_MAX];
	struct route route;

	read_route(value, &route);
	if (!find_service(postfix, &route)) {
		report_warn(report, "virtual_transport", remedy,
		    "%s: there is no service \"%s\" in master.cf", value, route.transport);
	} else if (strcmp(route.service.command, "lmtp") != 0) {
		report_warn(report, "virtual_transport", remedy,
		    "%s: that is Postfix's %s, not LMTP: no mail comes here by it", value,
		    route.service.command);
	} else if (!postconf_is_listed(postfix, route.destination, route.service.is_chrooted,
		       &sockets->settings->listen)) {
		show_destination(postfix, &route, path, sizeof(path));
		report_warn(report, "virtual_transport", remedy,
		    "%s leads to %s%s, which is none of lmtp.listen", value, path,
		    route.service.is_chrooted && route.destination[5] == '/'
			? " (the service lives in a chroot)"
			: "");
	} else {
		report_ok(report, "virtual_transport", "%s", value);
		return true;
	}
	return false;
}

/* What Postfix lets in: it should know domains and mailboxes by itself, before it says 250. */
static void check_maps(const struct postconf *postfix, struct report *report)
{
	if (postconf_get(postfix, "virtual_mailbox_domains")[0] == '\0') {
		report_warn(report, "virtual_mailbox_domains",
		    "postconf -e 'virtual_mailbox_domains = "
		    "mysql:/etc/postfix/mysql-virtual-mailbox-domains.cf' && postfix reload",
		    "it is empty: Postfix takes no domain for one whose mail goes to lmtpd");
	} else if (postconf_get(postfix, "virtual_mailbox_maps")[0] == '\0') {
		report_warn(report, "virtual_mailbox_maps",
		    "postconf -e 'virtual_mailbox_maps = "
		    "mysql:/etc/postfix/mysql-virtual-mailbox-maps.cf' && postfix reload",
		    "it is empty: Postfix accepts mail for every address of the domains, and must "
		    "return it to senders that may be forged when lmtpd does not know the address");
	}
}

/* Zero is "no limit" on both sides. */
static void check_limits(
    const struct lmtp_settings *ours, const struct postconf *postfix, struct report *report)
{
	const char *text = postconf_get(postfix, "message_size_limit");
	unsigned long long theirs = strtoull(text, NULL, 10);

	if (ours->message_size_limit != 0 && text[0] != '\0' &&
	    (theirs == 0 || theirs > ours->message_size_limit)) {
		report_warn(report, "message_size_limit",
		    "set lmtp.message_size_limit = 0 in lmtpd.conf, or lower Postfix's",
		    "Postfix accepts %s bytes, lmtpd %llu: what is larger is returned to the "
		    "sender",
		    theirs == 0 ? "any number of" : text,
		    (unsigned long long)ours->message_size_limit);
	}
	text = postconf_get(postfix, "lmtp_destination_recipient_limit");
	theirs = strtoull(text, NULL, 10);
	if (text[0] != '\0' && (theirs == 0 || theirs > ours->recipient_limit)) {
		report_warn(report, "recipient_limit",
		    "set lmtp.recipient_limit in lmtpd.conf to no less",
		    "lmtp_destination_recipient_limit of Postfix is %s, lmtpd takes %zu: the rest "
		    "of a message's recipients waits for the next try",
		    theirs == 0 ? "none" : text, ours->recipient_limit);
	}
}

/* user+detail that Postfix lets in and lmtpd does not know would be returned. */
static void check_delimiter(const char *ours, const struct postconf *postfix, struct report *report)
{
	const char *theirs = postconf_get(postfix, "recipient_delimiter");

	if (strspn(theirs, ours) != strlen(theirs)) {
		report_warn(report, "recipient_delimiter",
		    "set lmtp.recipient_delimiter in lmtpd.conf to the same",
		    "\"%s\" in Postfix, \"%s\" in lmtpd: mail for user%.1sdetail is taken and then "
		    "returned",
		    theirs, ours, theirs + strspn(theirs, ours));
	}
}

bool route_check(const struct sockets *sockets, const struct lmtp_settings *lmtp,
    const struct postconf *postfix, struct report *report)
{
	bool is_fed;

	if (!postfix->is_there) {
		return false;
	}
	is_fed = check_transport(sockets, postfix, report);
	check_maps(postfix, report);
	check_limits(lmtp, postfix, report);
	check_delimiter(lmtp->recipient_delimiter, postfix, report);
	return is_fed;
}

/* The list without one of its entries. */
static void leave_out(const char *list, const char *without, char *rest_r, size_t n_rest)
{
	size_t at = 0, n;

	rest_r[0] = '\0';
	for (const char *p = list; *p != '\0' && at < n_rest; p += n) {
		p += strspn(p, ", \t");
		n = strcspn(p, ", \t");
		if (n > 0 && (strlen(without) != n || strncasecmp(p, without, n) != 0)) {
			at += (size_t)snprintf(
			    rest_r + at, n_rest - at, "%s%.*s", at > 0 ? ", " : "", (int)n, p);
		}
	}
}

/* A domain that two classes of Postfix's have goes by the first, and these come before virtual mailboxes. */
static void check_list(const struct resolver *resolver, const struct postconf *postfix,
    const char *name, struct report *report)
{
	const char *list = postconf_get(postfix, name);
	char domain[ADDRESS_PART_MAX + 1], rest[1024];
	unsigned n_looked_up = 0;
	size_t n;

	for (const char *p = list; *p != '\0' && n_looked_up < DOMAINS_MAX; p += n) {
		bool is_ours = false;

		p += strspn(p, ", \t");
		n = strcspn(p, ", \t");
		/* Neither a table nor a file, nor what is taken out of them. */
		if (n == 0 || n >= sizeof(domain) || memchr(p, ':', n) != NULL || *p == '/' ||
		    *p == '!') {
			continue;
		}
		for (size_t i = 0; i < n; i++) {
			domain[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] + 32 : p[i]);
		}
		domain[n] = '\0';
		n_looked_up++;
		if (resolver_owns(resolver, domain, &is_ours) != 0) {
			return; /* the query is judged elsewhere */
		}
		if (is_ours) {
			leave_out(list, domain, rest, sizeof(rest));
			report_fail(report, EX_CONFIG, name,
			    report_remedy(
				report, "postconf -e '%s = %s' && postfix reload", name, rest),
			    "%s is in the table of domains too: Postfix does not hand its mail to "
			    "lmtpd",
			    domain);
		}
	}
}

void route_check_domains(
    const struct resolver *resolver, const struct postconf *postfix, struct report *report)
{
	check_list(resolver, postfix, "mydestination", report);
	check_list(resolver, postfix, "virtual_alias_domains", report);
}

enum socket_server route_judge(const char *said, pid_t holder, char *who_r, size_t n_who)
{
	snprintf(who_r, n_who, "\"%.*s\"", (int)strcspn(said, "\r\n"), said);
	return strstr(who_r, "lmtpd") != NULL ? SOCKET_OURS : SOCKET_OTHER;
}
