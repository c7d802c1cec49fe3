/* cdr.h -- what is remembered of a call
 *
 * Filled by the call as it goes; app writes it to the store at its beginning
 * and its end (app/cdr_writer.c knows the columns). Times are wall-clock ms
 * since the epoch, 0: it did not happen. Strings are owned by the record;
 * "" or NULL: none.
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
	char *from_uri, *from_user, *display_name;
	char *to_uri, *to_user;
	char *peer; /* address:port of the far side's signalling */
	int64_t started_at_ms, ring_at_ms, answered_at_ms, ended_at_ms;
	/* answered, busy, no_answer, declined, cancelled, invalid, congestion,
	 * failed, refused, … or what the script has set (DIALING.md) */
	char *disposition;
	uint16_t sip_code;
	char *reason;	    /* the phrase, or the text of a Reason header */
	uint16_t q850;
	const char *hangup_by; /* "local", "remote", "engine", "" */
	char *hangup_cause; /* "normal", "max_duration", "limit", … */
	char *hangup_line;  /* local: the script's line, "flow.lua:12" */
	char *codec;
	char *digits;	    /* received, in order */
	struct media_stats stats;
	char *recording;    /* paths, one a line */
	char *script;	    /* file:line of the flow */
	char *script_error, *traceback;
	char *user_json;
	char *campaign, *lead_id;
	unsigned attempt;
};

#endif
