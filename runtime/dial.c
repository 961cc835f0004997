/* SPDX-License-Identifier: MIT
 * A Unix socket whose backlog is full does not let a client wait: it is asked again until the time is over. */
#include "runtime/dial.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

enum {
	AGAIN_MS = 10, /* between two tries */
};

uint64_t dial_now(void)
{
	return uv_hrtime() / 1000000;
}

int dial_wait(int fd, short events, uint64_t until)
{
	struct pollfd polled = { .fd = fd, .events = events };
	uint64_t now;
	int result;

	do {
		now = dial_now();
		result = poll(&polled, 1,
		    until <= now            ? 0
		    : until - now > INT_MAX ? INT_MAX
					    : (int)(until - now));
	} while (result < 0 && errno == EINTR);
	return result > 0 ? polled.revents : result < 0 ? -errno : 0;
}

/* Waits for a connection that is on its way. Returns 0 or a negative errno. */
static int finish(int fd, uint64_t until)
{
	int result = dial_wait(fd, POLLOUT, until), error = 0;
	socklen_t n = sizeof(error);

	if (result <= 0) {
		return result == 0 ? -ETIMEDOUT : result;
	}
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) != 0 ? -errno : -error;
}

/* Returns the socket or a negative errno. */
static int try_address(const struct sockaddr *address, socklen_t n, uint64_t until)
{
	int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int result, on = 1;

	if (fd < 0) {
		return -errno;
	}
	while ((result = connect(fd, address, n) == 0 ? 0 : -errno) == -EAGAIN &&
	       dial_now() + AGAIN_MS < until) {
		poll(NULL, 0, AGAIN_MS);
	}
	if (result == -EINPROGRESS || result == -EINTR) {
		result = finish(fd, until);
	}
	if (result < 0) {
		close(fd);
		return result;
	}
	if (address->sa_family != AF_UNIX) {
		/* What is sent at once is complete: nothing is gained by waiting for more. */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	}
	return fd;
}

static int dial_unix(const struct endpoint *endpoint, uint64_t until)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, endpoint->path, strlen(endpoint->path) + 1);
	return try_address((const struct sockaddr *)&address, sizeof(address), until);
}

int dial(const struct endpoint *endpoint, uint64_t until, struct error *error)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	struct addrinfo *found;
	int result;

	if (endpoint->path != NULL) {
		result = dial_unix(endpoint, until);
	} else {
		result = getaddrinfo(endpoint->host, endpoint->port, &hints, &found);
		if (result != 0) {
			return error_set(error, "%s: %s", endpoint->text, gai_strerror(result));
		}
		result = -EHOSTUNREACH;
		for (struct addrinfo *at = found; at != NULL && result < 0; at = at->ai_next) {
			result = try_address(at->ai_addr, at->ai_addrlen, until);
		}
		freeaddrinfo(found);
	}
	if (result < 0) {
		return error_set(
		    error, "%s: cannot connect: %s", endpoint->text, strerror(-result));
	}
	return result;
}
