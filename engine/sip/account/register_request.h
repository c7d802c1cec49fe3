/* register_request.h -- a REGISTER as it is sent
 *
 * Private to the sip room. One at a time; the values that stay the same for
 * the life of a registration, its CSeq among them, are its own. A libre
 * object; mem_deref() ends it, and nothing is told any more.
 */
#ifndef MOONDIAL_SIP_REGISTER_REQUEST_H
#define MOONDIAL_SIP_REGISTER_REQUEST_H

#include <re.h>

struct digest;
struct register_request;
struct registration_params;
struct server;
struct stack;

/* As of registration_params: all is copied. ENOMEM. */
int register_request_alloc(struct register_request **rp, struct stack *stack,
			   const struct registration_params *params,
			   sip_resp_h *handler, void *arg);

struct register_send {
	const struct server *server;
	const char *moved; /* Request-URI of a 3xx; NULL: as configured */
	uint32_t expires;
	bool outbound; /* with instance-id and reg-id */
	struct digest *digest;
};

/* The response, provisional ones too, or an error comes to the handler, never
 * before this has returned. What is under way is forgotten. errno. */
int register_request_send(struct register_request *request,
			  const struct register_send *send);
void register_request_stop(struct register_request *request);
bool register_request_pending(const struct register_request *request);

/* Of the Contact that was sent last; unset before. */
const struct sa *register_request_laddr(const struct register_request *request);

#endif
