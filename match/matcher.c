/* SPDX-License-Identifier: MIT
 * Values that come in pieces. */
#include "match/regex.h"
#include "match/search.h"

struct matcher {
	const struct key *key;
	struct fuel *fuel;
	bool is_found;
	/* One of these, as the key's match type wants. */
	struct search search;
	struct order order;
	struct glob glob;
	struct regex_scan *scan;
};

static bool init(struct matcher *matcher, struct arena *arena)
{
	const struct key *key = matcher->key;
	uint32_t *borders;

	switch (key->match) {
	case MATCH_CONTAINS:
		borders = arena_alloc(arena, key->text.n * sizeof(*borders));
		return borders != NULL &&
		       search_init(&matcher->search, key, borders, matcher->fuel);
	case MATCH_MATCHES:
		return glob_init(&matcher->glob, key, arena, matcher->fuel);
	case MATCH_REGEX:
		matcher->scan = regex_scan_new(key->regex, arena, matcher->fuel);
		return matcher->scan != NULL;
	default:
		order_init(&matcher->order, key->comparator, key->text);
		return true;
	}
}

struct matcher *matcher_new(const struct key *key, struct arena *arena, struct fuel *fuel)
{
	struct matcher *matcher = arena_alloc(arena, sizeof(*matcher));

	if (matcher != NULL) {
		matcher->key = key;
		matcher->fuel = fuel;
	}
	return matcher != NULL && init(matcher, arena) ? matcher : NULL;
}

static enum match_outcome feed_order(struct matcher *matcher, struct span bytes, bool is_end)
{
	const struct key *key = matcher->key;
	enum relation relation = key->match == MATCH_IS ? RELATION_EQ : key->relation;

	if (!order_feed(&matcher->order, bytes, matcher->fuel)) {
		return MATCH_EXHAUSTED;
	}
	return (is_end || matcher->order.is_decided) &&
		       relation_holds(relation, order_end(&matcher->order))
		   ? MATCH_YES
		   : MATCH_NO;
}

enum match_outcome matcher_feed(struct matcher *matcher, struct span bytes, bool is_end)
{
	enum match_outcome outcome;

	if (matcher->is_found) {
		return MATCH_YES;
	}
	switch (matcher->key->match) {
	case MATCH_CONTAINS:
		outcome = search_feed(&matcher->search, bytes, matcher->fuel);
		break;
	case MATCH_MATCHES:
		outcome = glob_feed(&matcher->glob, bytes, is_end, matcher->fuel);
		break;
	case MATCH_REGEX:
		outcome = regex_scan_feed(matcher->scan, bytes, is_end);
		break;
	default:
		outcome = feed_order(matcher, bytes, is_end);
		break;
	}
	matcher->is_found = outcome == MATCH_YES;
	return outcome;
}

void matcher_restart(struct matcher *matcher)
{
	matcher->is_found = false;
	matcher->search.at = 0;
	if (matcher->key->match == MATCH_MATCHES) {
		glob_restart(&matcher->glob);
	} else if (matcher->key->match == MATCH_REGEX) {
		regex_scan_restart(matcher->scan);
	} else {
		order_init(&matcher->order, matcher->key->comparator, matcher->key->text);
	}
}
