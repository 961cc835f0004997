/* SPDX-License-Identifier: MIT
 * The structure of a message, line by line. Of a line its first bytes are kept until they say whether it is a boundary,
 * so that nothing depends on how the body was cut. Pure: any thread. */
#include "mail/mime.h"

#include <string.h>

enum {
	/* What decides: "--", the boundary, "--". */
	LINE_MAX_KEPT = 2 + MIME_BOUNDARY_MAX + 2,
};

/* A part that is read, and what ends its own parts. */
struct open {
	struct part *part;
	struct span boundary; /* p is NULL: it has none, or had its last one */
	bool has_begun;       /* of a multipart: its first boundary was there */
};

struct mime_scan {
	struct arena *arena;
	struct fuel *fuel;
	struct parts parts;
	struct open open[MIME_DEPTH_MAX + 1];
	uint64_t at, line_begin;
	size_t n_line;
	struct part *closed; /* whose epilogue begins behind this line */
	char *header;        /* of the innermost part, while it is read */
	size_t n_header, header_room, n_headers_left;
	size_t n_whole;     /* bytes of its whole lines */
	size_t used_before; /* bytes of the arena */
	unsigned n_open;
	unsigned n_boundaries; /* of these */
	unsigned n_line_end;   /* of the line before: 1 LF, 2 CRLF, 0 there is none */
	char line[LINE_MAX_KEPT];
	char last;         /* byte of this line */
	bool is_decided;   /* it is text, or a boundary that was acted on */
	bool begins_part;  /* a part begins behind this line */
	bool is_in_header; /* of the innermost part */
	bool is_header_cut;
	bool is_out; /* of memory or fuel */
};

static struct open *innermost(struct mime_scan *scan)
{
	return &scan->open[scan->n_open - 1];
}

/* The value of the first field of that name; "" where there is none. */
static bool read_value(struct mime_scan *scan, const struct fields *fields, const char *name,
    const char *fallback, struct mime_value *value_r)
{
	const struct field *field =
	    fields_find(fields, (struct span){ name, strlen(name) }, 1, false);
	struct span text = { fallback, strlen(fallback) };

	if (field != NULL) {
		text = field_value(field, scan->arena, scan->fuel);
	}
	return text.p != NULL && mime_value_parse(text, scan->arena, scan->fuel, value_r);
}

/* What kind of part the innermost one is, by its fields. */
static bool read_kind(struct mime_scan *scan, struct part *part)
{
	static const char plain[] = "text/plain; charset=us-ascii";
	const struct part *parent = part->parent;
	bool is_digest =
	    parent != NULL && parent->is_multipart && span_is(parent->type.subtype, "digest");
	struct mime_value encoding;

	if (!read_value(scan, part->fields, "Content-Type", is_digest ? "message/rfc822" : plain,
		&part->type) ||
	    (part->type.type.n == 0 && !mime_value_parse((struct span){ plain, sizeof(plain) - 1 },
					   scan->arena, scan->fuel, &part->type)) ||
	    !read_value(scan, part->fields, "Content-Transfer-Encoding", "", &encoding)) {
		return false;
	}
	part->transfer = transfer_find(encoding.first);
	part->is_multipart = span_is(part->type.type, "multipart");
	/* RFC 2046 5.2.1 allows no encoding of a message; one that has one cannot be looked into. */
	part->is_message =
	    part->transfer == TRANSFER_PLAIN && (span_is(part->type.first, "message/rfc822") ||
						    span_is(part->type.first, "message/global"));
	return true;
}

/* A new part inside of the innermost one; its header comes next. False: there are too many, or it would be too deep. */
static bool add_part(struct mime_scan *scan, uint64_t begin)
{
	struct part *part = &scan->parts.list[scan->parts.n];

	if (scan->parts.n == MIME_PARTS_MAX || scan->n_open > MIME_DEPTH_MAX) {
		scan->parts.is_cut = true;
		return false;
	}
	part->parent = scan->n_open == 0 ? NULL : innermost(scan)->part;
	part->depth = scan->n_open;
	part->header_begin = begin;
	scan->parts.n++;
	scan->open[scan->n_open++] = (struct open){ .part = part };
	scan->is_in_header = true;
	scan->n_header = scan->n_whole = 0;
	scan->is_header_cut = false;
	return true;
}

/* The body of the innermost part begins. Its fields are known. */
static bool begin_body(struct mime_scan *scan, uint64_t begin)
{
	struct open *open = innermost(scan);
	struct part *part = open->part;
	struct span boundary;

	part->begin = begin;
	scan->is_in_header = false;
	if (!read_kind(scan, part)) {
		return false;
	}
	boundary = mime_value_find(&part->type, "boundary");
	while (boundary.n > 0 && boundary.p[boundary.n - 1] == ' ') {
		boundary.n--;
	}
	if (part->is_multipart && boundary.n > 0 && boundary.n <= MIME_BOUNDARY_MAX) {
		if (part->depth < MIME_DEPTH_MAX) {
			open->boundary = boundary;
			scan->n_boundaries++;
		} else {
			scan->parts.is_cut = true;
		}
	}
	part->is_message = part->is_message && add_part(scan, begin);
	return true;
}

/* The header of the innermost part has ended. */
static bool end_header(struct mime_scan *scan, uint64_t begin)
{
	struct span header = { scan->header, scan->n_header };

	if (scan->n_header > 0) {
		header = arena_copy(scan->arena, header);
	}
	scan->n_headers_left -= scan->n_header;
	scan->n_header = 0;
	innermost(scan)->part->fields = fields_parse(scan->arena, scan->fuel, header);
	if (innermost(scan)->part->fields == NULL || !begin_body(scan, begin)) {
		return false;
	}
	if (scan->arena->used - scan->used_before > MIME_MEMORY_MAX) {
		scan->n_headers_left = 0;
	}
	return true;
}

/* Keeps bytes of a header; of those that are too many the last whole line is the end. */
static bool keep_header(struct mime_scan *scan, const char *p, size_t n)
{
	if (scan->is_header_cut || n > scan->n_headers_left - scan->n_header) {
		scan->n_header = scan->n_whole;
		scan->is_header_cut = scan->parts.is_cut = true;
		return true;
	}
	if (n > scan->header_room - scan->n_header) {
		size_t room = 2 * (scan->n_header + n) + 1024;
		char *grown;

		room = room < MIME_HEADERS_MAX ? room : MIME_HEADERS_MAX;
		grown = arena_alloc(scan->arena, room);

		if (grown == NULL) {
			return false;
		}
		if (scan->n_header > 0) {
			memcpy(grown, scan->header, scan->n_header);
		}
		scan->header = grown;
		scan->header_room = room;
	}
	memcpy(scan->header + scan->n_header, p, n);
	scan->n_header += n;
	return true;
}

/* Where what is in front of a boundary ends: the end of the line before belongs to it (RFC 2046 5.1.1). */
static uint64_t end_before(const struct mime_scan *scan, uint64_t begin)
{
	uint64_t end = scan->line_begin - scan->n_line_end;

	return end > begin ? end : begin;
}

/* Ends the parts inside of the first n_open ones. */
static bool close_parts(struct mime_scan *scan, unsigned n_open)
{
	uint64_t end = 0;

	while (scan->is_in_header) { /* it has no body; a message in it neither */
		if (!end_header(scan, end_before(scan, innermost(scan)->part->header_begin))) {
			return false;
		}
	}
	for (; scan->n_open > n_open; scan->n_open--) {
		struct open *open = innermost(scan);
		struct part *part = open->part;

		/* An empty body begins behind the line end that else belongs to the boundary: so do those around it end. */
		part->end = end = end_before(scan, part->begin > end ? part->begin : end);
		part->n_inside = scan->parts.n - 1 - (size_t)(part - scan->parts.list);
		if (!part->is_multipart) {
			part->prologue_end = part->begin;
			part->epilogue_begin = part->end;
		} else if (!open->has_begun) {
			part->prologue_end = part->epilogue_begin = part->end;
		} else if (part->epilogue_begin == 0 || part->epilogue_begin > part->end) {
			part->epilogue_begin = part->end;
		}
		scan->n_boundaries -= open->boundary.p != NULL;
	}
	return true;
}

/* Is the line that is kept a boundary of an open part? The longest one counts, the innermost of the same. */
static struct open *find_boundary(struct mime_scan *scan)
{
	struct open *found = NULL;

	for (unsigned i = scan->n_open; i-- > 0;) {
		struct open *open = &scan->open[i];

		if (open->boundary.p == NULL || open->boundary.n > scan->n_line - 2 ||
		    (found != NULL && open->boundary.n <= found->boundary.n)) {
			continue;
		}
		if (!fuel_take(scan->fuel, open->boundary.n)) {
			scan->is_out = true;
			return NULL;
		}
		if (memcmp(scan->line + 2, open->boundary.p, open->boundary.n) == 0) {
			found = open;
		}
	}
	return found;
}

/* Enough of a line is there. */
static bool decide(struct mime_scan *scan)
{
	bool is_candidate = scan->n_line > 2 && memcmp(scan->line, "--", 2) == 0;
	struct open *open = is_candidate ? find_boundary(scan) : NULL;
	const char *behind;

	scan->is_decided = true;
	if (scan->is_out) {
		return false;
	}
	if (open == NULL) {
		return !scan->is_in_header || keep_header(scan, scan->line, scan->n_line);
	}
	if (!close_parts(scan, (unsigned)(open - scan->open) + 1)) {
		return false;
	}
	if (!open->has_begun) {
		open->has_begun = true;
		open->part->prologue_end = end_before(scan, open->part->begin);
	}
	behind = scan->line + 2 + open->boundary.n;
	if (scan->n_line - 2 - open->boundary.n >= 2 && memcmp(behind, "--", 2) == 0) {
		open->boundary.p = NULL;
		scan->n_boundaries--;
		scan->closed = open->part;
	} else {
		scan->begins_part = true;
	}
	return true;
}

/* Behind the end of a line. */
static bool end_line(struct mime_scan *scan)
{
	bool is_crlf = scan->last == '\r';
	bool is_empty = scan->at - scan->line_begin == (is_crlf ? 2 : 1);

	scan->n_whole = scan->n_header;
	if (scan->closed != NULL) {
		scan->closed->epilogue_begin = scan->at;
		scan->closed = NULL;
	} else if (scan->begins_part) {
		scan->begins_part = false;
		add_part(scan, scan->at);
	} else if (scan->is_in_header && is_empty && !end_header(scan, scan->at)) {
		return false;
	}
	scan->line_begin = scan->at;
	scan->last = '\0';
	scan->n_line_end = is_crlf ? 2 : 1;
	scan->n_line = 0;
	scan->is_decided = false;
	return true;
}

/* Bytes of one line, with its LF if that is among them. */
static bool take_bytes(struct mime_scan *scan, const char *p, size_t n)
{
	size_t i = 0;
	bool has_end = p[n - 1] == '\n';

	while (i < n && !scan->is_decided) {
		bool can_be = p[i] != '\n' && (scan->n_line >= 2 || p[i] == '-');

		scan->line[scan->n_line++] = p[i++];
		if ((!can_be || scan->n_line == LINE_MAX_KEPT) && !decide(scan)) {
			return false;
		}
	}
	if (i < n && scan->is_in_header && !keep_header(scan, p + i, n - i)) {
		return false;
	}
	scan->at += n;
	if (n > 1 || !has_end) {
		scan->last = p[has_end ? n - 2 : n - 1];
	}
	return !has_end || end_line(scan);
}

struct mime_scan *mime_scan_new(struct arena *arena, struct fuel *fuel, struct fields *header)
{
	struct mime_scan *scan = arena_alloc(arena, sizeof(*scan));

	if (scan == NULL) {
		return NULL;
	}
	scan->arena = arena;
	scan->fuel = fuel;
	scan->n_headers_left = MIME_HEADERS_MAX;
	scan->used_before = arena->used;
	scan->parts.list = arena_alloc(arena, MIME_PARTS_MAX * sizeof(*scan->parts.list));
	if (scan->parts.list == NULL || !add_part(scan, 0)) {
		return NULL;
	}
	innermost(scan)->part->fields = header;
	return begin_body(scan, 0) ? scan : NULL;
}

bool mime_scan_feed(struct mime_scan *scan, struct span bytes)
{
	scan->is_out = scan->is_out || !fuel_take(scan->fuel, bytes.n);
	while (!scan->is_out && bytes.n > 0) {
		const char *lf;
		size_t n = bytes.n;

		/* Without a boundary to look for there is nothing to see. */
		if (scan->n_boundaries > 0 || scan->is_in_header || scan->closed != NULL) {
			lf = memchr(bytes.p, '\n', bytes.n);
			n = lf == NULL ? bytes.n : (size_t)(lf - bytes.p) + 1;
			scan->is_out = !take_bytes(scan, bytes.p, n);
		} else {
			scan->at += n;
		}
		bytes.p += n;
		bytes.n -= n;
	}
	return !scan->is_out;
}

const struct parts *mime_scan_end(struct mime_scan *scan)
{
	if (scan->is_out || (scan->n_line > 0 && !scan->is_decided && !decide(scan))) {
		return NULL;
	}
	/* All that is there belongs to what is open. */
	scan->line_begin = scan->at;
	scan->n_line_end = 0;
	scan->parts.end = scan->at;
	return close_parts(scan, 0) ? &scan->parts : NULL;
}
