/* SPDX-License-Identifier: MIT
 * A packet is three bytes of length, a number, and the greeting: 10, a version that ends with NUL, four bytes, eight
 * and one, and the lower two bytes of what the server can. */
#include "schema/greeting.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	GREETING_MAX = 512, /* bytes; versions are far shorter */
	USUAL_PORT = 3306,
	CAN_TLS = 0x0800,
	/* Numbers of client libraries, from errmsg.h. */
	NO_CONNECTION = 2003,
	NO_TLS = 2026,
};

enum greeting greeting_parse(const unsigned char *p, size_t n)
{
	const unsigned char *version = p + 5, *end;

	if (n <= 5) {
		return GREETING_SHORT;
	}
	if (p[4] != 10) {
		return GREETING_OTHER;
	}
	end = memchr(version, '\0', n - 5);
	if (end == NULL || n - (size_t)(end - p) < 1 + 4 + 8 + 1 + 2) {
		return GREETING_SHORT;
	}
	end += 1 + 4 + 8 + 1;
	return ((end[0] | end[1] << 8) & CAN_TLS) != 0 ? GREETING_TLS : GREETING_PLAIN;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Returns 0, or -ETIMEDOUT. */
static int wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd pollfd = { .fd = fd, .events = events };
	int result;

	do {
		int64_t left = deadline - now_ms();

		result = left <= 0 ? 0 : poll(&pollfd, 1, (int)left);
	} while (result < 0 && errno == EINTR);
	return result == 0 ? -ETIMEDOUT : 0;
}

static int read_greeting(int fd, int64_t deadline)
{
	unsigned char buffer[GREETING_MAX];
	size_t n = 0;

	while (n < sizeof(buffer)) {
		ssize_t got;
		enum greeting greeting;

		if (wait_for(fd, POLLIN, deadline) != 0) {
			return -ETIMEDOUT;
		}
		got = recv(fd, buffer + n, sizeof(buffer) - n, 0);
		if (got <= 0) {
			return GREETING_OTHER;
		}
		n += (size_t)got;
		greeting = greeting_parse(buffer, n);
		if (greeting != GREETING_SHORT) {
			return greeting;
		}
	}
	return GREETING_OTHER;
}

static int ask_address(const struct addrinfo *address, int64_t deadline)
{
	int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0, result = GREETING_OTHER;
	socklen_t n = sizeof(error);

	if (fd < 0) {
		return GREETING_OTHER;
	}
	if (connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS) {
		close(fd);
		return GREETING_OTHER;
	}
	if (wait_for(fd, POLLOUT, deadline) != 0) {
		result = -ETIMEDOUT;
	} else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) == 0 && error == 0) {
		result = read_greeting(fd, deadline);
	}
	close(fd);
	return result;
}

int greeting_ask(const char *name, unsigned port, unsigned seconds)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	int64_t deadline = now_ms() + (int64_t)seconds * 1000;
	struct addrinfo *addresses;
	int result = GREETING_OTHER;
	char service[16];

	snprintf(service, sizeof(service), "%u", port == 0 ? (unsigned)USUAL_PORT : port);
	if (getaddrinfo(name, service, &hints, &addresses) != 0) {
		return GREETING_OTHER;
	}
	for (const struct addrinfo *address = addresses;
	     address != NULL && result == GREETING_OTHER; address = address->ai_next) {
		result = ask_address(address, deadline);
	}
	freeaddrinfo(addresses);
	return result;
}

struct tls_way greeting_way(const struct directory_settings *settings, const struct host *host)
{
	enum tls tls = tls_over(settings->tls, host->name, host->socket_path);

	return (struct tls_way){ tls, tls == TLS_REQUIRED && settings->tls_ca[0] != '\0' };
}

bool greeting_settle(struct tls_way *way, const struct host *host, const char *host_text,
    unsigned seconds, struct driver_failure *failure)
{
	int greeting = GREETING_TLS;

	if (!way->is_verified && (way->tls == TLS_TRY || way->tls == TLS_REQUIRED)) {
		greeting = greeting_ask(host->name, host->port, seconds);
	}
	if (greeting < 0) {
		failure->fault = DIRECTORY_OTHER_FAULT;
		error_set(&failure->error, "mysql %s: connect: it does not greet: %s (%d)",
		    host_text, strerror(-greeting), NO_CONNECTION);
		return false;
	}
	if (greeting == GREETING_PLAIN && way->tls == TLS_REQUIRED) {
		failure->fault = DIRECTORY_NO_TLS;
		error_set(&failure->error, "mysql %s: connect: the server offers no TLS (%d)%s",
		    host_text, NO_TLS, tls_advice(""));
		return false;
	}
	if (greeting != GREETING_TLS) {
		/* One that it is to verify the library refuses without TLS. */
		way->is_verified = way->tls == TLS_REQUIRED;
		way->tls = way->is_verified ? TLS_REQUIRED : TLS_OFF;
	}
	return true;
}
