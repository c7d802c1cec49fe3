/* fuzz_zone.c -- a file of the time zone database
 *
 * One that is taken tells a clock that can be, at any time, and can be asked
 * when it shows that.
 */
#include <re.h>
#include <stdint.h>
#include <stdlib.h>
#include "base/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const int64_t times[] = {ZONE_T_MIN,  -2208988800, 0,
					1741503600,  1762063200,  2147483647,
					95617584000, ZONE_T_MAX};
	struct zone *zone = NULL;

	if (zone_parse(&zone, bytes, size))
		return 0;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct zone_time z;

		zone_time(zone, times[i], &z);
		require(z.month >= 1 && z.month <= 12 && z.day >= 1 &&
			z.day <= 31 && z.hour >= 0 && z.hour < 24 &&
			z.min >= 0 && z.min < 60 && z.sec >= 0 && z.sec < 60 &&
			z.wday >= 1 && z.wday <= 7 && z.yday >= 1 &&
			z.yday <= 366);
		(void)zone_epoch(zone, &z);
	}
	mem_deref(zone);
	return 0;
}
