/* SPDX-License-Identifier: MIT
 * Conditions that are joined by AND, outside of parentheses, all hold for a row that is found: so the column
 * that one of them compares with what is asked for is the address. */
#include "adopt/select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adopt/tokens.h"
#include "base/text.h"

/* SELECT list FROM tables WHERE conditions tail: where each begins; "end" is behind the last token. */
struct parts {
	struct tokens tokens;
	size_t from, where, tail, end;
};

/* A column of the list, as tokens [first, behind), and the name that the row has for it; NULL: none that is known. */
struct item {
	size_t first, behind, next; /* next: where the one behind it begins; 0 before the first */
	const char *name;
	size_t n_name;
};

static size_t find_tail(const struct tokens *tokens, size_t from)
{
	static const char *const tails[] = { "ORDER", "LIMIT", "FOR", "LOCK" };
	size_t tail = tokens->n;

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		tail = tokens_find(tokens, from, tail, tails[i]);
	}
	return tail;
}

static int find_parts(struct parts *parts, const char *text, struct error *error)
{
	static const char *const beyond[] = { "UNION", "GROUP", "HAVING", "INTO", "DISTINCT",
		"PROCEDURE" };
	struct tokens *tokens = &parts->tokens;

	if (tokens_read(tokens, text, error) != 0) {
		return -1;
	}
	parts->end = tokens->n;
	if (tokens->n == 0 || !token_is(&tokens->list[0], "SELECT")) {
		return error_set(error, "it does not begin with SELECT");
	}
	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		if (tokens_find(tokens, 0, parts->end, beyond[i]) < parts->end) {
			return error_set(error, "it has %s", beyond[i]);
		}
	}
	parts->from = tokens_find(tokens, 0, parts->end, "FROM");
	parts->where = tokens_find(tokens, parts->from, parts->end, "WHERE");
	parts->tail = find_tail(tokens, parts->where);
	return parts->where < parts->end && parts->from > 1
		   ? 0
		   : error_set(error, "it is not SELECT ... FROM ... WHERE ...");
}

static bool is_or(const struct tokens *tokens, size_t i)
{
	const struct token *token = &tokens->list[i];

	return token_is(token, "OR") || token_is(token, "XOR") ||
	       (token_is(token, "|") && i + 1 < tokens->n && token_is(token + 1, "|"));
}

/* Is it '%u', or that of another letter? */
static bool is_placeholder(const struct token *token, char letter)
{
	return token->kind == TOKEN_STRING && token->n == 4 && token->p[1] == '%' &&
	       token->p[2] == letter;
}

/* The column that a condition [from, to) compares with the placeholder; NULL: it does not. */
static const struct token *find_compared(
    const struct tokens *tokens, size_t from, size_t to, char letter)
{
	const struct token *list = tokens->list;

	while (to - from > 3 && token_is(&list[from], "(") && token_is(&list[to - 1], ")")) {
		from++;
		to--;
	}
	if (to - from != 3 || !token_is(&list[from + 1], "=")) {
		return NULL;
	}
	if (token_is_name(&list[from]) && is_placeholder(&list[from + 2], letter)) {
		return &list[from];
	}
	return token_is_name(&list[from + 2]) && is_placeholder(&list[from], letter)
		   ? &list[from + 2]
		   : NULL;
}

static const struct token *find_key(const struct parts *parts, char letter)
{
	const struct token *found = NULL;
	size_t from = parts->where + 1;

	while (found == NULL && from < parts->tail) {
		size_t to = tokens_find(&parts->tokens, from, parts->tail, "AND");

		found = find_compared(&parts->tokens, from, to, letter);
		from = to + 1;
	}
	return found;
}

/* Writes the expression that is the address, or the domain. */
static int put_key(FILE *out, const struct parts *parts, enum select_use use, struct error *error)
{
	const struct token *key = find_key(parts, use == SELECT_DOMAIN ? 'd' : 'u');
	const struct token *local, *domain;

	for (size_t i = parts->where; i < parts->tail; i++) {
		if (parts->tokens.list[i].depth == 0 && is_or(&parts->tokens, i)) {
			return error_set(error, "its conditions are joined by OR");
		}
	}
	if (key != NULL) {
		fprintf(out, "%.*s", (int)key->n, key->p);
		return 0;
	}
	local = use == SELECT_DOMAIN ? NULL : find_key(parts, 'n');
	domain = local == NULL ? NULL : find_key(parts, 'd');
	if (domain == NULL) {
		return error_set(error, "no condition compares a column with what is asked for");
	}
	fprintf(out, "CONCAT(%.*s, '@', %.*s)", (int)local->n, local->p, (int)domain->n, domain->p);
	return 0;
}

/* What the row calls it: the name that it is given, or of a name without one the last part. */
static void name_item(struct item *item, const struct token *last, bool is_given)
{
	const char *end = last->p + last->n, *dot;

	item->name = last->p;
	while (!is_given && (dot = memchr(item->name, '.', (size_t)(end - item->name))) != NULL) {
		item->name = dot + 1;
	}
	item->n_name = (size_t)(end - item->name);
	if (item->n_name > 2 && strchr("`'\"", item->name[0]) != NULL) {
		item->name++;
		item->n_name -= 2;
	}
}

/* The next column of the list; false behind the last. */
static bool next_item(const struct parts *parts, struct item *item)
{
	size_t first = item->next == 0 ? 1 : item->next;
	size_t to =
	    first < parts->from ? tokens_find(&parts->tokens, first, parts->from, ",") : first;
	const struct token *last = &parts->tokens.list[to - 1];
	bool is_given;

	if (to == first) {
		return false;
	}
	*item = (struct item){ .first = first, .behind = to, .next = to + 1 };
	is_given = to - first > 1 && (token_is_name(last) || last->kind == TOKEN_STRING) &&
		   (last[-1].kind != TOKEN_SIGN || token_is(&last[-1], ")"));
	if (is_given) {
		item->behind -= token_is(&last[-1], "AS") ? 2 : 1;
	}
	if (is_given || to - first == 1) {
		name_item(item, last, is_given);
	}
	return item->behind > item->first;
}

static void put_tokens(FILE *out, const struct tokens *tokens, size_t first, size_t behind)
{
	const struct token *from = &tokens->list[first], *to = &tokens->list[behind - 1];

	fwrite(from->p, 1, (size_t)(to->p + to->n - from->p), out);
}

static bool find_item(const struct parts *parts, const char *name, struct item *item_r)
{
	*item_r = (struct item){ .next = 0 };
	while (next_item(parts, item_r)) {
		if (text_is(item_r->name, item_r->n_name, name)) {
			return true;
		}
	}
	return false;
}

static bool is_star(const struct parts *parts)
{
	for (size_t i = 1; i < parts->from; i++) {
		if (parts->tokens.list[i].depth == 0 && token_is(&parts->tokens.list[i], "*")) {
			return true;
		}
	}
	return false;
}

/* Where an alias leads: the one column that there is. */
static int find_destination(const struct parts *parts, struct item *item_r, struct error *error)
{
	*item_r = (struct item){ .next = 0 };
	return !is_star(parts) && next_item(parts, item_r) && item_r->next > parts->from
		   ? 0
		   : error_set(error, "it has another number of columns than one");
}

static int put_columns(
    FILE *out, const struct parts *parts, enum select_use use, struct error *error)
{
	const struct tokens *tokens = &parts->tokens;
	struct item item = { .next = 0 };

	if (use == SELECT_USER || use == SELECT_DOMAIN) {
		return put_key(out, parts, use, error);
	}
	if (use == SELECT_ALIAS) {
		if (find_destination(parts, &item, error) != 0) {
			return -1;
		}
		put_tokens(out, tokens, item.first, item.behind);
		fputs(", ", out);
		return put_key(out, parts, use, error);
	}
	if (is_star(parts)) {
		return error_set(error, "it has * as columns");
	}
	if (find_item(parts, "user", &item)) {
		put_tokens(out, tokens, item.first, item.behind);
	} else if (put_key(out, parts, use, error) != 0) {
		return -1;
	}
	if (!find_item(parts, "password", &item)) {
		return error_set(error, "it has no column `password`");
	}
	fputs(", ", out);
	put_tokens(out, tokens, item.first, item.behind);
	return 0;
}

/* Is it about what that letter stands for? */
static bool has_placeholder(const struct parts *parts, char letter)
{
	for (size_t i = 0; i < parts->end; i++) {
		if (is_placeholder(&parts->tokens.list[i], letter)) {
			return true;
		}
	}
	return false;
}

static int put_query(FILE *out, const struct parts *parts, enum select_use use, struct error *error)
{
	const struct tokens *tokens = &parts->tokens;
	struct item label;

	if (parts->where + 1 >= parts->tail) {
		return error_set(error, "it has no condition");
	}
	if (!has_placeholder(parts, 'u') && !has_placeholder(parts, 'n') &&
	    !has_placeholder(parts, 'd')) {
		return error_set(error, "it finds the same for everybody");
	}
	fputs("SELECT ", out);
	if (put_columns(out, parts, use, error) != 0) {
		return -1;
	}
	if (use == SELECT_PASSWORD && find_item(parts, "label", &label)) {
		fputs(", ", out);
		put_tokens(out, tokens, label.first, label.behind);
		fputs(" AS label", out);
	} else if (use == SELECT_LABELLED) {
		fputs(", NULL AS label", out);
	}
	fputc(' ', out);
	put_tokens(out, tokens, parts->from, parts->where + 1);
	/* Postfix does not ask with an empty local part, as that of a catch-all is; lmtpd does. */
	if (use == SELECT_ALIAS && has_placeholder(parts, 'n')) {
		fputs(" '%n' <> '' AND", out);
	}
	fputc(' ', out);
	put_tokens(out, tokens, parts->where + 1, parts->end);
	return 0;
}

/* The conditions that hold for a row whatever is asked for. */
static int put_other_conditions(FILE *out, const struct parts *parts, struct error *error)
{
	const struct tokens *tokens = &parts->tokens;
	bool is_first = true;

	for (size_t from = parts->where + 1, to; from < parts->tail; from = to + 1) {
		to = tokens_find(tokens, from, parts->tail, "AND");
		if (to == from || find_compared(tokens, from, to, 'u') != NULL ||
		    find_compared(tokens, from, to, 'n') != NULL ||
		    find_compared(tokens, from, to, 'd') != NULL) {
			continue;
		}
		for (size_t i = from; i < to; i++) {
			if (memchr(tokens->list[i].p, '%', tokens->list[i].n) != NULL) {
				return error_set(error, "it is about one address");
			}
		}
		fputs(is_first ? " WHERE " : " AND ", out);
		put_tokens(out, tokens, from, to);
		is_first = false;
	}
	return 0;
}

static int put_all(FILE *out, const struct parts *parts, enum select_use use, struct error *error)
{
	const struct tokens *tokens = &parts->tokens;
	struct item item = { .next = 0 };

	for (size_t i = 0; i < parts->where; i++) {
		if (memchr(tokens->list[i].p, '%', tokens->list[i].n) != NULL) {
			return error_set(error, "it is about one address");
		}
	}
	fputs("SELECT ", out);
	if (use != SELECT_ALIAS) {
		if (put_columns(out, parts, use, error) != 0) {
			return -1;
		}
	} else if (find_destination(parts, &item, error) != 0 ||
		   put_key(out, parts, use, error) != 0) {
		return -1;
	} else {
		fputs(", ", out);
		put_tokens(out, tokens, item.first, item.behind);
	}
	fputc(' ', out);
	put_tokens(out, tokens, parts->from, parts->where);
	if (put_other_conditions(out, parts, error) != 0) {
		return -1;
	}
	if (use == SELECT_ALIAS) { /* equal ones side by side */
		fputs(" ORDER BY ", out);
		put_key(out, parts, use, error);
		fputs(", ", out);
		put_tokens(out, tokens, item.first, item.behind);
	}
	return 0;
}

static char *make(const char *text, enum select_use use,
    int (*put)(FILE *, const struct parts *, enum select_use, struct error *), struct error *error)
{
	char *query = NULL;
	size_t n;
	FILE *out = open_memstream(&query, &n);
	struct parts parts;
	int result = -1;

	if (out == NULL) {
		error_set(error, "out of memory");
		return NULL;
	}
	if (find_parts(&parts, text, error) == 0) {
		result = put(out, &parts, use, error);
	}
	if (fclose(out) != 0 && result == 0) {
		result = error_set(error, "out of memory");
	}
	if (result != 0) {
		free(query);
		return NULL;
	}
	return query;
}

char *select_adopt(const char *text, enum select_use use, struct error *error)
{
	return make(text, use, put_query, error);
}

char *select_all(const char *text, enum select_use use, struct error *error)
{
	return make(text, use, put_all, error);
}

bool select_is_identity(const char *alias_query)
{
	struct item to = { .next = 0 }, of;
	struct parts parts;
	struct error ignored;

	if (find_parts(&parts, alias_query, &ignored) != 0 || !next_item(&parts, &to)) {
		return false;
	}
	of = to;
	return next_item(&parts, &of) && to.behind - to.first == 1 && of.behind - of.first == 1 &&
	       parts.tokens.list[to.first].n == parts.tokens.list[of.first].n &&
	       memcmp(parts.tokens.list[to.first].p, parts.tokens.list[of.first].p,
		   parts.tokens.list[to.first].n) == 0;
}

char *select_column(const char *text, const char *name)
{
	struct parts parts;
	struct error ignored;
	struct item item;
	const struct token *first, *last;

	if (find_parts(&parts, text, &ignored) != 0 || !find_item(&parts, name, &item)) {
		return NULL;
	}
	first = &parts.tokens.list[item.first];
	last = &parts.tokens.list[item.behind - 1];
	return strndup(first->p, (size_t)(last->p + last->n - first->p));
}

void select_list_others(const char *text, char names_r[SELECT_NAMES_MAX])
{
	static const char *const known[] = { "user", "password", "label", "username", "domain" };
	struct item item = { .next = 0 };
	struct parts parts;
	struct error ignored;

	names_r[0] = '\0';
	if (find_parts(&parts, text, &ignored) != 0) {
		return;
	}
	while (next_item(&parts, &item)) {
		size_t at = strlen(names_r);
		bool is_known = item.n_name == 0 || strncasecmp(item.name, "userdb_", 7) == 0;

		for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
			is_known = is_known || text_is(item.name, item.n_name, known[i]);
		}
		if (!is_known) {
			snprintf(names_r + at, SELECT_NAMES_MAX - at, "%s%.*s", at > 0 ? ", " : "",
			    (int)item.n_name, item.name);
		}
	}
}
