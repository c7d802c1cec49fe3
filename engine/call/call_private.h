/* call_private.h -- a call's inside, for the files of this room
 *
 *   calls.c      the table; drain, refuse, count   admission.c  limits
 *   call.c       life, end, CDR, reading            route.c     where to
 *   call_in.c    an INVITE comes                    call_out.c  one leaves
 *   call_sip.c   verbs and what the session says    call_media.c  audio
 *   keepalive.c  its path is kept open              move.c      … elsewhere
 *   bridge.c     calls that hear each other        detect.c    who is there?
 *   reroute.c    the next trunk of a list
 *
 * References: the table holds one from a call's beginning until its CDR is
 * complete, and with it all that can call back: session, stream, timers.
 */
#ifndef MOONDIAL_CALL_CALL_PRIVATE_H
#define MOONDIAL_CALL_CALL_PRIVATE_H

#include <re.h>

#include "base/loop.h"
#include "call/bridge.h"
#include "call/bucket.h"
#include "call/call.h"
#include "call/cdr.h"
#include "call/digit_filter.h"
#include "call/endpoint_private.h"
#include "sip/account/account.h"
#include "sip/sdp.h"
#include "sip/session.h"
#include "sip/stack.h"

struct trunk;
struct account;
struct session;

/* ---- why the engine refuses ------------------------------------------ */

struct refusal {
	const char *cause; /* "limit", …: hangup_cause, *REASON of call_dial */
	uint16_t scode, q850;
	const char *reason;   /* the phrase */
	unsigned retry_after; /* seconds; 0: none */
	const char *warning;  /* RFC 3261 20.43, or NULL */
	int err;	      /* of call_dial */
};
extern const struct refusal refuse_limit, refuse_draining, refuse_overload,
	refuse_no_route, refuse_forbidden, refuse_invalid, refuse_no_codec,
	refuse_bad_sdp, refuse_no_port, refuse_user_busy, refuse_unreachable,
	refuse_trunk_down, refuse_silent;

/* ---- the table -------------------------------------------------------- */

enum { CALLS_RATE_S = 10 };

/* Calls that iterate: what is unlinked meanwhile moves them on. */
struct call_cursor {
	struct le *next;
	struct call_cursor *outer;
};

/* What an account's limits count. */
struct account_use {
	struct le le;
	struct calls *calls;
	char *name;
	unsigned active;
	struct bucket bucket;
};

struct calls {
	struct loop *loop;
	struct stack *stack;
	struct media *media;
	struct accounts *accounts;
	struct trunks *trunks;
	struct endpoints *endpoints; /* or NULL */
	struct calls_config config;  /* strings are copies */
	struct sdp_codec *codecs;    /* as offered */
	const struct media_codec **media_codecs;
	size_t codec_count;
	struct calls_handlers h;
	void *arg;

	struct list list; /* oldest first, until the CDR is complete */
	struct hash *by_id;
	struct call_cursor *cursors;
	struct list uses;    /* struct account_use */
	struct list waiting; /* calls that wait for their account's realm */

	unsigned active, in, out, peak;
	uint64_t total, total_answered, total_refused;
	struct bucket bucket, outbound;
	uint64_t rate_second;
	unsigned rate[CALLS_RATE_S];

	char *refuse_why;
	bool draining, drained;
	struct tmr drain_tmr, linger_tmr;
	struct soon drained_soon;
};

void calls_add(struct calls *calls, struct call *call);
void calls_remove(struct calls *calls, struct call *call);
/* A call has ended or gone: was it the last one of a drain? */
void calls_look_drained(struct calls *calls);

/* admission.c: NULL, or why one more call can't begin. ACCOUNT and TRUNK may
 * be NULL. WHY (a sentence, constant or the engine's) for the log. */
const struct refusal *calls_admits(struct calls *calls, bool out,
				   const struct account *account,
				   struct trunk *trunk, const char **why);
/* Count CALL in and out; ENOMEM. */
int call_count_in(struct call *call, const struct account *account,
		  struct trunk *trunk);
/* It goes another way from now on: no more by the one that it was counted in,
 * by this one, if it has room. NULL, or why not; then it is counted in none. */
const struct refusal *call_count_over(struct call *call,
				      const struct account *account,
				      struct trunk *trunk, const char **why);
void call_count_out(struct call *call);

/* ---- one call --------------------------------------------------------- */

struct info_send;
struct reroute;
struct route;

/* keepalive.c */
struct call_keepalive {
	struct session_keepalive said; /* by the script */
	uint32_t sip_ms, rtp_ms;       /* in force; 0: none */
	bool hangup;
	handle_t rtp_stream; /* that was told RTP_MS */
	struct tmr tmr;
	bool asking; /* an OPTIONS is under way */
	uint64_t asked_ms;
};

/* detect.c */
struct call_detect {
	bool judge;	    /* a verdict is to come */
	unsigned listeners; /* others, who want events */
	struct detect_settings settings;
	handle_t stream; /* that listens; 0: none */
	enum media_detect told;
	struct tmr linger;
	bool speaking;
	uint64_t beep_ms; /* monotonic; 0: none since somebody spoke */
	char *keep_path;
	size_t keep_root;
	uint32_t keep_op; /* 0: not begun */
};

struct call {
	struct le le; /* calls->list */
	struct le he; /* calls->by_id */
	struct le we; /* calls->waiting */
	struct le ee; /* endpoint->calls */
	struct calls *calls;
	struct cdr cdr;
	enum call_state state;
	bool out;
	call_event_h *handler;
	void *arg;
	char *wanted_disposition; /* of the script */
	uint64_t begun_ms; /* monotonic; cdr.started_at_ms is the wall's */

	/* limits that it is counted in */
	bool counted;
	struct account_use *use;
	struct trunk *trunk;
	int64_t way_at_ms;	      /* its INVITE by that trunk; wall */
	struct endpoint_claim *claim; /* of an endpoint; or NULL */
	struct binding *binding;      /* its terminal, if we know which */
	enum endpoint_counted endpoint_counted;

	/* SIP */
	struct session *session;
	struct sip_msg *msg; /* INVITE (in), 2xx (out) */
	char *dialed_user;
	char *headers; /* of the responses to come */
	struct route *route;
	struct reroute *reroute; /* out: where else it may go, or NULL */
	struct tmr ring_tmr, max_tmr, host_tmr;
	uint32_t ring_ms, max_ms;
	uint64_t invited_ms; /* out: when the latest INVITE left; monotonic */
	struct sdp *sdp;
	struct sdp_codec *codecs; /* the lists of when it began */
	const struct media_codec **media_codecs;
	size_t codec_count;
	struct mbuf *answer; /* in: the one that 183 carried */
	bool rang;	     /* 180 was seen or sent */
	bool acked;	     /* in: our 200 was */
	bool held, on_hold;
	bool offering, offer_hold;
	bool network_changed; /* follow it when that can be said */

	/* audio */
	handle_t stream;
	struct sa laddr;
	unsigned streams; /* not yet closed */
	bool media_on;
	uint32_t timeout_ms, vanished_ms; /* without RTP; 0: never */
	bool watched;
	int pt_dtmf_tx;
	uint32_t last_op;
	struct digit_filter digits;
	struct list infos;   /* struct info_send */
	struct list options; /* struct options */
	struct call_keepalive keepalive;
	struct call_detect detect;

	/* bridge.c: a reference, or NULL; its role there */
	struct bridge *bridge;
	struct le bridge_le;
	uint32_t talk, hear;
	bool is_party, pass_digits;
	uint64_t bridged_ms; /* since when; monotonic */

	/* end */
	unsigned scripts;
	bool closed_told, complete;
};

int call_alloc(struct call **cp, struct calls *calls, bool out);
void call_begin_cdr(struct call *call);
void call_emit(struct call *call, const struct call_event *event);
void call_emit_type(struct call *call, enum call_event_type type);
/* Forward only. */
void call_set_state(struct call *call, enum call_state state);
void call_answered(struct call *call);
void call_peer(struct call *call);

struct call_outcome {
	enum call_party by;
	const char *cause;
	uint16_t scode;
	const char *reason;
	uint16_t q850;
	const char *disposition;
	const char *contact; /* 3xx */
	bool silent;	     /* no events: call_dial() tells */
};
/* The end, once; says BYE, CANCEL or the final response as it must. */
void call_end(struct call *call, const struct call_outcome *outcome);
/* Now, for the CDR: the wall's time as of its begin, so that what lies between
 * two of its times is true, whatever the clock has been set to meanwhile. */
int64_t call_wall_ms(const struct call *call);
/* Count it as refused: its end says so. */
void call_refused(struct call *call);
void call_end_refused(struct call *call, const struct refusal *refusal,
		      const char *reason);
/* Completes the CDR when nothing is left to wait for. */
void call_check_complete(struct call *call);

/* call_media.c */
int call_media_open(struct call *call, const struct sa *dst);
void call_media_close(struct call *call);
void call_media_set(struct call *call, const struct sdp_agreed *agreed);
/* Answered, held, resumed: is RTP to be watched? */
void call_media_watch(struct call *call);
void call_digit(struct call *call, enum digit_means means, char digit,
		uint32_t duration_ms);

/* bridge.c: its far side has pressed DIGIT. */
void bridge_digit(struct call *call, char digit, uint32_t duration_ms);

/* info_send.c */
int info_send(struct call *call, uint32_t op, const char *digits,
	      uint32_t duration_ms, uint32_t gap_ms);
bool info_send_stop(struct call *call, uint32_t op);
void info_send_flush(struct call *call);

/* detect.c: its audio has begun, it is answered, or more is wanted. */
void call_detect_init(struct call *call);
void call_detect_apply(struct call *call);
void call_detect_end(struct call *call);
void call_detected(struct call *call, const struct detect_event *event);

/* keepalive.c: answered, its audio has begun, or what was said has changed. */
void call_keepalive_apply(struct call *call);
void call_keepalive_stop(struct call *call);
void call_options_flush(struct call *call);

/* move.c: whether it has to follow another address of ours, now or soon. */
bool call_follow_network(struct call *call);

/* call_sip.c */
/* Refuse an incoming call; REASON, for the CDR, may be NULL. */
void call_refuse(struct call *call, const struct refusal *refusal,
		 const char *reason);
/* Take the offer of an incoming call, if any: 0, EBADMSG, ENOTSUP, ENOMEM,
 * EAFNOSUPPORT. */
int call_sdp_check(struct call *call);
extern const struct session_handlers call_session_handlers;

/* call_out.c */
void call_out_closed(struct call *call, const struct session_end *end);
/* Early media tells by a SIT what no status has said yet. */
void call_out_sit(struct call *call, const char *name);
/* A provisional or final response has come. */
void call_out_heard(struct call *call);

/* ---- where an outgoing call goes (route.c) ---------------------------- */

enum { ROUTE_HOSTS_MAX = 16, ROUTE_PATH_MAX = 8 };

struct route {
	struct {
		char *uri;
		struct sa dst;	/* for the choice of our address */
		int trunk_host; /* which of the trunk's it is, or -1 */
	} hosts[ROUTE_HOSTS_MAX];
	size_t count, next;
	char *proxy;			  /* or NULL */
	struct endpoint *endpoint;	  /* or NULL */
	struct binding *binding;	  /* of it */
	char *path[ROUTE_PATH_MAX + 1];	  /* to it, in order */
	char *beyond[ACCOUNT_ROUTES_MAX]; /* routes behind it */
	size_t beyond_count;
	char *from; /* "user" or a whole URI; NULL: the account's */
	char *from_user, *from_domain, *from_name;
	char *account; /* its name */
	char *user;    /* whom: the number or user */
	char *headers;
	struct trunk *trunk;
};

/* Find a way. NULL in *REFUSED, or why not, with a sentence in ERR; ENOMEM.
 * *RP is a libre object, also when it was refused. */
int route_make(struct route **rp, const struct calls *calls,
	       const struct call_dial *dial, const struct refusal **refused,
	       char *err, size_t size);

/* ---- the trunks that are left of a list (reroute.c) -------------------- */

/* What is needed of DIAL to go by another of its trunks than the one of ROUTE;
 * *RP stays NULL when there is none. ENOMEM. */
int reroute_alloc(struct reroute **rp, const struct call_dial *dial,
		  const struct route *route);
/* Whether there is a trunk that CALL has not been sent to yet. */
bool reroute_has_more(const struct call *call);
/* The best of them: its route takes the place of CALL's, and CALL is counted
 * there. False: none of them can take it. */
bool reroute_next(struct call *call);

#endif
