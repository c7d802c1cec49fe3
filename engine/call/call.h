/* call.h -- the one object where SIP, audio and script meet
 *
 *                 ┌────────► ended
 *   idle ─► calling ─► early ─► answered ─► ended          (out)
 *   idle ─► incoming ─► early ─► answered ─► ended         (in)
 *
 * Each transition is one function that emits one event. A call is created
 * before the first byte leaves or the first handler runs, has its CDR begun
 * then, and ends exactly once. At its end the signalling and media columns are
 * fixed; the CDR is completed when the call and its script have both ended and
 * the stream has handed back its statistics.
 * On the loop thread; a libre object: who holds one has a reference.
 */
#ifndef MOONDIAL_CALL_CALL_H
#define MOONDIAL_CALL_CALL_H

#include <re.h>
#include "base/ids.h"
#include "media/media.h"
#include "sip/session_keepalive.h"

struct call;
struct calls;
struct session;
struct cdr;
struct loop;
struct stack;
struct account;
struct accounts;
struct trunks;
struct endpoints;
struct endpoint_claim;
struct binding;

enum call_state {
	CALL_IDLE,
	CALL_CALLING,
	CALL_INCOMING,
	CALL_EARLY,
	CALL_ANSWERED,
	CALL_ENDED,
};

/* Who ended it. */
enum call_party {
	CALL_NOBODY,
	CALL_LOCAL,  /* the script, or a command */
	CALL_REMOTE, /* the far side */
	CALL_ENGINE, /* a limit, a time-out, drain, an error */
};

/* ---- events --------------------------------------------------------- */

enum call_event_type {
	CALL_EV_RINGING,  /* out: 180; in: our 180 has been sent */
	CALL_EV_PROGRESS, /* early media is open */
	CALL_EV_ANSWERED,
	CALL_EV_ENDED, /* the last one, except the two that say so; scode:
			* the final status, 0 for a BYE; text: of a 3xx
			* that came, where to (never followed: the script
			* decides, and outbound rules apply) */
	CALL_EV_DIGIT, /* digit, duration_ms (RFC 4733 or INFO alike) */
	CALL_EV_HOLD,  /* the far side has put us on hold */
	CALL_EV_RESUME,
	CALL_EV_MEDIA_TIMEOUT,	  /* no RTP for so long: duration_ms */
	CALL_EV_PLAY_DONE,	  /* op, result, text */
	CALL_EV_RECORD_DONE,	  /* op, result, file, duration_ms; also after
				     ENDED: the file is complete then */
	CALL_EV_DTMF_DONE,	  /* op, result, text */
	CALL_EV_OFFER_DONE,	  /* our hold or unhold: scode, text */
	CALL_EV_KEEPALIVE_FAILED, /* an OPTIONS of ours: scode 481, 408, or 0:
				     no answer at all; duration_ms: waited */
	CALL_EV_OPTIONS_DONE,	  /* op, scode (0: no answer), msg, rtt_us */
	CALL_EV_DETECTED,  /* detect: a verdict, speech, silence, beep, tone */
	CALL_EV_BRIDGED,   /* it hears others, and they hear it; bridge.h */
	CALL_EV_UNBRIDGED, /* … no more */
	CALL_EV_CLOSED,	   /* after ENDED: audio is gone, stats are there */
};

struct call_event {
	enum call_event_type type;
	uint32_t op;
	enum media_result result;
	char digit;
	uint32_t duration_ms;
	uint16_t scode;
	const char *file, *text;
	const struct sip_msg *msg;
	uint32_t rtt_us;
	struct detect_event detect;
};

/* The script's ear. Strings are valid during the call only. */
typedef void(call_event_h)(struct call *call, const struct call_event *event,
			   void *arg);

/* ---- the calls of an engine ----------------------------------------- */

struct calls_handlers {
	/* A new incoming call, nothing answered yet, its offer usable: find a
	 * script. The handler takes a reference if it wants the call, and
	 * returns true; false: nobody wants it (the handler may have rejected
	 * it). */
	bool (*incoming)(struct call *call, void *arg);
	/* A CDR begins; a CDR is complete (borrowed, both on the loop). Each
	 * call has both, refused ones too, whichever way it went. */
	void (*cdr_begun)(const struct cdr *cdr, void *arg);
	void (*cdr_ended)(const struct cdr *cdr, void *arg);
	/* The last call has gone while draining. */
	void (*drained)(void *arg);
	/* Asked before each call, may be NULL: why none may begin now (a
	 * constant), or NULL. */
	const char *(*trouble)(void *arg);
};

struct calls_config {
	unsigned max_calls, max_cps; /* engine-wide; 0: no limit */
	uint32_t ring_timeout_ms;    /* incoming: no answer by the script */
	uint32_t max_duration_ms;    /* 0: none */
	uint16_t ptime_ms;
	enum media_latch latch;
	uint8_t opening_packets; /* before the audio of a stream */
	enum media_opening opening_kind;
	/* Answered, not on hold, and no RTP for so long: an event; the end
	 * ("media_timeout", by the engine). 0: never. */
	uint32_t media_timeout_ms, media_hangup_ms;
	const char *const *codecs; /* names in order; NULL: all */
	/* outbound = {allow, deny, rate, concurrent}, patterns with *. ALLOW:
	 * hosts of direct URIs, besides loopback and the hosts of trunks and
	 * accounts. DENY: hosts, numbers and users of any target; it wins. */
	const char *const *outbound_allow, *const *outbound_deny;
	unsigned outbound_rate, outbound_concurrent;
	const char *default_trunk; /* for bare numbers; NULL: the only
				      trunk, when there is one */
};

int calls_alloc(struct calls **cp, struct loop *loop, struct stack *stack,
		struct media *media, struct accounts *accounts,
		struct trunks *trunks, const struct calls_config *config,
		const struct calls_handlers *handlers, void *arg);
/* No call is left (`drained` was called). Sessions in their last BYE may still
 * ask for an account's credentials: after accounts_close() is done, before
 * trunks_free(), accounts_free() and stack_free(), in one go. */
void calls_free(struct calls *calls);

/* Whose calls are authenticated, and who can be called as endpoint:NAME; set
 * once, before the first call; outlives the calls. */
void calls_set_endpoints(struct calls *calls, struct endpoints *endpoints);

/* For stack_alloc(): ARG is the struct calls. */
void calls_incoming(struct session *session, const struct sip_msg *msg,
		    void *arg);
/* For media_alloc(): ARG isn't used, the event knows its call. */
void calls_media_event(const struct media_event *event, void *arg);
/* An account_h's: calls that wait for this account's realm leave. */
void calls_account_changed(struct calls *calls, struct account *account);

/* Limits and the like may change while running; everything is copied. Calls
 * keep the codecs that they began with. EINVAL: an unknown codec, or none;
 * what was in force then stays. */
int calls_configure(struct calls *calls, const struct calls_config *config);

/* No new calls (503 "draining"); `drained` when the last has gone, at once if
 * there is none. After LIMIT_MS the rest are ended; 0: now. */
void calls_drain(struct calls *calls, uint32_t limit_ms);

/* Refuse new calls with 503 (the scripts' memory mark); NULL ends it. */
void calls_refuse(struct calls *calls, const char *why);

/* Our own addresses may have changed: answered calls whose audio isn't where
 * the far side reaches us any more move, by a re-INVITE. How many. */
unsigned calls_network_changed(struct calls *calls);

struct call *call_find(const struct calls *calls, const char *id);
/* Each call not yet ended, oldest first; FN may end calls. True stops. */
typedef bool(call_apply_h)(struct call *call, void *arg);
void call_each(struct calls *calls, call_apply_h *fn, void *arg);

struct calls_count {
	unsigned active, in, out, ringing, answered, peak;
	uint64_t total, total_answered, total_refused;
	double rate; /* new calls a second, over the last 10 s */
};
/* How many of WANTED calls out the engine could begin now: within its limits,
 * and without being late for the calls that it has. What a dialer asks before
 * it dials. When they are fewer, *WHY says which limit it is. */
unsigned calls_room(struct calls *calls, unsigned wanted, const char **why);
void calls_count(const struct calls *calls, struct calls_count *count);

/* Whether a script may send to URI: outbound.allow and outbound.deny. The URI,
 * normalised, into OUT. EPERM: not allowed; EINVAL: no SIP URI; with ERR. */
int calls_may_ask(const struct calls *calls, const char *uri, char *out,
		  size_t out_size, char *err, size_t size);

/* ---- making one ----------------------------------------------------- */

struct call_dial {
	const char *target; /* see target.h */
	const char *trunk;  /* for numbers; NULL: the default trunk */
	/* For numbers, in TRUNK's place: the first of them that isn't
	 * unreachable and has room, and after congestion the next such one;
	 * NULL-terminated, or NULL */
	const char *const *trunks;
	const char *account; /* credentials and From; NULL: the trunk's */
	const char *from;    /* number, user or URI; NULL: the account's */
	const char *display_name;
	const char *headers;	  /* "Name: value\r\n…" or NULL */
	uint32_t timeout_ms;	  /* ring time-out; 0: 60 s */
	uint32_t max_duration_ms; /* 0: the configured */
	/* Without RTP (call_set_media_timeout); 0: the configured */
	uint32_t media_timeout_ms, media_hangup_ms;
	const char *campaign; /* for the CDR, or NULL */
	const char *lead_id;
	unsigned attempt;
	/* endpoint:NAME: which of its contacts; NULL: the one with the
	 * greatest q. Calls to several that ring together share *CLAIM, a
	 * libre object that the first one writes; NULL: each is one. */
	struct binding *binding;
	struct endpoint_claim **claim;
	/* A verdict is wanted, and a SIT in early media ends it; or NULL */
	const struct detect_settings *detect;
};

/* Dial. A trunk's hosts, and the trunks of a list, are tried in turn while they
 * meet congestion (500, 502–504, no response: 6 s of silence with another one
 * to try), never after the called party or its number has said no, nor once it
 * has rung. Those that are unreachable (trunk_reach.h) are passed over, lagged
 * ones come last. It stays one call, with one CDR: of the last trunk.
 * On success *CP is in state calling (a reference is given) and events
 * go to HANDLER; the failure of the network comes as CALL_EV_ENDED, never
 * before this has returned. Refused at once (limit, no route, not allowed,
 * unreachable): an errno value; *REASON (constant: "limit", "no_route",
 * "forbidden", "draining", "overload", "invalid", "unreachable" (all of a
 * trunk's hosts; an endpoint that isn't registered); of an endpoint
 * "user_busy"), a sentence in ERR, and a CDR that says
 * so; *CP is given, ended. */
int call_dial(struct call **cp, struct calls *calls,
	      const struct call_dial *dial, call_event_h *handler, void *arg,
	      const char **reason, char *err, size_t err_size);

/* The subscriber of an incoming call. */
void call_set_handler(struct call *call, call_event_h *handler, void *arg);

/* ---- verbs (0 or an errno value; EPROTO: not in this state) ---------- */

int call_ring(struct call *call);
/* 183 with SDP: early media. EPROTO also when the INVITE had no offer. */
int call_progress(struct call *call);
/* When no port or memory is left for audio, the caller gets 503, the call has
 * ended, and the errno value says why. Progress alike. */
int call_answer(struct call *call);
/* 300–699. EINVAL for another status, or a reason with control characters. */
int call_reject(struct call *call, uint16_t scode, const char *reason);
/* 302 to a sip: URI (target.h). */
int call_redirect(struct call *call, const char *uri);
/* In any state: reject with 480, CANCEL or BYE. WHY (for the CDR: "normal",
 * "max_duration", "drain", "script_error", …) may be NULL. */
void call_hangup(struct call *call, enum call_party by, const char *why);
int call_hold(struct call *call); /* CALL_EV_OFFER_DONE tells */
int call_unhold(struct call *call);
void call_mute(struct call *call, bool rx, bool tx);
/* How long it may be without RTP until the event comes, and until it is ended.
 * 0: as it is; CALL_NEVER. */
enum { CALL_NEVER = INT32_MAX };
void call_set_media_timeout(struct call *call, uint32_t timeout_ms,
			    uint32_t hangup_ms);
/* Keep its path open, from now on (session_keepalive.h); what KEEPALIVE leaves
 * unsaid stays as it is, as its trunk and account say. At any time. EPROTO: it
 * has ended. */
int call_keepalive(struct call *call,
		   const struct session_keepalive *keepalive);
/* The same for an account: its calls in progress, and those to come. ENOENT. */
int calls_account_keepalive(struct calls *calls, const char *account,
			    const struct session_keepalive *keepalive);
/* OPTIONS in the dialog; CALL_EV_OPTIONS_DONE tells. EPROTO: not answered. */
int call_options(struct call *call, uint32_t *op);
/* Response headers of 18x/200/3xx–6xx to come: "Name", "value". EINVAL for a
 * name or value that would break the message or may not be set. */
int call_set_header(struct call *call, const char *name, const char *value);

/* Audio: ops as in media.h; *OP is written. EPROTO without media. */
int call_play(struct call *call, const struct media_play *play, uint32_t *op);
void call_play_control(struct call *call, uint32_t op,
		       enum media_play_control control, double value);
int call_record(struct call *call, const struct media_record *record,
		uint32_t *op);
void call_record_control(struct call *call, uint32_t op,
			 enum media_record_control control);
void call_op_stop(struct call *call, uint32_t op);

enum call_dtmf_mode { CALL_DTMF_AUTO, CALL_DTMF_RFC4733, CALL_DTMF_INFO };
/* AUTO: RFC 4733 when agreed, else INFO (answered calls only). 0 ms: defaults.
 * What comes in by both means within DIGIT_DOUBLE_MS is one digit
 * (digit_filter.h). ENOTSUP, EINVAL. */
int call_send_digits(struct call *call, const char *digits,
		     enum call_dtmf_mode mode, uint32_t duration_ms,
		     uint32_t gap_ms, uint32_t *op);

/* ---- what is at the far side (detect.c) ------------------------------ */

/* Find out, by these settings, from now on, or from its answer on; its CDR and
 * CALL_EV_DETECTED tell. Again: anew. EPROTO: it has ended; ENOMEM. */
int call_detect(struct call *call, const struct detect_settings *settings);
/* Record the first 5 s of what is judged, as media.h says. ENOMEM. */
int call_detect_keep(struct call *call, const char *path, size_t root);
/* Somebody wants CALL_EV_DETECTED, and no more: in pairs. */
void call_listen(struct call *call);
void call_unlisten(struct call *call);
/* The script knows better. */
void call_set_detection(struct call *call, enum detect_kind kind);
bool call_detecting(const struct call *call); /* a verdict is to come */
/* As far as a detector that listens can tell: somebody speaks; a beep was
 * heard of late, and nobody has spoken since. */
bool call_speaks(const struct call *call);
bool call_beeped(const struct call *call);

/* ---- what the script leaves for the CDR ------------------------------ */

/* Counts once the call is answered; before, its outcome says it. */
void call_set_disposition(struct call *call, const char *disposition);
/* Who talked to it, for the CDR; NULL: nobody. */
void call_set_agent(struct call *call, const char *agent);
void call_set_script(struct call *call, const char *script);
void call_set_script_error(struct call *call, const char *error,
			   const char *traceback);
void call_set_user_json(struct call *call, const char *json);
/* The line of the script that hangs up ("flow.lua:12"); the first one counts.
 */
void call_set_hangup_line(struct call *call, const char *line);
/* A script runs on this call: the CDR waits for the end of it. */
void call_script_begin(struct call *call);
void call_script_end(struct call *call);

/* ---- reading --------------------------------------------------------- */

const char *call_id(const struct call *call);
enum call_state call_state(const struct call *call);
const char *call_state_name(enum call_state state);
bool call_is_out(const struct call *call);
bool call_has_media(const struct call *call); /* a stream is running */
bool call_held(const struct call *call);      /* by the far side */
bool call_on_hold(const struct call *call);   /* by us */
/* The record so far: from, to, times, codec, disposition, stats, … */
const struct cdr *call_cdr(const struct call *call);
/* User part of the Request-URI of an incoming call. */
const char *call_dialed_user(const struct call *call);
/* Header of the INVITE (in) or of the 200 (out); the first of that name into
 * OUT. ENOENT, EOVERFLOW. */
int call_header(const struct call *call, const char *name, char *out,
		size_t size);

#endif
