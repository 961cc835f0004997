/* SPDX-License-Identifier: MIT
 * Each line is given to the daemon's own parser with those before it, and read back, before it is kept: so
 * nothing is printed that the daemon would refuse or take for something else. */
#include "adopt/side.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "adopt/select.h"
#include "adopt/tokens.h"
#include "base/text.h"

void side_init(struct side *side, const char *name, const struct settings_form *form)
{
	memset(side, 0, sizeof(*side));
	side->name = name;
	side->form = form;
}

void side_free(struct side *side)
{
	for (size_t i = 0; i < side->n_lines; i++) {
		free(side->lines[i].value);
	}
	for (size_t i = 0; i < side->n_queries; i++) {
		free(side->queries[i]);
	}
	explicit_bzero(side->password, sizeof(side->password));
	side->n_lines = side->n_queries = 0;
}

/* Notes go to terminals and behind a #. */
static void make_plain(char *text)
{
	for (; *text != '\0'; text++) {
		*text = text_is_control(*text) ? '?' : *text;
	}
}

void side_note(struct side *side, const char *where, const char *format, ...)
{
	va_list arguments;
	char *note;
	size_t n;

	if (side->n_notes == SIDE_NOTES_MAX) {
		return;
	}
	note = side->notes[side->n_notes++];
	snprintf(note, SIDE_NOTE_MAX, "%s: ", where);
	n = strlen(note);
	va_start(arguments, format);
	vsnprintf(note + n, SIDE_NOTE_MAX - n, format, arguments);
	va_end(arguments);
	make_plain(note);
}

/* The i-th key of all tables; NULL behind the last. */
static const struct settings_key *key_at(
    const struct settings_form *form, size_t i, size_t *offset_r)
{
	for (size_t t = 0; t < form->n_tables; t++) {
		const struct settings_table *table = &form->tables[t];

		if (i < table->n_keys) {
			*offset_r = table->base + table->keys[i].offset;
			return &table->keys[i];
		}
		i -= table->n_keys;
	}
	return NULL;
}

static const struct settings_key *find_key(
    const struct settings_form *form, const char *section, const char *name, size_t *offset_r)
{
	const struct settings_key *key;

	for (size_t i = 0; (key = key_at(form, i, offset_r)) != NULL; i++) {
		if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0) {
			return key;
		}
	}
	return NULL;
}

static const struct side_line *find_line(const struct side *side, const struct settings_key *key)
{
	for (size_t i = 0; i < side->n_lines; i++) {
		if (side->lines[i].key == key) {
			return &side->lines[i];
		}
	}
	return NULL;
}

bool side_has(const struct side *side, const char *section, const char *name)
{
	size_t offset;
	const struct settings_key *key = find_key(side->form, section, name, &offset);

	return key != NULL && find_line(side, key) != NULL;
}

/* Between quotes libconfuse knows backslashes, and ${variables}. */
static void put_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++) {
		if (strchr("\"\\$", *text) != NULL) {
			fputc('\\', out);
		}
		fputc(*text, out);
	}
	fputc('"', out);
}

static char *render(enum settings_type type, const char *const *values, size_t n)
{
	char *text = NULL;
	size_t n_text;
	FILE *out = open_memstream(&text, &n_text);

	if (out == NULL) {
		return NULL;
	}
	if (type == SETTINGS_LIST) {
		fputc('{', out);
		for (size_t i = 0; i < n; i++) {
			fputs(i > 0 ? ", " : "", out);
			put_quoted(out, values[i]);
		}
		fputc('}', out);
	} else if (type == SETTINGS_TEXT) {
		put_quoted(out, values[0]);
	} else {
		fputs(values[0], out);
	}
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}

static bool is_query(const struct settings_key *key)
{
	size_t n = strlen(key->name);

	return n > 6 && strcmp(key->name + n - 6, "_query") == 0;
}

static bool is_initial(
    const struct settings_key *key, const char *rendered, const char *const *values)
{
	return key->type != SETTINGS_TEXT ? strcmp(rendered, key->initial) == 0
	       : is_query(key)            ? tokens_are_same(values[0], key->initial)
					  : strcmp(values[0], key->initial) == 0;
}

/* Does the file say what was meant? */
static bool is_meant(
    const struct settings_key *key, const void *member, const char *const *values, size_t n)
{
	const struct settings_list *list = member;

	if (key->type == SETTINGS_TEXT) {
		return strcmp(*(const char *const *)member, values[0]) == 0;
	}
	if (key->type != SETTINGS_LIST) {
		return true;
	}
	for (size_t i = 0; i < n && list->n == n; i++) {
		if (strcmp(list->texts[i], values[i]) != 0) {
			return false;
		}
	}
	return list->n == n;
}

/* A file that has no name. */
static int open_text(const char *text, char path_r[64])
{
	int fd = memfd_create("adopt", MFD_CLOEXEC);
	size_t n = strlen(text);

	if (fd >= 0 && write(fd, text, n) != (ssize_t)n) {
		close(fd);
		fd = -1;
	}
	snprintf(path_r, 64, "/proc/self/fd/%d", fd);
	return fd;
}

/* Reads the whole again: first what was written, then what it comes to. */
static int try(const struct side *side, const struct settings_key *key, size_t offset,
    const char *const *values, size_t n, struct error *error)
{
	char *text = side_write(side, NULL), path[64];
	int fd = text == NULL ? -1 : open_text(text, path);
	void *config = fd < 0 ? NULL : settings_read(side->form, path, error);
	int result = -1;

	if (fd < 0) {
		error_set(error, "out of memory");
	} else if (config != NULL && !is_meant(key, (char *)config + offset, values, n)) {
		error_set(error, "it cannot be written into a file of ours");
	} else if (config != NULL) {
		settings_free(config);
		config = settings_load(side->form, path, error);
		result = config == NULL ? -1 : 0;
	}
	settings_free(config);
	if (fd >= 0) {
		close(fd);
	}
	free(text);
	return result;
}

/* Our message without the name of our own file. */
static const char *reason_of(const struct error *error)
{
	const char *colon =
	    strncmp(error->text, "/proc/", 6) == 0 ? strstr(error->text, ": ") : NULL;

	return colon == NULL ? error->text : colon + 2;
}

void side_set_list(struct side *side, const char *where, const char *section, const char *name,
    const char *const *values, size_t n)
{
	size_t offset;
	const struct settings_key *key = find_key(side->form, section, name, &offset);
	char *value = render(key->type, values, n);
	struct error error = { "out of memory" };
	bool is_plain = true;

	for (size_t i = 0; i < n; i++) {
		is_plain = is_plain && !text_has_control(values[i], strlen(values[i]));
	}

	if (value != NULL && is_initial(key, value, values)) {
		free(value);
		return;
	}
	if (!is_plain) {
		error_set(&error, "it has control characters");
	} else if (value != NULL && side->n_lines < SIDE_LINES_MAX &&
		   find_line(side, key) == NULL) {
		side->lines[side->n_lines++] = (struct side_line){ key, value };
		if (try(side, key, offset, values, n, &error) == 0) {
			return;
		}
		side->n_lines--;
	}
	side_note(side, where, "%s.%s cannot have what it says (%s): set it by hand", section, name,
	    reason_of(&error));
	free(value);
}

void side_set(
    struct side *side, const char *where, const char *section, const char *name, const char *value)
{
	side_set_list(side, where, section, name, &value, 1);
}

void side_add_query(struct side *side, const char *query)
{
	char *copy = side->n_queries < SIDE_QUERIES_MAX ? strdup(query) : NULL;

	if (copy != NULL) {
		side->queries[side->n_queries++] = copy;
	}
}

static void put_lines(const struct side *side, const char *directory, FILE *out)
{
	const char *section = "";
	const struct settings_key *key;
	size_t offset;

	for (size_t i = 0; (key = key_at(side->form, i, &offset)) != NULL; i++) {
		const struct side_line *line = find_line(side, key);
		bool is_password = directory != NULL && side->password[0] != '\0' &&
				   strcmp(key->name, "password_file") == 0;

		if (line == NULL && !is_password) {
			continue;
		}
		if (strcmp(section, key->section) != 0) {
			fprintf(out, "%s%s {\n", section[0] == '\0' ? "" : "}\n", key->section);
			section = key->section;
		}
		if (is_password) {
			/* systemd hands it over; else it lies beside the file. */
			fprintf(out,
			    "  password_file = \"${CREDENTIALS_DIRECTORY:-%s}/%s.password\"\n",
			    directory, side->name);
		} else {
			fprintf(out, "  %s = %s\n", key->name, line->value);
		}
	}
	fputs(section[0] == '\0' ? "" : "}\n", out);
}

/* Statements, each in a line, as comments. An account that both sides would have is no good for this one, which reads
 * no passwords; that is for the caller to say. */
static void put_grants(const struct side *side, FILE *out)
{
	const char *dbname = side->dbname[0] == '\0' ? "mailserver" : side->dbname;
	char account[sizeof(side->user) + 32];

	snprintf(account, sizeof(account), "'%s'@'localhost'",
	    side->user[0] == '\0' ? "mailuser" : side->user);
	if (side->n_queries > 0) {
		fputs("\n# What its account must read, and no more ('localhost' or where it "
		      "connects from):\n",
		    out);
	}
	for (size_t i = 0; i < side->n_queries; i++) {
		char *grants = select_grants(side->queries[i], dbname, account), *rest = NULL;

		for (char *line = grants == NULL ? NULL : strtok_r(grants, "\n", &rest);
		     line != NULL; line = strtok_r(NULL, "\n", &rest)) {
			make_plain(line);
			fprintf(out, "#   %s\n", line);
		}
		free(grants);
	}
}

char *side_write(const struct side *side, const char *directory)
{
	char *text = NULL;
	size_t n;
	FILE *out = open_memstream(&text, &n);

	if (out == NULL) {
		return NULL;
	}
	put_lines(side, directory, out);
	for (size_t i = 0; i < side->n_notes; i++) {
		fprintf(out, "%s# NOT TRANSLATED: %s\n", i == 0 ? "\n" : "", side->notes[i]);
	}
	put_grants(side, out);
	if (fclose(out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
