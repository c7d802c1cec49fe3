/* session_keepalive.h -- how the path of a call is kept open: a value
 *
 * What an account, a trunk or a script says of it; where one says nothing, the
 * one before it counts. A NAT or a media proxy forgets what is silent for
 * longer than its session time: both intervals derive from that unless they
 * are given.
 */
#ifndef MOONDIAL_SIP_SESSION_KEEPALIVE_H
#define MOONDIAL_SIP_SESSION_KEEPALIVE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	/* values of SIP_MS and RTP_MS besides a number of milliseconds */
	KEEPALIVE_UNSAID = 0,
	KEEPALIVE_OFF = 1,
	KEEPALIVE_DERIVED = 2,

	KEEPALIVE_MIN_MS = 2000,
	KEEPALIVE_MAX_MS = 3600000,
	NAT_SESSION_MIN_MS = 5000,
	NAT_SESSION_MAX_MS = 120000,
	NAT_SESSION_MS = 30000, /* where nobody says anything */
};

enum keepalive_hangup {
	KEEPALIVE_HANGUP_UNSAID,
	KEEPALIVE_HANGUP_NO,
	KEEPALIVE_HANGUP_YES,
};

struct session_keepalive {
	uint32_t sip_ms;	 /* OPTIONS within the dialog */
	uint32_t rtp_ms;	 /* some audio, also on hold */
	uint32_t nat_session_ms; /* 0: unsaid */
	/* whether an OPTIONS that nobody answers ends the call */
	enum keepalive_hangup hangup;
};

/* What MORE says wins. */
static inline void session_keepalive_add(struct session_keepalive *all,
					 const struct session_keepalive *more)
{
	if (more->sip_ms)
		all->sip_ms = more->sip_ms;
	if (more->rtp_ms)
		all->rtp_ms = more->rtp_ms;
	if (more->nat_session_ms)
		all->nat_session_ms = more->nat_session_ms;
	if (more->hangup)
		all->hangup = more->hangup;
}

/* MS: one of a keep-alive's. 0: none. Half of the session time: one packet may
 * be lost. */
static inline uint32_t
session_keepalive_interval(const struct session_keepalive *k, uint32_t ms)
{
	if (ms == KEEPALIVE_UNSAID || ms == KEEPALIVE_OFF)
		return 0;
	if (ms != KEEPALIVE_DERIVED)
		return ms;
	return (k->nat_session_ms ? k->nat_session_ms : NAT_SESSION_MS) / 2;
}

#endif
