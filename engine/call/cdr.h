/* cdr.h -- what is remembered of a call
 *
 * Filled by the call as it goes; app writes it to the store at its beginning
 * and its end (app/cdr_writer.c knows the columns). Times are wall-clock ms
 * since the epoch, 0: it did not happen. Strings are owned by the record
 * (libre strings), those that are const are constants; "" or NULL: none.
 * A call that the engine refused has the SIP code that it refused with; an
 * outgoing one that never left has the code that would say the same.
 */
#ifndef MOONDIAL_CALL_CDR_H
#define MOONDIAL_CALL_CDR_H

#include "base/ids.h"
#include "media/media.h"

struct cdr {
	char id[ID_SIZE];
	const char *direction; /* "in", "out" */
	char *sip_call_id;
	char *account, *trunk;
	char *tried;	/* trunks before that one, "NAME:STATUS NAME:STATUS" */
	char *endpoint; /* whose call it is, proved; or who was called */
	char *from_uri, *from_user, *display_name;
	char *to_uri, *to_user;
	char *peer; /* transport:address:port of the far side's signalling */
	int64_t started_at_ms, ring_at_ms, answered_at_ms, ended_at_ms;
	/* answered, busy, no_answer, declined, cancelled, invalid, congestion,
	 * failed, refused, … or what the script has set (DIALING.md) */
	char *disposition;
	uint16_t sip_code;
	char *reason; /* the phrase, or the text of a Reason header */
	uint16_t q850;
	const char *hangup_by; /* "local", "remote", "engine", "" */
	char *hangup_cause;    /* "normal", "max_duration", "limit", … */
	char *hangup_line;     /* local: the script's line, "flow.lua:12" */
	char *codec;
	char *digits; /* received, in order */
	struct media_stats stats;
	char *recording; /* paths, one a line */
	char *script;	 /* file:line of the flow */
	char *script_error, *traceback;
	char *user_json;
	char *campaign, *lead_id;
	unsigned attempt;
	/* The latest it was bridged with: a call's id, or "conference:NAME";
	 * since when first, how long in all; 0: never */
	char *bridged_to;
	int64_t bridged_at_ms;
	uint64_t bridged_ms;
	char *agent; /* its name */
	/* What was found at the far side; DETECT_NONE: nothing, or nobody
	 * asked. Its first seconds, if they are kept. */
	struct detect_verdict detection;
	char *detection_file;
	char *tones; /* heard by a detector, in order: "ringback.us beep" */
	char *reserve[2]; /* for disposition and hangup_cause */
};

/* How a call has ended is known in any case: set memory aside. ENOMEM. */
int cdr_reserve(struct cdr *cdr);

/* Set a string to a copy; empty or NULL: none. When memory is out it stays as
 * it was, and that is logged; disposition and hangup_cause have theirs. */
void cdr_set(struct cdr *cdr, char **field, const char *text);

/* A digit was heard; past CDR_DIGITS_MAX they aren't kept. */
enum { CDR_DIGITS_MAX = 1024 };
void cdr_digit(struct cdr *cdr, char digit);

/* A trunk has had its turn in vain: "NAME:STATUS", 0: no response at all. */
void cdr_tried(struct cdr *cdr, const char *trunk);

/* A tone was heard, as TONES has it. Past CDR_TONES_MAX they aren't kept. */
enum { CDR_TONES_MAX = 256 };
void cdr_tone(struct cdr *cdr, const char *tone);

/* A recording is complete. */
void cdr_recording(struct cdr *cdr, const char *path);

/* Free its strings. */
void cdr_clear(struct cdr *cdr);

/* The disposition of an outgoing call that was not answered (DIALING.md): by
 * its final status and that one's phrase or Reason text; 0: none came. */
const char *cdr_disposition(uint16_t scode, const char *reason);

/* What a SIT means for an outgoing call (DIALING.md); NULL: nothing certain. */
const char *cdr_disposition_sit(const char *name);

/* Whether it may be tried by another host or trunk: congestion is; what the
 * called party or its number said never is. */
bool cdr_reroutes(uint16_t scode);

#endif
