/* SPDX-License-Identifier: MIT
 * Names of folders: as clients see them, and as directories of a mailbox.
 *
 * In Maildir++, Dovecot's layout, the folder "Work/R&D" is the directory ".Work.R&-D" beside cur/: its levels in
 * modified UTF-7 (RFC 3501 5.1.3), with a dot in front of each, whatever clients see between them. Pure: any
 * thread. */
#pragma once

#include <stddef.h>

enum {
	FOLDER_DIRECTORY_MAX = 255, /* bytes of a directory's name */
	FOLDER_LEVELS_MAX = 16,
};

/* What clients see, as Dovecot's namespace has it. */
struct folder_style {
	char separator;     /* of levels: '.' as a rule, or '/' */
	const char *prefix; /* "" as a rule, or "INBOX."; a name may do without it */
};

/* Why a name is refused. */
enum folder_outcome {
	FOLDER_FINE = 0,
	FOLDER_NOT_UTF8,
	FOLDER_CONTROL,     /* a control character */
	FOLDER_EMPTY_LEVEL, /* separators in front, at the end, or one behind the other */
	FOLDER_SLASH,
	FOLDER_TILDE,    /* in front */
	FOLDER_WILDCARD, /* of the IMAP command LIST */
	FOLDER_DOTS,     /* "." or ".." as a level */
	FOLDER_DOT,      /* in a level: on the disk it divides levels */
	FOLDER_TOO_LONG,
	FOLDER_TOO_DEEP,
	FOLDER_NAMELESS, /* a directory that no name leads to */
};

/* The directory of name[0..n), UTF-8, in directory_r[FOLDER_DIRECTORY_MAX + 1]; "" for INBOX, in any case, and
 * for an empty name. What is refused leaves "" there. */
enum folder_outcome folder_to_directory(
    const struct folder_style *style, const char *name, size_t n, char *directory_r);

/* The way back: the name that leads to a directory, in name_r[n]. FOLDER_NAMELESS, FOLDER_TOO_LONG for name_r, or
 * what folder_to_directory() would say of it; then it is "". */
enum folder_outcome folder_to_name(
    const struct folder_style *style, const char *directory, char *name_r, size_t n);

/* In words: "it is not UTF-8". */
const char *folder_reason(enum folder_outcome outcome);
