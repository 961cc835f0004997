/* SPDX-License-Identifier: MIT
 * libconfuse behind a table. Used by the loop's thread alone: the library's callbacks carry no data
 * of ours, so what is being loaded is remembered here. */
#include "runtime/settings.h"

#include <confuse.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum {
	SECTIONS_MAX = 8,
	FILE_MAX = 1 << 20,
};

/* The memory of one settings_list. The texts themselves are libconfuse's. */
struct list {
	SLIST_ENTRY(list) next;
	const char *texts[];
};

/* What stands in front of the struct of the form, and has all that its members lead to. */
struct settings {
	const struct settings_form *form;
	cfg_t *cfg;
	cfg_opt_t *options[SECTIONS_MAX]; /* [0]: the top of the file */
	SLIST_HEAD(, list) lists;
	max_align_t values[];
};

static struct {
	const char *path;
	const struct settings_form *form;
	struct error *error;
	bool has_error;
} loading;

static const struct settings_key *find_key(const char *section, const char *name)
{
	for (size_t t = 0; t < loading.form->n_tables; t++) {
		for (size_t k = 0; k < loading.form->tables[t].n_keys; k++) {
			const struct settings_key *key = &loading.form->tables[t].keys[k];

			if (strcmp(key->section, section) == 0 && strcmp(key->name, name) == 0) {
				return key;
			}
		}
	}
	return NULL;
}

/* libconfuse calls the top of the file "root". */
static const char *section_of(const cfg_t *cfg)
{
	return cfg->name == NULL || strcmp(cfg->name, "root") == 0 ? "" : cfg->name;
}

static void append(char *text, size_t n, const char *more)
{
	size_t length = strlen(text);

	snprintf(text + length, n - length, "%s", more);
}

__attribute__((format(printf, 2, 0))) static void on_error(
    cfg_t *cfg, const char *format, va_list args)
{
	const char *section = section_of(cfg);
	bool is_unknown = strncmp(format, "no such option", 14) == 0;

	if (loading.has_error) { /* the first is the cause */
		return;
	}
	loading.has_error = true;
	snprintf(loading.error->text, ERROR_MAX, "%s:%d: ", loading.path, cfg->line);
	if (section[0] != '\0') {
		append(loading.error->text, ERROR_MAX, "in section ");
		append(loading.error->text, ERROR_MAX, section);
		append(loading.error->text, ERROR_MAX, ": ");
	}
	vsnprintf(loading.error->text + strlen(loading.error->text),
	    ERROR_MAX - strlen(loading.error->text), format, args);
	if (is_unknown) {
		append(loading.error->text, ERROR_MAX, "; allowed here:");
		for (const cfg_opt_t *option = cfg->opts; option->name != NULL; option++) {
			if (strcmp(option->name, "__unknown") != 0) {
				append(loading.error->text, ERROR_MAX, " ");
				append(loading.error->text, ERROR_MAX, option->name);
			}
		}
	}
}

static int parse_number(cfg_t *cfg, cfg_opt_t *option, const char *value, void *result)
{
	const struct settings_key *key = find_key(section_of(cfg), option->name);
	char *end;
	long number;

	errno = 0;
	number = strtol(value, &end, 0);
	if (*value == '\0' || *end != '\0' || errno != 0 || number < key->min ||
	    number > key->max) {
		cfg_error(cfg, "%s = %s: allowed is a number from %ld to %ld", option->name, value,
		    key->min, key->max);
		return -1;
	}
	*(long *)result = number;
	return 0;
}

/* Without its leading 0 a usual mode (600, 660) is a decimal number beyond the range. */
static int parse_mode(cfg_t *cfg, cfg_opt_t *option, const char *value, void *result)
{
	const struct settings_key *key = find_key(section_of(cfg), option->name);
	char *end;
	long mode = strtol(value, &end, 0);

	if (*value == '\0' || *end != '\0' || mode < key->min || mode > key->max) {
		cfg_error(cfg, "%s = %s: allowed is an octal mode, with its leading 0, up to %04lo",
		    option->name, value, (unsigned long)key->max);
		return -1;
	}
	*(long *)result = mode;
	return 0;
}

static int parse_text(cfg_t *cfg, cfg_opt_t *option, const char *value, void *result)
{
	const struct settings_key *key = find_key(section_of(cfg), option->name);
	struct error reason;

	if (key->check != NULL && key->check(value, &reason) != 0) {
		cfg_error(cfg, "%s: %s", option->name, reason.text);
		return -1;
	}
	*(const char **)result = value;
	return 0;
}

static cfg_opt_t make_option(const struct settings_key *key)
{
	cfg_opt_t number =
	    CFG_INT_CB(key->name, strtol(key->initial, NULL, 0), CFGF_NONE, parse_number);
	cfg_opt_t mode =
	    CFG_INT_CB(key->name, strtol(key->initial, NULL, 8), CFGF_NONE, parse_mode);
	cfg_opt_t text = CFG_STR_CB(key->name, key->initial, CFGF_NONE, parse_text);
	cfg_opt_t list = CFG_STR_LIST_CB(
	    key->name, (char *)(size_t)key->initial, CFGF_NONE, parse_text); /* only read */

	switch (key->type) {
	case SETTINGS_NUMBER:
		return number;
	case SETTINGS_MODE:
		return mode;
	case SETTINGS_LIST:
		return list;
	case SETTINGS_TEXT:
		break;
	}
	return text;
}

/* The options of one section, or of the top, with room for its sections and the end. */
static cfg_opt_t *make_options(const char *section, size_t *n_r)
{
	cfg_opt_t *options;
	cfg_opt_t end = CFG_END();
	size_t n = 0;

	for (size_t t = 0; t < loading.form->n_tables; t++) {
		n += loading.form->tables[t].n_keys;
	}
	options = calloc(n + SECTIONS_MAX + 1, sizeof(*options));
	if (options == NULL) {
		return NULL;
	}
	n = 0;
	for (size_t t = 0; t < loading.form->n_tables; t++) {
		for (size_t k = 0; k < loading.form->tables[t].n_keys; k++) {
			if (strcmp(loading.form->tables[t].keys[k].section, section) == 0) {
				options[n++] = make_option(&loading.form->tables[t].keys[k]);
			}
		}
	}
	options[n] = end;
	*n_r = n;
	return options;
}

static bool has_section(cfg_opt_t *options, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (options[i].type == CFGT_SEC && strcmp(options[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static int make_sections(struct settings *settings)
{
	size_t n_top, n_sections = 0, n;
	cfg_opt_t end = CFG_END();
	cfg_opt_t *top = make_options("", &n_top);

	settings->options[0] = top;
	if (top == NULL) {
		return -1;
	}
	for (size_t t = 0; t < loading.form->n_tables; t++) {
		for (size_t k = 0; k < loading.form->tables[t].n_keys; k++) {
			const char *name = loading.form->tables[t].keys[k].section;

			if (name[0] == '\0' || has_section(top, n_top + n_sections, name) ||
			    n_sections + 1 == SECTIONS_MAX) {
				continue;
			}
			settings->options[++n_sections] = make_options(name, &n);
			if (settings->options[n_sections] == NULL) {
				return -1;
			}
			cfg_opt_t section = CFG_SEC(name, settings->options[n_sections], CFGF_NONE);

			top[n_top + n_sections - 1] = section;
			top[n_top + n_sections] = end;
		}
	}
	return 0;
}

/* Blanks out comments. libconfuse 3.3 counts the line of a comment more than once, and an error
 * would then name a line that is not there. */
static void strip_comments(char *text)
{
	char quote = '\0';
	char *p = text;

	while (*p != '\0') {
		if (quote != '\0') {
			if (*p == '\\' && p[1] != '\0') {
				p++;
			} else if (*p == quote) {
				quote = '\0';
			}
			p++;
		} else if (*p == '"' || *p == '\'') {
			quote = *p++;
		} else if (*p == '#' || (p[0] == '/' && p[1] == '/')) {
			while (*p != '\0' && *p != '\n') {
				*p++ = ' ';
			}
		} else if (p[0] == '/' && p[1] == '*') {
			char *end = strstr(p + 2, "*/");

			end = end == NULL ? p + strlen(p) : end + 2;
			for (; p < end; p++) {
				*p = *p == '\n' ? '\n' : ' ';
			}
		} else {
			p++;
		}
	}
}

/* Line of the last '{' that nothing closes, 0 if there is none. libconfuse takes a file that was cut
 * off in the middle for a whole one. Comments are gone. */
static unsigned find_unclosed(const char *text)
{
	unsigned opened[SECTIONS_MAX] = { 0 }, depth = 0, line = 1;
	char quote = '\0';

	for (const char *p = text; *p != '\0'; p++) {
		line += *p == '\n';
		if (quote != '\0') {
			if (*p == '\\' && p[1] != '\0') {
				line += *++p == '\n';
			} else if (*p == quote) {
				quote = '\0';
			}
		} else if (*p == '"' || *p == '\'') {
			quote = *p;
		} else if (*p == '{' && depth < SECTIONS_MAX) {
			opened[depth++] = line;
		} else if (*p == '}' && depth > 0) {
			depth--;
		}
	}
	return depth > 0 ? opened[depth - 1] : 0;
}

static char *read_file(const char *path, struct error *error)
{
	FILE *file = fopen(path, "re");
	char *text = malloc(FILE_MAX + 1);
	size_t n;

	if (file == NULL || text == NULL) {
		error_set(error, "%s: cannot open: %s", path, strerror(errno));
		if (file != NULL) {
			fclose(file);
		}
		free(text);
		return NULL;
	}
	n = fread(text, 1, FILE_MAX + 1, file);
	if (ferror(file) || n > FILE_MAX || memchr(text, '\0', n) != NULL) {
		error_set(error, "%s: cannot be read, is larger than %d bytes or holds a NUL", path,
		    FILE_MAX);
		free(text);
		text = NULL;
	} else {
		unsigned line;

		text[n] = '\0';
		strip_comments(text);
		line = find_unclosed(text);
		if (line > 0) {
			error_set(error, "%s:%u: the { of this line is never closed", path, line);
			free(text);
			text = NULL;
		}
	}
	fclose(file);
	return text;
}

static void free_settings(struct settings *settings)
{
	struct list *list;

	if (settings == NULL) {
		return;
	}
	while ((list = SLIST_FIRST(&settings->lists)) != NULL) {
		SLIST_REMOVE_HEAD(&settings->lists, next);
		free(list);
	}
	if (settings->cfg != NULL) {
		cfg_free(settings->cfg);
	}
	for (size_t i = 0; i < SECTIONS_MAX; i++) {
		free(settings->options[i]);
	}
	free(settings);
}

static int fill_list(
    struct settings *settings, cfg_t *section, const char *name, struct settings_list *list_r)
{
	unsigned n = cfg_size(section, name);
	struct list *list = calloc(1, sizeof(*list) + n * sizeof(list->texts[0]));

	if (list == NULL) {
		return -1;
	}
	SLIST_INSERT_HEAD(&settings->lists, list, next);
	for (unsigned i = 0; i < n; i++) {
		list->texts[i] = cfg_getnstr(section, name, i);
	}
	*list_r = (struct settings_list){ list->texts, n };
	return 0;
}

/* Puts the value of each key, read or initial, where the key says that it goes. */
static int fill_values(struct settings *settings)
{
	for (size_t t = 0; t < loading.form->n_tables; t++) {
		for (size_t k = 0; k < loading.form->tables[t].n_keys; k++) {
			const struct settings_key *key = &loading.form->tables[t].keys[k];
			void *member =
			    (char *)settings->values + loading.form->tables[t].base + key->offset;
			cfg_t *section = key->section[0] == '\0'
					     ? settings->cfg
					     : cfg_getsec(settings->cfg, key->section);

			switch (key->type) {
			case SETTINGS_NUMBER:
			case SETTINGS_MODE:
				*(long *)member = cfg_getint(section, key->name);
				break;
			case SETTINGS_TEXT:
				*(const char **)member = cfg_getstr(section, key->name);
				break;
			case SETTINGS_LIST:
				if (fill_list(settings, section, key->name, member) != 0) {
					return -1;
				}
			}
		}
	}
	return 0;
}

/* Parses a text and fills the struct. Returns 0, or -1 with a message in error. */
static int parse(struct settings *settings, const char *text)
{
	if (make_sections(settings) == 0) {
		settings->cfg = cfg_init(settings->options[0], CFGF_NONE);
	}
	if (settings->cfg == NULL) {
		return error_set(loading.error, "%s: out of memory", loading.path);
	}
	cfg_set_error_function(settings->cfg, on_error);
	if (cfg_parse_buf(settings->cfg, text) != CFG_SUCCESS) {
		return loading.has_error
			   ? -1
			   : error_set(loading.error, "%s: cannot be parsed", loading.path);
	}
	if (fill_values(settings) != 0) {
		return error_set(loading.error, "%s: out of memory", loading.path);
	}
	return 0;
}

void *settings_read(const struct settings_form *form, const char *path, struct error *error)
{
	struct settings *settings = calloc(1, sizeof(*settings) + form->size);
	char *text = read_file(path, error);
	int result = -1;

	loading.path = path;
	loading.form = form;
	loading.error = error;
	loading.has_error = false;
	if (settings == NULL) {
		error_set(error, "%s: out of memory", path);
	} else if (text != NULL) {
		settings->form = form;
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
