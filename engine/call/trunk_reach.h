/* trunk_reach.h -- whether a trunk's hosts are there, and which of them to use
 *
 *   host ─┬─ qualify     OPTIONS at intervals
 *         ├─ keepalive   the way through NATs, and whether it still is one
 *         └─ evidence    what became of INVITEs
 *                └─► reachable, lagged, unreachable ─► the trunk's: its best
 *
 * A trunk that neither qualifies nor keeps alive is unknown for ever, and used.
 * Calls pass over unreachable hosts, and take lagged ones last. Private to the
 * call room, but for the types; trunk.h has what others ask. On the loop
 * thread.
 */
#ifndef MOONDIAL_CALL_TRUNK_REACH_H
#define MOONDIAL_CALL_TRUNK_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "sip/reach/keepalive.h"
#include "sip/reach/reach.h"

struct accounts;
struct stack;
struct trunk;

struct trunk_reach_params {
	bool qualify;
	bool success;		       /* only a 2xx is a sign of life */
	uint32_t every_ms, timeout_ms; /* 0: qualify.h's */
	unsigned tries;		       /* 0: qualify.h's */
	/* KEEPALIVE_REGISTER: of a trunk without hosts, its account's */
	enum keepalive_kind keepalive;
	uint32_t keepalive_ms; /* 0: keepalive.h's */
};

/* What is known of a trunk, or of one of its hosts. Strings are the trunk's,
 * valid until it changes. */
struct trunk_reading {
	const char *host; /* NULL: of the trunk */
	enum reach state;
	int64_t since_ms;	  /* wall */
	uint32_t rtt_us, srtt_us; /* 0: unknown; of the trunk: its best host */
	double availability;	  /* 0 to 1; negative: unknown */
	const char *reason;	  /* why it isn't reachable, or "" */
};

/* A change of a trunk's state; of a host's too, where there are several. */
struct trunk_change {
	const char *host; /* NULL: the trunk's */
	enum reach was, now;
	int64_t at_ms; /* wall */
	uint32_t rtt_us;
	const char *reason;
};
typedef void(trunk_reach_h)(struct trunk *trunk,
			    const struct trunk_change *change, void *arg);

/* ---- private to the room ---------------------------------------------- */

struct trunk_reach;

struct trunk_watch {
	struct stack *stack;
	struct accounts *accounts;
	trunk_reach_h *handler;
	void *arg;
};

/* Begin, or go on with other parameters: hosts that are as they were keep what
 * is known of them. *RP may be NULL. ENOMEM: what there was goes on. */
int trunk_reach_fit(struct trunk_reach **rp, struct trunk *trunk,
		    const struct trunk_watch *watch);

void trunk_reach_read(const struct trunk_reach *reach,
		      struct trunk_reading *reading);
size_t trunk_reach_hosts(const struct trunk_reach *reach);
void trunk_reach_read_host(const struct trunk_reach *reach, size_t host,
			   struct trunk_reading *reading);
size_t trunk_reach_history(const struct trunk_reach *reach,
			   struct trunk_change *out, size_t max);
void trunk_reach_now(struct trunk_reach *reach);
void trunk_reach_recall(struct trunk_reach *reach, uint64_t up_ms,
			uint64_t down_ms, const struct trunk_change *changes,
			size_t count);
void trunk_reach_recall_host(struct trunk_reach *reach, const char *host,
			     uint64_t up_ms, uint64_t down_ms);

/* An INVITE's fate. SILENT: no response at all; ERROR: it couldn't be sent, or
 * its connection failed; BUSY: 503, with RETRY_AFTER_S or 0. */
enum trunk_evidence { TRUNK_HEARD, TRUNK_SILENT, TRUNK_ERROR, TRUNK_BUSY };
void trunk_reach_evidence(struct trunk_reach *reach, size_t host,
			  enum trunk_evidence evidence, uint32_t retry_after_s,
			  const char *reason);

#endif
