/* SPDX-License-Identifier: MIT
 * Bare sockets below uv_poll_t: a place in a fixed table for each client, and nothing allocated before
 * its request is understood. All handles are unreferenced: the loop ends without asking them. */
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
	BACKLOG = 16,
	RETRY_MS = 1000,
};

static const char denied[] = "error: only root and the daemon's own user may ask\n";
static const char unknown[] = "error: ask with one line: text, json or prometheus\n";
static const char too_long[] = "error: the answer does not fit\n";

static void on_connection(uv_poll_t *poll, int status, int events);
static void on_client(uv_poll_t *poll, int status, int events);

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
void control_prepare(const char *path, uid_t uid, gid_t gid)
{
	const char *slash = strrchr(path, '/');
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

static void set_address(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address->sun_path, sizeof(address->sun_path), "%s", path);
}

/* Takes the place of a socket that was left behind, or of a daemon that is ending: under a name of
 * its own first, so that at every moment the path leads to one that is whole. */
static int bind_socket(struct control *control)
{
	char name[CONTROL_PATH_MAX + 12];
	struct sockaddr_un address;
	struct stat status;
	int result;

	if (lstat(control->path, &status) == 0 && !S_ISSOCK(status.st_mode)) {
		return -EEXIST;
	}
	snprintf(name, sizeof(name), "%s.%d", control->path, (int)getpid());
	set_address(&address, name);
	unlink(name); /* of a process with this number, long ago */
	/* The mode of the descriptor is that of the name, less the umask: no moment is without it. */
	if (fchmod(control->fd, 0600) != 0 ||
	    bind(control->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		return -errno;
	}
	if (listen(control->fd, BACKLOG) != 0 || lstat(name, &control->status) != 0 ||
	    rename(name, control->path) != 0) {
		result = -errno;
		unlink(name);
		return result;
	}
	return 0;
}

static void stop_listening(struct control *control)
{
	uv_poll_stop(&control->poll);
	control->is_paused = true;
}

static void start_listening(struct control *control)
{
	control->is_paused = false;
	uv_poll_start(&control->poll, UV_READABLE, on_connection);
}

void control_open(struct control *control, const char *path)
{
	int result = 0;

	if (path[0] == '\0') {
		return;
	}
	snprintf(control->path, sizeof(control->path), "%s", path);
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	result = control->fd < 0 ? -errno : bind_socket(control);
	if (result == 0) {
		result = uv_poll_init(control->loop, &control->poll, control->fd);
	}
	if (result != 0) {
		log_event(LOG_LEVEL_WARNING, "control",
		    "no --status, all else works: %s: %s; its directory must be there and belong "
		    "to uid %d, "
		    "or set control to another path, or to \"\" for none",
		    path,
		    result == -EEXIST ? "is there already and is no socket" : strerror(-result),
		    (int)geteuid());
		if (control->fd >= 0) {
			close(control->fd);
		}
		return;
	}
	control->is_open = true;
	control->poll.data = control;
	uv_timer_init(control->loop, &control->retry);
	control->retry.data = control;
	uv_unref((uv_handle_t *)&control->poll);
	uv_unref((uv_handle_t *)&control->retry);
	start_listening(control);
}

static void on_client_handle_closed(uv_handle_t *handle)
{
	struct control_client *client = handle->data;
	struct control *control = client->control;

	client->n_open--;
	if (client->n_open == 0 && control->is_open && control->is_paused &&
	    !uv_is_active((uv_handle_t *)&control->retry)) {
		start_listening(control);
	}
}

static void drop_client(struct control_client *client)
{
	if (uv_is_closing((uv_handle_t *)&client->poll)) {
		return;
	}
	uv_close((uv_handle_t *)&client->poll, on_client_handle_closed);
	uv_close((uv_handle_t *)&client->timer, on_client_handle_closed);
	close(client->fd);
	free(client->answer);
	client->answer = NULL;
}

static void on_timeout(uv_timer_t *timer)
{
	drop_client(timer->data);
}

/* The marks of a watcher by its id; one who is new takes the place of who has not looked for longest.
 * NULL when out of memory: then he is told no rates. */
static struct document_marks *find_marks(struct control *control, uint64_t id)
{
	struct control_watcher *watcher = &control->watchers[0];

	for (size_t i = 0; i < CONTROL_WATCHERS_MAX; i++) {
		struct control_watcher *other = &control->watchers[i];

		if (other->marks != NULL && other->id == id) {
			watcher = other;
			break;
		}
		if (other->used < watcher->used) {
			watcher = other;
		}
	}
	if (watcher->marks == NULL) {
		watcher->marks = calloc(1, sizeof(*watcher->marks));
	} else if (watcher->id != id) {
		memset(watcher->marks, 0, sizeof(*watcher->marks));
	}
	watcher->id = id;
	watcher->used = uv_now(control->loop);
	return watcher->marks;
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

static void answer(struct control_client *client, const char *line)
{
	struct control *control = client->control;
	struct document_marks *marks = NULL;
	struct document document;
	enum document_form form;
	const char *error = NULL;
	bool is_watcher;
	uint64_t id;

	client->answer = malloc(CONTROL_ANSWER_MAX);
	if (client->answer == NULL) {
		return;
	}
	if (!parse(line, &form, &is_watcher, &id)) {
		error = unknown;
	} else {
		if (is_watcher) {
			marks = find_marks(control, id);
		}
		document_begin(&document, form, control->prefix, client->answer, CONTROL_ANSWER_MAX,
		    marks, uv_hrtime());
		control->write(control->owner, &document);
		client->n_answer = document_end(&document);
		error = client->n_answer == 0 ? too_long : NULL;
	}
	if (error != NULL) {
		client->n_answer =
		    (size_t)snprintf(client->answer, CONTROL_ANSWER_MAX, "%s", error);
	}
}

/* Sends on; returns false when there is no more to do. */
static bool send_answer(struct control_client *client)
{
	ssize_t n = send(client->fd, client->answer + client->n_sent,
	    client->n_answer - client->n_sent, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0) {
		return errno == EAGAIN || errno == EINTR;
	}
	client->n_sent += (size_t)n;
	return client->n_sent < client->n_answer;
}

/* Reads on; returns false when the client is to be dropped. A request ends with its line, or with
 * what the client sends. */
static bool read_request(struct control_client *client)
{
	ssize_t n = recv(client->fd, client->request + client->n_request,
	    sizeof(client->request) - client->n_request, MSG_DONTWAIT);
	char *end;

	if (n < 0) {
		return errno == EAGAIN || errno == EINTR;
	}
	client->n_request += (size_t)n;
	end = memchr(client->request, '\n', client->n_request);
	if (end == NULL && client->n_request == sizeof(client->request)) {
		end = client->request; /* too long to be one that is known */
	} else if (end == NULL && n == 0 && client->n_request > 0) {
		end = client->request + client->n_request;
	} else if (end == NULL) {
		return n > 0;
	}
	*end = '\0';
	if (memchr(client->request, '\0', (size_t)(end - client->request)) != NULL) {
		end = client->request; /* a NUL is no part of any */
	}
	answer(client, end == client->request ? "" : client->request);
	return client->answer != NULL;
}

static void on_client(uv_poll_t *poll, int status, int events)
{
	struct control_client *client = poll->data;
	bool goes_on = status == 0;

	if (goes_on && client->answer == NULL) {
		goes_on = read_request(client);
	}
	if (goes_on && client->answer != NULL) {
		goes_on = send_answer(client);
		if (goes_on) {
			uv_poll_start(poll, UV_WRITABLE, on_client);
		}
	}
	if (!goes_on) {
		drop_client(client);
	}
}

static bool may_ask(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid());
}

static void begin_client(struct control *control, struct control_client *client, int fd)
{
	*client = (struct control_client){ .control = control, .fd = fd };
	if (uv_poll_init(control->loop, &client->poll, fd) != 0) {
		close(fd);
		return;
	}
	uv_timer_init(control->loop, &client->timer);
	client->n_open = 2;
	client->poll.data = client->timer.data = client;
	uv_timer_start(&client->timer, on_timeout, CONTROL_TIMEOUT_MS, 0);
	uv_poll_start(&client->poll, UV_READABLE, on_client);
	uv_unref((uv_handle_t *)&client->timer);
	uv_unref((uv_handle_t *)&client->poll);
}

static void on_retry(uv_timer_t *timer)
{
	start_listening(timer->data);
}

static struct control_client *find_place(struct control *control)
{
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (control->clients[i].n_open == 0) {
			return &control->clients[i];
		}
	}
	return NULL;
}

static void on_connection(uv_poll_t *poll, int status, int events)
{
	struct control *control = poll->data;
	struct control_client *client = find_place(control);
	int fd;

	if (client == NULL) {
		stop_listening(control); /* until one of them is gone */
		return;
	}
	fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0 && may_ask(fd)) {
		begin_client(control, client, fd);
	} else if (fd >= 0) {
		(void)!send(fd, denied, sizeof(denied) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		close(fd);
	} else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		stop_listening(control); /* it would be tried without a pause */
		uv_timer_start(&control->retry, on_retry, RETRY_MS, 0);
	}
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
	uv_close((uv_handle_t *)&control->poll, NULL);
	uv_close((uv_handle_t *)&control->retry, NULL);
	close(control->fd);
	for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
		if (control->clients[i].n_open > 0) {
			drop_client(&control->clients[i]);
		}
	}
	for (size_t i = 0; i < CONTROL_WATCHERS_MAX; i++) {
		free(control->watchers[i].marks);
		control->watchers[i].marks = NULL;
	}
}
