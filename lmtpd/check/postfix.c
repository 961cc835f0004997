/* SPDX-License-Identifier: MIT
 * What Postfix must be told so that mail reaches lmtpd, and does not come back. Postfix may be told
 * otherwise for a reason, so most of it is a warning. */
#include "doctor/postconf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lmtpd/check/check.h"
#include "lmtpd/lookup.h"

enum {
	DOMAINS_MAX = 200, /* of a parameter, that are looked up */
};

/* virtual_transport = transport:nexthop */
struct route {
	char transport[64];
	const char *nexthop;
	char destination[1024]; /* as socket: "unix:path" or "inet:host:port" */
	struct postconf_service service;
};

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

static void read_route(const char *value, struct route *route_r)
{
	size_t n = strcspn(value, ":");

	*route_r = (struct route){ .nexthop = value[n] == ':' ? value + n + 1 : "" };
	snprintf(route_r->transport, sizeof(route_r->transport), "%.*s", (int)n, value);
	read_destination(route_r);
}

/* How our first socket is called in main.cf. */
static void write_remedy(const struct check *check, char *remedy_r, size_t n)
{
	const char *ours = check->config.listen[0], *queue = check->postfix.queue_directory;
	size_t n_queue = strlen(queue);

	if (strncmp(ours, "unix:", 5) == 0 && strncmp(ours + 5, queue, n_queue) == 0 &&
	    ours[5 + n_queue] == '/') {
		snprintf(remedy_r, n,
		    "postconf -e 'virtual_transport = lmtp:unix:%s' && postfix reload",
		    ours + 5 + n_queue + 1);
	} else {
		snprintf(remedy_r, n, "postconf -e 'virtual_transport = lmtp:%s' && postfix reload",
		    ours);
	}
}

static void check_route(struct check *check)
{
	const char *value = postconf_get(&check->postfix, "virtual_transport");
	char remedy[REPORT_TEXT_MAX], path[POSTCONF_PATH_MAX];
	struct route route;

	read_route(value, &route);
	write_remedy(check, remedy, sizeof(remedy));
	if (!find_service(&check->postfix, &route)) {
		report_warn(&check->report, "virtual_transport", remedy,
		    "%s: there is no service \"%s\" in master.cf", value, route.transport);
	} else if (strcmp(route.service.command, "lmtp") != 0) {
		report_warn(&check->report, "virtual_transport", remedy,
		    "%s: that is Postfix's %s, not LMTP: no mail comes here by it", value,
		    route.service.command);
	} else if (!postconf_is_listed(&check->postfix, route.destination,
		       route.service.is_chrooted, check->config.listen, check->config.n_listen)) {
		snprintf(path, sizeof(path), "%s", route.destination + 5);
		if (strncmp(route.destination, "unix:", 5) == 0) {
			postconf_resolve(&check->postfix, route.destination + 5,
			    route.service.is_chrooted, path, sizeof(path));
		}
		report_warn(&check->report, "virtual_transport", remedy,
		    "%s leads to %s%s, which is none of lmtp.listen", value, path,
		    route.service.is_chrooted && route.destination[5] == '/'
			? " (the service lives in a chroot)"
			: "");
	} else {
		check->is_fed = true;
		report_ok(&check->report, "virtual_transport", "%s", value);
	}
}

static void check_maps(struct check *check)
{
	if (postconf_get(&check->postfix, "virtual_mailbox_domains")[0] == '\0') {
		report_warn(&check->report, "virtual_mailbox_domains",
		    "postconf -e 'virtual_mailbox_domains = "
		    "mysql:/etc/postfix/mysql-virtual-mailbox-domains.cf' && postfix reload",
		    "it is empty: Postfix takes no domain for one whose mail goes to lmtpd");
	} else if (postconf_get(&check->postfix, "virtual_mailbox_maps")[0] == '\0') {
		report_warn(&check->report, "virtual_mailbox_maps",
		    "postconf -e 'virtual_mailbox_maps = "
		    "mysql:/etc/postfix/mysql-virtual-mailbox-maps.cf' && postfix reload",
		    "it is empty: Postfix accepts mail for every address of the domains, and must "
		    "return it to senders that may be forged when lmtpd does not know the address");
	}
}

static void check_limits(struct check *check)
{
	const struct lmtp_settings *ours = &check->config.lmtp;
	const char *text = postconf_get(&check->postfix, "message_size_limit");
	unsigned long long theirs = strtoull(text, NULL, 10);

	if (ours->message_size_limit != 0 && text[0] != '\0' &&
	    (theirs == 0 || theirs > ours->message_size_limit)) {
		report_warn(&check->report, "message_size_limit",
		    "set lmtp.message_size_limit = 0 in lmtpd.conf, or lower Postfix's",
		    "Postfix accepts %s bytes, lmtpd %llu: what is larger is returned to the "
		    "sender",
		    theirs == 0 ? "any number of" : text,
		    (unsigned long long)ours->message_size_limit);
	}
	text = postconf_get(&check->postfix, "lmtp_destination_recipient_limit");
	theirs = strtoull(text, NULL, 10);
	if (text[0] != '\0' && (theirs == 0 || theirs > ours->recipient_limit)) {
		report_warn(&check->report, "recipient_limit",
		    "set lmtp.recipient_limit in lmtpd.conf to no less",
		    "lmtp_destination_recipient_limit of Postfix is %s, lmtpd takes %zu: the rest "
		    "of a message's recipients waits for the next try",
		    theirs == 0 ? "none" : text, ours->recipient_limit);
	}
}

/* user+detail that Postfix lets in and lmtpd does not know would be returned. */
static void check_delimiter(struct check *check)
{
	const char *theirs = postconf_get(&check->postfix, "recipient_delimiter");
	const char *ours = check->config.lmtp.recipient_delimiter;

	if (strspn(theirs, ours) != strlen(theirs)) {
		report_warn(&check->report, "recipient_delimiter",
		    "set lmtp.recipient_delimiter in lmtpd.conf to the same",
		    "\"%s\" in Postfix, \"%s\" in lmtpd: mail for user%.1sdetail is taken and then "
		    "returned",
		    theirs, ours, theirs + strspn(theirs, ours));
	}
}

void check_postfix(struct check *check)
{
	static const char *const names[] = { "virtual_transport", "virtual_mailbox_domains",
		"virtual_mailbox_maps", "virtual_alias_maps", "virtual_alias_domains",
		"mydestination", "message_size_limit", "lmtp_destination_recipient_limit",
		"recipient_delimiter", NULL };

	check->has_postfix = postconf_load(&check->postfix, names, &check->report);
	if (check->has_postfix) {
		report_ok(&check->report, "postfix", "queue in %s, runs as %s",
		    check->postfix.queue_directory, check->postfix.mail_owner);
		check_route(check);
		check_maps(check);
		check_limits(check);
		check_delimiter(check);
	}
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

static void check_list(struct check *check, const struct resolver *resolver, const char *name)
{
	const char *list = postconf_get(&check->postfix, name);
	char domain[ADDRESS_PART_MAX + 1], rest[1024], remedy[REPORT_TEXT_MAX];
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
			snprintf(remedy, sizeof(remedy), "postconf -e '%s = %s' && postfix reload",
			    name, rest);
			report_fail(&check->report, EX_CONFIG, name, remedy,
			    "%s is in the table of domains too: Postfix does not hand its mail to "
			    "lmtpd",
			    domain);
		}
	}
}

void check_postfix_domains(struct check *check, struct directory *directory)
{
	const struct resolver resolver = {
		.ask = lookup_ask,
		.source = directory,
		.delimiters = check->config.lmtp.recipient_delimiter,
	};

	if (check->has_postfix) {
		check_list(check, &resolver, "mydestination");
		check_list(check, &resolver, "virtual_alias_domains");
	}
}
