/* SPDX-License-Identifier: MIT
 * Columns by name. What a column says is taken or is a fault of the row: nothing is guessed, since the mail
 * would go to a wrong place, or bounce. Pure. */
#include "mail/mailbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum {
	TEXT_MAX = 1023, /* bytes of a path, and of a node's name */
};

const char *const mailbox_columns[] = { "home", "path", "enabled", "state", "quota_bytes",
	"quota_messages", NULL };

static const struct column *find(const struct row *row, const char *name)
{
	/* The first is the address, however it is called. */
	for (unsigned i = 1; i < row->n_columns; i++) {
		const struct column *column = &row->columns[i];

		if (strcasecmp(column->name, name) == 0) {
			return column->text == NULL ? NULL : column;
		}
	}
	return NULL;
}

/* A copy of the text in a column; NULL where there is none. Returns 0 or an accident. */
static int copy_text(const struct row *row, const char *name, char **text_r, struct error *error)
{
	const struct column *column = find(row, name);

	*text_r = NULL;
	if (column == NULL) {
		return 0;
	}
	if (column->n > TEXT_MAX || text_has_control(column->text, column->n)) {
		error_set(error, "its column %s is too long, or holds control bytes", name);
		return -EINVAL;
	}
	*text_r = strndup(column->text, column->n);
	return *text_r == NULL ? -ENOMEM : 0;
}

/* 0 is no, other numbers are yes. Returns them as 0 and 1, or an accident. */
static int read_enabled(const struct row *row, struct error *error)
{
	const struct column *column = find(row, "enabled");
	uint64_t number;

	if (column == NULL) {
		return 1;
	}
	if (!text_number(column->text, column->n, &number)) {
		error_set(error, "its column enabled is \"%.*s\", and not 0 or 1",
		    (int)(column->n < 64 ? column->n : 64), column->text);
		return -EINVAL;
	}
	return number != 0;
}

static int read_state(const struct row *row, const char *node, struct error *error)
{
	char *owner;
	int result = copy_text(row, "state", &owner, error);

	if (result < 0 || owner == NULL) {
		return result;
	}
	if (node == NULL || owner[0] == '\0' || strcasecmp(owner, node) == 0) {
		result = MAILBOX_HERE;
	} else if (strcasecmp(owner, "moving") == 0) {
		error_set(error, "is being moved");
		result = MAILBOX_MOVING;
	} else {
		error_set(error, "is served by node %s", owner);
		result = MAILBOX_ELSEWHERE;
	}
	free(owner);
	return result;
}

/* A limit that cannot be read must not keep mail out: it is none, and people are told. Returns 0 or -ENOMEM. */
static int read_limit(
    const struct row *row, const char *name, uint64_t *limit_r, struct mailbox *mailbox)
{
	const struct column *column = find(row, name);
	char doubt[160];

	*limit_r = 0;
	if (column == NULL || text_number(column->text, column->n, limit_r)) {
		return 0;
	}
	*limit_r = 0;
	snprintf(doubt, sizeof(doubt), "its column %s is \"%.*s\", and no whole number: no limit",
	    name, (int)(column->n < 64 ? column->n : 64), column->text);
	free(mailbox->doubt);
	mailbox->doubt = strdup(doubt);
	return mailbox->doubt == NULL ? -ENOMEM : 0;
}

int mailbox_read(
    struct mailbox *mailbox_r, const struct row *row, const char *node, struct error *error)
{
	const struct column *address = &row->columns[0];
	int result, enabled;

	*mailbox_r = (struct mailbox){ .home = NULL };
	error->text[0] = '\0';
	if (address_from_text(&mailbox_r->address, address->text, address->n) != ADDRESS_OK) {
		error_set(error, "its first column is no address");
		return -EINVAL;
	}
	if ((result = copy_text(row, "home", &mailbox_r->home, error)) < 0 ||
	    (result = copy_text(row, "path", &mailbox_r->path, error)) < 0 ||
	    (result = read_limit(row, "quota_bytes", &mailbox_r->limit.bytes, mailbox_r)) < 0 ||
	    (result = read_limit(row, "quota_messages", &mailbox_r->limit.messages, mailbox_r)) <
		0) {
		return result;
	}
	/* Where it is served comes first: of another node's mailbox nothing final is said here. */
	result = read_state(row, node, error);
	if (result != MAILBOX_HERE) {
		return result;
	}
	enabled = read_enabled(row, error);
	if (enabled == 0) {
		error_set(error, "is disabled");
		return MAILBOX_DISABLED;
	}
	return enabled < 0 ? enabled : MAILBOX_HERE;
}

void mailbox_deinit(struct mailbox *mailbox)
{
	free(mailbox->home);
	free(mailbox->path);
	free(mailbox->detail);
	free(mailbox->doubt);
	*mailbox = (struct mailbox){ .home = NULL };
}

bool mailbox_is_same(const struct mailbox *a, const struct mailbox *b)
{
	return strcmp(a->address.text, b->address.text) == 0 &&
	       (a->detail == NULL || b->detail == NULL ? a->detail == b->detail
						       : strcmp(a->detail, b->detail) == 0);
}
