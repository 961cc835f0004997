/* SPDX-License-Identifier: MIT
 * libconfuse behind a table. Used by the loop's thread alone: the library's callbacks carry no data
 * of ours, so what is being loaded is remembered here. */
#include "runtime/settings.h"

#include <assert.h>
#include <confuse.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SECTIONS_MAX = 8,
	FILE_MAX = 1 << 20,
};

/* What stands in front of the struct of the form, and has the texts that its members lead to. */
struct settings {
	const struct settings_form *form;
	cfg_t *cfg;
	max_align_t values[];
};

static struct {
	const char *path;
	const struct settings_form *form;
	struct error *error;
	bool has_error;
} loading;

/* The keys of all tables of a form, one after the other: the i-th, NULL behind the last. offset_r: where its member
 * is in the struct of the form. */
static const struct settings_key *key_at(
    const struct settings_form *form, size_t i, size_t *offset_r)
{
	const struct settings_table *table = form->tables;

	for (size_t t = 0; t < form->n_tables; t++, table++) {
		if (i < table->n_keys) {
			*offset_r = table->base + table->keys[i].offset;
			return &table->keys[i];
		}
		i -= table->n_keys;
	}
	return NULL;
}

/* libconfuse calls the top of the file "root". */
static const char *section_of(const cfg_t *cfg)
{
	return cfg->name == NULL || strcmp(cfg->name, "root") == 0 ? "" : cfg->name;
}

/* The key of an option: each has one. */
static const struct settings_key *find_key(const cfg_t *cfg, const cfg_opt_t *option)
{
	const struct settings_key *key;
	size_t offset;

	for (size_t i = 0; (key = key_at(loading.form, i, &offset)) != NULL; i++) {
		if (strcmp(key->section, section_of(cfg)) == 0 &&
		    strcmp(key->name, option->name) == 0) {
			break;
		}
	}
	return key;
}

__attribute__((format(printf, 2, 0))) static void on_error(
    cfg_t *cfg, const char *format, va_list args)
{
	const char *section = section_of(cfg);
	struct error *error = loading.error;
	char what[ERROR_MAX];

	if (loading.has_error) { /* the first is the cause */
		return;
	}
	loading.has_error = true;
	vsnprintf(what, sizeof(what), format, args);
	error_set(error, "%s:%d: %s%s%s%s", loading.path, cfg->line,
	    section[0] == '\0' ? "" : "in section ", section, section[0] == '\0' ? "" : ": ", what);
	if (strncmp(format, "no such option", 14) == 0) {
		error_append(error, "; allowed here:");
		for (const cfg_opt_t *option = cfg->opts; option->name != NULL; option++) {
			if (strcmp(option->name, "__unknown") != 0) {
				error_append(error, " %s", option->name);
			}
		}
	}
}

/* A mode is a number whose leading 0 counts: without it the usual ones (600, 660) are decimal numbers beyond
 * the range. */
static int parse_number(cfg_t *cfg, cfg_opt_t *option, const char *value, void *result)
{
	const struct settings_key *key = find_key(cfg, option);
	char *end;
	long number;

	errno = 0;
	number = strtol(value, &end, 0);
	if (*value != '\0' && *end == '\0' && errno == 0 && number >= key->min &&
	    number <= key->max) {
		*(long *)result = number;
		return 0;
	}
	if (key->type == SETTINGS_MODE) {
		cfg_error(cfg, "%s = %s: allowed is an octal mode, with its leading 0, up to %04lo",
		    option->name, value, (unsigned long)key->max);
	} else {
		cfg_error(cfg, "%s = %s: allowed is a number from %ld to %ld", option->name, value,
		    key->min, key->max);
	}
	return -1;
}

static int parse_text(cfg_t *cfg, cfg_opt_t *option, const char *value, void *result)
{
	const struct settings_key *key = find_key(cfg, option);
	struct error reason;

	if (key->check != NULL && key->check(value, &reason) != 0) {
		cfg_error(cfg, "%s: %s", option->name, reason.text);
		return -1;
	}
	*(const char **)result = value;
	return 0;
}

static int parse_switch(cfg_t *cfg, cfg_opt_t *option, const char *value, void *result)
{
	int is_on = cfg_parse_boolean(value);

	if (is_on < 0) {
		cfg_error(cfg, "%s = %s: allowed are yes and no", option->name, value);
		return -1;
	}
	*(cfg_bool_t *)result = is_on != 0;
	return 0;
}

static cfg_opt_t make_option(const struct settings_key *key)
{
	switch (key->type) {
	case SETTINGS_NUMBER:
	case SETTINGS_MODE:
		return (cfg_opt_t)CFG_INT_CB(
		    key->name, strtol(key->initial, NULL, 0), CFGF_NONE, parse_number);
	case SETTINGS_SWITCH:
		return (cfg_opt_t)CFG_BOOL_CB(
		    key->name, cfg_parse_boolean(key->initial), CFGF_NONE, parse_switch);
	case SETTINGS_LIST: /* its initial value is only read */
		return (cfg_opt_t)CFG_STR_LIST_CB(
		    key->name, (char *)(size_t)key->initial, CFGF_NONE, parse_text);
	case SETTINGS_TEXT:
		break;
	}
	return (cfg_opt_t)CFG_STR_CB(key->name, key->initial, CFGF_NONE, parse_text);
}

/* Tells libconfuse what may stand at the top of the file (section "", the first) and in each section.
 * Returns what cfg_init() does; NULL when out of memory. */
static cfg_t *init_options(void)
{
	const char *sections[SECTIONS_MAX] = { "" };
	size_t n[SECTIONS_MAX] = { 0 }, n_sections = 1, n_keys = 0, most, offset;
	const struct settings_key *key;
	cfg_opt_t *options;
	cfg_t *cfg = NULL;

	while (key_at(loading.form, n_keys, &offset) != NULL) {
		n_keys++;
	}
	/* Of one section; an option that is all zeros ends it. */
	most = n_keys + SECTIONS_MAX;
	options = calloc(SECTIONS_MAX * most, sizeof(*options));
	if (options == NULL) {
		return NULL;
	}
	for (size_t i = 0; (key = key_at(loading.form, i, &offset)) != NULL; i++) {
		size_t s = 0;

		while (s < n_sections && strcmp(sections[s], key->section) != 0) {
			s++;
		}
		if (s == n_sections) {
			assert(n_sections < SECTIONS_MAX);
			sections[n_sections++] = key->section;
		}
		options[s * most + n[s]++] = make_option(key);
	}
	for (size_t s = 1; s < n_sections; s++) {
		options[n[0]++] = (cfg_opt_t)CFG_SEC(sections[s], &options[s * most], CFGF_NONE);
	}
	cfg = cfg_init(options, CFGF_NONE); /* has a copy of its own */
	free(options);
	return cfg;
}

/* Blanks out comments, since libconfuse 3.3 counts the line of a comment more than once, and an error
 * would then name a line that is not there. Returns the line of the last '{' that nothing closes, 0 if
 * there is none: libconfuse takes a file that was cut off in the middle for a whole one. */
static unsigned blank_comments(char *text)
{
	unsigned opened[SECTIONS_MAX] = { 0 }, depth = 0, line = 1;
	char within = '\0'; /* a quote, '#' for a comment up to the line's end, '*' for another */

	for (char *p = text; *p != '\0'; p++) {
		line += *p == '\n';
		if (within == '"' || within == '\'') {
			if (*p == '\\' && p[1] != '\0') {
				line += *++p == '\n';
			} else if (*p == within) {
				within = '\0';
			}
		} else if (within == '#' && *p == '\n') {
			within = '\0';
		} else if (within == '*' && p[0] == '*' && p[1] == '/') {
			within = '\0';
			*p++ = ' ';
			*p = ' ';
		} else if (within != '\0') {
			*p = *p == '\n' ? '\n' : ' ';
		} else if (*p == '"' || *p == '\'') {
			within = *p;
		} else if (p[0] == '/' && p[1] == '*') {
			within = '*';
			*p++ = ' ';
			*p = ' ';
		} else if (*p == '#' || (p[0] == '/' && p[1] == '/')) {
			within = '#';
			*p = ' ';
		} else if (*p == '{' && depth < SECTIONS_MAX) {
			opened[depth++] = line;
		} else if (*p == '}' && depth > 0) {
			depth--;
		}
	}
	return depth > 0 ? opened[depth - 1] : 0;
}

/* Fills text[FILE_MAX + 1]. Returns 0, or -1 with a message in error. */
static int read_file(const char *path, char *text, struct error *error)
{
	FILE *file = fopen(path, "re");
	unsigned line;
	bool is_bad;
	size_t n;

	if (file == NULL) {
		return error_set(error, "%s: cannot open: %s", path, strerror(errno));
	}
	n = fread(text, 1, FILE_MAX + 1, file);
	is_bad = ferror(file) || n > FILE_MAX || memchr(text, '\0', n) != NULL;
	fclose(file);
	if (is_bad) {
		return error_set(error,
		    "%s: cannot be read, is larger than %d bytes or holds a NUL", path, FILE_MAX);
	}
	text[n] = '\0';
	line = blank_comments(text);
	return line == 0
		   ? 0
		   : error_set(error, "%s:%u: the { of this line is never closed", path, line);
}

static void free_settings(struct settings *settings)
{
	const struct settings_key *key;
	size_t offset;

	if (settings == NULL) {
		return;
	}
	for (size_t i = 0; (key = key_at(settings->form, i, &offset)) != NULL; i++) {
		if (key->type == SETTINGS_LIST) {
			free(((struct settings_list *)((char *)settings->values + offset))->texts);
		}
	}
	if (settings->cfg != NULL) {
		cfg_free(settings->cfg);
	}
	free(settings);
}

/* The texts themselves are libconfuse's. */
static int fill_list(cfg_t *section, const char *name, struct settings_list *list_r)
{
	list_r->n = cfg_size(section, name);
	list_r->texts = calloc(list_r->n + 1, sizeof(list_r->texts[0]));
	if (list_r->texts == NULL) {
		return -1;
	}
	for (unsigned i = 0; i < list_r->n; i++) {
		list_r->texts[i] = cfg_getnstr(section, name, i);
	}
	return 0;
}

/* Puts the value of each key, read or initial, where the key says that it goes. */
static int fill_values(struct settings *settings)
{
	const struct settings_key *key;
	size_t offset;

	for (size_t i = 0; (key = key_at(loading.form, i, &offset)) != NULL; i++) {
		void *member = (char *)settings->values + offset;
		cfg_t *section = key->section[0] == '\0' ? settings->cfg
							 : cfg_getsec(settings->cfg, key->section);

		switch (key->type) {
		case SETTINGS_NUMBER:
		case SETTINGS_MODE:
			*(long *)member = cfg_getint(section, key->name);
			break;
		case SETTINGS_SWITCH:
			*(bool *)member = cfg_getbool(section, key->name);
			break;
		case SETTINGS_TEXT:
			*(const char **)member = cfg_getstr(section, key->name);
			break;
		case SETTINGS_LIST:
			if (fill_list(section, key->name, member) != 0) {
				return -1;
			}
		}
	}
	return 0;
}

/* Parses a text and fills the struct. Returns 0, or -1 with a message in error. */
static int parse(struct settings *settings, const char *text)
{
	settings->cfg = init_options();
	if (settings->cfg != NULL) {
		cfg_set_error_function(settings->cfg, on_error);
		if (cfg_parse_buf(settings->cfg, text) != CFG_SUCCESS) {
			return loading.has_error
				   ? -1
				   : error_set(loading.error, "%s: cannot be parsed", loading.path);
		}
		if (fill_values(settings) == 0) {
			return 0;
		}
	}
	return error_set(loading.error, "%s: out of memory", loading.path);
}

void *settings_read(const struct settings_form *form, const char *path, struct error *error)
{
	struct settings *settings = calloc(1, sizeof(*settings) + form->size);
	char *text = malloc(FILE_MAX + 1);
	int result = -1;

	loading.path = path;
	loading.form = form;
	loading.error = error;
	loading.has_error = false;
	if (settings != NULL) {
		settings->form = form;
	}
	if (settings == NULL || text == NULL) {
		error_set(error, "%s: out of memory", path);
	} else if (read_file(path, text, error) == 0) {
		result = parse(settings, text);
	}
	free(text);
	if (result != 0) {
		free_settings(settings);
		return NULL;
	}
	return settings->values;
}

void *settings_load(const struct settings_form *form, const char *path, struct error *error)
{
	void *values = settings_read(form, path, error);

	if (values != NULL && form->check(values, error) != 0) {
		error_prefix(error, "%s: ", path);
		settings_free(values);
		return NULL;
	}
	return values;
}

void settings_free(void *values)
{
	struct settings *settings;

	if (values != NULL) {
		settings = (struct settings *)((char *)values - offsetof(struct settings, values));
		settings->form->clear(values);
		free_settings(settings);
	}
}
