/* SPDX-License-Identifier: MIT
 * What runs in which order. A script that cannot run is left out, and the others run: mail must not miss the filter
 * against spam since its user has made a mistake. */
#include "lmtpd/scripts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lmtpd/scripts_chain.h"
#include "maildir/home.h"

struct scripts *scripts_new(void)
{
	struct scripts *scripts = calloc(1, sizeof(*scripts));

	if (scripts == NULL) {
		return NULL;
	}
	scripts->cache = script_cache_new(SCRIPTS_CACHE_MAX);
	if (scripts->cache == NULL) {
		free(scripts);
		return NULL;
	}
	pthread_mutex_init(&scripts->mutex, NULL);
	return scripts;
}

void scripts_free(struct scripts *scripts)
{
	if (scripts != NULL) {
		script_cache_free(scripts->cache);
		pthread_mutex_destroy(&scripts->mutex);
		free(scripts);
	}
}

static bool is_off(struct scripts *scripts, const struct script_key *key)
{
	struct timespec now;
	bool is_off;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&scripts->mutex);
	is_off = script_limit_is_off(&scripts->limit, key, now.tv_sec);
	pthread_mutex_unlock(&scripts->mutex);
	return is_off;
}

/* Puts a script at the end, if it can run. */
static void chain_add(
    struct scripts *scripts, struct scripts_chain *chain, const struct scripts_held *held)
{
	const struct script *script = held->script;

	if (chain->n == SIEVE_CHAIN_MAX) {
		scripts_trouble(chain, "%s: more than %d scripts", held->path, SIEVE_CHAIN_MAX);
	} else if (script->program == NULL) {
		scripts_say_errors(chain, held, script->errors);
	} else if (is_off(scripts, &script->key)) {
		scripts_trouble(chain,
		    "%s: switched off for an hour, since it took too long %d times: make it "
		    "simpler",
		    held->path, SCRIPT_LIMIT_TIMES);
	} else {
		chain->private->chained[chain->n] = held;
		chain->list[chain->n++] = (struct sieve_script){ script->program, held->name };
	}
}

/* One of the admin's. Returns 0 or a negative errno. */
static int add_file(struct scripts *scripts, struct scripts_chain *chain, const char *path)
{
	const struct scripts_held *held;
	int fd, result;

	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	result = scripts_hold(scripts, chain, fd < 0 ? -errno : fd, path, false, &held);
	if (result == 1) {
		chain_add(scripts, chain, held);
	}
	return result < 0 ? result : 0;
}

static int is_script(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 6 && strcmp(entry->d_name + n - 6, ".sieve") == 0;
}

static int compare(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* A file, or all scripts of a directory. */
static int add_path(struct scripts *scripts, struct scripts_chain *chain, const char *path)
{
	struct dirent **entries;
	char file[MAILDIR_PATH_MAX + NAME_MAX + 2];
	struct stat status;
	int n, result = 0;

	if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode)) {
		return add_file(scripts, chain, path);
	}
	n = scandir(path, &entries, is_script, compare);
	if (n < 0) {
		if (!scripts_is_final(-errno)) {
			return -errno;
		}
		scripts_trouble(chain, "%s: %s", path, strerror(errno));
		return 0;
	}
	for (int i = 0; i < n; i++) {
		snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
		result = result == 0 ? add_file(scripts, chain, file) : result;
		free(entries[i]);
	}
	free(entries);
	return result;
}

static int add_paths(
    struct scripts *scripts, struct scripts_chain *chain, const struct settings_list *paths)
{
	int result = 0;

	for (size_t i = 0; i < paths->n && result == 0; i++) {
		result = add_path(scripts, chain, paths->texts[i]);
	}
	return result;
}

/* The script that was found. As a rule it is kept, and need not be read. */
static int add_found(struct scripts *scripts, struct scripts_chain *chain, int home_fd,
    const struct scripts_own *own)
{
	char path[SCRIPT_PATH_MAX + 2];
	const struct scripts_held *held;
	int result;

	snprintf(path, sizeof(path), "~/%s", own->path);
	result = scripts_hold(scripts, chain, own->fd, path, true, &held);
	if (result == -EBADF) {
		result = scripts_hold(scripts, chain,
		    home_open_beneath(home_fd, own->path, O_RDONLY), path, true, &held);
	}
	if (result == 1) {
		chain->private->own = held;
		chain_add(scripts, chain, held);
	}
	return result;
}

/* The user's script, or that for users without one. */
static int add_own(struct scripts *scripts, const struct lmtpd_config *config,
    const struct scripts_home *home, int home_fd, struct scripts_chain *chain)
{
	struct scripts_own own = { .is_there = false };
	int result = 0;

	if (home_fd >= 0) {
		result = scripts_find(&config->sieve, home_fd, home, &own);
	}
	if (own.why[0] != '\0') {
		scripts_trouble(chain, "%s", own.why);
	}
	chain->has_own = own.is_there;
	if (result == 1) {
		result = add_found(scripts, chain, home_fd, &own);
	} else if (result == 0 && !own.is_there && config->sieve.fallback[0] != '\0') {
		result = add_file(scripts, chain, config->sieve.fallback);
	}
	return result < 0 ? result : 0;
}

int scripts_open(struct scripts *scripts, const struct lmtpd_config *config,
    const struct scripts_home *home, struct scripts_chain *chain_r, struct error *error)
{
	struct scripts_chain *chain = chain_r;
	int home_fd = -1, result;

	if (scripts_begin(chain) != 0) {
		error_set(error, "scripts of %s: out of memory", home->address);
		return -ENOMEM;
	}
	result = home->root == NULL ? -ENOENT : home_open(home->root, home->path);
	if (result >= 0) {
		home_fd = result;
		result = 0;
	} else if (result != -ENOENT && scripts_is_final(result)) {
		scripts_trouble(chain, "the home: %s", maildir_strerror(result, ""));
	}
	result = scripts_is_final(result) ? 0 : result;
	result = result == 0 ? add_paths(scripts, chain, &config->sieve.before) : result;
	result = result == 0 ? add_own(scripts, config, home, home_fd, chain) : result;
	result = result == 0 ? add_paths(scripts, chain, &config->sieve.after) : result;
	result = result == 0 ? scripts_link(scripts, config, home_fd, chain) : result;
	if (home_fd >= 0) {
		close(home_fd);
	}
	if (result < 0) {
		error_set(error, "scripts of %s: %s", home->address, strerror(-result));
	}
	return result;
}

int scripts_open_file(struct scripts *scripts, const struct lmtpd_config *config, const char *path,
    struct scripts_chain *chain_r, struct error *error)
{
	struct lmtpd_config beside = *config;
	const char *slash = strrchr(path, '/');
	char directory[PATH_MAX];
	int fd, result;

	beside.sieve.storage = SCRIPTS_BESIDE;
	snprintf(directory, sizeof(directory), "%.*s", slash == NULL ? 1 : (int)(slash - path) + 1,
	    slash == NULL ? "." : path);
	fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	result = scripts_begin(chain_r);
	result = result == 0 ? add_file(scripts, chain_r, path) : result;
	result = result == 0 ? scripts_link(scripts, &beside, fd, chain_r) : result;
	if (fd >= 0) {
		close(fd);
	}
	if (result < 0) {
		error_set(error, "%s: %s", path, strerror(-result));
	}
	return result;
}

const char *scripts_path(const struct scripts_chain *chain, const char *name)
{
	const struct scripts_held *held;

	STAILQ_FOREACH (held, &chain->private->held, next) {
		if (held->name == name) {
			return held->path;
		}
	}
	return name;
}

void scripts_close(struct scripts *scripts, struct scripts_chain *chain)
{
	struct scripts_private *private = chain->private;
	struct scripts_held *held;

	while (private != NULL && (held = STAILQ_FIRST(&private->held)) != NULL) {
		STAILQ_REMOVE_HEAD(&private->held, next);
		script_cache_put(scripts->cache, held->script);
		free(held);
	}
	if (private != NULL) {
		free(private->own_errors);
	}
	free(private);
	free(chain->library);
	chain->private = NULL;
	chain->library = NULL;
	chain->n = chain->n_library = 0;
}
