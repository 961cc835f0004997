/* SPDX-License-Identifier: MIT
 * Where scripts and folders are, and which run; what else is set for them is translated in scripts_settings.c. */
#include "adopt/scripts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adopt/scripts_settings.h"
#include "adopt/sieve_said.h"
#include "doctor/pigeonhole.h"

/* --- scripts of users ------------------------------------------------------------------------------------------- */

/* A place below the home, as "~/...". False: it is none. */
static bool find_below_home(
    const struct source *source, const char *path, char place_r[LOCATION_MAX])
{
	const struct dovecot *places = &source->places;
	const char *said = places->home != NULL ? places->home : places->values[DOVECOT_MAIL_HOME];
	char home[LOCATION_MAX], whole[LOCATION_MAX];
	size_t n;

	if (strncmp(path, "~/", 2) == 0) {
		snprintf(place_r, LOCATION_MAX, "%s", path);
	} else {
		if (said == NULL || !location_expand(said, NULL, home) ||
		    !location_expand(path, home, whole)) {
			return false;
		}
		n = strlen(home);
		if (n == 0 || strncmp(whole, home, n) != 0 || whole[n] != '/') {
			return false;
		}
		snprintf(place_r, LOCATION_MAX, "~%s", whole + n);
	}
	for (size_t n_place = strlen(place_r); n_place > 2 && place_r[n_place - 1] == '/';) {
		place_r[--n_place] = '\0';
	}
	return true;
}

static void adopt_place(struct source *source, const char *key, const char *path)
{
	char place[LOCATION_MAX];

	if (path[0] == '\0') {
		return;
	}
	if (find_below_home(source, path, place)) {
		side_set(source->mail, source_said, "sieve", key, place);
	} else {
		side_note(source->mail, source_said,
		    "scripts of users are at %s: lmtpd looks for them below the home alone, at "
		    "sieve.%s; "
		    "let Dovecot have them there, and move the files",
		    path, key);
	}
}

/* --- scripts of the admin --------------------------------------------------------------------------------------- */

/* "file:/path;name=x". False, after a note, if it is no file for all. */
static bool find_path(
    struct source *source, const struct sieve_path *said, char path_r[LOCATION_MAX])
{
	const char *path = said->path + (strncmp(said->path, "file:", 5) == 0 ? 5 : 0);

	snprintf(path_r, LOCATION_MAX, "%.*s", (int)strcspn(path, ";"), path);
	if (path_r[0] == '/' && strchr(path_r, '%') == NULL) {
		return true;
	}
	side_note(source->mail, source_said,
	    "a script of the kind %s is %s%s: lmtpd knows files, the same for all users; write it "
	    "into one, and name it in sieve.%s",
	    said->kind, said->path[0] == '\0' ? "in no file" : "at ", said->path, said->kind);
	return false;
}

static void adopt_list(
    struct source *source, const struct sieve_said *said, bool is_24, const char *kind)
{
	char paths[SIEVE_PATHS_MAX][LOCATION_MAX];
	const char *list[SIEVE_PATHS_MAX];
	unsigned n = 0, n_said = 0;

	for (size_t i = 0; i < said->n_paths; i++) {
		if (strcmp(said->paths[i].kind, kind) != 0) {
			continue;
		}
		if (!is_24 && said->paths[i].precedence != ++n_said) {
			side_note(source->mail, source_said,
			    "sieve_%s%u: there is none before it, so Dovecot does not run it, and "
			    "lmtpd "
			    "shall not",
			    kind, said->paths[i].precedence);
			break;
		}
		if (find_path(source, &said->paths[i], paths[n])) {
			list[n] = paths[n];
			n++;
		}
	}
	if (n > 0) {
		side_set_list(source->mail, source_said, "sieve", kind, list, n);
	}
}

static void adopt_one(struct source *source, const struct sieve_said *said, const char *kind)
{
	char path[LOCATION_MAX];

	for (size_t i = 0; i < said->n_paths; i++) {
		if (strcmp(said->paths[i].kind, kind) == 0 &&
		    find_path(source, &said->paths[i], path)) {
			side_set(source->mail, source_said, "sieve", kind, path);
			return;
		}
	}
}

static void adopt_scripts(struct source *source, const struct sieve_said *said, bool is_24)
{
	adopt_list(source, said, is_24, "before");
	adopt_list(source, said, is_24, "after");
	adopt_one(source, said, "default");
	adopt_one(source, said, "global");
	for (size_t i = 0; i < said->n_paths; i++) {
		if (strcmp(said->paths[i].kind, "discard") == 0) {
			side_note(source->mail, source_said,
			    "sieve_discard: lmtpd has none; what shall become of mail that scripts "
			    "drop stands in those scripts");
		}
	}
}

/* --- folders ---------------------------------------------------------------------------------------------------- */

static void adopt_names(struct source *source)
{
	const struct dovecot_namespace *inbox = &source->places.inbox;
	const char *list[DOVECOT_MAILBOXES_MAX];
	size_t n = 0;

	if (inbox->separator != NULL && inbox->separator[0] != '\0') {
		side_set(source->mail, source_said, "maildir", "separator", inbox->separator);
	}
	if (inbox->prefix != NULL) {
		side_set(source->mail, source_said, "maildir", "prefix", inbox->prefix);
	}
	for (size_t i = 0; i < inbox->n_mailboxes; i++) {
		const char *creation = inbox->mailboxes[i].creation;

		if (creation != NULL && strcmp(creation, "no") != 0) {
			list[n++] = inbox->mailboxes[i].name;
		}
	}
	if (n > 0) {
		side_set_list(source->mail, source_said, "maildir", "auto", list, n);
	}
}

/* Folders that are made of searches get no mail. */
static bool is_stored(const char *use, size_t n)
{
	static const char *const uses[] = { "\\Archive", "\\Drafts", "\\Junk", "\\Sent",
		"\\Trash" };

	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		if (strlen(uses[i]) == n && strncasecmp(uses[i], use, n) == 0) {
			return true;
		}
	}
	return false;
}

struct uses {
	char texts[DOVECOT_MAILBOXES_MAX][LOCATION_MAX];
	const char *list[DOVECOT_MAILBOXES_MAX];
	size_t n;
};

/* Ours are called as their uses. */
static bool is_ours(const char *use, size_t n, const char *folder)
{
	return strlen(folder) == n - 1 && strncmp(use + 1, folder, n - 1) == 0;
}

/* Of several folders of a use the first one counts, unless one is called as ours. */
static void add_use(struct uses *uses, const char *use, size_t n, const char *folder)
{
	size_t i = 0;

	while (
	    i < uses->n && (strncasecmp(uses->list[i], use, n) != 0 || uses->list[i][n] != '=')) {
		i++;
	}
	if (i < uses->n ? is_ours(use, n, folder) : i < DOVECOT_MAILBOXES_MAX) {
		snprintf(uses->texts[i], LOCATION_MAX, "%.*s=%s", (int)n, use, folder);
		uses->list[i] = uses->texts[i];
		uses->n += i == uses->n;
	}
}

static bool has_others(const struct uses *uses)
{
	for (size_t i = 0; i < uses->n; i++) {
		size_t n = strcspn(uses->list[i], "=");

		if (!is_ours(uses->list[i], n, uses->list[i] + n + 1)) {
			return true;
		}
	}
	return false;
}

/* Where they are all as ours nothing is said: a use that Dovecot has not is of no harm. */
static void adopt_uses(struct source *source)
{
	const struct dovecot_namespace *inbox = &source->places.inbox;
	struct uses *uses = calloc(1, sizeof(*uses));

	for (size_t i = 0; uses != NULL && i < inbox->n_mailboxes; i++) {
		const char *rest = inbox->mailboxes[i].special_use;
		size_t n;

		for (; rest != NULL && *rest != '\0'; rest += n) {
			rest += strspn(rest, " ");
			n = strcspn(rest, " ");
			if (is_stored(rest, n)) {
				add_use(uses, rest, n, inbox->mailboxes[i].name);
			}
		}
	}
	if (uses != NULL && has_others(uses)) {
		side_set_list(
		    source->mail, source_said, "maildir", "special_use", uses->list, uses->n);
	}
	free(uses);
}

/* ---------------------------------------------------------------------------------------------------------------- */

static void adopt_all(
    struct source *source, const struct pigeonhole *pigeonhole, const struct sieve_said *said)
{
	side_set(source->mail, source_said, "sieve", "enabled", "yes");
	adopt_place(source, "storage", pigeonhole->storage);
	adopt_place(source, "active", pigeonhole->active);
	adopt_scripts(source, said, pigeonhole->is_24);
	if (pigeonhole->creates) {
		side_set(source->mail, source_said, "sieve", "autocreate", "yes");
	}
	if (pigeonhole->subscribes) {
		side_set(source->mail, source_said, "sieve", "autosubscribe", "yes");
	}
	scripts_settings_adopt(source->mail, said);
	adopt_names(source);
	adopt_uses(source);
}

void scripts_adopt(struct source *source, char *for_place, char *for_settings)
{
	const struct pigeonhole_facts facts = { .extensions = (const char *const[]){ NULL } };
	struct pigeonhole pigeonhole;
	struct sieve_said settings;

	pigeonhole_read(&pigeonhole, &facts, for_place);
	if (pigeonhole.runs) {
		sieve_said_read(&settings, for_settings);
		adopt_all(source, &pigeonhole, &settings);
	}
}
