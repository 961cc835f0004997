/* SPDX-License-Identifier: MIT
 * Listening sockets: who may connect, and what of others is left alone. */
#include "runtime/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/unit.h"

static const struct listener_settings settings = {
	.mode = 0640, .uid = (uid_t)-1, .gid = (gid_t)-1
};

/* Of the linker's --wrap: looks at the socket's file at the moment when it appears. */
int __real_bind(int fd, const struct sockaddr *address, socklen_t n);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t n);

static mode_t mode_at_bind;
static uid_t uid_at_bind;

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t n)
{
	int result = __real_bind(fd, address, n);
	struct stat status;

	if (address->sa_family == AF_UNIX &&
	    lstat(((const struct sockaddr_un *)address)->sun_path, &status) == 0) {
		mode_at_bind = status.st_mode & 07777;
		uid_at_bind = status.st_uid;
	}
	return result;
}

static int setup(void **state)
{
	return place_set_up(state, "socket");
}

static struct sockaddr_un make_address(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	assert_true(strlen(path) < sizeof(address.sun_path)); /* else TMPDIR is too long a path */
	memcpy(address.sun_path, path, strlen(path) + 1);
	return address;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = make_address(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* Somebody can connect to it, and is accepted at once or in time. */
static void check_serves(int fd, const char *path)
{
	int client = connect_to(path), server;

	assert_true(client >= 0);
	server = accept(fd, NULL, NULL);
	assert_true(server >= 0);
	close(client);
	close(server);
}

static int open_spec(const char *spec, const struct listener_settings *how, struct error *error)
{
	struct endpoint endpoint;

	assert_int_equal(endpoint_parse(&endpoint, spec, error), 0);
	return listener_open(&endpoint, how, error);
}

static int open_path(
    const struct place *place, const struct listener_settings *how, struct error *error)
{
	char spec[300];

	snprintf(spec, sizeof(spec), "unix:%s", place->file);
	return open_spec(spec, how, error);
}

static int open_well(const struct place *place, const struct listener_settings *how)
{
	struct error error = { "" };
	int fd = open_path(place, how, &error);

	if (fd < 0) {
		fail_msg("%s: %s", place->file, error.text);
	}
	return fd;
}

static void expect_refusal(const struct place *place, const char *reason)
{
	struct error error = { "" };

	assert_int_equal(open_path(place, &settings, &error), -1);
	if (strstr(error.text, reason) == NULL || strstr(error.text, place->file) == NULL) {
		fail_msg("\"%s\" does not say \"%s\" of %s", error.text, reason, place->file);
	}
}

static void test_open_unix(void **state)
{
	static const mode_t modes[] = { 0600, 0660, 0666, 0000 };
	const struct place *place = *state;

	for (size_t i = 0; i < LENGTH(modes); i++) {
		struct listener_settings how = settings;
		mode_t old = umask(0027), umask_after;
		struct stat status;
		int fd;

		how.mode = modes[i];
		mode_at_bind = 0777;
		fd = open_well(place, &how);
		umask_after = umask(old);
		assert_int_equal(mode_at_bind, modes[i]); /* from its first moment */
		assert_int_equal(umask_after, 0027);
		assert_int_equal(lstat(place->file, &status), 0);
		assert_int_equal(status.st_mode, S_IFSOCK | modes[i]);
		assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
		assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
		if (modes[i] != 0000) {
			check_serves(fd, place->file);
		}
		unlink(place->file);
		close(fd);
	}
}

static void test_owner(void **state)
{
	const struct place *place = *state;
	struct listener_settings how = settings;
	struct stat status;
	struct error error;
	int fd;

	how.uid = how.gid = geteuid() == 0 ? 65534 : geteuid();
	fd = open_well(place, &how);
	assert_int_equal(lstat(place->file, &status), 0);
	assert_int_equal(status.st_uid, how.uid);
	close(fd);
	unlink(place->file);
	if (geteuid() == 0) {
		/* Where its owner may write, nothing of it is changed by its name, which he could turn into a
		 * link to something else. */
		assert_int_equal(chown(place->directory, how.uid, how.gid), 0);
		fd = open_well(place, &how);
		assert_int_equal(uid_at_bind, how.uid);
		assert_int_equal(geteuid(), 0);
		close(fd);
		unlink(place->file);
	} else {
		how.uid = 0; /* nobody but root can give it away, and nothing is left behind */
		assert_int_equal(open_path(place, &how, &error), -1);
		assert_int_equal(lstat(place->file, &status), -1);
	}
}

/* The file that a daemon leaves behind when it is killed. */
static void test_stale_socket_is_replaced(void **state)
{
	const struct place *place = *state;
	int fd = open_well(place, &settings);

	close(fd);
	assert_int_equal(connect_to(place->file), -ECONNREFUSED);
	fd = open_well(place, &settings);
	check_serves(fd, place->file);
	close(fd);
}

static void test_served_socket_is_refused(void **state)
{
	const struct place *place = *state;
	int fd = open_well(place, &settings);

	expect_refusal(place, "listens");
	check_serves(fd, place->file);
	close(fd);
}

/* One whose owner is too busy to accept is served as well: its backlog is full. */
static void test_busy_socket_is_refused(void **state)
{
	enum {
		CLIENTS = 8
	};
	const struct place *place = *state;
	struct sockaddr_un address = make_address(place->file);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), clients[CLIENTS];

	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 0), 0);
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(clients[i], (struct sockaddr *)&address, sizeof(address));
	}
	expect_refusal(place, "listens");
	for (unsigned i = 0; i < CLIENTS; i++) {
		close(clients[i]);
	}
	close(fd);
}

static void test_others_are_left_alone(void **state)
{
	const struct place *place = *state;
	struct stat status;
	int fd = open(place->file, O_CREAT | O_WRONLY, 0600);

	assert_int_equal(write(fd, "mine", 4), 4);
	close(fd);
	expect_refusal(place, "no socket");
	assert_int_equal(lstat(place->file, &status), 0);
	assert_int_equal(status.st_size, 4);
	unlink(place->file);

	assert_int_equal(mkdir(place->file, 0700), 0);
	expect_refusal(place, "no socket");
	assert_int_equal(rmdir(place->file), 0);

	assert_int_equal(symlink("elsewhere", place->file), 0);
	expect_refusal(place, "no socket");
	assert_int_equal(unlink(place->file), 0);
}

static void test_no_directory(void **state)
{
	struct place place = *(struct place *)*state;

	add_text(place.file, sizeof(place.file), "/x/y");
	expect_refusal(&place, strerror(ENOENT));
}

static void test_open_inet(void **state)
{
	static const char *const open_specs[] = { "inet:127.0.0.1:0", "inet:[::1]:0" };

	for (size_t i = 0; i < LENGTH(open_specs); i++) {
		struct error error = { "" };
		char again[100];
		union {
			struct sockaddr any;
			struct sockaddr_in v4;
			struct sockaddr_in6 v6;
		} address = { .v6 = { .sin6_port = 0 } };
		socklen_t n = sizeof(address);
		int fd = open_spec(open_specs[i], &settings, &error), client;
		unsigned port;

		if (fd < 0 && i == 1) {
			continue; /* a machine without IPv6 */
		}
		assert_true(fd >= 0);
		assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
		assert_int_equal(getsockname(fd, &address.any, &n), 0);
		client = socket(address.any.sa_family, SOCK_STREAM, 0);
		assert_int_equal(connect(client, &address.any, n), 0);
		port = ntohs(address.v4.sin_port);
		snprintf(again, sizeof(again), "%.*s%u", (int)strlen(open_specs[i]) - 1,
		    open_specs[i], port);
		assert_int_equal(open_spec(again, &settings, &error), -1);
		assert_non_null(strstr(error.text, again));
		close(client);
		close(fd);
	}
}

/* Who takes the clients of a listener, or does not. */
struct host {
	uv_loop_t loop;
	struct listener listener;
	enum listener_outcome outcome;
	unsigned n_asked;
	uv_pipe_t pipes[4]; /* of those that it took */
	size_t n_pipes;
};

static const char *paused_why;

static void on_paused(const char *why)
{
	paused_why = why;
}

static enum listener_outcome on_client(struct listener *listener, uv_stream_t *stream)
{
	struct host *host = listener->owner;

	host->n_asked++;
	if (host->outcome == LISTENER_ACCEPTED) {
		uv_pipe_t *pipe = &host->pipes[host->n_pipes++];

		uv_pipe_init(&host->loop, pipe, 0);
		assert_int_equal(uv_accept(stream, (uv_stream_t *)pipe), 0);
	}
	return host->outcome;
}

static void run_until_asked(struct host *host, unsigned n)
{
	while (host->n_asked < n) {
		uv_run(&host->loop, UV_RUN_ONCE);
	}
	uv_run(&host->loop, UV_RUN_NOWAIT);
	assert_int_equal(host->n_asked, n);
}

/* Without room the first who waits is held, and the others stay in the backlog; without memory all wait for
 * the end of a pause. */
static void test_clients_wait(void **state)
{
	const struct place *place = *state;
	static struct host host;
	int clients[4];
	uint64_t began;

	uv_loop_init(&host.loop);
	host.listener.fd = open_well(place, &settings);
	host.listener.accept = on_client;
	host.listener.paused = on_paused;
	host.listener.owner = &host;
	assert_int_equal(listener_start(&host.listener, &host.loop), 0);
	listener_proceed(&host.listener); /* nobody waits */
	assert_int_equal(host.n_asked, 0);

	host.outcome = LISTENER_LATER;
	clients[0] = connect_to(place->file);
	clients[1] = connect_to(place->file);
	run_until_asked(&host, 1);
	listener_proceed(&host.listener); /* still no room */
	run_until_asked(&host, 2);
	host.outcome = LISTENER_ACCEPTED;
	listener_proceed(&host.listener);
	run_until_asked(&host, 4);
	assert_int_equal(host.n_pipes, 2);
	assert_null(paused_why);

	host.outcome = LISTENER_NO_MEMORY;
	clients[2] = connect_to(place->file);
	run_until_asked(&host, 5);
	assert_string_equal(paused_why, "out of memory");
	host.outcome = LISTENER_ACCEPTED;
	began = uv_now(&host.loop);
	clients[3] = connect_to(place->file);
	run_until_asked(&host, 6);
	assert_in_range(uv_now(&host.loop) - began, 900, 5000);
	assert_int_equal(host.n_pipes, 3);

	listener_stop(&host.listener);
	listener_proceed(&host.listener);
	assert_int_equal(host.n_asked, 6);
	for (size_t i = 0; i < host.n_pipes; i++) {
		uv_close((uv_handle_t *)&host.pipes[i], NULL);
	}
	uv_run(&host.loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&host.loop), 0);
	for (size_t i = 0; i < 4; i++) {
		close(clients[i]);
	}
}

/* What is no socket cannot be listened on, and the end of that is in order. */
static void test_no_socket(void **state)
{
	struct listener listener = { .fd = open("/dev/null", O_RDONLY | O_CLOEXEC) };
	uv_loop_t loop;

	uv_loop_init(&loop);
	assert_true(listener_start(&listener, &loop) < 0);
	listener_stop(&listener);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, place_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_open_unix),
		TEST(test_owner),
		TEST(test_stale_socket_is_replaced),
		TEST(test_served_socket_is_refused),
		TEST(test_busy_socket_is_refused),
		TEST(test_others_are_left_alone),
		TEST(test_no_directory),
		cmocka_unit_test(test_open_inet),
		TEST(test_clients_wait),
		cmocka_unit_test(test_no_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
