/* SPDX-License-Identifier: MIT
 * Load for lmtpd-auth, and what the machine could do at best.
 *
 *   auth_load crypt HASH THREADS SECONDS                     hashes a second of bare crypt_rn()
 *   auth_load login SOCKET USER PASSWORD CONNECTIONS SECONDS  answers a second of the daemon
 *
 * A login client is what Postfix's smtpd is: one request at a time on a connection that stays. Prints
 * one number; for login also the answers by kind on stderr. */
#include <crypt.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "auth_load: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- bare crypt_rn() --- */

static atomic_ulong n_hashes;
static atomic_bool is_over;

static void *run_crypt(void *data)
{
	struct crypt_data *crypt_data = calloc(1, sizeof(*crypt_data));

	while (crypt_data != NULL && !is_over) {
		if (crypt_rn("firstpassword", data, crypt_data, (int)sizeof(*crypt_data)) == NULL) {
			die("crypt_rn");
		}
		n_hashes++;
	}
	free(crypt_data);
	return NULL;
}

static void measure_crypt(char *hash, unsigned n_threads, double seconds)
{
	pthread_t *threads = calloc(n_threads, sizeof(*threads));
	double begun = now();

	if (threads == NULL) {
		die("calloc");
	}
	for (unsigned i = 0; i < n_threads; i++) {
		if (pthread_create(&threads[i], NULL, run_crypt, hash) != 0) {
			die("pthread_create");
		}
	}
	usleep((useconds_t)(seconds * 1e6));
	is_over = true;
	for (unsigned i = 0; i < n_threads; i++) {
		pthread_join(threads[i], NULL);
	}
	printf("%.0f\n", (double)n_hashes / (now() - begun));
	free(threads);
}

/* --- logins --- */

struct client {
	int fd;
	char line[512];
	size_t n;
	unsigned long id;
};

struct load {
	int epoll_fd;
	struct client *clients;
	char response[1024]; /* base64 */
	unsigned long n_ok, n_fail, n_lost;
};

static void encode(char *out, const unsigned char *data, size_t n)
{
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < n; i += 3) {
		unsigned bits = (unsigned)data[i] << 16;

		bits |= i + 1 < n ? (unsigned)data[i + 1] << 8 : 0;
		bits |= i + 2 < n ? data[i + 2] : 0;
		*out++ = alphabet[bits >> 18];
		*out++ = alphabet[bits >> 12 & 63];
		*out++ = '=';
		*out++ = '=';
		if (i + 1 < n) {
			out[-2] = alphabet[bits >> 6 & 63];
		}
		if (i + 2 < n) {
			out[-1] = alphabet[bits & 63];
		}
	}
	*out = '\0';
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		die(path);
	}
	return fd;
}

static void ask(struct load *load, size_t i)
{
	char line[1200];
	int n = snprintf(line, sizeof(line),
	    "AUTH\t%lu\tPLAIN\tservice=smtp\tnologin\trip=127.0.%zu.%zu\tresp=%s\n",
	    ++load->clients[i].id, i / 250, i % 250 + 1, load->response);

	if (write(load->clients[i].fd, line, (size_t)n) != n) {
		die("write");
	}
}

static void on_line(struct load *load, size_t i, const char *line)
{
	if (strcmp(line, "DONE") == 0) {
		ask(load, i);
	} else if (strncmp(line, "OK\t", 3) == 0) {
		load->n_ok++;
		ask(load, i);
	} else if (strncmp(line, "FAIL\t", 5) == 0) {
		load->n_fail++;
		ask(load, i);
	}
}

static void on_input(struct load *load, size_t i)
{
	struct client *client = &load->clients[i];
	ssize_t got = read(
	    load->clients[i].fd, client->line + client->n, sizeof(client->line) - 1 - client->n);
	char *lf;

	if (got <= 0) { /* overload: lmtpd-auth closes what it cannot answer in time */
		load->n_lost++;
		close(load->clients[i].fd);
		load->clients[i].fd = -1;
		return;
	}
	client->n += (size_t)got;
	client->line[client->n] = '\0';
	while ((lf = strchr(client->line, '\n')) != NULL) {
		*lf = '\0';
		on_line(load, i, client->line);
		client->n -= (size_t)(lf + 1 - client->line);
		memmove(client->line, lf + 1, client->n + 1);
	}
}

static void measure_logins(
    const char *path, const char *user, const char *password, size_t n, double seconds)
{
	struct load load = { .epoll_fd = epoll_create1(0),
		.clients = calloc(n, sizeof(*load.clients)) };
	struct rlimit limit = { .rlim_cur = n + 64, .rlim_max = n + 64 };
	struct epoll_event events[64];
	char plain[512];
	int n_plain = snprintf(plain, sizeof(plain), "%c%s%c%s", 0, user, 0, password);
	double begun;

	if (load.clients == NULL) {
		die("calloc");
	}
	setrlimit(RLIMIT_NOFILE, &limit);
	encode(load.response, (unsigned char *)plain, (size_t)n_plain);
	for (size_t i = 0; i < n; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.u64 = i };

		load.clients[i].fd = connect_to(path);
		if (write(load.clients[i].fd, "VERSION\t1\t0\nCPID\t1\n", 19) != 19 ||
		    epoll_ctl(load.epoll_fd, EPOLL_CTL_ADD, load.clients[i].fd, &event) != 0) {
			die("write");
		}
	}
	begun = now();
	while (now() - begun < seconds) {
		int n_events = epoll_wait(load.epoll_fd, events, 64, 100);

		for (int i = 0; i < n_events; i++) {
			on_input(&load, events[i].data.u64);
		}
	}
	printf("%.0f\n", (double)(load.n_ok + load.n_fail) / (now() - begun));
	fprintf(stderr, "ok %lu, fail %lu, lost %lu\n", load.n_ok, load.n_fail, load.n_lost);
	free(load.clients);
}

int main(int argc, char **argv)
{
	if (argc == 5 && strcmp(argv[1], "crypt") == 0) {
		measure_crypt(argv[2], (unsigned)strtoul(argv[3], NULL, 10), strtod(argv[4], NULL));
	} else if (argc == 7 && strcmp(argv[1], "login") == 0) {
		measure_logins(
		    argv[2], argv[3], argv[4], strtoul(argv[5], NULL, 10), strtod(argv[6], NULL));
	} else {
		fputs("usage: auth_load crypt HASH THREADS SECONDS\n"
		      "       auth_load login SOCKET USER PASSWORD CONNECTIONS SECONDS\n",
		    stderr);
		return 64;
	}
	return 0;
}
