/* stack.h -- the SIP endpoint: transports, incoming requests, DNS
 *
 * One on the loop thread; it owns libre's struct sip. Requests walk:
 *   wire → stack (sanity, limits of a stranger) → session (in a dialog)
 *                                              → uas (a new INVITE)
 *                                              → OPTIONS, 405, 481 …
 */
#ifndef MOONDIAL_SIP_STACK_H
#define MOONDIAL_SIP_STACK_H

#include <re.h>
#include "sip/sources.h"

struct stack;
struct session;
struct qualifier;

struct stack_listen {
	enum sip_transp tp; /* SIP_TRANSP_UDP or SIP_TRANSP_TCP */
	struct sa addr;	    /* port 0: any free port */
	/* Of a stack: it is one of those that a wildcard stands for; this
	 * machine hasn't got that address any more. */
	bool by_wildcard, gone;
};

/* "udp:127.0.0.1:5060", "tcp:[::1]:5060", "udp:0.0.0.0" (5060). A wildcard
 * means each address that this machine has when the stack starts.
 * False with a message in ERR. */
bool stack_listen_parse(struct stack_listen *listen, const char *text,
			char *err, size_t size);

/* Asked before each new INVITE: true when no call can begin and a record of
 * the refusal couldn't be kept either. */
typedef bool(stack_gate_h)(void *arg);
typedef source_ban_h stack_ban_h;

struct stack_config {
	const struct stack_listen *listen;
	size_t listen_count;
	const char *user_agent;
	bool trace; /* log each message, credentials masked */
	struct sources_config sources;
	unsigned source_connections; /* TCP, of each source; 0: no limit */
	unsigned connections;	     /* TCP, in all; 0: no limit */
	uint32_t delay_ms;   /* standing delay that is overload; 0: none is */
	stack_gate_h *gateh; /* may be NULL, both with stack_alloc()'s ARG */
	stack_ban_h *banh;
};

/* A new INVITE (100 Trying has been sent). SESSION is in state incoming and
 * belongs to the handler from now on (session_close() when done with it).
 * The handler answers now or later with session_ring … session_reject. */
typedef void(stack_invite_h)(struct session *session, const struct sip_msg *msg,
			     void *arg);

/* Bind and listen. On failure an errno value and a message in ERR that names
 * the address ("udp:127.0.0.1:5060: address already in use: …"). */
int stack_alloc(struct stack **sp, const struct stack_config *config,
		stack_invite_h *inviteh, void *arg, char *err, size_t size);

/* Close transports at once. Sessions and accounts must be gone. */
void stack_free(struct stack *stack);

struct sip *stack_sip(const struct stack *stack);
struct dnsc *stack_dns(const struct stack *stack);
/* Whoever asks peers whether they are there (qualify.h). */
struct qualifier *stack_qualifier(const struct stack *stack);

/* The addresses really listened to (port 0 and wildcards resolved). */
const struct stack_listen *stack_listens(const struct stack *stack,
					 size_t *count);

/* Close TCP connections that we have opened to PEER: what is sent there next
 * opens another. */
void stack_hang_up(const struct stack *stack, const struct sa *peer);

/* This machine's addresses may have changed: where a wildcard is listened to,
 * new ones are listened to as well. Those that have gone are of no use, and no
 * harm. */
void stack_network_changed(struct stack *stack);

/* Our address as DST would see it, for SDP: of the listeners of its family the
 * one that the route to it leaves from; port 0. EAFNOSUPPORT: none fits. */
int stack_media_addr(const struct stack *stack, const struct sa *dst,
		     struct sa *laddr);

/* Add or take away one of the addresses of a configured account or trunk, or
 * of `trusted`: such peers aren't limited as strangers. Counted: an address
 * that was added twice is taken away twice. Ports don't matter. */
void stack_trust(struct stack *stack, const struct sa *addr, bool add);
bool stack_trusted(const struct stack *stack, const struct sa *src);

/* INVITEs that were turned away before they became calls: no records of them,
 * these counts are all (a flood must not fill the disk). Sent again, they
 * count again. */
enum turned_away {
	TURNED_AWAY_SOURCE, /* their source is beyond its limit */
	TURNED_AWAY_OVERLOAD,
	TURNED_AWAY_TROUBLE, /* the gate */
	TURNED_AWAY_CAUSES,
};

struct stack_count {
	uint64_t turned_away[TURNED_AWAY_CAUSES];
	bool overloaded;
	double delay_ms;      /* the standing one, lately */
	double admit_rate;    /* new calls a second, when overloaded */
	unsigned connections; /* TCP, opened by others */
	struct sources_count sources;
};
void stack_count(const struct stack *stack, struct stack_count *count);

/* Calls of ours: how many of WANTED may begin now, lest the engine be late
 * with those that it has; and one that has begun (overload.h). */
unsigned stack_room(struct stack *stack, unsigned wanted);
void stack_call_began(struct stack *stack);

/* For the ban list. */
struct sources *stack_sources(const struct stack *stack);

/* INVITE transactions of sessions dropped before a final answer: they live up
 * to 32 s and count against limits. */
unsigned stack_pending(const struct stack *stack);

/* Sessions that are there, those that only wait for their last transaction
 * included. */
unsigned stack_sessions(const struct stack *stack);

#endif
