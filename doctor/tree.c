/* SPDX-License-Identifier: MIT
 * Each directory is opened by its name alone in the one above, which cannot lead elsewhere whatever is
 * renamed meanwhile. One descriptor for each level is open at a time. */
#include "doctor/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/maildir.h"

struct level {
	DIR *stream;
	size_t n_path; /* of walk->path, that leads here */
};

struct walk {
	const struct tree *tree;
	char path[MAILDIR_PATH_MAX];
	struct level levels[TREE_DEPTH_MAX + 1];
	unsigned depth; /* of what lies in the level that is read: 1 in the base; 0: it is over */
};

static int open_directory(int parent_fd, const char *name)
{
	int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Returns NULL with errno set; the descriptor is gone then. */
static DIR *open_stream(int fd)
{
	DIR *stream = fdopendir(fd);
	int error = errno;

	if (stream == NULL) {
		close(fd);
		errno = error;
	}
	return stream;
}

static bool may_be_directory(const struct dirent *entry)
{
	return (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN) &&
	       strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* Returns 1, 0, or a negative errno if that cannot be told. */
static int is_maildir(int fd)
{
	static const char *const parts[] = { "cur", "new", "tmp" };
	struct stat status;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (fstatat(fd, parts[i], &status, AT_SYMLINK_NOFOLLOW) != 0) {
			return errno == ENOENT ? 0 : -errno;
		}
		if (!S_ISDIR(status.st_mode)) {
			return 0;
		}
	}
	return 1;
}

/* What is no directory, or is gone meanwhile; and what mkfs makes, for root alone. */
static bool is_nothing(int error, const char *name)
{
	return error == -ENOENT || error == -ENOTDIR || error == -ELOOP ||
	       (error == -EACCES && strcmp(name, "lost+found") == 0);
}

/* Puts a name behind what leads to the level. False: the path is longer than any mailbox has. */
static bool put_name(struct walk *walk, size_t *n_path, const char *name)
{
	size_t n = strlen(name), at = *n_path;

	if (at + n + 2 > sizeof(walk->path)) {
		return false;
	}
	if (at > 0) {
		walk->path[at++] = '/';
	}
	memcpy(walk->path + at, name, n + 1);
	*n_path = at + n;
	return true;
}

static int say_unread(const struct walk *walk, int error)
{
	return walk->tree->on_unread(walk->tree->data, walk->path, error);
}

/* Begins to read a directory that leads to Maildirs. */
static int go_down(struct walk *walk, int fd, size_t n_path)
{
	DIR *stream = open_stream(fd);

	if (stream == NULL) {
		return say_unread(walk, -errno);
	}
	walk->levels[++walk->depth] = (struct level){ stream, n_path };
	return 0;
}

static int enter(struct walk *walk, const char *name)
{
	const struct tree *tree = walk->tree;
	const struct level *above = &walk->levels[walk->depth];
	unsigned depth = walk->depth;
	size_t n_path = above->n_path;
	int fd, result;

	if (!put_name(walk, &n_path, name)) {
		return 0;
	}
	fd = open_directory(dirfd(above->stream), name);
	if (fd < 0) {
		return is_nothing(fd, name) ? 0 : say_unread(walk, fd);
	}
	result = (tree->depths >> depth & 1) != 0 ? is_maildir(fd) : 0;
	if (result == 0 && tree->depths >> depth > 1) {
		return go_down(walk, fd, n_path);
	}
	if (result > 0) {
		result = tree->on_maildir(tree->data, walk->path, fd);
	} else if (result < 0) {
		result = say_unread(walk, result);
	}
	close(fd);
	return result;
}

/* The directory is read to its end, or cannot be. */
static int go_up(struct walk *walk, int error)
{
	const struct level *level = &walk->levels[walk->depth];
	int result = 0;

	if (error != 0) {
		walk->path[level->n_path] = '\0';
		result = say_unread(walk, -error);
	}
	closedir(level->stream);
	walk->depth--;
	return result;
}

int tree_walk(const struct tree *tree, const char *base)
{
	struct walk walk = { .tree = tree };
	int result = 0, fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	walk.levels[1].stream = fd < 0 ? NULL : open_stream(fd);
	if (walk.levels[1].stream == NULL) {
		return -errno;
	}
	for (walk.depth = 1; walk.depth > 0 && result == 0;) {
		const struct dirent *entry;

		errno = 0;
		entry = readdir(walk.levels[walk.depth].stream);
		if (entry == NULL) {
			result = go_up(&walk, errno);
		} else if (may_be_directory(entry)) {
			result = enter(&walk, entry->d_name);
		}
	}
	while (walk.depth > 0) {
		closedir(walk.levels[walk.depth--].stream);
	}
	return result;
}

/* Adds what lies in one of its three directories. */
static void measure_part(int maildir_fd, const char *part, struct tree_size *size)
{
	int fd = open_directory(maildir_fd, part);
	DIR *stream = fd < 0 ? NULL : open_stream(fd);
	const struct dirent *entry;
	struct stat status;

	if (stream == NULL) {
		return;
	}
	if (fstat(fd, &status) == 0 && status.st_mtime > size->changed) {
		size->changed = status.st_mtime;
	}
	while ((entry = readdir(stream)) != NULL) {
		size->n_messages += entry->d_name[0] != '.';
	}
	closedir(stream);
}

static void measure_parts(int maildir_fd, struct tree_size *size)
{
	measure_part(maildir_fd, "cur", size);
	measure_part(maildir_fd, "new", size);
}

void tree_measure(int maildir_fd, struct tree_size *size_r)
{
	int fd = open_directory(maildir_fd, ".");
	DIR *stream = fd < 0 ? NULL : open_stream(fd);
	const struct dirent *entry;

	*size_r = (struct tree_size){ .n_messages = 0 };
	measure_parts(maildir_fd, size_r);
	/* Folders of Maildir++ lie beside cur, with a dot in front. */
	while (stream != NULL && (entry = readdir(stream)) != NULL) {
		int folder_fd = entry->d_name[0] == '.' && may_be_directory(entry)
				    ? open_directory(fd, entry->d_name)
				    : -1;

		if (folder_fd >= 0) {
			measure_parts(folder_fd, size_r);
			close(folder_fd);
		}
	}
	if (stream != NULL) {
		closedir(stream);
	}
}
