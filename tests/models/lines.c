/* SPDX-License-Identifier: MIT
 * A client's view of what a server sends. */
#include "tests/models/lines.h"

#include <string.h>

struct rest {
	const char *p;
	size_t n;
};

static bool take_text(struct rest *rest, const char *text)
{
	size_t n = strlen(text);

	if (rest->n < n || memcmp(rest->p, text, n) != 0) {
		return false;
	}
	rest->p += n;
	rest->n -= n;
	return true;
}

bool line_read_id(const char *text, size_t n, uint32_t *id_r)
{
	uint64_t id = 0;
	size_t i = 0;

	while (i < n && text[i] >= '0' && text[i] <= '9' && id <= UINT32_MAX) {
		id = id * 10 + (uint64_t)(text[i++] - '0');
	}
	*id_r = (uint32_t)id;
	return n > 0 && i == n && id <= UINT32_MAX;
}

static bool take_id(struct rest *rest, uint32_t *id_r)
{
	const char *tab = memchr(rest->p, '\t', rest->n);
	size_t n = tab == NULL ? rest->n : (size_t)(tab - rest->p);
	bool is_id = line_read_id(rest->p, n, id_r) && (n == 1 || rest->p[0] != '0');

	rest->p += n;
	rest->n -= n;
	return is_id;
}

static bool is_name(struct rest rest)
{
	for (size_t i = 0; i < rest.n; i++) {
		unsigned char c = (unsigned char)rest.p[i];

		if (c < 0x20 || c == 0x7f) {
			return false;
		}
	}
	return rest.n > 0;
}

/* What the mechanisms ask: nothing, "Username:", "Password:". */
static bool is_challenge(struct rest rest)
{
	return rest.n == 0 || (rest.n == 12 && (memcmp(rest.p, "VXNlcm5hbWU6", 12) == 0 ||
						   memcmp(rest.p, "UGFzc3dvcmQ6", 12) == 0));
}

enum line_kind line_read(const char *line, size_t n, uint32_t *id_r)
{
	struct rest rest = { line, n };

	if (take_text(&rest, "OK\t")) {
		return take_id(&rest, id_r) && take_text(&rest, "\tuser=") && is_name(rest)
			   ? LINE_OK
			   : LINE_NONE;
	}
	if (take_text(&rest, "FAIL\t")) {
		return take_id(&rest, id_r) &&
			       (rest.n == 0 || (take_text(&rest, "\tuser=") && is_name(rest)))
			   ? LINE_FAIL
			   : LINE_NONE;
	}
	return take_text(&rest, "CONT\t") && take_id(&rest, id_r) && take_text(&rest, "\t") &&
		       is_challenge(rest)
		   ? LINE_CONT
		   : LINE_NONE;
}
