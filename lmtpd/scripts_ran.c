/* SPDX-License-Identifier: MIT
 * What went wrong with scripts: the user's own he can read of in his home, what is the admin's goes to the log. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lmtpd/scripts_chain.h"
#include "lmtpd/scripts_log.h"
#include "maildir/home.h"
#include "runtime/log.h"

static const char *const kinds[] = {
	[SIEVE_NOTE_ERROR] = "error",
	[SIEVE_NOTE_WARNING] = "warning",
	[SIEVE_NOTE_DEBUG] = "debug",
};

/* The script that a note is about, by the pointer that the run was given; NULL: none of them. */
static const struct scripts_held *find_held(const struct scripts_private *private, const char *name)
{
	const struct scripts_held *held;

	STAILQ_FOREACH (held, &private->held, next) {
		if (held->name == name) {
			break;
		}
	}
	return held;
}

bool scripts_is_own(const struct scripts_chain *chain, const char *name)
{
	const struct scripts_held *held = find_held(chain->private, name);

	return held != NULL && held->is_own;
}

/* One more time that it was exhausted. */
static void count(struct scripts *scripts, const struct scripts_home *home,
    const struct scripts_held *held, FILE *lines)
{
	struct timespec now;
	bool is_off;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&scripts->mutex);
	is_off = script_limit_count(&scripts->limit, &held->script->key, now.tv_sec);
	pthread_mutex_unlock(&scripts->mutex);
	if (is_off) {
		log_event(LOG_LEVEL_WARNING, "script",
		    "%s of %s took too long %d times within an hour and does not run for an hour",
		    held->path, home->address, SCRIPT_LIMIT_TIMES);
	}
	if (is_off && held->is_own) {
		fprintf(lines,
		    "%s: error: took too long %d times within an hour and does not run for an "
		    "hour: make it simpler\n",
		    held->name, SCRIPT_LIMIT_TIMES);
	}
}

static void put_errors(FILE *lines, const char *name, const struct sieve_errors *errors)
{
	for (size_t i = 0; errors != NULL && i < errors->n; i++) {
		const struct sieve_error *error = &errors->list[i];

		fprintf(lines, "%s: line %u: %s: %s\n", name, error->line,
		    kinds[error->is_warning ? SIEVE_NOTE_WARNING : SIEVE_NOTE_ERROR], error->text);
	}
}

static void put_note(FILE *lines, const struct sieve_note *note, const char *message_id)
{
	fprintf(lines, "%s: line %u: %s: ", note->script, note->line, kinds[note->kind]);
	if (message_id != NULL && message_id[0] != '\0' &&
	    !text_has_control(message_id, strlen(message_id))) {
		fprintf(lines, "msgid=%.200s: ", message_id);
	}
	fprintf(lines, "%.*s\n", (int)note->text.n, note->text.p);
}

static void log_note(
    const struct scripts_held *held, const struct sieve_note *note, const struct scripts_home *home)
{
	log_event(note->kind == SIEVE_NOTE_DEBUG ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, "script",
	    "%s, for %s: line %u: %s: %.*s", held == NULL ? note->script : held->path,
	    home->address, note->line, kinds[note->kind], (int)note->text.n, note->text.p);
}

/* All that the user should read; the rest is logged. */
static void put_lines(FILE *lines, const struct scripts_home *home,
    const struct scripts_chain *chain, const struct sieve_plan *plan, const char *message_id)
{
	const struct scripts_private *private = chain->private;
	const struct scripts_held *held;

	if (private->own != NULL && private->own->script->program == NULL) {
		put_errors(lines, private->own->name, private->own->script->errors);
	} else if (private->own != NULL) {
		put_errors(lines, private->own->name, private->own_errors);
	}
	STAILQ_FOREACH (held, &private->held, next) {
		if (held->is_own && held != private->own && held->script->program == NULL) {
			put_errors(lines, held->name, held->script->errors);
		}
	}
	for (size_t i = 0; plan != NULL && i < plan->n_notes; i++) {
		held = find_held(private, plan->notes[i].script);
		if (held != NULL && held->is_own) {
			put_note(lines, &plan->notes[i], message_id);
		} else {
			log_note(held, &plan->notes[i], home);
		}
	}
}

/* Those of the user's own scripts. */
static void put_undone(FILE *lines, const struct scripts_chain *chain,
    const struct sieve_note *undone, size_t n_undone, const char *message_id)
{
	for (size_t i = 0; i < n_undone; i++) {
		if (scripts_is_own(chain, undone[i].script)) {
			put_note(lines, &undone[i], message_id);
		}
	}
}

static void write_log(
    const struct lmtpd_config *config, const struct scripts_home *home, const char *lines, size_t n)
{
	char path[SCRIPT_PATH_MAX];
	int home_fd = home_open(home->root, home->path), result = home_fd;

	snprintf(path, sizeof(path), "%s.log", scripts_own_path(config->sieve.active));
	if (home_fd >= 0) {
		result = scripts_log_write(home_fd, path, lines, n);
		close(home_fd);
	}
	if (result < 0) {
		log_event(LOG_LEVEL_WARNING, "script", "~/%s of %s cannot be written: %s", path,
		    home->address, maildir_strerror(result, ""));
	}
}

/* Lines that are collected for a user's log. */
struct own_log {
	FILE *lines;
	char *text;
	size_t n;
};

/* False, after it was logged: there is no memory. */
static bool own_log_begin(struct own_log *log, const struct scripts_home *home)
{
	log->lines = open_memstream(&log->text, &log->n);
	if (log->lines == NULL) {
		log_event(
		    LOG_LEVEL_WARNING, "script", "the log of %s: out of memory", home->address);
	}
	return log->lines != NULL;
}

static void own_log_end(
    struct own_log *log, const struct lmtpd_config *config, const struct scripts_home *home)
{
	if (fclose(log->lines) == 0 && log->n > 0) {
		write_log(config, home, log->text, log->n);
	}
	free(log->text);
}

void scripts_ran(struct scripts *scripts, const struct lmtpd_config *config,
    const struct scripts_home *home, const struct scripts_chain *chain,
    const struct sieve_plan *plan, const struct sieve_note *undone, size_t n_undone,
    const char *message_id)
{
	struct own_log log = { .text = NULL };

	if (chain->trouble[0] == '\0' && plan != NULL && plan->n_notes == 0 &&
	    !plan->is_exhausted && n_undone == 0) {
		return; /* all is well, as a rule */
	}
	if (!own_log_begin(&log, home)) {
		return;
	}
	put_lines(log.lines, home, chain, plan, message_id);
	put_undone(log.lines, chain, undone, n_undone, message_id);
	if (plan != NULL && plan->is_exhausted) {
		count(scripts, home, chain->private->chained[plan->exhausted], log.lines);
	}
	own_log_end(&log, config, home);
}

void scripts_tell(const struct lmtpd_config *config, const struct scripts_home *home,
    const struct sieve_note *note, const char *message_id)
{
	struct own_log log = { .text = NULL };

	if (own_log_begin(&log, home)) {
		put_note(log.lines, note, message_id);
		own_log_end(&log, config, home);
	}
}
