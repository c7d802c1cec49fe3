/* stack_private.h -- what stack, dispatch and session files share */
#ifndef MOONDIAL_SIP_STACK_PRIVATE_H
#define MOONDIAL_SIP_STACK_PRIVATE_H

#include "sip/stack.h"

struct strans_table;
struct udp_tap;

struct stack {
	struct sip *sip;
	struct dnsc *dns;
	struct strans_table *strans;
	struct stack_listen *listens;
	size_t listen_count;
	struct list taps;      /* struct udp_tap: what sits on UDP sockets */
	struct hash *sessions; /* struct session by Call-ID */
	struct hash *acks;     /* struct ack by Call-ID */
	struct list trusted;
	struct sip_lsnr *first_req, *first_resp, *last_req, *last_resp;
	stack_invite_h *inviteh;
	void *arg;
	const struct sip_msg *request; /* the one now handled */
	unsigned pending;
	bool closing;
};

/* dispatch.c: listen for requests and responses. */
int dispatch_listen(struct stack *stack);

/* source.c: the address that a request to DST leaves from and is reached at:
 * that of the listener of this transport and family which the route to DST
 * goes through, or the first. INDEX (may be NULL): which. EAFNOSUPPORT. */
int stack_source(const struct stack *stack, enum sip_transp tp,
		 const struct sa *dst, struct sa *laddr, size_t *index);

/* Where the sender of MSG reaches us, for a Contact. */
void stack_contact_addr(const struct stack *stack, const struct sip_msg *msg,
			struct sa *laddr);

#endif
