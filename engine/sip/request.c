/* request.c -- one request of ours in a dialog, challenges answered */
#include <string.h>
#include "sip/digest.h"
#include "sip/session_private.h"

static int transmit(struct request *request);

static void request_destructor(void *arg)
{
	struct request *request = arg;

	list_unlink(&request->le);
	mem_deref(request->sip);
	mem_deref(request->dlg);
	mem_deref(request->headers);
	mem_deref(request->ctype);
	mem_deref(request->body);
	mem_deref(request->session);
}

int via_rewrite(struct mbuf *mb, const struct sa *laddr)
{
	const char *p = (const char *)mb->buf, *end = p + mb->end;
	const char *via = memmem(p, mb->end, "\r\nVia: SIP/2.0/", 15);
	const char *host =
		via ? memchr(via + 15, ' ', (size_t)(end - via - 15)) : NULL;
	const char *rest =
		host ? memchr(host, ';', (size_t)(end - host)) : NULL;
	struct mbuf *tail;
	int err;

	if (!rest)
		return EBADMSG;
	tail = mbuf_alloc((size_t)(end - rest));
	if (!tail)
		return ENOMEM;
	err = mbuf_write_mem(tail, (const uint8_t *)rest, (size_t)(end - rest));
	mb->pos = mb->end = (size_t)(host + 1 - p);
	err |= mbuf_printf(mb, "%J", laddr);
	err |= mbuf_write_mem(mb, tail->buf, tail->end);
	mem_deref(tail);
	return err;
}

/* Credentials go to whom the INVITE went, and to trusted peers. A callee that
 * challenges our BYE from his own address gets none: the digest of an account
 * is not for him to have. */
static bool may_authenticate(const struct request *request)
{
	const struct session *session = request->session;

	return sa_cmp(&request->dst, &session->first_dst, SA_ADDR) ||
	       stack_trusted(session->stack, &request->dst);
}

static bool has_contact(const struct request *request)
{
	return !strcmp(request->method, "INVITE") ||
	       !strcmp(request->method, "UPDATE");
}

/* libre has written the Via line and appends the rest after us. */
static int on_send(enum sip_transp tp, const struct sa *src,
		   const struct sa *dst, struct mbuf *mb, void *arg)
{
	struct request *request = arg;
	struct session *session = request->session;
	struct sip_contact contact;
	struct sa laddr = *src;
	size_t before;
	int err = 0;

	/* Closed while its name was looked up: it must not go out now. */
	if (request == session->invite && session->state == SESSION_CLOSED)
		return ECANCELED;
	request->dst = *dst;
	if (request == session->invite)
		session->first_dst = *dst;

	if (!stack_source(session->stack, tp, dst, &laddr, NULL) &&
	    !sa_cmp(&laddr, src, SA_ALL))
		err = via_rewrite(mb, &laddr);
	if (has_contact(request)) {
		sip_contact_set(&contact, session->contact_user, &laddr, tp);
		err |= mbuf_printf(mb, "%H", contact_print, &contact);
	}
	before = mb->pos;
	if (!err && may_authenticate(request))
		err = digest_print(mb, session->digest, request->method,
				   sip_dialog_uri(request->dlg));
	if (!err && !strcmp(request->method, "INVITE")) {
		/* The ACK of its 2xx repeats them (RFC 3261 22.1). */
		struct pl lines = {.p = (const char *)mb->buf + before,
				   .l = mb->pos - before};

		session->ack_auth = mem_deref(session->ack_auth);
		if (lines.l)
			err = pl_strdup(&session->ack_auth, &lines);
	}
	return err;
}

/* Whether MSG is a challenge that has been answered by another try. */
static bool try_again(struct request *request, const struct sip_msg *msg)
{
	struct session *session = request->session;

	if (msg->scode != 401 && msg->scode != 407)
		return false;
	if (session->stack->closing ||
	    (request == session->invite && session->state == SESSION_CLOSED))
		return false;
	if (!may_authenticate(request) ||
	    digest_challenged(session->digest, msg))
		return false;
	return !transmit(request);
}

static void on_response(int err, const struct sip_msg *msg, void *arg)
{
	struct request *request = arg;
	const bool final = err || msg->scode >= 200;

	if (!err && final && try_again(request, msg))
		return;
	if (request->handler)
		request->handler(err, msg, request);
	if (final)
		mem_deref(request);
}

static int transmit(struct request *request)
{
	const struct mbuf *body = request->body;

	return sip_drequestf(&request->sip, request->session->stack->sip, true,
			     request->method, request->dlg, 0, NULL, on_send,
			     on_response, request,
			     "%s"
			     "%s%s%s"
			     "Content-Length: %zu\r\n"
			     "\r\n"
			     "%b",
			     request->headers ? request->headers : "",
			     request->ctype ? "Content-Type: " : "",
			     request->ctype ? request->ctype : "",
			     request->ctype ? "\r\n" : "",
			     body ? mbuf_get_left(body) : (size_t)0,
			     body ? mbuf_buf(body) : NULL,
			     body ? mbuf_get_left(body) : (size_t)0);
}

int request_send(struct request **rp, struct session *session,
		 struct sip_dialog *dlg, const char *method,
		 const char *headers, const char *ctype, struct mbuf *body,
		 request_h *handler)
{
	struct request *request;
	int err = 0;

	request = mem_zalloc(sizeof(*request), request_destructor);
	if (!request)
		return ENOMEM;
	request->session = mem_ref(session);
	request->dlg = mem_ref(dlg);
	request->method = method;
	request->body = mem_ref(body);
	request->handler = handler;
	list_append(&session->requests, &request->le, request);
	if (headers)
		err = str_dup(&request->headers, headers);
	if (!err && body)
		err = str_dup(&request->ctype, ctype);
	if (err)
		goto out;

	digest_begin(session->digest);
	if (rp)
		*rp = request;
	err = transmit(request);

out:
	if (err) {
		if (rp)
			*rp = NULL;
		mem_deref(request);
	}
	return err;
}
