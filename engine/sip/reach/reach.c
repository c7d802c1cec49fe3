/* reach.c -- whether a peer can be reached, since when, and how often */
#include <stddef.h>
#include "base/clock.h"
#include "sip/reach/reach.h"

const char *reach_name(enum reach reach)
{
	switch (reach) {
	case REACH_UNKNOWN:
		return "unknown";
	case REACH_REACHABLE:
		return "reachable";
	case REACH_LAGGED:
		return "lagged";
	case REACH_UNREACHABLE:
		return "unreachable";
	}
	return "?";
}

enum reach reach_better(enum reach a, enum reach b)
{
	static const enum reach order[] = {REACH_REACHABLE, REACH_LAGGED,
					   REACH_UNKNOWN};

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (a == order[i] || b == order[i])
			return order[i];
	}
	return REACH_UNREACHABLE;
}

void reach_begin(struct reach_record *record)
{
	*record = (struct reach_record){
		.state = REACH_UNKNOWN,
		.since_ms = clock_wall_ms(),
		.changed_ms = clock_mono_ms(),
	};
}

/* Up and down until now: the time since the last change belongs to the state
 * that it began. */
static void sum(const struct reach_record *r, uint64_t now, uint64_t *up,
		uint64_t *down)
{
	const uint64_t lately = now - r->changed_ms;

	*up = r->up_ms;
	*down = r->down_ms;
	if (r->state == REACH_UNREACHABLE)
		*down += lately;
	else if (r->state != REACH_UNKNOWN)
		*up += lately;
}

bool reach_set(struct reach_record *r, enum reach state)
{
	const uint64_t now = clock_mono_ms();
	uint64_t up, down;

	if (r->state == state)
		return false;
	sum(r, now, &up, &down);
	r->up_ms = up;
	r->down_ms = down;
	r->changed_ms = now;
	r->since_ms = clock_wall_ms();
	r->state = state;
	return true;
}

void reach_recall(struct reach_record *r, uint64_t up_ms, uint64_t down_ms)
{
	r->up_ms += up_ms;
	r->down_ms += down_ms;
}

double reach_availability(const struct reach_record *r)
{
	uint64_t up, down;

	sum(r, clock_mono_ms(), &up, &down);
	if (up + down)
		return (double)up / (double)(up + down);
	if (r->state == REACH_UNKNOWN)
		return -1;
	return r->state == REACH_UNREACHABLE ? 0 : 1;
}
