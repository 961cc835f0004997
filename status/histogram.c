/* SPDX-License-Identifier: MIT
 * Log-linear buckets over whole microseconds, rounded up: (0, 1], (1, 2], ... (15, 16], then 16 for
 * each doubling. Their ends fall on every power of two from 2^4 on. */
#include "status/histogram.h"

static unsigned index_of(uint64_t microseconds)
{
	uint64_t last = microseconds > 0 ? microseconds - 1 : 0; /* buckets include their ends */
	unsigned shift = 0;

	if (last >> HISTOGRAM_BITS != 0) {
		return HISTOGRAM_BUCKETS - 1;
	}
	while (last >> shift >= 2 * (uint64_t)HISTOGRAM_STEPS) {
		shift++;
	}
	return shift * HISTOGRAM_STEPS + (unsigned)(last >> shift);
}

static uint64_t end_of(unsigned index)
{
	unsigned shift = index < HISTOGRAM_STEPS ? 0 : index / HISTOGRAM_STEPS - 1;

	return ((uint64_t)index - (uint64_t)shift * HISTOGRAM_STEPS + 1) << shift;
}

void histogram_add(struct histogram *histogram, uint64_t nanoseconds)
{
	histogram->n++;
	histogram->sum += nanoseconds;
	if (nanoseconds > histogram->max) {
		histogram->max = nanoseconds;
	}
	histogram->buckets[index_of(nanoseconds / 1000 + (nanoseconds % 1000 > 0))]++;
}

uint64_t histogram_count_up_to(const struct histogram *histogram, unsigned power)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS && end_of(i) <= UINT64_C(1) << power; i++) {
		n += histogram->buckets[i];
	}
	return n;
}

uint64_t histogram_percentile(const struct histogram *histogram, unsigned percent)
{
	uint64_t rank = histogram->n / 100 * percent + (histogram->n % 100 * percent + 99) / 100;
	uint64_t max = histogram->max / 1000 + (histogram->max % 1000 > 0), n = 0;
	unsigned i = 0;

	if (histogram->n == 0) {
		return 0;
	}
	while (i < HISTOGRAM_BUCKETS - 1 && (n += histogram->buckets[i]) < rank) {
		i++;
	}
	/* The last bucket has no end. */
	return i == HISTOGRAM_BUCKETS - 1 || end_of(i) > max ? max : end_of(i);
}

void histogram_difference(
    struct histogram *difference_r, const struct histogram *now, const struct histogram *before)
{
	difference_r->n = now->n - before->n;
	difference_r->sum = now->sum - before->sum;
	difference_r->max = now->max;
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		difference_r->buckets[i] = now->buckets[i] - before->buckets[i];
	}
}
