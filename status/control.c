/* SPDX-License-Identifier: MIT
 * A place in a fixed table for each client, and nothing allocated before its request is understood. */
#include "status/control.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "runtime/log.h"

enum {
	ANSWER_MAX = 65536,
};

static const char denied[] = "error: only root and the daemon's own user may ask\n";
static const char unknown[] = "error: ask with one line: text, json, prometheus or health\n";
static const char too_long[] = "error: the answer does not fit\n";

int control_check(const char *path, struct error *error)
{
	if (path[0] != '\0' && (path[0] != '/' || strlen(path) > CONTROL_PATH_MAX)) {
		return error_set(error,
		    "\"%s\" needs an absolute path of at most %d bytes, or \"\" for none", path,
		    CONTROL_PATH_MAX);
	}
	return 0;
}

/* It is made by root and only then given away, so that nobody else can have put it there. */
void control_prepare(const struct daemon_settings *settings, uid_t uid, gid_t gid)
{
	const char *path = settings->control, *slash = strrchr(path, '/');
	char directory[CONTROL_PATH_MAX + 1];
	int fd;

	if (slash == NULL || slash == path || geteuid() != 0) {
		return;
	}
	snprintf(directory, sizeof(directory), "%.*s", (int)(slash - path), path);
	if (mkdir(directory, 0700) != 0) {
		return; /* it is there, or control_open() says what is wrong */
	}
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0755) != 0 || fchown(fd, uid, gid) != 0) {
		log_event(LOG_LEVEL_WARNING, "control", "%s: cannot be given to uid %d: %s",
		    directory, (int)uid, strerror(errno));
	}
	if (fd >= 0) {
		close(fd);
	}
}

/* Takes the place of a socket that was left behind, or of a daemon that is ending: under a name of
 * its own first, so that at every moment the path leads to one that is whole. */
static int bind_socket(struct control *control, int fd)
{
	char name[CONTROL_PATH_MAX + 12];
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat status;
	int result;

	if (lstat(control->path, &status) == 0 && !S_ISSOCK(status.st_mode)) {
		return -EEXIST;
	}
	snprintf(name, sizeof(name), "%s.%d", control->path, (int)getpid());
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
	unlink(name); /* of a process with this number, long ago */
	/* The mode of the descriptor is that of the name, less the umask: no moment is without it. */
	if (fchmod(fd, 0600) != 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, SOMAXCONN) != 0 || lstat(name, &control->status) != 0 ||
	    rename(name, control->path) != 0) {
		result = -errno;
		unlink(name);
		return result;
	}
	return 0;
}

/* The marks of a watcher by its id; one who is new takes the place of who has not looked for longest. */
static struct document_marks *find_marks(struct control *control, uint64_t id)
{
	struct control_watcher *watcher = &control->watchers[0];

	for (size_t i = 1; i < CONTROL_WATCHERS_MAX && watcher->id != id; i++) {
		struct control_watcher *other = &control->watchers[i];

		if (other->id == id || other->used < watcher->used) {
			watcher = other;
		}
	}
	if (watcher->id != id) {
		memset(watcher, 0, sizeof(*watcher));
		watcher->id = id;
	}
	watcher->used = uv_now(control->loop);
	return &watcher->marks;
}

/* What is asked for? The line is NUL-terminated. */
static bool parse(const char *line, enum document_form *form_r, bool *is_watcher_r, uint64_t *id_r)
{
	static const char *const forms[] = {
		[DOCUMENT_TEXT] = "text",
		[DOCUMENT_JSON] = "json",
		[DOCUMENT_PROMETHEUS] = "prometheus",
	};
	size_t n_digits;

	*is_watcher_r = strncmp(line, "watch ", 6) == 0;
	if (*is_watcher_r) {
		*form_r = DOCUMENT_TEXT;
		n_digits = strspn(line + 6, "0123456789");
		*id_r = strtoull(line + 6, NULL, 10);
		return n_digits > 0 && n_digits < 20 && line[6 + n_digits] == '\0';
	}
	for (unsigned i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (strcmp(line, forms[i]) == 0) {
			*form_r = (enum document_form)i;
			return true;
		}
	}
	return false;
}

static void say(struct control_client *client, const char *answer, size_t n)
{
	client->is_answered = true;
	peer_write(&client->peer, answer, n);
	peer_end(&client->peer);
}

static void examine(struct control_client *client)
{
	struct control *control = client->control;
	const char *answer = control->examine(control->owner);

	if (answer != NULL) {
		say(client, answer, strlen(answer));
		return;
	}
	client->is_waiting = true;
	client->peer.n_out++;
}

void control_conclude(struct control *control, const char *answer)
{
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *client = &control->clients[i];

		if (client->is_there && client->is_waiting) {
			client->is_waiting = false;
			say(client, answer, strlen(answer));
			peer_work_done(&client->peer);
		}
	}
}

/* To a request that is NUL-terminated. */
static void answer(struct control_client *client, const char *request)
{
	static char buffer[ANSWER_MAX]; /* the loop writes one answer at a time */
	struct control *control = client->control;
	struct document document;
	enum document_form form;
	bool is_watcher;
	uint64_t id;
	size_t n;

	if (strcmp(request, "health") == 0) {
		examine(client);
		return;
	}
	if (!parse(request, &form, &is_watcher, &id)) {
		say(client, unknown, sizeof(unknown) - 1);
		return;
	}
	document_begin(&document, form, control->prefix, buffer, sizeof(buffer),
	    is_watcher ? find_marks(control, id) : NULL, uv_hrtime());
	control->write(control->owner, &document);
	n = document_end(&document);
	if (n == 0) {
		say(client, too_long, sizeof(too_long) - 1);
	} else {
		say(client, buffer, n);
	}
}

static bool may_ask(const struct peer *peer)
{
	struct ucred who;
	socklen_t n = sizeof(who);
	int fd;

	return uv_fileno(&peer->in.handle, &fd) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 &&
	       (who.uid == 0 || who.uid == geteuid());
}

/* What comes behind the request is dropped. */
static size_t on_input(struct peer *peer, const char *data, size_t n)
{
	struct control_client *client = (struct control_client *)peer;
	size_t room = sizeof(client->request) - client->n_request;
	size_t n_taken = n < room ? n : room;

	memcpy(client->request + client->n_request, data, n_taken);
	client->n_request += n_taken;
	return n;
}

/* A request ends with its line, or with what the client sends. */
static void on_turn(struct peer *peer)
{
	struct control_client *client = (struct control_client *)peer;
	char *end = memchr(client->request, '\n', client->n_request);

	if (client->is_answered || client->is_waiting || peer->is_closed) {
		return;
	}
	if (!may_ask(peer)) {
		say(client, denied, sizeof(denied) - 1);
		return;
	}
	if (end == NULL && client->n_request == sizeof(client->request)) {
		end = client->request; /* too long to be one that is known */
	} else if (end == NULL && peer->is_at_end && client->n_request > 0) {
		end = client->request + client->n_request;
	} else if (end == NULL) {
		return;
	}
	*end = '\0';
	if (strlen(client->request) < (size_t)(end - client->request)) {
		client->request[0] = '\0'; /* a NUL is no part of any */
	}
	answer(client, client->request);
}

static void on_silent(struct peer *peer)
{
	peer_close(peer, NULL);
}

static void on_closed(struct peer *peer)
{
	struct control_client *client = (struct control_client *)peer;

	client->is_there = false;
	if (client->control->is_open) {
		listener_proceed(&client->control->listener);
	}
}

static enum listener_outcome on_client(struct listener *listener, uv_stream_t *stream)
{
	static const struct peer_callbacks callbacks = {
		.input = on_input,
		.turn = on_turn,
		.silent = on_silent,
		.closed = on_closed,
	};
	struct control *control = listener->owner;

	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		struct control_client *client = &control->clients[i];

		if (!client->is_there) {
			*client = (struct control_client){
				.peer = { .callbacks = &callbacks, .has_deadline = true },
				.control = control,
				.is_there = true,
			};
			/* On failure it ends by itself. */
			if (peer_accept(&client->peer, stream) == 0) {
				peer_proceed(&client->peer);
			}
			peer_set_patience(&client->peer, CONTROL_TIMEOUT_MS);
			return LISTENER_ACCEPTED;
		}
	}
	return LISTENER_LATER;
}

void control_open(struct control *control, const char *path)
{
	int fd, result;

	if (path[0] == '\0') {
		return;
	}
	snprintf(control->path, sizeof(control->path), "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	result = fd < 0 ? -errno : bind_socket(control, fd);
	if (result == 0) {
		control->listener =
		    (struct listener){ .fd = fd, .accept = on_client, .owner = control };
		result = listener_start(&control->listener, control->loop);
		if (result != 0) {
			listener_stop(&control->listener);
			fd = -1;
		}
	}
	if (result != 0) {
		log_event(LOG_LEVEL_WARNING, "control",
		    "no --status, all else works: %s: %s; its directory must be there and belong "
		    "to uid %d, "
		    "or set control to another path, or to \"\" for none",
		    path,
		    result == -EEXIST ? "is there already and is no socket" : strerror(-result),
		    (int)geteuid());
		if (fd >= 0) {
			close(fd);
		}
		return;
	}
	control->is_open = true;
}

void control_close(struct control *control)
{
	struct stat status;

	if (!control->is_open) {
		return;
	}
	control->is_open = false;
	/* Another daemon may have taken the place meanwhile. */
	if (lstat(control->path, &status) == 0 && status.st_dev == control->status.st_dev &&
	    status.st_ino == control->status.st_ino) {
		unlink(control->path);
	}
	listener_stop(&control->listener);
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (control->clients[i].is_there) {
			peer_close(&control->clients[i].peer, NULL);
		}
	}
}
