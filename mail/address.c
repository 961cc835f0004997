/* SPDX-License-Identifier: MIT
 * Addresses: validated, never rewritten. What an address may be and what may lie on a disk under its name
 * are two things. Pure: no state, any thread. */
#include "mail/address.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/utf8.h"

const struct address address_postmaster = { .n_local = 10, .text = "postmaster@" };

/* A source route "@a,@b:" before the mailbox. */
static size_t skip_route(const char *s, size_t n)
{
	size_t i = 0;

	if (n == 0 || s[0] != '@') {
		return 0;
	}
	while (i < n && strchr(":>\" ", s[i]) == NULL && !text_is_control(s[i])) {
		i++;
	}
	return i < n && s[i] == ':' ? i + 1 : 0;
}

size_t path_parse(struct path *path_r, const char *s, size_t n)
{
	size_t start, i;
	bool is_quoted = false;

	if (n < 2 || s[0] != '<') {
		return 0;
	}
	start = 1 + skip_route(s + 1, n - 1);
	for (i = start; i < n; i++) {
		if (text_is_control(s[i])) {
			return 0;
		}
		if (s[i] == '\\' && i + 1 < n && !text_is_control(s[i + 1])) {
			i++;
		} else if (s[i] == '"') {
			is_quoted = !is_quoted;
		} else if (!is_quoted && s[i] == '>') {
			path_r->text = s + start;
			path_r->n = i - start;
			return i + 1;
		} else if (!is_quoted && (s[i] == '<' || s[i] == ' ')) {
			return 0;
		}
	}
	return 0;
}

static bool is_part(const char *s, size_t n)
{
	return n > 0 && n <= ADDRESS_PART_MAX && !text_has_control(s, n) && utf8_is_valid(s, n);
}

/* Can this be the name of one directory, and nothing but a name? */
static bool is_name(const char *s, size_t n)
{
	return !text_is(s, n, ".") && !text_is(s, n, "..") && memchr(s, '/', n) == NULL;
}

bool address_is_path(const struct address *address)
{
	const char *domain = address_domain(address);

	return is_name(address->text, address->n_local) && is_name(domain, strlen(domain));
}

static enum address_outcome address_make(struct address *address_r, const char *local,
    size_t n_local, const char *domain, size_t n_domain)
{
	if (!is_part(local, n_local) || !is_part(domain, n_domain) ||
	    memchr(domain, '@', n_domain) != NULL) {
		return ADDRESS_BAD;
	}
	address_r->n_local = n_local;
	memmove(address_r->text, local, n_local);
	address_r->text[n_local] = '@';
	memcpy(address_r->text + n_local + 1, domain, n_domain);
	address_r->text[n_local + 1 + n_domain] = '\0';
	return ADDRESS_OK;
}

enum address_outcome address_from_path(struct address *address_r, const struct path *path)
{
	char local[ADDRESS_PART_MAX];
	size_t n_local = 0, i;
	bool is_quoted = false;

	for (i = 0; i < path->n; i++) {
		char c = path->text[i];

		if (c == '"') {
			is_quoted = !is_quoted;
			continue;
		}
		if (c == '@' && !is_quoted) {
			break;
		}
		if (c == '\\' && i + 1 < path->n) {
			c = path->text[++i];
		}
		if (n_local == sizeof(local)) {
			return ADDRESS_BAD;
		}
		local[n_local++] = c;
	}
	if (i == path->n || is_quoted) {
		return ADDRESS_BAD;
	}
	return address_make(address_r, local, n_local, path->text + i + 1, path->n - i - 1);
}

enum address_outcome address_from_text(struct address *address_r, const char *text, size_t n)
{
	const char *at = n == 0 ? NULL : memrchr(text, '@', n);

	if (at == NULL) {
		return ADDRESS_BAD;
	}
	return address_make(
	    address_r, text, (size_t)(at - text), at + 1, n - (size_t)(at - text) - 1);
}

const char *address_domain(const struct address *address)
{
	return address->text + address->n_local + 1;
}

void address_lower(struct address *address)
{
	for (char *p = address->text; *p != '\0'; p++) {
		*p = (char)tolower((unsigned char)*p); /* of ASCII, see base/text.h */
	}
}

struct span address_split(
    const struct address *address, const char *delimiters, struct address *base_r)
{
	static const struct span none = { NULL, 0 };
	const char *local = address->text;
	size_t n = address->n_local, at = strcspn(local, delimiters);

	if (at == 0 || at >= n || text_is(local, n, "postmaster") ||
	    text_is(local, n, "mailer-daemon") || text_is(local, n, "double-bounce")) {
		return none;
	}
	if (strchr(delimiters, '-') != NULL &&
	    ((n >= 6 && strncasecmp(local, "owner-", 6) == 0) ||
		(n >= 8 && strncasecmp(local + n - 8, "-request", 8) == 0))) {
		return none;
	}
	if (address_make(base_r, local, at, address_domain(address),
		strlen(address_domain(address))) != ADDRESS_OK) {
		return none;
	}
	return (struct span){ local + at, n - at };
}

enum address_outcome address_join(
    struct address *address_r, const struct address *base, struct span detail)
{
	char local[ADDRESS_PART_MAX];

	if (base->n_local + detail.n > sizeof(local)) {
		return ADDRESS_BAD;
	}
	memcpy(local, base->text, base->n_local);
	memcpy(local + base->n_local, detail.p, detail.n);
	return address_make(address_r, local, base->n_local + detail.n, address_domain(base),
	    strlen(address_domain(base)));
}
