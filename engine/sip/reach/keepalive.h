/* keepalive.h -- keeping the way to a server open, and noticing that it is not
 *
 * A NAT forgets a flow that is silent for too long, and then nothing that the
 * server sends comes in. One keep-alive is one flow: between a listener of ours
 * and an address (UDP), or one connection (TCP, RFC 5626 4.4).
 *
 *   kind         what is sent                what tells that the flow is dead
 *   crlf         an empty line               it can't be sent; TCP: closed
 *   double_crlf  two of them                 TCP: no pong in 10 s, or closed
 *   stun         a binding request (UDP)     no answer to four, in 7.5 s;
 *                                            our address on it has changed
 *   options      OPTIONS                     no answer to seven, in 8 s
 *   notify       NOTIFY, Event: keep-alive   the same
 *
 * Over TCP stun is double_crlf, as RFC 5626 has it, and that at least 20 s
 * apart; over UDP double_crlf has no pong. Each interval is between 80 % and
 * all of what is asked for, so that those who began together don't stay so.
 * (The kind "register" is the registration's own work: register.c.)
 * A libre object, on the loop thread.
 */
#ifndef MOONDIAL_SIP_KEEPALIVE_H
#define MOONDIAL_SIP_KEEPALIVE_H

#include <re.h>

struct stack;
struct keepalive;

enum keepalive_kind {
	KEEPALIVE_NONE,
	KEEPALIVE_CRLF,
	KEEPALIVE_DOUBLE_CRLF,
	KEEPALIVE_STUN,
	KEEPALIVE_OPTIONS,
	KEEPALIVE_NOTIFY,
	KEEPALIVE_REGISTER,
};
enum { KEEPALIVE_INTERVAL_MS = 25000 };

/* "none", "crlf", "double_crlf", "stun", "options", "notify", "register".
 * False: TEXT is none of them. */
bool keepalive_kind_parse(enum keepalive_kind *kind, const char *text);
const char *keepalive_kind_name(enum keepalive_kind kind);

struct keepalive_params {
	enum keepalive_kind kind; /* KEEPALIVE_NONE and _REGISTER: EINVAL */
	uint32_t interval_ms;	  /* 0: the default above */
	/* The server: Request-URI of OPTIONS and NOTIFY, and where all of it
	 * goes unless FLOW says so. */
	const char *uri;
	const char *from; /* of OPTIONS and NOTIFY, or NULL */
	/* A response that has come over the flow to be kept (to a REGISTER, for
	 * instance), or NULL: URI is looked up, and a new one is begun. */
	const struct sip_msg *flow;
};

/* DEAD with a reason: once; this keep-alive has ended then, and may be
 * released. Not DEAD: an answer or a pong that was asked for has come; not
 * told by the kinds that have none. */
typedef void(keepalive_h)(bool dead, const char *reason, void *arg);

/* Everything is copied. Never tells before this has returned. EINVAL, ENOMEM,
 * or what the connection's keep-alive can't be begun for. */
int keepalive_alloc(struct keepalive **kp, struct stack *stack,
		    const struct keepalive_params *params, keepalive_h *handler,
		    void *arg);

/* Whether MSG came over the flow that is kept: nothing need be begun anew. */
bool keepalive_is_flow(const struct keepalive *keepalive,
		       const struct sip_msg *msg);

/* Private to the stack: a STUN response that came in on a listener. */
void keepalive_stun_response(struct stack *stack, const struct stun_msg *msg);

#endif
