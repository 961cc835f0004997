/* SPDX-License-Identifier: MIT
 * Sockets from the client's side. A mode is judged by its bits, since only root could try; what has
 * an access control list is left alone. */
#include "doctor/sockets.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "runtime/admission.h"
#include "runtime/endpoint.h"
#include "runtime/privilege.h"

enum {
	GROUPS_MAX = 256,
	SAID_MAX = 2048,
	PATIENCE = 2, /* seconds to connect, and to say something */
	MAY_PASS = 1,
	MAY_CONNECT = 2, /* write(2) permission, unix(7) */
};

/* The user that Postfix, or whoever owns the sockets, connects as. */
struct visitor {
	const char *name; /* NULL: nobody is known */
	/* One of Postfix, or NULL: root has brought it into the queue directory, so it need not walk there. */
	const struct postconf *postfix;
	uid_t uid;
	gid_t groups[GROUPS_MAX];
	int n_groups;
};

static void find_visitor(
    const struct sockets *sockets, const struct postconf *postfix, struct visitor *visitor_r)
{
	const struct passwd *passwd;
	struct error ignored;
	gid_t gid;

	*visitor_r = (struct visitor){
		.name = postfix != NULL ? postfix->mail_owner : sockets->settings->socket_user,
		.postfix = postfix,
		.n_groups = GROUPS_MAX,
	};
	if (visitor_r->name[0] == '\0' ||
	    privilege_find(visitor_r->name, "", &visitor_r->uid, &gid, &ignored) != 0) {
		visitor_r->name = NULL;
		return;
	}
	passwd = getpwuid(visitor_r->uid);
	if (passwd == NULL || getgrouplist(passwd->pw_name, passwd->pw_gid, visitor_r->groups,
				  &visitor_r->n_groups) < 0) {
		visitor_r->n_groups = 0;
	}
}

/* As the kernel decides: the owner's bits are the owner's alone, even if the group's allow more. */
static bool may(const struct visitor *visitor, const struct stat *status, unsigned what)
{
	unsigned shift = 0;

	if (visitor->uid == 0) {
		return true;
	}
	for (int i = 0; i < visitor->n_groups; i++) {
		if (visitor->groups[i] == status->st_gid) {
			shift = 3;
		}
	}
	if (visitor->uid == status->st_uid) {
		shift = 6;
	}
	return (status->st_mode >> shift & what) != 0;
}

/* An access control list may allow what the bits do not. */
static bool has_list(const char *path)
{
	return getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}

/* Can the visitor walk down to the socket? Reports what stops it. */
static bool check_way(
    const struct visitor *visitor, const struct endpoint *ours, struct report *report)
{
	const char *below =
	    visitor->postfix == NULL ? NULL : postconf_below_queue(visitor->postfix, ours->text);
	char directory[ENDPOINT_PATH_MAX + 1];
	struct stat status;

	/* The queue directory itself is the first that must be passed, else the one below the root. */
	for (const char *slash = below != NULL ? below - 1 : strchr(ours->path + 1, '/');
	     slash != NULL; slash = strchr(slash + 1, '/')) {
		const char *remedy;

		snprintf(
		    directory, sizeof(directory), "%.*s", (int)(slash - ours->path), ours->path);
		if (stat(directory, &status) != 0) {
			return true; /* said elsewhere */
		}
		if (may(visitor, &status, MAY_PASS) || has_list(directory)) {
			continue;
		}
		/* A directory of its own that is closed to others should stay so. */
		remedy = (status.st_mode & S_IRWXO) == 0 && slash == strrchr(ours->path, '/')
			     ? report_remedy(report, "chown %s %s && chmod u=rwx %s", visitor->name,
				   directory, directory)
			     : report_remedy(report, "chmod o+x %s", directory);
		report_fail(report, EX_CONFIG, "socket", remedy,
		    "%s: user %s cannot pass %s (uid %u, mode %04o)", ours->text, visitor->name,
		    directory, status.st_uid, (unsigned)(status.st_mode & 07777));
		return false;
	}
	return true;
}

/* Owner and mode: of the socket that is there, or of the one that would be made, also in the place of
 * one that nobody listens on. */
static void check_entry(const struct sockets *sockets, const struct visitor *visitor,
    const struct endpoint *ours, bool is_stale, struct report *report)
{
	struct error ignored;
	const struct daemon_settings *settings = sockets->settings;
	struct stat status;
	bool is_there = !is_stale && stat(ours->path, &status) == 0;

	if (!is_there) {
		if ((!is_stale && errno != ENOENT) ||
		    privilege_find(settings->socket_user, settings->socket_group, &status.st_uid,
			&status.st_gid, &ignored) != 0) {
			return;
		}
		status.st_mode = (mode_t)settings->socket_mode;
		status.st_uid = status.st_uid == (uid_t)-1 ? geteuid() : status.st_uid;
		status.st_gid = status.st_gid == (gid_t)-1 ? getegid() : status.st_gid;
	}
	if (may(visitor, &status, MAY_CONNECT) || (is_there && has_list(ours->path))) {
		return;
	}
	report_fail(report, EX_CONFIG, "socket",
	    report_remedy(report,
		"set %s.socket_user = \"%s\" and %s.socket_mode = 0600 and restart %s; if systemd "
		"makes the socket, SocketUser=%s and SocketMode=0600 by: systemctl edit %s.socket",
		sockets->section, visitor->name, sockets->section, sockets->daemon, visitor->name,
		sockets->daemon),
	    "%s: user %s cannot connect: it %s uid %u, gid %u and mode %04o", ours->text,
	    visitor->name, is_there ? "has" : "would have", status.st_uid, status.st_gid,
	    (unsigned)(status.st_mode & 07777));
}

/* Who is there. */
struct listening {
	bool is_served;
	pid_t holder;  /* the process that made it listen; 0: it cannot be seen from here */
	bool is_stale; /* a socket that its owner has left behind */
	char said[SAID_MAX];
};

/* Listens to what somebody there says first, up to sockets->end. */
static void listen_to(
    const struct sockets *sockets, const char *path, struct listening *listening_r)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = PATIENCE };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *said = listening_r->said;
	struct ucred peer = { .pid = 0 };
	socklen_t n_peer = sizeof(peer);
	time_t end = time(NULL) + PATIENCE;
	size_t at = 0;

	*listening_r = (struct listening){ .is_served = false };
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0) {
		/* EAGAIN: so many wait there that we could not. */
		listening_r->is_served =
		    connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ||
		    errno == EAGAIN;
		listening_r->is_stale = !listening_r->is_served && errno == ECONNREFUSED;
		if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n_peer) == 0) {
			listening_r->holder = peer.pid;
		}
	}
	while (listening_r->is_served && at < SAID_MAX - 1 && strstr(said, sockets->end) == NULL &&
	       time(NULL) <= end) {
		ssize_t got = recv(fd, said + at, SAID_MAX - 1 - at, 0);

		if (got <= 0) {
			break;
		}
		at += (size_t)got;
		said[at] = '\0';
	}
	if (fd >= 0) {
		close(fd);
	}
}

/* What is there after a connection: nobody, us, a service that systemd has not brought up yet, or somebody
 * who is in the way. */
static void say_server(const struct sockets *sockets, const struct endpoint *ours,
    const struct listening *listening, struct report *report)
{
	enum socket_server server = SOCKET_OTHER;
	char who[512];

	snprintf(who, sizeof(who), "it says nothing%s", sockets->silence);
	if (listening->said[0] != '\0') {
		server = sockets->judge(listening->said, listening->holder, who, sizeof(who));
	}
	if (!listening->is_served) {
		report_ok(report, "socket", "%s", ours->text);
	} else if (server == SOCKET_OURS) {
		report_ok(report, "socket", "%s, %s serves it now", ours->text, sockets->daemon);
	} else if (server == SOCKET_UNKNOWN) {
		report_warn(report, "socket",
		    report_remedy(report,
			"see that it is %s, in a container of its own; nobody else may serve it",
			sockets->daemon),
		    "%s: it is served by %s", ours->text, who);
	} else if (listening->said[0] == '\0' && listening->holder == 1) {
		/* Our connection has started the service, or has tried to. */
		report_warn(report, "socket",
		    report_remedy(report, "systemctl status %s", sockets->daemon),
		    "%s: systemd holds it, but %s has not answered within %d seconds", ours->text,
		    sockets->daemon, PATIENCE);
	} else {
		report_fail(report, EX_CONFIG, "socket", sockets->remedy,
		    "%s: another program serves it: %s", ours->text, who);
	}
}

/* Reports why it cannot be judged whether a socket may be there. */
static void check_absence(const struct sockets *sockets, const struct endpoint *ours,
    const char *path, struct report *report)
{
	const char *why = strerror(errno);

	if (errno == EACCES) {
		/* /var/spool/postfix/private is closed to all but root and postfix. */
		report_warn(report, "socket", "run --check as root to see it", "%s: %s: %s",
		    ours->text, path, why);
		return;
	}
	report_fail(report, EX_CONFIG, "socket",
	    report_remedy(report, "install Postfix, or set %s.listen to a directory that exists",
		sockets->section),
	    "%s: %s: %s", ours->text, path, why);
}

/* One of another kind than a path is open to whoever reaches the address. */
static void check_address(
    const struct sockets *sockets, const struct endpoint *ours, struct report *report)
{
	const struct settings_list *allow = &sockets->settings->allow;

	if (allow->n == 0 && admission_is_reached(ours)) {
		report_fail(report, EX_CONFIG, "socket",
		    report_remedy(report,
			"set %s.allow = {\"192.0.2.1\"}, with the addresses of the machines where "
			"Postfix runs",
			sockets->section),
		    "%s: whoever reaches it is served", ours->text);
		return;
	}
	report_ok(report, "socket", "%s%s", ours->text,
	    allow->n == 0 ? "" : ", for those whom the key allow names");
}

static void check_socket(const struct sockets *sockets, const struct visitor *visitor,
    const struct endpoint *ours, struct report *report)
{
	char directory[ENDPOINT_PATH_MAX + 1];
	struct listening listening;
	struct stat status;
	char *slash;

	if (ours->path == NULL) {
		check_address(sockets, ours, report);
		return;
	}
	snprintf(directory, sizeof(directory), "%s", ours->path);
	slash = strrchr(directory, '/');
	slash[slash == directory] = '\0';
	if (stat(directory, &status) != 0) {
		check_absence(sockets, ours, directory, report);
		return;
	}
	if (stat(ours->path, &status) == 0) {
		if (!S_ISSOCK(status.st_mode)) {
			report_fail(report, EX_CONFIG, "socket",
			    "something that is no socket lies there: move it away", "%s",
			    ours->text);
			return;
		}
	} else if (errno == EACCES) {
		check_absence(sockets, ours, ours->path, report);
		return;
	}
	listen_to(sockets, ours->path, &listening);
	if (visitor->name != NULL && check_way(visitor, ours, report)) {
		check_entry(sockets, visitor, ours, listening.is_stale, report);
	}
	say_server(sockets, ours, &listening, report);
}

/* Whoever makes the sockets gives them away; systemd does it in its own unit. */
static void check_owner(const struct sockets *sockets, struct report *report)
{
	const char *user = sockets->settings->socket_user;
	const char *group = sockets->settings->socket_group;
	struct error error;
	uid_t uid;
	gid_t gid;

	if (privilege_find(user, group, &uid, &gid, &error) != 0) {
		report_fail(report, EX_CONFIG, "socket owner",
		    report_remedy(report,
			"set %s.socket_user and %s.socket_group to the ones that Postfix runs as",
			sockets->section, sockets->section),
		    "%s", error.text);
		return;
	}
	report_ok(report, "socket owner", "%s:%s mode %04o", user, group,
	    (unsigned)sockets->settings->socket_mode);
}

void sockets_check(
    const struct sockets *sockets, const struct postconf *postfix, struct report *report)
{
	const char *second = sockets->settings->second;
	struct endpoint ours;
	struct error ignored;
	struct visitor visitor;

	find_visitor(sockets, postfix, &visitor);
	for (size_t i = 0; i < sockets->settings->listen.n; i++) {
		if (endpoint_parse(&ours, sockets->settings->listen.texts[i], &ignored) == 0) {
			check_socket(sockets, &visitor, &ours, report);
		}
	}
	if (second != NULL && endpoint_parse(&ours, second, &ignored) == 0 && ours.path == NULL) {
		check_address(sockets, &ours, report);
	}
	check_owner(sockets, report);
}
