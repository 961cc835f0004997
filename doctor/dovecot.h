/* SPDX-License-Identifier: MIT
 * What doveconf -N says of the places of mail and of folders, of both versions. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum {
	DOVECOT_MAILBOXES_MAX = 64, /* that are looked at */
};

enum dovecot_setting {
	DOVECOT_MAIL_LOCATION,
	DOVECOT_MAIL_DRIVER,
	DOVECOT_MAIL_PATH,
	DOVECOT_MAIL_INBOX_PATH,
	DOVECOT_MAIL_HOME,
	DOVECOT_PLACES, /* those before say where mail lies; those behind, how folders lie there */
	DOVECOT_LIST_LAYOUT = DOVECOT_PLACES,
	DOVECOT_LIST_UTF8,
	DOVECOT_CONTROL_PATH,
	DOVECOT_SETTINGS,
};

/* A folder that has something of its own. */
struct dovecot_mailbox {
	const char *name;
	const char *creation;    /* "no", "create" or "subscribe" */
	const char *special_use; /* "\\Junk", or several divided by blanks */
};

struct dovecot_namespace {
	const char *values[DOVECOT_SETTINGS]; /* that stand in it and override the others */
	const char *separator, *prefix;
	struct dovecot_mailbox mailboxes[DOVECOT_MAILBOXES_MAX];
	size_t n_mailboxes;
};

/* All of it lies in doveconf's text. NULL: nothing was said of it. */
struct dovecot {
	bool is_24;
	const char *values[DOVECOT_SETTINGS];
	unsigned n_userdbs;
	const char *driver, *home; /* of the userdb */
	bool is_opaque;            /* something overrides the places for some users or protocols */
	struct dovecot_namespace
	    inbox; /* the one that the INBOX is in; empty if it is Dovecot's own */
};

/* Kinds of blocks that all readers have; numbers behind them are for a reader's own. */
enum dovecot_block {
	DOVECOT_TOP,   /* outside of all blocks */
	DOVECOT_OTHER, /* nobody cares for it */
};

/* Told of each line of doveconf's text, which is cut for it, and of the kind of the block that the line stands in. A
 * block's line is without its brace ("mailbox Junk"), and a value without quotes. */
struct dovecot_reader {
	void (*on_comment)(void *data, const char *line); /* may be NULL */
	/* Returns the kind of the block that begins in the outer one, which is not DOVECOT_TOP. */
	int (*on_begin)(void *data, int outer, char *line);
	void (*on_end)(void *data, int block); /* of the one that ends; may be NULL */
	void (*on_value)(void *data, int block, const char *key, char *value);
	void *data;
};

void dovecot_walk(const struct dovecot_reader *reader, char *text);

/* Is it a block of that kind ("mailbox" of "mailbox Junk")? Its name, without quotes, "" if it has none; NULL: it is
 * another one. */
char *dovecot_block_name(char *line, const char *kind);

/* Cuts text into lines. */
void dovecot_read(struct dovecot *dovecot_r, char *text);

const char *dovecot_setting_name(enum dovecot_setting setting);
