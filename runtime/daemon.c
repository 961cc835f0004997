/* SPDX-License-Identifier: MIT
 * The loop and what hangs on it. */
#include "runtime/daemon.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "runtime/admission.h"
#include "runtime/listener.h"
#include "runtime/log.h"
#include "runtime/log_output.h"
#include "runtime/reload.h"
#include "runtime/systemd.h"

enum {
	/* What is under way at SIGTERM may take so long: who stops containers kills after 10 s. */
	DRAIN_MS = 8000,
	DRAIN_AGAIN_MS = 1000,
	/* From SIGTERM on nobody waits longer for the database, */
	LAST_PATIENCE_MS = 1000,
	/* and from the last connection's end on nothing waits longer for what hangs, */
	LAST_MS = 500,
	/* but for a message that was given up. */
	TAKE_BACK_MS = 30000,
	RESERVED = 64, /* descriptors that are neither connections nor the lanes' */
};

int daemon_settings_check(const struct daemon_settings *settings, const char *sockets,
    const char *owner, const char *purpose, struct error *error)
{
	if (settings->listen.n == 0) {
		return error_set(error, "%s.listen is empty: no socket to serve", sockets);
	}
	if (settings->user[0] == '\0' || settings->group[0] == '\0') {
		return error_set(
		    error, "%s.user and %s.group must name who %s", owner, owner, purpose);
	}
	return 0;
}

bool daemon_settings_differ(const struct daemon_settings *a, const struct daemon_settings *b)
{
	const char *second_a = a->second == NULL ? "" : a->second;
	const char *second_b = b->second == NULL ? "" : b->second;
	bool is_same =
	    a->listen.n == b->listen.n && a->socket_mode == b->socket_mode &&
	    strcmp(second_a, second_b) == 0 && strcmp(a->socket_user, b->socket_user) == 0 &&
	    strcmp(a->socket_group, b->socket_group) == 0 && strcmp(a->control, b->control) == 0 &&
	    strcmp(a->user, b->user) == 0 && strcmp(a->group, b->group) == 0;

	for (size_t i = 0; i < a->listen.n && is_same; i++) {
		is_same = strcmp(a->listen.texts[i], b->listen.texts[i]) == 0;
	}
	return !is_same;
}

/* Makes a connection, which is still to be accepted; NULL when out of memory. */
static struct peer *open_peer(struct daemon *daemon, const struct program_door *door)
{
	struct peer *peer = door->open(daemon);

	if (peer != NULL) {
		LIST_INSERT_HEAD(&daemon->peers, peer, entry);
		daemon->n_connections++;
		daemon->n_accepted++;
	}
	return peer;
}

static enum listener_outcome on_client(struct listener *listener, uv_stream_t *stream)
{
	struct daemon *daemon = listener->owner;
	struct peer *peer;

	if (daemon->n_connections >= daemon->connections_max) {
		return LISTENER_LATER;
	}
	peer = open_peer(daemon, listener->door);
	if (peer == NULL) {
		return daemon->n_connections > 0 ? LISTENER_LATER : LISTENER_NO_MEMORY;
	}
	/* On failure it ends by itself. */
	if (peer_accept(peer, stream) == 0) {
		if (admission_grant(daemon, peer)) {
			peer_proceed(peer);
		} else {
			peer_close(peer, NULL);
		}
	}
	return LISTENER_ACCEPTED;
}

static void on_paused(const char *why)
{
	log_event(LOG_LEVEL_ERROR, "accept", "cannot accept connections: %s; clients wait", why);
}

/* What still hangs now is a thread within a library or the kernel; only a message that is being written is
 * waited for, and for a while one that was given up: what names it has got are to be taken back. */
static void on_last(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	bool is_patient = uv_now(&daemon->loop) - daemon->ended < TAKE_BACK_MS;
	struct service *service;

	LIST_FOREACH (service, &daemon->services, entry) {
		if (service_is_needed(service, is_patient)) {
			return;
		}
	}
	uv_stop(&daemon->loop);
}

/* One more of them must not turn an orderly end into a sudden one. They are blocked before libuv gives up their
 * handlers, since each has its default action from then on; all other threads block them from their start. */
static void block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
}

/* Once, when the last connection is gone and no other can come: lets go of all that keeps the loop alive. */
static void end(struct daemon *daemon)
{
	daemon->has_ended = true;
	daemon->ended = uv_now(&daemon->loop);
	block_signals();
	uv_close((uv_handle_t *)&daemon->terminate, NULL);
	uv_close((uv_handle_t *)&daemon->interrupt, NULL);
	uv_close((uv_handle_t *)&daemon->hangup, NULL);
	uv_close((uv_handle_t *)&daemon->watchdog, NULL);
	daemon->program->end(daemon);
	service_unref(daemon->service);
	daemon->service = NULL;
	uv_timer_start(&daemon->drain, on_last, LAST_MS, LAST_MS);
	uv_unref((uv_handle_t *)&daemon->drain);
}

void daemon_for_each(struct daemon *daemon, void (*f)(struct peer *peer))
{
	struct peer *peer, *next;

	for (peer = LIST_FIRST(&daemon->peers); peer != NULL; peer = next) {
		next = LIST_NEXT(peer, entry);
		f(peer);
	}
}

void daemon_closed(struct daemon *daemon, struct peer *peer)
{
	LIST_REMOVE(peer, entry);
	daemon->n_connections--;
	if (daemon->n_connections == 0 && (daemon->is_stopping || daemon->n_listeners == 0)) {
		end(daemon);
	}
	for (size_t i = 0; i < daemon->n_listeners; i++) {
		listener_proceed(&daemon->listeners[i]);
	}
}

static void on_drained(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	daemon_for_each(daemon, peer_drop);
}

static void stop(struct daemon *daemon)
{
	struct service *service;

	if (daemon->is_stopping || daemon->has_ended) {
		return;
	}
	daemon->is_stopping = true;
	systemd_notify_status("STOPPING=1", "finishes %zu connections", daemon->n_connections);
	log_event(LOG_LEVEL_INFO, "stop", "%zu connections to finish", daemon->n_connections);
	daemon_forget_sockets(daemon);
	for (size_t i = 0; i < daemon->n_listeners; i++) {
		listener_stop(&daemon->listeners[i]);
	}
	if (daemon->n_connections == 0) {
		end(daemon);
		return;
	}
	/* Again and again, for those that had a message to end first. */
	uv_timer_start(&daemon->drain, on_drained, DRAIN_MS, DRAIN_AGAIN_MS);
	LIST_FOREACH (service, &daemon->services, entry) {
		lane_hurry(&service->lanes[SERVICE_LOOKUPS], LAST_PATIENCE_MS);
	}
	daemon_for_each(daemon, peer_stop);
}

static void on_stop_signal(uv_signal_t *signal, int number)
{
	stop(signal->data);
}

static void on_hangup(uv_signal_t *signal, int number)
{
	struct daemon *daemon = signal->data;
	char state[80];

	if (daemon->is_stopping) {
		return;
	}
	/* sd_notify(3) wants CLOCK_MONOTONIC, which uv_hrtime() reads. */
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, uv_hrtime() / 1000);
	systemd_notify(state);
	reload_start(daemon);
}

/* As many connections are allowed as there are descriptors, less those that the lanes may need. */
static void set_limits(struct daemon *daemon)
{
	enum {
		LEAST = 16,
		MOST = 100000
	};
	size_t n_reserved = RESERVED, room;
	struct rlimit limit;

	for (size_t i = 0; i < daemon->service->n_lanes; i++) {
		const struct lane_settings *settings = &daemon->service->lanes[i].settings;

		n_reserved += (size_t)settings->n_threads * settings->n_descriptors;
	}
	daemon->connections_max = LEAST;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		if (limit.rlim_cur > n_reserved + LEAST) {
			room = limit.rlim_cur - n_reserved;
			daemon->connections_max = room < MOST ? room : MOST;
		}
	}
}

/* Signals alone do not keep the loop alive. */
static void init_signal(
    struct daemon *daemon, uv_signal_t *signal, uv_signal_cb on_signal, int number)
{
	uv_signal_init(&daemon->loop, signal);
	signal->data = daemon;
	uv_signal_start(signal, on_signal, number);
	uv_unref((uv_handle_t *)signal);
}

void daemon_init(struct daemon *daemon, const struct program *program, const char *config_file)
{
	daemon->program = program;
	daemon->config_file = config_file;
	LIST_INIT(&daemon->services);
	LIST_INIT(&daemon->peers);
	uv_loop_init(&daemon->loop);
	init_signal(daemon, &daemon->hangup, on_hangup, SIGHUP);
}

static void on_watchdog(uv_timer_t *timer)
{
	systemd_notify("WATCHDOG=1");
}

/* As long as the loop turns. */
static void start_watchdog(struct daemon *daemon)
{
	uint64_t interval = (systemd_watchdog_timeout() + 1) / 2;

	if (interval > 0) {
		uv_timer_start(&daemon->watchdog, on_watchdog, interval, interval);
	}
}

void daemon_notify_ready(const struct daemon *daemon)
{
	systemd_notify_status("READY=1", "serves %zu sockets", daemon->n_listeners);
}

/* Accepts from now on, and tells systemd. */
static int start_listening(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->n_listeners; i++) {
		struct listener *listener = &daemon->listeners[i];
		int result;

		listener->accept = on_client;
		listener->paused = on_paused;
		listener->owner = daemon;
		result = listener_start(listener, &daemon->loop);
		if (result != 0) {
			daemon->n_listeners = i + 1; /* those that stop() must close */
			log_event(LOG_LEVEL_ERROR, "start", "cannot listen on descriptor %d: %s",
			    listener->fd, uv_strerror(result));
			return -1;
		}
	}
	daemon_notify_ready(daemon);
	start_watchdog(daemon);
	return 0;
}

/* The one connection of a daemon without listeners. */
static int open_stdio(struct daemon *daemon)
{
	struct peer *peer = open_peer(daemon, &daemon->program->doors[0]);

	if (peer == NULL || peer_open_stdio(peer, &daemon->loop) != 0) {
		log_event(
		    LOG_LEVEL_ERROR, "start", "--stdio: stdin and stdout must be pipes or sockets");
		return -1;
	}
	peer_proceed(peer);
	return 0;
}

static int begin(struct daemon *daemon)
{
	if (daemon->n_listeners > 0 && start_listening(daemon) != 0) {
		return -1;
	}
	if (daemon->program->begin(daemon) != 0) {
		return -1;
	}
	return daemon->n_listeners > 0 ? 0 : open_stdio(daemon);
}

int daemon_serve(struct daemon *daemon, void *config)
{
	struct error error;
	int result;

	init_signal(daemon, &daemon->terminate, on_stop_signal, SIGTERM);
	init_signal(daemon, &daemon->interrupt, on_stop_signal, SIGINT);
	uv_timer_init(&daemon->loop, &daemon->drain);
	daemon->drain.data = daemon;
	uv_timer_init(&daemon->loop, &daemon->watchdog);
	uv_unref((uv_handle_t *)&daemon->watchdog);
	daemon->service = service_new(daemon, config, &error);
	if (daemon->service == NULL) {
		log_event(LOG_LEVEL_ERROR, "start", "%s", error.text);
		return EX_OSERR;
	}
	set_limits(daemon);
	result = begin(daemon) == 0 ? EX_OK : EX_OSERR;
	if (result == EX_OK) {
		reload_first(daemon);
	} else if (daemon->n_connections == 0) {
		stop(daemon);
	}
	uv_run(&daemon->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&daemon->drain, NULL);
	uv_run(&daemon->loop, UV_RUN_NOWAIT);
	log_output_flush(LAST_MS);
	if (uv_loop_close(&daemon->loop) != 0) {
		/* A thread hangs within a library that exit(3) would tidy up. */
		_exit(result);
	}
	return result;
}
