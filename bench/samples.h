/* samples.h -- many figures, and which part of them lies below what */
#ifndef MOONDIAL_BENCH_SAMPLES_H
#define MOONDIAL_BENCH_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed: empty. */
struct samples {
	int32_t *values;
	size_t count, capacity;
};

void samples_add(struct samples *samples, int32_t value);

/* Sorts them. PART: 0 … 1; 0 when there are none. */
int32_t samples_percentile(struct samples *samples, double part);

void samples_clear(struct samples *samples);

#endif
