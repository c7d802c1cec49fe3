/* bucket.h -- calls a second: a token bucket
 *
 * Holds one second's worth: after a pause so many calls may begin at once,
 * then RATE a second. A value; whoever embeds it owns it.
 */
#ifndef MOONDIAL_CALL_BUCKET_H
#define MOONDIAL_CALL_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

struct bucket {
	uint64_t at_ms;
	uint64_t tokens; /* thousandths of a call */
	unsigned rate;
};

/* Whether a call may begin at NOW_MS (monotonic); takes nothing.
 * RATE 0: always. A new RATE starts with a full bucket. */
static inline bool bucket_has(struct bucket *b, unsigned rate, uint64_t now_ms)
{
	const uint64_t full = (uint64_t)rate * 1000;

	if (rate == 0)
		return true;
	if (b->rate != rate) {
		b->rate = rate;
		b->tokens = full;
		b->at_ms = now_ms;
	}
	b->tokens += (now_ms - b->at_ms) * rate;
	b->at_ms = now_ms;
	if (b->tokens > full)
		b->tokens = full;
	return b->tokens >= 1000;
}

/* How many of WANTED calls may begin at NOW_MS; takes nothing. */
static inline unsigned bucket_count(struct bucket *b, unsigned rate,
				    uint64_t now_ms, unsigned wanted)
{
	if (rate == 0)
		return wanted;
	(void)bucket_has(b, rate, now_ms);
	return b->tokens / 1000 < wanted ? (unsigned)(b->tokens / 1000)
					 : wanted;
}

/* Take one, after bucket_has() of the same RATE. */
static inline void bucket_take(struct bucket *b, unsigned rate)
{
	if (rate && b->tokens >= 1000)
		b->tokens -= 1000;
}

#endif
