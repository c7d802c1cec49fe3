/* header.c -- header fields: checked before they are sent, Reason */
#include <string.h>
#include "sip/header.h"

/* Written by the stack alone: a second one would contradict it, and most of
 * them may occur only once. With their compact forms. */
static const char *const reserved[] = {
	"Via",
	"v",
	"From",
	"f",
	"To",
	"t",
	"Call-ID",
	"i",
	"CSeq",
	"Max-Forwards",
	"Contact",
	"m",
	"Content-Length",
	"l",
	"Content-Type",
	"c",
	"Route",
	"Record-Route",
	"Authorization",
	"Proxy-Authorization",
	"Allow",
	"Content-Encoding",
	"e",
	"Require",
	"Proxy-Require",
};

static bool is_token(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("-.!%*_+`'~", c));
}

static bool is_control(char c)
{
	return ((unsigned char)c < ' ' && c != '\t') || c == 0x7f;
}

static bool name_ok(const char *name, size_t len)
{
	struct pl pl = {.p = name, .l = len};

	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!is_token(name[i]))
			return false;
	}
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
		if (!pl_strcasecmp(&pl, reserved[i]))
			return false;
	}
	return true;
}

/* Contact is ours in a call, and the answer itself in a redirection. */
static bool line_ok(const char *line, size_t len, bool redirect)
{
	const char *colon = memchr(line, ':', len);
	struct pl name = {.p = line};

	if (!colon)
		return false;
	name.l = (size_t)(colon - line);
	if (!name_ok(name.p, name.l) &&
	    !(redirect && !pl_strcasecmp(&name, "Contact")))
		return false;
	for (const char *p = colon + 1; p < line + len; p++) {
		if (is_control(*p))
			return false;
	}
	return true;
}

static bool lines_ok(const char *text, bool redirect)
{
	while (text && *text) {
		const char *end = strstr(text, "\r\n");

		if (!end || !line_ok(text, (size_t)(end - text), redirect))
			return false;
		text = end + 2;
	}
	return true;
}

bool headers_ok(const char *text)
{
	return lines_ok(text, false);
}

bool redirect_headers_ok(const char *text)
{
	return lines_ok(text, true);
}

bool uri_ok(const char *text)
{
	struct uri uri;
	struct pl pl;

	if (!text || !*text)
		return false;
	for (const char *p = text; *p; p++) {
		if ((unsigned char)*p <= ' ' || *p == 0x7f ||
		    strchr("<>\"\\^`{|}", *p))
			return false;
	}
	pl_set_str(&pl, text);
	return !uri_decode(&uri, &pl) && pl_isset(&uri.host) &&
	       !pl_strcasecmp(&uri.scheme, "sip");
}

bool text_ok(const char *text)
{
	for (; text && *text; text++) {
		if (is_control(*text))
			return false;
	}
	return true;
}

char *quoted_dup(const char *text)
{
	char *quoted = mem_alloc(2 * strlen(text) + 1, NULL);
	char *p = quoted;

	if (!quoted)
		return NULL;
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			*p++ = '\\';
		*p++ = *text;
	}
	*p = '\0';
	return quoted;
}

/* A quoted string's or token's text, unescaped, controls left out. */
static void copy_text(char *out, size_t size, const struct pl *from)
{
	size_t n = 0;

	for (size_t i = 0; i < from->l && n + 1 < size; i++) {
		if (from->p[i] == '\\' && i + 1 < from->l)
			i++;
		if (!is_control(from->p[i]))
			out[n++] = from->p[i];
	}
	out[n] = '\0';
}

/* The text parameter; re_regex's quoted strings end at an escaped quote. */
static bool text_param(struct pl *text, const struct pl *params)
{
	static const char key[] = ";text=";
	const char *end = params->p + params->l;

	for (const char *p = params->p; p + sizeof(key) - 1 < end; p++) {
		struct pl at = {.p = p, .l = sizeof(key) - 1};

		if (pl_strcasecmp(&at, key))
			continue;
		p += sizeof(key) - 1;
		text->p = *p == '"' ? p + 1 : p;
		for (p = text->p; p < end; p++) {
			if (*p == '\\' && p + 1 < end)
				p++;
			else if (*p == '"' || (text->p[-1] != '"' && *p == ';'))
				break;
		}
		text->l = (size_t)(p - text->p);
		return true;
	}
	return false;
}

struct reading {
	struct reason *reason;
	bool any;
};

static bool read_reason(const struct sip_hdr *hdr, const struct sip_msg *msg,
			void *arg)
{
	struct reading *reading = arg;
	struct reason *reason = reading->reason;
	struct pl protocol = hdr->val, params, value, text;
	uint16_t cause = 0;
	bool q850;
	(void)msg;

	params.p = memchr(hdr->val.p, ';', hdr->val.l);
	if (!params.p)
		return false;
	protocol.l = (size_t)(params.p - protocol.p);
	params.l = hdr->val.l - protocol.l;
	while (protocol.l && protocol.p[protocol.l - 1] == ' ')
		protocol.l--;
	q850 = !pl_strcasecmp(&protocol, "Q.850");
	if (!q850 && pl_strcasecmp(&protocol, "SIP"))
		return false;
	if (!msg_param_decode(&params, "cause", &value)) {
		uint32_t number = pl_u32(&value);

		cause = number < 1000 ? (uint16_t)number : 0;
	}
	if (q850)
		reason->q850 = cause;
	else
		reason->sip = cause;
	if (text_param(&text, &params) && (q850 || !reason->text[0]))
		copy_text(reason->text, sizeof(reason->text), &text);
	reading->any = true;
	return false;
}

bool reason_decode(struct reason *reason, const struct sip_msg *msg)
{
	struct reading reading = {.reason = reason};

	memset(reason, 0, sizeof(*reason));
	if (msg)
		sip_msg_hdr_apply(msg, true, SIP_HDR_REASON, read_reason,
				  &reading);
	return reading.any;
}

int reason_print(struct re_printf *pf, const struct reason_out *reason)
{
	char *text;
	int err;

	if (!reason || !reason->q850)
		return 0;
	if (!reason->text || !*reason->text || !text_ok(reason->text))
		return re_hprintf(pf, "Reason: Q.850;cause=%u\r\n",
				  reason->q850);
	text = quoted_dup(reason->text);
	if (!text)
		return ENOMEM;
	err = re_hprintf(pf, "Reason: Q.850;cause=%u;text=\"%s\"\r\n",
			 reason->q850, text);
	mem_deref(text);
	return err;
}

uint32_t retry_after(const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_RETRY_AFTER);
	uint64_t seconds = 0;

	if (!hdr)
		return 0;
	for (size_t i = 0; i < hdr->val.l && hdr->val.p[i] >= '0' &&
			   hdr->val.p[i] <= '9' && seconds < UINT32_MAX;
	     i++)
		seconds = seconds * 10 + (uint64_t)(hdr->val.p[i] - '0');
	return seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}
