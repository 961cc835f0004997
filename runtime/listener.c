/* SPDX-License-Identifier: MIT
 * Sockets that others must be able to find: made with owner and mode before anybody can connect. */
#include "runtime/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
	BACKLOG = 4096, /* the kernel cuts it to net.core.somaxconn */
	RETRY_MS = 1000,
};

/* Is somebody there to accept? A socket file that its owner left behind refuses connections. */
static bool is_served(const struct sockaddr_un *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool is_served;

	if (fd < 0) {
		return true;
	}
	is_served = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 ||
		    errno == EAGAIN || errno == EINPROGRESS;
	close(fd);
	return is_served;
}

/* Binds as the socket's owner and with its mode, so that they are right from its first moment: chmod(2) and
 * chown(2) on its name would follow whoever may write in its directory. */
static int bind_as(int fd, const struct sockaddr_un *address, uid_t uid, gid_t gid, mode_t mode)
{
	mode_t old_umask = umask(0);
	int result = fchmod(fd, mode) == 0 ? 0 : -errno;
	/* Of this thread; of -1, and where it may not, nothing changes. */
	gid_t old_gid = (gid_t)setfsgid(gid);
	uid_t old_uid = (uid_t)setfsuid(uid);

	if (result == 0 && bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
		result = -errno;
	}
	setfsuid(old_uid);
	setfsgid(old_gid);
	umask(old_umask);
	return result;
}

/* Where the owner may not write, only root may, and nobody can change the name under its hands. */
static int bind_and_give(
    int fd, const struct sockaddr_un *address, const struct listener_settings *settings)
{
	int result = bind_as(fd, address, settings->uid, settings->gid, settings->mode);

	if (result == -EACCES && geteuid() == 0) {
		result = bind_as(fd, address, (uid_t)-1, (gid_t)-1, settings->mode);
		if (result == 0 && lchown(address->sun_path, settings->uid, settings->gid) != 0) {
			result = -errno;
		}
	}
	return result;
}

static bool is_as_wanted(const char *path, const struct listener_settings *settings)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISSOCK(status.st_mode) &&
	       (status.st_mode & 07777) == settings->mode &&
	       (settings->uid == (uid_t)-1 || status.st_uid == settings->uid) &&
	       (settings->gid == (gid_t)-1 || status.st_gid == settings->gid);
}

static int bind_unix(int fd, const struct sockaddr_un *address,
    const struct listener_settings *settings, struct error *error)
{
	const char *path = address->sun_path;
	struct stat status;
	int result;

	if (lstat(path, &status) == 0) {
		if (!S_ISSOCK(status.st_mode)) {
			return error_set(error, "%s is there already and is no socket", path);
		}
		if (is_served(address)) {
			return error_set(error,
			    "%s: another process listens on it; another lmtpd, or Dovecot with its "
			    "lmtp or auth "
			    "service still configured for this path",
			    path);
		}
		if (unlink(path) != 0) {
			return error_set(
			    error, "%s: cannot remove the stale socket: %s", path, strerror(errno));
		}
	}
	result = bind_and_give(fd, address, settings);
	if (result < 0) {
		return error_set(error, "%s: cannot bind: %s", path, strerror(-result));
	}
	if (!is_as_wanted(path, settings)) {
		error_set(error,
		    "%s: cannot set owner %d:%d and mode %04o (start as root, or set socket_user "
		    "and "
		    "socket_group to \"\")",
		    path, (int)settings->uid, (int)settings->gid, (unsigned)settings->mode);
		unlink(path);
		return -1;
	}
	return 0;
}

static int open_unix(
    const char *path, const struct listener_settings *settings, struct error *error)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0) {
		return error_set(error, "socket: %s", strerror(errno));
	}
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (bind_unix(fd, &address, settings, error) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static int open_inet(const struct endpoint *endpoint, struct error *error)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *found;
	int result = getaddrinfo(endpoint->host, endpoint->port, &hints, &found), fd, on = 1;

	if (result != 0) {
		return error_set(error, "%s: %s", endpoint->text, gai_strerror(result));
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, found->ai_addr, found->ai_addrlen) != 0) {
		error_set(error, "%s: cannot bind: %s", endpoint->text, strerror(errno));
		if (fd >= 0) {
			close(fd);
		}
		fd = -1;
	}
	freeaddrinfo(found);
	return fd;
}

int listener_open(
    const struct endpoint *endpoint, const struct listener_settings *settings, struct error *error)
{
	int fd = endpoint->path != NULL ? open_unix(endpoint->path, settings, error)
					: open_inet(endpoint, error);

	if (fd >= 0 && listen(fd, BACKLOG) != 0) {
		error_set(error, "%s: cannot listen: %s", endpoint->text, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

static void on_retry(uv_timer_t *timer);

static void on_paused(uv_handle_t *handle)
{
	struct listener *listener = handle->data;

	if (!listener->is_stopped) {
		uv_timer_start(&listener->retry, on_retry, RETRY_MS, 0);
	}
}

/* After a failed accept(2) libuv tries again at once, and as long as it fails nothing else is done
 * in the process. So the handle is closed for a while; the socket stays, and clients wait in its
 * backlog. */
static void listener_pause(struct listener *listener, const char *why)
{
	if (listener->paused != NULL) {
		listener->paused(why);
	}
	listener->has_waiting = false;
	uv_close(&listener->handle.handle, on_paused);
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct listener *listener = stream->data;
	enum listener_outcome outcome;

	if (status < 0) {
		listener_pause(listener, uv_strerror(status));
		return;
	}
	outcome = listener->accept(listener, stream);
	listener->has_waiting = outcome == LISTENER_LATER;
	if (outcome == LISTENER_NO_MEMORY) {
		listener_pause(listener, "out of memory");
	}
}

/* Initialises the handle in any case. */
static int listener_listen(struct listener *listener)
{
	int fd = fcntl(listener->fd, F_DUPFD_CLOEXEC, 0), failed = -errno;
	int result = peer_handle_open(&listener->handle, listener->retry.loop, fd);

	listener->handle.handle.data = listener;
	if (fd < 0) {
		return failed;
	}
	if (result != 0) {
		close(fd);
		return result;
	}
	return uv_listen(&listener->handle.stream, BACKLOG, on_connection);
}

static void on_retry(uv_timer_t *timer)
{
	struct listener *listener = timer->data;
	int result = listener_listen(listener);

	if (result != 0) {
		listener_pause(listener, uv_strerror(result));
	}
}

int listener_start(struct listener *listener, uv_loop_t *loop)
{
	uv_timer_init(loop, &listener->retry);
	listener->retry.data = listener;
	return listener_listen(listener);
}

void listener_proceed(struct listener *listener)
{
	if (listener->has_waiting && !listener->is_stopped) {
		on_connection(&listener->handle.stream, 0);
	}
}

void listener_stop(struct listener *listener)
{
	listener->is_stopped = true;
	if (!uv_is_closing(&listener->handle.handle)) {
		uv_close(&listener->handle.handle, NULL);
	}
	uv_close((uv_handle_t *)&listener->retry, NULL);
	close(listener->fd);
}
