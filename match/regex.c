/* SPDX-License-Identifier: MIT
 * Runs regular expressions: at each place of a value, all states that are alive, those of earlier beginnings first and
 * then as greed prefers them. What is asked first is whether there is a match at all; where it is, with its groups, costs
 * memory for each state, and is only looked for when somebody wants to know. */
#include <string.h>

#include "match/regex_program.h"

enum {
	SLOT_UNSET = -1,
};

/* On the stack while instructions are followed: where to go on, or what a slot has been. */
struct pending {
	bool is_slot;
	uint16_t at; /* instruction or slot */
	int32_t was;
};

struct states {
	uint16_t *list;
	size_t n;
	int32_t *slots; /* of each */
};

struct regex_scan {
	const struct regex *regex;
	struct fuel *fuel;
	struct symbols symbols;
	uint32_t before;      /* the symbol before; SYMBOL_NONE at the start */
	struct states raw;    /* where the last symbol led */
	struct states closed; /* those that wait for a symbol */
	uint32_t *marks;      /* round in which an instruction was met */
	uint32_t round;
	struct pending *stack;
	bool has_match;
	/* With groups alone. */
	unsigned n_slots;
	int32_t at;            /* of the value */
	int32_t *slots, *best; /* of the state that is followed, and of the match so far */
	int32_t nothing;       /* what they point to without */
};

/* --- following -------------------------------------------------------------------------------------------------- */

static bool is_word(uint32_t symbol)
{
	return (symbol >= '0' && symbol <= '9') || (symbol >= 'A' && symbol <= 'Z') ||
	       (symbol >= 'a' && symbol <= 'z') || symbol == '_';
}

static bool holds(enum assertion assertion, uint32_t before, uint32_t after)
{
	switch (assertion) {
	case ASSERT_BEGIN:
		return before == SYMBOL_NONE;
	case ASSERT_END:
		return after == SYMBOL_NONE;
	case ASSERT_EDGE:
		return is_word(before) != is_word(after);
	case ASSERT_NO_EDGE:
		return is_word(before) == is_word(after);
	case ASSERT_WORD_BEGIN:
		return !is_word(before) && is_word(after);
	default:
		return is_word(before) && !is_word(after);
	}
}

static void copy_slots(const struct regex_scan *scan, int32_t *to, const int32_t *from)
{
	if (scan->n_slots > 0) {
		memcpy(to, from, scan->n_slots * sizeof(*to));
	}
}

/* A match ends here: is it further left, or longer? What comes later at the same place is less wanted. */
static void on_match(struct regex_scan *scan)
{
	if (scan->n_slots > 0 &&
	    (!scan->has_match || scan->slots[0] < scan->best[0] ||
		(scan->slots[0] == scan->best[0] && scan->at > scan->best[1]))) {
		copy_slots(scan, scan->best, scan->slots);
		scan->best[1] = scan->at;
	}
	scan->has_match = true;
}

/* Does what an instruction says that needs no symbol. True: go on at *pc. */
static bool follow_one(struct regex_scan *scan, size_t *pc, size_t *depth, uint32_t after)
{
	const struct instruction *in = &scan->regex->code[*pc];
	size_t target = *pc + (size_t)in->to; /* which may wrap, to go back */

	switch (in->op) {
	case OP_SPLIT:
		scan->stack[(*depth)++] = (struct pending){ .at = (uint16_t)target };
		++*pc;
		return true;
	case OP_SPLIT_BACK:
		scan->stack[(*depth)++] = (struct pending){ .at = (uint16_t)(*pc + 1) };
		*pc = target;
		return true;
	case OP_JUMP:
		*pc = target;
		return true;
	case OP_SAVE:
		if (in->slot < scan->n_slots) {
			scan->stack[(*depth)++] =
			    (struct pending){ true, (uint16_t)in->slot, scan->slots[in->slot] };
			scan->slots[in->slot] = scan->at;
		}
		++*pc;
		return true;
	case OP_ASSERT:
		++*pc;
		return holds(in->assertion, scan->before, after);
	case OP_MATCH:
		on_match(scan);
		return false;
	default:
		copy_slots(scan, scan->closed.slots + scan->closed.n * scan->n_slots, scan->slots);
		scan->closed.list[scan->closed.n++] = (uint16_t)*pc;
		return false;
	}
}

/* Follows a state to all that wait for a symbol. Each instruction is met once in a round, so the stack
 * needs no more room than there are instructions. False: no fuel. */
static bool follow(struct regex_scan *scan, size_t pc, uint32_t after)
{
	size_t depth = 0;

	for (;;) {
		bool goes_on = scan->marks[pc] != scan->round;

		scan->marks[pc] = scan->round;
		if (!fuel_take(scan->fuel, 1)) {
			return false;
		}
		if (goes_on && follow_one(scan, &pc, &depth, after)) {
			continue;
		}
		while (depth > 0 && scan->stack[depth - 1].is_slot) {
			const struct pending *pending = &scan->stack[--depth];

			scan->slots[pending->at] = pending->was;
		}
		if (depth == 0) {
			return true;
		}
		pc = scan->stack[--depth].at;
	}
}

/* --- steps ------------------------------------------------------------------------------------------------------ */

static bool begin_match(struct regex_scan *scan, uint32_t after)
{
	for (unsigned i = 0; i < scan->n_slots; i++) {
		scan->slots[i] = i == 0 ? scan->at : SLOT_UNSET;
	}
	return follow(scan, 0, after);
}

/* What waits for this symbol. False: no fuel. */
static bool advance(struct regex_scan *scan, uint32_t symbol)
{
	scan->raw.n = 0;
	for (size_t i = 0; i < scan->closed.n; i++) {
		const struct instruction *in = &scan->regex->code[scan->closed.list[i]];
		bool is_set = in->op == OP_SET;

		if (is_set && !fuel_take(scan->fuel, in->set->n_ranges)) {
			return false;
		}
		if (in->op == OP_ANY ||
		    (is_set ? set_has(in->set, symbol) : in->symbol == symbol)) {
			copy_slots(scan, scan->raw.slots + scan->raw.n * scan->n_slots,
			    scan->closed.slots + i * scan->n_slots);
			scan->raw.list[scan->raw.n++] = (uint16_t)(scan->closed.list[i] + 1);
		}
	}
	return true;
}

/* One symbol, or SYMBOL_NONE at the end. False: no fuel. */
static bool step(struct regex_scan *scan, uint32_t symbol)
{
	const uint32_t first = scan->regex->first;

	if (!fuel_take(scan->fuel, 1 + scan->raw.n * (1 + scan->n_slots / 8))) {
		return false;
	}
	if (scan->raw.n == 0 && first != SYMBOL_NONE && symbol != first) {
		scan->before = symbol;
		return true;
	}
	scan->round++;
	scan->closed.n = 0;
	for (size_t i = 0; i < scan->raw.n; i++) {
		const int32_t *slots = scan->raw.slots + i * scan->n_slots;

		/* One that began behind the best match cannot become a better one. */
		if (scan->n_slots > 0 && scan->has_match && slots[0] > scan->best[0]) {
			continue;
		}
		copy_slots(scan, scan->slots, slots);
		if (!follow(scan, scan->raw.list[i], symbol)) {
			return false;
		}
	}
	if (!scan->has_match && (scan->before == SYMBOL_NONE || !scan->regex->is_anchored) &&
	    !begin_match(scan, symbol)) {
		return false;
	}
	scan->before = symbol;
	return symbol == SYMBOL_NONE || advance(scan, symbol);
}

/* --- values ------------------------------------------------------------------------------------------------------ */

void regex_scan_restart(struct regex_scan *scan)
{
	scan->symbols = (struct symbols){ .letters = scan->regex->letters };
	scan->before = SYMBOL_NONE;
	scan->raw.n = 0;
	scan->at = 0;
	scan->has_match = false;
}

static void begin(struct regex_scan *scan, uint16_t *raw, uint16_t *closed)
{
	scan->raw.list = raw;
	scan->closed.list = closed;
	scan->raw.slots = scan->closed.slots = scan->slots = scan->best = &scan->nothing;
	regex_scan_restart(scan);
}

/* Nothing that follows makes a difference. */
static bool is_done(const struct regex_scan *scan)
{
	bool begins = scan->before == SYMBOL_NONE || !scan->regex->is_anchored;

	return scan->has_match ? scan->n_slots == 0 || scan->raw.n == 0
			       : scan->raw.n == 0 && !begins;
}

enum match_outcome regex_scan_feed(struct regex_scan *scan, struct span bytes, bool is_end)
{
	const size_t n = bytes.n;
	uint32_t symbol;

	while (!is_done(scan) && symbols_next(&scan->symbols, &bytes, is_end, &symbol)) {
		if (!step(scan, symbol)) {
			return MATCH_EXHAUSTED;
		}
		scan->at = (int32_t)(n - bytes.n);
	}
	if (is_end && !is_done(scan) && !step(scan, SYMBOL_NONE)) {
		return MATCH_EXHAUSTED;
	}
	return scan->has_match ? MATCH_YES : MATCH_NO;
}

static enum match_outcome find_groups(
    struct regex_scan *scan, struct span value, struct arena *arena, struct captures *captures_r)
{
	const size_t n_groups = 1 + scan->regex->n_groups, n_slots = 2 * n_groups;
	const size_t n = scan->regex->n * n_slots;
	int32_t *slots = arena_alloc(arena, (2 * n + 2 * n_slots) * sizeof(*slots));
	enum match_outcome outcome;

	if (slots == NULL || value.n > INT32_MAX) {
		return MATCH_EXHAUSTED;
	}
	regex_scan_restart(scan);
	scan->n_slots = (unsigned)n_slots;
	scan->raw.slots = slots;
	scan->closed.slots = slots + n;
	scan->slots = slots + 2 * n;
	scan->best = slots + 2 * n + n_slots;
	outcome = regex_scan_feed(scan, value, true);
	captures_r->n = (unsigned)n_groups;
	for (size_t i = 0; outcome == MATCH_YES && i < n_groups; i++) {
		int32_t begin = scan->best[2 * i], end = scan->best[2 * i + 1];

		captures_r->list[i] = end >= begin && begin >= 0
					  ? (struct span){ value.p + begin, (size_t)(end - begin) }
					  : (struct span){ value.p, 0 };
	}
	return outcome;
}

enum match_outcome regex_search(const struct regex *regex, struct span value, struct arena *arena,
    struct fuel *fuel, struct captures *captures_r)
{
	/* On the stack, since many values may be looked at before memory is given back. */
	uint16_t raw[REGEX_INSTRUCTIONS_MAX + 1], closed[REGEX_INSTRUCTIONS_MAX + 1];
	uint32_t marks[REGEX_INSTRUCTIONS_MAX + 1];
	struct pending stack[REGEX_INSTRUCTIONS_MAX + 1];
	struct regex_scan scan = { regex, fuel, .marks = marks, .stack = stack };
	enum match_outcome outcome;

	memset(marks, 0, regex->n * sizeof(marks[0]));
	begin(&scan, raw, closed);
	outcome = regex_scan_feed(&scan, value, true);
	return outcome == MATCH_YES && captures_r != NULL
		   ? find_groups(&scan, value, arena, captures_r)
		   : outcome;
}

struct regex_scan *regex_scan_new(const struct regex *regex, struct arena *arena, struct fuel *fuel)
{
	struct regex_scan *scan = arena_alloc(arena, sizeof(*scan));
	uint16_t *lists = arena_alloc(arena, 2 * regex->n * sizeof(*lists));
	uint32_t *marks = arena_alloc(arena, regex->n * sizeof(*marks));
	struct pending *stack = arena_alloc(arena, regex->n * sizeof(*stack));

	if (scan == NULL || lists == NULL || marks == NULL || stack == NULL) {
		return NULL;
	}
	*scan = (struct regex_scan){ regex, fuel, .marks = marks, .stack = stack };
	begin(scan, lists, lists + regex->n);
	return scan;
}
