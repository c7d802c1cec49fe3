/* peek.c -- a datagram's outline, read before anything is parsed */
#include <string.h>
#include <strings.h>
#include "sip/peek.h"

#define SIP_VERSION "SIP/2.0"

enum { PARAM_VALUE = 64 };

/* The names that we look for, long and compact (RFC 3261 7.3.3). */
enum header { VIA, FROM, TO, CALL_ID, CSEQ, HEADERS };

static const struct {
	const char *name;
	size_t len;
	char compact;
} names[HEADERS] = {
	[VIA] = {"via", 3, 'v'}, [FROM] = {"from", 4, 'f'},
	[TO] = {"to", 2, 't'},	 [CALL_ID] = {"call-id", 7, 'i'},
	[CSEQ] = {"cseq", 4, 0},
};

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The same, or of a line end that a folded line has inside. */
static bool space(char c)
{
	return blank(c) || c == '\r' || c == '\n';
}

/* One header line with the lines folded into it, without its line end.
 * False at the end of the headers. */
static bool next_line(struct pl *rest, struct pl *line)
{
	const char *end;

	*line = *rest;
	do {
		end = rest->l ? memchr(rest->p, '\n', rest->l) : NULL;
		pl_advance(rest, end ? end + 1 - rest->p : (ssize_t)rest->l);
	} while (end && rest->l && blank(*rest->p));
	line->l = (size_t)((end ? end : rest->p) - line->p);
	if (line->l && line->p[line->l - 1] == '\r')
		line->l--;
	return line->l > 0;
}

/* Which of NAMES a line begins with, and its value; HEADERS: another. */
static enum header split(const struct pl *line, struct pl *value)
{
	const char *colon = memchr(line->p, ':', line->l);
	size_t len = colon ? (size_t)(colon - line->p) : 0;

	while (len && blank(line->p[len - 1]))
		len--;
	if (!len || len > 7)
		return HEADERS;
	for (enum header h = VIA; h < HEADERS; h++) {
		if (len == 1 ? (line->p[0] | 0x20) != names[h].compact
			     : len != names[h].len ||
				       strncasecmp(line->p, names[h].name,
						   len) != 0)
			continue;
		value->p = colon + 1;
		value->l = (size_t)(line->p + line->l - value->p);
		while (value->l && space(*value->p))
			pl_advance(value, 1);
		while (value->l && space(value->p[value->l - 1]))
			value->l--;
		return h;
	}
	return HEADERS;
}

/* A parameter of a value: true when it is there; its value may be empty. */
static bool param(const struct pl *value, const char *name, struct pl *out)
{
	const size_t len = strlen(name);
	struct pl rest = *value;

	for (;;) {
		const char *semi = memchr(rest.p, ';', rest.l);

		if (!semi)
			return false;
		pl_advance(&rest, semi + 1 - rest.p);
		while (rest.l && space(*rest.p))
			pl_advance(&rest, 1);
		if (rest.l < len || strncasecmp(rest.p, name, len) != 0)
			continue;
		out->p = rest.p + len;
		out->l = 0;
		if (rest.l > len && *out->p == '=') {
			out->p++;
			out->l = rest.l - len - 1;
			for (size_t i = 0; i < out->l; i++) {
				if (strchr(";, \t\r\n>\"", out->p[i])) {
					out->l = i;
					break;
				}
			}
			return true;
		}
		if (rest.l == len || strchr(";, \t\r\n", *out->p))
			return true;
	}
}

static enum peek_kind request_kind(const struct pl *line)
{
	const size_t version = sizeof(SIP_VERSION) - 1;
	const char *end = memchr(line->p, ' ', line->l);
	struct pl method = {.p = line->p};

	if (!end || line->l <= version + 1 ||
	    memcmp(line->p + line->l - version - 1, " " SIP_VERSION,
		   version + 1) != 0)
		return PEEK_OTHER;
	method.l = (size_t)(end - line->p);
	if (!pl_strcmp(&method, "INVITE"))
		return PEEK_INVITE;
	if (!pl_strcmp(&method, "ACK"))
		return PEEK_ACK;
	if (!pl_strcmp(&method, "CANCEL"))
		return PEEK_CANCEL;
	return PEEK_REQUEST;
}

void peek_read(struct peek *peek, const char *p, size_t len)
{
	struct pl rest = {.p = p, .l = len}, line, value;

	memset(peek, 0, sizeof(*peek));
	peek->kind = PEEK_OTHER;
	if (len <= 4) {
		peek->kind = PEEK_KEEPALIVE;
		return;
	}
	if ((unsigned char)p[0] < 4) {
		peek->kind = PEEK_STUN;
		return;
	}
	if (len > 8 && !memcmp(p, SIP_VERSION " ", 8)) {
		peek->kind = PEEK_RESPONSE;
		return;
	}
	if (!next_line(&rest, &line))
		return;
	peek->kind = request_kind(&line);
	if (peek->kind == PEEK_OTHER)
		return;
	peek->head.p = rest.p;
	while (next_line(&rest, &line)) {
		switch (split(&line, &value)) {
		case VIA:
			if (!peek->via.p)
				peek->via = value;
			break;
		case TO:
			(void)param(&value, "tag", &peek->to_tag);
			break;
		case CALL_ID:
			peek->call_id = value;
			break;
		default:
			break;
		}
	}
	peek->head.l = (size_t)(rest.p - peek->head.p);
	if (pl_isset(&peek->to_tag) &&
	    (peek->kind == PEEK_INVITE || peek->kind == PEEK_REQUEST))
		peek->kind = PEEK_WITHIN;
}

/* The sent-by of a Via: its port, 5060 when it names none. */
static bool sent_by_port(const struct pl *via, uint16_t *port)
{
	const char *before = memchr(via->p, ' ', via->l), *end, *colon;
	struct pl host, digits;
	uint32_t n;

	if (!before)
		return false;
	host.p = before + 1;
	host.l = (size_t)(via->p + via->l - host.p);
	end = memchr(host.p, ';', host.l);
	if (end)
		host.l = (size_t)(end - host.p);
	end = host.l && *host.p == '[' ? memchr(host.p, ']', host.l) : host.p;
	if (!end)
		return false;
	colon = memchr(end, ':', (size_t)(host.p + host.l - end));
	*port = SIP_PORT;
	if (!colon)
		return true;
	digits.p = colon + 1;
	digits.l = (size_t)(host.p + host.l - digits.p);
	while (digits.l && blank(digits.p[digits.l - 1]))
		digits.l--;
	if (!digits.l || digits.l > 5)
		return false;
	n = pl_u32(&digits);
	*port = (uint16_t)n;
	return n > 0 && n < 65536;
}

bool peek_reply_addr(const struct peek *peek, const struct sa *src,
		     struct sa *dst)
{
	struct pl value;
	uint16_t port;

	*dst = *src;
	if (!peek->via.p || param(&peek->via, "maddr", &value))
		return false;
	if (param(&peek->via, "rport", &value))
		return true;
	if (!sent_by_port(&peek->via, &port))
		return false;
	sa_set_port(dst, port);
	return true;
}

/* --- writing */

struct out {
	char *p;
	size_t len, size;
};

static void put(struct out *out, const char *p, size_t len)
{
	if (out->len + len <= out->size)
		memcpy(out->p + out->len, p, len);
	out->len += len;
}

static void put_str(struct out *out, const char *s)
{
	put(out, s, strlen(s));
}

/* The topmost Via says where we saw the request come from (RFC 3261 18.2.1,
 * RFC 3581 4). A line may hold further Vias behind a comma. */
static void put_via(struct out *out, const struct pl *via, const struct sa *src)
{
	const char *comma = memchr(via->p, ',', via->l);
	struct pl top = *via, rport;
	char text[PARAM_VALUE];

	if (comma)
		top.l = (size_t)(comma - via->p);
	put_str(out, "Via: ");
	if (param(&top, "rport", &rport) && !rport.l) {
		put(out, top.p, (size_t)(rport.p - top.p));
		(void)re_snprintf(text, sizeof(text), "=%u", sa_port(src));
		put_str(out, text);
		put(out, rport.p, (size_t)(top.p + top.l - rport.p));
	} else {
		put(out, top.p, top.l);
	}
	(void)re_snprintf(text, sizeof(text), ";received=%j", src);
	put_str(out, text);
	put(out, top.p + top.l, via->l - top.l);
	put_str(out, "\r\n");
}

static void put_line(struct out *out, const char *name, const struct pl *value,
		     const char *tag)
{
	put_str(out, name);
	put_str(out, ": ");
	put(out, value->p, value->l);
	if (tag) {
		put_str(out, ";tag=");
		put_str(out, tag);
	}
	put_str(out, "\r\n");
}

size_t peek_reply(const struct peek *peek, const struct sa *src, char *text,
		  size_t size, const char *status, const char *tag,
		  const char *headers)
{
	struct out out = {.size = size};
	struct pl rest = peek->head, line, value;
	unsigned seen[HEADERS] = {0};

	out.p = text;
	put_str(&out, SIP_VERSION " ");
	put_str(&out, status);
	put_str(&out, "\r\n");
	while (next_line(&rest, &line)) {
		const enum header h = split(&line, &value);

		switch (h) {
		case VIA:
			if (seen[h])
				put_line(&out, "Via", &value, NULL);
			else
				put_via(&out, &value, src);
			break;
		case FROM:
			put_line(&out, "From", &value, NULL);
			break;
		case TO:
			put_line(&out, "To", &value,
				 pl_isset(&peek->to_tag) ? NULL : tag);
			break;
		case CALL_ID:
			put_line(&out, "Call-ID", &value, NULL);
			break;
		case CSEQ:
			put_line(&out, "CSeq", &value, NULL);
			break;
		default:
			continue;
		}
		seen[h]++;
	}
	put_str(&out, headers);
	put_str(&out, "Content-Length: 0\r\n\r\n");
	if (!seen[VIA] || seen[FROM] != 1 || seen[TO] != 1 ||
	    seen[CALL_ID] != 1 || seen[CSEQ] != 1 || out.len > size)
		return 0;
	return out.len;
}
