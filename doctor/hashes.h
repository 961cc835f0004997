/* SPDX-License-Identifier: MIT
 * What --check says of the password hashes that are stored: how many of each method, and which should go. */
#pragma once

#include <stdbool.h>

#include "doctor/report.h"
#include "schema/directory.h"

enum {
	HASHES_TEXT_MAX =
	    384, /* bytes of a hash, NUL included: crypt(5) makes none that is longer */
};

/* What can be told from a stored hash. */
struct hashes_judge {
	/* May nobody log in with it, by the will of the admin? */
	bool (*is_locked)(const char *stored);
	/* The name of its method, which lives on; NULL for none that can be checked here. is_weak_r: is it
	 * easily broken? */
	const char *(*method)(const char *stored, bool *is_weak_r);
};

/* Runs the query that lists all users with their hashes, and counts. */
void hashes_check(const struct directory_settings *settings, const char *users_query,
    const struct hashes_judge *judge, struct report *report);
