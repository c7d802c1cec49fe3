/* ack.c -- ACKs of 2xx: sent again when the 2xx comes again
 *
 * They outlive their session by 64·T1, with the dialogs that other forks of
 * the INVITE may still answer from: those get ACK and BYE (RFC 3261 13.2.2.4).
 */
#include <string.h>
#include "sip/session_private.h"

struct ack {
	struct le he; /* stack->acks */
	struct tmr tmr;
	struct stack *stack;
	struct sip_request *request;
	struct sip_request *bye; /* to a fork that nobody wants */
	struct sip_dialog *dlg;
	struct sip_dialog *seed;
	struct mbuf *mb;
	struct sa dst;
	enum sip_transp tp;
	uint32_t cseq;
	char *auth;
};

static void ack_destructor(void *arg)
{
	struct ack *ack = arg;

	hash_unlink(&ack->he);
	tmr_cancel(&ack->tmr);
	mem_deref(ack->request);
	mem_deref(ack->bye);
	mem_deref(ack->dlg);
	mem_deref(ack->seed);
	mem_deref(ack->mb);
	mem_deref(ack->auth);
}

static void on_timeout(void *arg)
{
	mem_deref(arg);
}

static int rewrite(const struct ack *ack, enum sip_transp tp,
		   const struct sa *src, const struct sa *dst, struct mbuf *mb)
{
	struct sa laddr;

	if (stack_source(ack->stack, tp, dst, &laddr, NULL) ||
	    sa_cmp(&laddr, src, SA_ALL))
		return 0;
	return via_rewrite(mb, &laddr);
}

static int on_send(enum sip_transp tp, const struct sa *src,
		   const struct sa *dst, struct mbuf *mb, void *arg)
{
	struct ack *ack = arg;

	mem_deref(ack->mb);
	ack->mb = mem_ref(mb);
	ack->dst = *dst;
	ack->tp = tp;
	return rewrite(ack, tp, src, dst, mb);
}

/* Only when the name of the next hop can't be found. */
static void on_failure(int err, const struct sip_msg *msg, void *arg)
{
	struct ack *ack = arg;
	(void)err;
	(void)msg;

	mem_deref(ack);
}

static int ack_new(struct ack **ap, struct stack *stack, struct sip_dialog *dlg,
		   struct sip_dialog *seed, uint32_t cseq, const char *auth,
		   struct mbuf *sdp)
{
	struct ack *ack = mem_zalloc(sizeof(*ack), ack_destructor);
	int err = 0;

	if (!ack)
		return ENOMEM;
	ack->stack = stack;
	ack->cseq = cseq;
	ack->dlg = mem_ref(dlg);
	ack->seed = mem_ref(seed);
	if (auth)
		err = str_dup(&ack->auth, auth);
	hash_append(stack->acks, hash_joaat_str(sip_dialog_callid(dlg)),
		    &ack->he, ack);
	tmr_start(&ack->tmr, SIP_64_T1, on_timeout, ack);
	if (!err)
		err = sip_drequestf(
			&ack->request, stack->sip, false, "ACK", dlg, cseq,
			NULL, on_send, on_failure, ack,
			"%s%sContent-Length: %zu\r\n\r\n%b", auth ? auth : "",
			sdp ? "Content-Type: application/sdp\r\n" : "",
			sdp ? mbuf_get_left(sdp) : (size_t)0,
			sdp ? mbuf_buf(sdp) : NULL,
			sdp ? mbuf_get_left(sdp) : (size_t)0);
	if (err)
		mem_deref(ack);
	else if (ap)
		*ap = ack;
	return err;
}

int ack_send(struct session *session, const struct sip_msg *msg,
	     struct mbuf *sdp, bool forks)
{
	return ack_new(NULL, session->stack, session->dlg,
		       forks ? session->seed : NULL, msg->cseq.num,
		       session->ack_auth, sdp);
}

static int on_send_bye(enum sip_transp tp, const struct sa *src,
		       const struct sa *dst, struct mbuf *mb, void *arg)
{
	return rewrite(arg, tp, src, dst, mb);
}

/* Challenged or lost, the fork ends by itself: its 2xx was acknowledged, and
 * no media flows to it. */
static void on_bye_response(int err, const struct sip_msg *msg, void *arg)
{
	(void)err;
	(void)msg;
	(void)arg;
}

static void refuse_fork(const struct ack *ack, const struct sip_msg *msg)
{
	struct sip_dialog *dlg;
	struct ack *fork;

	if (sip_dialog_fork(&dlg, ack->seed, msg))
		return;
	if (!ack_new(&fork, ack->stack, dlg, NULL, msg->cseq.num, ack->auth,
		     NULL))
		(void)sip_drequestf(&fork->bye, ack->stack->sip, true, "BYE",
				    dlg, 0, NULL, on_send_bye, on_bye_response,
				    fork, "Content-Length: 0\r\n\r\n");
	mem_deref(dlg);
}

bool ack_again(struct stack *stack, const struct sip_msg *msg)
{
	struct le *le =
		list_head(hash_list(stack->acks, hash_joaat_pl(&msg->callid)));
	const struct ack *kin = NULL;

	for (; le; le = le->next) {
		const struct ack *ack = le->data;

		if (ack->cseq != msg->cseq.num)
			continue;
		if (sip_dialog_cmp(ack->dlg, msg)) {
			if (ack->mb)
				(void)sip_send(stack->sip, NULL, ack->tp,
					       &ack->dst, ack->mb);
			return true;
		}
		if (ack->seed && sip_dialog_cmp_half(ack->seed, msg))
			kin = ack;
	}
	if (!kin)
		return false;
	refuse_fork(kin, msg);
	return true;
}
