/* SPDX-License-Identifier: MIT
 * Where a socket is: "unix:/path", or "inet:host:port" with a host of IPv6 in brackets ("inet:[::1]:24"). */
#pragma once

#include "base/error.h"

enum {
	ENDPOINT_PATH_MAX = 107, /* bytes; sun_path of unix(7) holds them with their NUL */
};

struct endpoint {
	const char *text; /* as it was written; the next two lead into it */
	const char *path; /* NULL: it is one of TCP, with the next two */
	const char *port; /* a number from 0 to 65535 */
	char host[256];   /* a name or an address, without brackets */
};

/* Returns 0, or -1 with what is wrong with text in error. text must live as long as the endpoint. */
int endpoint_parse(struct endpoint *endpoint_r, const char *text, struct error *error);

/* Only says whether it is one; of the form that keys want (settings.h). */
int endpoint_check(const char *text, struct error *error);
