/* SPDX-License-Identifier: MIT
 * Scripts in use, and those that they include (RFC 6609): each is found once, however often it is included. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd/scripts_chain.h"
#include "maildir/home.h"

void scripts_trouble(struct scripts_chain *chain, const char *format, ...)
{
	size_t n = strlen(chain->trouble);
	va_list arguments;

	if (n > 0 && n + 2 < sizeof(chain->trouble)) {
		memcpy(chain->trouble + n, "; ", 3);
		n += 2;
	}
	va_start(arguments, format);
	vsnprintf(chain->trouble + n, sizeof(chain->trouble) - n, format, arguments);
	va_end(arguments);
}

void scripts_say_errors(
    struct scripts_chain *chain, const struct scripts_held *held, const struct sieve_errors *errors)
{
	for (size_t i = 0; errors != NULL && i < errors->n; i++) {
		if (!errors->list[i].is_warning) {
			scripts_trouble(chain, "%s: line %u: %s", held->path, errors->list[i].line,
			    errors->list[i].text);
			return;
		}
	}
}

int scripts_begin(struct scripts_chain *chain_r)
{
	*chain_r = (struct scripts_chain){ .n = 0 };
	chain_r->private = calloc(1, sizeof(*chain_r->private));
	if (chain_r->private == NULL) {
		return -ENOMEM;
	}
	STAILQ_INIT(&chain_r->private->held);
	return 0;
}

/* Puts a script that is in use into the chain. NULL: no memory. */
static const struct scripts_held *add_held(
    struct scripts_private *private, struct script *script, const char *path, bool is_own)
{
	size_t n = strlen(path) + 1;
	struct scripts_held *held = malloc(sizeof(*held) + n);

	if (held == NULL) {
		return NULL;
	}
	held->script = script;
	memcpy(held->path, path, n);
	held->is_own = is_own;
	scripts_name(path, held->name);
	STAILQ_INSERT_TAIL(&private->held, held, next);
	private->n_held++;
	return held;
}

int scripts_hold(struct scripts *scripts, struct scripts_chain *chain, int fd, const char *path,
    bool is_own, const struct scripts_held **held_r)
{
	struct script *script = NULL;
	int result = fd;

	/* Broken ones count as well. */
	if (chain->private->n_held == SCRIPTS_HELD_MAX) {
		scripts_trouble(chain, "%s: too many scripts", path);
		if (fd >= 0) {
			close(fd);
		}
		return 0;
	}
	if (fd >= 0) {
		result = script_cache_get(scripts->cache, fd, &script);
		close(fd);
	}
	if (result < 0) {
		if (result != -ENOENT && scripts_is_final(result)) {
			scripts_trouble(chain, "%s: %s", path, maildir_strerror(result, ""));
		}
		return scripts_is_final(result) ? 0 : result;
	}
	if (result != 0) {
		scripts_trouble(chain, "%s: %s", path,
		    result == SCRIPT_TOO_LONG ? "longer than 1 MiB" : "no file");
		return 0;
	}
	*held_r = add_held(chain->private, script, path, is_own);
	if (*held_r == NULL) {
		script_cache_put(scripts->cache, script);
		return -ENOMEM;
	}
	return 1;
}

/* What a set of scripts includes is looked up with these. */
struct linking {
	struct scripts *scripts;
	const struct sieve_config *config;
	int home_fd;
	struct scripts_chain *chain;
};

/* Returns 0 or -ENOMEM. */
static int add_to_library(struct scripts_chain *chain, const struct scripts_held *held,
    const struct sieve_include *include)
{
	struct sieve_library *library =
	    reallocarray(chain->library, chain->n_library + 1, sizeof(*library));

	if (library == NULL) {
		return -ENOMEM;
	}
	library[chain->n_library++] = (struct sieve_library){
		.place = include->place,
		.name = span_of(held->name),
		.program = held->script->program,
	};
	chain->library = library;
	return 0;
}

/* Finds one; where there is none, sieve_link() says so if it matters. */
static int find_include(const struct linking *linking, const struct sieve_include *include)
{
	struct scripts_chain *chain = linking->chain;
	bool is_own = include->place == SIEVE_PERSONAL;
	const struct sieve_config *config = linking->config;
	const char *directory = is_own ? scripts_own_path(config->storage) : config->global;
	const char *home = is_own && strcmp(config->storage, SCRIPTS_BESIDE) != 0 ? "~/" : "";
	char shown[MAILDIR_PATH_MAX + SIEVE_NAME_MAX + 16], *path = shown + strlen(home);
	const struct scripts_held *held;
	int fd, result;

	if (sieve_library_find(chain->library, chain->n_library, include->place, include->name) !=
		NULL ||
	    chain->n_library == SIEVE_INCLUDES_MAX ||
	    (is_own ? linking->home_fd < 0 : directory[0] == '\0')) {
		return 0;
	}
	snprintf(shown, sizeof(shown), "%s%s/%.*s.sieve", home, directory, (int)include->name.n,
	    include->name.p);
	fd = is_own ? home_open_beneath(linking->home_fd, path, O_RDONLY)
		    : open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	fd = fd < 0 && !is_own ? -errno : fd;
	result = scripts_hold(linking->scripts, chain, fd, shown, is_own, &held);
	if (result == 1 && held->script->program == NULL) {
		scripts_say_errors(chain, held, held->script->errors);
	} else if (result == 1) {
		result = add_to_library(chain, held, include);
	}
	return result < 0 ? result : 0;
}

static int find_includes(const struct linking *linking, const struct sieve_program *program)
{
	size_t n;
	const struct sieve_include *includes = sieve_program_includes(program, &n);
	int result = 0;

	for (size_t i = 0; i < n && result == 0; i++) {
		result = find_include(linking, &includes[i]);
	}
	return result;
}

/* Takes the script that lacks something out of the chain. */
static void leave_out(struct scripts_chain *chain, size_t i, const struct sieve_errors *errors)
{
	struct scripts_private *private = chain->private;

	scripts_say_errors(chain, private->chained[i], errors);
	if (private->chained[i] == private->own) {
		private->own_errors = malloc(sizeof(*errors));
		if (private->own_errors != NULL) {
			*private->own_errors = *errors;
		}
	}
	chain->n--;
	for (; i < chain->n; i++) {
		chain->list[i] = chain->list[i + 1];
		private->chained[i] = private->chained[i + 1];
	}
}

int scripts_link(struct scripts *scripts, const struct lmtpd_config *config, int home_fd,
    struct scripts_chain *chain)
{
	const struct linking linking = { scripts, &config->sieve, home_fd, chain };
	struct sieve_errors errors;
	int result = 0;

	for (size_t i = 0; i < chain->n && result == 0; i++) {
		result = find_includes(&linking, chain->list[i].program);
	}
	for (size_t i = 0; i < chain->n_library && result == 0; i++) {
		result = find_includes(&linking, chain->library[i].program);
	}
	if (result < 0) {
		return result;
	}
	for (size_t i = chain->n; i-- > 0;) {
		if (sieve_link(chain->list[i].program, chain->library, chain->n_library, &errors) !=
		    0) {
			leave_out(chain, i, &errors);
		}
	}
	for (size_t i = 0; i < chain->n; i++) {
		chain->sends |= sieve_program_sends(chain->list[i].program);
	}
	for (size_t i = 0; i < chain->n_library; i++) {
		chain->sends |= sieve_program_sends(chain->library[i].program);
	}
	return 0;
}
