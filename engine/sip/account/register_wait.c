/* register_wait.c -- when a registration is refreshed, and tried again */
#include <re.h>
#include "sip/account/register_wait.h"

enum {
	/* Time for a refresh that is lost to be noticed: 64·T1 and some. */
	MARGIN_MS = 34000,
	REFRESH_MAX_MS = 24 * 3600 * 1000,
	GRAVE_FACTOR = 4,
	REFUSED_FACTOR = 12,
	SHIFT_MAX = 16,
	RETRY_AFTER_MAX = 3600,
};

uint32_t register_random(uint64_t limit)
{
	return limit ? (uint32_t)(rand_u32() % limit) : 0;
}

enum register_failure register_failure(uint16_t scode)
{
	switch (scode) {
	case 408:
	case 500:
	case 502:
	case 503:
	case 504:
		return REGISTER_ELSEWHERE;
	case 401:
	case 403:
	case 407:
		return REGISTER_REFUSED;
	case 423:
	case 480:
		return REGISTER_PASSING;
	default:
		return scode >= 500 && scode < 600 ? REGISTER_PASSING
						   : REGISTER_GRAVE;
	}
}

uint64_t register_retry_ms(unsigned failures, enum register_failure failure,
			   uint32_t retry_min_ms, uint32_t retry_max_ms,
			   uint32_t after_s)
{
	const unsigned shift = failures < SHIFT_MAX ? failures : SHIFT_MAX;
	uint64_t high = (uint64_t)retry_min_ms << shift, low, wait;
	uint64_t longest = retry_max_ms;

	high += high / 4;
	if (failure == REGISTER_GRAVE)
		high *= GRAVE_FACTOR;
	if (failure == REGISTER_REFUSED) {
		high *= REFUSED_FACTOR;
		longest *= REFUSED_FACTOR;
	}
	if (high > longest)
		high = longest;
	low = high - high / 4;
	if (low < retry_min_ms)
		low = retry_min_ms;
	wait = low + register_random(high > low ? high - low : 0);
	if (after_s > RETRY_AFTER_MAX)
		after_s = RETRY_AFTER_MAX;
	if ((uint64_t)after_s * 1000 > wait)
		wait = (uint64_t)after_s * 1000 +
		       register_random((uint64_t)after_s * 100);
	return wait;
}

uint64_t register_refresh_ms(uint32_t expires)
{
	const uint64_t ms = (uint64_t)expires * 1000;
	uint64_t margin = ms / 10 > MARGIN_MS ? ms / 10 : MARGIN_MS;
	uint64_t wait;

	if (margin > ms / 2)
		margin = ms / 2;
	wait = ms - margin - register_random(ms / 10);
	return wait < REFRESH_MAX_MS ? wait : REFRESH_MAX_MS;
}
