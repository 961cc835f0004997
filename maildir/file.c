/* SPDX-License-Identifier: MIT
 * A file is unnamed (O_TMPFILE) until it is complete and synced, so a crash leaves no litter. Where the
 * filesystem cannot do that, it has a name in tmp/ instead, which readers clean up after 36 hours. */
#include "maildir/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/linux.h"
#include "maildir/mailbox.h"
#include "maildir/name.h"
#include "maildir/place.h"

enum {
	COPY_CHUNK = 65536
};

const struct maildir_file file_none = { .fd = -1, .tmp_fd = -1 };

/* Makes a file with a name in the mailbox's tmp/. It keeps tmp/ open, to take the name away again. */
static int create_named(struct maildir_file *file, struct maildir_place *place)
{
	int result = -EEXIST, tmp_fd = mailbox_open_part(place, "/tmp");

	if (tmp_fd < 0) {
		return place_check(place, tmp_fd, "open", "/tmp");
	}
	for (int i = 0; i < NAME_ATTEMPTS && result == -EEXIST; i++) {
		name_make_now(file->tmp_name, place->root->host);
		file->fd = openat(tmp_fd, file->tmp_name,
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		result = file->fd >= 0 ? 0 : -errno;
	}
	if (result == 0) {
		file->tmp_fd = tmp_fd;
	} else {
		close(tmp_fd);
	}
	return place_check(place, result, "create a file in", "/tmp");
}

int file_create(struct maildir_file *file, struct maildir_place *place)
{
	int result = LINUX_UNKNOWN;

	*file = file_none;
	file->domain = place->domain;
	if (place->root->has_tmpfile && file->domain.commit != STORAGE_NAMED) {
		result = linux_create_unnamed(place->names_fd, &file->fd);
	}
	return result == LINUX_UNKNOWN
		   ? create_named(file, place)
		   : place_check(place, result, "create a file in", mailbox_part(place));
}

bool file_reaches(const struct maildir_file *file, const struct maildir_place *place)
{
	return file->domain.device == place->domain.device &&
	       file->domain.project == place->domain.project;
}

int file_write(int fd, const char *data, size_t n)
{
	while (n > 0) {
		ssize_t written = write(fd, data, n);

		if (written < 0 && errno != EINTR) {
			return -errno;
		}
		if (written > 0) {
			data += written;
			n -= (size_t)written;
		}
	}
	return 0;
}

/* A byte tells of a full disk, and an unnamed file of everything else that keeps files from being made. */
static int probe_bytes(int directory_fd)
{
	int fd = -1, result = linux_create_unnamed(directory_fd, &fd);

	if (result == LINUX_UNKNOWN) {
		return faccessat(directory_fd, ".", W_OK | X_OK, AT_EACCESS) == 0 ? 0 : -errno;
	}
	if (result == 0) {
		result = file_write(fd, "", 1);
		close(fd);
	}
	return result;
}

int maildir_root_probe(const struct maildir_root *root)
{
	int fd = open(root->base, O_PATH | O_DIRECTORY | O_CLOEXEC), result;

	if (fd < 0) {
		return -errno;
	}
	result = probe_bytes(fd);
	close(fd);
	return result;
}

int file_read(int fd, uint64_t offset, char *buffer, size_t n)
{
	while (n > 0) {
		ssize_t got = pread(fd, buffer, n, (off_t)offset);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got <= 0) { /* 0: shorter than what was written to it */
			return got < 0 ? -errno : -EIO;
		}
		offset += (uint64_t)got;
		buffer += got;
		n -= (size_t)got;
	}
	return 0;
}

int file_copy(const struct maildir_file *file, const struct maildir_file *from, uint64_t n)
{
	char buffer[COPY_CHUNK];
	uint64_t at = 0;
	int result = 0;

	while (at < n && result == 0) {
		size_t rest = n - at < sizeof(buffer) ? (size_t)(n - at) : sizeof(buffer);

		result = file_read(from->fd, at, buffer, rest);
		if (result == 0) {
			result = file_write(file->fd, buffer, rest);
		}
		at += rest;
	}
	return result;
}

int file_seal(const struct maildir_file *file)
{
	return file->domain.commit == STORAGE_ONE_COMMIT ? linux_write_out(file->fd)
							 : file_sync(file->fd);
}

int file_sync(int fd)
{
	return fsync(fd) == 0 ? 0 : -errno;
}

int file_sync_and_close(int fd)
{
	int result = fd < 0 ? fd : file_sync(fd);

	if (fd >= 0) {
		close(fd);
	}
	return result;
}

int file_sync_names(struct maildir_file *file)
{
	if (file->is_linked) {
		file->is_linked = false;
		file->error = file_sync(file->fd);
	}
	return file->error;
}

void file_drop(struct maildir_file *file)
{
	if (file->tmp_fd >= 0) {
		unlinkat(file->tmp_fd, file->tmp_name, 0);
		close(file->tmp_fd);
	}
	if (file->fd >= 0) {
		close(file->fd);
	}
	*file = file_none;
}

bool file_is_named(int fd, int directory_fd, const char *name)
{
	struct stat named, own;

	return fstatat(directory_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(fd, &own) == 0 && named.st_dev == own.st_dev && named.st_ino == own.st_ino;
}

int file_link(const struct maildir_file *file, int directory_fd, const char *name)
{
	int result;

	if (file->tmp_fd < 0) {
		result = linux_name_unnamed(file->fd, directory_fd, name);
	} else {
		result =
		    linkat(file->tmp_fd, file->tmp_name, directory_fd, name, 0) == 0 ? 0 : -errno;
	}
	/* A server of NFS may have made it and its reply was lost. */
	return result == -EEXIST && file_is_named(file->fd, directory_fd, name) ? 0 : result;
}
