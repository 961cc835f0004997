/* SPDX-License-Identifier: MIT
 * The one place that knows how our sockets are written. Pure. */
#include "runtime/endpoint.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == ENDPOINT_PATH_MAX + 1, "a path fits");

static bool is_port(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n <= 5 && strspn(text, "0123456789") == n &&
	       strtol(text, NULL, 10) <= 65535;
}

/* "host:port" or "[v6]:port". */
static bool split_host(struct endpoint *endpoint, const char *text)
{
	bool is_bracketed = *text == '[';
	const char *start = text + is_bracketed, *end = strchr(start, is_bracketed ? ']' : ':');
	const char *colon = end != NULL && is_bracketed ? end + 1 : end;
	size_t n;

	if (colon == NULL || *colon != ':' || !is_port(colon + 1)) {
		return false;
	}
	n = (size_t)(end - start);
	if (n == 0 || n >= sizeof(endpoint->host)) {
		return false;
	}
	memcpy(endpoint->host, start, n);
	endpoint->port = colon + 1;
	return true;
}

int endpoint_parse(struct endpoint *endpoint_r, const char *text, struct error *error)
{
	*endpoint_r = (struct endpoint){ .text = text };
	if (strncmp(text, "unix:", 5) == 0) {
		endpoint_r->path = text + 5;
		if (text[5] != '/' || strlen(text + 5) > ENDPOINT_PATH_MAX) {
			return error_set(error, "\"%s\" needs an absolute path of at most %d bytes",
			    text, ENDPOINT_PATH_MAX);
		}
	} else if (strncmp(text, "inet:", 5) != 0 || !split_host(endpoint_r, text + 5)) {
		return error_set(
		    error, "\"%s\" is neither \"unix:/path\" nor \"inet:address:port\"", text);
	}
	return 0;
}

int endpoint_check(const char *text, struct error *error)
{
	struct endpoint endpoint;

	return endpoint_parse(&endpoint, text, error);
}
