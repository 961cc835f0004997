/* SPDX-License-Identifier: MIT
 * One message into one or more mailboxes; the contract stands in maildir.h.
 *
 * The file is unnamed (O_TMPFILE) until it is complete and synced, so a crash leaves no litter.
 * Where the filesystem cannot do that, it has a name in tmp/ instead, which readers clean up after
 * 36 hours. After a failed fsync the file is dropped and never synced again: the kernel reports
 * such an error once and then forgets the bytes it could not write. */
#include "maildir/maildir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "maildir/mailbox.h"
#include "maildir/name.h"
#include "maildir/rounds.h"

enum {
	NAME_ATTEMPTS = 16,
	COPY_CHUNK = 65536,
	SMALL_SIZE = 65536, /* bytes that a disk takes without being held up */
	STRETCH = 1 << 20,  /* of a large message, that goes to the disk while the next one comes */
};

static const struct maildir_file no_file = { .fd = -1, .tmp_fd = -1 };

void maildir_root_init(struct maildir_root *root, const char *base, const char *host)
{
	root->base = base;
	name_escape_host(root->host, sizeof(root->host), host, strlen(host));
	root->has_tmpfile = access("/proc/self/fd", X_OK) == 0;
}

static void make_name(char *name_r, const struct maildir_root *root)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	name_make(name_r, &now, root->host);
}

static void close_fd(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

/* Gives the file up: no byte and no name of it stays, except for the names in new/ it was given. */
static void drop_file(struct maildir_file *file)
{
	if (file->tmp_fd >= 0) {
		unlinkat(file->tmp_fd, file->tmp_name, 0);
	}
	close_fd(&file->tmp_fd);
	close_fd(&file->fd);
}

static int create_named(
    const struct maildir_root *root, struct maildir_target *target, struct maildir_file *file)
{
	char path[MAILDIR_PATH_MAX + 4];
	size_t n = strlen(target->path);

	memcpy(path, target->path, n);
	memcpy(path + n, "/tmp", 5);
	file->tmp_fd = mailbox_open_beneath(root->base, path, O_RDONLY | O_DIRECTORY);
	if (file->tmp_fd < 0) {
		int result = file->tmp_fd;

		file->tmp_fd = -1;
		return mailbox_fail(target, result, "open", "/tmp");
	}
	for (int i = 0; i < NAME_ATTEMPTS && file->fd < 0; i++) {
		make_name(file->tmp_name, root);
		file->fd = openat(file->tmp_fd, file->tmp_name,
		    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (file->fd < 0 && errno != EEXIST) {
			break;
		}
	}
	if (file->fd < 0) {
		int result = -errno;

		close_fd(&file->tmp_fd);
		return mailbox_fail(target, result, "create a file in", "/tmp");
	}
	return 0;
}

static int create_file(
    const struct maildir_root *root, struct maildir_target *target, struct maildir_file *file)
{
	*file = no_file;
	if (root->has_tmpfile) {
		file->fd = openat(target->new_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (file->fd >= 0) {
			return 0;
		}
		/* EISDIR: a kernel or filesystem without O_TMPFILE, open(2). */
		if (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL) {
			return mailbox_fail(target, -errno, "create a file in", "/new");
		}
	}
	return create_named(root, target, file);
}

int maildir_open(struct maildir_delivery *delivery, const struct maildir_root *root,
    struct maildir_target *targets, size_t n_targets)
{
	*delivery = (struct maildir_delivery){
		.root = root,
		.targets = targets,
		.n_targets = n_targets,
		.file = no_file,
	};
	for (size_t i = 0; i < n_targets; i++) {
		struct maildir_target *target = &targets[i];

		target->result = 0;
		target->step = target->part = "";
		target->name[0] = '\0';
		target->new_fd = -1;
		target->copy = no_file;
		if (mailbox_open(root, target) == 0 && delivery->file.fd < 0 &&
		    create_file(root, target, &delivery->file) == 0) {
			delivery->device = target->device;
		}
		/* One that may need a file of its own stays open. */
		if (target->result < 0 ||
		    (i >= MAILDIR_HELD_MAX && target->device == delivery->device)) {
			close_fd(&target->new_fd);
		}
	}
	return delivery->file.fd >= 0 ? 0 : (n_targets > 0 ? targets[0].result : -EINVAL);
}

static int write_all(int fd, const char *data, size_t n)
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

/* Line ends that get a CR when the message is sent: those that have none. */
static uint64_t count_bare_lf(const char *data, size_t n, char before)
{
	const char *p = data, *end = data + n;
	uint64_t count = 0;

	while (p < end && (p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		count += (p == data ? before : p[-1]) != '\r';
		p++;
	}
	return count;
}

/* Gives up the file and all targets that lie on its filesystem. */
static void fail_file(struct maildir_delivery *delivery, int error, const char *step)
{
	for (size_t i = 0; i < delivery->n_targets; i++) {
		struct maildir_target *target = &delivery->targets[i];

		if (target->result == 0 && target->device == delivery->device) {
			mailbox_fail(target, error, step, "/new");
		}
	}
	drop_file(&delivery->file);
}

/* Copies the first n bytes of one file to the end of another. Returns 0 or a negative errno. */
static int copy_bytes(int from, int to, uint64_t n)
{
	char buffer[COPY_CHUNK];
	uint64_t at = 0;

	while (at < n) {
		size_t rest = n - at < sizeof(buffer) ? (size_t)(n - at) : sizeof(buffer);
		ssize_t got = pread(from, buffer, rest, (off_t)at);
		int result;

		if (got <= 0) {
			return got < 0 ? -errno : -EIO;
		}
		result = write_all(to, buffer, (size_t)got);
		if (result < 0) {
			return result;
		}
		at += (uint64_t)got;
	}
	return 0;
}

/* The file cannot take more: a mailbox on another filesystem, if there is one that still can, goes on
 * with what was written so far. Returns 0, or -1 when no target is left. */
static int move_file(struct maildir_delivery *delivery, int error)
{
	struct maildir_file old = delivery->file;

	delivery->file = no_file;
	fail_file(delivery, error, "write a file in");
	for (size_t i = 0; i < delivery->n_targets && delivery->file.fd < 0; i++) {
		struct maildir_target *target = &delivery->targets[i];
		int result;

		if (target->result < 0 ||
		    create_file(delivery->root, target, &delivery->file) < 0) {
			continue;
		}
		delivery->device = target->device;
		result = copy_bytes(old.fd, delivery->file.fd, delivery->size);
		if (result < 0) {
			fail_file(delivery, result, "write a file in");
		}
	}
	drop_file(&old);
	return delivery->file.fd >= 0 ? 0 : -1;
}

/* Sends what has come to the disk without waiting for it, so that less is left to sync. An error is
 * kept for fsync, which tells it. */
static void start_writing(struct maildir_delivery *delivery)
{
	uint64_t n = delivery->size - delivery->n_started;

	if (n >= STRETCH) {
		sync_file_range(
		    delivery->file.fd, (off_t)delivery->n_started, (off_t)n, SYNC_FILE_RANGE_WRITE);
		delivery->n_started = delivery->size;
	}
}

int maildir_write(struct maildir_delivery *delivery, const char *data, size_t n)
{
	int result = 0;

	if (delivery->error != 0 || n == 0) {
		return delivery->error;
	}
	if (delivery->file.fd < 0) {
		return -EBADF;
	}
	do {
		result = write_all(delivery->file.fd, data, n);
		if (result < 0 && move_file(delivery, result) < 0) {
			delivery->error = result;
			return result;
		}
	} while (result < 0);
	delivery->size += n;
	delivery->wire_size += n + count_bare_lf(data, n, delivery->last);
	delivery->last = data[n - 1];
	start_writing(delivery);
	return 0;
}

/* Gives the target a file of its own, with the same bytes, synced. */
static int copy_file(struct maildir_delivery *delivery, struct maildir_target *target)
{
	int result;

	if (create_file(delivery->root, target, &target->copy) < 0) {
		return target->result;
	}
	result = copy_bytes(delivery->file.fd, target->copy.fd, delivery->size);
	if (result < 0) {
		return mailbox_fail(target, result, "write a copy in", "/new");
	}
	if (fsync(target->copy.fd) != 0) {
		return mailbox_fail(target, -errno, "sync a copy in", "/new");
	}
	return 0;
}

/* Gives the file its name in new/; fails with EEXIST rather than overwrite. */
static int link_file(const struct maildir_file *file, const struct maildir_target *target)
{
	char by_fd[40];
	int result;

	if (file->tmp_fd < 0) {
		snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", file->fd);
		result = linkat(AT_FDCWD, by_fd, target->new_fd, target->name, AT_SYMLINK_FOLLOW);
	} else {
		result = linkat(file->tmp_fd, file->tmp_name, target->new_fd, target->name, 0);
	}
	return result == 0 ? 0 : -errno;
}

static bool is_link_refused(int result)
{
	return result == -EMLINK || result == -EXDEV || result == -EPERM || result == -EOPNOTSUPP ||
	       result == -ENOSYS;
}

/* The last resort of a filesystem without hard links: moves the target's own named file. */
static int move_copy(struct maildir_target *target)
{
	return renameat2(target->copy.tmp_fd, target->copy.tmp_name, target->new_fd, target->name,
		   RENAME_NOREPLACE) == 0
		   ? 0
		   : -errno;
}

static int place(struct maildir_delivery *delivery, struct maildir_target *target)
{
	int result = -EEXIST;

	for (int i = 0; i < NAME_ATTEMPTS && result == -EEXIST; i++) {
		bool is_own = target->copy.fd >= 0;

		make_name(target->name, delivery->root);
		name_add_sizes(target->name, delivery->size, delivery->wire_size);
		result = link_file(is_own ? &target->copy : &delivery->file, target);
		if (is_link_refused(result) && !is_own) {
			if (copy_file(delivery, target) < 0) {
				return target->result;
			}
			result = link_file(&target->copy, target);
		}
		if (is_link_refused(result) && target->copy.tmp_fd >= 0) {
			result = move_copy(target);
		}
	}
	return result == 0 ? 0 : mailbox_fail(target, result, "name the message in", "/new");
}

/* Makes the name durable. A message that may not be is taken away again, since the sender keeps it
 * and tries again. */
static void sync_name(
    struct maildir_delivery *delivery, struct maildir_target *target, struct rounds **rounds)
{
	struct rounds *joined = target->device == delivery->device ? *rounds : NULL;
	int result = rounds_sync(joined, target->new_fd, false);

	if (joined != NULL) {
		*rounds = NULL; /* the first has committed the names of all */
	}
	if (result < 0) {
		mailbox_fail(target, result, "sync", "/new");
	} else if (target->is_young) {
		mailbox_sync_parents(delivery->root, target);
	}
	if (target->result < 0) {
		unlinkat(target->new_fd, target->name, 0);
	}
}

/* Opens a mailbox of a long list again. What this delivery has made stays young, however long ago. */
static int reopen(struct maildir_delivery *delivery, struct maildir_target *target)
{
	bool was_young = target->is_young;
	int result = target->new_fd >= 0 ? 0 : mailbox_open(delivery->root, target);

	target->is_young = target->is_young || was_young;
	return result;
}

/* All the names first: the first sync of a directory then commits them together. */
static void place_some(struct maildir_delivery *delivery, struct maildir_target *targets, size_t n,
    struct rounds **rounds)
{
	for (size_t i = 0; i < n; i++) {
		if (targets[i].result == 0 && reopen(delivery, &targets[i]) == 0) {
			place(delivery, &targets[i]);
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (targets[i].result == 0) {
			sync_name(delivery, &targets[i], rounds);
		}
		drop_file(&targets[i].copy);
		close_fd(&targets[i].new_fd);
	}
}

static void close_delivery(struct maildir_delivery *delivery)
{
	drop_file(&delivery->file);
	for (size_t i = 0; i < delivery->n_targets; i++) {
		drop_file(&delivery->targets[i].copy);
		close_fd(&delivery->targets[i].new_fd);
	}
}

/* What could not be synced cannot be read back and trusted either, so nobody gets it. */
static void fail_everything(struct maildir_delivery *delivery, int error)
{
	for (size_t i = 0; i < delivery->n_targets; i++) {
		if (delivery->targets[i].result == 0) {
			mailbox_fail(&delivery->targets[i], error, "sync a file in", "/new");
		}
	}
}

/* Syncs the file. A small one goes with the others that are in a hurry; its data are on their way
 * before, so that what is left to do together is the journal's part. A big one may take its time. */
static int sync_file(struct maildir_delivery *delivery, struct rounds *rounds)
{
	if (delivery->size > SMALL_SIZE) {
		int result = fsync(delivery->file.fd) == 0 ? 0 : -errno;

		rounds_expect(rounds);
		return result;
	}
	rounds_expect(rounds);
	sync_file_range(delivery->file.fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	return rounds_sync(rounds, delivery->file.fd, true);
}

void maildir_commit(struct maildir_delivery *delivery)
{
	struct maildir_target *target, *end = delivery->targets + delivery->n_targets;
	struct rounds *rounds = NULL;
	size_t n;

	if (delivery->file.fd >= 0) {
		int result;

		rounds = rounds_of(delivery->device);
		result = sync_file(delivery, rounds);
		if (result < 0) {
			fail_everything(delivery, result);
		}
	}
	for (target = delivery->targets; target < end; target++) {
		if (target->result == 0 && target->device != delivery->device) {
			rounds_leave(rounds); /* it may take long */
			copy_file(delivery, target);
			rounds_expect(rounds);
		}
	}
	for (target = delivery->targets; target < end; target += n) {
		n = (size_t)(end - target);
		n = n < MAILDIR_HELD_MAX ? n : MAILDIR_HELD_MAX;
		place_some(delivery, target, n, &rounds);
	}
	rounds_leave(rounds);
	close_delivery(delivery);
}

void maildir_abort(struct maildir_delivery *delivery)
{
	close_delivery(delivery);
}
