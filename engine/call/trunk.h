/* trunk.h -- named ways out: hosts (in turn) or an account, with limits
 *
 * A trunk of the same name that is set again keeps its calls and counts. On
 * the loop thread; calls hold a reference to the trunk that they go through.
 */
#ifndef MOONDIAL_CALL_TRUNK_H
#define MOONDIAL_CALL_TRUNK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "call/trunk_reach.h"

#include "sip/session_keepalive.h"

struct sa;
struct trunks;
struct trunk;

struct trunk_params {
	const char *name;
	const char *const *hosts;    /* "host[:port][;transport=tcp]", tried in
					order; NULL-terminated; or NULL */
	const char *account;	     /* credentials, identity; hosts from its
					registrar when HOSTS is NULL */
	const char *from;	     /* caller id when the call names none */
	const char *prefix;	     /* put before each number, in place of its
					+; or NULL */
	unsigned max_calls, max_cps; /* 0: no limit */
	struct trunk_reach_params reach;
	struct session_keepalive keepalive; /* of its calls; wins over the
					       account's */
};

int trunks_alloc(struct trunks **tp);
void trunks_free(struct trunks *trunks);
/* Whether trunk_set() would take them: 0, EINVAL with ERR. */
int trunk_check(const struct trunk_params *params, char *err, size_t size);
/* Add or change by name. Everything is copied. EINVAL with ERR; ENOMEM. */
int trunk_set(struct trunks *trunks, const struct trunk_params *params,
	      char *err, size_t size);
struct trunk *trunk_find(const struct trunks *trunks, const char *name);
/* The trunk, if there is exactly one; else NULL. */
struct trunk *trunk_only(const struct trunks *trunks);
/* The trunk that has HOST among its own, or NULL. A host by name is matched
 * by name only; an incoming call's source by address. */
struct trunk *trunk_of_host(const struct trunks *trunks, const char *host);
struct trunk *trunk_of_addr(const struct trunks *trunks, const struct sa *addr);
const struct trunk_params *trunk_params(const struct trunk *trunk);
typedef bool(trunk_apply_h)(struct trunk *trunk, void *arg);
void trunk_each(const struct trunks *trunks, trunk_apply_h *fn, void *arg);
/* TRUST is told of each host that is an address, now and when trunks change:
 * such peers aren't limited as strangers. Hosts by name aren't looked up for
 * it. NULL ends it. */
typedef void(trunk_trust_h)(const struct sa *addr, bool add, void *arg);
void trunks_trust(struct trunks *trunks, trunk_trust_h *trust, void *arg);

/* Ask all hosts of all trunks, those to come too, from now on, as their
 * parameters say; HANDLER is told of changes, and may set trunks. An account
 * that was set: trunks that have only it. Ended by trunks_free(), which comes
 * before stack_free(). */
void trunks_watch(struct trunks *trunks, struct stack *stack,
		  struct accounts *accounts, trunk_reach_h *handler, void *arg);
void trunks_account_set(struct trunks *trunks, const char *account);

/* What is known of it, and of its hosts: HOST from 0, in the order of its
 * params (one, the account's server, when it has none). */
enum reach trunk_state(const struct trunk *trunk);
void trunk_read(const struct trunk *trunk, struct trunk_reading *reading);
size_t trunk_host_count(const struct trunk *trunk);
void trunk_read_host(const struct trunk *trunk, size_t host,
		     struct trunk_reading *reading);
/* The latest changes of the trunk's state, the last one first: how many. */
size_t trunk_history(const struct trunk *trunk, struct trunk_change *out,
		     size_t max);
/* What is known from before this run of the engine, once, of the trunk, or of
 * its HOST: how long it was up and down, and (of the trunk) its changes, the
 * last one first. */
void trunk_recall(struct trunk *trunk, const char *host, uint64_t up_ms,
		  uint64_t down_ms, const struct trunk_change *changes,
		  size_t count);
/* Ask its hosts now. */
void trunk_qualify_now(struct trunk *trunk);
/* What became of an INVITE to that host. */
void trunk_evidence(struct trunk *trunk, size_t host,
		    enum trunk_evidence evidence, uint32_t retry_after_s,
		    const char *reason);

/* Calls through it now. */
unsigned trunk_active(const struct trunk *trunk);

/* What has become of its calls since the engine started. A call that went on by
 * another trunk was one of each. */
struct trunk_traffic {
	uint64_t calls;	   /* ended */
	uint64_t rang;	   /* that rang, or were answered at once */
	uint64_t answered; /* ASR: of calls */
	uint64_t talk_ms;  /* ACD: by answered */
	uint64_t delay_ms; /* from the INVITE to the ringing; PDD: by rang */
};
void trunk_traffic(const struct trunk *trunk, struct trunk_traffic *out);

/* Whether one more call may go out at NOW_MS (monotonic); then count it, and
 * count it off when it has ended; CALL: what became of it, NULL: nothing. */
bool trunk_admits(struct trunk *trunk, uint64_t now_ms);
/* How many of WANTED calls would be admitted. */
unsigned trunk_room(struct trunk *trunk, uint64_t now_ms, unsigned wanted);
void trunk_begin(struct trunk *trunk);
void trunk_end(struct trunk *trunk, const struct trunk_traffic *call);

#endif
