#include "call/info_dtmf.h"

#include <ctype.h>
#include <string.h>

const char info_dtmf_ctype[] = "application/dtmf-relay";

static struct pl trim(const char *p, size_t n)
{
	struct pl pl = {.p = p, .l = n};

	while (pl.l && isspace((unsigned char)pl.p[0]))
		pl_advance(&pl, 1);
	while (pl.l && isspace((unsigned char)pl.p[pl.l - 1]))
		pl.l--;
	return pl;
}

/* A key as itself, or as its number of RFC 4733 (10: *, 11: #, 12: A). */
static int signal_digit(const struct pl *signal, char *digit)
{
	static const char keys[] = "0123456789*#ABCD";

	if (signal->l == 1) {
		const char c = (char)toupper((unsigned char)signal->p[0]);

		if (!c || !strchr(keys, c))
			return EBADMSG;
		*digit = c;
		return 0;
	}
	if (signal->l == 2 && signal->p[0] == '1' && signal->p[1] >= '0' &&
	    signal->p[1] <= '5') {
		*digit = keys[10 + signal->p[1] - '0'];
		return 0;
	}
	return EBADMSG;
}

static int parse_relay(const struct pl *body, char *digit,
		       uint32_t *duration_ms)
{
	const char *p = body->p, *end = body->p + body->l;
	uint32_t ms = INFO_DTMF_MS;
	int err = EBADMSG;

	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		const char *stop = eol ? eol : end;
		const char *eq = memchr(p, '=', (size_t)(stop - p));

		if (eq) {
			struct pl name = trim(p, (size_t)(eq - p));
			struct pl value = trim(eq + 1, (size_t)(stop - eq - 1));

			if (!pl_strcasecmp(&name, "Signal"))
				err = signal_digit(&value, digit);
			else if (!pl_strcasecmp(&name, "Duration") && value.l &&
				 value.l < 7 && pl_u32(&value))
				ms = pl_u32(&value);
		}
		p = stop + 1;
	}
	if (!err)
		*duration_ms = ms < INFO_DTMF_MS_MAX ? ms : INFO_DTMF_MS_MAX;
	return err;
}

int info_dtmf_parse(const struct pl *type, const struct pl *subtype,
		    const struct pl *body, char *digit, uint32_t *duration_ms)
{
	if (pl_strcasecmp(type, "application"))
		return ENOTSUP;
	if (!pl_strcasecmp(subtype, "dtmf-relay"))
		return parse_relay(body, digit, duration_ms);
	if (!pl_strcasecmp(subtype, "dtmf")) {
		struct pl signal = trim(body->p, body->l);

		/* some write the other type's body under this one */
		if (memchr(signal.p, '=', signal.l))
			return parse_relay(body, digit, duration_ms);
		if (signal_digit(&signal, digit))
			return EBADMSG;
		*duration_ms = INFO_DTMF_MS;
		return 0;
	}
	return ENOTSUP;
}

int info_dtmf_decode(const struct sip_msg *msg, char *digit,
		     uint32_t *duration_ms)
{
	struct pl body;

	pl_set_mbuf(&body, msg->mb);
	if (!body.p)
		body = (struct pl)PL("");
	return info_dtmf_parse(&msg->ctyp.type, &msg->ctyp.subtype, &body,
			       digit, duration_ms);
}

void info_dtmf_print(char out[INFO_DTMF_SIZE], char digit, uint32_t duration_ms)
{
	(void)re_snprintf(out, INFO_DTMF_SIZE, "Signal=%c\r\nDuration=%u\r\n",
			  digit, duration_ms);
}
