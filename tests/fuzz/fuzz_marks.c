/* SPDX-License-Identifier: MIT
 * Fuzz target of the file of marks. The model reads it by its numbers, one after the other; what is written of what was read is
 * read the same again.
 *
 * An input is a file. The user and id of its last record are looked for in it, and those of others. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "maildir/marks_file.h"

enum {
	INPUT_MAX = 20000,
	NOW = 1790000000,
};

static uint32_t number(const uint8_t *data)
{
	uint32_t value;

	memcpy(&value, data, sizeof(value));
	return value;
}

/* Where the record at a place ends, or 0. */
static size_t end_of_record(const uint8_t *data, size_t n, size_t at)
{
	uint64_t n_id, n_user, end;

	if (at + 12 > n) {
		return 0;
	}
	n_id = number(data + at + 4);
	n_user = number(data + at + 8);
	end = at + 12 + n_id + n_user;
	return n_id == 0 || n_user == 0 || n_id > 4096 || n_user > 4096 || end > n ? 0
										   : (size_t)end;
}

static struct span part(const uint8_t *data, size_t at, size_t n)
{
	return (struct span){ (const char *)data + at, n };
}

/* Does the last record of that id and user count? */
static bool model_has(const uint8_t *data, size_t n, struct span user, struct span id)
{
	bool has = false;

	for (size_t at = 4, end; (end = end_of_record(data, n, at)) > 0; at = end) {
		size_t n_id = number(data + at + 4), n_user = end - at - 12 - n_id;

		if (n_id == id.n && n_user == user.n && memcmp(data + at + 12, id.p, n_id) == 0 &&
		    span_is_same(part(data, at + 12 + n_id, n_user), user)) {
			has = number(data + at) >= NOW;
		}
	}
	return has;
}

static void check_lookup(const uint8_t *data, size_t n, struct span user, struct span id)
{
	bool has = marks_file_has((struct span){ (const char *)data, n }, user, id, NOW);

	fuzz_require(has == model_has(data, n, user, id), "the last record counts");
}

/* Reads all records, and writes them. */
static void check_records(const uint8_t *data, size_t n)
{
	const struct span file = { (const char *)data, n };
	size_t at = marks_file_begin(file), n_out, end;
	struct marks_record record;
	char *out = fuzz_room(n);

	n_out = marks_file_write_head(out);
	while ((end = end_of_record(data, n, at)) > 0) {
		fuzz_require(marks_file_next(file, &at, &record), "a record can be read");
		fuzz_require(at == end && record.at + record.n == end, "to its end");
		fuzz_require(
		    marks_file_write(NULL, record.until, record.id, record.user) == record.n,
		    "its size is known");
		n_out += marks_file_write(out + n_out, record.until, record.id, record.user);
		check_lookup(data, n, record.user, record.id);
		check_lookup(data, n, record.id, record.user);
	}
	end = at;
	fuzz_require(!marks_file_next(file, &at, &record) && at == end, "there is no other one");
	fuzz_require(n_out == at && memcmp(out, data, n_out) == 0, "all of it is written");
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	uint8_t *copy;

	if (n > INPUT_MAX) {
		return 0;
	}
	copy = fuzz_copy(data, n);
	if (n < 4 || number(copy) != 2) {
		fuzz_require(marks_file_begin((struct span){ (const char *)copy, n }) == 0,
		    "it is no such file");
		fuzz_require(!marks_file_has((struct span){ (const char *)copy, n },
				 (struct span){ "u", 1 }, (struct span){ "i", 1 }, NOW),
		    "and has nothing");
	} else {
		check_records(copy, n);
	}
	free(copy);
	return 0;
}
