/* SPDX-License-Identifier: MIT
 * How a daemon comes to its listening sockets: from systemd, or else as its configuration says; each
 * belongs to a door of its program. At the start, as root perhaps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/admission.h"
#include "runtime/daemon.h"
#include "runtime/log.h"
#include "runtime/privilege.h"
#include "runtime/systemd.h"

void daemon_forget_sockets(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->n_listeners; i++) {
		unlink(daemon->paths[i]); /* "" is the path of nothing */
	}
}

static int fail_for_number(size_t n, struct error *error)
{
	return error_set(
	    error, "listen: from 1 to %d sockets, not %zu", DAEMON_DOOR_LISTENERS_MAX, n);
}

/* A name that is no door's, such as that of a unit, is nothing that the first could not serve. */
static const struct program_door *find_door(
    const struct program *program, const char *names, size_t i)
{
	for (size_t k = 1; k < program->n_doors; k++) {
		if (systemd_name_is(names, i, program->doors[k].name)) {
			return &program->doors[k];
		}
	}
	return &program->doors[0];
}

static int take_passed(struct daemon *daemon, struct error *error)
{
	char *names;
	size_t n = (size_t)systemd_listen_fds(&names);

	for (size_t i = 0; i < n && n <= DAEMON_DOOR_LISTENERS_MAX; i++) {
		daemon->listeners[i].fd = SYSTEMD_FIRST_FD + (int)i;
		daemon->listeners[i].door = find_door(daemon->program, names, i);
		daemon->n_listeners++;
	}
	free(names);
	return n <= DAEMON_DOOR_LISTENERS_MAX ? 0 : fail_for_number(n, error);
}

static bool has_socket(const struct daemon *daemon, const struct program_door *door)
{
	for (size_t i = 0; i < daemon->n_listeners; i++) {
		if (daemon->listeners[i].door == door) {
			return true;
		}
	}
	return false;
}

static int open_socket(struct daemon *daemon, const struct program_door *door, const char *text,
    const struct daemon_settings *from, struct error *error)
{
	struct listener_settings settings = { .mode = (mode_t)from->socket_mode };
	size_t i = daemon->n_listeners;
	struct endpoint endpoint;
	int fd;

	if (privilege_find(
		from->socket_user, from->socket_group, &settings.uid, &settings.gid, error) != 0) {
		return error_prefix(error, "socket_user and socket_group: ");
	}
	if (endpoint_parse(&endpoint, text, error) != 0 ||
	    (fd = listener_open(&endpoint, &settings, error)) < 0) {
		return -1;
	}
	daemon->listeners[i].fd = fd;
	daemon->listeners[i].door = door;
	snprintf(daemon->paths[i], sizeof(daemon->paths[i]), "%s",
	    endpoint.path == NULL ? "" : endpoint.path);
	daemon->n_listeners++;
	if (from->allow.n == 0 && admission_is_reached(&endpoint)) {
		log_event(LOG_LEVEL_WARNING, "start",
		    "%s: whoever reaches it is served: name those who may connect with the key "
		    "allow of %s; "
		    "without it, the next release does not listen there",
		    text, daemon->config_file);
	}
	return 0;
}

static int open_first(
    struct daemon *daemon, const struct daemon_settings *settings, struct error *error)
{
	size_t n = settings->listen.n;
	int result = 0;

	if (n == 0 || n > DAEMON_DOOR_LISTENERS_MAX) {
		return fail_for_number(n, error);
	}
	for (size_t i = 0; i < n && result == 0; i++) {
		result = open_socket(
		    daemon, &daemon->program->doors[0], settings->listen.texts[i], settings, error);
	}
	return result;
}

/* Where systemd has made the others, the daemon is not root, and may not make its own. */
static int open_second(struct daemon *daemon, const struct daemon_settings *settings,
    bool is_activated, struct error *error)
{
	const struct program *program = daemon->program;
	const struct program_door *door = &program->doors[1];

	if (open_socket(daemon, door, settings->second, settings, error) == 0) {
		return 0;
	}
	if (is_activated) {
		error_append(error,
		    "; systemd hands over sockets, but none of %s: systemctl enable %s-%s.socket, "
		    "then systemctl restart %s",
		    door->name, program->name, door->name, program->name);
	}
	return -1;
}

int daemon_listen(
    struct daemon *daemon, const struct daemon_settings *settings, struct error *error)
{
	const struct program *program = daemon->program;
	bool is_activated, has_second = settings->second != NULL && settings->second[0] != '\0';
	int result = take_passed(daemon, error);

	is_activated = daemon->n_listeners > 0;
	if (result == 0 && !has_socket(daemon, &program->doors[0])) {
		result = open_first(daemon, settings, error);
	}
	if (result == 0 && has_second && !has_socket(daemon, &program->doors[1])) {
		result = open_second(daemon, settings, is_activated, error);
	}
	if (result != 0) {
		daemon_forget_sockets(daemon);
	}
	return result;
}
