/* sip_text.c -- as much SIP as the load needs */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "bench/sip_text.h"

#define VIEW(v) (int)(v).n, (v).p

bool view_is(const struct view *view, const char *text)
{
	return view->n == strlen(text) && !memcmp(view->p, text, view->n);
}

/* ---- reading -------------------------------------------------------- */

static struct view trimmed(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return (struct view){p, (size_t)(end - p)};
}

static void read_header(struct sip_text *sip, const char *line, const char *end)
{
	const struct {
		const char *name, *compact;
		struct view *view;
	} headers[] = {
		{"Via", "v", &sip->via},
		{"From", "f", &sip->from},
		{"To", "t", &sip->to},
		{"Call-ID", "i", &sip->call_id},
		{"Contact", "m", &sip->contact},
		{"CSeq", "CSeq", &sip->cseq_number},
	};
	const char *colon = memchr(line, ':', (size_t)(end - line));
	struct view name;

	if (!colon)
		return;
	name = trimmed(line, colon);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		if (headers[i].view->p)
			continue;
		if ((name.n == strlen(headers[i].name) &&
		     !strncasecmp(name.p, headers[i].name, name.n)) ||
		    view_is(&name, headers[i].compact))
			*headers[i].view = trimmed(colon + 1, end);
	}
}

static bool split_cseq(struct sip_text *sip)
{
	struct view *v = &sip->cseq_number;
	const char *space = v->p ? memchr(v->p, ' ', v->n) : NULL;

	if (!space)
		return false;
	sip->method = trimmed(space, v->p + v->n);
	v->n = (size_t)(space - v->p);
	return true;
}

bool sip_read(struct sip_text *sip, const char *text, size_t len)
{
	const char *end = text + len, *line = text, *eol;

	memset(sip, 0, sizeof(*sip));
	if (len > 12 && !memcmp(text, "SIP/2.0 ", 8))
		sip->status = atoi(text + 8);
	while ((eol = memchr(line, '\n', (size_t)(end - line)))) {
		const char *stop =
			eol > line && eol[-1] == '\r' ? eol - 1 : eol;

		if (stop == line) {
			sip->body =
				(struct view){eol + 1, (size_t)(end - eol - 1)};
			break;
		}
		if (line != text)
			read_header(sip, line, stop);
		line = eol + 1;
	}
	return sip->via.p && sip->from.p && sip->to.p && sip->call_id.p &&
	       split_cseq(sip);
}

struct view tag_of(const struct view *header)
{
	const char *end = header->p + header->n;
	/* Behind the URI: a parameter within <> is none of the header's. */
	const char *p = memchr(header->p, '>', header->n);
	struct view tag = {end, 0};

	p = p ? memmem(p, (size_t)(end - p), ";tag=", 5) : NULL;
	if (!p)
		return tag;
	tag.p = p + 5;
	while (tag.p + tag.n < end && tag.p[tag.n] != ';')
		tag.n++;
	return tag;
}

uint16_t sdp_audio_port(const struct sip_text *sip)
{
	const char *p = sip->body.p;

	p = p ? memmem(p, sip->body.n, "m=audio ", 8) : NULL;
	return p ? (uint16_t)atoi(p + 8) : 0;
}

/* ---- writing -------------------------------------------------------- */

struct writer {
	char *out;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *w,
						      const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(w->out + w->len, BATCH_BYTES - w->len, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= BATCH_BYTES - w->len)
		die("a SIP message is too long");
	w->len += (size_t)n;
}

static const char *host_of(const struct sockaddr_in *addr,
			   char host[INET_ADDRSTRLEN])
{
	return inet_ntop(AF_INET, &addr->sin_addr, host, INET_ADDRSTRLEN);
}

static void put_body(struct writer *w, const struct sip_self *self, bool sdp)
{
	char host[INET_ADDRSTRLEN], body[400];

	if (!sdp) {
		put(w, "Content-Length: 0\r\n\r\n");
		return;
	}
	(void)host_of(&self->audio, host);
	snprintf(body, sizeof(body),
		 "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
		 "m=audio %u RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n"
		 "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
		 "a=ptime:20\r\n",
		 host, host, ntohs(self->audio.sin_port));
	put(w, "Content-Type: application/sdp\r\nContent-Length: %zu\r\n\r\n%s",
	    strlen(body), body);
}

static void put_via(struct writer *w, const struct sip_self *self,
		    const char *id, const char *method)
{
	char host[INET_ADDRSTRLEN];

	put(w,
	    "Via: SIP/2.0/UDP %s:%u;branch=z9hG4bK%s%s\r\n"
	    "Max-Forwards: 70\r\n",
	    host_of(&self->sip, host), ntohs(self->sip.sin_port), id, method);
}

size_t write_invite(uint8_t *out, const struct sip_self *self,
		    const struct sockaddr_in *to, const char *id)
{
	struct writer w = {.out = (char *)out};
	char host[INET_ADDRSTRLEN], us[INET_ADDRSTRLEN];

	(void)host_of(to, host);
	(void)host_of(&self->sip, us);
	put(&w, "INVITE sip:bench@%s:%u SIP/2.0\r\n", host,
	    ntohs(to->sin_port));
	put_via(&w, self, id, "i");
	put(&w,
	    "From: \"Load\" <sip:load@%s:%u>;tag=%s\r\n"
	    "To: <sip:bench@%s:%u>\r\nCall-ID: %s@%s\r\nCSeq: 1 INVITE\r\n"
	    "Contact: <sip:load@%s:%u>\r\nUser-Agent: bench\r\n"
	    "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n",
	    us, ntohs(self->sip.sin_port), id, host, ntohs(to->sin_port), id,
	    us, us, ntohs(self->sip.sin_port));
	put_body(&w, self, true);
	return w.len;
}

/* The URI in a Contact or To. */
static struct view uri_of(const struct view *header)
{
	const char *open = memchr(header->p, '<', header->n);
	const char *close = memchr(header->p, '>', header->n);

	if (!open || !close || close < open)
		return *header;
	return (struct view){open + 1, (size_t)(close - open - 1)};
}

size_t write_ack(uint8_t *out, const struct sip_self *self,
		 const struct sip_text *r)
{
	struct writer w = {.out = (char *)out};
	bool ok = r->status < 300 && r->contact.p;
	struct view uri = uri_of(ok ? &r->contact : &r->to);
	struct view tag = tag_of(&r->from);

	put(&w, "ACK %.*s SIP/2.0\r\n", VIEW(uri));
	/* A refusal's ACK belongs to the INVITE's transaction (17.1.1.3). */
	if (ok) {
		char id[80];

		snprintf(id, sizeof(id), "%.*s", VIEW(tag));
		put_via(&w, self, id, "a");
	} else {
		put(&w, "Via: %.*s\r\nMax-Forwards: 70\r\n", VIEW(r->via));
	}
	put(&w, "From: %.*s\r\nTo: %.*s\r\nCall-ID: %.*s\r\nCSeq: %.*s ACK\r\n",
	    VIEW(r->from), VIEW(r->to), VIEW(r->call_id), VIEW(r->cseq_number));
	put_body(&w, self, false);
	return w.len;
}

size_t write_bye(uint8_t *out, const struct sip_self *self, const char *id,
		 const char *contact, const char *from, const char *to,
		 const char *call_id, unsigned cseq)
{
	struct writer w = {.out = (char *)out};

	put(&w, "BYE %s SIP/2.0\r\n", contact);
	put_via(&w, self, id, "b");
	put(&w, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %u BYE\r\n", from,
	    to, call_id, cseq);
	put_body(&w, self, false);
	return w.len;
}

size_t write_response(uint8_t *out, const struct sip_self *self,
		      const struct sip_text *r, const char *status,
		      const char *to_tag, bool sdp)
{
	struct writer w = {.out = (char *)out};
	char host[INET_ADDRSTRLEN];

	put(&w, "SIP/2.0 %s\r\nVia: %.*s\r\nFrom: %.*s\r\nTo: %.*s", status,
	    VIEW(r->via), VIEW(r->from), VIEW(r->to));
	if (to_tag && !tag_of(&r->to).n)
		put(&w, ";tag=%s", to_tag);
	put(&w, "\r\nCall-ID: %.*s\r\nCSeq: %.*s %.*s\r\n", VIEW(r->call_id),
	    VIEW(r->cseq_number), VIEW(r->method));
	if (sdp)
		put(&w, "Contact: <sip:load@%s:%u>\r\n",
		    host_of(&self->sip, host), ntohs(self->sip.sin_port));
	put_body(&w, self, sdp);
	return w.len;
}
