/* SPDX-License-Identifier: MIT
 * What a part says: ranges of the message's body, through its transfer encoding, its character set, and HTML. */
#include "sieve/content.h"

#include "mail/charset.h"
#include "mail/html.h"

enum {
	PIECE = 4096, /* bytes that are decoded at once */
	RANGES = 2,
};

struct range {
	uint64_t begin, end;
};

struct content {
	struct sieve_run *run;
	enum content_form form;
	struct range ranges[RANGES];
	size_t n_ranges, range; /* the one that is read */
	uint64_t offset;
	bool has_ended; /* the last piece was given */
	bool is_text, is_html;
	struct transfer_stream transfer;
	struct charset_stream charset;
	struct html_stream html;
	char decoded[PIECE + 64], text[CHARSET_GROWTH * (PIECE + 64 + 4)],
	    plain[CHARSET_GROWTH * (PIECE + 64 + 4) + 64];
};

static void add_range(struct content *content, uint64_t begin, uint64_t end)
{
	if (begin < end) {
		content->ranges[content->n_ranges++] = (struct range){ begin, end };
	}
}

struct content *content_new(struct sieve_run *run, const struct part *part, enum content_form form)
{
	struct content *content = run_alloc(run, sizeof(*content));
	bool is_xhtml;

	if (content == NULL) {
		return NULL;
	}
	content->run = run;
	content->form = form;
	if (part == NULL) {
		add_range(content, 0, UINT64_MAX);
	} else if (part->is_multipart) {
		add_range(content, part->begin, part->prologue_end);
		add_range(content, part->epilogue_begin, part->end);
	} else if (part->is_message && part->n_inside > 0) {
		add_range(content, part[1].header_begin, part[1].begin - part[1].fields->rest.n);
	} else {
		add_range(content, part->begin, part->end);
		content->transfer.transfer = part->transfer;
		is_xhtml = span_is(part->type.first, "application/xhtml+xml");
		content->is_text = is_xhtml || span_is(part->type.type, "text");
		content->is_html =
		    form == CONTENT_TEXT && (is_xhtml || span_is(part->type.first, "text/html"));
		content->charset.charset = charset_find(mime_value_find(&part->type, "charset"));
	}
	if (content->n_ranges > 0) {
		content->offset = content->ranges[0].begin;
	}
	return content;
}

/* Bytes as they lie in the message: ANSWER_NO at the end of all ranges. */
static enum answer read_bytes(struct content *content, struct span *bytes_r)
{
	while (content->range < content->n_ranges) {
		const struct range *range = &content->ranges[content->range];
		enum answer answer = ANSWER_NO;

		if (content->offset < range->end) {
			answer = run_body(content->run, content->offset, bytes_r);
		}
		if (answer == ANSWER_YES) {
			if (bytes_r->n > PIECE) {
				bytes_r->n = PIECE;
			}
			if (bytes_r->n > range->end - content->offset) {
				bytes_r->n = range->end - content->offset;
			}
			content->offset += bytes_r->n;
			return ANSWER_YES;
		}
		if (answer == ANSWER_WAIT) {
			return answer;
		}
		content->range++;
		if (content->range < content->n_ranges) {
			content->offset = content->ranges[content->range].begin;
		}
	}
	return ANSWER_NO;
}

static struct span decode(struct content *content, struct span bytes, bool is_end)
{
	struct span piece = bytes;

	if (content->transfer.transfer == TRANSFER_BASE64 ||
	    content->transfer.transfer == TRANSFER_QUOTED_PRINTABLE) {
		piece = (struct span){ content->decoded,
			transfer_decode(&content->transfer, bytes, is_end, content->decoded) };
	}
	if (content->is_text) {
		piece = (struct span){ content->text,
			charset_decode(&content->charset, piece, is_end, content->text) };
	}
	if (content->is_html) {
		piece = (struct span){ content->plain,
			html_text(&content->html, piece, is_end, content->plain) };
	}
	return piece;
}

enum answer content_next(struct content *content, const struct node *node, struct span *piece_r)
{
	do {
		struct span bytes = { "", 0 };
		enum answer answer;

		if (content->has_ended) {
			return ANSWER_NO;
		}
		answer = read_bytes(content, &bytes);
		if (answer == ANSWER_WAIT) {
			return answer;
		}
		if (!fuel_take(&content->run->fuel, 2 * bytes.n)) {
			return run_exhausted(content->run, node);
		}
		content->has_ended = answer == ANSWER_NO;
		*piece_r = content->form == CONTENT_RAW
			       ? bytes
			       : decode(content, bytes, content->has_ended);
	} while (piece_r->n == 0);
	return ANSWER_YES;
}
