/* SPDX-License-Identifier: MIT
 * RFC 8259. */
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

static void put(struct json *json, const char *text)
{
	json->put(json->data, text, strlen(text));
}

/* What stands before every value: the comma behind the one before, and the name. */
static void begin_value(struct json *json, const char *name)
{
	if (json->needs_comma) {
		put(json, ",");
	}
	json->needs_comma = true;
	if (name != NULL) {
		put(json, "\"");
		put(json, name);
		put(json, "\":");
	}
}

void json_open(struct json *json, const char *name, enum json_kind kind)
{
	begin_value(json, name);
	put(json, kind == JSON_OBJECT ? "{" : "[");
	json->open[json->depth++] = kind;
	json->needs_comma = false;
}

void json_close(struct json *json)
{
	put(json, json->open[--json->depth] == JSON_OBJECT ? "}" : "]");
	json->needs_comma = true;
}

void json_number(struct json *json, const char *name, uint64_t number)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	begin_value(json, name);
	put(json, text);
}

void json_seconds(struct json *json, const char *name, uint64_t microseconds)
{
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%06" PRIu64, microseconds / 1000000,
	    microseconds % 1000000);
	begin_value(json, name);
	put(json, text);
}

/* One character, n bytes long; n is 0 for a byte that begins none. Section 7 says what must be escaped; DEL
 * need not be, but no terminal should meet it. */
static void put_character(struct json *json, const char *p, size_t n)
{
	char escape[8];

	if (json->is_ascii && (n != 1 || text_is_control(*p))) {
		put(json, "?");
	} else if (n == 0) {
		put(json, "\\ufffd");
	} else if (n == 1 && text_is_control(*p)) {
		snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)*p);
		put(json, escape);
	} else {
		if (*p == '"' || *p == '\\') {
			put(json, "\\");
		}
		json->put(json->data, p, n);
	}
}

void json_text(struct json *json, const char *name, const char *text)
{
	begin_value(json, name);
	if (text == NULL) {
		put(json, "null");
		return;
	}
	put(json, "\"");
	while (*text != '\0') {
		size_t n = json->is_ascii ? (unsigned char)*text < 0x80
					  : utf8_length(text, strnlen(text, 4));

		put_character(json, text, n);
		text += n == 0 ? 1 : n;
	}
	put(json, "\"");
}
