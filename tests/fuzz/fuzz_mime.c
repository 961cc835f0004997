/* SPDX-License-Identifier: MIT
 * Fuzz target of the structure of messages, and of what is decoded in them. The first two bytes of an input say how it is cut
 * in a second run, which must come to the same; a message follows. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "mail/charset.h"
#include "mail/html.h"
#include "mail/mime.h"

static const struct parts *scan(
    struct arena *arena, struct span message, size_t first, size_t step, size_t *n_header_r)
{
	struct fuel fuel = { .left = UINT32_MAX };
	struct fields *fields;
	struct mime_scan *scan;

	arena_init(arena, 64 << 20);
	fields = fields_parse(arena, &fuel, message);
	if (fields == NULL) {
		fuzz_end_broken("there is memory for fields");
	}
	*n_header_r = (size_t)(fields->rest.p - message.p) + fields->rest.n;
	fuzz_require(*n_header_r <= message.n, "the header is a part of it");
	scan = mime_scan_new(arena, &fuel, fields);
	fuzz_require(scan != NULL, "there is memory for a scan");
	for (size_t at = *n_header_r, n; at < message.n; at += n) {
		n = first > 0 ? first : step;
		n = n < message.n - at ? n : message.n - at;
		first = 0;
		fuzz_require(
		    mime_scan_feed(scan, (struct span){ message.p + at, n }), "it goes on");
	}
	return mime_scan_end(scan);
}

static void check_part(const struct parts *parts, size_t i, uint64_t end)
{
	const struct part *part = &parts->list[i];
	const struct part *parent = part->parent;

	fuzz_require(
	    part->depth <= MIME_DEPTH_MAX && i + part->n_inside < parts->n, "it is bounded");
	fuzz_require(part->header_begin <= part->begin && part->begin <= part->prologue_end &&
			 part->prologue_end <= part->epilogue_begin &&
			 part->epilogue_begin <= part->end && part->end <= end,
	    "all is in order");
	fuzz_require((parent == NULL) == (i == 0), "one has no parent");
	if (parent != NULL) {
		fuzz_require(parent < part && part + part->n_inside <= parent + parent->n_inside &&
				 part->depth == parent->depth + 1 &&
				 part->header_begin >= parent->begin && part->end <= parent->end &&
				 (parent->is_multipart || parent->is_message),
		    "it lies in its parent");
	}
}

/* What it says, decoded, as UTF-8 and without tags; in pieces of some size. */
static char *text_of(const struct part *part, struct span body, size_t step, size_t *n_r)
{
	struct transfer_stream transfer = { part->transfer };
	struct charset_stream charset = { charset_utf8() };
	struct html_stream html = { 0 };
	struct span name = mime_value_find(&part->type, "charset");
	size_t n_bytes = body.n + 4 + TRANSFER_BLANKS_MAX;
	char *bytes = fuzz_room(n_bytes);
	char *utf8 = fuzz_room(CHARSET_GROWTH * (n_bytes + 4));
	char *text = fuzz_room(CHARSET_GROWTH * (n_bytes + 4) + HTML_KEPT_MAX);
	size_t at = 0;

	charset.charset = name.p == NULL ? charset_utf8() : charset_find(name);
	*n_r = 0;
	do {
		size_t n = step < body.n - at ? step : body.n - at;
		bool is_end = at + n == body.n;
		struct span in = { bytes, 0 }, characters = { utf8, 0 };

		in.n = transfer_decode(&transfer, (struct span){ body.p + at, n }, is_end, bytes);
		characters.n = charset_decode(&charset, in, is_end, utf8);
		fuzz_require(characters.n <= CHARSET_GROWTH * (in.n + 4), "characters have room");
		*n_r += html_text(&html, characters, is_end, text + *n_r);
		at += n;
	} while (at < body.n);
	free(bytes);
	free(utf8);
	fuzz_require(utf8_is_valid(text, *n_r), "text is UTF-8");
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct arena arena, arena_again;
	const struct parts *parts, *again;
	size_t n_header, n_text, n_text_again, first, step;
	struct span message;
	char *copy;

	if (n < 2) {
		return 0;
	}
	first = data[0];
	step = 1 + (size_t)data[1];
	copy = fuzz_copy(data + 2, n - 2);
	message = (struct span){ copy, n - 2 };
	parts = scan(&arena, message, 0, n, &n_header);
	again = scan(&arena_again, message, first, step, &n_header);
	if (parts == NULL || again == NULL) {
		fuzz_end_broken("there is memory for parts");
	}
	fuzz_require(parts->n == again->n && parts->n <= MIME_PARTS_MAX &&
			 parts->end == again->end && parts->end == message.n - n_header,
	    "there are the same parts");
	for (size_t i = 0; i < parts->n; i++) {
		const struct part *one = &parts->list[i], *other = &again->list[i];
		struct span body = { message.p + n_header + one->begin,
			(size_t)(one->end - one->begin) };
		char *text, *text_again;

		check_part(parts, i, parts->end);
		fuzz_require(one->begin == other->begin && one->end == other->end &&
				 one->prologue_end == other->prologue_end &&
				 one->epilogue_begin == other->epilogue_begin &&
				 one->depth == other->depth && one->fields->n == other->fields->n &&
				 one->n_inside == other->n_inside &&
				 one->transfer == other->transfer &&
				 one->type.first.n == other->type.first.n,
		    "they are the same");
		if (i < 8) {
			text = text_of(one, body, n, &n_text);
			text_again = text_of(one, body, step, &n_text_again);
			fuzz_require(
			    n_text == n_text_again && memcmp(text, text_again, n_text) == 0,
			    "their text is the same");
			free(text);
			free(text_again);
		}
	}
	arena_deinit(&arena);
	arena_deinit(&arena_again);
	free(copy);
	return 0;
}
