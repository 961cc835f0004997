/* SPDX-License-Identifier: MIT
 * What the service manager is told. */
#include "runtime/systemd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static char directory[] = "/tmp/lmtpd-systemd-XXXXXX";
static struct sockaddr_un address = { .sun_family = AF_UNIX };

/* A manager's socket, that nobody reads unless the test does. */
static int open_manager(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_non_null(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/notify", directory);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
	return fd;
}

static void close_manager(int fd)
{
	unsetenv("NOTIFY_SOCKET");
	close(fd);
	unlink(address.sun_path);
	rmdir(directory);
	memcpy(directory + strlen(directory) - 6, "XXXXXX", 6);
}

static void test_status(void **state)
{
	int fd = open_manager();
	char text[200];
	ssize_t n;

	systemd_notify_status("READY=1", "says %s", "a\nb");
	n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	assert_true(n > 0);
	text[n] = '\0';
	expect_text("told", text, "READY=1\nSTATUS=says a b");
	close_manager(fd);
	systemd_notify("WATCHDOG=1"); /* nobody is there */
}

/* A manager that hangs does not hang the daemon, too. */
static void test_manager_that_hangs(void **state)
{
	int fd = open_manager(), other = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	while (sendto(other, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&address, sizeof(address)) ==
	       1) {
	}
	alarm(60);
	systemd_notify("WATCHDOG=1");
	alarm(0);
	close(other);
	close_manager(fd);
}

/* As sd_listen_fds(3) is called; who asks must be the one that is meant. */
static int listen_fds(long pid, const char *n, const char *names, char **names_r)
{
	char text[24];
	int n_passed;

	snprintf(text, sizeof(text), "%ld", pid);
	setenv("LISTEN_PID", text, 1);
	setenv("LISTEN_FDS", n, 1);
	if (names != NULL) {
		setenv("LISTEN_FDNAMES", names, 1);
	}
	n_passed = systemd_listen_fds(names_r);
	assert_null(getenv("LISTEN_PID"));
	assert_null(getenv("LISTEN_FDS"));
	assert_null(getenv("LISTEN_FDNAMES"));
	return n_passed;
}

static void test_sockets(void **state)
{
	char *names;

	assert_int_equal(listen_fds(getpid(), "2", "lmtpd.socket:policy", &names), 2);
	expect_text("names", names, "lmtpd.socket:policy");
	free(names);
	assert_int_equal(listen_fds(getpid(), "2", NULL, &names), 2);
	assert_null(names);
	assert_int_equal(listen_fds(getpid() + 1, "2", "a:b", &names), 0);
	assert_null(names);
	assert_int_equal(listen_fds(getpid(), "0", "a:b", &names), 0);
	assert_null(names);
	assert_int_equal(systemd_listen_fds(&names), 0);
	assert_null(names);
}

static void test_names(void **state)
{
	static const char names[] = "lmtpd.socket:policy::policyx:policy";
	static const bool are_policy[] = { false, true, false, false, true, false, false };

	for (size_t i = 0; i < LENGTH(are_policy); i++) {
		assert_int_equal(systemd_name_is(names, i, "policy"), are_policy[i]);
	}
	assert_false(systemd_name_is(NULL, 0, "policy"));
	assert_false(systemd_name_is("", 0, "policy"));
	assert_true(systemd_name_is("policy", 0, "policy"));
	assert_false(systemd_name_is("polic", 0, "policy"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_manager_that_hangs),
		cmocka_unit_test(test_sockets),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests_name("systemd", tests, NULL, NULL);
}
