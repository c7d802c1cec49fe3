/* stack_private.h -- what stack, dispatch and session files share */
#ifndef MOONDIAL_SIP_STACK_PRIVATE_H
#define MOONDIAL_SIP_STACK_PRIVATE_H

#include "sip/nat.h"
#include "sip/overload.h"
#include "sip/stack.h"

struct strans_table;
struct udp_tap;
struct intake;
struct tcp_guard;
struct source;
struct registrar;

struct stack {
	struct sip *sip;
	struct dnsc *dns;
	struct strans_table *strans;
	struct stack_listen *listens;
	size_t listen_count;
	struct stack_listen wild[32]; /* wildcards, with the ports chosen */
	size_t wild_count;
	struct list taps;	/* struct udp_tap: what sits on UDP sockets */
	struct hash *sessions;	/* struct session by Call-ID */
	struct hash *acks;	/* struct ack by Call-ID */
	struct hash *pings;	/* struct ping by its key */
	struct list keepalives; /* struct keepalive: a STUN answer is due */
	struct qualifier *qualifier;
	char *user_agent; /* or NULL */
	struct list trusted;
	struct sources *sources;
	struct intake *intake;
	struct tcp_guard *tcp;
	struct overload overload;
	struct tmr late_tmr; /* when it should have run: how late is the loop */
	uint64_t late_at_ms;
	sip_trace_h *traceh; /* NULL: no trace */
	uint64_t turned_away[TURNED_AWAY_CAUSES];
	struct sip_lsnr *first_req, *first_resp, *last_req, *last_resp;
	stack_invite_h *inviteh;
	stack_gate_h *gateh;
	stack_ban_h *banh;
	void *arg;
	const struct sip_msg *request; /* the one now handled */
	struct registrar *registrar;   /* NULL: nobody registers with us */
	const char *identity; /* who has proved that the INVITE is his */
	enum registrar_nat identity_nat;
	unsigned pending;
	bool closing;
	bool direct; /* dispatch_message() can be used */
	bool peeked; /* an INVITE that intake.c has admitted is handled */
};

/* Seconds of Retry-After. */
enum { RETRY_AFTER_SOURCE_S = 10, RETRY_AFTER_TROUBLE_S = 10 };

/* stack.c: an INVITE is refused, or dropped, before it became a call. */
void stack_turn_away(struct stack *stack, enum turned_away cause);
/* A request of SRC has failed. */
void stack_fault(const struct stack *stack, const struct sa *src);

/* dispatch.c: listen for requests and responses. */
int dispatch_listen(struct stack *stack);
/* Whether a session of this Call-ID exists. */
bool stack_knows_call(const struct stack *stack, const struct pl *call_id);
/* A message that libre's transports haven't seen: to each who listens, as
 * they would. Only when stack->direct. */
void dispatch_message(struct stack *stack, const struct sip_msg *msg);

/* dispatch.c: a refusal without a transaction carries the same To tag each time
 * (RFC 3261 8.2.7): made from what is the same in each retransmission. */
void steady_tag(const struct sip_msg *msg);

/* source.c: the address that a request to DST leaves from and is reached at:
 * that of the listener of this transport and family which the route to DST
 * goes through, or the first. INDEX (may be NULL): which. EAFNOSUPPORT. */
int stack_source(const struct stack *stack, enum sip_transp tp,
		 const struct sa *dst, struct sa *laddr, size_t *index);

/* Where the sender of MSG reaches us, for a Contact. */
void stack_contact_addr(const struct stack *stack, const struct sip_msg *msg,
			struct sa *laddr);

#endif
