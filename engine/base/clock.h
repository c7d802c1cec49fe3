/* clock.h -- the two clocks: monotonic for intervals, wall for time stamps */
#ifndef MOONDIAL_BASE_CLOCK_H
#define MOONDIAL_BASE_CLOCK_H

#include <stdint.h>
#include <stddef.h>
#include <time.h>

uint64_t clock_mono_ns(void);
uint64_t clock_mono_ms(void);
uint64_t clock_thread_cpu_ns(void); /* that this thread has used */

/* Sleep until clock_mono_ms() is MS; a signal ends it before. */
static inline void clock_sleep_until_ms(uint64_t ms)
{
	const struct timespec ts = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000000,
	};

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

int64_t clock_wall_ms(void); /* since the Unix epoch */

enum { CLOCK_ISO_SIZE = 25 };
/* "2026-11-21T09:25:00.123Z" into OUT. Returns OUT. */
char *clock_iso(char out[CLOCK_ISO_SIZE], int64_t wall_ms);

/* A user's point in time: "2026-11-21", "2026-11-21 09:25[:00[.123]]" (local
 * time), ISO 8601 with Z or an offset, "90s", "10m", "2h", "7d", "2w" (ago),
 * "today", "yesterday" (midnight). EINVAL when it is none. */
int clock_parse(int64_t *wall_ms, const char *text);

#endif
