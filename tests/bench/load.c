/* SPDX-License-Identifier: MIT
 * An LMTP client that keeps a server busy, as Postfix does, and costs little itself.
 *
 *   load deliver --socket PATH [options]    messages; figures as JSON
 *   load hold --socket PATH --sessions N    idle connections, until stdin ends
 *
 * A reply that is not what it should be ends the program with an error: its figures are about mail
 * that arrived. */
#include "load.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

_Noreturn void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

int connect_to(const char *path, double seconds)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = (time_t)seconds };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0) {
		die("socket");
	}
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

static const struct option options[] = {
	{ "socket", required_argument, NULL, 'k' },
	{ "sessions", required_argument, NULL, 's' },
	{ "recipients", required_argument, NULL, 'r' },
	{ "size", required_argument, NULL, 'l' },
	{ "to", required_argument, NULL, 't' },
	{ "first", required_argument, NULL, 'f' },
	{ "mailboxes", required_argument, NULL, 'n' },
	{ "messages", required_argument, NULL, 'm' },
	{ "seconds", required_argument, NULL, 'd' },
	{ "smtp", no_argument, NULL, 'e' },
	{ "reconnect", no_argument, NULL, 'c' },
	{ "at-once", no_argument, NULL, 'o' },
	{ NULL, 0, NULL, 0 },
};

static bool read_options(struct plan *plan, int argc, char **argv)
{
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'k':
			plan->socket = optarg;
			break;
		case 's':
			plan->sessions = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'r':
			plan->recipients = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'l':
			plan->size = strtoul(optarg, NULL, 10);
			break;
		case 't':
			plan->to = optarg;
			break;
		case 'f':
			plan->first = strtoul(optarg, NULL, 10);
			break;
		case 'n':
			plan->mailboxes = strtoul(optarg, NULL, 10);
			break;
		case 'm':
			plan->messages = strtoul(optarg, NULL, 10);
			break;
		case 'd':
			plan->seconds = strtod(optarg, NULL);
			break;
		case 'e':
			plan->is_smtp = true;
			break;
		case 'c':
			plan->reconnects = true;
			break;
		case 'o':
			plan->is_at_once = true;
			break;
		default:
			return false;
		}
	}
	return plan->socket != NULL && plan->sessions > 0 && plan->recipients > 0 &&
	       plan->mailboxes > 0 && (!plan->is_smtp || plan->recipients == 1);
}

int main(int argc, char **argv)
{
	struct plan plan = {
		.sessions = 1,
		.recipients = 1,
		.size = 4096,
		.to = "u%lu@example.com",
		.mailboxes = 1,
	};
	bool is_deliver = argc > 1 && strcmp(argv[1], "deliver") == 0;
	bool is_hold = argc > 1 && strcmp(argv[1], "hold") == 0;
	struct rlimit limit;

	if (argc < 2 || !read_options(&plan, argc - 1, argv + 1) || is_deliver == is_hold ||
	    (is_deliver && plan.messages == 0 && plan.seconds <= 0)) {
		fputs(
		    "usage: load deliver --socket PATH --messages N | --seconds S [--sessions N]\n"
		    "         [--recipients N] [--size BYTES] [--to TEMPLATE] [--first N]\n"
		    "         [--mailboxes N] [--smtp] [--reconnect] [--at-once]\n"
		    "       load hold --socket PATH --sessions N\n",
		    stderr);
		return 64;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (is_hold) {
		hold(plan.socket, plan.sessions);
	} else {
		deliver(&plan);
	}
	return 0;
}
