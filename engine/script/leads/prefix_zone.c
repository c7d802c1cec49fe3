#include "script/leads/prefix_zone.h"

#include <stddef.h>

static const char *find(const struct prefix_zone_group *group, uint32_t prefix)
{
	uint32_t low = 0, high = group->count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;

		if (group->entries[middle].prefix < prefix)
			low = middle + 1;
		else
			high = middle;
	}
	return low < group->count && group->entries[low].prefix == prefix
		       ? group->entries[low].zones
		       : NULL;
}

const char *prefix_zone_of(const char *e164)
{
	uint32_t prefix = 0;
	const char *best = NULL;

	if (*e164++ != '+')
		return NULL;
	for (int digits = 1; digits <= PREFIX_ZONE_DIGITS; digits++) {
		const char *zones;

		if (*e164 < '0' || *e164 > '9')
			break;
		prefix = prefix * 10 + (uint32_t)(*e164++ - '0');
		zones = find(&prefix_zones[digits], prefix);
		best = zones ? zones : best;
	}
	return best;
}
