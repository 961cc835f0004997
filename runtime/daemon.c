/* SPDX-License-Identifier: MIT
 * The loop and what hangs on it. */
#include "runtime/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "runtime/listener.h"
#include "runtime/log.h"
#include "runtime/privilege.h"
#include "runtime/reload.h"
#include "runtime/systemd.h"

enum {
	RETRY_MS = 1000,
	/* From SIGTERM on nobody waits longer for the database, */
	LAST_PATIENCE_MS = 1000,
	/* and from the last connection's end on nothing waits longer for what hangs. */
	LAST_MS = 500,
	RESERVED = 64, /* descriptors that are neither connections nor the lanes' */
};

static void on_retry(uv_timer_t *timer);

static void take_sockets(struct daemon *daemon, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		daemon->listeners[i].fd = SYSTEMD_FIRST_FD + (int)i;
	}
	daemon->n_listeners = n;
}

static void forget_sockets(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->n_listeners; i++) {
		char *path = daemon->listeners[i].path;

		if (path[0] != '\0') {
			unlink(path);
			path[0] = '\0';
		}
	}
}

int daemon_listen(struct daemon *daemon, const struct daemon_settings *from, struct error *error)
{
	struct listener_settings settings = { .mode = (mode_t)from->socket_mode };
	int n_passed = systemd_listen_fds();
	size_t n = n_passed > 0 ? (size_t)n_passed : from->listen.n;

	if (n == 0 || n > DAEMON_LISTENERS_MAX) {
		return error_set(
		    error, "listen: from 1 to %d sockets, not %zu", DAEMON_LISTENERS_MAX, n);
	}
	if (n_passed > 0) {
		take_sockets(daemon, n);
		return 0;
	}
	if (privilege_find(
		from->socket_user, from->socket_group, &settings.uid, &settings.gid, error) != 0) {
		return error_prefix(error, "socket_user and socket_group: ");
	}
	for (size_t i = 0; i < n; i++) {
		struct daemon_listener *listener = &daemon->listeners[i];
		struct endpoint endpoint;

		if (endpoint_parse(&endpoint, from->listen.texts[i], error) != 0 ||
		    (listener->fd = listener_open(&endpoint, &settings, error)) < 0) {
			forget_sockets(daemon);
			return -1;
		}
		snprintf(listener->path, sizeof(listener->path), "%s",
		    endpoint.path == NULL ? "" : endpoint.path);
		daemon->n_listeners++;
	}
	return 0;
}

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
	bool is_same = a->listen.n == b->listen.n && a->socket_mode == b->socket_mode &&
		       strcmp(a->socket_user, b->socket_user) == 0 &&
		       strcmp(a->socket_group, b->socket_group) == 0 &&
		       strcmp(a->control, b->control) == 0 && strcmp(a->user, b->user) == 0 &&
		       strcmp(a->group, b->group) == 0;

	for (size_t i = 0; i < a->listen.n && is_same; i++) {
		is_same = strcmp(a->listen.texts[i], b->listen.texts[i]) == 0;
	}
	return !is_same;
}

static void on_paused(uv_handle_t *handle)
{
	struct daemon_listener *listener = handle->data;

	if (!listener->daemon->is_stopping) {
		uv_timer_start(&listener->retry, on_retry, RETRY_MS, 0);
	}
}

/* After a failed accept(2) libuv tries again at once, and as long as it fails nothing else is done
 * in the process. So the handle is closed for a while; the socket stays, and clients wait in its
 * backlog. */
static void pause_listener(struct daemon_listener *listener, const char *why)
{
	log_event(LOG_LEVEL_ERROR, "accept", "cannot accept connections: %s; clients wait", why);
	listener->has_waiting = false;
	uv_close(&listener->handle, on_paused);
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct daemon_listener *listener = stream->data;
	struct daemon *daemon = listener->daemon;

	if (status < 0) {
		pause_listener(listener, uv_strerror(status));
		return;
	}
	/* Not accepted, it keeps libuv from taking more off the backlog: clients wait there. */
	listener->has_waiting = daemon->n_connections >= daemon->connections_max ||
				!daemon->program->accept(daemon, stream);
	if (listener->has_waiting && daemon->n_connections == 0) {
		pause_listener(listener, "out of memory"); /* no end of another one will come */
	}
}

/* Initialises the handle in any case. */
static int open_listener(struct daemon_listener *listener)
{
	struct sockaddr_storage address = { .ss_family = AF_UNIX };
	socklen_t n = sizeof(address);
	bool is_inet = getsockname(listener->fd, (struct sockaddr *)&address, &n) == 0 &&
		       address.ss_family != AF_UNIX;
	uv_loop_t *loop = &listener->daemon->loop;
	int fd, result;

	if (is_inet) {
		uv_tcp_init(loop, &listener->tcp);
	} else {
		uv_pipe_init(loop, &listener->pipe, 0);
	}
	listener->handle.data = listener;
	fd = fcntl(listener->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0) {
		return -errno;
	}
	result = is_inet ? uv_tcp_open(&listener->tcp, fd) : uv_pipe_open(&listener->pipe, fd);
	if (result != 0) {
		close(fd);
		return result;
	}
	return uv_listen(&listener->stream, SOMAXCONN, on_connection);
}

static void on_retry(uv_timer_t *timer)
{
	struct daemon_listener *listener = timer->data;
	int result = open_listener(listener);

	if (result != 0) {
		pause_listener(listener, uv_strerror(result));
	}
}

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle)) {
		uv_close(handle, NULL);
	}
}

/* What still hangs now is a thread within a library or the kernel; only a message that is being written is
 * waited for. */
static void on_last(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	struct service *service;

	LIST_FOREACH (service, &daemon->services, entry) {
		if (service_is_needed(service)) {
			return;
		}
	}
	uv_stop(&daemon->loop);
}

/* Lets go of all that keeps the loop alive. */
static void end(struct daemon *daemon)
{
	if (daemon->has_ended) {
		return;
	}
	daemon->has_ended = true;
	close_handle((uv_handle_t *)&daemon->terminate);
	close_handle((uv_handle_t *)&daemon->interrupt);
	close_handle((uv_handle_t *)&daemon->hangup);
	/* One more of them must not turn an orderly end into a sudden one. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	close_handle((uv_handle_t *)&daemon->watchdog);
	daemon->program->end(daemon);
	service_unref(daemon->service);
	daemon->service = NULL;
	uv_timer_start(&daemon->drain, on_last, LAST_MS, LAST_MS);
	uv_unref((uv_handle_t *)&daemon->drain);
}

void daemon_opened(struct daemon *daemon)
{
	daemon->n_connections++;
}

void daemon_closed(struct daemon *daemon)
{
	daemon->n_connections--;
	if (daemon->n_connections == 0 && (daemon->is_stopping || daemon->n_listeners == 0)) {
		end(daemon);
	}
	for (size_t i = 0; i < daemon->n_listeners && !daemon->is_stopping; i++) {
		struct daemon_listener *listener = &daemon->listeners[i];

		if (listener->has_waiting) {
			on_connection(&listener->stream, 0);
		}
	}
}

static void on_drained(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;

	daemon->program->drop(daemon);
}

void daemon_stop(struct daemon *daemon)
{
	struct service *service;

	if (daemon->is_stopping || daemon->has_ended) {
		return;
	}
	daemon->is_stopping = true;
	systemd_notify("STOPPING=1");
	log_event(LOG_LEVEL_INFO, "stop", "%zu connections to finish", daemon->n_connections);
	forget_sockets(daemon);
	for (size_t i = 0; i < daemon->n_listeners; i++) {
		close_handle(&daemon->listeners[i].handle);
		close_handle((uv_handle_t *)&daemon->listeners[i].retry);
		close(daemon->listeners[i].fd);
	}
	if (daemon->n_connections == 0) {
		end(daemon);
		return;
	}
	uv_timer_start(&daemon->drain, on_drained, (uint64_t)DAEMON_DRAIN_SECONDS * 1000, 0);
	LIST_FOREACH (service, &daemon->services, entry) {
		service_hurry(service, LAST_PATIENCE_MS);
	}
	daemon->program->stop(daemon);
}

static void on_stop_signal(uv_signal_t *signal, int number)
{
	daemon_stop(signal->data);
}

static void on_hangup(uv_signal_t *signal, int number)
{
	struct daemon *daemon = signal->data;
	struct timespec now;
	char state[80];

	if (daemon->is_stopping) {
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	systemd_notify(state);
	reload_start(daemon);
}

void daemon_reloaded(void)
{
	systemd_notify("READY=1");
}

/* As many connections are allowed as there are descriptors, less those that the lanes may need. */
static void set_limits(struct daemon *daemon)
{
	enum {
		LEAST = 16,
		MOST = 100000
	};
	size_t n_reserved = RESERVED;
	struct rlimit limit;

	for (size_t i = 0; i < SERVICE_LANES; i++) {
		const struct lane_settings *settings = &daemon->service->lanes[i].settings;

		n_reserved += (size_t)settings->n_threads * settings->n_descriptors;
	}
	daemon->connections_max = LEAST;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		return;
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur > n_reserved + MOST) {
		daemon->connections_max = MOST;
	} else if (limit.rlim_cur > n_reserved + LEAST) {
		daemon->connections_max = limit.rlim_cur - n_reserved;
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

static void init_daemon(struct daemon *daemon)
{
	uv_loop_init(&daemon->loop);
	LIST_INIT(&daemon->services);
	init_signal(daemon, &daemon->terminate, on_stop_signal, SIGTERM);
	init_signal(daemon, &daemon->interrupt, on_stop_signal, SIGINT);
	init_signal(daemon, &daemon->hangup, on_hangup, SIGHUP);
	uv_timer_init(&daemon->loop, &daemon->drain);
	daemon->drain.data = daemon;
	uv_timer_init(&daemon->loop, &daemon->watchdog);
	uv_unref((uv_handle_t *)&daemon->watchdog);
}

static void hold_signal(int how, int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	pthread_sigmask(how, &set, NULL);
}

void daemon_hold_reload(void)
{
	hold_signal(SIG_BLOCK, SIGHUP);
}

static void on_watchdog(uv_timer_t *timer)
{
	systemd_notify("WATCHDOG=1");
}

/* As long as the loop turns. */
static void start_watchdog(struct daemon *daemon)
{
	uint64_t timeout = systemd_watchdog_timeout();

	if (timeout > 0) {
		uint64_t interval = timeout > 1 ? timeout / 2 : 1;

		uv_timer_start(&daemon->watchdog, on_watchdog, interval, interval);
	}
}

/* Accepts from now on, and tells systemd. */
static int start_listening(struct daemon *daemon, struct error *error)
{
	for (size_t i = 0; i < daemon->n_listeners; i++) {
		struct daemon_listener *listener = &daemon->listeners[i];
		int result;

		listener->daemon = daemon;
		uv_timer_init(&daemon->loop, &listener->retry);
		listener->retry.data = listener;
		result = open_listener(listener);
		if (result != 0) {
			daemon->n_listeners = i + 1; /* those that daemon_stop() must close */
			return error_set(error, "cannot listen on descriptor %d: %s", listener->fd,
			    uv_strerror(result));
		}
	}
	systemd_notify("READY=1");
	start_watchdog(daemon);
	return 0;
}

static int begin(struct daemon *daemon)
{
	struct error error;

	if (daemon->n_listeners > 0 && start_listening(daemon, &error) != 0) {
		log_event(LOG_LEVEL_ERROR, "start", "%s", error.text);
		return -1;
	}
	return daemon->program->begin(daemon);
}

int daemon_serve(
    struct daemon *daemon, const struct program *program, const char *config_file, void *config)
{
	struct error error;
	int result;

	daemon->program = program;
	daemon->config_file = config_file;
	init_daemon(daemon);
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
		daemon_stop(daemon);
	}
	hold_signal(SIG_UNBLOCK, SIGHUP);
	uv_run(&daemon->loop, UV_RUN_DEFAULT);
	close_handle((uv_handle_t *)&daemon->drain);
	uv_run(&daemon->loop, UV_RUN_NOWAIT);
	if (uv_loop_close(&daemon->loop) != 0) {
		/* A thread hangs within a library that exit(3) would tidy up. */
		_exit(result);
	}
	return result;
}
