/* SPDX-License-Identifier: MIT
 * Byte by byte within the header, which is short; a body is copied at once. Pure. */
#include "mail/omission.h"

#include <string.h>

#include "base/text.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_line_end(char c)
{
	return c == '\r' || c == '\n';
}

/* Of a field's name (RFC 5322 3.6.8). */
static bool is_name_byte(char c)
{
	return c > ' ' && c < 0x7f && c != ':';
}

static size_t put_held(struct omission *omission, char *out)
{
	size_t n = omission->n_held;

	memcpy(out, omission->held, n);
	omission->n_held = 0;
	return n;
}

static bool is_the_name(const struct omission *omission)
{
	size_t n = omission->n_held;

	while (n > 0 && is_blank(omission->held[n - 1])) {
		n--;
	}
	return text_is(omission->held, n, omission->name);
}

/* Can what is held, with this byte behind it, still become the name and blanks? */
static bool may_be_the_name(const struct omission *omission, char c)
{
	size_t n = omission->n_held;

	if (n == sizeof(omission->held)) {
		return false;
	}
	if (is_blank(c)) {
		return is_the_name(omission);
	}
	return n < strlen(omission->name) && text_lower(c) == text_lower(omission->name[n]);
}

/* A byte of a line that began as a field's name does. */
static size_t take_name(struct omission *omission, char c, char *out)
{
	size_t n;

	if (c == ':') {
		omission->has_field = true;
		omission->is_omitting = omission->state == OMISSION_NAME && is_the_name(omission);
		omission->state = OMISSION_VALUE;
		if (omission->is_omitting) {
			omission->n_held = 0;
			return 0;
		}
	} else if (is_blank(c) || (is_name_byte(c) && !omission->is_after_blank)) {
		omission->is_after_blank = is_blank(c);
		if (omission->state == OMISSION_NAME && may_be_the_name(omission, c)) {
			omission->held[omission->n_held++] = c;
			return 0;
		}
		omission->state = OMISSION_OTHER;
	} else {
		omission->state = OMISSION_BODY; /* no field begins so: the header has ended */
	}
	n = put_held(omission, out);
	out[n] = c;
	return n + 1;
}

static size_t take_line_start(struct omission *omission, char c, char *out)
{
	if (is_blank(c) && omission->has_field) {
		omission->state = OMISSION_VALUE; /* it goes on with the field before it */
	} else if (!is_name_byte(c)) {
		omission->is_omitting = false;
		omission->state = OMISSION_BODY;
	} else {
		omission->is_omitting = omission->is_after_blank = false;
		omission->state = OMISSION_NAME;
		return take_name(omission, c, out);
	}
	*out = c;
	return omission->is_omitting ? 0 : 1;
}

static size_t take_byte(struct omission *omission, char c, char *out)
{
	bool belongs = c == '\n' && omission->is_after_cr;

	omission->is_after_cr = c == '\r';
	if (omission->state == OMISSION_LINE_START && !belongs) {
		return take_line_start(omission, c, out);
	}
	if (omission->state == OMISSION_NAME || omission->state == OMISSION_OTHER) {
		return take_name(omission, c, out);
	}
	if (omission->state == OMISSION_VALUE && is_line_end(c)) {
		omission->state = OMISSION_LINE_START;
	}
	*out = c;
	return omission->is_omitting ? 0 : 1;
}

size_t omission_take(struct omission *omission, const char *in, size_t n, char *out)
{
	size_t i = 0, o = 0;

	while (i < n && omission->state != OMISSION_BODY) {
		o += take_byte(omission, in[i++], out + o);
	}
	memcpy(out + o, in + i, n - i);
	return o + n - i;
}

size_t omission_finish(struct omission *omission, char *out)
{
	return put_held(omission, out);
}
