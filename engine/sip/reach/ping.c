/* ping.c -- a request that asks whether somebody is there */
#include <errno.h>
#include <string.h>
#include "base/metrics.h"
#include "sip/reach/ping.h"
#include "sip/stack_private.h"

METRIC(sip_pings, "OPTIONS and NOTIFY sent to see whether a peer is there")
METRIC(sip_ping_answers, "Final responses to them, late ones included")

#define BRANCH "z9hG4bKping"

enum {
	BUCKETS = 4096,
	KEY_DIGITS = 16,
	NUMBER_DIGITS = 8,
	SIZE = 1024,
};

int ping_table_alloc(struct hash **table)
{
	return hash_alloc(table, BUCKETS);
}

void ping_begin(struct ping *ping, struct stack *stack, ping_h *handler,
		void *arg)
{
	ping->key = rand_u64();
	ping->handler = handler;
	ping->arg = arg;
	hash_append(stack->pings, (uint32_t)ping->key, &ping->he, ping);
}

void ping_end(struct ping *ping)
{
	hash_unlink(&ping->he);
	ping->handler = NULL;
}

/* Lower-case hex digits, exactly COUNT of them. */
static bool hex(uint64_t *out, const char *p, size_t count)
{
	uint64_t value = 0;

	for (size_t i = 0; i < count; i++) {
		const char c = p[i];

		if (c >= '0' && c <= '9')
			value = value << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uint64_t)(c - 'a' + 10);
		else
			return false;
	}
	*out = value;
	return true;
}

static bool branch_parse(const struct pl *branch, uint64_t *key,
			 uint64_t *number)
{
	const size_t mark = sizeof(BRANCH) - 1;

	return branch->l == mark + KEY_DIGITS + NUMBER_DIGITS &&
	       !memcmp(branch->p, BRANCH, mark) &&
	       hex(key, branch->p + mark, KEY_DIGITS) &&
	       hex(number, branch->p + mark + KEY_DIGITS, NUMBER_DIGITS);
}

bool ping_response(const struct hash *table, const struct sip_msg *msg)
{
	uint64_t key, number;
	struct le *le;

	if (!branch_parse(&msg->via.branch, &key, &number))
		return false;
	if (msg->scode < 200)
		return true;
	for (le = list_head(hash_list(table, (uint32_t)key)); le;
	     le = le->next) {
		struct ping *ping = le->data;

		if (ping->key != key)
			continue;
		metric_add(&sip_ping_answers, 1);
		ping->handler(msg, (uint32_t)number, ping->arg);
		return true;
	}
	return false;
}

static int from_print(struct mbuf *mb, const struct ping_request *request,
		      const struct sa *laddr)
{
	if (request->from)
		return mbuf_write_str(mb, request->from);
	return mbuf_printf(mb,
			   sa_af(laddr) == AF_INET6 ? "sip:moondial@[%j]"
						    : "sip:moondial@%j",
			   laddr);
}

static int print(struct mbuf *mb, const struct ping *ping,
		 const struct stack *stack, const struct ping_request *r,
		 const struct sa *laddr)
{
	int err;

	err = mbuf_printf(mb,
			  "%s %s SIP/2.0\r\n"
			  "Via: SIP/2.0/%s %J;branch=" BRANCH
			  "%016llx%08x;rport\r\n"
			  "Max-Forwards: 70\r\n"
			  "From: <",
			  r->method, r->uri, sip_transp_name(r->tp), laddr,
			  (unsigned long long)ping->key, ping->number);
	err = err ? err : from_print(mb, r, laddr);
	/* A request outside of dialogs has a Call-ID of its own (8.1.1.4). */
	return err ? err
		   : mbuf_printf(mb,
				 ">;tag=%08x%08x\r\n"
				 "To: <%s>\r\n"
				 "Call-ID: %016llx-%08x\r\n"
				 "CSeq: 1 %s\r\n"
				 "Contact: <sip:moondial@%J%s>\r\n"
				 "%s%s%s%s"
				 "Accept: application/sdp\r\n"
				 "Content-Length: 0\r\n\r\n",
				 (uint32_t)(ping->key >> 32), ping->number,
				 r->uri, (unsigned long long)ping->key,
				 ping->number, r->method, laddr,
				 sip_transp_param(r->tp),
				 r->headers ? r->headers : "",
				 stack->user_agent ? "User-Agent: " : "",
				 stack->user_agent ? stack->user_agent : "",
				 stack->user_agent ? "\r\n" : "");
}

int ping_send(struct ping *ping, const struct stack *stack,
	      const struct ping_request *request)
{
	struct sa laddr;
	struct mbuf *mb;
	int err;

	ping->number++;
	err = stack_source(stack, request->tp, &request->dst, &laddr, NULL);
	if (err)
		return err;
	mb = mbuf_alloc(SIZE);
	if (!mb)
		return ENOMEM;
	err = print(mb, ping, stack, request, &laddr);
	mb->pos = 0;
	if (!err)
		err = sip_send(stack->sip, NULL, request->tp, &request->dst,
			       mb);
	if (!err)
		metric_add(&sip_pings, 1);
	mem_deref(mb);
	return err;
}
