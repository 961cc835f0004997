/* SPDX-License-Identifier: MIT
 * What the disk alone can do: the steps of a durable delivery in a loop, without network, protocol
 * or look-up.
 *
 *   disk deliver|write ROOT MAILBOXES THREADS SIZE SECONDS
 *
 * deliver: a file in ROOT/uN/Maildir/new, durable by one commit of the journal; write: a file that is
 * synced and named. Prints messages and seconds as JSON. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store.h"

enum {
	CHUNK = 65536,
};

static const char *root;
static unsigned long n_mailboxes;
static size_t size;
static bool is_delivery;
static double end;
static atomic_ulong n_messages;
static char *body;

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "disk: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* In pieces, as a message comes in. */
static bool write_body(struct stored *stored)
{
	for (size_t at = 0; at < size; at += CHUNK) {
		if (!store_write(stored, body + at, size - at < CHUNK ? size - at : CHUNK)) {
			return false;
		}
	}
	return true;
}

static void *run_loop(void *unused)
{
	while (now() < end) {
		unsigned long number = n_messages++;
		struct stored stored;
		char path[4096];

		snprintf(path, sizeof(path), "%s/u%lu/Maildir/new", root, number % n_mailboxes);
		if (!store_open(&stored, path) || !write_body(&stored) ||
		    !(is_delivery ? store_commit_once(&stored) : store_commit_file(&stored))) {
			die(path);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[1024];
	unsigned long n_threads;
	double begun = now();

	if (argc != 7 || (strcmp(argv[1], "deliver") != 0 && strcmp(argv[1], "write") != 0)) {
		fputs("usage: disk deliver|write ROOT MAILBOXES THREADS SIZE SECONDS\n", stderr);
		return 64;
	}
	is_delivery = strcmp(argv[1], "deliver") == 0;
	root = argv[2];
	n_mailboxes = strtoul(argv[3], NULL, 10);
	n_threads = strtoul(argv[4], NULL, 10);
	size = strtoul(argv[5], NULL, 10);
	end = begun + strtod(argv[6], NULL);
	body = malloc(size);
	if (n_mailboxes == 0 || n_threads > sizeof(threads) / sizeof(*threads) || body == NULL) {
		errno = EINVAL;
		die("arguments");
	}
	memset(body, 'x', size);
	for (unsigned long i = 0; i < n_threads; i++) {
		if (pthread_create(&threads[i], NULL, run_loop, NULL) != 0) {
			die("pthread_create");
		}
	}
	for (unsigned long i = 0; i < n_threads; i++) {
		pthread_join(threads[i], NULL);
	}
	printf("{\"messages\": %lu, \"seconds\": %.6f}\n", n_messages, now() - begun);
	free(body);
	return 0;
}
