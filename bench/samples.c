/* samples.c -- many figures */
#include <stdlib.h>
#include "bench/net.h"
#include "bench/samples.h"

void samples_add(struct samples *samples, int32_t value)
{
	if (samples->count == samples->capacity) {
		size_t capacity =
			samples->capacity ? 2 * samples->capacity : 64;
		int32_t *values =
			realloc(samples->values, capacity * sizeof(*values));

		if (!values)
			die("out of memory");
		samples->values = values;
		samples->capacity = capacity;
	}
	samples->values[samples->count++] = value;
}

static int ascending(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

int32_t samples_percentile(struct samples *samples, double part)
{
	size_t at = (size_t)(part * (double)samples->count);

	if (!samples->count)
		return 0;
	qsort(samples->values, samples->count, sizeof(*samples->values),
	      ascending);
	return samples->values[at < samples->count ? at : samples->count - 1];
}

void samples_clear(struct samples *samples)
{
	free(samples->values);
	*samples = (struct samples){.values = NULL};
}
