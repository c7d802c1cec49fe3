/* register_wait.h -- when a registration is refreshed, and tried again
 *
 * Private to the sip room. Pure functions, but for chance.
 */
#ifndef MOONDIAL_SIP_REGISTER_WAIT_H
#define MOONDIAL_SIP_REGISTER_WAIT_H

#include <stdint.h>

/* What kind of failure a response is. */
enum register_failure {
	REGISTER_ELSEWHERE, /* another server may do better */
	REGISTER_PASSING,   /* not now */
	REGISTER_GRAVE,	  /* what waiting doesn't cure: unknown, not allowed */
	REGISTER_REFUSED, /* credentials: each try is counted there, and locks
			     the account or bans us */
};

enum register_failure register_failure(uint16_t scode);

/* For how long to wait after so many FAILURES before: twice as long each time,
 * between RETRY_MIN and RETRY_MAX (12 times as long for refused credentials),
 * longer when the registrar asks for it (AFTER_S; to an hour); spread, so that
 * one that comes back isn't met by all accounts at once. */
uint64_t register_retry_ms(unsigned failures, enum register_failure failure,
			   uint32_t retry_min_ms, uint32_t retry_max_ms,
			   uint32_t after_s);

/* When to refresh a binding of EXPIRES seconds: with time left for a lost
 * request, and at different times for accounts that began together. */
uint64_t register_refresh_ms(uint32_t expires);

/* 0 … LIMIT − 1. */
uint32_t register_random(uint64_t limit);

#endif
