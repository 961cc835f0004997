/* SPDX-License-Identifier: MIT
 * Facts of the kernel that the choice stands on are in SECURITY.md, WHAT A SYNC DOES. */
#include "maildir/storage.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/text.h"

enum {
	/* Offsets in the superblock, ext4(5) and Documentation/filesystems/ext4/super.rst. */
	AT_MAGIC = 0x38,
	AT_FEATURES_COMPATIBLE = 0x5c,
	AT_JOURNAL_DEVICE = 0xe4,
	MAGIC = 0xef53,
	HAS_JOURNAL = 0x4,
	FAST_COMMIT = 0x400,
};

static uint32_t number_at(const unsigned char *superblock, size_t at)
{
	uint32_t number;

	memcpy(&number, superblock + at, sizeof(number));
	return le32toh(number);
}

enum storage_journal storage_read_superblock(
    const unsigned char superblock[STORAGE_SUPERBLOCK_SIZE])
{
	uint32_t features = number_at(superblock, AT_FEATURES_COMPATIBLE);

	if ((number_at(superblock, AT_MAGIC) & 0xffff) != MAGIC) {
		return STORAGE_JOURNAL_UNKNOWN;
	}
	if ((features & HAS_JOURNAL) == 0) {
		return STORAGE_JOURNAL_NONE;
	}
	if ((features & FAST_COMMIT) != 0) {
		return STORAGE_JOURNAL_FAST;
	}
	return number_at(superblock, AT_JOURNAL_DEVICE) != 0 ? STORAGE_JOURNAL_ELSEWHERE
							     : STORAGE_JOURNAL_INSIDE;
}

/* Is one of the words among the options, which commas divide? */
static bool has_option(const char *options, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = options; *p != '\0'; p += *p == ',') {
		size_t length = strcspn(p, ",");

		if (length == n && strncmp(p, word, n) == 0) {
			return true;
		}
		p += length;
	}
	return false;
}

enum storage_commit storage_choose(
    const char *type, enum storage_journal journal, const char *options, const char **why_r)
{
	static const struct {
		enum storage_commit commit;
		const char *why;
	} by_journal[] = {
		[STORAGE_JOURNAL_UNKNOWN] = { STORAGE_STRICT,
		    "ext4 whose superblock root has not looked at" },
		[STORAGE_JOURNAL_INSIDE] = { STORAGE_ONE_COMMIT, "ext4 with a journal" },
		[STORAGE_JOURNAL_NONE] = { STORAGE_STRICT, "ext4 without a journal" },
		[STORAGE_JOURNAL_ELSEWHERE] = { STORAGE_STRICT, "ext4 with an external journal" },
		[STORAGE_JOURNAL_FAST] = { STORAGE_NAMED, "ext4 with fast_commit" },
	};

	if (strcmp(type, "xfs") == 0) {
		*why_r = "XFS";
		return STORAGE_ONE_COMMIT;
	}
	*why_r = "a kind of filesystem of which nothing was proven";
	if (strcmp(type, "ext4") != 0) {
		return STORAGE_STRICT;
	}
	*why_r = by_journal[journal].why;
	if (by_journal[journal].commit == STORAGE_ONE_COMMIT &&
	    (has_option(options, "nobarrier") || has_option(options, "barrier=0") ||
		has_option(options, "journal_async_commit"))) {
		*why_r = "ext4 mounted with options that weaken its journal";
		return STORAGE_STRICT;
	}
	return by_journal[journal].commit;
}

/* A line of /proc/self/mountinfo, proc(5). */
struct mount {
	dev_t device;
	char point[1024], type[64], options[1024];
};

/* Blanks stand there as \040. */
static void unescape(char *text)
{
	char *out = text;

	for (const char *p = text; *p != '\0'; out++) {
		if (p[0] == '\\' && strspn(p + 1, "01234567") >= 3) {
			*out = (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0'));
			p += 4;
		} else {
			*out = *p++;
		}
	}
	*out = '\0';
}

static bool read_mount(FILE *file, struct mount *mount_r)
{
	char *line = NULL, *rest;
	char number[2][16];
	size_t cap = 0;
	bool is_read = false;

	while (!is_read && getline(&line, &cap, file) > 0) {
		rest = strstr(line, " - ");
		is_read = rest != NULL &&
			  sscanf(line, "%*s %*s %15[0-9]:%15[0-9] %*s %1023s", number[0], number[1],
			      mount_r->point) == 3 &&
			  sscanf(rest + 3, "%63s %*s %1023s", mount_r->type, mount_r->options) == 2;
	}
	free(line);
	if (is_read) {
		mount_r->device =
		    makedev(strtoul(number[0], NULL, 10), strtoul(number[1], NULL, 10));
		unescape(mount_r->point);
	}
	return is_read;
}

/* Calls f for each filesystem that mail may lie on: those above the root, of which one has it, and those
 * below. */
static void each_mount(
    const char *base, void (*f)(const struct mount *mount, void *data), void *data)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	struct mount mount;

	while (file != NULL && read_mount(file, &mount)) {
		if (text_is_below(base, mount.point) || text_is_below(mount.point, base)) {
			f(&mount, data);
		}
	}
	if (file != NULL) {
		fclose(file);
	}
}

/* The device's own superblock. Only root may look. */
static enum storage_journal read_device(dev_t device)
{
	unsigned char superblock[STORAGE_SUPERBLOCK_SIZE];
	char path[64], target[256];
	ssize_t n;
	int fd;

	/* Not all systems have /dev/block. */
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(device), minor(device));
	n = readlink(path, target, sizeof(target) - 1);
	if (n <= 0) {
		return STORAGE_JOURNAL_UNKNOWN;
	}
	target[n] = '\0';
	snprintf(path, sizeof(path), "/dev/%.50s", strrchr(target, '/') + 1);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return STORAGE_JOURNAL_UNKNOWN;
	}
	n = pread(fd, superblock, sizeof(superblock), STORAGE_SUPERBLOCK_AT);
	close(fd);
	return n == sizeof(superblock) ? storage_read_superblock(superblock)
				       : STORAGE_JOURNAL_UNKNOWN;
}

/* Tells a filesystem from another one that has its device number by now; of ext4 it comes from the UUID. */
static bool get_id(const char *point, uint64_t *id_r)
{
	struct statfs status;

	if (statfs(point, &status) != 0) {
		return false;
	}
	memcpy(id_r, &status.f_fsid, sizeof(*id_r));
	return true;
}

/* What root has left of that filesystem: "DEVICE ID JOURNAL", numbers all. */
static enum storage_journal read_word(const char *words, dev_t device, uint64_t id)
{
	FILE *file = words == NULL ? NULL : fopen(words, "re");
	enum storage_journal journal = STORAGE_JOURNAL_UNKNOWN;
	char *line = NULL, *p;
	size_t cap = 0;

	while (file != NULL && getline(&line, &cap, file) > 0) {
		if (strtoull(line, &p, 10) == device && strtoull(p, &p, 16) == id) {
			unsigned long word = strtoul(p, NULL, 10);

			journal = word <= STORAGE_JOURNAL_FAST ? (enum storage_journal)word
							       : STORAGE_JOURNAL_UNKNOWN;
		}
	}
	free(line);
	if (file != NULL) {
		fclose(file);
	}
	return journal;
}

struct look {
	struct storage *storage;
	const char *base, *words;
};

static void look_at(const struct mount *mount, void *data)
{
	const struct look *look = data;
	struct storage_filesystem *filesystem;
	enum storage_journal journal = STORAGE_JOURNAL_UNKNOWN;
	uint64_t id;

	if (look->storage->n == STORAGE_MAX) {
		return;
	}
	if (strcmp(mount->type, "ext4") == 0) {
		journal = read_device(mount->device);
		if (journal == STORAGE_JOURNAL_UNKNOWN && get_id(mount->point, &id)) {
			journal = read_word(look->words, mount->device, id);
		}
	}
	filesystem = &look->storage->filesystems[look->storage->n];
	look->storage->n++;
	filesystem->device = mount->device;
	filesystem->journal = journal;
	filesystem->has_one_device =
	    strcmp(mount->type, "btrfs") != 0 && strcmp(mount->type, "autofs") != 0;
	snprintf(filesystem->where, sizeof(filesystem->where), "%.255s", mount->point);
	filesystem->commit = storage_choose(mount->type, journal, mount->options, &filesystem->why);
}

void storage_look(struct storage *storage_r, const char *base, const char *words)
{
	struct look look = { storage_r, base, words };
	const struct storage_filesystem *of_base;

	storage_r->n = 0;
	each_mount(base, look_at, &look);
	of_base = storage_of_path(storage_r, base);
	storage_r->base = of_base == NULL ? 0 : (size_t)(of_base - storage_r->filesystems);
}

static void write_word(const struct mount *mount, void *data)
{
	enum storage_journal journal;
	uint64_t id;

	if (strcmp(mount->type, "ext4") == 0 && get_id(mount->point, &id)) {
		journal = read_device(mount->device);
		fprintf(data, "%llu %llx %u\n", (unsigned long long)mount->device,
		    (unsigned long long)id, (unsigned)journal);
	}
}

int storage_examine(const char *const *bases, const char *words)
{
	FILE *file;
	int fd;

	/* Root's own, in a directory that may be the daemon's: nothing there is followed or kept. */
	unlink(words);
	fd = open(words, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	file = fd < 0 || fchmod(fd, 0644) != 0 ? NULL : fdopen(fd, "w"); /* whatever the umask */
	if (file == NULL) {
		return -errno;
	}
	for (; *bases != NULL; bases++) {
		each_mount(*bases, write_word, file);
	}
	return fclose(file) == 0 ? 0 : -errno;
}

const char *storage_commit_name(enum storage_commit commit)
{
	static const char *const names[] = {
		[STORAGE_STRICT] = "strict",
		[STORAGE_NAMED] = "strict, named files",
		[STORAGE_ONE_COMMIT] = "one commit",
	};

	return names[commit];
}

void storage_be_strict(struct storage *storage)
{
	for (size_t i = 0; i < storage->n; i++) {
		struct storage_filesystem *filesystem = &storage->filesystems[i];

		if (filesystem->commit == STORAGE_ONE_COMMIT) {
			filesystem->commit = STORAGE_STRICT;
			filesystem->why = "maildir.commit says so";
		}
	}
}

const struct storage_filesystem *storage_of_path(const struct storage *storage, const char *path)
{
	const struct storage_filesystem *found = NULL;

	/* The deepest has it, and of two that are mounted there the later one. */
	for (size_t i = 0; i < storage->n; i++) {
		const struct storage_filesystem *filesystem = &storage->filesystems[i];

		if (text_is_below(path, filesystem->where) &&
		    (found == NULL || strlen(filesystem->where) >= strlen(found->where))) {
			found = filesystem;
		}
	}
	return found;
}

enum storage_commit storage_commit_of(const struct storage *storage, dev_t device)
{
	for (size_t i = 0; i < storage->n; i++) {
		if (storage->filesystems[i].device == device) {
			return storage->filesystems[i].commit;
		}
	}
	return STORAGE_STRICT;
}
