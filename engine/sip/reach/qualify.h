/* qualify.h -- whether peers are there, asked by OPTIONS at intervals
 *
 *   unknown ─► reachable ⇄ lagged ⇄ unreachable
 *
 * A cycle each EVERY_MS: one OPTIONS; without an answer further tries, GAP_MS
 * apart, TRIES at most. An answer to any of them counts: within TIMEOUT_MS of
 * the try that it answers, the peer is reachable; later, lagged. When the last
 * try has gone unanswered too it is unreachable, until an answer comes: one to
 * an older try of the same cycle, or of the next. (A lagged one has as long as
 * its last answer took.) Cycles never end.
 *
 * What the requests of others tell counts as well: a peer that has left an
 * INVITE without an answer is unreachable at once, for a while (HOLD), after
 * which a cycle decides.
 *
 * First cycles begin at some 500 a second, those after them anywhere in the
 * interval, so that ten thousand peers are a steady trickle.
 * The qualifier and its peers (libre objects) live on the loop thread.
 */
#ifndef MOONDIAL_SIP_QUALIFY_H
#define MOONDIAL_SIP_QUALIFY_H

#include <re.h>
#include "sip/reach/reach.h"

struct stack;
struct qualifier;
struct qualify;

enum {
	QUALIFY_EVERY_MS = 60000,
	QUALIFY_TIMEOUT_MS = 2000,
	QUALIFY_TRIES = 7,
	QUALIFY_TRIES_MAX = 20,
	QUALIFY_GAP_MS = 1000,
};

/* Everything is copied. 0 in a number: the default above. */
struct qualify_params {
	const char *uri;      /* sip:[user@]host[:port][;transport=tcp] */
	const char *next_hop; /* where to send instead, likewise; NULL: URI */
	const struct sa *dst; /* where to send instead of both, by TP; NULL */
	enum sip_transp tp;   /* with DST */
	const char *from;     /* a URI; NULL: sip:moondial@ our address */
	const char *route;  /* the Route header's value, "<sip:…;lr>"; NULL */
	const char *method; /* a constant; NULL: OPTIONS */
	const char *event;  /* the Event header of a NOTIFY; NULL */
	uint32_t every_ms, timeout_ms, gap_ms;
	unsigned tries;
	bool success; /* only a 2xx says that it is there */
	/* Asks nothing: only qualify_failed() and qualify_heard() tell. */
	bool passive;
};

/* At each change of state. It may release QUALIFY, but not the qualifier. */
typedef void(qualify_h)(struct qualify *qualify, void *arg);

int qualifier_alloc(struct qualifier **qp, struct stack *stack);
/* Its peers have been released. Before stack_free(). */
void qualifier_free(struct qualifier *qualifier);
unsigned qualifier_count(const struct qualifier *qualifier);

/* A peer from now on, until mem_deref(). Never told before this has returned.
 * EINVAL: URI or next hop can't be used (not sip:, TLS, no host); ENOMEM. */
int qualify_alloc(struct qualify **qp, struct qualifier *qualifier,
		  const struct qualify_params *params, qualify_h *handler,
		  void *arg);

/* Begin a cycle now, unless one is under way or began within a second. */
void qualify_now(struct qualify *qualify);

/* A request of another kind has failed there, with REASON: unreachable, and a
 * cycle begins when HOLD_MS are over; answers until then are not heard. One
 * that is passive becomes unknown then; HOLD_MS 0: when it is heard again. */
void qualify_failed(struct qualify *qualify, const char *reason,
		    uint64_t hold_ms);

/* Something has come from it: a passive one is reachable. */
void qualify_heard(struct qualify *qualify);

/* So long it was up, and down, before this run of the engine. */
void qualify_recall(struct qualify *qualify, uint64_t up_ms, uint64_t down_ms);

enum reach qualify_state(const struct qualify *qualify);
/* Wall ms of the last change of state; of the beginning, when unknown. */
int64_t qualify_since(const struct qualify *qualify);
/* Round trip in µs: the last one, and smoothed as RFC 6298 smooths it (1/8);
 * 0: none is known. */
uint32_t qualify_rtt_us(const struct qualify *qualify);
uint32_t qualify_srtt_us(const struct qualify *qualify);
/* The share of the time since the first verdict in which it was reachable or
 * lagged, 0 to 1; negative: none yet. */
double qualify_availability(const struct qualify *qualify);
/* Why it isn't reachable: "no answer to 7 OPTIONS", "INVITE: …"; or "". */
const char *qualify_reason(const struct qualify *qualify);
/* Status of the last response; 0: none yet. */
uint16_t qualify_scode(const struct qualify *qualify);
const char *qualify_uri(const struct qualify *qualify);

#endif
