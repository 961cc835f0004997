/* SPDX-License-Identifier: MIT
 * Messages over many sessions from one thread.
 *
 * As Postfix: LHLO once; MAIL, all RCPT and DATA in one segment; after the 354 the body and the dot,
 * and QUIT right behind it when the connection is not kept. The latency of a message is the time from
 * its dot to the reply for its last recipient. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include "load.h"

enum {
	OUT_SIZE = 65536,
	LINE_SIZE = 2048,
	MIN_SIZE = 1024, /* more than the header */
	LARGE = 131072,  /* what is cheaper to send without copying it */
	PATIENCE = 60,   /* seconds without any event */
};

enum state {
	GREETING,
	LHLO,
	ENVELOPE,
	WAITING, /* may send its body, and waits for the others */
	BODY,
	OVER,
};

struct session {
	enum state state;
	int fd;
	char in[LINE_SIZE];
	size_t n_in;
	char out[OUT_SIZE]; /* then the end of the common body */
	size_t n_out, out_at;
	size_t body_left;
	bool is_blocked;    /* the server takes no more for now */
	unsigned n_replies; /* in this state so far */
	double dot;         /* when it was sent */
};

struct load {
	const struct plan *plan;
	int epoll_fd;
	struct session *sessions;
	char *body;  /* plan->size bytes of text, the dot, perhaps QUIT */
	int body_fd; /* the same, as a file */
	size_t n_body;
	unsigned long n_begun, n_done;
	unsigned long next_recipient;
	unsigned n_open, n_waiting;
	double begun, ended;
	float *latencies;
	size_t n_allocated;
};

static void add(struct session *session, const char *text)
{
	size_t n = strlen(text);

	if (session->n_out + n > OUT_SIZE) {
		errno = EMSGSIZE;
		die("too many recipients");
	}
	memcpy(session->out + session->n_out, text, n);
	session->n_out += n;
}

static void watch(struct load *load, struct session *session, int operation, bool is_blocked)
{
	struct epoll_event event = {
		.events = EPOLLIN | (is_blocked ? EPOLLOUT : 0),
		.data.ptr = session,
	};

	session->is_blocked = is_blocked;
	if (epoll_ctl(load->epoll_fd, operation, session->fd, &event) != 0) {
		die("epoll_ctl");
	}
}

static ssize_t put_some(struct load *load, struct session *session)
{
	size_t n_out = session->n_out - session->out_at, at = load->n_body - session->body_left;
	struct iovec parts[2] = {
		{ session->out + session->out_at, n_out },
		{ load->body + at, session->body_left },
	};
	ssize_t sent;

	if (n_out == 0 && session->body_left >= LARGE) {
		off_t offset = (off_t)at;

		sent = sendfile(session->fd, load->body_fd, &offset, session->body_left);
	} else {
		sent = writev(session->fd, parts, 2);
	}
	if (sent > 0) {
		size_t of_out = (size_t)sent < n_out ? (size_t)sent : n_out;

		session->out_at += of_out;
		session->body_left -= (size_t)sent - of_out;
	}
	return sent;
}

/* Sends what can be sent now. */
static void put(struct load *load, struct session *session)
{
	while (session->out_at < session->n_out || session->body_left > 0) {
		if (put_some(load, session) >= 0) {
			continue;
		}
		if (errno != EAGAIN) {
			die("write");
		}
		if (!session->is_blocked) {
			watch(load, session, EPOLL_CTL_MOD, true);
		}
		return;
	}
	session->n_out = session->out_at = 0;
	if (session->state == BODY) {
		session->dot = now();
	}
	if (session->is_blocked) {
		watch(load, session, EPOLL_CTL_MOD, false);
	}
}

static void enter(struct session *session, enum state state)
{
	session->state = state;
	session->n_replies = 0;
}

static void open_session(struct load *load, struct session *session)
{
	session->fd = connect_to(load->plan->socket, PATIENCE);
	if (session->fd < 0 || fcntl(session->fd, F_SETFL, O_NONBLOCK) != 0) {
		die(load->plan->socket);
	}
	enter(session, GREETING);
	watch(load, session, EPOLL_CTL_ADD, false);
}

static void close_session(struct session *session)
{
	close(session->fd);
	session->n_in = 0;
}

/* The header that Postfix would hand on; returns its length. */
static size_t add_header(struct load *load, struct session *session)
{
	size_t before = session->n_out;
	char header[512];

	snprintf(header, sizeof(header),
	    "Received: from client.example.net (client.example.net [192.0.2.1])\r\n"
	    "\tby mx.example.com (Postfix) with ESMTP id %010lX\r\n"
	    "\tfor <user@example.com>; Thu,  1 Jan 2026 00:00:00 +0000 (UTC)\r\n"
	    "Message-ID: <%lu@client.example.net>\r\n"
	    "Date: Thu, 1 Jan 2026 00:00:00 +0000\r\n"
	    "From: Sender <sender@example.net>\r\n"
	    "To: User <user@example.com>\r\n"
	    "Subject: A message of the benchmark\r\n"
	    "\r\n",
	    load->n_begun, load->n_begun);
	add(session, header);
	return session->n_out - before;
}

static void start_body(struct load *load, struct session *session)
{
	size_t n_header;

	enter(session, BODY);
	n_header = add_header(load, session);
	session->body_left = load->n_body - n_header;
	put(load, session);
}

static bool is_over(const struct load *load)
{
	return (load->plan->messages > 0 && load->n_begun >= load->plan->messages) ||
	       (load->plan->seconds > 0 && now() - load->begun >= load->plan->seconds);
}

static void start_message(struct load *load, struct session *session)
{
	if (is_over(load)) {
		close_session(session);
		enter(session, OVER);
		load->n_open--;
		return;
	}
	enter(session, ENVELOPE);
	load->n_begun++;
	add(session, "MAIL FROM:<sender@example.net>\r\n");
	for (unsigned i = 0; i < load->plan->recipients; i++) {
		char address[256], line[300];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(address, sizeof(address), load->plan->to,
		    load->plan->first + load->next_recipient++ % load->plan->mailboxes);
#pragma GCC diagnostic pop
		snprintf(line, sizeof(line), "RCPT TO:<%s>\r\n", address);
		add(session, line);
	}
	add(session, "DATA\r\n");
	put(load, session);
}

static void on_saved(struct load *load, struct session *session)
{
	if (load->n_done == load->n_allocated) {
		load->n_allocated = load->n_allocated * 2 + 65536;
		load->latencies =
		    realloc(load->latencies, load->n_allocated * sizeof(*load->latencies));
		if (load->latencies == NULL) {
			die("realloc");
		}
	}
	load->ended = now();
	load->latencies[load->n_done++] = (float)((load->ended - session->dot) * 1000);
	if (!load->plan->reconnects) {
		start_message(load, session);
	}
}

static void release_all(struct load *load)
{
	for (unsigned i = 0; i < load->plan->sessions; i++) {
		if (load->sessions[i].state == WAITING) {
			start_body(load, &load->sessions[i]);
		}
	}
}

static void on_reply(struct load *load, struct session *session)
{
	const struct plan *plan = load->plan;
	const char *wanted = "250";
	unsigned number = session->n_replies++;

	if (session->state == GREETING) {
		wanted = "220";
	} else if (session->state == ENVELOPE && number == plan->recipients + 1) {
		wanted = "354";
	} else if (session->state == BODY && number == plan->recipients) {
		wanted = "221";
	}
	if (strncmp(session->in, wanted, 3) != 0) {
		fprintf(stderr, "load: %s was expected, in state %d: %.200s\n", wanted,
		    session->state, session->in);
		exit(1);
	}
	if (session->state == GREETING) {
		enter(session, LHLO);
		add(session,
		    plan->is_smtp ? "EHLO client.example.net\r\n" : "LHLO client.example.net\r\n");
		put(load, session);
	} else if (session->state == LHLO) {
		start_message(load, session);
	} else if (wanted[0] == '3' && plan->is_at_once) {
		enter(session, WAITING);
		if (++load->n_waiting == plan->sessions) {
			release_all(load);
		}
	} else if (wanted[0] == '3') {
		start_body(load, session);
	} else if (session->state == BODY && number == plan->recipients - 1) {
		on_saved(load, session);
	} else if (session->state == BODY && number == plan->recipients) {
		close_session(session);
		open_session(load, session);
	}
}

static void on_input(struct load *load, struct session *session)
{
	ssize_t got = read(session->fd, session->in + session->n_in, LINE_SIZE - session->n_in);
	char *lf;

	if (got <= 0) {
		die(got == 0 ? "closed by the server" : "read");
	}
	session->n_in += (size_t)got;
	while ((lf = memchr(session->in, '\n', session->n_in)) != NULL) {
		size_t n = (size_t)(lf - session->in) + 1;

		if (n > 4 && session->in[3] != '-') {
			on_reply(load, session);
		}
		if (session->n_in > 0) { /* 0: that was its end, or it has begun anew */
			session->n_in -= n;
			memmove(session->in, session->in + n, session->n_in);
		}
	}
}

static void make_body(struct load *load)
{
	static const char line[] =
	    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod te\r\n";
	const char *dot = load->plan->reconnects ? ".\r\nQUIT\r\n" : ".\r\n";
	size_t size = load->plan->size;

	load->n_body = size + strlen(dot);
	load->body_fd = memfd_create("body", MFD_CLOEXEC);
	if (size < MIN_SIZE || load->body_fd < 0 ||
	    ftruncate(load->body_fd, (off_t)load->n_body) != 0) {
		errno = size < MIN_SIZE ? EINVAL : errno;
		die("body");
	}
	load->body = mmap(NULL, load->n_body, PROT_READ | PROT_WRITE, MAP_SHARED, load->body_fd, 0);
	if (load->body == MAP_FAILED) {
		die("mmap");
	}
	for (size_t i = 0; i < size; i++) {
		load->body[i] = line[i % (sizeof(line) - 1)];
	}
	memcpy(load->body + size - 2, "\r\n", 2);
	memcpy(load->body + size, dot, strlen(dot));
}

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static double percentile(const struct load *load, double share)
{
	return load->latencies[(size_t)((double)(load->n_done - 1) * share)];
}

static void print_figures(struct load *load)
{
	double seconds = load->ended - load->begun;
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	qsort(load->latencies, load->n_done, sizeof(*load->latencies), compare);
	printf("{\"messages\": %lu, \"deliveries\": %lu, \"seconds\": %.6f, "
	       "\"messages_per_second\": %.1f, \"deliveries_per_second\": %.1f, "
	       "\"p50\": %.3f, \"p95\": %.3f, \"p99\": %.3f, \"max\": %.3f, "
	       "\"own_processor_seconds\": %.3f}\n",
	    load->n_done, load->n_done * load->plan->recipients, seconds,
	    (double)load->n_done / seconds,
	    (double)(load->n_done * load->plan->recipients) / seconds, percentile(load, 0.5),
	    percentile(load, 0.95), percentile(load, 0.99), percentile(load, 1),
	    (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
}

void deliver(const struct plan *plan)
{
	struct load load = {
		.plan = plan,
		.epoll_fd = epoll_create1(EPOLL_CLOEXEC),
		.sessions = calloc(plan->sessions, sizeof(*load.sessions)),
		.n_open = plan->sessions,
	};
	struct epoll_event events[64];

	if (load.sessions == NULL || load.epoll_fd < 0) {
		die("calloc");
	}
	make_body(&load);
	load.begun = now();
	for (unsigned i = 0; i < plan->sessions; i++) {
		open_session(&load, &load.sessions[i]);
	}
	while (load.n_open > 0) {
		int n = epoll_wait(load.epoll_fd, events, 64, PATIENCE * 1000);

		if (n <= 0) {
			die(n == 0 ? "the server is silent" : "epoll_wait");
		}
		for (int i = 0; i < n; i++) {
			struct session *session = events[i].data.ptr;

			if (events[i].events & EPOLLOUT) {
				put(&load, session);
			}
			if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
				on_input(&load, session);
			}
		}
	}
	print_figures(&load);
	free(load.latencies);
	munmap(load.body, load.n_body);
	close(load.body_fd);
	free(load.sessions);
}
