/* SPDX-License-Identifier: MIT
 * Idle connections, for the memory that they cost the server. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "load.h"

enum {
	PATIENCE = 2, /* seconds until a connection counts as not served */
};

static bool has_answer(int fd, const char *code)
{
	struct timeval timeout = { .tv_sec = PATIENCE };
	char reply[4096];
	ssize_t got;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	got = read(fd, reply, sizeof(reply));
	return got >= 3 && strncmp(reply, code, 3) == 0;
}

static bool is_served(int fd)
{
	static const char lhlo[] = "LHLO client.example.net\r\n";

	return has_answer(fd, "220") && write(fd, lhlo, sizeof(lhlo) - 1) > 0 &&
	       has_answer(fd, "250");
}

void hold(const char *path, unsigned n)
{
	unsigned n_held = 0;
	char unused;

	while (n_held < n) {
		int fd = connect_to(path, PATIENCE);

		if (fd < 0 || !is_served(fd)) {
			break;
		}
		n_held++;
	}
	printf("{\"held\": %u}\n", n_held);
	fflush(stdout);
	while (read(STDIN_FILENO, &unused, 1) > 0) {
	}
}
