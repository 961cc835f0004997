/* SPDX-License-Identifier: MIT
 * All rows are read, then all directories, in one pass each. People delete by such a list, so a Maildir is
 * on it only if it is nobody's beyond doubt: not if the rows could not be read to their end, not if its
 * row was made while the directories were read, and not if a row leads there through a symbolic link. */
#include "doctor/strays.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "base/text.h"
#include "doctor/database.h"
#include "doctor/report.h"
#include "doctor/roster.h"
#include "doctor/tree.h"

/* A directory, whatever it is called. */
struct identity {
	dev_t device;
	ino_t inode;
};

/* A Maildir that is at the path of no row. */
struct stray {
	char *path;
	struct identity identity;
	struct tree_size size;
};

struct unread {
	char *path, *why;
};

struct search {
	const struct strays *facts;
	const char *base; /* of the root that is walked through */
	struct report report;
	/* Before the directories are read, and after that, if it makes a difference. */
	struct roster before, after, *rows;
	size_t n_bad; /* rows that can be no mailbox */
	uint64_t depths;

	struct stray *strays;
	size_t n_strays;
	struct unread *unread;
	size_t n_unread;
	struct identity *linked; /* what rows lead to that were not met at their paths */
	size_t n_linked;

	struct report_maildirs totals;
};

/* The list with room for one more, of n; it has room for a power of two. NULL: it stays as it is. */
static void *grow(void *list, size_t n, size_t size)
{
	return (n & (n - 1)) != 0 ? list : reallocarray(list, n == 0 ? 1 : 2 * n, size);
}

static uint64_t depth_of(const char *path)
{
	unsigned n = 1;

	while ((path = strchr(path, '/')) != NULL) {
		path++;
		n++;
	}
	return n <= TREE_DEPTH_MAX ? (uint64_t)1 << n : 0;
}

/* The root that a path lies below, NULL for none; rest_r: what is behind it. */
static const struct maildir_root *find_root(
    const struct search *search, const char *path, const char **rest_r)
{
	const struct maildir_root *const *root = search->facts->roots;

	while (*root != NULL && !text_is_below(path, (*root)->base)) {
		root++;
	}
	if (*root != NULL) {
		*rest_r = path + strlen((*root)->base);
		*rest_r += **rest_r == '/';
	}
	return *root;
}

/* What another node serves is somebody's, too: its mail is not to be deleted by a list like this. */
static int on_row(void *data, const struct row *row)
{
	struct search *search = data;
	char path[MAILBOXES_PATH_MAX];
	struct mailbox mailbox;
	struct error ignored;
	const char *rest;
	int result = 0;

	if (row->columns[0].text != NULL && mailbox_read(&mailbox, row, NULL, &ignored) >= 0 &&
	    search->facts->path_of(search->facts->config, &mailbox, path, &ignored) == 0 &&
	    find_root(search, path, &rest) != NULL) {
		search->depths |= depth_of(rest);
		result = roster_add(search->rows, path, mailbox.address.text);
	} else {
		search->n_bad++;
	}
	if (row->columns[0].text != NULL) {
		mailbox_deinit(&mailbox);
	}
	return result;
}

static int fail(struct error *error, int exit_code, const char *why)
{
	error_set(error, "%s", why);
	return exit_code;
}

/* Returns an exit code. */
static int read_rows(struct search *search, struct roster *rows, struct error *error)
{
	const struct strays *facts = search->facts;
	int exit_code;

	search->rows = rows;
	search->n_bad = 0;
	if (roster_begin(rows) != 0) {
		return fail(error, EX_OSERR, "out of memory");
	}
	exit_code = database_read_users(facts->settings, facts->users_query, on_row, search, error);
	if (exit_code == EX_OK && roster_settle(rows) != 0) {
		return fail(error, EX_OSERR, "out of memory");
	}
	return exit_code;
}

static int add_unread(struct search *search, const char *path, const char *part, const char *why)
{
	struct unread *list = grow(search->unread, search->n_unread, sizeof(*list)), *one;

	if (list == NULL) {
		return -ENOMEM;
	}
	search->unread = list;
	one = &list[search->n_unread];
	one->path = strdup(path);
	if (one->path == NULL ||
	    asprintf(&one->why, "%s%s%s", part, part[0] != '\0' ? ": " : "", why) < 0) {
		free(one->path);
		return -ENOMEM;
	}
	search->n_unread++;
	return 0;
}

static void make_whole(const char *base, const char *path, char whole_r[PATH_MAX])
{
	snprintf(whole_r, PATH_MAX, "%s%s%s", base,
	    path[0] == '\0' || strcmp(base, "/") == 0 ? "" : "/", path);
}

static int on_unread(void *data, const char *path, int error)
{
	struct search *search = data;
	char whole[PATH_MAX];

	make_whole(search->base, path, whole);
	return add_unread(search, whole, "", strerror(-error));
}

static int on_maildir(void *data, const char *path, int fd)
{
	struct search *search = data;
	struct stray *list, *stray;
	struct roster_row *row;
	char whole[PATH_MAX];
	struct stat status;

	make_whole(search->base, path, whole);
	row = roster_find(&search->before, whole);

	if (row != NULL) {
		row->is_seen = true;
		return 0;
	}
	if (fstat(fd, &status) != 0) {
		return on_unread(search, path, -errno);
	}
	list = grow(search->strays, search->n_strays, sizeof(*list));
	if (list == NULL) {
		return -ENOMEM;
	}
	search->strays = list;
	stray = &list[search->n_strays];
	stray->path = strdup(whole);
	if (stray->path == NULL) {
		return -ENOMEM;
	}
	stray->identity = (struct identity){ status.st_dev, status.st_ino };
	tree_measure(fd, &stray->size);
	search->n_strays++;
	return 0;
}

/* Returns an exit code. */
static int read_directories(struct search *search, struct error *error)
{
	const struct strays *facts = search->facts;
	const struct tree tree = {
		.depths = search->depths |
			  (facts->depth <= TREE_DEPTH_MAX ? (uint64_t)1 << facts->depth : 0),
		.on_maildir = on_maildir,
		.on_unread = on_unread,
		.data = search,
	};
	int result = 0;

	for (size_t i = 0; facts->roots[i] != NULL && result == 0; i++) {
		search->base = facts->roots[i]->base;
		result = tree_walk(&tree, search->base);
	}
	if (result == -ENOMEM) {
		return fail(error, EX_OSERR, "out of memory");
	}
	if (result != 0) {
		error_set(error, "%s: %s", search->base, strerror(-result));
		return EX_CONFIG;
	}
	return EX_OK;
}

/* There is a way to it all the same. */
static int add_linked(struct search *search, const char *path)
{
	struct stat status;
	struct identity *list;

	if (stat(path, &status) != 0) {
		return add_unread(search, path, "", strerror(errno));
	}
	list = grow(search->linked, search->n_linked, sizeof(*list));
	if (list == NULL) {
		return -ENOMEM;
	}
	search->linked = list;
	list[search->n_linked++] = (struct identity){ status.st_dev, status.st_ino };
	return 0;
}

/* As a delivery would find it. Returns 0 or -ENOMEM. */
static int judge_row(struct search *search, const struct roster_row *row)
{
	const char *part, *rest = "";
	const struct maildir_root *root = find_root(search, row->path, &rest);
	int result;

	if (row->is_seen || root == NULL) {
		return 0;
	}
	result = maildir_probe(root, rest, &part);
	if (result < 0) {
		return add_unread(search, row->path, part, maildir_strerror(result, ""));
	}
	if (result == MAILDIR_EXISTS) {
		return add_linked(search, row->path);
	}
	report_absent(&search->report, roster_address(row), row->path);
	search->totals.n_absent++;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct identity *one = a, *other = b;

	if (one->device != other->device) {
		return one->device < other->device ? -1 : 1;
	}
	return one->inode == other->inode ? 0 : one->inode < other->inode ? -1 : 1;
}

static bool is_nobodys(const struct search *search, const struct stray *stray)
{
	return roster_find(&search->after, stray->path) == NULL &&
	       (search->n_linked == 0 || bsearch(&stray->identity, search->linked, search->n_linked,
					     sizeof(*search->linked), compare) == NULL);
}

static void say_strays(struct search *search)
{
	if (search->n_linked > 0) {
		qsort(search->linked, search->n_linked, sizeof(*search->linked), compare);
	}
	for (size_t i = 0; i < search->n_strays; i++) {
		const struct stray *stray = &search->strays[i];

		if (is_nobodys(search, stray)) {
			report_stray(&search->report, stray->path, stray->size.n_messages,
			    stray->size.changed);
			search->totals.n_strays++;
		}
	}
}

static void say_unread(struct search *search)
{
	for (size_t i = 0; i < search->n_unread; i++) {
		report_unread(&search->report, search->unread[i].path, search->unread[i].why);
	}
}

/* Rows come first: through them is known what else leads to a Maildir. Returns an exit code. */
static int say_all(struct search *search, struct error *error)
{
	int exit_code = EX_OK, result = 0;

	report_begin(&search->report, "rows_without_maildir");
	for (size_t i = 0; i < search->before.n && result == 0; i++) {
		result = judge_row(search, &search->before.rows[i]);
	}
	report_list_end(&search->report);
	report_list(&search->report, "maildirs_without_row");
	if (result != 0) {
		exit_code = fail(error, EX_OSERR, "out of memory");
	} else {
		say_strays(search);
	}
	report_list_end(&search->report);
	report_list(&search->report, "unread");
	say_unread(search);
	if (exit_code == EX_OK && search->n_unread > 0) {
		exit_code = EX_TEMPFAIL;
	}
	search->totals.n_rows = search->before.n;
	search->totals.n_bad = search->n_bad;
	search->totals.n_unread = search->n_unread;
	report_maildirs_end(&search->report, &search->totals, exit_code);
	return exit_code;
}

static void search_deinit(struct search *search)
{
	for (size_t i = 0; i < search->n_strays; i++) {
		free(search->strays[i].path);
	}
	for (size_t i = 0; i < search->n_unread; i++) {
		free(search->unread[i].path);
		free(search->unread[i].why);
	}
	free(search->strays);
	free(search->unread);
	free(search->linked);
	roster_free(&search->before);
	roster_free(&search->after);
}

int strays_list(const struct strays *strays, bool is_json, struct error *error)
{
	struct search search = { .facts = strays, .report = { .is_json = is_json } };
	int exit_code;

	error_set(error, "%s", "");
	exit_code = read_rows(&search, &search.before, error);
	if (exit_code == EX_OK) {
		exit_code = read_directories(&search, error);
	}
	if (exit_code == EX_OK && search.n_strays > 0) {
		exit_code = read_rows(&search, &search.after, error);
	}
	if (exit_code == EX_OK) {
		exit_code = say_all(&search, error);
	}
	search_deinit(&search);
	return exit_code;
}
