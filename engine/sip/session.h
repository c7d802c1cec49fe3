/* session.h -- one INVITE dialog: offer and answer, from INVITE to BYE
 *
 * Ours, on libre's dialog, transactions and digest (libre's sipsess follows
 * a 302 by itself and gives no reason phrases: LIBRE.md). uac.c begins one,
 * uas.c receives one, session.c keeps it; SDP bodies go through as text.
 * On the loop thread. Whoever has got a session calls session_close() exactly
 * once, in a handler or out of it, also after the closed handler was called
 * and after session_reject(): until then the object can be read; with it the
 * session says BYE, CANCEL or a final response as the state asks, and lives on
 * by itself until its transactions end. Never mem_deref() it.
 * No handler is called after session_close() has been called.
 *
 *   calling ─► early ─► answered ─► closed        (out)
 *   incoming ─► early ─► answered ─► closed       (in)
 */
#ifndef MOONDIAL_SIP_SESSION_H
#define MOONDIAL_SIP_SESSION_H

#include <re.h>
#include "sip/nat.h"

struct stack;
struct session;

enum session_state {
	SESSION_CALLING,
	SESSION_INCOMING,
	SESSION_EARLY,
	SESSION_ANSWERED,
	SESSION_CLOSED,
};

/* Why a session has ended, as given to the closed handler. */
struct session_end {
	int err;	     /* ETIMEDOUT, ECONNREFUSED, …; 0: by a message */
	uint16_t scode;	     /* final status; 0 when there was none (BYE) */
	const char *reason;  /* its phrase, or the Reason header's text */
	const char *text;    /* of a response's Reason header; NULL: none */
	uint16_t q850;	     /* of a Reason header (RFC 3326); 0: none */
	bool by_peer;	     /* BYE, CANCEL, a final response of the peer */
	const char *contact; /* 3xx: where to; else NULL */
	uint32_t retry_after; /* seconds; 0: none */
};

struct session_handlers {
	/* 180 (sdp NULL) or 183/180 with SDP, out only. More may come. */
	void (*progress)(uint16_t scode, struct mbuf *sdp, void *arg);
	/* Out: 200 has come (SDP: the answer, when we offered).
	 * In: ACK has come (SDP: the answer, when the INVITE had no offer). */
	void (*established)(struct mbuf *sdp, const struct sip_msg *msg,
			    void *arg);
	/* A re-INVITE or UPDATE with an offer (SDP may be NULL: make one).
	 * Write the answer to *ANSWER (given) and return 0; else a SIP code
	 * (488, 500) with *REASON (constant) for the refusal. */
	uint16_t (*offered)(struct mbuf *sdp, struct mbuf **answer,
			    const char **reason, void *arg);
	/* What came of session_offer(). scode 200: SDP is the answer. Also the
	 * answer in the ACK to an offer that `offered` made (NULL if missing).
	 * scode 408 when it was a time-out; the closed handler follows. */
	void (*answered)(uint16_t scode, const char *reason, struct mbuf *sdp,
			 void *arg);
	/* INFO in the dialog. Return the status to answer. */
	uint16_t (*info)(const struct sip_msg *msg, void *arg);
	/* The end, once. */
	void (*closed)(const struct session_end *end, void *arg);
};

struct session_invite {
	enum registrar_nat nat; /* the peer's, for what follows */
	const char *uri;	/* Request-URI and To */
	const char *from_uri;	/* sip:user@host */
	const char *from_name;	/* display name or NULL */
	const char *contact_user;
	const char *const *routes; /* outbound proxies, NULL-terminated */
	const char *headers;	   /* "Name: value\r\n…", checked; or NULL */
	struct mbuf *sdp;	   /* the offer; borrowed */
	/* Credentials for a realm, as libre's sip_auth_h (0 with both set, or
	 * an error when there are none for that realm). The password may be
	 * DIGEST_HA1 (digest.h) and HA1 in hex. In-dialog requests carry them
	 * only to the address that the INVITE went to, or a trusted one. */
	sip_auth_h *authh;
	void *auth_arg;
};

/* Send an INVITE. EINVAL (a bad URI or header), ENOMEM. Failures of the
 * network come to the closed handler, never before this has returned. */
int session_connect(struct session **sp, struct stack *stack,
		    const struct session_invite *invite,
		    const struct session_handlers *handlers, void *arg);

/* Attach to an incoming session (from stack_invite_h), at once. */
void session_handlers_set(struct session *session,
			  const struct session_handlers *handlers, void *arg);

/* Incoming, before the answer: 180; 183 with SDP (borrowed). EPROTO in a
 * wrong state. HEADERS as above, or NULL. */
int session_ring(struct session *session, const char *headers);
int session_progress(struct session *session, struct mbuf *sdp,
		     const char *headers);
/* 200; retransmitted until the ACK; none in 64·T1: closed with ETIMEDOUT
 * after a BYE (RFC 3261 13.3.1.4). */
int session_answer(struct session *session, struct mbuf *sdp,
		   const char *headers);
/* 300–699 before the answer; ends the session without calling closed. */
int session_reject(struct session *session, uint16_t scode, const char *reason,
		   const char *headers);

/* re-INVITE with SDP; handler `answered` tells. 491 and 500 with Retry-After
 * are retried inside (RFC 3261 14.1). EALREADY while one is pending. */
int session_offer(struct session *session, struct mbuf *sdp);

/* Whether an offer of ours waits for its answer. */
bool session_offering(const struct session *session);

/* INFO with a body; RESPH may be NULL. */
int session_info(struct session *session, const char *ctype, const char *body,
		 sip_resp_h *resph, void *arg);

/* OPTIONS within the dialog; RESPH gets what came of it, unless the session was
 * closed before. EPROTO: not answered. */
int session_options(struct session *session, sip_resp_h *resph, void *arg);

/* End it in any state. Before an answer: CANCEL, or SCODE/REASON (0: 480);
 * answered: BYE. Q850 > 0 adds a Reason header. Never fails. */
void session_close(struct session *session, uint16_t scode, const char *reason,
		   uint16_t q850);

enum session_state session_state(const struct session *session);
const char *session_callid(const struct session *session);
/* The address that the INVITE came from, or that it went to (unset before
 * the first response). */
const struct sa *session_peer(const struct session *session);
/* Its transport, as log and records write it: "udp", "tcp", "tls". */
const char *session_peer_transport(const struct session *session);
/* The INVITE of an incoming session, valid as long as it; the 2xx of an
 * outgoing one once it is answered; else NULL. */
const struct sip_msg *session_msg(const struct session *session);
/* Incoming: the user of the registrar who has proved that the INVITE is his;
 * NULL: nobody, or it didn't have to be proved. */
const char *session_identity(const struct session *session);
/* The SDP in an incoming INVITE, out of a multipart body too; NULL when there
 * is none. Borrowed, at its beginning, valid as long as the session. */
struct mbuf *session_sdp(const struct session *session);

/* The Q.850 cause that goes with a SIP status (RFC 4497, RFC 6432). */
uint16_t q850_of_status(uint16_t scode);
/* The standard phrase of a status, "Unknown" otherwise. */
const char *status_phrase(uint16_t scode);

#endif
