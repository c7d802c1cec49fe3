/* sanity.c -- what a message must have before anything else looks at it */
#include <string.h>
#include "sip/sanity.h"

enum {
	CSEQ_DIGITS = 10,
	MAX_FORWARDS_MAX = 255,
};

/* Leading zeros mean nothing, however many (RFC 4475 3.1.1.1). */
static bool number(uint64_t *value, const struct pl *pl, size_t digits_max)
{
	uint64_t n = 0;
	size_t zeros = 0;

	if (!pl_isset(pl))
		return false;
	while (zeros + 1 < pl->l && pl->p[zeros] == '0')
		zeros++;
	if (pl->l - zeros > digits_max)
		return false;
	for (size_t i = zeros; i < pl->l; i++) {
		if (pl->p[i] < '0' || pl->p[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(pl->p[i] - '0');
	}
	*value = n;
	return true;
}

/* libre takes the digits that it finds anywhere and lets them wrap round. */
static bool cseq_ok(const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_CSEQ);
	struct pl digits;
	uint64_t value;

	if (!hdr || !pl_isset(&msg->cseq.met))
		return false;
	digits = hdr->val;
	for (digits.l = 0; digits.l < hdr->val.l; digits.l++) {
		if (strchr(" \t\r\n", digits.p[digits.l]))
			break;
	}
	return number(&value, &digits, CSEQ_DIGITS) &&
	       value < UINT64_C(1) << 31; /* RFC 3261 8.1.1.5 */
}

/* The headers that tell one dialog and transaction from another occur once:
 * two of them would let two readers see two different messages. */
static bool once(const struct sip_msg *msg)
{
	static const enum sip_hdrid ids[] = {
		SIP_HDR_FROM,	      SIP_HDR_TO,
		SIP_HDR_CALL_ID,      SIP_HDR_CSEQ,
		SIP_HDR_MAX_FORWARDS, SIP_HDR_CONTENT_LENGTH,
		SIP_HDR_CONTENT_TYPE,
	};

	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		if (sip_msg_hdr_count(msg, ids[i]) > 1)
			return false;
	}
	return true;
}

/* Cut the body to its length; false when it is shorter (RFC 3261 18.3). */
static bool length_ok(const struct sip_msg *msg)
{
	uint64_t length;

	if (!msg->clen.p)
		return true;
	if (!number(&length, &msg->clen, 9) || length > mbuf_get_left(msg->mb))
		return false;
	msg->mb->end = msg->mb->pos + (size_t)length;
	return true;
}

static const char *identity_fault(const struct sip_msg *msg)
{
	if (!pl_isset(&msg->via.sentby) || !pl_isset(&msg->via.branch))
		return "Missing Via";
	if (!pl_isset(&msg->from.auri))
		return "Missing From";
	if (!pl_isset(&msg->to.auri))
		return "Missing To";
	if (!pl_isset(&msg->callid))
		return "Missing Call-ID";
	if (!pl_isset(&msg->cseq.met))
		return "Missing CSeq";
	return NULL;
}

uint16_t sanity_request(const struct sip_msg *msg, const char **reason)
{
	uint64_t hops;

	*reason = identity_fault(msg);
	if (*reason)
		return 400;
	if (!cseq_ok(msg))
		*reason = "Invalid CSeq";
	else if (pl_cmp(&msg->cseq.met, &msg->met))
		*reason = "CSeq Method Does Not Match";
	else if (!once(msg))
		*reason = "Repeated Header";
	else if (!pl_isset(&msg->from.tag))
		*reason = "Missing From Tag";
	else if (!pl_isset(&msg->maxfwd))
		*reason = "Missing Max-Forwards";
	else if (!number(&hops, &msg->maxfwd, 3) || hops > MAX_FORWARDS_MAX)
		*reason = "Invalid Max-Forwards";
	else if (!length_ok(msg))
		*reason = "Content-Length Does Not Match";
	if (*reason)
		return 400;

	if (pl_strcasecmp(&msg->uri.scheme, "sip") &&
	    pl_strcasecmp(&msg->uri.scheme, "sips") &&
	    pl_strcasecmp(&msg->uri.scheme, "tel")) {
		*reason = "Unsupported URI Scheme";
		return 416;
	}
	if (!hops) {
		*reason = "Too Many Hops";
		return 483;
	}
	return 0;
}

bool sanity_response(const struct sip_msg *msg)
{
	return !identity_fault(msg) && cseq_ok(msg) && once(msg) &&
	       length_ok(msg) && msg->scode >= 100 && msg->scode < 700;
}
