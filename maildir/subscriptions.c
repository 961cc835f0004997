/* SPDX-License-Identifier: MIT
 * The form that a file has is kept: an old Dovecot may read it, too. Of a new file the current one is written. */
#include "maildir/subscriptions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "maildir/dotlock.h"

static const char name[] = "subscriptions";
static const char header[] = "V\t2\n\n";

enum subscriptions_version subscriptions_version(const char *text)
{
	if (text[0] == '\0' || strncmp(text, header, strcspn(header, "\n") + 1) == 0) {
		return SUBSCRIPTIONS_CURRENT;
	}
	return strncmp(text, "V\t", 2) == 0 ? SUBSCRIPTIONS_UNKNOWN : SUBSCRIPTIONS_OLD;
}

size_t subscriptions_line(char *line_r, enum subscriptions_version version, const char *folder)
{
	size_t n = strlen(folder + 1); /* behind the dot */

	memcpy(line_r, folder + 1, n + 1);
	for (size_t i = 0; i < n && version == SUBSCRIPTIONS_CURRENT; i++) {
		line_r[i] = line_r[i] == '.' ? '\t' : line_r[i];
	}
	return n;
}

bool subscriptions_has(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *p = text; *p != '\0'; p += *p == '\n') {
		size_t n_line = strcspn(p, "\n");

		if (n_line == n && memcmp(p, line, n) == 0) {
			return true;
		}
		p += n_line;
	}
	return false;
}

/* Writes the old lines and the new one. */
static int write_lines(const struct dotlock *lock, const struct content *old,
    enum subscriptions_version version, const char *line, size_t n)
{
	int result;

	if (old->n == 0) {
		result = dotlock_write(lock, header, strlen(header));
	} else {
		result = dotlock_write(lock, old->text, old->n);
		if (result == 0 && old->text[old->n - 1] != '\n') {
			result = dotlock_write(lock, "\n", 1);
		}
		/* The end of the header. */
		if (result == 0 && version == SUBSCRIPTIONS_CURRENT &&
		    strstr(old->text, "\n\n") == NULL) {
			result = dotlock_write(lock, "\n", 1);
		}
	}
	if (result == 0) {
		result = dotlock_write(lock, line, n);
	}
	return result == 0 ? dotlock_write(lock, "\n", 1) : result;
}

static int add_line(struct dotlock *lock, const struct content *old, const char *folder)
{
	const char *text = old->text == NULL ? "" : old->text;
	enum subscriptions_version version = subscriptions_version(text);
	char line[SUBSCRIPTIONS_LINE_MAX];
	size_t n = subscriptions_line(line, version, folder);
	int result;

	if (version == SUBSCRIPTIONS_UNKNOWN) {
		return -EPROTONOSUPPORT;
	}
	if (strlen(text) != old->n) {
		return -EILSEQ; /* a NUL: it is something else */
	}
	if (subscriptions_has(text, line)) {
		return 0;
	}
	result = write_lines(lock, old, version, line, n);
	return result == 0 ? dotlock_replace(lock, old) : result;
}

int subscriptions_add(int mailbox_fd, const char *folder, bool syncs, unsigned *patience)
{
	struct dotlock lock;
	struct content old;
	int result = dotlock_take(&lock, mailbox_fd, name, SUBSCRIPTIONS_STALE, syncs, patience);

	if (result != 0) {
		return result;
	}
	result = content_read(&old, mailbox_fd, name, SUBSCRIPTIONS_MAX);
	if (result == 0) {
		result = add_line(&lock, &old, folder);
	}
	free(old.text);
	dotlock_release(&lock);
	return result;
}
