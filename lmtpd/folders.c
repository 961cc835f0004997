/* SPDX-License-Identifier: MIT
 * Which folder has a special use is known by the configuration alone: nothing on the disk says it. */
#include "lmtpd/folders.h"

#include <stdio.h>
#include <string.h>

#include "lmtpd/homes.h"

int folders_find(const struct lmtpd_config *config, const struct places *places, size_t place,
    struct span name, char directory_r[FOLDER_DIRECTORY_MAX + 1], const char **why_r)
{
	enum folder_outcome outcome =
	    folder_to_directory(&config->folder_style, name.p, name.n, directory_r);
	bool is_home = places->homes[place] == strlen(places->list[place].mailbox);

	if (outcome == FOLDER_FINE && !(is_home && homes_is_taken(directory_r))) {
		return 0;
	}
	*why_r = outcome == FOLDER_FINE ? "that name is taken" : folder_reason(outcome);
	directory_r[0] = '\0';
	return -1;
}

static bool is_there(
    const struct lmtpd_config *config, const struct maildir_place *place, const char *directory)
{
	char path[MAILDIR_PATH_MAX + FOLDER_DIRECTORY_MAX + 2];
	const char *part;

	if (directory[0] == '\0' || homes_is_auto(config, directory)) {
		return true;
	}
	snprintf(path, sizeof(path), "%s/%s", place->mailbox, directory);
	return maildir_probe(place->root, path, &part) == MAILDIR_EXISTS;
}

bool folders_exist(
    const struct lmtpd_config *config, const struct places *places, size_t place, struct span name)
{
	char directory[FOLDER_DIRECTORY_MAX + 1];
	const char *why;

	return folders_find(config, places, place, name, directory, &why) == 0 &&
	       is_there(config, &places->list[place], directory);
}

struct span folders_with_use(const struct lmtpd_config *config, const struct places *places,
    size_t place, struct span use, struct span name)
{
	char wanted[FOLDER_DIRECTORY_MAX + 1] = "", directory[FOLDER_DIRECTORY_MAX + 1];
	const char *why;

	if (name.n > 0 && folders_find(config, places, place, name, wanted, &why) != 0) {
		return (struct span){ NULL, 0 };
	}
	for (size_t i = 0; i < config->special_use.n; i++) {
		const char *entry = config->special_use.texts[i], *equals = strchr(entry, '=');
		const struct span folder = span_of(equals + 1);

		if (span_is_same((struct span){ entry, (size_t)(equals - entry) }, use) &&
		    folders_find(config, places, place, folder, directory, &why) == 0 &&
		    (name.n == 0 || strcmp(wanted, directory) == 0) &&
		    is_there(config, &places->list[place], directory)) {
			return folder;
		}
	}
	return (struct span){ NULL, 0 };
}
