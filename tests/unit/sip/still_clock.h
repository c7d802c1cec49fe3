/* still_clock.h -- the test's clock, instead of base/clock.c
 *
 * It stands still while messages go to and fro on loopback; the test moves it
 * (now_ms), so that hours pass in milliseconds and every wait can be measured.
 * Included by one file of a test program: it defines the functions themselves.
 */
#ifndef MOONDIAL_TEST_STILL_CLOCK_H
#define MOONDIAL_TEST_STILL_CLOCK_H

#include <errno.h>
#include <stdio.h>
#include "base/clock.h"

#define WALL_0 INT64_C(1800000000000)

static uint64_t now_ms;

uint64_t clock_mono_ns(void)
{
	return now_ms * 1000000;
}

uint64_t clock_mono_ms(void)
{
	return now_ms;
}

int64_t clock_wall_ms(void)
{
	return WALL_0 + (int64_t)now_ms;
}

char *clock_iso(char out[CLOCK_ISO_SIZE], int64_t wall_ms)
{
	(void)snprintf(out, CLOCK_ISO_SIZE, "%lld", (long long)wall_ms);
	return out;
}

int clock_parse(int64_t *wall_ms, const char *text)
{
	*wall_ms = 0;
	(void)text;
	return EINVAL;
}

#endif
