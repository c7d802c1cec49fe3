/* session_private.h -- a session's inside, for its own files
 *
 *   session.c   life and end of a session      request.c  our requests in it
 *   uac.c       it begins with our INVITE      ack.c      ACKs that we sent
 *   uas.c       it begins with theirs          reply.c    2xx that wait for ACK
 *   offer.c     re-INVITE and UPDATE           dispatch.c requests to it
 *
 * References: its user holds one until session_close(), each request and each
 * reply in progress one more; without any it is gone.
 */
#ifndef MOONDIAL_SIP_SESSION_PRIVATE_H
#define MOONDIAL_SIP_SESSION_PRIVATE_H

#include "base/loop.h"
#include "sip/session.h"
#include "sip/stack_private.h"

struct digest;
struct request;

/* 64·T1: how long anything of a transaction is waited for (RFC 3261 17). */
#define SIP_64_T1 (UINT64_C(64) * SIP_T1)

struct session {
	struct le he; /* stack->sessions */
	struct stack *stack;
	enum session_state state;
	bool out;	 /* we have called: ours is the Call-ID */
	bool owned;	 /* its user hasn't closed it yet */
	bool acked;	 /* in: the ACK of our first 2xx is here */
	bool peer_bye;	 /* nothing to say BYE to */
	bool bye_wanted; /* as soon as the ACK is here */
	bool counted;	 /* in stack->pending */
	struct session_handlers h;
	void *arg;

	struct sip_dialog *dlg;	 /* out: from the 2xx on */
	struct sip_dialog *seed; /* out: what dialogs are forked from */
	struct digest *digest;
	struct sip_msg *msg;
	struct mbuf *invite_sdp; /* in: the offer, when it had one */
	struct sa peer, first_dst;
	enum sip_transp peer_tp; /* how PEER is reached, with it */
	char *contact_user;
	enum registrar_nat nat; /* where requests of the dialog go */
	char *identity;		/* in: who has proved that it is his; or NULL */
	char *ack_auth;	 /* out: credentials of the INVITE, for its ACK */
	char *bye_extra; /* Reason header of the BYE to come */

	struct sip_strans *st; /* in: until the final response */
	struct list requests;  /* struct request */
	struct list replies;   /* struct reply */
	struct request *invite;

	struct mbuf *offer; /* of session_offer(), until it is answered */
	bool offering;	    /* session_offer() has not been answered */
	bool offer_sent;    /* and its re-INVITE is on its way */
	bool offered_body;  /* out: the INVITE carried an offer */
	struct tmr offer_tmr;
	unsigned offer_tries;

	struct soon trying; /* a 100, unless another response comes first */
	struct soon soon;   /* a failure to tell once the caller has returned */
	int soon_err;
};

/* --- libre's private interface: digest needs the Request-URI */
const char *sip_dialog_uri(const struct sip_dialog *dlg);

/* --- session.c */
int session_alloc(struct session **sp, struct stack *stack, bool out);
/* Put it in the table of its Call-ID. */
void session_add(struct session *session, const char *callid);
/* Its end, once: tells the closed handler. */
void session_end(struct session *session, const struct session_end *end);
/* The same by a message: a response (scode), a BYE or CANCEL (Reason). */
void session_end_by(struct session *session, uint16_t scode,
		    const struct sip_msg *msg);
void session_end_soon(struct session *session, int err);
/* By a failure of the network; ERR's text in words of telephony. */
void session_end_failed(struct session *session, int err);
const char *failure_text(int err);
void session_bye(struct session *session);
/* INVITE dropped before its final response, or that has come. */
void session_count(struct session *session, bool waiting);
struct session *session_find(const struct stack *stack,
			     const struct sip_msg *msg);
/* Drop what the sessions of a stack that is being closed still wait for. */
void sessions_abandon(struct stack *stack);

/* --- request.c: one request of ours, challenges answered */
struct request;
typedef void(request_h)(int err, const struct sip_msg *msg,
			struct request *request);

struct request {
	struct le le; /* session->requests */
	struct session *session;
	struct sip_request *sip;
	struct sip_dialog *dlg;
	const char *method;
	char *headers, *ctype;
	struct mbuf *body;
	struct sa dst;
	request_h *handler;
	sip_resp_h *resph; /* of session_info(), session_options() */
	void *arg;
};

/* METHOD is a constant; the rest is copied or referenced. HANDLER gets the
 * provisional responses and the final one or an error; then the request is
 * gone. An error returned (of the network, too) calls no handler. */
int request_send(struct request **rp, struct session *session,
		 struct sip_dialog *dlg, const char *method,
		 const char *headers, const char *ctype, struct mbuf *body,
		 request_h *handler);
/* Write LADDR into the topmost Via of a request that is being made. */
int via_rewrite(struct mbuf *mb, const struct sa *laddr);

/* --- ack.c: ACKs of 2xx, kept to be sent again */
/* SEED (may be NULL): answers other forks' 2xx by ACK and BYE. */
int ack_send(struct session *session, const struct sip_msg *msg,
	     struct mbuf *sdp, bool forks);
/* A 2xx that no transaction waits for. False: nor does an ACK. */
bool ack_again(struct stack *stack, const struct sip_msg *msg);

/* --- reply.c: 2xx to INVITE, sent again until the ACK */
int reply_send(struct session *session, struct sip_strans **st,
	       const struct sip_msg *msg, struct mbuf *sdp, const char *headers,
	       bool first);
/* An ACK has come. */
void reply_acked(struct session *session, const struct sip_msg *msg);
/* Whether a 2xx with our offer waits for its answer. */
bool reply_awaits_answer(const struct session *session);
void replies_stop(struct session *session);
int contact_print(struct re_printf *pf, const struct sip_contact *contact);

/* --- uas.c */
void uas_invite(struct stack *stack, const struct sip_msg *msg);
void uas_acked(struct session *session, struct mbuf *sdp,
	       const struct sip_msg *msg);

/* --- offer.c */
void offer_received(struct session *session, const struct sip_msg *msg);
void offer_flush(struct session *session);

/* --- dispatch.c: refuse a request outside of transactions */
void refuse(const struct stack *stack, const struct sip_msg *msg,
	    uint16_t scode, const char *reason, const char *headers);

#endif
