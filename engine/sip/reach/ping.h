/* ping.h -- a request that asks whether somebody is there, without transaction
 *
 * An OPTIONS or NOTIFY outside of any dialog that is sent once: no copy of it
 * is kept and nothing sends it again, as a client transaction would for 32 s.
 * Whoever sends many (qualify, keep-alive) repeats in his own way; each sending
 * is a request of its own, with a number that its response brings back in the
 * branch (RFC 3261 17.1.3), beside a key that nobody can guess who doesn't see
 * the request.
 * Embedded in its user; on the loop thread.
 */
#ifndef MOONDIAL_SIP_PING_H
#define MOONDIAL_SIP_PING_H

#include <re.h>

struct stack;

/* A final response to the request of that NUMBER; also to one that was sent
 * long ago, or a second one. */
typedef void(ping_h)(const struct sip_msg *msg, uint32_t number, void *arg);

struct ping {
	struct le he;
	uint64_t key;
	uint32_t number; /* of the latest */
	ping_h *handler;
	void *arg;
};

/* Responses come to HANDLER until ping_end(), which may be called twice. */
void ping_begin(struct ping *ping, struct stack *stack, ping_h *handler,
		void *arg);
void ping_end(struct ping *ping);

/* What to send, and where to. Nothing of it is kept. */
struct ping_request {
	const char *method;
	const char *uri;     /* Request-URI and To: uri_ok() */
	const char *from;    /* a URI; NULL: sip:moondial@ our address */
	const char *headers; /* whole lines, or NULL */
	enum sip_transp tp;
	struct sa dst;
};

/* Send it; its number is in ping->number. EAFNOSUPPORT: we listen to no
 * address of that family and transport; or what sending failed with. Over TCP
 * a connection that can't be made isn't told: no response comes. */
int ping_send(struct ping *ping, const struct stack *stack,
	      const struct ping_request *request);

/* Private to the stack: the table, and a response that libre's transactions
 * didn't want. True: it was one of ours. */
int ping_table_alloc(struct hash **table);
bool ping_response(const struct hash *table, const struct sip_msg *msg);

#endif
