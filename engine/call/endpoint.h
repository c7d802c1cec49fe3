/* endpoint.h -- telephones that register with us: who may, and their calls
 *
 * An endpoint of the same name that is set again keeps its bindings, calls and
 * counts. Those that nobody has configured are asked for from a handler (a
 * script's function) when they register; they are here as long as they have
 * bindings. What they have registered is the registrar's (sip/registrar.h).
 *
 * A place among an endpoint's calls is a claim: calls to all its telephones,
 * of which one is answered, share one.
 *
 * On the loop thread; calls hold references.
 */
#ifndef MOONDIAL_CALL_ENDPOINT_H
#define MOONDIAL_CALL_ENDPOINT_H

#include <re.h>
#include "call/endpoint_reach.h"
#include "sip/registrar/registrar.h"

struct accounts;
struct call;
struct endpoint;
struct endpoint_claim;
struct endpoints;
struct trunks;

enum { ENDPOINT_NAME_SIZE = 64, ENDPOINT_CONTACTS_MAX = 64 };

struct endpoint_params {
	const char *name;      /* the user of its address */
	const char *auth_user; /* of its credentials; NULL: NAME */
	const char *password, *ha1, *ha1_sha256;
	unsigned algorithms; /* enum auth_algorithm; 0: all that can be */
	unsigned max_calls;  /* both ways, ringing ones too; 0: no limit */
	unsigned busy_level; /* at so many, calls to it are refused; 0: none */
	unsigned max_contacts;
	uint32_t expires, min_expires, max_expires; /* s */
	enum registrar_nat nat;
	bool single_contact;
	bool keep_calls; /* a restart of its terminal ends no calls */
	struct endpoint_qualify qualify;
};

struct endpoint_count {
	unsigned calls;		    /* claims */
	unsigned ringing, answered; /* of calls */
	uint64_t total, refused;
};

struct endpoints_handlers {
	/* Whether users that aren't configured are asked for; NULL: no. */
	bool (*asks)(void *arg);
	/* Who is it that isn't configured? True: endpoints_answer() follows. */
	bool (*ask)(const struct registrar_query *query, void *arg);
	void (*binding)(struct binding *binding, enum binding_event event,
			void *arg);
	/* After its calls (ENDED of them) have been ended. */
	void (*restarted)(const struct registrar_restart *restart,
			  unsigned ended, void *arg);
	/* One of its telephones can be reached or not any more. */
	endpoint_reach_h *reached;
};

struct endpoints_config {
	const char *realm;
	/* Hosts of From that are ours; NULL: any. */
	const char *const *domains;
	/* Known to nobody else, and the same at each start: names that there
	 * are not get the same challenges then; NULL: of this start only. */
	const char *secret;
};

int endpoints_alloc(struct endpoints **ep, struct stack *stack,
		    struct accounts *accounts, struct trunks *trunks,
		    const struct endpoints_config *config,
		    const struct endpoints_handlers *handlers, void *arg);
void endpoints_free(struct endpoints *endpoints);

/* Whether endpoint_set() would take them: 0, EINVAL with ERR. */
int endpoint_check(const struct endpoint_params *params, char *err,
		   size_t size);
/* Add or change by name. Everything is copied. EINVAL with ERR; ENOMEM. */
int endpoint_set(struct endpoints *endpoints,
		 const struct endpoint_params *params, char *err, size_t size);
struct endpoint *endpoint_find(const struct endpoints *endpoints,
			       const char *name);
typedef bool(endpoint_apply_h)(struct endpoint *endpoint, void *arg);
void endpoint_each(const struct endpoints *endpoints, endpoint_apply_h *fn,
		   void *arg);
const struct endpoint_params *endpoint_params(const struct endpoint *endpoint);
void endpoint_count(const struct endpoint *endpoint,
		    struct endpoint_count *count);
/* NULL, or why one more call may not begin. TO: it would be called. */
const char *endpoint_full(const struct endpoint *endpoint, bool to);
/* Nobody has configured it: ask() has said who it is. */
bool endpoint_is_asked(const struct endpoint *endpoint);

/* What became of ask(): PARAMS NULL: nobody; FAILED: it can't be told now.
 * EINVAL with ERR: they can't be used. */
int endpoints_answer(struct endpoints *endpoints, uint64_t query,
		     const struct endpoint_params *params, bool failed,
		     char *err, size_t size);

/* Its telephones that may be called: in force, and not unreachable; lagged ones
 * last, else as registrar_bindings(). *REGISTERED (may be NULL): how many there
 * are with the unreachable ones. */
size_t endpoint_contacts(const struct endpoints *endpoints, const char *name,
			 struct binding **bindings, size_t count,
			 size_t *registered);
/* What is known of one of them; what became of an INVITE to it. */
void endpoint_reachability(const struct endpoints *endpoints,
			   const struct binding *binding,
			   struct trunk_reading *reading);
void endpoint_evidence(struct endpoints *endpoints,
		       const struct binding *binding,
		       enum trunk_evidence evidence, const char *reason);

struct registrar *endpoints_registrar(const struct endpoints *endpoints);

/* One of a binding that was written down: its endpoint may be asked for only
 * when it calls. As registrar_restore(); ENOENT: there is no such endpoint. */
int endpoints_restore(struct endpoints *endpoints,
		      const struct binding_record *record);

#endif
