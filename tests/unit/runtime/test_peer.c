/* SPDX-License-Identifier: MIT
 * A peer over a socket pair, with an owner of the smallest kind: what is kept and comes again, what is
 * read and when not, and every way in which it ends. */
#include "runtime/peer.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/unit/unit.h"

enum {
	BIG = 4 << 20, /* more than a socket's buffers hold */
};

/* The owner: it takes so many bytes at each event, and sends what it is told to. */
struct owner {
	struct peer peer; /* first */
	uv_loop_t loop;
	uv_pipe_t listener;
	uv_timer_t clock;
	char directory[80];
	int fd; /* the other end */

	size_t n_takes; /* bytes that it takes at each event */
	char got[BIG];  /* what it took */
	size_t n_got;
	const char *output; /* to send with the next turn */
	size_t n_output;
	const char *why; /* of closing(); "" for none */
	unsigned n_silent, n_closed;
};

static size_t on_input(struct peer *peer, const char *data, size_t n)
{
	struct owner *owner = (struct owner *)peer;

	assert_false(peer->is_writing);
	assert_true(n == 0 || !peer->is_closed);
	n = n < owner->n_takes ? n : owner->n_takes;
	memcpy(owner->got + owner->n_got, data, n);
	owner->n_got += n;
	return n;
}

static void on_turn(struct peer *peer)
{
	struct owner *owner = (struct owner *)peer;

	if (owner->n_output > 0 && peer_write(peer, owner->output, owner->n_output)) {
		owner->n_output = 0;
	}
}

static void on_silent(struct peer *peer)
{
	((struct owner *)peer)->n_silent++;
	peer_close(peer, "silent");
}

static void on_closing(struct peer *peer, const char *why)
{
	struct owner *owner = (struct owner *)peer;

	assert_null(owner->why); /* once */
	owner->why = why == NULL ? "" : why;
}

static void on_closed(struct peer *peer)
{
	struct owner *owner = (struct owner *)peer;

	assert_int_equal(peer->n_out, 0);
	assert_non_null(owner->why);
	owner->n_closed++;
}

static const struct peer_callbacks callbacks = {
	.input = on_input,
	.turn = on_turn,
	.silent = on_silent,
	.closing = on_closing,
	.closed = on_closed,
};

static void on_connection(uv_stream_t *listener, int status)
{
	struct owner *owner = listener->data;

	assert_int_equal(status, 0);
	assert_int_equal(peer_accept(&owner->peer, listener), 0);
	peer_proceed(&owner->peer);
}

/* So that a turn of the loop comes to an end. */
static void on_clock(uv_timer_t *timer)
{
}

static void turn(struct owner *owner, unsigned times)
{
	while (times-- > 0) {
		uv_run(&owner->loop, UV_RUN_ONCE);
	}
}

static int setup(void **state)
{
	struct owner *owner = calloc(1, sizeof(*owner));
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	directory_make(owner->directory, sizeof(owner->directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", owner->directory);
	owner->peer.callbacks = &callbacks;
	owner->n_takes = BIG;
	uv_loop_init(&owner->loop);
	uv_timer_init(&owner->loop, &owner->clock);
	uv_timer_start(&owner->clock, on_clock, 2, 2);
	uv_pipe_init(&owner->loop, &owner->listener, 0);
	owner->listener.data = owner;
	uv_pipe_bind(&owner->listener, address.sun_path);
	uv_listen((uv_stream_t *)&owner->listener, 1, on_connection);
	owner->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connect(owner->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		return -1;
	}
	turn(owner, 3);
	*state = owner;
	return 0;
}

/* Nothing is left, and it was closed just once. */
static int teardown(void **state)
{
	struct owner *owner = *state;

	close(owner->fd);
	peer_close(&owner->peer, NULL);
	uv_close((uv_handle_t *)&owner->listener, NULL);
	uv_close((uv_handle_t *)&owner->clock, NULL);
	uv_run(&owner->loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&owner->loop) != 0 || owner->n_closed != 1) {
		return -1;
	}
	directory_remove(owner->directory);
	free(owner);
	return 0;
}

static void send_text(struct owner *owner, const char *text)
{
	assert_int_equal(send(owner->fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	turn(owner, 3);
}

static void expect_got(struct owner *owner, const char *text)
{
	expect_bytes("got", owner->got, owner->n_got, text, strlen(text));
}

static void expect_end(struct owner *owner, const char *why)
{
	turn(owner, 3);
	assert_non_null(owner->why);
	expect_text("why", owner->why, why);
	assert_int_equal(owner->n_closed, 1);
}

/* Receives until nothing comes any more. */
static size_t receive(struct owner *owner)
{
	static char bytes[65536];
	size_t n_total = 0;

	for (unsigned patience = 0; patience < 20;) {
		ssize_t n = recv(owner->fd, bytes, sizeof(bytes), 0);

		if (n > 0) {
			n_total += (size_t)n;
			patience = 0;
		} else {
			patience++;
			turn(owner, 1);
		}
	}
	return n_total;
}

/* What is not taken is kept, and comes again in order, before what came later. */
static void test_input_is_kept(void **state)
{
	struct owner *owner = *state;

	owner->n_takes = 2;
	send_text(owner, "abcde");
	expect_got(owner, "ab");
	send_text(owner, "fgh"); /* waits behind the others */
	expect_got(owner, "ab");
	for (unsigned i = 0; i < 3; i++) {
		peer_proceed(&owner->peer);
	}
	expect_got(owner, "abcdefgh");
	assert_null(owner->peer.input);
	send_text(owner, "ij");
	expect_got(owner, "abcdefghij");
}

/* Who sends much that is not taken fills his own buffers, and nothing gets lost. */
static void test_input_is_bounded(void **state)
{
	struct owner *owner = *state;
	static char bytes[BIG / 2];
	size_t n_sent = 0;

	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (char)('a' + i % 23);
	}
	owner->n_takes = 0;
	for (unsigned i = 0; i < 300; i++) {
		ssize_t n = send(owner->fd, bytes + n_sent, sizeof(bytes) - n_sent, MSG_NOSIGNAL);

		n_sent += n > 0 ? (size_t)n : 0;
		turn(owner, 1);
	}
	assert_true(n_sent < sizeof(bytes));
	assert_true(owner->peer.n_input > 0 && owner->peer.n_input <= 65536 + 4096);
	owner->n_takes = BIG;
	peer_proceed(&owner->peer);
	turn(owner, 100);
	expect_bytes("all", owner->got, owner->n_got, bytes, n_sent);
}

static void test_full(void **state)
{
	struct owner *owner = *state;

	owner->peer.is_full = true;
	peer_proceed(&owner->peer);
	send_text(owner, "abc");
	expect_got(owner, "");
	owner->peer.is_full = false;
	peer_proceed(&owner->peer);
	turn(owner, 3);
	expect_got(owner, "abc");
}

/* Secrets are wiped where they were read, and where they were kept. */
static void test_secrets(void **state)
{
	struct owner *owner = *state;

	owner->peer.has_secrets = true;
	owner->n_takes = 3;
	send_text(owner, "secret");
	expect_got(owner, "sec");
	peer_proceed(&owner->peer);
	expect_got(owner, "secret");
	assert_null(owner->peer.input);
}

/* While the client does not read, nothing is read either; then all of it arrives. */
static void test_output(void **state)
{
	struct owner *owner = *state;
	static const char bytes[BIG] = "x";

	owner->output = bytes;
	owner->n_output = sizeof(bytes);
	peer_proceed(&owner->peer);
	assert_true(owner->peer.is_writing);
	assert_false(peer_write(&owner->peer, "y", 1));
	send_text(owner, "abc");
	expect_got(owner, "");
	assert_int_equal(receive(owner), sizeof(bytes));
	assert_false(owner->peer.is_writing);
	expect_got(owner, "abc");
	owner->output = "small";
	owner->n_output = 5;
	peer_proceed(&owner->peer);
	assert_int_equal(receive(owner), 5);
}

/* It ends when all was sent, and nothing more is read. */
static void test_end_after_output(void **state)
{
	struct owner *owner = *state;
	static const char bytes[BIG] = "x";

	owner->output = bytes;
	owner->n_output = sizeof(bytes);
	peer_end(&owner->peer);
	peer_proceed(&owner->peer);
	send_text(owner, "abc");
	assert_null(owner->why);
	assert_int_equal(receive(owner), sizeof(bytes));
	expect_end(owner, "");
	expect_got(owner, "");
}

static void test_end_after_work(void **state)
{
	struct owner *owner = *state;

	owner->peer.n_out = 2;
	peer_end(&owner->peer);
	peer_proceed(&owner->peer);
	peer_work_done(&owner->peer);
	turn(owner, 3);
	assert_null(owner->why);
	peer_work_done(&owner->peer);
	expect_end(owner, "");
}

/* Who closes his side is told the outcome of his work first; kept input is work too. */
static void test_client_ends(void **state)
{
	struct owner *owner = *state;

	owner->peer.n_out = 1;
	owner->n_takes = 2;
	send_text(owner, "abc");
	shutdown(owner->fd, SHUT_WR);
	turn(owner, 3);
	assert_true(owner->peer.is_at_end);
	assert_null(owner->why);
	owner->output = "outcome";
	owner->n_output = 7;
	peer_work_done(&owner->peer);
	expect_got(owner, "abc");
	assert_int_equal(receive(owner), 7);
	expect_end(owner, "the client closed the connection");
}

static void test_client_does_not_read(void **state)
{
	struct owner *owner = *state;
	static const char bytes[BIG] = "x";

	owner->output = bytes;
	owner->n_output = sizeof(bytes);
	peer_proceed(&owner->peer);
	close(owner->fd);
	owner->fd = -1;
	expect_end(owner, "the client does not take its replies");
	assert_false(peer_write(&owner->peer, "y", 1));
}

/* Its owner lives on until the work is back, and takes no more input. */
static void test_closed_while_work_is_out(void **state)
{
	struct owner *owner = *state;

	owner->n_takes = 1;
	send_text(owner, "abc");
	owner->peer.n_out = 1;
	peer_close(&owner->peer, "why");
	peer_close(&owner->peer, "again");
	turn(owner, 3);
	assert_int_equal(owner->n_closed, 0);
	peer_work_done(&owner->peer);
	expect_end(owner, "why");
	expect_got(owner, "a");
}

/* Each sign of life, and work that is out, put it off. */
static void test_silence(void **state)
{
	struct owner *owner = *state;
	uint64_t began = uv_now(&owner->loop);

	peer_set_patience(&owner->peer, 100);
	while (uv_now(&owner->loop) - began < 150) {
		send_text(owner, "a");
	}
	assert_null(owner->why);
	owner->peer.n_out = 1;
	began = uv_now(&owner->loop);
	while (uv_now(&owner->loop) - began < 250) {
		turn(owner, 1);
	}
	assert_null(owner->why);
	peer_work_done(&owner->peer);
	began = uv_now(&owner->loop);
	while (owner->why == NULL) {
		turn(owner, 1);
	}
	assert_in_range(uv_now(&owner->loop) - began, 99, 5000);
	assert_int_equal(owner->n_silent, 1);
	expect_end(owner, "silent");
}

/* With a deadline no sign of life puts it off. */
static void test_deadline(void **state)
{
	struct owner *owner = *state;
	uint64_t began = owner->peer.active; /* a busy machine may have come so far since */

	owner->peer.has_deadline = true;
	peer_set_patience(&owner->peer, 100);
	while (owner->why == NULL && uv_now(&owner->loop) - began < 5000) {
		(void)!send(owner->fd, "a", 1, MSG_NOSIGNAL);
		turn(owner, 1);
	}
	assert_in_range(uv_now(&owner->loop) - began, 90, 4000);
	expect_end(owner, "silent");
}

/* Less patience counts at once, also for the silence that was. */
static void test_patience_shrinks(void **state)
{
	struct owner *owner = *state;
	uint64_t began = uv_now(&owner->loop);

	peer_set_patience(&owner->peer, 600000);
	while (uv_now(&owner->loop) - began < 20) {
		turn(owner, 1);
	}
	peer_set_patience(&owner->peer, 10);
	turn(owner, 2);
	expect_end(owner, "silent");
	peer_set_patience(&owner->peer, 20); /* it is closed */
}

static void test_silence_of_who_does_not_read(void **state)
{
	struct owner *owner = *state;
	static const char bytes[BIG] = "x";

	owner->output = bytes;
	owner->n_output = sizeof(bytes);
	peer_proceed(&owner->peer);
	peer_set_patience(&owner->peer, 20);
	while (owner->why == NULL) {
		turn(owner, 1);
	}
	assert_int_equal(owner->n_silent, 0);
	expect_end(owner, "the client does not take its replies");
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_input_is_kept),
		TEST(test_input_is_bounded),
		TEST(test_full),
		TEST(test_secrets),
		TEST(test_output),
		TEST(test_end_after_output),
		TEST(test_end_after_work),
		TEST(test_client_ends),
		TEST(test_client_does_not_read),
		TEST(test_closed_while_work_is_out),
		TEST(test_silence),
		TEST(test_deadline),
		TEST(test_patience_shrinks),
		TEST(test_silence_of_who_does_not_read),
	};

	signal(SIGPIPE, SIG_IGN); /* as every daemon does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
