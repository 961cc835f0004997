/* SPDX-License-Identifier: MIT
 * The service that sessions are served with, its renewal on SIGHUP, and the end of it all. */
#include "lmtpd/server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "lmtpd/connection.h"
#include "runtime/log.h"
#include "runtime/reload.h"
#include "version.h"

static bool on_accept(struct daemon *daemon, uv_stream_t *listener)
{
	return connection_accept((struct server *)daemon, listener);
}

/* For every session; it may end on the way. */
static void for_each_connection(struct server *server, void (*f)(struct connection *connection))
{
	struct connection *connection, *next;

	for (connection = LIST_FIRST(&server->connections); connection != NULL; connection = next) {
		next = connection_next(connection);
		f(connection);
	}
}

static void on_stop(struct daemon *daemon)
{
	for_each_connection((struct server *)daemon, connection_shut_down);
}

static void on_drained(struct daemon *daemon)
{
	for_each_connection((struct server *)daemon, connection_drop);
}

static void on_ended(struct daemon *daemon)
{
	struct server *server = (struct server *)daemon;

	control_close(&server->control);
	service_unref(server->service);
	server->service = NULL;
}

/* A database that is away now may come back: recipients get 451 until then. A query that it refuses will not
 * mend. context is a struct directory, NULL when out of memory. */
static enum reload_outcome try_directory(void *context, struct error *error)
{
	int result = context == NULL ? -ENOMEM : directory_connect(context);

	error_set(error, "%s", context == NULL ? "out of memory" : directory_error(context));
	switch (result) {
	case DIRECTORY_OK:
		return RELOAD_OK;
	case DIRECTORY_REFUSED:
		return RELOAD_REFUSED;
	case DIRECTORY_BAD_QUERY:
		return RELOAD_BAD;
	default:
		return RELOAD_DOUBTFUL;
	}
}

static void adopt(struct daemon *daemon, struct lanes *lanes)
{
	struct server *server = (struct server *)daemon;

	service_unref(server->service);
	server->service = (struct service *)lanes;
}

/* What was settled before root was given up. */
static bool is_fixed_part_changed(const struct config *a, const struct config *b)
{
	bool is_changed = a->n_listen != b->n_listen || a->socket_mode != b->socket_mode ||
			  strcmp(a->socket_user, b->socket_user) != 0 ||
			  strcmp(a->socket_group, b->socket_group) != 0 ||
			  strcmp(a->control, b->control) != 0 || strcmp(a->user, b->user) != 0 ||
			  strcmp(a->group, b->group) != 0;

	for (size_t i = 0; i < a->n_listen && !is_changed; i++) {
		is_changed = strcmp(a->listen[i], b->listen[i]) != 0;
	}
	return is_changed;
}

static void on_reload(struct daemon *daemon)
{
	struct server *server = (struct server *)daemon;
	struct service *service;
	struct config config;
	struct error error;

	if (server->service == NULL) {
		return; /* at the end of a single session */
	}
	if (config_load(&config, server->config_file, &error) != 0) {
		reload_refuse(error.text);
		return;
	}
	if (is_fixed_part_changed(&config, &server->service->config)) {
		log_event(LOG_LEVEL_WARNING, "reload",
		    "lmtp.listen, socket_*, control, maildir.user and group change with a restart "
		    "only");
	}
	service = service_new(&daemon->loop, &config, &error);
	if (service == NULL) {
		reload_refuse(error.text);
		return;
	}
	reload_start(daemon, &service->lanes, SERVICE_LOOKUPS, try_directory, adopt);
}

static int check_directory(const struct config *config, struct vitals *vitals)
{
	struct directory *directory = directory_new(&config->directory);
	struct error error;
	enum reload_outcome outcome = try_directory(directory, &error);

	if (outcome == RELOAD_BAD) {
		log_event(LOG_LEVEL_ERROR, "start", "%s", error.text);
	} else if (outcome != RELOAD_OK) {
		log_event(
		    LOG_LEVEL_WARNING, "start", "the database cannot be asked yet: %s", error.text);
		vitals_unanswered(vitals, error.text);
	} else {
		vitals_answered(vitals);
	}
	directory_free(directory);
	return outcome == RELOAD_BAD ? -1 : 0;
}

static int start(struct server *server)
{
	struct error error;

	if (server->daemon.n_listeners == 0) {
		if (connection_open_stdio(server) != 0) {
			log_event(LOG_LEVEL_ERROR, "start",
			    "--stdio: stdin and stdout must be pipes or sockets");
			return -1;
		}
		return 0;
	}
	if (daemon_start(&server->daemon, &error) != 0) {
		log_event(LOG_LEVEL_ERROR, "start", "%s", error.text);
		return -1;
	}
	server->control = (struct control){
		.loop = &server->daemon.loop,
		.prefix = "lmtpd",
		.write = status_write,
		.owner = server,
	};
	control_open(&server->control, server->service->config.control);
	log_event(LOG_LEVEL_INFO, "start", "lmtpd %s serves %zu sockets, mail below %s",
	    LMTPD_VERSION, server->daemon.n_listeners, server->service->config.base);
	return 0;
}

int server_run(struct server *server, const char *config_file, struct config *config)
{
	static const struct daemon_callbacks callbacks = {
		.accept = on_accept,
		.stop = on_stop,
		.drained = on_drained,
		.reload = on_reload,
		.ended = on_ended,
	};
	enum {
		RESERVED = 64,
		PER_WRITER = 32
	}; /* descriptors that are not connections */
	struct error error;
	int result;

	server->config_file = config_file;
	LIST_INIT(&server->connections);
	snprintf(server->id_prefix, sizeof(server->id_prefix), "%llx-%x-", (long long)time(NULL),
	    (unsigned)getpid());
	vitals_begin(&server->status.vitals);
	if (check_directory(config, &server->status.vitals) != 0) {
		config_free(config);
		return EX_CONFIG;
	}
	daemon_init(&server->daemon, &callbacks,
	    RESERVED + config->mysql.connections + (size_t)config->writers * PER_WRITER);
	server->service = service_new(&server->daemon.loop, config, &error);
	if (server->service == NULL) {
		log_event(LOG_LEVEL_ERROR, "start", "%s", error.text);
		return EX_OSERR;
	}
	result = start(server);
	if (result != 0 && server->daemon.n_connections == 0) {
		daemon_stop(&server->daemon);
	}
	daemon_run(&server->daemon);
	return result == 0 ? EX_OK : EX_OSERR;
}
