/* SPDX-License-Identifier: MIT
 * Hosts as mysql_real_connect() wants them. Pure. */
#include "schema/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int parse_port(const char *text, unsigned *port_r)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || port == 0 || port > 65535) {
		return -1;
	}
	*port_r = (unsigned)port;
	return 0;
}

int host_parse(struct host *host_r, const char *text)
{
	const char *end, *port = NULL;
	size_t n;

	*host_r = (struct host){ .port = 0 };
	if (strncmp(text, "unix:", 5) == 0) {
		host_r->socket_path = text + 5;
		snprintf(host_r->name, sizeof(host_r->name), "localhost");
		return text[5] == '/' ? 0 : -1;
	}
	if (*text == '[') {
		end = strchr(++text, ']');
		if (end == NULL || (end[1] != '\0' && end[1] != ':')) {
			return -1;
		}
		port = end[1] == ':' ? end + 2 : NULL;
	} else {
		end = strchrnul(text, ':');
		if (*end == ':' && strchr(end + 1, ':') == NULL) {
			port = end + 1;
		} else { /* none, or a bare v6 address */
			end = text + strlen(text);
		}
	}
	n = (size_t)(end - text);
	if (n == 0 || n >= sizeof(host_r->name)) {
		return -1;
	}
	memcpy(host_r->name, text, n);
	return port == NULL ? 0 : parse_port(port, &host_r->port);
}
