/* SPDX-License-Identifier: MIT
 * How long things took: counts in buckets whose width grows with the time, so that memory is constant
 * and every time is told within 7 %. Pure; one thread at a time. */
#pragma once

#include <stdint.h>

enum {
	HISTOGRAM_STEPS = 16, /* buckets for each doubling of the time */
	HISTOGRAM_BITS = 26,  /* of microseconds: 67 s; what took longer counts as that */
	HISTOGRAM_BUCKETS = (HISTOGRAM_BITS - 3) * HISTOGRAM_STEPS,
};

/* All zero: nothing yet. */
struct histogram {
	uint64_t n;
	uint64_t sum, max; /* nanoseconds */
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_add(struct histogram *histogram, uint64_t nanoseconds);

/* How many took no longer than this power of two of microseconds, 2^4 to 2^25? */
uint64_t histogram_count_up_to(const struct histogram *histogram, unsigned power);

/* Microseconds within which @percent of all, 1 to 100, were done, rounded up to the end of a bucket;
 * 0 when there is nothing yet. */
uint64_t histogram_percentile(const struct histogram *histogram, unsigned percent);

/* What was added since @before was a copy of @now; its max is that of all. */
void histogram_difference(
    struct histogram *difference_r, const struct histogram *now, const struct histogram *before);
