/* SPDX-License-Identifier: MIT
 * The service that logins are verified with, its renewal on SIGHUP, and the end of it all. */
#include "auth/server.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <sysexits.h>

#include "auth/client.h"
#include "runtime/log.h"
#include "runtime/reload.h"
#include "version.h"

static bool on_accept(struct daemon *daemon, uv_stream_t *listener)
{
	return client_accept((struct server *)daemon, listener);
}

/* For every client; it may end on the way. */
static void for_each_client(struct server *server, void (*f)(struct client *client))
{
	struct client *client, *next;

	for (client = LIST_FIRST(&server->clients); client != NULL; client = next) {
		next = client_next(client);
		f(client);
	}
}

static void on_stop(struct daemon *daemon)
{
	for_each_client((struct server *)daemon, client_shut_down);
}

static void on_drained(struct daemon *daemon)
{
	for_each_client((struct server *)daemon, client_drop);
}

static void on_ended(struct daemon *daemon)
{
	struct server *server = (struct server *)daemon;

	control_close(&server->control);
	service_unref(server->service);
	server->service = NULL;
}

/* A database that is away now may come back: logins get 454 until then. A query that it refuses will not
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

/* The next login is verified by the new configuration, also on the connections that stand: Postfix
 * keeps them for long. What they were offered at their beginning they keep. */
static void on_reload(struct daemon *daemon)
{
	struct server *server = (struct server *)daemon;
	struct service *service;
	struct config config;
	struct error error;

	if (config_load(&config, server->config_file, &error) != 0) {
		reload_refuse(error.text);
		return;
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
		RESERVED = 64
	}; /* descriptors that are not connections */
	struct error error;

	server->config_file = config_file;
	LIST_INIT(&server->clients);
	if (getrandom(&server->failures.seed, sizeof(server->failures.seed), 0) < 0) {
		server->failures.seed = 0;
	}
	vitals_begin(&server->status.vitals);
	if (check_directory(config, &server->status.vitals) != 0) {
		config_free(config);
		return EX_CONFIG;
	}
	daemon_init(&server->daemon, &callbacks, RESERVED + config->mysql.connections);
	server->service = service_new(&server->daemon.loop, config, &error);
	if (server->service == NULL) {
		log_event(LOG_LEVEL_ERROR, "start", "%s", error.text);
		return EX_OSERR;
	}
	if (daemon_start(&server->daemon, &error) != 0) {
		log_event(LOG_LEVEL_ERROR, "start", "%s", error.text);
		daemon_stop(&server->daemon);
		daemon_run(&server->daemon);
		return EX_OSERR;
	}
	server->control = (struct control){
		.loop = &server->daemon.loop,
		.prefix = "lmtpd_auth",
		.write = status_write,
		.owner = server,
	};
	control_open(&server->control, server->service->config.control);
	log_event(LOG_LEVEL_INFO, "start", "lmtpd-auth %s serves %zu sockets", LMTPD_VERSION,
	    server->daemon.n_listeners);
	daemon_run(&server->daemon);
	return EX_OK;
}
