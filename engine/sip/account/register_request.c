/* register_request.c -- a REGISTER as it is sent */
#include <errno.h>
#include <string.h>
#include "sip/digest.h"
#include "sip/header.h"
#include "sip/account/register.h"
#include "sip/account/register_request.h"
#include "sip/account/servers.h"
#include "sip/session_private.h"

struct register_request {
	struct stack *stack;
	struct sip_request *sip;
	sip_resp_h *handler;
	void *arg;

	char *aor, *registrar, *user, *line, *instance_id;
	bool proxies;
	unsigned reg_id;
	char callid[33], tag[17];
	uint32_t cseq;

	struct sa laddr;
	uint32_t expires; /* of the one under way */
	bool outbound;
};

static void request_destructor(void *arg)
{
	struct register_request *r = arg;

	mem_deref(r->sip);
	mem_deref(r->aor);
	mem_deref(r->registrar);
	mem_deref(r->user);
	mem_deref(r->line);
	mem_deref(r->instance_id);
}

int register_request_alloc(struct register_request **rp, struct stack *stack,
			   const struct registration_params *params,
			   sip_resp_h *handler, void *arg)
{
	struct register_request *r = mem_zalloc(sizeof(*r), request_destructor);
	int err;

	if (!r)
		return ENOMEM;
	r->stack = stack;
	r->handler = handler;
	r->arg = arg;
	r->proxies = params->proxies;
	r->reg_id = params->first_server + 1;
	sa_init(&r->laddr, AF_UNSPEC);
	(void)re_snprintf(r->callid, sizeof(r->callid), "%016llx%016llx",
			  rand_u64(), rand_u64());
	(void)re_snprintf(r->tag, sizeof(r->tag), "%016llx", rand_u64());
	r->cseq = rand_u32() % 10000;
	err = str_dup(&r->aor, params->aor);
	err |= str_dup(&r->registrar, params->registrar);
	err |= str_dup(&r->user, params->user);
	err |= str_dup(&r->line, params->line);
	if (params->instance_id)
		err |= str_dup(&r->instance_id, params->instance_id);
	if (err) {
		mem_deref(r);
		return ENOMEM;
	}
	*rp = r;
	return 0;
}

/* libre has written the Via line and appends the rest after us. */
static int on_send(enum sip_transp tp, const struct sa *src,
		   const struct sa *dst, struct mbuf *mb, void *arg)
{
	struct register_request *r = arg;
	int err = 0;

	if (stack_source(r->stack, tp, dst, &r->laddr, NULL))
		r->laddr = *src;
	if (!sa_cmp(&r->laddr, src, SA_ALL))
		err = via_rewrite(mb, &r->laddr);
	/* A flow of RFC 5626 is known by instance and number: over whatever
	 * proxy it comes, it takes the place of the one before. */
	err |= mbuf_printf(mb, "Contact: <sip:%s@%J%s;line=%s%s>", r->user,
			   &r->laddr, sip_transp_param(tp), r->line,
			   r->outbound ? ";ob" : "");
	if (r->outbound)
		err |= mbuf_printf(mb, ";reg-id=%u;+sip.instance=\"<%s>\"",
				   r->reg_id, r->instance_id);
	return err | mbuf_printf(mb,
				 ";expires=%u\r\n"
				 "Expires: %u\r\n",
				 r->expires, r->expires);
}

static void on_response(int err, const struct sip_msg *msg, void *arg)
{
	struct register_request *r = arg;

	r->handler(err, msg, r->arg);
}

int register_request_send(struct register_request *r,
			  const struct register_send *send)
{
	const struct server *server = send->server;
	const char *uri = send->moved  ? send->moved
			  : r->proxies ? r->registrar
				       : server->uri;
	struct mbuf *auth = mbuf_alloc(512);
	char hop[80];
	struct uri route;
	struct pl pl;
	int err;

	if (!auth)
		return ENOMEM;
	register_request_stop(r);
	r->expires = send->expires;
	r->outbound = send->outbound && r->instance_id;
	(void)re_snprintf(hop, sizeof(hop), "sip:%J;transport=%s",
			  &server->addr,
			  server->tp == SIP_TRANSP_TCP ? "tcp" : "udp");
	pl_set_str(&pl, hop);
	err = uri_decode(&route, &pl);
	if (!err)
		err = digest_print(auth, send->digest, "REGISTER", uri);
	auth->pos = 0;
	if (!err)
		err = sip_requestf(
			&r->sip, stack_sip(r->stack), true, "REGISTER", uri,
			&route, NULL, on_send, on_response, r,
			"%s%s%s"
			"To: <%s>\r\n"
			"From: <%s>;tag=%s\r\n"
			"Call-ID: %s\r\n"
			"CSeq: %u REGISTER\r\n"
			"%s%s%s"
			"%b"
			"Supported: path%s\r\n" SIP_ALLOW_LINE
			"Content-Length: 0\r\n\r\n",
			r->proxies && !send->moved ? "Route: <" : "",
			r->proxies && !send->moved ? server->uri : "",
			r->proxies && !send->moved ? ";lr>\r\n" : "", r->aor,
			r->aor, r->tag, r->callid, ++r->cseq,
			r->stack->user_agent ? "User-Agent: " : "",
			r->stack->user_agent ? r->stack->user_agent : "",
			r->stack->user_agent ? "\r\n" : "", mbuf_buf(auth),
			mbuf_get_left(auth), r->outbound ? ", outbound" : "");
	mem_deref(auth);
	return err;
}

void register_request_stop(struct register_request *r)
{
	r->sip = mem_deref(r->sip);
}

bool register_request_pending(const struct register_request *r)
{
	return r->sip != NULL;
}

const struct sa *register_request_laddr(const struct register_request *r)
{
	return &r->laddr;
}
