/* SPDX-License-Identifier: MIT
 * A response is put together line by line. Only CRLF ends one: a line that holds a lone CR, LF or NUL has been read in two ways
 * before, and is refused. Pure. */
#include "protocol/response.h"

#include <string.h>

/* The length of an enhanced code of that class that text begins with, 0 if there is none (RFC 2034 4: class "." 1*3digit "."
 * 1*3digit). */
static size_t find_enhanced(struct span text, char class)
{
	size_t at = 1;

	if (text.n == 0 || text.p[0] != class) {
		return 0;
	}
	for (unsigned part = 0; part < 2; part++) {
		size_t start = at + 1;

		if (at == text.n || text.p[at] != '.') {
			return 0;
		}
		for (at = start; at < text.n && at < start + 3 && text_is_digit(text.p[at]);) {
			at++;
		}
		if (at == start) {
			return 0;
		}
	}
	return at == text.n || text.p[at] == ' ' ? at : 0;
}

static void add_text(struct response_words *words, struct span text)
{
	size_t n = strlen(words->text);

	if (text.n == 0 || n + 2 >= sizeof(words->text)) {
		return;
	}
	if (n > 0) {
		words->text[n++] = ' ';
	}
	for (size_t i = 0; i < text.n && n + 1 < sizeof(words->text); i++) {
		char c = text.p[i];

		words->text[n++] = (char)(text_is_control(c) || (unsigned char)c >= 0x80 ? '?' : c);
	}
	words->text[n] = '\0';
}

/* Each line may repeat the enhanced code: it is kept once, and not in the text. */
static void add_words(struct response_words *words, struct span text)
{
	size_t n = find_enhanced(text, (char)('0' + words->code / 100));

	if (n > 0) {
		if (words->enhanced[0] == '\0') {
			memcpy(words->enhanced, text.p, n);
		}
		n += n < text.n;
	}
	add_text(words, (struct span){ text.p + n, text.n - n });
}

static int read_line(struct response *response, struct span line)
{
	int code = 0;

	if (++response->n_lines > RESPONSE_LINES_MAX || line.n < 3 || line.p[0] < '2' ||
	    line.p[0] > '5' || (line.n > 3 && line.p[3] != ' ' && line.p[3] != '-') ||
	    memchr(line.p, '\r', line.n) != NULL || memchr(line.p, '\n', line.n) != NULL ||
	    memchr(line.p, '\0', line.n) != NULL) {
		return RESPONSE_BAD;
	}
	for (unsigned i = 0; i < 3; i++) {
		if (!text_is_digit(line.p[i])) {
			return RESPONSE_BAD;
		}
		code = code * 10 + (line.p[i] - '0');
	}
	if (response->n_lines > 1 && code != response->words.code) {
		return RESPONSE_BAD;
	}
	response->words.code = code;
	response->current =
	    line.n > 4 ? (struct span){ line.p + 4, line.n - 4 } : (struct span){ "", 0 };
	add_words(&response->words, response->current);
	response->is_over = line.n == 3 || line.p[3] == ' ';
	return response->is_over ? RESPONSE_WHOLE : RESPONSE_LINE;
}

int response_take(struct response *response, const char *in, size_t n, size_t *n_taken_r)
{
	struct span line;
	int result;

	if (response->has_line) {
		line_done(&response->line);
		response->has_line = false;
	}
	if (response->is_over) {
		response->is_over = false;
		response->n_lines = 0;
		response->words = (struct response_words){ .code = 0 };
	}
	result = line_take(&response->line, in, n, n_taken_r, &line.p, &line.n);
	if (result < 0) {
		return result;
	}
	if (result == LINE_MORE) {
		return response->line.n > response->line.max ? RESPONSE_BAD : RESPONSE_MORE;
	}
	response->has_line = true;
	return result == LINE_LONG ? RESPONSE_BAD : read_line(response, line);
}

void response_deinit(struct response *response)
{
	line_done(&response->line);
}

void response_words_set(struct response_words *words_r, const char *enhanced, const char *text)
{
	*words_r = (struct response_words){ .code = 0 };
	memcpy(words_r->enhanced, enhanced, strlen(enhanced) + 1);
	add_text(words_r, span_of(text));
}
