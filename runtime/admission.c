/* SPDX-License-Identifier: MIT
 * A few prefixes are compared where they stand: there is one connection for many messages. */
#include "runtime/admission.h"

#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>

#include "runtime/daemon.h"
#include "runtime/log.h"
#include "runtime/prefix.h"

enum {
	TELL_MS =
	    10000, /* between two lines of the log: who is refused must not be able to fill it */
};

static void refuse(struct daemon *daemon, const struct prefix_address *address)
{
	uint64_t now = uv_now(&daemon->loop);
	char text[PREFIX_TEXT_SIZE], since[80] = "";

	daemon->n_refused++;
	if (daemon->n_refused_told > 0 && now - daemon->refusal_told < TELL_MS) {
		return;
	}
	if (daemon->n_refused > daemon->n_refused_told + 1) {
		snprintf(since, sizeof(since),
		    "; %" PRIu64 " more were refused since the last such line",
		    daemon->n_refused - daemon->n_refused_told - 1);
	}
	prefix_print_address(address, text);
	log_event(LOG_LEVEL_WARNING, "refused",
	    "%s may not connect: the key allow of %s does not name it%s", text, daemon->config_file,
	    since);
	daemon->refusal_told = now;
	daemon->n_refused_told = daemon->n_refused;
}

bool admission_grant(struct daemon *daemon, const struct peer *peer)
{
	/* The first member of every configuration. */
	const struct daemon_settings *settings = daemon->service->config;
	const struct settings_list *allow = &settings->allow;
	struct prefix_address address = { .is_v6 = false };
	int result;

	if (allow->n == 0) {
		return true;
	}
	result = peer_get_address(peer, &address);
	if (result == -ENOTSOCK ||
	    (result == 0 && prefix_any_has(allow->texts, allow->n, &address))) {
		return true;
	}
	refuse(daemon, &address);
	return false;
}

bool admission_is_reached(const struct endpoint *endpoint)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct prefix_address address;
	struct addrinfo *found;
	bool is_reached;

	if (endpoint->path != NULL ||
	    getaddrinfo(endpoint->host, endpoint->port, &hints, &found) != 0) {
		return false;
	}
	is_reached = prefix_from_socket(&address, found->ai_addr) && !prefix_is_loopback(&address);
	freeaddrinfo(found);
	return is_reached;
}
