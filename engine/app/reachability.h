/* reachability.h -- what becomes of a change: a row, and an event for scripts
 *
 * moon.on("reachability") and the table `reachability` say the same, the former
 * in seconds. What trunks were like is read from it again at the next start.
 */
#ifndef MOONDIAL_APP_REACHABILITY_H
#define MOONDIAL_APP_REACHABILITY_H

#include <stdint.h>
#include "sip/reach/reach.h"

struct binding;
struct engine;
struct qualify;
struct trunk;
struct trunk_change;
struct trunk_reading;

/* KIND "trunk", "host" (of the trunk NAME), "endpoint" (HOST: which of its
 * telephones), "uri". HOST may be NULL. */
struct reachability {
	const char *kind, *name, *host;
	enum reach was, now;
	int64_t at_ms;
	uint32_t rtt_us; /* 0: unknown */
	const char *reason;
};
void reachability_tell(struct engine *engine, const struct reachability *r);

/* TRUNK has been defined: its changes of the last 30 days before this run, and
 * its hosts', count from soon on. */
void reachability_recall(struct engine *engine, const char *trunk);
/* The engine ends: nothing is known of its trunks until its next start. */
void reachability_end(struct engine *engine);

/* As trunk_reach_h, with ARG a struct engine. */
void reachability_of_trunk(struct trunk *trunk,
			   const struct trunk_change *change, void *arg);
/* As endpoint_reach_h. */
void reachability_of_endpoint(struct binding *binding, enum reach was,
			      const struct trunk_reading *reading, void *arg);
/* As scripts_handlers.qualified. */
void reachability_of_uri(struct qualify *qualify, enum reach was, void *arg);

#endif
