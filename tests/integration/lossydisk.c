/* SPDX-License-Identifier: MIT
 * A disk with a write cache that a power cut loses. It is a file named "disk" in a FUSE directory, for a
 * loop device: what is written to it stays in the memory of this process, and goes into IMAGE when it is
 * synced, as a disk's cache does at a flush.
 *
 * "SEED PATH" written to the file "cut" is a power cut: PATH becomes what the disk then holds. That is
 * IMAGE with those blocks of the cache for which a coin falls so: a disk writes what it has in any order,
 * and had been asked for no order. The disk itself goes on.
 *
 * usage: lossydisk IMAGE DIRECTORY [OPTIONS of FUSE] */
#define _GNU_SOURCE
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	BLOCK = 4096
};

static int image = -1;
static off_t image_size;
static char **cached; /* each block that was written since the last flush, else NULL */
static size_t *dirty; /* the numbers of those */
static size_t n_dirty;

static bool is_disk(const char *path)
{
	return strcmp(path, "/disk") == 0;
}

/* What cannot go on without telling lies ends, and the loop device with it. */
static void must(bool is_well, const char *what)
{
	if (!is_well) {
		perror(what);
		abort();
	}
}

/* The block of the cache, with what the disk has there when it comes new. */
static char *cache(size_t number)
{
	if (cached[number] == NULL) {
		cached[number] = malloc(BLOCK);
		must(cached[number] != NULL &&
			 pread(image, cached[number], BLOCK, (off_t)number * BLOCK) == BLOCK,
		    "lossydisk: cache");
		dirty[n_dirty++] = number;
	}
	return cached[number];
}

static int lossy_getattr(const char *path, struct stat *status, struct fuse_file_info *info)
{
	if (strcmp(path, "/") == 0) {
		*status = (struct stat){ .st_mode = S_IFDIR | 0700, .st_nlink = 2 };
	} else if (is_disk(path) || strcmp(path, "/cut") == 0) {
		*status = (struct stat){ .st_mode = S_IFREG | 0600,
			.st_nlink = 1,
			.st_size = is_disk(path) ? image_size : 0 };
	} else {
		return -ENOENT;
	}
	return 0;
}

/* To and from the cache and the image, block by block. Returns n. */
static int transfer(char *to, const char *from, size_t n, off_t offset)
{
	for (size_t at = 0, part; at < n; at += part) {
		size_t number = ((size_t)offset + at) / BLOCK,
		       within = ((size_t)offset + at) % BLOCK;

		part = n - at < BLOCK - within ? n - at : BLOCK - within;
		if (from != NULL) {
			memcpy(cache(number) + within, from + at, part);
		} else if (cached[number] != NULL) {
			memcpy(to + at, cached[number] + within, part);
		} else {
			must(pread(image, to + at, part, offset + (off_t)at) == (ssize_t)part,
			    "lossydisk: read");
		}
	}
	return (int)n;
}

static int lossy_read(
    const char *path, char *data, size_t n, off_t offset, struct fuse_file_info *info)
{
	if (!is_disk(path) || offset >= image_size) {
		return 0;
	}
	return transfer(
	    data, NULL, (off_t)n < image_size - offset ? n : (size_t)(image_size - offset), offset);
}

static int cut(const char *text, size_t n)
{
	char path[4096] = "";
	unsigned seed;
	struct random_data random = { .state = NULL };
	char state[64];
	int fd, coin;

	if (n >= sizeof(path) || sscanf(text, "%u %4095s", &seed, path) != 2) {
		return -EINVAL;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || ioctl(fd, FICLONE, image) != 0) {
		return -errno;
	}
	initstate_r(seed, state, sizeof(state), &random);
	for (size_t i = 0; i < n_dirty; i++) {
		random_r(&random, &coin);
		if ((coin >> 8 & 1) != 0) {
			must(pwrite(fd, cached[dirty[i]], BLOCK, (off_t)dirty[i] * BLOCK) == BLOCK,
			    "lossydisk: cut");
		}
	}
	close(fd);
	return (int)n;
}

static int lossy_write(
    const char *path, const char *data, size_t n, off_t offset, struct fuse_file_info *info)
{
	if (!is_disk(path)) {
		char text[4200] = "";

		memcpy(text, data, n < sizeof(text) ? n : sizeof(text) - 1);
		return cut(text, n);
	}
	if (offset + (off_t)n > image_size) {
		return -ENOSPC;
	}
	return transfer(NULL, data, n, offset);
}

/* The flush: all that is in the cache is on the disk. */
static int lossy_fsync(const char *path, int is_datasync, struct fuse_file_info *info)
{
	for (; is_disk(path) && n_dirty > 0; n_dirty--) {
		char **block = &cached[dirty[n_dirty - 1]];

		must(pwrite(image, *block, BLOCK, (off_t)dirty[n_dirty - 1] * BLOCK) == BLOCK,
		    "lossydisk: flush");
		free(*block);
		*block = NULL;
	}
	return 0;
}

static int lossy_truncate(const char *path, off_t size, struct fuse_file_info *info)
{
	return is_disk(path) ? -EPERM : 0;
}

int main(int argc, char **argv)
{
	static const struct fuse_operations operations = {
		.getattr = lossy_getattr,
		.read = lossy_read,
		.write = lossy_write,
		.fsync = lossy_fsync,
		.truncate = lossy_truncate,
	};
	struct stat status;

	must(argc >= 3 && (image = open(argv[1], O_RDWR | O_CLOEXEC)) >= 0 &&
		 fstat(image, &status) == 0 && status.st_size % BLOCK == 0,
	    "lossydisk: IMAGE");
	image_size = status.st_size;
	cached = calloc((size_t)image_size / BLOCK, sizeof(*cached));
	dirty = calloc((size_t)image_size / BLOCK, sizeof(*dirty));
	must(cached != NULL && dirty != NULL, "lossydisk");
	argv[1] = argv[0];
	return fuse_main(argc - 1, argv + 1, &operations, NULL);
}
