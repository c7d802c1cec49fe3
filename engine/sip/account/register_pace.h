/* register_pace.h -- the REGISTERs of thousands of accounts, one by one
 *
 * So many a second at most, whatever has made them all due at once: a start, a
 * registrar that has died, another network. A value that the accounts of an
 * engine share, on the loop thread.
 */
#ifndef MOONDIAL_SIP_REGISTER_PACE_H
#define MOONDIAL_SIP_REGISTER_PACE_H

#include <stdint.h>

struct register_pace {
	unsigned rate;	  /* a second; 0: no limit */
	uint64_t next_us; /* when the next one's turn is */
};

enum { REGISTER_RATE = 200, REGISTER_BURST = 20 };

/* For how many ms to wait from NOW_MS; the turn is taken. */
static inline uint64_t register_pace_take(struct register_pace *pace,
					  uint64_t now_ms)
{
	const uint64_t now_us = now_ms * 1000;
	const uint64_t each_us = pace->rate ? 1000000 / pace->rate : 0;
	const uint64_t slack_us = each_us * REGISTER_BURST;
	uint64_t turn_us;

	if (pace->next_us + slack_us < now_us)
		pace->next_us = now_us - slack_us;
	turn_us = pace->next_us;
	pace->next_us += each_us;
	return turn_us > now_us ? (turn_us - now_us + 999) / 1000 : 0;
}

#endif
