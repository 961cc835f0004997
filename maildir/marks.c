/* SPDX-License-Identifier: MIT
 * Who changes the file has Dovecot's lock, reads all of it, and writes as little as can be: ten thousand notices a day must
 * not write the file ten thousand times. */
#include "maildir/marks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/dotlock.h"
#include "maildir/file.h"
#include "maildir/home.h"
#include "maildir/marks_file.h"

static const char name[] = ".dovecot.lda-dupes";

/* --- reading ---------------------------------------------------------------------------------------------------- */

struct marks_content {
	int fd; /* -1: there is none that could be read */
	char *text;
	struct span bytes; /* that are looked at */
	size_t size;       /* of the file, which may have more */
};

static int read_bytes(struct marks_content *content)
{
	struct stat status;
	size_t n;

	if (fstat(content->fd, &status) != 0) {
		return -errno;
	}
	if (!S_ISREG(status.st_mode)) {
		return 0; /* whatever it is, no bytes of marks */
	}
	content->size = (size_t)status.st_size;
	n = content->size < MARKS_BYTES_MAX ? content->size : MARKS_BYTES_MAX;
	content->text = malloc(n + 1);
	if (content->text == NULL) {
		return -ENOMEM;
	}
	content->bytes = (struct span){ content->text, n };
	return file_read(content->fd, 0, content->text, n);
}

static void close_content(struct marks_content *content)
{
	free(content->text);
	if (content->fd >= 0) {
		close(content->fd);
	}
}

/* What somebody else has put there instead: a link, a directory, a file that we may not read. */
static bool is_strange(int result)
{
	return result == -ELOOP || result == -EACCES || result == -EISDIR || result == -ENXIO;
}

/* Returns 0, also when there is no such file, or a negative errno; close_content() in any case. */
static int open_content(struct marks_content *content_r, int home_fd, int flags)
{
	int fd = home_open_beneath(home_fd, name, flags | O_NOFOLLOW);

	*content_r = (struct marks_content){ .fd = fd < 0 ? -1 : fd, .bytes = { "", 0 } };
	if (fd < 0) {
		return fd == -ENOENT || is_strange(fd) ? 0 : fd;
	}
	return read_bytes(content_r);
}

int marks_has(int home_fd, const char *user, struct span id, time_t now)
{
	struct marks_content content;
	int result = open_content(&content, home_fd, O_RDONLY);

	if (result == 0) {
		result = marks_file_has(content.bytes, span_of(user), id, now);
	}
	close_content(&content);
	return result;
}

/* --- what a change comes to ------------------------------------------------------------------------------------- */

struct marks_change {
	struct span user;
	const struct mark *marks;
	size_t n;
	time_t now;
	size_t at[MARKS_AT_ONCE]; /* where the mark stands in the file; 0: nowhere */
	size_t end;               /* of what can be read */
	size_t n_live, live;      /* records that count, with the new ones, and their bytes */
	size_t expired;           /* bytes */
	size_t added;             /* bytes behind the end */
};

/* Is the record that of a mark which is changed? Keeps where it stands. */
static bool is_changed(struct marks_change *change, const struct marks_record *record)
{
	bool is = false;

	for (size_t i = 0; i < change->n; i++) {
		if (marks_record_is(record, change->user, change->marks[i].id)) {
			change->at[i] = record->at;
			is = true;
		}
	}
	return is;
}

static size_t size_of(const struct marks_change *change, size_t i)
{
	return marks_file_write(NULL, 0, change->marks[i].id, change->user);
}

/* Does the change leave a mark that counts? */
static bool is_live(const struct marks_change *change, size_t i)
{
	return change->marks[i].until >= change->now;
}

static void survey(struct marks_change *change, struct span bytes)
{
	struct marks_record record;

	change->end = marks_file_begin(bytes);
	while (change->end > 0 && marks_file_next(bytes, &change->end, &record)) {
		if (is_changed(change, &record)) {
			continue;
		}
		if (marks_record_counts(&record, change->now)) {
			change->n_live++;
			change->live += record.n;
		} else {
			change->expired += record.n;
		}
	}
	for (size_t i = 0; i < change->n; i++) {
		if (is_live(change, i)) {
			change->n_live++;
			change->live += size_of(change, i);
			change->added += change->at[i] == 0 ? size_of(change, i) : 0;
		}
	}
}

/* --- writing ---------------------------------------------------------------------------------------------------- */

/* All marks that count, into a file of their own, which takes the place of the old one. */
static int write_anew(struct marks_change *change, struct dotlock *lock, struct span bytes)
{
	const struct content none = { .text = NULL }; /* so that the mode is that of the lock */
	size_t at = marks_file_begin(bytes), n;
	struct marks_record record;
	char *text = malloc(MARKS_HEAD + change->live);
	int result;

	if (text == NULL) {
		return -ENOMEM;
	}
	n = marks_file_write_head(text);
	while (at > 0 && marks_file_next(bytes, &at, &record)) {
		if (marks_record_counts(&record, change->now) && !is_changed(change, &record)) {
			memcpy(text + n, bytes.p + record.at, record.n);
			n += record.n;
		}
	}
	for (size_t i = 0; i < change->n; i++) {
		if (is_live(change, i)) {
			n += marks_file_write(text + n, marks_file_until(change->marks[i].until),
			    change->marks[i].id, change->user);
		}
	}
	result = dotlock_write(lock, text, n);
	free(text);
	return result == 0 ? dotlock_replace(lock, &none) : result;
}

/* In one write, so that a program that dies leaves all or nothing. */
static int append(const struct marks_change *change, int fd)
{
	char *text = malloc(change->added);
	size_t n = 0;
	int result;

	if (text == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < change->n; i++) {
		if (is_live(change, i) && change->at[i] == 0) {
			n += marks_file_write(text + n, marks_file_until(change->marks[i].until),
			    change->marks[i].id, change->user);
		}
	}
	lseek(fd, (off_t)change->end, SEEK_SET);
	result = file_write(fd, text, n);
	free(text);
	/* Half a record is worse than none. If it has to stay, the next change mends it. */
	if (result != 0 && ftruncate(fd, (off_t)change->end) != 0) {
		result = -errno;
	}
	return result;
}

static int write_times(const struct marks_change *change, int fd)
{
	int result = 0;

	for (size_t i = 0; i < change->n && result == 0; i++) {
		uint32_t until = marks_file_until(change->marks[i].until);

		if (change->at[i] > 0) {
			lseek(fd, (off_t)change->at[i], SEEK_SET);
			result = file_write(fd, (const char *)&until, sizeof(until));
		}
	}
	return result;
}

/* Who took the lock for stale may have moved another file to the name by now. */
static bool is_still_ours(const struct dotlock *lock, int fd)
{
	return file_is_named(lock->fd, lock->directory_fd, lock->name) &&
	       file_is_named(fd, lock->directory_fd, name);
}

static int write_in_place(const struct marks_change *change, const struct dotlock *lock, int fd)
{
	int result = change->added > 0 ? append(change, fd) : 0;

	if (result == 0) {
		result = write_times(change, fd);
	}
	if (result == 0) {
		result = file_sync(fd);
	}
	return result != 0 || is_still_ours(lock, fd) ? result : -ESTALE;
}

static int write_change(
    struct marks_change *change, struct dotlock *lock, const struct marks_content *content)
{
	bool is_broken, is_old;

	survey(change, content->bytes);
	is_broken = change->end == 0 || change->end != content->size;
	is_old = change->expired > 0 && change->expired >= (change->end - MARKS_HEAD) / 3;
	if (change->added > 0 &&
	    (change->n_live > MARKS_MAX || MARKS_HEAD + change->live > MARKS_BYTES_MAX)) {
		return MARKS_FULL;
	}
	if (is_broken || is_old || change->end + change->added > MARKS_BYTES_MAX) {
		return write_anew(change, lock, content->bytes);
	}
	return write_in_place(change, lock, content->fd);
}

static int change_locked(struct marks_change *change, int home_fd, unsigned *patience)
{
	struct marks_content content;
	struct dotlock lock;
	/* Without a journal the disk may still name the lock when it is gone, and what takes its inode next, such as a Maildir,
	 * would have two names after a power cut, of which the repair takes one away. */
	int result = dotlock_take(&lock, home_fd, name, MARKS_STALE, true, patience);

	if (result != 0) {
		return result;
	}
	result = open_content(&content, home_fd, O_RDWR);
	if (result == 0) {
		result = write_change(change, &lock, &content);
	}
	close_content(&content);
	dotlock_release(&lock);
	return result;
}

static int check(const struct marks_change *change)
{
	bool is_fine =
	    change->user.n > 0 && change->user.n <= MARK_USER_MAX && change->n <= MARKS_AT_ONCE;

	for (size_t i = 0; i < change->n && is_fine; i++) {
		is_fine = change->marks[i].id.n > 0 && change->marks[i].id.n <= MARK_ID_MAX;
	}
	return is_fine ? 0 : -EINVAL;
}

int marks_add(int home_fd, const char *user, const struct mark *marks, size_t n, time_t now,
    unsigned *patience)
{
	struct marks_change change = { .user = span_of(user), .marks = marks, .n = n, .now = now };
	int result = check(&change), fd;

	if (result != 0 || n == 0) {
		return result;
	}
	/* That of home_open() cannot be synced. */
	fd = home_open_beneath(home_fd, ".", O_RDONLY | O_DIRECTORY);
	if (fd < 0) {
		return fd;
	}
	result = change_locked(&change, fd, patience);
	close(fd);
	return result;
}

int marks_forget(int home_fd, const char *user, struct span id, time_t now, unsigned *patience)
{
	const struct mark mark = { .id = id, .until = 0 };
	int result = marks_has(home_fd, user, id, now);

	return result <= 0 ? result : marks_add(home_fd, user, &mark, 1, now, patience);
}

const char *marks_strerror(int result)
{
	switch (result) {
	case DOTLOCK_HELD:
		return "its lock is held by somebody else";
	case MARKS_FULL:
		return "it holds as many as it may";
	default:
		return strerror(-result);
	}
}
