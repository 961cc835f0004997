/* SPDX-License-Identifier: MIT
 * The loop and what hangs on it. Sockets are bound while still root; everything after that is done
 * as the mail's owner. */
#include "lmtpd/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd/connection.h"
#include "runtime/listener.h"
#include "runtime/log.h"
#include "runtime/privilege.h"
#include "runtime/systemd.h"
#include "version.h"

int server_listen(struct server *server, const struct config *config, int *fds_r, size_t *n_r,
    char *error, size_t n_error)
{
	struct listener_settings settings = { .mode = config->socket_mode };
	int n_passed = systemd_listen_fds();
	size_t n = n_passed > 0 ? (size_t)n_passed : config->n_listen;

	if (n == 0 || n > SERVER_LISTENERS_MAX) {
		snprintf(error, n_error, "lmtp.listen: from 1 to %d sockets, not %zu",
		    SERVER_LISTENERS_MAX, n);
		return -1;
	}
	if (n_passed <= 0 && privilege_find(config->socket_user, config->socket_group,
				 &settings.uid, &settings.gid, error, n_error) != 0) {
		memmove(error + 13, error, strnlen(error, n_error - 14) + 1);
		memcpy(error, "socket_user: ", 13);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		fds_r[i] = SYSTEMD_FIRST_FD + (int)i;
		if (n_passed <= 0) {
			fds_r[i] = listener_open(config->listen[i], &settings, error, n_error);
		}
		if (fds_r[i] < 0) {
			while (i-- > 0) {
				listener_remove(config->listen[i]);
				close(fds_r[i]);
			}
			return -1;
		}
		server->listeners[i].spec = n_passed > 0 ? NULL : strdup(config->listen[i]);
	}
	*n_r = n;
	return 0;
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct server_listener *listener = stream->data;
	struct server *server = listener->server;

	if (status < 0) {
		log_event(LOG_LEVEL_ERROR, "accept", "cannot accept a connection: %s",
		    uv_strerror(status));
		return;
	}
	/* Not accepted, it keeps libuv from taking more off the backlog: clients wait there. */
	if (server->n_connections >= server->connections_max) {
		listener->has_waiting = true;
		return;
	}
	connection_accept(server, listener);
}

static void close_handle(uv_handle_t *handle)
{
	if (!uv_is_closing(handle)) {
		uv_close(handle, NULL);
	}
}

/* The last connection is gone: lets go of all that keeps the loop alive. */
static void end(struct server *server)
{
	close_handle((uv_handle_t *)&server->terminate);
	close_handle((uv_handle_t *)&server->interrupt);
	close_handle((uv_handle_t *)&server->hangup);
	close_handle((uv_handle_t *)&server->drain);
	for (size_t i = 0; i < server->n_listeners; i++) {
		free(server->listeners[i].spec);
		server->listeners[i].spec = NULL;
	}
	service_unref(server->service);
	server->service = NULL;
}

void server_on_connection_closed(struct server *server)
{
	server->n_connections--;
	if (server->n_connections == 0 && (server->is_stopping || server->is_stdio)) {
		end(server);
		return;
	}
	for (size_t i = 0; i < server->n_listeners && !server->is_stopping &&
			   server->n_connections < server->connections_max;
	     i++) {
		if (server->listeners[i].has_waiting) {
			server->listeners[i].has_waiting = false;
			connection_accept(server, &server->listeners[i]);
		}
	}
}

static void on_drained(uv_timer_t *timer)
{
	struct server *server = timer->data;
	struct connection *connection, *next;

	for (connection = LIST_FIRST(&server->connections); connection != NULL; connection = next) {
		next = connection_next(connection);
		connection_drop(connection);
	}
}

static void stop(struct server *server)
{
	struct connection *connection, *next;

	if (server->is_stopping || server->service == NULL) {
		return;
	}
	server->is_stopping = true;
	systemd_notify("STOPPING=1");
	log_event(LOG_LEVEL_INFO, "stop", "%zu connections to finish", server->n_connections);
	for (size_t i = 0; i < server->n_listeners; i++) {
		if (server->listeners[i].spec != NULL) {
			listener_remove(server->listeners[i].spec);
		}
		close_handle(&server->listeners[i].handle);
	}
	if (server->n_connections == 0) {
		end(server);
		return;
	}
	uv_timer_start(&server->drain, on_drained, SERVER_DRAIN_SECONDS * 1000, 0);
	for (connection = LIST_FIRST(&server->connections); connection != NULL; connection = next) {
		next = connection_next(connection);
		connection_shut_down(connection);
	}
}

static void on_stop_signal(uv_signal_t *signal, int number)
{
	stop(signal->data);
}

/* A new service, on trial until the database has taken its queries. */
struct reload {
	struct work work;
	struct server *server;
	struct service *service;
	int result;
	char error[512];
};

static void tell_ready(void)
{
	systemd_notify("READY=1");
}

static void run_reload(struct work *work, void *context)
{
	struct reload *reload = (struct reload *)work;
	struct directory *directory = context;

	reload->result = directory == NULL ? -ENOMEM : directory_connect(directory);
	snprintf(reload->error, sizeof(reload->error), "%s",
	    directory == NULL ? "out of memory" : directory_error(directory));
}

static void done_reload(struct work *work)
{
	struct reload *reload = (struct reload *)work;
	struct server *server = reload->server;

	if (reload->result == DIRECTORY_BAD_QUERY || server->service == NULL) {
		log_event(
		    LOG_LEVEL_ERROR, "reload", "the old configuration stays: %s", reload->error);
		service_unref(reload->service);
	} else {
		if (reload->result < 0) {
			log_event(LOG_LEVEL_WARNING, "reload",
			    "the database cannot be asked now: %s", reload->error);
		}
		service_unref(server->service);
		server->service = reload->service;
		log_event(LOG_LEVEL_INFO, "reload", "new sessions follow %s", server->config_file);
	}
	tell_ready();
	free(reload);
}

static bool is_listen_changed(const struct config *a, const struct config *b)
{
	bool is_changed = a->n_listen != b->n_listen || a->socket_mode != b->socket_mode ||
			  strcmp(a->user, b->user) != 0 || strcmp(a->group, b->group) != 0;

	for (size_t i = 0; i < a->n_listen && !is_changed; i++) {
		is_changed = strcmp(a->listen[i], b->listen[i]) != 0;
	}
	return is_changed;
}

static void on_hangup(uv_signal_t *signal, int number)
{
	struct server *server = signal->data;
	struct reload *reload;
	struct config config;
	char error[1024], state[80];
	struct timespec now;

	if (server->is_stopping) {
		return;
	}
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%lld",
	    (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	systemd_notify(state);
	reload = calloc(1, sizeof(*reload));
	if (reload == NULL ||
	    config_load(&config, server->config_file, error, sizeof(error)) != 0) {
		log_event(LOG_LEVEL_ERROR, "reload", "the old configuration stays: %s",
		    reload == NULL ? "out of memory" : error);
		free(reload);
		tell_ready();
		return;
	}
	if (is_listen_changed(&config, &server->service->config)) {
		log_event(LOG_LEVEL_WARNING, "reload",
		    "lmtp.listen, socket_*, maildir.user and group change with a restart only");
	}
	*reload = (struct reload){
		.work = { .run = run_reload, .done = done_reload },
		.server = server,
		.service = service_new(&server->loop, &config, error, sizeof(error)),
	};
	if (reload->service == NULL) {
		log_event(LOG_LEVEL_ERROR, "reload", "the old configuration stays: %s", error);
		free(reload);
		tell_ready();
		return;
	}
	lane_submit(&reload->service->lookups, &reload->work);
}

/* As many connections as there are descriptors, less those that deliveries and the rest need. */
static void set_limits(struct server *server, const struct config *config)
{
	enum {
		RESERVE = 64,
		PER_WRITER = 64,
		LEAST = 16,
		MOST = 100000
	};
	rlim_t reserve = RESERVE + config->connections + (rlim_t)config->writers * PER_WRITER;
	struct rlimit limit;

	server->connections_max = LEAST;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
		return;
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur > reserve + LEAST) {
		server->connections_max =
		    limit.rlim_cur - reserve < MOST ? limit.rlim_cur - reserve : MOST;
	}
}

static void init_signal(
    struct server *server, uv_signal_t *signal, uv_signal_cb on_signal, int number)
{
	uv_signal_init(&server->loop, signal);
	signal->data = server;
	uv_signal_start(signal, on_signal, number);
	uv_unref((uv_handle_t *)signal);
}

static int open_listener(struct server *server, struct server_listener *listener, int fd)
{
	struct sockaddr_storage address;
	socklen_t n = sizeof(address);
	int result;

	if (getsockname(fd, (struct sockaddr *)&address, &n) != 0) {
		return -errno;
	}
	if (address.ss_family == AF_UNIX) {
		uv_pipe_init(&server->loop, &listener->pipe, 0);
		result = uv_pipe_open(&listener->pipe, fd);
	} else {
		uv_tcp_init(&server->loop, &listener->tcp);
		result = uv_tcp_open(&listener->tcp, fd);
	}
	listener->server = server;
	listener->handle.data = listener;
	return result != 0 ? result : uv_listen(&listener->stream, SOMAXCONN, on_connection);
}

/* A database that is away when the machine boots is no reason not to serve: recipients get 451 until
 * it is there. A query that it refuses is. */
static int check_directory(const struct config *config)
{
	struct directory *directory = directory_new(&config->directory);
	int result = directory == NULL ? -ENOMEM : directory_connect(directory);

	if (result == DIRECTORY_BAD_QUERY) {
		log_event(LOG_LEVEL_ERROR, "start", "%s", directory_error(directory));
	} else if (result < 0) {
		log_event(LOG_LEVEL_WARNING, "start", "the database cannot be asked yet: %s",
		    directory == NULL ? "out of memory" : directory_error(directory));
	}
	directory_free(directory);
	return result == DIRECTORY_BAD_QUERY ? -1 : 0;
}

static int start(struct server *server, const int *fds, size_t n_fds)
{
	for (size_t i = 0; i < n_fds; i++) {
		int result = open_listener(server, &server->listeners[i], fds[i]);

		if (result != 0) {
			log_event(LOG_LEVEL_ERROR, "start", "cannot listen on descriptor %d: %s",
			    fds[i], uv_strerror(result));
			return -1;
		}
		server->n_listeners++;
	}
	if (n_fds == 0) {
		server->is_stdio = true;
		if (connection_open_stdio(server) != 0) {
			log_event(LOG_LEVEL_ERROR, "start",
			    "--stdio: stdin and stdout must be pipes or sockets, not files or a "
			    "terminal");
			return -1;
		}
		return 0;
	}
	tell_ready();
	log_event(LOG_LEVEL_INFO, "start", "lmtpd %s serves %zu sockets, mail below %s",
	    LMTPD_VERSION, n_fds, server->service->config.base);
	return 0;
}

int server_run(struct server *server, const char *config_file, struct config *config,
    const int *fds, size_t n_fds)
{
	char error[512];
	int result;

	server->config_file = config_file;
	LIST_INIT(&server->connections);
	snprintf(server->id_prefix, sizeof(server->id_prefix), "%llx-%x-", (long long)time(NULL),
	    (unsigned)getpid());
	set_limits(server, config);
	if (check_directory(config) != 0) {
		config_free(config);
		return EX_CONFIG;
	}
	uv_loop_init(&server->loop);
	server->service = service_new(&server->loop, config, error, sizeof(error));
	if (server->service == NULL) {
		log_event(LOG_LEVEL_ERROR, "start", "%s", error);
		uv_run(&server->loop, UV_RUN_DEFAULT);
		uv_loop_close(&server->loop);
		return EX_OSERR;
	}
	init_signal(server, &server->terminate, on_stop_signal, SIGTERM);
	init_signal(server, &server->interrupt, on_stop_signal, SIGINT);
	init_signal(server, &server->hangup, on_hangup, SIGHUP);
	uv_timer_init(&server->loop, &server->drain);
	server->drain.data = server;
	result = start(server, fds, n_fds);
	if (result != 0 && server->n_connections == 0) {
		server->is_stopping = true;
		for (size_t i = 0; i < server->n_listeners; i++) {
			close_handle(&server->listeners[i].handle);
		}
		end(server);
	}
	uv_run(&server->loop, UV_RUN_DEFAULT);
	uv_loop_close(&server->loop);
	return result == 0 ? EX_OK : EX_OSERR;
}
