/* reach.h -- whether a peer can be reached, since when, and how often it could
 *
 * A value that its owner embeds; pure but for the clock.
 */
#ifndef MOONDIAL_SIP_REACH_H
#define MOONDIAL_SIP_REACH_H

#include <stdbool.h>
#include <stdint.h>

enum reach {
	REACH_UNKNOWN,
	REACH_REACHABLE,
	REACH_LAGGED,
	REACH_UNREACHABLE,
};
/* "unknown", "reachable", "lagged", "unreachable" */
const char *reach_name(enum reach reach);
/* Of two ways to one peer the better: reachable, lagged, unknown,
 * unreachable. */
enum reach reach_better(enum reach a, enum reach b);

struct reach_record {
	enum reach state;
	int64_t since_ms;    /* wall: of the last change, or the beginning */
	uint64_t changed_ms; /* monotonic */
	uint64_t up_ms, down_ms; /* before that */
};

/* Unknown, since now. */
void reach_begin(struct reach_record *record);
/* True: it was another state. */
bool reach_set(struct reach_record *record, enum reach state);
/* So long it was up, and down, before the record began. */
void reach_recall(struct reach_record *record, uint64_t up_ms,
		  uint64_t down_ms);
/* The share of the time with a verdict in which it was reachable or lagged,
 * 0 to 1; negative: there is no verdict yet. */
double reach_availability(const struct reach_record *record);

#endif
