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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_manager_that_hangs),
	};

	return cmocka_run_group_tests_name("systemd", tests, NULL, NULL);
}
