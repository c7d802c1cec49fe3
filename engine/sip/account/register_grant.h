/* register_grant.h -- what a registrar's 2xx to our REGISTER says
 *
 * For how long (RFC 3261 10.2.4), over which edge proxies we are reached
 * (Path, RFC 3327), through which our calls should go (Service-Route, RFC
 * 3608), how often the flow wants to be kept alive (Flow-Timer, RFC 5626).
 * Private to the sip room; pure functions.
 */
#ifndef MOONDIAL_SIP_REGISTER_GRANT_H
#define MOONDIAL_SIP_REGISTER_GRANT_H

#include <re.h>
#include "sip/account/account.h"

/* Whose expiry is read: that of the Contact with this user, and this line or
 * else this address. */
struct grant_ask {
	const char *user, *line;
	const struct sa *laddr;
	uint32_t asked; /* s */
	enum account_expiry by;
};

struct grant {
	uint32_t expires;    /* s; 0: nothing was granted */
	uint32_t flow_timer; /* s; 0: none */
	bool outbound;	     /* it knows RFC 5626 (Require: outbound) */
	char *path;	     /* Path headers, joined by commas; NULL: none */
	char **routes;	     /* Service-Route URIs, NULL-terminated, or NULL */
};

/* ENOMEM: *GRANT holds nothing. */
int grant_read(struct grant *grant, const struct sip_msg *msg,
	       const struct grant_ask *ask);
void grant_clear(struct grant *grant);

/* Where a 3xx sends us: its first Contact, as sip:host[:port;transport=] (RFC
 * 3261 8.1.3.4). EBADMSG: none that we could follow. ENOMEM. */
int redirect_uri(char **uri, const struct sip_msg *msg);

/* A number of seconds in a header; what is too long is UINT32_MAX. */
uint32_t grant_seconds(const struct pl *pl);

#endif
