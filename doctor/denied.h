/* SPDX-License-Identifier: MIT
 * What an account may not read, in the server's own words: the statement that is missing can be typed then. */
#pragma once

#include <stdbool.h>

enum {
	DENIED_NAME_MAX = 65, /* bytes of a name that is looked at, NUL included */
};

struct denied {
	char table[DENIED_NAME_MAX];
	char column[DENIED_NAME_MAX]; /* "": nothing of the table may be read */
};

/* Reads the errors 1142 and 1143 of MySQL and MariaDB, with whatever stands around them. False where there is none,
 * or where a name has more than letters, digits, _ and $ and cannot stand in a command as it is. */
bool denied_read(const char *said, struct denied *denied_r);
