/* SPDX-License-Identifier: MIT
 * Values and keys: each match type, of values that are whole. */
#include "match/match.h"

#include <string.h>

#include "match/regex.h"
#include "match/search.h"

enum {
	BORDERS = 128, /* of keys so long no memory is taken */
};

/* --- contains --------------------------------------------------------------------------------------------------- */

bool search_init(struct search *search, const struct key *key, uint32_t *borders, struct fuel *fuel)
{
	*search = (struct search){ key->text, letters_of(key->comparator), borders, 0, 0 };
	return fuel_take(fuel, key->text.n);
}

/* Where to go on in the key when the byte behind its first at ones, which are some, is another. */
static size_t search_border(struct search *search, size_t at)
{
	const char *key = search->key.p;
	const unsigned letters = search->letters;
	uint32_t *borders = search->borders;

	for (; search->n_borders < at; search->n_borders++) {
		size_t i = search->n_borders, border = i > 0 ? borders[i - 1] : 0;
		unsigned char byte = byte_fold(key[i], letters);

		while (border > 0 && byte_fold(key[border], letters) != byte) {
			border = borders[border - 1];
		}
		borders[i] =
		    (uint32_t)(border + (i > 0 && byte_fold(key[border], letters) == byte));
	}
	return borders[at - 1];
}

enum match_outcome search_feed(struct search *search, struct span bytes, struct fuel *fuel)
{
	const char *key = search->key.p;
	const unsigned letters = search->letters;
	size_t n = bytes.n < fuel->left ? bytes.n : (size_t)fuel->left, i = 0, at = search->at;
	unsigned char first;

	if (search->key.n == 0) {
		return MATCH_YES;
	}
	first = byte_fold(key[0], letters);
	while (i < n && at < search->key.n) {
		if (at == 0) {
			while (i < n && byte_fold(bytes.p[i], letters) != first) {
				i++;
			}
			at = i < n;
		} else {
			unsigned char byte = byte_fold(bytes.p[i], letters);

			while (at > 0 && byte_fold(key[at], letters) != byte) {
				at = search_border(search, at);
			}
			at += byte_fold(key[at], letters) == byte;
		}
		i++;
	}
	search->at = at;
	if (at == search->key.n) {
		return fuel_take(fuel, i) ? MATCH_YES : MATCH_EXHAUSTED;
	}
	return fuel_take(fuel, bytes.n) ? MATCH_NO : MATCH_EXHAUSTED;
}

static enum match_outcome contains(
    const struct key *key, struct span value, struct arena *arena, struct fuel *fuel)
{
	uint32_t few[BORDERS], *borders = few;
	struct search search;

	if (key->text.n > value.n) {
		return fuel_take(fuel, 1) ? MATCH_NO : MATCH_EXHAUSTED;
	}
	if (key->text.n > BORDERS) {
		borders = arena_alloc(arena, key->text.n * sizeof(*borders));
	}
	if (borders == NULL || !search_init(&search, key, borders, fuel)) {
		return MATCH_EXHAUSTED;
	}
	return search_feed(&search, value, fuel);
}

/* --- order ------------------------------------------------------------------------------------------------------ */

void order_init(struct order *order, enum comparator comparator, struct span key)
{
	size_t n = 0;

	*order = (struct order){ .comparator = comparator, .key = key };
	if (comparator != COMPARATOR_NUMERIC) {
		return;
	}
	while (n < key.n && text_is_digit(key.p[n])) {
		n++;
	}
	order->key_is_number = n > 0;
	while (n > 0 && *key.p == '0') {
		key.p++;
		n--;
	}
	order->key = (struct span){ key.p, n };
}

/* RFC 4790 9.1.1: the digits in front count, however many they are. */
static void order_digit(struct order *order, char c)
{
	if (!text_is_digit(c) || order->at == order->key.n + 1) {
		order->is_decided = true;
		return;
	}
	order->has_digit = true;
	if (c == '0' && order->at == 0) {
		return;
	}
	if (order->order == 0 && order->at < order->key.n) {
		order->order = c - order->key.p[order->at];
	}
	order->at++;
}

bool order_feed(struct order *order, struct span bytes, struct fuel *fuel)
{
	const unsigned letters = letters_of(order->comparator);
	const struct span key = order->key;
	size_t i = 0, n = bytes.n < fuel->left ? bytes.n : (size_t)fuel->left;

	if (order->comparator == COMPARATOR_NUMERIC) {
		while (i < n && !order->is_decided) {
			order_digit(order, bytes.p[i++]);
		}
	} else if (!order->is_decided) {
		while (i < n && order->at < key.n &&
		       byte_fold(bytes.p[i], letters) == byte_fold(key.p[order->at], letters)) {
			i++;
			order->at++;
		}
		if (i < n) {
			order->is_decided = true;
			order->order = order->at == key.n
					   ? 1
					   : byte_fold(bytes.p[i], letters) -
						 byte_fold(key.p[order->at], letters);
		}
	}
	return fuel_take(fuel, order->is_decided ? i : bytes.n);
}

int order_end(const struct order *order)
{
	if (order->comparator == COMPARATOR_NUMERIC) {
		if (!order->has_digit || !order->key_is_number) {
			return order->key_is_number - order->has_digit;
		}
		if (order->at != order->key.n) {
			return order->at < order->key.n ? -1 : 1;
		}
	} else if (!order->is_decided && order->at < order->key.n) {
		return -1;
	}
	return (order->order > 0) - (order->order < 0);
}

bool relation_holds(enum relation relation, int order)
{
	static const bool holds[][3] = {
		/* less, equal, greater */
		[RELATION_GT] = { false, false, true },
		[RELATION_GE] = { false, true, true },
		[RELATION_LT] = { true, false, false },
		[RELATION_LE] = { true, true, false },
		[RELATION_EQ] = { false, true, false },
		[RELATION_NE] = { true, false, true },
	};

	return holds[relation][(order > 0) - (order < 0) + 1];
}

/* --- all -------------------------------------------------------------------------------------------------------- */

enum match_outcome match_value(const struct key *key, struct span value, struct arena *arena,
    struct fuel *fuel, struct captures *captures_r)
{
	struct order order;

	if (!fuel_take(fuel, 1)) {
		return MATCH_EXHAUSTED;
	}
	switch (key->match) {
	case MATCH_CONTAINS:
		return contains(key, value, arena, fuel);
	case MATCH_MATCHES:
		return glob_match(key, value, fuel, captures_r);
	case MATCH_REGEX:
		return regex_search(key->regex, value, arena, fuel, captures_r);
	case MATCH_IS:
		if (key->comparator != COMPARATOR_NUMERIC && key->text.n != value.n) {
			return MATCH_NO;
		}
		break;
	default:
		break;
	}
	order_init(&order, key->comparator, key->text);
	if (!order_feed(&order, value, fuel)) {
		return MATCH_EXHAUSTED;
	}
	return relation_holds(
		   key->match == MATCH_IS ? RELATION_EQ : key->relation, order_end(&order))
		   ? MATCH_YES
		   : MATCH_NO;
}
