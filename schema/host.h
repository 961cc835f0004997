/* SPDX-License-Identifier: MIT
 * Where a database is: name, name:port, [v6]:port or unix:/path. */
#pragma once

struct host {
	char name[256];
	unsigned port; /* 0: the usual one */
	const char
	    *socket_path; /* leads into the text it was parsed from; NULL: TCP, by name and port */
};

/* Returns 0, or -1 if text is of no such form. */
int host_parse(struct host *host_r, const char *text);
