#include <re.h>

#include "call/cdr.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/log.h"

enum { RESERVE = 32 };

int cdr_reserve(struct cdr *cdr)
{
	for (size_t i = 0; i < ARRAY_SIZE(cdr->reserve); i++) {
		cdr->reserve[i] = mem_zalloc(RESERVE, NULL);
		if (!cdr->reserve[i])
			return ENOMEM;
	}
	return 0;
}

/* The memory set aside for FIELD, holding TEXT; NULL: none, or used up. */
static char *from_reserve(struct cdr *cdr, char **field, const char *text)
{
	size_t i = field == &cdr->hangup_cause;
	char *copy = cdr->reserve[i];

	if (field != &cdr->disposition && field != &cdr->hangup_cause)
		return NULL;
	cdr->reserve[i] = NULL;
	if (copy)
		str_ncpy(copy, text, RESERVE);
	return copy;
}

void cdr_set(struct cdr *cdr, char **field, const char *text)
{
	char *copy = NULL;

	if (text && *text && str_dup(&copy, text) &&
	    !(copy = from_reserve(cdr, field, text))) {
		log_error(cdr->id, "CDR: out of memory");
		return;
	}
	mem_deref(*field);
	*field = copy;
}

/* OLD + SEPARATOR + ADD */
static void append(struct cdr *cdr, char **field, const char *separator,
		   const char *add)
{
	char *text = NULL;

	if (re_sdprintf(&text, "%s%s%s", *field ? *field : "",
			*field ? separator : "", add)) {
		log_error(cdr->id, "CDR: out of memory");
		return;
	}
	mem_deref(*field);
	*field = text;
}

void cdr_digit(struct cdr *cdr, char digit)
{
	const char add[2] = {digit, '\0'};

	if (!cdr->digits || strlen(cdr->digits) < CDR_DIGITS_MAX)
		append(cdr, &cdr->digits, "", add);
}

void cdr_tried(struct cdr *cdr, const char *trunk)
{
	append(cdr, &cdr->tried, " ", trunk);
}

void cdr_tone(struct cdr *cdr, const char *tone)
{
	if (!cdr->tones || strlen(cdr->tones) < CDR_TONES_MAX)
		append(cdr, &cdr->tones, " ", tone);
}

void cdr_recording(struct cdr *cdr, const char *path)
{
	append(cdr, &cdr->recording, "\n", path);
}

void cdr_clear(struct cdr *cdr)
{
	char **const fields[] = {
		&cdr->sip_call_id,    &cdr->account,	  &cdr->trunk,
		&cdr->tried,	      &cdr->endpoint,	  &cdr->from_uri,
		&cdr->from_user,      &cdr->display_name, &cdr->to_uri,
		&cdr->to_user,	      &cdr->peer,	  &cdr->disposition,
		&cdr->reason,	      &cdr->hangup_cause, &cdr->hangup_line,
		&cdr->codec,	      &cdr->digits,	  &cdr->recording,
		&cdr->script,	      &cdr->script_error, &cdr->traceback,
		&cdr->user_json,      &cdr->campaign,	  &cdr->lead_id,
		&cdr->detection_file, &cdr->tones,	  &cdr->bridged_to,
		&cdr->agent,	      &cdr->reserve[0],	  &cdr->reserve[1],
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		*fields[i] = mem_deref(*fields[i]);
}

const char *cdr_disposition(uint16_t scode, const char *reason)
{
	switch (scode) {
	case 486:
	case 600:
		return "busy";
	case 408:
	case 480:
		return "no_answer";
	case 404:
	case 410:
	case 484:
	case 604:
		return "invalid";
	case 603:
		/* of the US, from 2026: the network's word, not the person's */
		if (reason && strcasestr(reason, "Network Blocked"))
			return "blocked";
		return "declined";
	case 607:
		return "declined";
	case 608:
		return "blocked";
	case 0:
	case 500:
	case 502:
	case 503:
	case 504:
		return "congestion";
	case 487:
		return "cancelled";
	default:
		return scode >= 300 && scode < 400 ? "redirected" : "failed";
	}
}

const char *cdr_disposition_sit(const char *name)
{
	if (!strcmp(name, "sit_intercept") || !strcmp(name, "sit_vacant"))
		return "invalid";
	if (!strcmp(name, "sit_reorder") || !strcmp(name, "sit_no_circuit"))
		return "congestion";
	return NULL;
}

bool cdr_reroutes(uint16_t scode)
{
	return scode == 0 || scode == 500 || (scode >= 502 && scode <= 504);
}
