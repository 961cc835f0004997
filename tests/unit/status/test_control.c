/* SPDX-License-Identifier: MIT
 * The control socket under clients of every kind: who may ask, what is answered, and that nobody can
 * keep it from answering others. */
#include "status/control.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/log.h"
#include "tests/unit/unit.h"

enum {
	ANSWER = 4096,
	SOMEBODY = 65534
};

/* A daemon: a loop that turns for a reason of its own, and a control socket. */
struct fixture {
	char directory[80], path[CONTROL_PATH_MAX];
	uv_loop_t loop;
	uv_timer_t turn;
	struct control control;
	uint64_t value;
	const char *verdict; /* NULL: it comes later */
	unsigned n_examined;
};

static void write_document(void *owner, struct document *document)
{
	static const struct document_value value = {
		.name = "value", .metric = "value", .help = "A value.", .is_counter = true
	};
	struct fixture *fixture = owner;

	document_group(document, "group");
	document_number(document, &value, fixture->value++);
}

static const char *examine(void *owner)
{
	struct fixture *fixture = owner;

	fixture->n_examined++;
	return fixture->verdict;
}

static void on_turn(uv_timer_t *timer)
{
}

static void prepare(struct fixture *fixture, struct control *control)
{
	*control = (struct control){
		.loop = &fixture->loop,
		.prefix = "test",
		.write = write_document,
		.examine = examine,
		.owner = fixture,
	};
}

static int setup(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	directory_make(fixture->directory, sizeof(fixture->directory));
	snprintf(fixture->path, sizeof(fixture->path), "%s/control", fixture->directory);
	uv_loop_init(&fixture->loop);
	uv_timer_init(&fixture->loop, &fixture->turn);
	uv_timer_start(&fixture->turn, on_turn, 2, 2);
	prepare(fixture, &fixture->control);
	*state = fixture;
	return 0;
}

/* Nothing of it keeps the loop going, and nothing is left. */
static int teardown(void **state)
{
	struct fixture *fixture = *state;

	control_close(&fixture->control);
	uv_close((uv_handle_t *)&fixture->turn, NULL);
	uv_run(&fixture->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&fixture->loop) != 0 || access(fixture->path, F_OK) == 0) {
		return -1;
	}
	directory_remove(fixture->directory);
	free(fixture);
	return 0;
}

static void turn(struct fixture *fixture, unsigned times)
{
	while (times-- > 0) {
		uv_run(&fixture->loop, UV_RUN_ONCE);
	}
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* Turns until the connection is closed; what it was sent, NUL-terminated. */
static void read_answer(struct fixture *fixture, int fd, char *answer)
{
	size_t n = 0;

	for (unsigned patience = 0; patience < 5000; patience++) {
		ssize_t result = recv(fd, answer + n, ANSWER - 1 - n, 0);

		if (result >= 0) {
			n += (size_t)result;
		}
		if (result == 0 || (result < 0 && errno == ECONNRESET)) {
			break;
		}
		turn(fixture, 1);
	}
	answer[n] = '\0';
	close(fd);
}

static void ask(
    struct fixture *fixture, const char *request, size_t n, bool is_bytewise, char *answer)
{
	int fd = connect_to(fixture->path);

	assert_true(fd >= 0);
	for (size_t i = 0; is_bytewise && i < n; i++) {
		(void)!send(fd, request + i, 1, MSG_NOSIGNAL); /* it may have heard enough */
		turn(fixture, 1);
	}
	if (!is_bytewise && n > 0) {
		assert_int_equal(send(fd, request, n, MSG_NOSIGNAL), n);
	}
	shutdown(fd, SHUT_WR);
	read_answer(fixture, fd, answer);
}

static void check_serves(struct fixture *fixture)
{
	char answer[ANSWER];

	fixture->value = 42;
	ask(fixture, "text\n", 5, false, answer);
	expect_text("answer", answer, "group        value 42\n");
}

#define UNKNOWN    "error: ask with one line: text, json, prometheus or health\n"
#define PROMETHEUS "# HELP test_value A value.\n# TYPE test_value counter\ntest_value 7\n"
#define LONG       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static void test_requests(void **state)
{
	static const struct {
		struct text request;
		const char *answer;
	} rows[] = {
		{ TEXT("text\n"), "group        value 7\n" },
		{ TEXT("json\n"), "{\"group\":{\"value\":7}}\n" },
		{ TEXT("prometheus\n"), PROMETHEUS },
		{ TEXT("prometheus"),
		    PROMETHEUS }, /* without the line's end, but with that of all */
		{ TEXT("text\njson\n"), "group        value 7\n" },
		{ TEXT("watch 1\n"), "group        value 7\n" },
		{ TEXT("watch 9999999999999999999\n"), "group        value 7\n" },
		{ TEXT(""), "" },
		{ TEXT("\n"), UNKNOWN },
		{ TEXT("\0"), UNKNOWN },
		{ TEXT("text\r\n"), UNKNOWN },
		{ TEXT(" text\n"), UNKNOWN },
		{ TEXT("text \n"), UNKNOWN },
		{ TEXT("TEXT\n"), UNKNOWN },
		{ TEXT("text\0\n"), UNKNOWN },
		{ TEXT("text\0more\n"), UNKNOWN },
		{ TEXT("watch\n"), UNKNOWN },
		{ TEXT("watch \n"), UNKNOWN },
		{ TEXT("watch -1\n"), UNKNOWN },
		{ TEXT("watch 1x\n"), UNKNOWN },
		{ TEXT("watch 99999999999999999999\n"), UNKNOWN },
		{ TEXT("GET /metrics HTTP/1.1\r\n\r\n"), UNKNOWN },
		{ TEXT(LONG LONG), UNKNOWN },
		{ TEXT(LONG LONG LONG "\ntext\n"), UNKNOWN },
		{ TEXT("%n%s%n\n"), UNKNOWN },
	};
	struct fixture *fixture = *state;

	control_open(&fixture->control, fixture->path);
	for (size_t i = 0; i < 2 * LENGTH(rows); i++) {
		const struct text *request = &rows[i / 2].request;
		char answer[ANSWER];

		fixture->value = 7;
		memset(fixture->control.watchers, 0, sizeof(fixture->control.watchers));
		ask(fixture, request->p, request->n, i % 2 == 1, answer);
		expect_text(shown(request->p, request->n), answer, rows[i / 2].answer);
	}
}

static void test_random_bytes(void **state)
{
	struct fixture *fixture = *state;
	uint64_t seed = 1;

	control_open(&fixture->control, fixture->path);
	for (unsigned i = 0; i < 500; i++) {
		char request[200], answer[ANSWER];
		size_t n = (size_t)random_below(&seed, sizeof(request));

		for (size_t k = 0; k < n; k++) {
			request[k] = (char)random_below(&seed, 256);
		}
		ask(fixture, request, n, false, answer);
		assert_true(answer[0] == '\0' || strcmp(answer, UNKNOWN) == 0);
	}
	check_serves(fixture);
}

#define HEALTH "health 0 well\n"

static void test_health_at_once(void **state)
{
	struct fixture *fixture = *state;
	char answer[ANSWER];

	control_open(&fixture->control, fixture->path);
	fixture->verdict = HEALTH;
	ask(fixture, "health\n", 7, true, answer);
	expect_text("answer", answer, HEALTH);
	assert_int_equal(fixture->n_examined, 1);
}

/* Those who wait are told together, one that has closed his side among them, and one that has gone is none;
 * their places are free then. */
static void test_health_later(void **state)
{
	struct fixture *fixture = *state;
	int clients[CONTROL_CLIENTS_MAX];
	char answer[ANSWER];

	control_open(&fixture->control, fixture->path);
	for (unsigned round = 0; round < 3; round++) {
		fixture->n_examined = 0;
		for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
			clients[i] = connect_to(fixture->path);
			assert_int_equal(send(clients[i], "health\nmore", 11, MSG_NOSIGNAL), 11);
			turn(fixture, 5);
		}
		assert_int_equal(fixture->n_examined, CONTROL_CLIENTS_MAX);
		shutdown(clients[0], SHUT_WR);
		close(clients[1]);
		turn(fixture, 5);
		assert_int_equal(recv(clients[0], answer, 1, 0), -1);
		assert_int_equal(errno, EAGAIN);
		control_conclude(&fixture->control, HEALTH);
		for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
			if (i != 1) {
				read_answer(fixture, clients[i], answer);
				expect_text("answer", answer, HEALTH);
			}
		}
		control_conclude(&fixture->control, "to nobody\n");
		check_serves(fixture);
	}
}

/* The end comes while somebody waits. */
static void test_health_at_the_end(void **state)
{
	struct fixture *fixture = *state;
	char answer[ANSWER];
	int client;

	control_open(&fixture->control, fixture->path);
	client = connect_to(fixture->path);
	assert_int_equal(send(client, "health\n", 7, MSG_NOSIGNAL), 7);
	turn(fixture, 5);
	control_conclude(&fixture->control, HEALTH);
	control_close(&fixture->control);
	read_answer(fixture, client, answer);
	expect_text("answer", answer, HEALTH);
}

/* A watcher is told rates from his second look on, one at a time or among others. */
static void test_watchers(void **state)
{
	struct fixture *fixture = *state;
	char request[32], answer[ANSWER];

	control_open(&fixture->control, fixture->path);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned id = 1; id <= CONTROL_WATCHERS_MAX; id++) {
			snprintf(request, sizeof(request), "watch %u\n", id);
			ask(fixture, request, strlen(request), false, answer);
			assert_int_equal(strstr(answer, "/s)") != NULL, round > 0);
			turn(fixture, 3); /* so that one looked before the other */
		}
	}
	ask(fixture, "watch 77\n", 9, false, answer); /* in the place of the first */
	assert_null(strstr(answer, "/s)"));
	ask(fixture, "watch 77\n", 9, false, answer);
	assert_non_null(strstr(answer, "/s)"));
	ask(fixture, "watch 2\n", 8, false, answer);
	assert_non_null(strstr(answer, "/s)"));
	ask(fixture, "watch 1\n", 8, false, answer);
	assert_null(strstr(answer, "/s)"));
}

/* They have all places, say nothing, and more of them wait; then their time is over. */
static void test_silent_clients(void **state)
{
	enum {
		CLIENTS = CONTROL_CLIENTS_MAX + 4
	};
	struct fixture *fixture = *state;
	int clients[CLIENTS];
	uint64_t begun;
	char byte;

	control_open(&fixture->control, fixture->path);
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i] = connect_to(fixture->path);
		assert_true(clients[i] >= 0);
		turn(fixture, 2);
	}
	for (unsigned i = 0; i < 4; i++) {
		close(clients[CLIENTS - 1 - i]); /* the impatient ones */
	}
	begun = uv_now(&fixture->loop);
	check_serves(fixture);
	assert_in_range(
	    uv_now(&fixture->loop) - begun, CONTROL_TIMEOUT_MS / 2, CONTROL_TIMEOUT_MS * 2);
	turn(fixture, 100); /* one was heard a little after the other */
	for (unsigned i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		assert_int_equal(recv(clients[i], &byte, 1, 0), 0);
		close(clients[i]);
	}
}

/* Clients that are gone before they are accepted or answered. */
static void test_fleeting_clients(void **state)
{
	struct fixture *fixture = *state;

	control_open(&fixture->control, fixture->path);
	for (unsigned i = 0; i < 200; i++) {
		int fd = connect_to(fixture->path);

		if (fd >= 0 && i % 2 == 0) {
			(void)!send(fd, "json\n", 5, MSG_NOSIGNAL);
		}
		if (i % 3 == 0) {
			turn(fixture, 1);
		}
		close(fd);
		turn(fixture, i % 5);
	}
	check_serves(fixture);
}

static void test_mode(void **state)
{
	static const mode_t umasks[] = { 0000, 0022, 0077 };
	struct fixture *fixture = *state;

	for (size_t i = 0; i < LENGTH(umasks); i++) {
		mode_t old = umask(umasks[i]);
		struct stat status;

		prepare(fixture, &fixture->control);
		control_open(&fixture->control, fixture->path);
		umask(old);
		assert_true(fixture->control.is_open);
		assert_int_equal(lstat(fixture->path, &status), 0);
		assert_int_equal(status.st_mode, S_IFSOCK | 0600);
		check_serves(fixture);
		control_close(&fixture->control);
		turn(fixture, 3);
		assert_int_equal(lstat(fixture->path, &status), -1);
	}
}

/* Another user, though the file would let him. */
static void test_another_user(void **state)
{
	struct fixture *fixture = *state;
	char answer[ANSWER] = "";
	int fds[2], status;
	pid_t child;

	if (geteuid() != 0) {
		skip();
	}
	control_open(&fixture->control, fixture->path);
	assert_int_equal(chmod(fixture->directory, 0755), 0);
	assert_int_equal(chmod(fixture->path, 0666), 0);
	assert_int_equal(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		int fd = setuid(SOMEBODY) == 0 ? connect_to(fixture->path) : -1;
		ssize_t n;

		fcntl(fd, F_SETFL, 0);
		(void)!send(fd, "text\n", 5, MSG_NOSIGNAL);
		n = recv(fd, answer, sizeof(answer), MSG_WAITALL);
		(void)!write(fds[1], answer, n > 0 ? (size_t)n : 0);
		_exit(0);
	}
	while (waitpid(child, &status, WNOHANG) == 0) {
		turn(fixture, 1);
	}
	close(fds[1]);
	assert_true(read(fds[0], answer, sizeof(answer) - 1) >= 0);
	close(fds[0]);
	expect_text("answer", answer, "error: only root and the daemon's own user may ask\n");
	check_serves(fixture);
}

/* Left behind by a daemon that was killed; then by one that is ending. */
static void test_takes_the_place(void **state)
{
	struct fixture *fixture = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int stale = socket(AF_UNIX, SOCK_STREAM, 0), asking;
	struct control *old = calloc(1, sizeof(*old));
	char answer[ANSWER];

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
	assert_int_equal(bind(stale, (struct sockaddr *)&address, sizeof(address)), 0);
	close(stale);
	assert_int_equal(connect_to(fixture->path), -ECONNREFUSED);

	prepare(fixture, old);
	control_open(old, fixture->path);
	check_serves(fixture);
	asking = connect_to(fixture->path);
	control_open(&fixture->control, fixture->path);
	assert_true(fixture->control.is_open);
	turn(fixture, 3);
	assert_int_equal(send(asking, "json\n", 5, MSG_NOSIGNAL), 5);
	read_answer(fixture, asking, answer); /* by the old one */
	assert_int_equal(answer[0], '{');
	control_close(old);
	turn(fixture, 3);
	check_serves(fixture); /* the new one's name is left alone */
	free(old);
}

static void expect_warning(struct fixture *fixture, const char *path, const char *why)
{
	struct log_problem found[LOG_PROBLEMS_MAX];
	uint64_t n_errors, n_before, n_after;

	log_problems(found, &n_errors, &n_before);
	prepare(fixture, &fixture->control);
	control_open(&fixture->control, path);
	assert_false(fixture->control.is_open);
	control_close(&fixture->control);
	log_problems(found, &n_errors, &n_after);
	assert_int_equal(n_after, n_before + 1);
	assert_non_null(strstr(found[0].text, path));
	assert_non_null(strstr(found[0].text, why));
}

static void test_cannot_be_made(void **state)
{
	struct fixture *fixture = *state;
	struct stat status;
	char path[300];
	int fd;

	control_open(&fixture->control, ""); /* is not wanted: no word */
	assert_false(fixture->control.is_open);
	snprintf(path, sizeof(path), "%s/missing/control", fixture->directory);
	expect_warning(fixture, path, strerror(ENOENT));
	fd = open(fixture->path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "mine", 4), 4);
	close(fd);
	expect_warning(fixture, fixture->path, "no socket");
	assert_int_equal(lstat(fixture->path, &status), 0);
	assert_int_equal(status.st_size, 4);
	unlink(fixture->path);
	snprintf(path, sizeof(path), "%s/control", fixture->directory);
	assert_int_equal(symlink("/dev/null", path), 0);
	expect_warning(fixture, path, "no socket");
	unlink(path);
	assert_int_equal(rmdir(fixture->directory), 0); /* nothing of ours is left */
	assert_int_equal(mkdir(fixture->directory, 0700), 0);
}

static void prepare_path(const char *path)
{
	control_prepare(&(struct daemon_settings){ .control = path }, SOMEBODY, SOMEBODY);
}

static void test_directory_for_the_user(void **state)
{
	struct fixture *fixture = *state;
	char path[300], directory[280];
	struct stat status;

	snprintf(directory, sizeof(directory), "%s/run", fixture->directory);
	snprintf(path, sizeof(path), "%s/control", directory);
	prepare_path(path);
	if (geteuid() != 0) {
		assert_int_equal(lstat(directory, &status), -1);
		return;
	}
	assert_int_equal(lstat(directory, &status), 0);
	assert_int_equal(status.st_mode, S_IFDIR | 0755);
	assert_int_equal(status.st_uid, SOMEBODY);
	assert_int_equal(status.st_gid, SOMEBODY);
	assert_int_equal(chown(directory, 0, 0), 0);
	prepare_path(path); /* one that exists stays as it is */
	assert_int_equal(lstat(directory, &status), 0);
	assert_int_equal(status.st_uid, 0);
	prepare_path("");
}

static void test_paths(void **state)
{
	struct error error;
	char path[CONTROL_PATH_MAX + 2];

	assert_int_equal(control_check("", &error), 0);
	assert_int_equal(control_check("/run/lmtpd/control", &error), 0);
	assert_int_equal(control_check("control", &error), -1);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(control_check(path, &error), -1);
	path[CONTROL_PATH_MAX] = '\0';
	assert_int_equal(control_check(path, &error), 0);
}

int main(void)
{
#define TEST_IN_PLACE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST_IN_PLACE(test_requests),
		TEST_IN_PLACE(test_random_bytes),
		TEST_IN_PLACE(test_health_at_once),
		TEST_IN_PLACE(test_health_later),
		TEST_IN_PLACE(test_health_at_the_end),
		TEST_IN_PLACE(test_watchers),
		TEST_IN_PLACE(test_silent_clients),
		TEST_IN_PLACE(test_fleeting_clients),
		TEST_IN_PLACE(test_mode),
		TEST_IN_PLACE(test_another_user),
		TEST_IN_PLACE(test_takes_the_place),
		TEST_IN_PLACE(test_cannot_be_made),
		TEST_IN_PLACE(test_directory_for_the_user),
		cmocka_unit_test(test_paths),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
