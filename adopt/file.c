/* SPDX-License-Identifier: MIT
 * Lines are joined in place: they only get shorter. */
#include "adopt/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char blanks[] = " \t\r";

static int read_all(int fd, char *text, struct error *error)
{
	struct stat status;
	size_t n = 0;
	ssize_t got = 1;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		return error_set(error, "it is no regular file");
	}
	while (n <= FILE_TEXT_MAX && got > 0) {
		got = read(fd, text + n, FILE_TEXT_MAX + 1 - n);
		n += got > 0 ? (size_t)got : 0;
	}
	if (got < 0) {
		return error_set(error, "%s", strerror(errno));
	}
	text[n] = '\0';
	for (char *tab = text; (tab = strchr(tab, '\t')) != NULL;) {
		*tab = ' '; /* all the same to all of them */
	}
	return n <= FILE_TEXT_MAX && strlen(text) == n
		   ? 0
		   : error_set(error, "it is larger than %d bytes or holds a NUL", FILE_TEXT_MAX);
}

char *file_load(const char *path, struct error *error)
{
	/* Nobody is waited for: it may be a pipe. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), result;
	char *text = fd < 0 ? NULL : calloc(1, FILE_TEXT_MAX + 2);

	if (text == NULL) {
		error_set(error, "%s", strerror(errno));
		result = -1;
	} else {
		result = read_all(fd, text, error);
	}
	if (fd >= 0) {
		close(fd);
	}
	if (result != 0) {
		file_free(text);
		return NULL;
	}
	return text;
}

void file_free(char *text)
{
	if (text != NULL) {
		explicit_bzero(text, FILE_TEXT_MAX + 2);
	}
	free(text);
}

static void trim_end(char *text)
{
	size_t n = strlen(text);

	while (n > 0 && strchr(blanks, text[n - 1]) != NULL) {
		text[--n] = '\0';
	}
}

/* Takes "name = value", whose line has ended. */
static void take_pair(struct file_pairs *pairs, char *text, unsigned line)
{
	char *value = strchr(text, '=');

	if (value == NULL || pairs->n == FILE_PAIRS_MAX) {
		return;
	}
	*value++ = '\0';
	text += strspn(text, blanks);
	value += strspn(value, blanks);
	trim_end(text);
	trim_end(value);
	pairs->list[pairs->n++] = (struct file_pair){ text, value, line };
}

/* Ends the line that text begins with, and returns the next one. */
static char *end_line(char *text)
{
	char *end = strchrnul(text, '\n');

	if (*end == '\0') {
		return end;
	}
	*end = '\0';
	return end + 1;
}

void file_read_postfix(struct file_pairs *pairs_r, char *text)
{
	char *pair = NULL, *end = NULL, *next;
	unsigned line = 0, first = 0;

	pairs_r->n = 0;
	for (; *text != '\0'; text = next) {
		char *start = text + strspn(text, blanks);
		bool goes_on = start != text && pair != NULL;
		size_t n;

		next = end_line(text);
		line++;
		trim_end(start);
		n = strlen(start);
		if (start[0] == '\0' || start[0] == '#') {
			continue;
		}
		if (goes_on) {
			*end++ = ' ';
			memmove(end, start, n + 1);
			end += n;
			continue;
		}
		if (pair != NULL) {
			take_pair(pairs_r, pair, first);
		}
		pair = start;
		end = start + n;
		first = line;
	}
	if (pair != NULL) {
		take_pair(pairs_r, pair, first);
	}
}

/* A # outside of quotes is where a comment begins. */
static void cut_comment(char *text)
{
	char quote = '\0';

	for (; *text != '\0'; text++) {
		if (quote != '\0') {
			if (*text == '\\' && text[1] != '\0') {
				text++;
			} else if (*text == quote) {
				quote = '\0';
			}
		} else if (*text == '\'' || *text == '"') {
			quote = *text;
		} else if (*text == '#') {
			*text = '\0';
			return;
		}
	}
}

void file_read_dovecot(struct file_pairs *pairs_r, char *text)
{
	char *pair = NULL, *end = NULL, *next;
	unsigned line = 0, first = 0;

	pairs_r->n = 0;
	for (; *text != '\0'; text = next) {
		char *start = text + strspn(text, blanks);
		bool goes_on;
		size_t n;

		next = end_line(text);
		line++;
		if (pair == NULL && start[0] == '#') {
			continue;
		}
		trim_end(start);
		n = strlen(start);
		goes_on = n > 0 && start[n - 1] == '\\';
		n -= goes_on;
		if (pair == NULL) {
			pair = start;
			end = start;
			first = line;
		} else {
			*end++ = ' ';
		}
		memmove(end, start, n);
		end += n;
		*end = '\0';
		if (!goes_on) {
			cut_comment(pair);
			take_pair(pairs_r, pair, first);
			pair = NULL;
		}
	}
	if (pair != NULL) {
		cut_comment(pair);
		take_pair(pairs_r, pair, first);
	}
}

const struct file_pair *file_find(const struct file_pairs *pairs, const char *name)
{
	const struct file_pair *found = NULL;

	for (size_t i = 0; i < pairs->n; i++) {
		found = strcmp(pairs->list[i].name, name) == 0 ? &pairs->list[i] : found;
	}
	return found;
}

const char *file_value(const struct file_pairs *pairs, const char *name)
{
	const struct file_pair *pair = file_find(pairs, name);

	return pair == NULL ? "" : pair->value;
}
