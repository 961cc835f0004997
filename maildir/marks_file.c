/* SPDX-License-Identifier: MIT
 * Whatever the bytes are, they are read in one pass from the front, and never beyond their end. */
#include "maildir/marks_file.h"

#include <string.h>

static uint32_t number_at(const char *p)
{
	uint32_t number;

	memcpy(&number, p, sizeof(number));
	return number;
}

size_t marks_file_begin(struct span file)
{
	return file.n >= MARKS_HEAD && number_at(file.p) == MARKS_VERSION ? MARKS_HEAD : 0;
}

bool marks_file_next(struct span file, size_t *at, struct marks_record *record_r)
{
	const char *p = file.p + *at;
	uint32_t n_id, n_user;

	if (file.n - *at < MARKS_RECORD_HEAD) {
		return false;
	}
	n_id = number_at(p + 4);
	n_user = number_at(p + 8);
	if (n_id == 0 || n_id > MARKS_PART_MAX || n_user == 0 || n_user > MARKS_PART_MAX ||
	    file.n - *at - MARKS_RECORD_HEAD < n_id + n_user) {
		return false;
	}
	*record_r = (struct marks_record){ .until = number_at(p),
		.id = { p + MARKS_RECORD_HEAD, n_id },
		.user = { p + MARKS_RECORD_HEAD + n_id, n_user },
		.at = *at,
		.n = MARKS_RECORD_HEAD + n_id + n_user };
	*at += record_r->n;
	return true;
}

bool marks_record_counts(const struct marks_record *record, time_t now)
{
	return (time_t)record->until >= now;
}

bool marks_record_is(const struct marks_record *record, struct span user, struct span id)
{
	return span_equals(record->id, id) && span_is_same(record->user, user);
}

bool marks_file_has(struct span file, struct span user, struct span id, time_t now)
{
	size_t at = marks_file_begin(file);
	struct marks_record record;
	bool has = false;

	while (at > 0 && marks_file_next(file, &at, &record)) {
		if (marks_record_is(&record, user, id)) {
			has = marks_record_counts(&record, now);
		}
	}
	return has;
}

static size_t put_number(char *out, size_t at, uint32_t number)
{
	if (out != NULL) {
		memcpy(out + at, &number, sizeof(number));
	}
	return at + sizeof(number);
}

static size_t put_bytes(char *out, size_t at, struct span bytes)
{
	if (out != NULL) {
		memcpy(out + at, bytes.p, bytes.n);
	}
	return at + bytes.n;
}

size_t marks_file_write_head(char *out)
{
	return put_number(out, 0, MARKS_VERSION);
}

size_t marks_file_write(char *out, uint32_t until, struct span id, struct span user)
{
	size_t n = put_number(out, 0, until);

	n = put_number(out, n, (uint32_t)id.n);
	n = put_number(out, n, (uint32_t)user.n);
	n = put_bytes(out, n, id);
	return put_bytes(out, n, user);
}

uint32_t marks_file_until(time_t until)
{
	return until > (time_t)UINT32_MAX ? UINT32_MAX : until < 0 ? 0 : (uint32_t)until;
}
