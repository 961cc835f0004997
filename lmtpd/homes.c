/* SPDX-License-Identifier: MIT
 * Paths are compared as they are written, and made plain before: what a symbolic link does is maildir's to see. */
#include "lmtpd/homes.h"
#include "lmtpd/room.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

bool homes_is_placeholder(const char *p)
{
	return p[0] == '%' && p[1] != '\0' && strchr("dnu", p[1]) != NULL;
}

int homes_tidy_path(const char *path, char tidy_r[MAILDIR_PATH_MAX])
{
	size_t n = 0, n_name;

	for (; *path != '\0'; path += n_name + (path[n_name] == '/')) {
		n_name = strcspn(path, "/");
		if (n + n_name + 2 > MAILDIR_PATH_MAX) {
			return -1;
		}
		if (n_name > 0 && !text_is(path, n_name, ".")) {
			if (n > 0) {
				tidy_r[n++] = '/';
			}
			memcpy(tidy_r + n, path, n_name);
			n += n_name;
		}
	}
	tidy_r[n] = '\0';
	return n == 0 || maildir_path_is_plain(tidy_r) ? 0 : -1;
}

/* "/var/mail/vhosts/%d/%n": "/var/mail/vhosts" and "%d/%n". */
static void split_home(struct lmtpd_config *config)
{
	const char *home = config->home, *percent = home, *slash;
	size_t n = 0;

	while (*percent != '\0' && !homes_is_placeholder(percent)) {
		percent += percent[0] == '%' && percent[1] == '%' ? 2 : 1;
	}
	slash = memrchr(home, '/', (size_t)(percent - home));
	for (const char *p = home; p < slash; p++) {
		config->base[n++] = *p;
		p += p[0] == '%'; /* %% is one percent sign */
	}
	if (n == 0) {
		config->base[n++] = '/';
	}
	config->base[n] = '\0';
	config->home_rest = slash + 1;
}

/* As they were meant: "Maildir/" is "Maildir". Their keys' own checks have passed. */
static void tidy_paths(struct lmtpd_config *config)
{
	config->tidy_home[0] = '/';
	homes_tidy_path(config->home, config->tidy_home + 1);
	homes_tidy_path(config->path, config->tidy_path);
	config->home = config->tidy_home;
	config->path = config->tidy_path;
	split_home(config);
}

/* What root leaves for the daemon lies beside its control socket. */
static void find_words(struct lmtpd_config *config)
{
	const char *control = config->daemon.control, *slash = strrchr(control, '/');

	if (slash != NULL) {
		snprintf(config->words, sizeof(config->words), "%.*s/storage",
		    (int)(slash - control), control);
	}
}

static void add_root(struct lmtpd_config *config, const char *base)
{
	struct maildir_root *root = &config->roots[config->n_roots++];

	maildir_root_init(root, base, config->hostname);
	root->marker = config->marker;
	storage_look(&root->storage, base, config->words);
	if (strcmp(config->commit, "strict") == 0) {
		storage_be_strict(&root->storage);
	}
}

static int init_roots(struct lmtpd_config *config, struct error *error)
{
	add_root(config, config->base);
	if (config->more_roots.n > LMTPD_ROOTS_MAX) {
		return error_set(error, "maildir.roots: at most %d", LMTPD_ROOTS_MAX);
	}
	for (size_t i = 0; i < config->more_roots.n; i++) {
		char *base = config->tidy_roots[i];

		base[0] = '/';
		homes_tidy_path(config->more_roots.texts[i], base + 1);
		add_root(config, base);
	}
	return 0;
}

/* The directory of a folder that some key names. */
static int init_folder(const struct lmtpd_config *config, const char *key, const char *name,
    char directory_r[FOLDER_DIRECTORY_MAX + 1], struct error *error)
{
	enum folder_outcome outcome =
	    folder_to_directory(&config->folder_style, name, strlen(name), directory_r);

	if (outcome != FOLDER_FINE || directory_r[0] == '\0') {
		return error_set(error, "maildir.%s: \"%s\" is no folder: %s", key, name,
		    outcome == FOLDER_FINE ? "it is INBOX" : folder_reason(outcome));
	}
	return 0;
}

/* Dovecot wants the same of it. */
static bool is_prefix(const char *prefix, char separator)
{
	size_t n = strlen(prefix);

	return n == 0 || (prefix[0] != separator && prefix[n - 1] == separator);
}

static int init_folders(struct lmtpd_config *config, struct error *error)
{
	char ignored[FOLDER_DIRECTORY_MAX + 1];

	if (!is_prefix(config->prefix, config->separator[0])) {
		return error_set(error,
		    "maildir.prefix: \"%s\": needs the separator %s at its end, and not in front",
		    config->prefix, config->separator);
	}
	config->folder_style =
	    (struct folder_style){ .separator = config->separator[0], .prefix = config->prefix };
	if (config->auto_folders.n > LMTPD_AUTO_MAX) {
		return error_set(error, "maildir.auto: at most %d", LMTPD_AUTO_MAX);
	}
	for (size_t i = 0; i < config->auto_folders.n; i++) {
		if (init_folder(config, "auto", config->auto_folders.texts[i],
			config->auto_directories[i], error) != 0) {
			return -1;
		}
	}
	for (size_t i = 0; i < config->special_use.n; i++) {
		const char *use = config->special_use.texts[i];

		if (init_folder(config, "special_use", strchr(use, '=') + 1, ignored, error) != 0) {
			return -1;
		}
	}
	return 0;
}

/* Folders that do not count, and what else of the configuration decides by what is counted. */
static int init_rules(struct lmtpd_config *config, struct error *error)
{
	struct account_rules *rules = &config->rules;

	if (config->ignored_folders.n > LMTPD_IGNORED_MAX) {
		return error_set(error, "quota.ignore: at most %d", LMTPD_IGNORED_MAX);
	}
	for (size_t i = 0; i < config->ignored_folders.n; i++) {
		const char *name = config->ignored_folders.texts[i];
		enum folder_outcome outcome = folder_to_directory(
		    &config->folder_style, name, strlen(name), config->ignored_directories[i]);

		if (outcome != FOLDER_FINE) {
			return error_set(error, "quota.ignore: \"%s\" is no folder: %s", name,
			    folder_reason(outcome));
		}
		config->ignored[i] = config->ignored_directories[i];
	}
	quota_grace_read(config->grace, &rules->grace);
	rules->style = (struct usage_style){ .is_virtual = strcmp(config->count, "virtual") == 0,
		.ignored = config->ignored,
		.patience = ROOM_PATIENCE };
	account_rules_init(rules);
	return 0;
}

int homes_init(struct lmtpd_config *config, struct error *error)
{
	tidy_paths(config);
	find_words(config);
	return init_roots(config, error) == 0 && init_folders(config, error) == 0
		   ? init_rules(config, error)
		   : -1;
}

bool homes_is_auto(const struct lmtpd_config *config, const char *folder)
{
	for (size_t i = 0; i < config->auto_folders.n; i++) {
		if (strcmp(config->auto_directories[i], folder) == 0) {
			return true;
		}
	}
	return false;
}

bool homes_is_taken(const char *folder)
{
	static const char *const names[] = { ".dovecot", ".ssh" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(folder, names[i], strlen(names[i])) == 0) {
			return true;
		}
	}
	return false;
}

/* Which folder a detail leads to; none is INBOX. is_home: the Maildir is the home itself. */
static void choose_folder(
    const struct lmtpd_config *config, const char *detail, bool is_home, struct home *home_r)
{
	home_r->folder[0] = '\0';
	home_r->makes_folder = strcmp(config->detail, "create") == 0;
	home_r->folders_max = (unsigned)config->folders_max;
	if (detail == NULL || folder_to_directory(&config->folder_style, detail, strlen(detail),
				  home_r->folder) != FOLDER_FINE) {
		return;
	}
	if (is_home && homes_is_taken(home_r->folder)) {
		home_r->folder[0] = '\0';
	}
	if (homes_is_auto(config, home_r->folder)) {
		home_r->makes_folder = true;
		home_r->folders_max = 0;
	}
}

void homes_list_roots(const struct lmtpd_config *config, const char *bases_r[LMTPD_ROOTS_MAX + 2])
{
	for (size_t i = 0; i < config->n_roots; i++) {
		bases_r[i] = config->roots[i].base;
	}
	bases_r[config->n_roots] = NULL;
}

int homes_probe(const void *values, struct error *error)
{
	const struct lmtpd_config *config = values;

	for (size_t i = 0; i < config->n_roots; i++) {
		int result = maildir_root_probe(&config->roots[i]);

		if (result != 0) {
			return error_set(error, "%s: cannot be written to: %s",
			    config->roots[i].base, strerror(-result));
		}
	}
	return 0;
}

/* Appends n bytes; false when they do not fit. */
static bool put(char *out, size_t cap, size_t *at, const char *s, size_t n)
{
	if (*at + n >= cap) {
		return false;
	}
	memcpy(out + *at, s, n);
	*at += n;
	out[*at] = '\0';
	return true;
}

/* The path below base, as the template says. */
static int fill_template(
    const struct lmtpd_config *config, const struct address *row, char path_r[MAILDIR_PATH_MAX])
{
	size_t at = 0;
	bool fits = address_is_path(row);

	for (const char *p = config->home_rest; *p != '\0' && fits; p++) {
		const char *text = p;
		size_t n = 1;

		if (*p == '%') {
			text = ++p; /* %% is a percent sign */
			if (*p == 'd') {
				text = address_domain(row);
				n = strlen(text);
			} else if (*p == 'n' || *p == 'u') {
				text = row->text;
				n = *p == 'n' ? row->n_local : strlen(text);
			}
		}
		fits = put(path_r, MAILDIR_PATH_MAX, &at, text, n);
	}
	return fits ? 0 : -1;
}

/* Of the roots that a path lies below, the deepest; NULL: it lies below none. */
static const struct maildir_root *find_root(const struct lmtpd_config *config, const char *path)
{
	const struct maildir_root *found = NULL;

	for (size_t i = 0; i < config->n_roots; i++) {
		const struct maildir_root *root = &config->roots[i];

		if (text_is_below(path, root->base) &&
		    (found == NULL || strlen(root->base) > strlen(found->base))) {
			found = root;
		}
	}
	return found;
}

/* A home that its row has. */
static int split_row_home(const struct lmtpd_config *config, const char *home,
    const struct maildir_root **root_r, char path_r[MAILDIR_PATH_MAX], struct error *error)
{
	char whole[MAILDIR_PATH_MAX + 1] = "/";
	const char *rest;

	if (home[0] != '/' || homes_tidy_path(home, whole + 1) != 0) {
		return error_set(error, "its home %s is no absolute path without ..", home);
	}
	*root_r = find_root(config, whole);
	if (*root_r == NULL) {
		return error_set(error,
		    "its home %s lies neither below %s nor below one of maildir.roots", home,
		    config->base);
	}
	rest = whole + strlen((*root_r)->base);
	snprintf(path_r, MAILDIR_PATH_MAX, "%s", rest + (*rest == '/'));
	return 0;
}

/* Puts the path of the Maildir below its home behind. */
static int add_path(const char *path, char path_r[MAILDIR_PATH_MAX], struct error *error)
{
	char tidy[MAILDIR_PATH_MAX];
	size_t at = strlen(path_r);

	if (path[0] == '/' || homes_tidy_path(path, tidy) != 0) {
		return error_set(error, "its path %s is no relative path without ..", path);
	}
	if (tidy[0] != '\0' && ((at > 0 && !put(path_r, MAILDIR_PATH_MAX, &at, "/", 1)) ||
				   !put(path_r, MAILDIR_PATH_MAX, &at, tidy, strlen(tidy)))) {
		return error_set(error, "the path is too long");
	}
	return 0;
}

int homes_find(const struct lmtpd_config *config, const struct mailbox *mailbox,
    struct home *home_r, struct error *error)
{
	const char *path = mailbox->path != NULL ? mailbox->path : config->path;

	home_r->path[0] = '\0';
	home_r->root = &config->roots[0];
	if (mailbox->home != NULL) {
		if (split_row_home(config, mailbox->home, &home_r->root, home_r->path, error) !=
		    0) {
			return -1;
		}
	} else if (fill_template(config, &mailbox->address, home_r->path) != 0) {
		return error_set(error, "a part of it is \".\" or \"..\", has a slash, or it is "
					"too long");
	}
	home_r->n_home = strlen(home_r->path);
	if (add_path(path, home_r->path, error) != 0) {
		return -1;
	}
	if (!maildir_path_is_plain(home_r->path)) {
		return error_set(error, "it is the mail root itself, or is no plain path");
	}
	choose_folder(config, mailbox->detail, path[0] == '\0', home_r);
	return 0;
}

int homes_write_path(const void *config, const struct mailbox *mailbox,
    char path_r[MAILBOXES_PATH_MAX], struct error *error)
{
	struct home home;

	if (homes_find(config, mailbox, &home, error) != 0) {
		return -1;
	}
	snprintf(path_r, MAILBOXES_PATH_MAX, "%s/%s",
	    strcmp(home.root->base, "/") == 0 ? "" : home.root->base, home.path);
	return 0;
}
