/* register.h -- one binding at a registrar, kept alive (RFC 3261 10)
 *
 * Private to the sip room: account.c owns one for each account that
 * registers. One Call-ID for its life. It registers, refreshes before the
 * registrar's expiry, tries its servers in order (servers.h), goes back to the
 * first when that is there again, retries for ever, and at its end takes its
 * binding back. A libre object, on the loop thread.
 *
 *   trying ─► registered ⇄ failed
 *
 *   register.c          when to try, which server, what comes of it
 *   register_request.c  the request         register_grant.c  the 2xx to it
 */
#ifndef MOONDIAL_SIP_REGISTER_H
#define MOONDIAL_SIP_REGISTER_H

#include <re.h>
#include "sip/account/account.h"
#include "sip/reach/keepalive.h"
#include "sip/account/register_grant.h"

struct credentials;
struct register_pace;
struct registration;

/* Everything is copied or referenced, but for PACE, which outlives it. */
struct registration_params {
	const char *name; /* for the log */
	const char *aor;  /* sip:user@domain, without parameters */
	const char *registrar;
	const char *const *servers; /* where to send it to, in order:
				       registrars or proxies; NULL-terminated */
	unsigned first_server;	 /* the number of the first among the account's:
				    its reg-id is one more */
	bool proxies;		 /* they are proxies before REGISTRAR */
	const char *user;	 /* of the Contact */
	const char *line;	 /* its "line" parameter: tells accounts
				    apart */
	const char *instance_id; /* urn:uuid:…; NULL: no RFC 5626 */
	struct credentials *credentials;
	struct register_pace *pace;
	enum account_expiry expiry;
	uint32_t expires;		     /* s */
	uint32_t retry_min_ms, retry_max_ms; /* at least 1 s */
	/* Of the flow to the registrar: keepalive.h; interval 0: its own. */
	enum keepalive_kind keepalive;
	uint32_t keepalive_ms;
};

typedef void(registration_h)(void *arg);

/* The first REGISTER leaves after DELAY_MS, never before this has returned.
 * CHANGED: at each change of state. EINVAL, ENOMEM. */
int registration_alloc(struct registration **rp, struct stack *stack,
		       const struct registration_params *params,
		       uint32_t delay_ms, registration_h *changed, void *arg);

/* Other credentials, expiry or waits; trying again, which isn't told.
 * Name, addresses and user are as before. ENOMEM. */
int registration_renew(struct registration *reg,
		       const struct registration_params *params);

/* The way to the server that it is registered at is dead, WHY says a
 * keep-alive: register at once, on another one if there is. */
void registration_flow_failed(struct registration *reg, const char *why);

/* A refresh each MS at least; 0: none but those that are needed. */
void registration_keep_registering(struct registration *reg, uint32_t ms);

/* Our own addresses may have changed: when the Contact isn't right any more,
 * register anew. Whether it does. */
bool registration_network_changed(struct registration *reg);

/* Take the binding back if the registrar may have one, then DONE and gone;
 * DONE may be called before this returns. mem_deref() ends it at once. */
void registration_close(struct registration *reg, registration_h *done,
			void *arg);

enum account_state registration_state(const struct registration *reg);
uint16_t registration_scode(const struct registration *reg);
const char *registration_reason(const struct registration *reg);
uint32_t registration_expires(const struct registration *reg);
int64_t registration_at(const struct registration *reg);
int64_t registration_next_at(const struct registration *reg);
/* Where our Contact points to; unset before the first REGISTER. */
const struct sa *registration_contact(const struct registration *reg);
/* The server that it is registered at; NULL: at none. */
const struct account_server *
registration_server(const struct registration *reg);
/* What its 2xx said; the routes are valid until the next. */
const struct grant *registration_grant(const struct registration *reg);

#endif
