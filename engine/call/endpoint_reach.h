/* endpoint_reach.h -- whether registered telephones are there
 *
 * Each binding of an endpoint that is qualified is asked by OPTIONS, the way
 * that its calls go, from its registration (or the engine's start) to its end.
 * One that is unreachable isn't called. Private to the call room, but for the
 * reading. On the loop thread.
 */
#ifndef MOONDIAL_CALL_ENDPOINT_REACH_H
#define MOONDIAL_CALL_ENDPOINT_REACH_H

#include <re.h>
#include "call/trunk_reach.h"
#include "sip/registrar/registrar.h"

struct endpoint_reach;
struct qualify;
struct stack;

struct endpoint_qualify {
	bool on;
	bool success;		       /* only a 2xx is a sign of life */
	uint32_t every_ms, timeout_ms; /* 0: qualify.h's */
	unsigned tries;		       /* 0: qualify.h's */
};

typedef void(endpoint_reach_h)(struct binding *binding, enum reach was,
			       const struct trunk_reading *reading, void *arg);

int endpoint_reach_alloc(struct endpoint_reach **rp, struct stack *stack,
			 endpoint_reach_h *handler, void *arg);
void endpoint_reach_free(struct endpoint_reach *reach);

/* BINDING is there, or is what it was but in another place: asked from now on
 * as QUALIFY says, if it does. Once it is no longer in force: off. */
void endpoint_reach_set(struct endpoint_reach *reach, struct binding *binding,
			const struct endpoint_qualify *qualify);

/* What is known; unknown, when it isn't asked. READING's host is its target. */
void endpoint_reach_read(const struct endpoint_reach *reach,
			 const struct binding *binding,
			 struct trunk_reading *reading);
/* The connection that it is called over is gone, or there is one again. */
void endpoint_reach_lost(struct endpoint_reach *reach, struct binding *binding,
			 bool is_lost);
/* What became of an INVITE to it. */
void endpoint_reach_evidence(struct endpoint_reach *reach,
			     const struct binding *binding,
			     enum trunk_evidence evidence, const char *reason);

#endif
