/* SPDX-License-Identifier: MIT
 * mailto: URIs. */
#include "sieve/mailto.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "mail/fields.h"
#include "mail/transfer.h"

/* p is NULL: no memory, or it is no encoding. */
static struct span decode(struct span in, struct arena *arena)
{
	char *p = arena_alloc(arena, in.n + 1);

	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] == '%' &&
		    (in.n - i < 3 || text_hex(in.p[i + 1]) < 0 || text_hex(in.p[i + 2]) < 0)) {
			return span_of(NULL);
		}
	}
	return p != NULL ? (struct span){ p, transfer_unescape(in, '%', p) } : span_of(NULL);
}

/* The part up to one of the characters, which is taken off with it. */
static struct span take(struct span *text, char end)
{
	struct span part = { text->p, 0 };

	while (part.n < text->n && text->p[part.n] != end) {
		part.n++;
	}
	text->p += part.n + (part.n < text->n);
	text->n -= part.n + (part.n < text->n);
	return part;
}

static bool is_named(const struct mailto *mailto, struct span address)
{
	for (size_t i = 0; i < mailto->n_recipients; i++) {
		if (span_is_same(mailto->recipients[i].address.text, address)) {
			return true;
		}
	}
	return false;
}

/* A list of addresses with commas between them, which may be encoded. */
static int add_recipients(struct span list, struct arena *arena, struct mailto *mailto,
    enum mailto_place place, const char **error_r)
{
	struct span left = decode(list, arena);

	if (left.p == NULL) {
		*error_r = "a percent sign is not followed by two digits";
		return 1;
	}
	while (left.n > 0) {
		struct span text = take(&left, ',');
		struct mail_address address;
		int result = addresses_parse_one(text, true, arena, &address);

		if (result != 0) {
			*error_r = "it holds what is no address";
			return result;
		}
		if (mailto->n_recipients == MAILTO_RECIPIENTS_MAX) {
			*error_r = "it names too many recipients";
			return 1;
		}
		if (!is_named(mailto, address.text)) {
			mailto->recipients[mailto->n_recipients++] =
			    (struct mailto_recipient){ address, place };
		}
	}
	return 0;
}

static bool is_ours(struct span name)
{
	static const char *const fields[] = { "from", "auto-submitted", "date", "message-id",
		"received", "return-path", "sender", "resent-to", "resent-cc", "resent-bcc",
		"mime-version", "content-type", "content-transfer-encoding", "x-sieve", NULL };

	return span_find(name, fields) >= 0;
}

static int add_field(
    struct span field, struct arena *arena, struct mailto *mailto, const char **error_r)
{
	static const char *const places[] = {
		[MAILTO_TO] = "to", [MAILTO_CC] = "cc", [MAILTO_BCC] = "bcc", NULL
	};
	struct span name = decode(take(&field, '='), arena), value;
	int place = span_find(name, places);

	if (place >= 0) {
		return add_recipients(field, arena, mailto, (enum mailto_place)place, error_r);
	}
	value = decode(field, arena);
	if (name.p == NULL || value.p == NULL || !field_name_is_valid(name) ||
	    !utf8_is_valid(value.p, value.n)) {
		*error_r = "it holds a header field that is none";
		return 1;
	}
	if (span_is(name, "subject")) {
		mailto->subject = value;
	} else if (span_is(name, "body")) {
		mailto->body = value;
	} else if (!is_ours(name)) {
		if (mailto->n_fields == MAILTO_FIELDS_MAX) {
			*error_r = "it names too many header fields";
			return 1;
		}
		mailto->fields[mailto->n_fields++] = (struct mailto_field){ name, value };
	}
	return 0;
}

int mailto_parse(
    struct span uri, struct arena *arena, struct mailto *mailto_r, const char **error_r)
{
	static const char prefix[] = "mailto:";
	struct span fields, to;
	int result;

	*mailto_r = (struct mailto){ 0 };
	if (!span_begins(uri, prefix)) {
		*error_r = "it does not begin with mailto:";
		return 1;
	}
	fields = span_from(uri, strlen(prefix));
	to = take(&fields, '?');
	result = add_recipients(to, arena, mailto_r, MAILTO_TO, error_r);
	while (result == 0 && fields.n > 0) {
		result = add_field(take(&fields, '&'), arena, mailto_r, error_r);
	}
	if (result == 0 && mailto_r->n_recipients == 0) {
		*error_r = "it names no recipient";
		result = 1;
	}
	return result;
}
