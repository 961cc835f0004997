/* SPDX-License-Identifier: MIT
 * The simplest LMTP server that keeps its word: a thread for each connection, no look-up, and for each
 * recipient a file of its own that is durable before the 250.
 *
 *   sink once|twice SOCKET ROOT
 *                            mail to LOCAL@DOMAIN goes to ROOT/DOMAIN/LOCAL/Maildir/new, by one commit
 *                            of the journal or by two
 *   sink once|twice SOCKET ROOT HOST USER PASSWORD DATABASE
 *                            the same, with one question to the database for each recipient, on a
 *                            connection that each session has for itself
 *
 * It is a measure and trusts its client: paths are not checked, bytes are stored as they come. */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "schema/directory.h"
#include "store.h"

enum {
	RECIPIENTS = 1000,
	CHUNK = 65536,
};

static bool (*commit)(struct stored *stored);
static const char *root;
static const char *host; /* of the database; NULL: nobody is looked up */
static struct directory_settings database = {
	.hosts = { &host, 1 },
	.option_file = "",
	.timeout = 5,
	.queries[DIRECTORY_MAILBOX] = "SELECT email FROM virtual_users WHERE email = '%u'",
};

struct session {
	int fd;
	char in[CHUNK];
	size_t n_in;
	char out[RECIPIENTS * 16];
	size_t n_out;
	struct stored files[RECIPIENTS];
	size_t n_files;
	struct directory *directory;
};

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "sink: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void reply(struct session *session, const char *text)
{
	size_t n = strlen(text);

	memcpy(session->out + session->n_out, text, n);
	session->n_out += n;
}

static bool flush(struct session *session)
{
	size_t at = 0;

	while (at < session->n_out) {
		ssize_t sent =
		    send(session->fd, session->out + at, session->n_out - at, MSG_NOSIGNAL);

		if (sent <= 0) {
			return false;
		}
		at += (size_t)sent;
	}
	session->n_out = 0;
	return true;
}

/* Sends what there is to say, then waits for more. */
static bool fill(struct session *session)
{
	ssize_t got;

	if (!flush(session)) {
		return false;
	}
	got = read(session->fd, session->in + session->n_in, CHUNK - session->n_in);
	session->n_in += got > 0 ? (size_t)got : 0;
	return got > 0;
}

static void consume(struct session *session, size_t n)
{
	session->n_in -= n;
	memmove(session->in, session->in + n, session->n_in);
}

static int count_row(void *data, const struct row *row)
{
	++*(unsigned *)data;
	return 0;
}

static bool is_user(struct session *session, const char *local, const char *domain)
{
	char address[512];
	unsigned n = 0;

	if (session->directory == NULL) {
		return true;
	}
	snprintf(address, sizeof(address), "%s@%s", local, domain);
	if (directory_ask(session->directory, DIRECTORY_MAILBOX, address, count_row, &n) != 0) {
		fprintf(stderr, "sink: %s\n", directory_error(session->directory));
		exit(1);
	}
	return n == 1;
}

static void on_rcpt(struct session *session, const char *line)
{
	char path[4096], local[256], domain[256];

	if (session->n_files == RECIPIENTS ||
	    sscanf(line, "RCPT TO:<%255[^@]@%255[^>]>", local, domain) != 2 ||
	    !is_user(session, local, domain)) {
		reply(session, "550 no\r\n");
		return;
	}
	snprintf(path, sizeof(path), "%s/%s/%s/Maildir/new", root, domain, local);
	if (!store_open(&session->files[session->n_files], path)) {
		reply(session, "451 no\r\n");
		return;
	}
	session->n_files++;
	reply(session, "250 ok\r\n");
}

static void write_all(struct session *session, size_t n)
{
	for (size_t i = 0; i < session->n_files; i++) {
		if (!store_write(&session->files[i], session->in, n)) {
			die("write");
		}
	}
}

static bool on_data(struct session *session)
{
	static const char mark[] = "\r\n.\r\n";
	char *found;

	reply(session, "354 go\r\n");
	while ((found = memmem(session->in, session->n_in, mark, 5)) == NULL) {
		/* The mark may be cut. */
		size_t n = session->n_in > 4 ? session->n_in - 4 : 0;

		write_all(session, n);
		consume(session, n);
		if (!fill(session)) {
			return false;
		}
	}
	write_all(session, (size_t)(found - session->in) + 2);
	consume(session, (size_t)(found - session->in) + 5);
	for (size_t i = 0; i < session->n_files; i++) {
		reply(session, commit(&session->files[i]) ? "250 saved\r\n" : "451 no\r\n");
	}
	session->n_files = 0;
	return true;
}

static bool on_line(struct session *session)
{
	char *end = memmem(session->in, session->n_in, "\r\n", 2);
	bool is_data;

	if (end == NULL) {
		return fill(session);
	}
	*end = '\0';
	is_data = strcmp(session->in, "DATA") == 0;
	if (strncmp(session->in, "RCPT", 4) == 0) {
		on_rcpt(session, session->in);
	} else if (strncmp(session->in, "LHLO", 4) == 0) {
		reply(session, "250-sink\r\n250 PIPELINING\r\n");
	} else if (strcmp(session->in, "QUIT") == 0) {
		reply(session, "221 bye\r\n");
		flush(session);
		return false;
	} else if (!is_data) {
		reply(session, "250 ok\r\n");
	}
	consume(session, (size_t)(end - session->in) + 2);
	return is_data ? on_data(session) : true;
}

static void *run_session(void *data)
{
	struct session *session = data;

	if (host != NULL) {
		session->directory = directory_thread_begin(&database);
	}
	reply(session, "220 sink\r\n");
	while (on_line(session)) {
	}
	close(session->fd);
	directory_thread_end(session->directory);
	free(session);
	return NULL;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(fd, SOMAXCONN) != 0) {
		die(path);
	}
	return fd;
}

int main(int argc, char **argv)
{
	struct error error;
	int listener;

	if (argc != 4 && argc != 8) {
		fputs("usage: sink once|twice SOCKET ROOT [HOST USER PASSWORD DATABASE]\n", stderr);
		return 64;
	}
	commit = strcmp(argv[1], "once") == 0 ? store_commit_once : store_commit_twice;
	root = argv[3];
	if (argc == 8) {
		host = argv[4];
		database.user = argv[5];
		database.password = argv[6];
		database.dbname = argv[7];
		if (directory_library_init(&error) != 0) {
			fprintf(stderr, "sink: %s\n", error.text);
			return 1;
		}
	}
	listener = listen_at(argv[2]);
	while (true) {
		struct session *session = calloc(1, sizeof(*session));
		pthread_t thread;

		if (session == NULL) {
			die("calloc");
		}
		session->fd = accept(listener, NULL, NULL);
		if (session->fd < 0 || pthread_create(&thread, NULL, run_session, session) != 0) {
			die("accept");
		}
		pthread_detach(thread);
	}
}
