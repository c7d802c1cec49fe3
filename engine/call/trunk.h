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
};

int trunks_alloc(struct trunks **tp);
void trunks_free(struct trunks *trunks);
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

/* Calls through it now. */
unsigned trunk_active(const struct trunk *trunk);

/* Whether one more call may go out at NOW_MS (monotonic); then count it, and
 * count it off when it has ended. */
bool trunk_admits(struct trunk *trunk, uint64_t now_ms);
void trunk_begin(struct trunk *trunk);
void trunk_end(struct trunk *trunk);

#endif
