/* old_via.c -- a Via of RFC 2543, which has no branch */
#include <string.h>
#include <strings.h>
#include "sip/old_via.h"

#define MAGIC "z9hG4bK"

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Whether LINE begins with NAME and a colon; REST is what follows. */
static bool is_header(const struct pl *line, const char *name, struct pl *rest)
{
	const size_t len = strlen(name);
	size_t i = len;

	if (line->l <= len || strncasecmp(line->p, name, len) != 0)
		return false;
	while (i < line->l && blank(line->p[i]))
		i++;
	if (i == line->l || line->p[i] != ':')
		return false;
	rest->p = line->p + i + 1;
	rest->l = line->l - i - 1;
	return true;
}

/* The line at P, folded ones as one; its end without CRLF. */
static const char *next_line(const char *p, const char *end, struct pl *line)
{
	const char *eol;

	line->p = p;
	do {
		eol = memchr(p, '\n', (size_t)(end - p));
		p = eol ? eol + 1 : end;
	} while (eol && p < end && blank(*p));
	line->l = (size_t)((eol ? eol : end) - line->p);
	if (line->l && line->p[line->l - 1] == '\r')
		line->l--;
	return p;
}

static bool header_find(const struct mbuf *mb, const char *name,
			const char *compact, struct pl *value)
{
	const char *p = (const char *)mbuf_buf(mb);
	const char *end = p + mbuf_get_left(mb);
	struct pl line;

	while (p < end) {
		p = next_line(p, end, &line);
		if (!line.l)
			break; /* the body */
		if (is_header(&line, name, value) ||
		    (compact && is_header(&line, compact, value)))
			return true;
	}
	return false;
}

/* A parameter that is none: not from an old peer, but broken. */
static bool is_broken(const struct pl *via)
{
	return !via->l || via->p[via->l - 1] == ';' ||
	       memmem(via->p, via->l, ";;", 2);
}

static bool has_branch(const struct pl *via)
{
	struct pl branch;

	return !re_regex(via->p, via->l, ";[ \t\r\n]*branch[ \t\r\n]*=", NULL,
			 &branch);
}

static int insert(struct mbuf *mb, const char *at, const char *text, size_t len)
{
	const size_t pos = (size_t)(at - (const char *)mb->buf);
	int err = 0;

	if (mb->end + len > mb->size)
		err = mbuf_resize(mb, mb->end + len);
	if (err)
		return err;
	memmove(mb->buf + pos + len, mb->buf + pos, mb->end - pos);
	memcpy(mb->buf + pos, text, len);
	mb->end += len;
	return 0;
}

void old_via_complete(struct mbuf *mb)
{
	struct pl via, call_id, cseq;
	const char *comma;
	char text[40];
	int len;

	/* nearly all of them */
	if (memmem(mbuf_buf(mb), mbuf_get_left(mb), MAGIC, sizeof(MAGIC) - 1))
		return;
	if (!header_find(mb, "via", "v", &via) ||
	    !header_find(mb, "call-id", "i", &call_id) ||
	    !header_find(mb, "cseq", NULL, &cseq))
		return;
	comma = memchr(via.p, ',', via.l);
	if (comma)
		via.l = (size_t)(comma - via.p);
	if (is_broken(&via) || has_branch(&via))
		return;
	len = re_snprintf(text, sizeof(text), ";branch=rfc2543-%08x%08x",
			  hash_joaat_pl(&call_id) ^ pl_u32(&cseq),
			  hash_joaat_pl(&via));
	if (len > 0)
		(void)insert(mb, via.p + via.l, text, (size_t)len);
}
