/* SPDX-License-Identifier: MIT
 * Encoded words. A word is looked for at each "=?" and has four question marks, so each byte is looked at a few times
 * at most. Pure: any thread. */
#include "mail/encoded.h"

#include <string.h>

#include "base/utf8.h"
#include "mail/charset.h"
#include "mail/transfer.h"

/* =?charset*language?encoding?text?= */
struct word2047 {
	struct span charset, text;
	bool is_base64;
	size_t n; /* bytes of all of it */
};

/* Up to the next question mark, of printable ASCII without blanks, and for a token without especials. p is NULL: there
 * is none. */
static struct span take_piece(struct span in, size_t at, bool is_token)
{
	size_t end = at;

	while (end < in.n && in.p[end] != '?' && in.p[end] > ' ' && in.p[end] < 0x7f &&
	       (!is_token || strchr("()<>@,;:\"/[].=", in.p[end]) == NULL)) {
		end++;
	}
	if (end == in.n || in.p[end] != '?') {
		return (struct span){ NULL, 0 };
	}
	return (struct span){ in.p + at, end - at };
}

static bool word_at(struct span in, size_t at, struct word2047 *word_r)
{
	struct span charset, encoding, text;
	const char *language;

	if (in.n - at < 2 || in.p[at] != '=' || in.p[at + 1] != '?') {
		return false;
	}
	charset = take_piece(in, at + 2, true);
	if (charset.p == NULL || charset.n == 0) {
		return false;
	}
	encoding = take_piece(in, (size_t)(charset.p + charset.n + 1 - in.p), true);
	if (encoding.p == NULL || (!span_is(encoding, "b") && !span_is(encoding, "q"))) {
		return false;
	}
	text = take_piece(in, (size_t)(encoding.p + 2 - in.p), false);
	if (text.p == NULL || text.p + text.n + 1 == in.p + in.n || text.p[text.n + 1] != '=') {
		return false;
	}
	language = memchr(charset.p, '*', charset.n); /* RFC 2231 5 */
	charset.n = language == NULL ? charset.n : (size_t)(language - charset.p);
	*word_r = (struct word2047){ charset, text, span_is(encoding, "b"),
		(size_t)(text.p + text.n + 2 - in.p) - at };
	return true;
}

struct decoder {
	struct charset_stream stream; /* of the encoded words side by side; charset is NULL: none */
	struct span name;             /* of its charset */
	char *bytes;                  /* room for those of a word */
	char *out;
	size_t n_out;
};

/* Ends the words of one charset: what is left of a character that was not completed. */
static void end_words(struct decoder *decoder)
{
	if (decoder->stream.charset != NULL) {
		decoder->n_out += charset_decode(
		    &decoder->stream, (struct span){ "", 0 }, true, decoder->out + decoder->n_out);
	}
	decoder->stream = (struct charset_stream){ NULL };
}

static void add_word(struct decoder *decoder, const struct word2047 *word)
{
	struct transfer_stream transfer = { TRANSFER_BASE64 };
	struct span bytes = { decoder->bytes, 0 };

	bytes.n = word->is_base64 ? transfer_decode(&transfer, word->text, true, decoder->bytes)
				  : transfer_unescape(word->text, '=', decoder->bytes);
	/* A character may go over from one word to the next (against the rule, and many do it). */
	if (decoder->stream.charset == NULL || !span_is_same(decoder->name, word->charset)) {
		end_words(decoder);
		decoder->stream.charset = charset_find(word->charset);
		decoder->name = word->charset;
	}
	decoder->n_out +=
	    charset_decode(&decoder->stream, bytes, false, decoder->out + decoder->n_out);
}

/* What is no encoded word. */
static void add_plain(struct decoder *decoder, struct span plain)
{
	struct charset_stream stream = { charset_utf8() };

	if (plain.n > 0) {
		end_words(decoder);
		decoder->n_out +=
		    charset_decode(&stream, plain, true, decoder->out + decoder->n_out);
	}
}

static bool may_have_words(struct span value)
{
	const char *p = value.p, *end = p + value.n;

	while ((p = memchr(p, '=', (size_t)(end - p))) != NULL) {
		if (++p < end && *p == '?') {
			return true;
		}
	}
	return false;
}

struct span encoded_decode(struct span value, struct arena *arena)
{
	struct decoder decoder = { .n_out = 0 };
	struct word2047 word;
	size_t plain = 0, at = 0;

	if (!may_have_words(value) && utf8_is_valid(value.p, value.n)) {
		return value;
	}
	decoder.bytes = arena_alloc(arena, value.n + 8);
	decoder.out = arena_alloc(arena, CHARSET_GROWTH * value.n + ENCODED_ROOM);
	if (decoder.bytes == NULL || decoder.out == NULL) {
		return (struct span){ NULL, 0 };
	}
	while (at < value.n) {
		struct span between = { value.p + plain, at - plain };

		if (!word_at(value, at, &word)) {
			at++;
			continue;
		}
		/* White space between two encoded words is none (RFC 2047 6.2). */
		if (decoder.stream.charset == NULL || span_trim(between).n > 0) {
			add_plain(&decoder, between);
		}
		add_word(&decoder, &word);
		at += word.n;
		plain = at;
	}
	add_plain(&decoder, (struct span){ value.p + plain, value.n - plain });
	end_words(&decoder);
	return (struct span){ decoder.out, decoder.n_out };
}
