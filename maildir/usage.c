/* SPDX-License-Identifier: MIT
 * One pass over the names of a mailbox, with nothing kept of a name. Where somebody changes the mailbox meanwhile, the
 * doubt is on the side of the user: rather is a message missed than counted twice. Any thread. */
#include "maildir/usage.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "maildir/mailbox.h"

enum {
	SLOTS_MIN = 8,   /* most mailboxes have INBOX and a few folders */
	LOOK_EVERY = 64, /* names, at the clock */
};

/* A slot of a table that is found by hashing device and inode, the next one where it is taken. */
struct usage_directory {
	dev_t device;
	ino_t inode;
	struct timespec changed;
	struct usage sums;
	bool is_used;
	bool is_trusted; /* the sums are right as long as it is not changed */
};

struct count {
	const struct maildir_root *root;
	const char *mailbox;
	const struct usage_style *style;
	usage_skip *skip;
	void *data;
	struct error *error;
	uint64_t deadline; /* ms of now_ms(); 0: none */
	int base_fd;
	const struct usage_memory *before; /* of former counts */
	struct usage_memory seen;          /* by this one, which will be remembered */
	unsigned n_folders;
	uint64_t n_names;
	struct usage sums;
};

bool usage_counts_folder(const struct usage_style *style, const char *folder)
{
	const char *const *ignored = style->ignored;

	while (ignored != NULL && *ignored != NULL && strcmp(*ignored, folder) != 0) {
		ignored++;
	}
	return ignored == NULL || *ignored == NULL;
}

void usage_forget(struct usage_memory *memory)
{
	free(memory->directories);
	*memory = (struct usage_memory){ NULL, 0, 0 };
}

/* The slot of a directory, or the free one that it would get. There is a free one. */
static struct usage_directory *find_slot(
    const struct usage_memory *memory, dev_t device, ino_t inode)
{
	const uint64_t key[] = { device, inode };
	size_t i = text_hash(TEXT_HASH_START, key, sizeof(key)) & (memory->n_max - 1);

	while (memory->directories[i].is_used &&
	       (memory->directories[i].inode != inode || memory->directories[i].device != device)) {
		i = (i + 1) & (memory->n_max - 1);
	}
	return &memory->directories[i];
}

/* Makes room for one more. */
static int make_room(struct usage_memory *memory)
{
	struct usage_memory larger = { .n = memory->n, .n_max = memory->n_max * 2 };

	if (memory->n * 4 < memory->n_max * 3) {
		return 0;
	}
	if (larger.n_max == 0) {
		larger.n_max = SLOTS_MIN;
	}
	larger.directories = calloc(larger.n_max, sizeof(*larger.directories));
	if (larger.directories == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < memory->n_max; i++) {
		const struct usage_directory *old = &memory->directories[i];

		if (old->is_used) {
			*find_slot(&larger, old->device, old->inode) = *old;
		}
	}
	free(memory->directories);
	*memory = larger;
	return 0;
}

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Is it a second ago, or more? */
static bool is_past(const struct timespec *time, const struct timespec *now)
{
	return time->tv_sec < now->tv_sec - 1 ||
	       (time->tv_sec == now->tv_sec - 1 && time->tv_nsec <= now->tv_nsec);
}

/* Sums stay at the end of their range. */
static void add(uint64_t *sum, uint64_t more)
{
	*sum = more > UINT64_MAX - *sum ? UINT64_MAX : *sum + more;
}

/* Reads a size from the first ",S=" or ",W=" of a name without flags, as Dovecot does. What is no number, or none
 * that can be, is as if it were not there. */
static bool find_size(const char *name, size_t n, char which, uint64_t *size_r)
{
	const char *end = name + n, *comma = memchr(name, ',', n), *next;

	for (; comma != NULL; comma = next) {
		next = memchr(comma + 1, ',', (size_t)(end - comma - 1));
		if (end - comma > 3 && comma[1] == which && comma[2] == '=') {
			const char *value_end = next == NULL ? end : next;

			return text_number(comma + 3, (size_t)(value_end - comma - 3), size_r) &&
			       *size_r != UINT64_MAX;
		}
	}
	return false;
}

/* Milliseconds of a clock that nobody sets. */
static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool is_late(const struct count *count)
{
	return count->deadline != 0 && now_ms() >= count->deadline;
}

/* Adds one message to the sums, if it is still there. */
static int add_message(
    const struct count *count, int fd, const char *name, size_t n, struct usage *sums)
{
	struct stat status;
	uint64_t size;

	if (!(count->style->is_virtual && find_size(name, n, 'W', &size)) &&
	    !find_size(name, n, 'S', &size)) {
		if (is_late(count)) {
			return -ETIMEDOUT;
		}
		if (fstatat(fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
			return errno == ENOENT ? 0 : -errno;
		}
		size = (uint64_t)status.st_size;
		sums->unsized++;
	}
	add(&sums->bytes, size);
	sums->messages++;
	return 0;
}

/* The next name of a directory; NULL at the end, with the result. */
static const struct dirent *next_entry(struct count *count, DIR *stream, int *result_r)
{
	const struct dirent *entry;

	errno = 0;
	entry = readdir(stream);
	*result_r = entry == NULL ? -errno : 0;
	count->n_names += entry != NULL;
	/* At the end as well: there may be more of what is remembered. */
	if (count->n_names > USAGE_NAMES_MAX) {
		*result_r = -E2BIG;
	} else if (count->n_names % LOOK_EVERY == 0 && is_late(count)) {
		*result_r = -ETIMEDOUT;
	}
	return *result_r == 0 ? entry : NULL;
}

static int read_names(struct count *count, DIR *stream, struct usage *sums_r, bool *has_left_out_r)
{
	const struct dirent *entry;
	int result;

	*sums_r = (struct usage){ 0, 0, 0 };
	*has_left_out_r = false;
	while ((entry = next_entry(count, stream, &result)) != NULL) {
		const char *name = entry->d_name;
		size_t n = strcspn(name, ":");

		if (name[0] == '.' || entry->d_type == DT_DIR) {
			continue;
		}
		if (count->skip != NULL && count->skip(count->data, name, n)) {
			*has_left_out_r = true;
			continue;
		}
		result = add_message(count, dirfd(stream), name, n, sums_r);
		if (result < 0) {
			break;
		}
	}
	return result;
}

/* Reads a directory that is open; fd is closed. */
static int read_directory(struct count *count, int fd, struct usage_directory *directory)
{
	DIR *stream = fdopendir(fd);
	struct timespec now;
	struct stat status;
	bool has_left_out;
	int result;

	if (stream == NULL) {
		result = -errno;
		close(fd);
		return result;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	result = read_names(count, stream, &directory->sums, &has_left_out);
	if (result == 0 && fstat(dirfd(stream), &status) != 0) {
		result = -errno;
	}
	directory->is_trusted = result == 0 && !has_left_out &&
				is_same_time(&status.st_mtim, &directory->changed) &&
				is_past(&directory->changed, &now);
	closedir(stream);
	return result;
}

/* Takes what is remembered of a directory, if that is still right. */
static bool recall(const struct count *count, struct usage_directory *directory)
{
	const struct usage_directory *old;

	if (count->before->n_max == 0) {
		return false;
	}
	old = find_slot(count->before, directory->device, directory->inode);
	if (!old->is_trusted || !is_same_time(&old->changed, &directory->changed)) {
		return false;
	}
	*directory = *old;
	return true;
}

/* Counts a directory that is open; fd is closed. One that folders lead to by two ways counts once. */
static int count_directory(struct count *count, int fd)
{
	struct usage_directory *directory;
	struct stat status;
	int result;

	if (fstat(fd, &status) != 0) {
		result = -errno;
		close(fd);
		return result;
	}
	result = make_room(&count->seen);
	if (result < 0) {
		close(fd);
		return result;
	}
	directory = find_slot(&count->seen, status.st_dev, status.st_ino);
	if (directory->is_used) {
		close(fd);
		return 0;
	}
	*directory = (struct usage_directory){ .device = status.st_dev,
		.inode = status.st_ino,
		.changed = status.st_mtim,
		.is_used = true };
	count->seen.n++;
	if (recall(count, directory)) {
		close(fd);
		count->n_names += directory->sums.messages;
	} else {
		result = read_directory(count, fd, directory);
	}
	add(&count->sums.bytes, directory->sums.bytes);
	count->sums.messages += directory->sums.messages;
	count->sums.unsized += directory->sums.unsized;
	return result;
}

/* What failed, for people. */
static int fail(const struct count *count, int result, const char *folder, const char *part)
{
	if (result == -ETIMEDOUT) {
		error_set(count->error, "cannot count %s/%s: it takes longer than %u ms",
		    count->root->base, count->mailbox, count->style->patience);
	} else if (result == -E2BIG) {
		error_set(count->error, "cannot count %s/%s: more than %d folders or %d names",
		    count->root->base, count->mailbox, USAGE_FOLDERS_MAX, USAGE_NAMES_MAX);
	} else {
		error_set(count->error, "cannot read %s/%s%s%s%s: %s", count->root->base,
		    count->mailbox, folder[0] == '\0' ? "" : "/", folder, part,
		    maildir_strerror(result, ""));
	}
	return result;
}

/* Does that mean that there are no messages? A link of a user that leads out makes no folder. */
static bool is_nothing(int result, const char *folder)
{
	return result == -ENOENT || result == -ENOTDIR ||
	       (folder[0] != '\0' && (result == -EXDEV || result == -ELOOP));
}

/* A message that a client moves from new/ to cur/ meanwhile is missed, since cur/ comes first. */
static int count_folder(struct count *count, const char *folder)
{
	static const char *const parts[] = { "/cur", "/new" };

	if (is_late(count)) {
		return fail(count, -ETIMEDOUT, folder, "");
	}
	for (size_t i = 0; i < 2; i++) {
		int fd = mailbox_open_below(count->base_fd, count->mailbox, folder, parts[i]);
		int result = fd < 0 ? fd : count_directory(count, fd);

		if (fd < 0 && is_nothing(fd, folder)) {
			continue;
		}
		if (result < 0) {
			return fail(count, result, folder, parts[i]);
		}
	}
	return 0;
}

/* Can it be a folder? One with two dots is being deleted. */
static bool is_folder(const struct dirent *entry)
{
	return entry->d_name[0] == '.' && entry->d_name[1] != '.' && entry->d_name[1] != '\0' &&
	       (entry->d_type == DT_DIR || entry->d_type == DT_LNK || entry->d_type == DT_UNKNOWN);
}

/* Counts the folders of the mailbox that is open; fd is closed. */
static int count_folders(struct count *count, int fd)
{
	DIR *stream = fdopendir(fd);
	const struct dirent *entry;
	int result, outcome = 0;

	if (stream == NULL) {
		result = fail(count, -errno, "", "");
		close(fd);
		return result;
	}
	while (outcome == 0 && (entry = next_entry(count, stream, &result)) != NULL) {
		if (is_folder(entry) && usage_counts_folder(count->style, entry->d_name)) {
			outcome = ++count->n_folders > USAGE_FOLDERS_MAX
				      ? fail(count, -E2BIG, "", "")
				      : count_folder(count, entry->d_name);
		}
	}
	if (outcome == 0 && result < 0) {
		outcome = fail(count, result, "", "");
	}
	closedir(stream);
	return outcome;
}

static int count_mailbox(struct count *count)
{
	int fd = mailbox_open_below(count->base_fd, count->mailbox, "", "");
	int result = 0;

	if (fd < 0) {
		return fd == -ENOENT ? 0 : fail(count, fd, "", "");
	}
	if (usage_counts_folder(count->style, "")) {
		result = count_folder(count, "");
	}
	if (result < 0) {
		close(fd);
		return result;
	}
	return count_folders(count, fd);
}

int usage_count(const struct maildir_root *root, const char *mailbox,
    const struct usage_style *style, struct usage_memory *memory, usage_skip *skip, void *data,
    struct usage *usage_r, struct error *error)
{
	struct count count = {
		.root = root,
		.mailbox = mailbox,
		.style = style,
		.skip = skip,
		.data = data,
		.error = error,
		.before = memory,
		.deadline = style->patience == 0 ? 0 : now_ms() + style->patience,
	};
	int result;

	*usage_r = (struct usage){ 0, 0, 0 };
	if (!maildir_path_is_plain(mailbox)) {
		return fail(&count, -EINVAL, "", "");
	}
	count.base_fd = mailbox_open_base(root);
	if (count.base_fd < 0) {
		return fail(&count, count.base_fd, "", "");
	}
	result = count_mailbox(&count);
	close(count.base_fd);
	if (result == 0) {
		*usage_r = count.sums;
	}
	usage_forget(memory);
	*memory = count.seen;
	return result;
}
