/* nearest.h -- "unknown option 'timout': did you mean 'timeout'?" */
#ifndef MOONDIAL_BASE_NEAREST_H
#define MOONDIAL_BASE_NEAREST_H

#include <stddef.h>

/* The name of NAMES (COUNT of them) with the smallest edit distance
 * (Damerau-Levenshtein) to NAME, when that is at most 1/3 of its length + 1;
 * else NULL. */
const char *nearest_name(const char *name, const char *const *names,
			 size_t count);

#endif
