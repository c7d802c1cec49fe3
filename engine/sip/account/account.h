/* account.h -- an identity at a registrar: REGISTER, credentials, state
 *
 * Registers, refreshes in time, and never gives up: failures are retried with
 * back-off and jitter; the reason of the last one is kept. One Call-ID for its
 * life. Accounts live on the loop thread, by name, in the stack's table.
 * An account is a libre object that the table owns: who keeps one (as the
 * auth_arg of a session, say) takes a mem_ref() on it, and finds it closed when
 * it has been removed.
 */
#ifndef MOONDIAL_SIP_ACCOUNT_H
#define MOONDIAL_SIP_ACCOUNT_H

#include <re.h>
#include "sip/reach/keepalive.h"
#include "sip/session_keepalive.h"

struct stack;
struct account;
struct accounts;

/* Which expiry of a 2xx to REGISTER counts (RFC 3261 10.2.4). */
enum account_expiry {
	ACCOUNT_EXPIRY_CONTACT, /* our Contact's, else the header's */
	ACCOUNT_EXPIRY_HEADER,	/* the other way round */
	ACCOUNT_EXPIRY_IGNORED, /* what we have asked for */
};

enum { ACCOUNT_FLOWS_MAX = 4 };

struct account_params {
	const char *name;
	const char *uri;	  /* sip:user@domain */
	const char *display_name; /* or NULL */
	const char *auth_user;	  /* NULL: the uri's user */
	const char *password;	  /* one of these, or neither */
	const char *ha1;	  /* hex MD5 of user:realm:password */
	const char *realm;	  /* NULL: those with which the registrar and
				     its proxy challenged our REGISTER first,
				     or one named as the domain, registrar or
				     proxy */
	const char *registrar;	  /* sip:host[:port][;transport=]; NULL: the
				     uri's domain */
	const char *proxy;	  /* outbound proxy, or NULL */
	/* More proxies, or without a proxy more registrars, to be tried when
	 * the first has no answer; NULL-terminated, or NULL. */
	const char *const *backups;
	enum account_expiry expiry;
	bool outbound;		 /* register as RFC 5626 says … */
	unsigned flows;		 /* … by so many of its servers at once; 0: 1,
				    ACCOUNT_FLOWS_MAX at most */
	const char *instance_id; /* urn:uuid:…, the same at each start; NULL:
				    accounts_set_instance()'s */
	bool registers;		 /* false: credentials and identity only */
	bool keeps_binding; /* not taken back when it is closed or removed */
	uint32_t expires;   /* s asked for; 0: 600 */
	uint32_t retry_min, retry_max; /* s: back-off between failures; 0: 5
					* and 300. Retry-After may make it
					* longer, to an hour */
	unsigned max_calls, max_cps;   /* 0: no limit */
	/* Of the flow to the registrar, while registered; interval 0: 25 s. */
	enum keepalive_kind flow_keepalive;
	uint32_t flow_keepalive_ms;
	struct session_keepalive keepalive; /* of its calls */
};

enum account_state {
	ACCOUNT_OFF, /* registers = false */
	ACCOUNT_TRYING,
	ACCOUNT_REGISTERED,
	ACCOUNT_FAILED, /* will be tried again */
	ACCOUNT_CLOSED,
};

/* Where an account is registered. */
struct account_server {
	const char *uri;	/* as configured, or as a 3xx has said */
	unsigned number, place; /* both 0: the first that is configured, and of
				   its addresses the first */
	struct sa addr;
};

/* At each change of state; a failure after a failure is none. It may call
 * anything here but accounts_free(). */
typedef void(account_h)(struct account *account, void *arg);

int accounts_alloc(struct accounts **ap, struct stack *stack,
		   account_h *handler, void *arg);

/* So many REGISTERs a second at most, of all accounts; 0: no limit. Before the
 * first account is set. */
void accounts_set_rate(struct accounts *accounts, unsigned rate);
/* The instance-id (RFC 5626) of accounts that name none of their own. */
void accounts_set_instance(struct accounts *accounts, const char *id);
/* Our own addresses may have changed: accounts whose contacts have register
 * anew. How many do. */
unsigned accounts_network_changed(struct accounts *accounts);

/* Unregister all (bounded to WAIT_MS), then DONE, never before this has
 * returned. account_set() fails from now on. */
void accounts_close(struct accounts *accounts, uint32_t wait_ms,
		    void (*done)(void *arg), void *arg);
/* At once, without a word to registrars; before stack_free(). */
void accounts_free(struct accounts *accounts);

/* Whether account_set() would take them: 0, EINVAL with ERR, ENOMEM. */
int account_check(const struct account_params *params, char *err, size_t size);
/* Add one, or change the one of that name (registers again when what matters
 * to the registrar has changed). Everything is copied. EINVAL with ERR. */
int account_set(struct accounts *accounts, const struct account_params *params,
		char *err, size_t size);
/* Unregister and forget. ENOENT. */
int account_remove(struct accounts *accounts, const char *name);

struct account *account_find(const struct accounts *accounts, const char *name);
/* The account that an incoming INVITE is for: its Request-URI is the contact
 * that we registered, or the To user and domain are the account's; NULL. */
struct account *account_of_invite(const struct accounts *accounts,
				  const struct sip_msg *msg);
/* Whether an account has HOST (a name or address, without brackets) as its
 * domain, registrar or proxy. */
bool accounts_have_host(const struct accounts *accounts, const char *host);
typedef bool(account_apply_h)(struct account *account, void *arg);
void account_each(const struct accounts *accounts, account_apply_h *fn,
		  void *arg);

const struct account_params *account_params(const struct account *account);
enum account_state account_state(const struct account *account);
const char *account_state_name(enum account_state state);
/* Status and phrase, or an errno's text, of the last failure; "" if none. */
uint16_t account_scode(const struct account *account);
const char *account_reason(const struct account *account);
/* Seconds that the registrar granted; wall ms of registration and expiry. */
uint32_t account_expires(const struct account *account);
int64_t account_registered_at(const struct account *account);
int64_t account_next_at(const struct account *account);

/* NULL: not registered. Valid until its next change of state. */
const struct account_server *account_server(const struct account *account);
/* What the registrar's answer said: edge proxies that it reaches us by (Path,
 * RFC 3327; NULL: none), seconds that the flow may be silent (RFC 5626; 0). */
const char *account_path(const struct account *account);
uint32_t account_flow_timer(const struct account *account);
/* Its registrations, the first one from 0; false: there is none of that
 * number. SERVER as account_server() has it. */
struct account_flow_reading {
	unsigned reg_id;
	enum account_state state;
	const struct account_server *server;
	const char *reason;
};
bool account_read_flow(const struct account *account, unsigned number,
		       struct account_flow_reading *reading);
/* Whether the registrar said that it keeps the binding as RFC 5626 says. */
bool account_is_outbound(const struct account *account);
/* URIs that calls through the account are to be routed by, in order: the proxy
 * that it is registered over, if there is one, then the Service-Route that was
 * granted (RFC 3608). How many; 0: as configured. Valid until its next change.
 */
enum { ACCOUNT_ROUTES_MAX = 7 };
size_t account_routes(const struct account *account,
		      const char *routes[ACCOUNT_ROUTES_MAX]);

/* The way to the server that it is registered at is dead (WHY says who has
 * found out): register at once, on another one when there is. */
void account_flow_failed(struct account *account, const char *why);

/* Register at least each MS, whatever its own keep-alive is; 0: no more. What
 * keeps the way open of a trunk that is this account. */
void account_keep_registering(struct account *account, uint32_t ms);

/* Whether the first answer of the registrar, which the handler tells, may show
 * for which realm the credentials are: a call that begins earlier can't prove
 * itself yet. */
bool account_is_learning(const struct account *account);

/* Of its calls, as account_set() has said, and what was added since. What calls
 * in progress make of a change is theirs (calls_account_keepalive()). */
const struct session_keepalive *
account_keepalive(const struct account *account);
void account_set_keepalive(struct account *account,
			   const struct session_keepalive *more);

/* As sip_auth_h with ARG a struct account, for its calls: gives credentials
 * only for the account's realm (the password may be DIGEST_HA1 and HA1), else
 * EAUTH. That they go out once for each nonce is the digest's work. */
int account_auth(char **user, char **password, const char *realm, void *arg);

#endif
