/* SPDX-License-Identifier: MIT
 * What the maildir tests stand on. */
#include "tests/unit/maildir/mailroot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PATH_SLOTS = 8,
	PATH_SIZE = 2048,
};

const struct faults mailroot_plain = { .call = FAULT_CALLS };

unsigned count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(directory);
	while (readdir(directory) != NULL) {
		n++;
	}
	closedir(directory);
	return n;
}

unsigned count_lost_names(void)
{
	DIR *directory = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned n = 0;

	assert_non_null(directory);
	while ((entry = readdir(directory)) != NULL) {
		char path[PATH_MAX];
		ssize_t length =
		    readlinkat(dirfd(directory), entry->d_name, path, sizeof(path) - 1);

		path[length < 0 ? 0 : length] = '\0';
		n += strstr(path, " (deleted)") != NULL;
	}
	closedir(directory);
	return n;
}

static ino_t watched;
static unsigned n_noted;

void watch_lost_names(ino_t directory)
{
	watched = directory;
	n_noted = 0;
}

void note_lost_names(int fd)
{
	struct stat status;

	assert_int_equal(fstat(fd, &status), 0);
	if (status.st_ino == watched) {
		n_noted = count_lost_names();
	}
}

unsigned noted_lost_names(void)
{
	return n_noted;
}

static int set_up(void **state, void (*make)(char *path_r, size_t n))
{
	struct mailroot *mailroot = calloc(1, sizeof(*mailroot));

	make(mailroot->base, sizeof(mailroot->base));
	maildir_root_init(&mailroot->root, mailroot->base, "mx.example.com");
	mailroot->n_fds = count_fds();
	*state = mailroot;
	return 0;
}

int mailroot_setup(void **state)
{
	return set_up(state, directory_make);
}

void mailroot_commit_once(struct mailroot *mailroot)
{
	struct storage *storage = &mailroot->root.storage;
	struct stat status;

	assert_int_equal(stat(mailroot->base, &status), 0);
	storage->n = 1;
	storage->filesystems[0].device = status.st_dev;
	storage->filesystems[0].commit = STORAGE_ONE_COMMIT;
}

int mailroot_setup_in_memory(void **state)
{
	return set_up(state, directory_make_in_memory);
}

int mailroot_teardown(void **state)
{
	struct mailroot *mailroot = *state;
	unsigned n_fds = count_fds(), n_before = mailroot->n_fds;

	faults_end();
	directory_remove(mailroot->base);
	free(mailroot);
	return n_fds == n_before ? 0 : -1;
}

static void set_wish(struct maildir_place *place, const struct maildir_place *wish)
{
	place->folder = wish->folder;
	place->if_absent = wish->if_absent;
	place->folders_max = wish->folders_max;
	place->subscribes = wish->subscribes;
	place->flags = wish->flags;
	place->keywords = wish->keywords;
	place->n_keywords = wish->n_keywords;
}

unsigned mailroot_deliver(struct mailroot *mailroot, const struct faults *faults,
    const char *const *paths, size_t n_paths, struct text message, size_t piece)
{
	struct maildir_message delivery;
	size_t n_expected = n_paths - (n_paths > mailroot->n_late ? mailroot->n_late : 0);

	assert_true(n_paths <= MAILROOT_PLACES);
	memset(mailroot->places, 0xee, sizeof(mailroot->places));
	for (size_t i = 0; i < n_paths; i++) {
		if (i >= n_expected) {
			mailroot->places[i] = (struct maildir_place){ 0 };
		}
		set_wish(&mailroot->places[i], &mailroot->wishes[i]);
		mailroot->places[i].root = &mailroot->root;
		mailroot->places[i].mailbox = paths[i];
	}
	mailroot->n_places = n_paths;
	faults_begin(faults);
	maildir_begin(&delivery, mailroot->places, n_expected);
	for (size_t at = 0; at < message.n; at += piece) {
		size_t n = message.n - at < piece ? message.n - at : piece;

		maildir_write(&delivery, message.p + at, n);
	}
	maildir_prepare(&delivery, mailroot->places, n_paths);
	maildir_commit(&delivery, mailroot->places, n_paths);
	return faults_end();
}

struct maildir_place *mailroot_deliver_one(
    struct mailroot *mailroot, const char *path, struct text message)
{
	mailroot_deliver(mailroot, &mailroot_plain, &path, 1, message, message.n + 1);
	return &mailroot->places[0];
}

const char *mailroot_path(const struct mailroot *mailroot, const char *path, const char *part)
{
	static char slots[PATH_SLOTS][PATH_SIZE];
	static unsigned next;
	char *out = slots[next++ % PATH_SLOTS];

	snprintf(out, PATH_SIZE, "%s/%s%s", mailroot->base, path, part);
	return out;
}

/* Of the mailbox or folder that it lies in, below the root. */
static const char *place_path(const struct maildir_place *place)
{
	static char path[MAILDIR_PATH_MAX + MAILDIR_NAME_MAX];

	snprintf(path, sizeof(path), "%s%s%s", place->mailbox, place->where[0] == '\0' ? "" : "/",
	    place->where);
	return path;
}

const char *mailroot_directory(const struct mailroot *mailroot, const struct maildir_place *place)
{
	return mailroot_path(
	    mailroot, place_path(place), strstr(place->name, ":2,") == NULL ? "/new" : "/cur");
}

static int is_shown(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

void mailroot_list(const char *directory, char *out, size_t n)
{
	struct dirent **entries = NULL;
	int n_entries = scandir(directory, &entries, is_shown, alphasort);

	snprintf(out, n, "%s", n_entries < 0 ? "-" : "");
	for (int i = 0; i < n_entries; i++) {
		add_text(out, n, "%s%s", i > 0 ? " " : "", entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
}

void mailroot_make_directory(const struct mailroot *mailroot, const char *path)
{
	char whole[PATH_SIZE];

	snprintf(whole, sizeof(whole), "%s/%s", mailroot->base, path);
	for (char *p = whole + strlen(mailroot->base) + 1;; p++) {
		char c = *p;

		if (c == '/' || c == '\0') {
			*p = '\0';
			assert_true(mkdir(whole, 0700) == 0 || errno == EEXIST);
			*p = c;
		}
		if (c == '\0') {
			break;
		}
	}
}

void mailroot_make_file(const struct mailroot *mailroot, const char *path, const char *content)
{
	FILE *file = fopen(mailroot_path(mailroot, path, ""), "we");

	assert_non_null(file);
	fputs(content, file);
	assert_int_equal(fclose(file), 0);
}

struct text mailroot_read(const char *file)
{
	FILE *stream = fopen(file, "re");
	struct stat status;
	struct text content;
	char *bytes;

	if (stream == NULL || fstat(fileno(stream), &status) != 0) {
		fail_msg("%s: %s", file, strerror(errno));
		return (struct text){ NULL, 0 };
	}
	bytes = test_malloc((size_t)status.st_size + 1);
	content = (struct text){ bytes, fread(bytes, 1, (size_t)status.st_size + 1, stream) };
	fclose(stream);
	return content;
}

static void check_saved(
    const struct mailroot *mailroot, const struct maildir_place *place, struct text message)
{
	const char *directory = mailroot_directory(mailroot, place);
	char list[1024], file[PATH_SIZE];
	struct text content;

	mailroot_list(directory, list, sizeof(list));
	expect_text("it holds the message and nothing else", list, place->name);
	snprintf(file, sizeof(file), "%s/%s", directory, list);
	content = mailroot_read(file);
	expect_bytes(file, content.p, content.n, message.p, message.n);
	test_free((void *)content.p);
}

static void expect_nothing(
    const struct mailroot *mailroot, const struct maildir_place *place, const char *part)
{
	char list[1024];

	mailroot_list(mailroot_path(mailroot, place_path(place), part), list, sizeof(list));
	expect_text(part, list, strcmp(list, "-") == 0 ? "-" : "");
	/* What was made of a folder is not left behind. */
	if (strcmp(part, "/tmp") == 0 && place->folder[0] != '\0') {
		mailroot_list(mailroot_path(mailroot, place->mailbox, part), list, sizeof(list));
		expect_text("tmp/ of the mailbox", list, strcmp(list, "-") == 0 ? "-" : "");
	}
}

void mailroot_check(const struct mailroot *mailroot, struct text message)
{
	for (size_t i = 0; i < mailroot->n_places; i++) {
		const struct maildir_place *place = &mailroot->places[i];

		expect_nothing(mailroot, place, "/tmp");
		assert_non_null(place->step);
		assert_non_null(place->part);
		if (place->result == 0) {
			check_saved(mailroot, place, message);
			continue;
		}
		assert_true(place->result < 0 && place->step[0] != '\0');
		expect_nothing(mailroot, place, "/new");
		expect_nothing(mailroot, place, "/cur");
	}
}

ino_t inode_of(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0) {
		fail_msg("%s: %s", path, strerror(errno));
	}
	return status.st_ino;
}

/* Where in the events before end, counted from 1, the last such call succeeded; 0: nowhere. A source of 0
 * stands for any. */
static size_t find_event_before(size_t end, enum fault_call call, ino_t inode, ino_t source)
{
	size_t at = 0;

	for (size_t i = 0; i < end; i++) {
		const struct fault_event *event = &fault_events[i];

		if (event->call == call && event->is_done && event->inode == inode &&
		    (source == 0 || event->source == source)) {
			at = i + 1;
		}
	}
	return at;
}

size_t find_event(enum fault_call call, ino_t inode, ino_t source)
{
	return find_event_before(n_fault_events, call, inode, source);
}

static void check_parents(const struct mailroot *mailroot, const char *path)
{
	char directory[PATH_SIZE];

	snprintf(directory, sizeof(directory), "%s/%s", mailroot->base, path);
	while (strlen(directory) >= strlen(mailroot->base)) {
		ino_t inode = inode_of(directory);
		size_t synced = find_event(FAULT_FSYNC, inode, 0);

		if (synced == 0 || synced < find_event(FAULT_MKDIRAT, inode, 0) ||
		    synced < find_event(FAULT_RENAMEAT2, inode, 0)) {
			fail_msg("%s was not synced after the last change in it", directory);
		}
		*strrchr(directory, '/') = '\0';
	}
}

/* All directories of a new mailbox or folder, also those that the message does not go to. */
static void check_parts(const struct mailroot *mailroot, const char *path)
{
	static const char *const parts[] = { "/tmp", "/cur", "/new" };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const char *part = mailroot_path(mailroot, path, parts[i]);

		if (access(part, F_OK) == 0 && find_event(FAULT_FSYNC, inode_of(part), 0) == 0) {
			fail_msg("%s was not synced", part);
		}
	}
}

void mailroot_check_order(const struct mailroot *mailroot, struct text message, bool has_parents)
{
	assert_true(n_fault_events < FAULT_EVENTS_MAX);
	for (size_t i = 0; i < mailroot->n_places; i++) {
		const struct maildir_place *place = &mailroot->places[i];
		char file[PATH_SIZE];
		ino_t directory, inode;
		size_t linked, renamed, named;
		bool is_once;

		if (place->result != 0) {
			continue;
		}
		directory = inode_of(mailroot_directory(mailroot, place));
		snprintf(
		    file, sizeof(file), "%s/%s", mailroot_directory(mailroot, place), place->name);
		inode = inode_of(file);
		linked = find_event(FAULT_LINKAT, directory, inode);
		renamed = find_event(FAULT_RENAMEAT2, directory, inode);
		named = linked > renamed ? linked : renamed;
		assert_true(named > 0);
		assert_true(message.n == 0 || find_event(FAULT_WRITE, inode, 0) > 0);
		/* The bytes before the first name, and the file with its names before its directory. */
		is_once = mailroot->root.storage.n > 0 &&
			  place->domain.device == mailroot->root.storage.filesystems[0].device;
		assert_true(
		    find_event(FAULT_WRITE, inode, 0) <
		    find_event_before(named, is_once ? FAULT_WRITE_OUT : FAULT_FSYNC, inode, 0));
		assert_true(named < find_event(FAULT_FSYNC, inode, 0));
		if (is_once) {
			continue;
		}
		assert_true(
		    find_event(FAULT_FSYNC, inode, 0) < find_event(FAULT_FSYNC, directory, 0));
		assert_true(find_event(FAULT_FSYNC, directory, 0) > named);
		if (has_parents && place->note[0] == '\0') { /* else it tells what is not */
			check_parts(mailroot, place->mailbox);
			check_parts(mailroot, place_path(place));
		}
		if (has_parents) {
			check_parents(mailroot, place_path(place));
		}
	}
}
