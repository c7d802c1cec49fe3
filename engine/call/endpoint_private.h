/* endpoint_private.h -- an endpoint's inside, for the files of this room */
#ifndef MOONDIAL_CALL_ENDPOINT_PRIVATE_H
#define MOONDIAL_CALL_ENDPOINT_PRIVATE_H

#include "call/endpoint.h"

struct endpoint {
	struct le he; /* endpoints->by_name */
	struct endpoints *endpoints;
	struct endpoint_params params; /* points into what follows */
	char *name, *auth_user, *password, *ha1, *ha1_sha256;
	struct list calls; /* struct call, not ended */
	struct endpoint_count count;
	bool asked;
	unsigned offered; /* as endpoint_offer.h counts it; 0: not */
};

struct endpoint_claim {
	struct endpoint *endpoint;
};

/* What a call counts as, besides its claim. */
enum endpoint_counted { ENDPOINT_NONE, ENDPOINT_RINGING, ENDPOINT_ANSWERED };

/* endpoint.c: one that nobody has configured is here because of its bindings
 * and calls. */
void endpoint_look_needed(struct endpoint *endpoint);

/* endpoint_calls.c */
/* A place among its calls; ENOMEM. */
int endpoint_claim(struct endpoint_claim **cp, struct endpoint *endpoint);
/* A call of CLAIM's endpoint begins (references are taken), goes on, ends.
 * BINDING may be NULL. */
void endpoint_call_begin(struct call *call, struct endpoint_claim *claim,
			 struct binding *binding);
void endpoint_call_state(struct call *call, enum endpoint_counted counted);
void endpoint_call_end(struct call *call);
/* End the calls that RESTART takes with it; how many. */
unsigned endpoint_restarted(struct endpoint *endpoint,
			    const struct registrar_restart *restart);

#endif
