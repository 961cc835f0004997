/* SPDX-License-Identifier: MIT
 * A letter without an entry would mean "unknown-5" for ever, so the entry comes first. Dovecot changes the file under
 * the lock of its list of UIDs, through one of the file's own. Most keywords are there already, and since what is
 * there stays there, they are found without a lock. */
#include "maildir/keywords.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "maildir/dotlock.h"

static const char file[] = "dovecot-keywords";
static const char lock_of_uids[] = "dovecot-uidlist";

bool keywords_is_name(const char *name)
{
	size_t n = strlen(name);

	/* atom-specials of RFC 3501 9. */
	return n > 0 && n <= KEYWORDS_NAME_MAX && strpbrk(name, "(){ %*\"\\]") == NULL &&
	       text_is_ascii(name) && !text_has_control(name, n);
}

void keywords_parse(struct keywords_table *table_r, const char *text)
{
	*table_r = (struct keywords_table){ 0 };
	for (const char *line = text, *end; *line != '\0'; line = end + (*end == '\n')) {
		const char *blank;
		uint64_t number;

		end = strchrnul(line, '\n');
		blank = memchr(line, ' ', (size_t)(end - line));
		if (blank != NULL && end - blank > 1 &&
		    text_number(line, (size_t)(blank - line), &number) &&
		    number < KEYWORDS_LETTERS) {
			table_r->names[number] =
			    (struct span){ blank + 1, (size_t)(end - blank - 1) };
		}
	}
}

int keywords_find(const struct keywords_table *table, const char *name)
{
	for (int i = 0; i < KEYWORDS_LETTERS; i++) {
		if (table->names[i].p != NULL &&
		    text_is(table->names[i].p, table->names[i].n, name)) {
			return i;
		}
	}
	return -1;
}

int keywords_give(struct keywords_table *table, const char *name)
{
	for (int i = 0; i < KEYWORDS_LETTERS; i++) {
		if (table->names[i].p == NULL) {
			table->names[i] = (struct span){ name, strlen(name) };
			return i;
		}
	}
	return -1;
}

/* Reads the file and the table in it, whose names are parts of what was read. */
static int read_table(int folder_fd, struct content *content_r, struct keywords_table *table_r)
{
	int result = content_read(content_r, folder_fd, file, KEYWORDS_FILE_MAX);
	const char *text = content_r->text == NULL ? "" : content_r->text;

	if (result == 0 && strlen(text) != content_r->n) {
		result = -EILSEQ; /* a NUL: it is something else */
	}
	keywords_parse(table_r, result == 0 ? text : "");
	return result;
}

/* Numbers as bits. */
static uint32_t bit_of(int number)
{
	return number < 0 ? 0 : (uint32_t)1 << number;
}

/* Finds those that are there, and says whether others are not. */
static uint32_t find_all(const struct keywords_table *table, const char *const *names,
    size_t n_names, bool *is_missing_r)
{
	uint32_t found = 0;

	*is_missing_r = false;
	for (size_t i = 0; i < n_names; i++) {
		int number = keywords_find(table, names[i]);

		found |= bit_of(number);
		*is_missing_r = *is_missing_r || (number < 0 && keywords_is_name(names[i]));
	}
	return found;
}

/* Gives numbers to those that have none. */
static int give_all(
    struct keywords_table *table, const char *const *names, size_t n_names, uint32_t *given_r)
{
	int result = 0;

	*given_r = 0;
	for (size_t i = 0; i < n_names; i++) {
		if (keywords_is_name(names[i]) && keywords_find(table, names[i]) < 0) {
			int number = keywords_give(table, names[i]);

			*given_r |= bit_of(number);
			result = number < 0 ? KEYWORDS_FULL : result;
		}
	}
	return result;
}

/* Writes the old lines, and those of what was given. */
static int write_table(const struct dotlock *lock, const struct content *old,
    const struct keywords_table *table, uint32_t given)
{
	int result = dotlock_write(lock, old->text, old->n);

	if (result == 0 && old->n > 0 && old->text[old->n - 1] != '\n') {
		result = dotlock_write(lock, "\n", 1);
	}
	for (int i = 0; i < KEYWORDS_LETTERS && result == 0; i++) {
		char line[KEYWORDS_NAME_MAX + 8];

		if ((given & bit_of(i)) != 0) {
			int n = snprintf(line, sizeof(line), "%d %.*s\n", i, (int)table->names[i].n,
			    table->names[i].p);

			result = dotlock_write(lock, line, (size_t)n);
		}
	}
	return result;
}

/* Under both locks: adds what is not there. */
static int change_table(
    struct dotlock *lock, const char *const *names, size_t n_names, uint32_t *found)
{
	struct keywords_table table;
	struct content old;
	uint32_t given;
	int result = read_table(lock->directory_fd, &old, &table), outcome = 0;
	bool is_missing;

	if (result == 0) {
		*found |= find_all(&table, names, n_names, &is_missing);
		outcome = give_all(&table, names, n_names, &given);
		if (given != 0) {
			result = write_table(lock, &old, &table, given);
			if (result == 0) {
				result = dotlock_replace(lock, &old);
			}
			*found |= result == 0 ? given : 0;
		}
	}
	free(old.text);
	return result < 0 ? result : outcome;
}

static int add_missing(int folder_fd, bool syncs, const char *const *names, size_t n_names,
    unsigned *patience, uint32_t *found)
{
	struct dotlock uids, lock;
	unsigned none = 0; /* who has the one need not wait for the other */
	int result = dotlock_take(&uids, folder_fd, lock_of_uids, KEYWORDS_STALE, syncs, patience);

	if (result != 0) {
		return result;
	}
	result = dotlock_take(&lock, folder_fd, file, KEYWORDS_STALE, syncs, &none);
	if (result == 0) {
		result = change_table(&lock, names, n_names, found);
		dotlock_release(&lock);
	}
	dotlock_release(&uids);
	return result;
}

int keywords_letters(int folder_fd, bool syncs, const char *const *names, size_t n_names,
    unsigned *patience, char *letters_r)
{
	struct keywords_table table;
	struct content content;
	uint32_t found = 0;
	bool is_missing = false;
	int result = read_table(folder_fd, &content, &table);

	if (result == 0) {
		found = find_all(&table, names, n_names, &is_missing);
	}
	free(content.text);
	if (is_missing) {
		result = add_missing(folder_fd, syncs, names, n_names, patience, &found);
	}
	for (int i = 0; i < KEYWORDS_LETTERS; i++) {
		if ((found & bit_of(i)) != 0) {
			*letters_r++ = (char)('a' + i);
		}
	}
	*letters_r = '\0';
	return result;
}
