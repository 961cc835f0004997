/* SPDX-License-Identifier: MIT
 * Connecting: to sockets that listen, to such as do not, and to one that is full. */
#include "runtime/dial.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum {
	LONG = 600000, /* ms that no test waits for */
};

static int dial_text(const char *text, uint64_t until, struct error *error)
{
	struct endpoint endpoint;

	assert_int_equal(endpoint_parse(&endpoint, text, error), 0);
	return dial(&endpoint, until, error);
}

static void expect_open(const char *text)
{
	struct error error;
	int fd = dial_text(text, dial_now() + LONG, &error);

	assert_true(fd >= 0);
	assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
	assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
	close(fd);
}

static void expect_failure(const char *text, uint64_t until, const char *why)
{
	struct error error;
	char want[400];

	assert_int_equal(dial_text(text, until, &error), -1);
	snprintf(want, sizeof(want), "%s: cannot connect: %s", text, why);
	expect_text("failure", error.text, want);
}

static void test_unix(void **state)
{
	struct place *place = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char text[300];

	snprintf(text, sizeof(text), "unix:%s", place->file);
	snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", place->file);
	expect_failure(text, dial_now() + LONG, "No such file or directory");
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	expect_failure(text, dial_now() + LONG, "Connection refused");
	assert_int_equal(listen(fd, 0), 0);
	expect_open(text);
	/* One waits to be accepted, and the backlog is full: it is tried again until the time is over. */
	expect_failure(text, dial_now(), "Resource temporarily unavailable");
	expect_failure(text, dial_now() + 50, "Resource temporarily unavailable");
	close(fd);
}

static void test_inet(void **state)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char text[100];

	assert_int_equal(bind(fd, (struct sockaddr *)&address, n), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
	snprintf(text, sizeof(text), "inet:127.0.0.1:%u", ntohs(address.sin_port));
	expect_failure(text, dial_now() + LONG, "Connection refused");
	assert_int_equal(listen(fd, 10), 0);
	expect_open(text);
	snprintf(text, sizeof(text), "inet:localhost:%u", ntohs(address.sin_port));
	expect_open(text); /* which may have other addresses, too, that refuse */
	close(fd);
}

static void test_wait(void **state)
{
	int fds[2];
	uint64_t before;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	before = dial_now();
	assert_int_equal(dial_wait(fds[0], POLLIN, before + 30), 0);
	assert_true(dial_now() >= before + 29);
	assert_int_equal(dial_wait(fds[0], POLLIN, 0), 0); /* long ago */
	assert_int_equal(dial_wait(fds[0], POLLIN | POLLOUT, UINT64_MAX), POLLOUT);
	assert_int_equal(write(fds[1], "x", 1), 1);
	assert_int_equal(dial_wait(fds[0], POLLIN, dial_now() + LONG), POLLIN);
	close(fds[1]);
	assert_true((dial_wait(fds[0], 0, dial_now() + LONG) & POLLHUP) != 0);
	close(fds[0]);
}

static int set_up(void **state)
{
	return place_set_up(state, "socket");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_unix, set_up, place_tear_down),
		cmocka_unit_test(test_inet),
		cmocka_unit_test(test_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
