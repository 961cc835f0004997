/* SPDX-License-Identifier: MIT
 * A census of the stored hashes. They are counted as they come; none is kept, and none is shown. */
#include "doctor/hashes.h"

#include <string.h>
#include <sysexits.h>

#include "doctor/database.h"

enum {
	METHODS_MAX = 32, /* more than there are */
};

struct census {
	const struct hashes_judge *judge;
	struct {
		const char *name;
		bool is_weak;
		unsigned long n;
	} methods[METHODS_MAX];
	size_t n_methods;
	unsigned long n_users, n_locked, n_unknown;
};

static void census_add(struct census *census, const char *method, bool is_weak)
{
	size_t i = 0;

	while (i < census->n_methods && strcmp(census->methods[i].name, method) != 0) {
		i++;
	}
	if (i == METHODS_MAX) {
		return;
	}
	if (i == census->n_methods) {
		census->methods[i].name = method;
		census->methods[i].is_weak = is_weak;
		census->n_methods++;
	}
	census->methods[i].n++;
}

/* The hash is wiped behind its judgement, as everywhere in lmtpd-auth. */
static int census_on_row(void *data, const struct row *row)
{
	const struct column *stored = &row->columns[1];
	struct census *census = data;
	char hash[HASHES_TEXT_MAX];
	const char *method = NULL;
	bool is_weak = true, is_locked = stored->text == NULL;

	census->n_users++;
	if (stored->text != NULL && stored->n < sizeof(hash)) {
		memcpy(hash, stored->text, stored->n);
		hash[stored->n] = '\0';
		is_locked = census->judge->is_locked(hash);
		method = census->judge->method(hash, &is_weak);
		explicit_bzero(hash, sizeof(hash));
	}
	if (is_locked) {
		census->n_locked++;
	} else if (method == NULL) {
		census->n_unknown++;
	} else {
		census_add(census, method, is_weak);
	}
	return 0;
}

static void say_census(const struct census *census, struct report *report)
{
	for (size_t i = 0; i < census->n_methods; i++) {
		const char *name = census->methods[i].name;
		unsigned long n = census->methods[i].n;

		if (census->methods[i].is_weak) {
			report_warn(report, "hashes",
			    "easily broken when stolen: have these users set new passwords",
			    "%lu of %lu users: %s", n, census->n_users, name);
		} else {
			report_ok(
			    report, "hashes", "%lu of %lu users: %s", n, census->n_users, name);
		}
	}
	if (census->n_locked > 0) {
		report_ok(report, "hashes", "%lu of %lu users: locked", census->n_locked,
		    census->n_users);
	}
	if (census->n_unknown > 0) {
		report_fail(report, EX_CONFIG, "hashes",
		    "their method is not known, they need more than 256 MiB or absurd time, or "
		    "they were cut; their owners cannot log in until they have new ones "
		    "(lmtpd-auth --hash)",
		    "%lu of %lu users: cannot be checked here", census->n_unknown, census->n_users);
	}
}

void hashes_check(const struct directory_settings *settings, const char *users_query,
    const struct hashes_judge *judge, struct report *report)
{
	struct census census = { .judge = judge };
	struct directory_settings alone;
	struct directory *directory =
	    database_open_alone(settings, DIRECTORY_USERS, users_query, &alone);

	if (directory == NULL ||
	    directory_ask(directory, DIRECTORY_USERS, "", census_on_row, &census) != 0) {
		report_warn(report, "users_query",
		    "correct mysql.users_query; it is used by --check alone", "%s",
		    directory == NULL ? "cannot be read" : directory_error(directory));
	} else {
		say_census(&census, report);
	}
	directory_free(directory);
}
