/* SPDX-License-Identifier: MIT
 * A mailbox, as its row describes it: the address, and whatever further columns its query names. A column
 * counts by its name, in any order; one that is not there, or NULL, leaves what holds for all. */
#pragma once

#include "base/error.h"
#include "base/row.h"
#include "mail/address.h"
#include "mail/quota.h"

struct mailbox {
	struct address address; /* as it is stored */
	char *home;             /* an absolute path; NULL: as for all */
	char *path;             /* of the Maildir below home; NULL: as for all */
	/* What stood behind the delimiter in the address that led here, in its own case. NULL: nothing,
	 * or nobody wants it. */
	char *detail;
	struct quota limit; /* what it may hold; 0 is no limit */
	char *doubt; /* what is wrong with its limit, which is none then, in words; NULL: nothing */
};

enum mailbox_state {
	MAILBOX_HERE,
	MAILBOX_DISABLED,  /* it is known, and gets no mail */
	MAILBOX_MOVING,    /* to another node, right now */
	MAILBOX_ELSEWHERE, /* on another node */
};

/* The names of columns that a row may have behind its first; NULL ends them. */
extern const char *const mailbox_columns[];

/* Makes a mailbox of a row. node: our own name, as the column `state` has it; NULL: all mailboxes are taken for
 * ours. Returns a mailbox_state, with words for it in error where it is not MAILBOX_HERE (the other node's name),
 * or a negative accident: -ENOMEM, or -EINVAL with what is wrong with the row in error.
 * mailbox_deinit() is due in every case. */
int mailbox_read(
    struct mailbox *mailbox_r, const struct row *row, const char *node, struct error *error);
void mailbox_deinit(struct mailbox *mailbox);

/* Do both lead to one place: the same row, and the same detail? */
bool mailbox_is_same(const struct mailbox *a, const struct mailbox *b);
