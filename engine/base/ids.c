/* ids.c -- ULIDs, in the order of their making */
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <re.h>
#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"

enum { RANDOM_SIZE = 10 };

/* False when all 80 bits were ones. */
static bool increment(uint8_t random[RANDOM_SIZE])
{
	for (int i = RANDOM_SIZE - 1; i >= 0; i--)
		if (++random[i])
			return true;
	return false;
}

static void encode(char out[ID_SIZE], uint64_t ms,
		   const uint8_t random[RANDOM_SIZE])
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	char *p = out;

	for (int shift = 45; shift >= 0; shift -= 5)
		*p++ = alphabet[(ms >> shift) & 31];

	/* 80 bits are twice 40, or eight characters. */
	for (int half = 0; half < 2; half++) {
		uint64_t bits = 0;

		for (int i = 0; i < 5; i++)
			bits = bits << 8 | random[half * 5 + i];
		for (int shift = 35; shift >= 0; shift -= 5)
			*p++ = alphabet[(bits >> shift) & 31];
	}
	*p = '\0';
}

void id_make(char out[ID_SIZE])
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static uint8_t random[RANDOM_SIZE];
	static uint64_t last_ms;
	uint64_t now_ms = (uint64_t)clock_wall_ms();

	pthread_mutex_lock(&mutex);
	/* Within one ms, and when the clock was set back, count on from the
	 * last one; a fresh random number would break the order. */
	if (now_ms > last_ms) {
		last_ms = now_ms;
		rand_bytes(random, sizeof(random));
	} else if (!increment(random)) {
		last_ms++;
	}
	encode(out, last_ms, random);
	pthread_mutex_unlock(&mutex);
}
