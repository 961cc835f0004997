/* SPDX-License-Identifier: MIT
 * Version 2.3 has its settings in the block of plugins, and numbers scripts by their names; version 2.4 has them at the top, and a
 * block for each script. */
#include "adopt/sieve_said.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "doctor/dovecot.h"

enum block {
	BLOCK_TOP = DOVECOT_TOP,
	BLOCK_OTHER = DOVECOT_OTHER,
	BLOCK_LMTP, /* protocol lmtp may set all of it for itself */
	BLOCK_PLUGIN,
	BLOCK_LIST, /* its names are values: sieve_plugins { x = yes } */
	BLOCK_SCRIPT,
};

struct reading {
	struct sieve_said *said;
	const char *list;         /* the one that is open */
	struct sieve_path script; /* the same */
	const char *driver;
	bool is_lmtp; /* within protocol lmtp */
};

static const char *const kinds[] = { "before", "after", "default", "global", "discard" };

static void add_setting(struct sieve_said *said, const char *name, const char *value)
{
	if (said->n_settings < SIEVE_SETTINGS_MAX) {
		said->settings[said->n_settings++] = (struct sieve_setting){ name, value };
	}
}

/* Protocol lmtp says the same for itself, before or behind. */
static void set_setting(struct reading *reading, const char *name, const char *value)
{
	struct sieve_said *said = reading->said;

	for (size_t i = 0; i < said->n_settings; i++) {
		if (strcmp(said->settings[i].name, name) == 0) {
			said->settings[i].value =
			    reading->is_lmtp ? value : said->settings[i].value;
			return;
		}
	}
	add_setting(said, name, value);
}

/* Behind those of the same precedence. */
static void add_path(struct sieve_said *said, const struct sieve_path *path)
{
	size_t at = said->n_paths;

	if (at == SIEVE_PATHS_MAX) {
		return;
	}
	for (; at > 0 && said->paths[at - 1].precedence > path->precedence; at--) {
		said->paths[at] = said->paths[at - 1];
	}
	said->paths[at] = *path;
	said->n_paths++;
}

static bool is_settings(int block)
{
	return block == BLOCK_TOP || block == BLOCK_LMTP;
}

static enum block kind_of(int outer, char *line)
{
	const char *name = dovecot_block_name(line, "protocol");

	if (!is_settings(outer)) {
		return BLOCK_OTHER;
	}
	return name != NULL && strcmp(name, "lmtp") == 0          ? BLOCK_LMTP
	       : strcmp(line, "plugin") == 0                      ? BLOCK_PLUGIN
	       : dovecot_block_name(line, "sieve_script") != NULL ? BLOCK_SCRIPT
	       : strncmp(line, "sieve_", 6) == 0                  ? BLOCK_LIST
								  : BLOCK_OTHER;
}

static int on_begin(void *data, int outer, char *line)
{
	struct reading *reading = data;
	enum block kind = kind_of(outer, line);

	reading->is_lmtp |= kind == BLOCK_LMTP;
	if (kind == BLOCK_SCRIPT) {
		reading->script = (struct sieve_path){ "personal", UINT_MAX, "" };
		reading->driver = "file";
	} else if (kind == BLOCK_LIST) {
		line[strcspn(line, " ")] = '\0'; /* without a name that it may have */
		reading->list = line;
	}
	return kind;
}

static void on_end(void *data, int block)
{
	struct reading *reading = data;

	if (block == BLOCK_SCRIPT) {
		if (strcmp(reading->driver, "file") != 0) {
			reading->script.path = "";
		}
		add_path(reading->said, &reading->script);
	}
	reading->is_lmtp &= block != BLOCK_LMTP;
}

/* As a setting of version 2.3. */
static void set_path(struct reading *reading, const struct sieve_path *path)
{
	struct sieve_said *said = reading->said;

	for (size_t i = 0; i < said->n_paths; i++) {
		if (said->paths[i].precedence == path->precedence &&
		    strcmp(said->paths[i].kind, path->kind) == 0) {
			said->paths[i].path = reading->is_lmtp ? path->path : said->paths[i].path;
			return;
		}
	}
	add_path(said, path);
}

/* sieve_before, sieve_before2, ... Returns false where it is none of these. */
static bool take_script(struct reading *reading, const char *key, const char *value)
{
	if (strcmp(key, "sieve_global_dir") == 0) {
		key = "sieve_global";
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t n = strlen(kinds[i]);
		const char *number = key + 6 + n;

		if (strncmp(key + 6, kinds[i], n) == 0 &&
		    strspn(number, "0123456789") == strlen(number)) {
			unsigned long precedence = *number == '\0' ? 1 : strtoul(number, NULL, 10);

			set_path(reading,
			    &(struct sieve_path){ kinds[i],
				precedence < UINT_MAX ? (unsigned)precedence : UINT_MAX, value });
			return true;
		}
	}
	return false;
}

static void take_of_script(struct reading *reading, const char *key, const char *value)
{
	const char *start = "sieve_script_";

	key += strncmp(key, start, strlen(start)) == 0 ? strlen(start) : 0;
	if (strcmp(key, "type") == 0) {
		reading->script.kind = value;
	} else if (strcmp(key, "path") == 0) {
		reading->script.path = value;
	} else if (strcmp(key, "driver") == 0) {
		reading->driver = value;
	} else if (strcmp(key, "precedence") == 0) {
		unsigned long precedence = strtoul(value, NULL, 10);

		reading->script.precedence =
		    precedence < UINT_MAX ? (unsigned)precedence : UINT_MAX;
	}
}

static void on_value(void *data, int block, const char *key, char *value)
{
	static const char *const others[] = { "submission_host", "submission_ssl",
		"sendmail_path" };
	struct reading *reading = data;

	if (block == BLOCK_SCRIPT) {
		take_of_script(reading, key, value);
	} else if (block == BLOCK_LIST) {
		if (strcmp(value, "no") != 0) {
			add_setting(reading->said, reading->list, key);
		}
	} else if (value[0] == '\0' || (block != BLOCK_PLUGIN && !is_settings(block))) {
		return; /* as if it were not set */
	} else if (strncmp(key, "sieve_", 6) == 0) {
		if (is_settings(block) || !take_script(reading, key, value)) {
			set_setting(reading, key, value);
		}
	}
	for (size_t i = 0; is_settings(block) && i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(key, others[i]) == 0) {
			set_setting(reading, others[i], value);
		}
	}
}

void sieve_said_read(struct sieve_said *said_r, char *text)
{
	struct reading reading = { .said = said_r };
	const struct dovecot_reader reader = {
		.on_begin = on_begin, .on_end = on_end, .on_value = on_value, .data = &reading
	};

	said_r->n_settings = said_r->n_paths = 0;
	dovecot_walk(&reader, text);
}
