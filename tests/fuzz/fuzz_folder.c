/* SPDX-License-Identifier: MIT
 * Fuzz target of folder names. A name has a directory that leads nowhere else, or breaks a rule that the
 * model knows; and a directory has a name that leads to it, or none.
 *
 * The first byte of an input says what clients see; the rest is taken for a name, and for a directory. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"
#include "maildir/folder.h"

static const struct folder_style styles[] = {
	{ '.', "" },
	{ '/', "" },
	{ '.', "INBOX." },
	{ '/', "INBOX/" },
	{ '^', "Mail^" },
};

enum {
	NAME_MAX_OF_MODEL = 1024
};

static bool is_inbox(const char *name, size_t n)
{
	return n == 5 && strncasecmp(name, "INBOX", 5) == 0;
}

/* What of a name is behind the prefix. */
static const char *skip_prefix(const struct folder_style *style, const char *name)
{
	size_t n = strlen(style->prefix);

	if (strncmp(name, style->prefix, n) == 0 ||
	    (n > 5 && is_inbox(style->prefix, 5) && strncasecmp(name, style->prefix, n) == 0)) {
		return name + n;
	}
	return name;
}

/* The rules, one after the other, but for the lengths. */
static bool is_allowed(const struct folder_style *style, const char *name, size_t n)
{
	char twice[] = { style->separator, style->separator, '\0' };
	const char *rest;
	unsigned n_separators = 0;

	if (strlen(name) != n || !utf8_is_valid(name, n)) {
		return false;
	}
	for (const char *p = name; *p != '\0'; p++) {
		if ((*p > 0 && *p < ' ') || *p == 127) {
			return false;
		}
	}
	rest = skip_prefix(style, name);
	for (const char *p = rest; *p != '\0'; p++) {
		n_separators += *p == style->separator;
	}
	return rest[0] != '\0' && rest[0] != style->separator && rest[0] != '~' &&
	       rest[strlen(rest) - 1] != style->separator && strstr(rest, twice) == NULL &&
	       strpbrk(rest, "*%") == NULL && n_separators < 16 &&
	       (style->separator == '/' || strchr(rest, '/') == NULL) &&
	       (style->separator == '.' || strchr(rest, '.') == NULL);
}

/* The name as it comes back: with the prefix, and with INBOX in capitals where it has no case. */
static void write_name(const struct folder_style *style, const char *name, char *out)
{
	const char *rest = skip_prefix(style, name);
	const char *end = strchrnul(rest, style->separator);

	memcpy(out, style->prefix, strlen(style->prefix));
	memcpy(out + strlen(style->prefix), rest, strlen(rest) + 1);
	if (rest == name && is_inbox(rest, (size_t)(end - rest))) {
		memcpy(out + strlen(style->prefix), "INBOX", 5);
	}
}

static void check_directory(const char *directory)
{
	size_t n = strlen(directory);

	fuzz_require(n >= 2 && n <= FOLDER_DIRECTORY_MAX && directory[0] == '.', "it is hidden");
	fuzz_require(
	    strstr(directory, "..") == NULL && directory[n - 1] != '.', "no level is empty");
	for (size_t i = 0; i < n; i++) {
		fuzz_require(directory[i] >= ' ' && directory[i] <= '~' && directory[i] != '/',
		    "and plain ASCII");
	}
}

static void check_name(const struct folder_style *style, const char *name, size_t n)
{
	char *directory = fuzz_room(FOLDER_DIRECTORY_MAX + 1), *back = fuzz_room(NAME_MAX_OF_MODEL);
	char want[NAME_MAX_OF_MODEL + 16];
	enum folder_outcome outcome = folder_to_directory(style, name, n, directory);

	if (outcome != FOLDER_FINE) {
		fuzz_require(directory[0] == '\0', "what is refused leaves nothing");
		fuzz_require(folder_reason(outcome)[0] != '\0', "and has a reason");
		fuzz_require(outcome == FOLDER_TOO_LONG || !is_allowed(style, name, n),
		    "what is allowed has a directory");
	} else if (n == 0 || is_inbox(name, n)) {
		fuzz_require(directory[0] == '\0', "INBOX is the mailbox itself");
	} else {
		fuzz_require(is_allowed(style, name, n), "what has a directory is allowed");
		check_directory(directory);
		fuzz_require(
		    folder_to_name(style, directory, back, NAME_MAX_OF_MODEL) == FOLDER_FINE,
		    "it has a name");
		write_name(style, name, want);
		fuzz_require(strcmp(back, want) == 0, "the same one");
	}
	free(directory);
	free(back);
}

static void check_way_back(const struct folder_style *style, const char *directory)
{
	char again[FOLDER_DIRECTORY_MAX + 1];
	/* Small ones, too. */
	size_t n = strlen(directory) % 3 == 0 ? 20 : NAME_MAX_OF_MODEL;
	char *name = fuzz_room(n);

	if (folder_to_name(style, directory, name, n) != FOLDER_FINE) {
		fuzz_require(name[0] == '\0', "what has no name gets none");
	} else {
		fuzz_require(folder_to_directory(style, name, strlen(name), again) == FOLDER_FINE &&
				 strcmp(again, directory) == 0,
		    "the name leads to its directory");
	}
	free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct folder_style *style;
	char *name, *text;

	if (n == 0 || n > NAME_MAX_OF_MODEL / 2) {
		return 0;
	}
	style = &styles[data[0] % (sizeof(styles) / sizeof(styles[0]))];
	name = fuzz_room(n); /* with the NUL that the model needs */
	memcpy(name, data + 1, n - 1);
	name[n - 1] = '\0';
	check_name(style, name, n - 1);
	text = fuzz_string(data + 1, n - 1);
	check_way_back(style, text);
	free(name);
	free(text);
	return 0;
}
