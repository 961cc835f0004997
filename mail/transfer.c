/* SPDX-License-Identifier: MIT
 * Base64 (RFC 2045 6.8) and quoted-printable (6.7). What comes out does not depend on how the input was cut.
 * Pure: any thread. */
#include "mail/transfer.h"

#include <string.h>

enum transfer transfer_find(struct span name)
{
	static const struct {
		const char *name;
		enum transfer transfer;
	} known[] = {
		{ "", TRANSFER_PLAIN },
		{ "7bit", TRANSFER_PLAIN },
		{ "8bit", TRANSFER_PLAIN },
		{ "binary", TRANSFER_PLAIN },
		{ "base64", TRANSFER_BASE64 },
		{ "quoted-printable", TRANSFER_QUOTED_PRINTABLE },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (span_is(name, known[i].name)) {
			return known[i].transfer;
		}
	}
	return TRANSFER_UNKNOWN;
}

/* -1: it is none of base64. */
static int digit64(char c)
{
	if (c >= 'A' && c <= 'Z') {
		return c - 'A';
	}
	if (c >= 'a' && c <= 'z') {
		return c - 'a' + 26;
	}
	if (c >= '0' && c <= '9') {
		return c - '0' + 52;
	}
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The bytes of up to four digits: one less than there are. */
static size_t put_digits(struct transfer_stream *stream, char *out)
{
	unsigned value = 0;
	size_t n = stream->n_kept < 2 ? 0 : stream->n_kept - 1;

	for (unsigned i = 0; i < 4; i++) {
		value = value << 6 | (i < stream->n_kept ? stream->kept[i] : 0U);
	}
	for (size_t i = 0; i < n; i++) {
		out[i] = (char)(value >> (16 - 8 * i) & 0xff);
	}
	stream->n_kept = 0;
	return n;
}

static size_t decode_base64(struct transfer_stream *stream, struct span in, bool is_end, char *out)
{
	size_t n_out = 0;

	for (size_t i = 0; i < in.n; i++) {
		int digit = digit64(in.p[i]);

		if (digit >= 0) {
			stream->kept[stream->n_kept++] = (unsigned char)digit;
		}
		/* Padding ends a piece; another may follow. */
		if (stream->n_kept == 4 || in.p[i] == '=') {
			n_out += put_digits(stream, out + n_out);
		}
	}
	return is_end ? n_out + put_digits(stream, out + n_out) : n_out;
}

/* Writes what was kept, as it came: it meant nothing. */
static size_t put_kept(struct transfer_stream *stream, char *out)
{
	size_t n = stream->n_kept;

	memcpy(out, stream->kept, n);
	for (; stream->n_blanks > 0; stream->n_blanks--) {
		out[n++] = (stream->tabs >> (stream->n_blanks - 1) & 1) != 0 ? '\t' : ' ';
	}
	stream->n_kept = 0;
	stream->tabs = 0;
	return n;
}

/* Blanks wait for what follows them; more than a line may have are taken as they are. */
static size_t keep_blank(struct transfer_stream *stream, char c, char *out)
{
	size_t n = 0;

	if (stream->n_blanks == TRANSFER_BLANKS_MAX) {
		n = put_kept(stream, out);
	}
	stream->tabs = stream->tabs << 1 | (c == '\t');
	stream->n_blanks++;
	return n;
}

static void drop_blanks(struct transfer_stream *stream)
{
	stream->n_blanks = 0;
	stream->tabs = 0;
}

/* A byte behind "=", behind "=" and a hexadecimal digit, or behind "=" and CR. False: what was kept is dealt with, and the
 * byte does not belong to it. */
static bool decode_kept(struct transfer_stream *stream, char c, char *out, size_t *n_out)
{
	if (stream->n_kept == 2 && stream->kept[1] == '\r') {
		stream->n_kept = 0;
		return c == '\n';
	}
	if (stream->n_kept == 2 && text_hex(c) >= 0) {
		out[(*n_out)++] = (char)(16 * text_hex((char)stream->kept[1]) + text_hex(c));
		stream->n_kept = 0;
		return true;
	}
	if (stream->n_kept == 1 && (c == '\r' || c == '\n')) { /* a soft break */
		drop_blanks(stream);
		stream->kept[1] = '\r';
		stream->n_kept = c == '\r' ? 2 : 0;
		return true;
	}
	if (stream->n_kept == 1 && stream->n_blanks == 0 && text_hex(c) >= 0) {
		stream->kept[stream->n_kept++] = (unsigned char)c;
		return true;
	}
	if (stream->n_kept == 2 || (c != ' ' && c != '\t')) {
		*n_out += put_kept(stream, out + *n_out);
	}
	return false;
}

static size_t decode_quoted(struct transfer_stream *stream, struct span in, bool is_end, char *out)
{
	size_t n_out = 0;

	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];

		if (stream->n_kept > 0 && decode_kept(stream, c, out, &n_out)) {
			continue;
		}
		if (c == ' ' || c == '\t') {
			n_out += keep_blank(stream, c, out + n_out);
			continue;
		}
		if (c == '\r' || c == '\n') { /* blanks before it were added on the way */
			drop_blanks(stream);
		}
		n_out += put_kept(stream, out + n_out);
		if (c == '=') {
			stream->kept[stream->n_kept++] = '=';
		} else {
			out[n_out++] = c;
		}
	}
	if (is_end) {
		drop_blanks(stream);
		if (stream->n_kept == 2 && stream->kept[1] != '\r') {
			n_out += put_kept(stream, out + n_out);
		}
		stream->n_kept = 0;
	}
	return n_out;
}

size_t transfer_decode(struct transfer_stream *stream, struct span in, bool is_end, char *out)
{
	switch (stream->transfer) {
	case TRANSFER_BASE64:
		return decode_base64(stream, in, is_end, out);
	case TRANSFER_QUOTED_PRINTABLE:
		return decode_quoted(stream, in, is_end, out);
	case TRANSFER_PLAIN:
	case TRANSFER_UNKNOWN:
		break;
	}
	if (in.n > 0) {
		memcpy(out, in.p, in.n);
	}
	return in.n;
}

size_t transfer_unescape(struct span in, char mark, char *out)
{
	size_t n_out = 0;

	for (size_t i = 0; i < in.n; i++) {
		int high = in.n - i > 2 ? text_hex(in.p[i + 1]) : -1;
		int low = in.n - i > 2 ? text_hex(in.p[i + 2]) : -1;

		if (in.p[i] == mark && high >= 0 && low >= 0) {
			out[n_out++] = (char)(high << 4 | low);
			i += 2;
		} else {
			out[n_out++] = mark == '=' && in.p[i] == '_' ? ' ' : in.p[i];
		}
	}
	return n_out;
}
