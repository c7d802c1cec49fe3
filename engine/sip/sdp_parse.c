/* sdp_parse.c -- reading a session description */
#include <string.h>
#include "sip/sdp_parse.h"

/* What stands before the first media line and holds for all. */
struct session_part {
	struct sa addr;
	enum sdp_dir dir;
	uint32_t ptime_ms, maxptime_ms;
};

/* Payload numbers that need no rtpmap (RFC 3551 6), as far as anybody uses
 * them for speech. */
static const struct {
	uint8_t pt;
	const char *name;
} static_pts[] = {
	{0, "PCMU"}, {3, "GSM"}, {8, "PCMA"}, {9, "G722"}, {18, "G729"},
};

/* The next line of REST without its end; false when there is none left. */
static bool next_line(struct pl *rest, struct pl *line)
{
	const char *end;

	if (!rest->l)
		return false;
	end = memchr(rest->p, '\n', rest->l);
	line->p = rest->p;
	line->l = end ? (size_t)(end - rest->p) : rest->l;
	pl_advance(rest, (ssize_t)(end ? line->l + 1 : line->l));
	while (line->l && line->p[line->l - 1] == '\r')
		line->l--;
	return true;
}

/* The next word of REST, between blanks; empty when there is none left. */
static struct pl next_word(struct pl *rest)
{
	struct pl word;

	while (rest->l && (*rest->p == ' ' || *rest->p == '\t'))
		pl_advance(rest, 1);
	word.p = rest->p;
	word.l = 0;
	while (rest->l && *rest->p != ' ' && *rest->p != '\t') {
		pl_advance(rest, 1);
		word.l++;
	}
	return word;
}

/* Take what precedes the first C from REST, and C itself. */
static struct pl cut(struct pl *rest, char c)
{
	const char *end = rest->l ? memchr(rest->p, c, rest->l) : NULL;
	struct pl head = *rest;

	if (!end) {
		rest->l = 0;
		return head;
	}
	head.l = (size_t)(end - rest->p);
	pl_advance(rest, (ssize_t)head.l + 1);
	return head;
}

/* All of WORD as a number up to MAX. */
static bool number(uint32_t *value, const struct pl *word, uint32_t max)
{
	uint64_t n = 0;

	if (!word->l)
		return false;
	for (size_t i = 0; i < word->l; i++) {
		if (word->p[i] < '0' || word->p[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(word->p[i] - '0');
		if (n > max)
			return false;
	}
	*value = (uint32_t)n;
	return true;
}

/* "IN IP4 192.0.2.1[/ttl]". False: not of that form. An address that can't be
 * read (a domain name) leaves ADDR unset. */
static bool parse_conn(struct sa *addr, struct pl val)
{
	struct pl nettype = next_word(&val);
	struct pl addrtype = next_word(&val);
	struct pl text = next_word(&val);
	struct pl host = cut(&text, '/');

	if (pl_strcasecmp(&nettype, "IN") ||
	    (pl_strcasecmp(&addrtype, "IP4") &&
	     pl_strcasecmp(&addrtype, "IP6")) ||
	    !host.l)
		return false;
	if (sa_set(addr, &host, 0))
		sa_init(addr, AF_UNSPEC);
	return true;
}

/* What is refused is written back in the answer: no CR may be in it. */
static bool has_control(const struct pl *val)
{
	for (size_t i = 0; i < val->l; i++) {
		const unsigned char c = (unsigned char)val->p[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return true;
	}
	return false;
}

static bool parse_media(struct sdp_line *line, struct pl val)
{
	struct pl ports;
	uint32_t port;

	if (has_control(&val))
		return false;
	line->media = next_word(&val);
	ports = next_word(&val);
	line->proto = next_word(&val);
	line->formats = val;
	if (!line->media.l || !line->proto.l || !next_word(&val).l)
		return false;
	/* "49170/2": so many ports from there on; the first is enough. */
	ports = cut(&ports, '/');
	if (!number(&port, &ports, UINT16_MAX))
		return false;
	line->port = (uint16_t)port;
	return true;
}

static bool parse_dir(enum sdp_dir *dir, const struct pl *name)
{
	if (!pl_strcasecmp(name, "sendrecv"))
		*dir = SDP_SENDRECV;
	else if (!pl_strcasecmp(name, "sendonly"))
		*dir = SDP_SENDONLY;
	else if (!pl_strcasecmp(name, "recvonly"))
		*dir = SDP_RECVONLY;
	else if (!pl_strcasecmp(name, "inactive"))
		*dir = SDP_INACTIVE;
	else
		return false;
	return true;
}

/* "20", also "20.0" as some write it. What can't be read is as if not said. */
static void parse_ms(uint32_t *ms, struct pl val)
{
	struct pl word = next_word(&val);
	struct pl whole = cut(&word, '.');

	(void)number(ms, &whole, 100000);
}

/* "53020 [IN IP4 192.0.2.1]" */
static void parse_rtcp(struct sdp_line *line, struct pl val)
{
	struct pl word = next_word(&val);
	uint32_t port;
	struct sa addr;

	if (!number(&port, &word, UINT16_MAX))
		return;
	line->rtcp_port = (uint16_t)port;
	if (parse_conn(&addr, val))
		line->rtcp_addr = addr;
}

/* Of a media line, or of the session when LINE is NULL. */
static void parse_attr(struct session_part *session, struct sdp_line *line,
		       struct pl val)
{
	struct pl name = cut(&val, ':');

	if (parse_dir(line ? &line->dir : &session->dir, &name))
		return;
	if (!pl_strcasecmp(&name, "ptime"))
		parse_ms(line ? &line->ptime_ms : &session->ptime_ms, val);
	else if (!pl_strcasecmp(&name, "maxptime"))
		parse_ms(line ? &line->maxptime_ms : &session->maxptime_ms,
			 val);
	else if (line && !pl_strcasecmp(&name, "rtcp"))
		parse_rtcp(line, val);
}

static struct sdp_line *add_line(struct sdp_text *text,
				 const struct session_part *session,
				 struct pl val, const struct pl *rest)
{
	struct sdp_line *line = &text->lines[text->count];

	if (text->count == SDP_LINES_MAX)
		return NULL;
	memset(line, 0, sizeof(*line));
	if (!parse_media(line, val))
		return NULL;
	line->attrs.p = rest->p;
	line->addr = session->addr;
	line->dir = session->dir;
	line->ptime_ms = session->ptime_ms;
	line->maxptime_ms = session->maxptime_ms;
	sa_init(&line->rtcp_addr, AF_UNSPEC);
	text->count++;
	return line;
}

int sdp_parse(struct sdp_text *text, const struct mbuf *mb)
{
	struct session_part session = {.dir = SDP_SENDRECV};
	struct sdp_line *line = NULL;
	struct pl rest, one;
	bool versioned = false;

	text->count = 0;
	sa_init(&session.addr, AF_UNSPEC);
	rest.p = (const char *)mbuf_buf(mb);
	rest.l = mbuf_get_left(mb);
	if (!rest.l || memchr(rest.p, '\0', rest.l))
		return EBADMSG;

	while (next_line(&rest, &one)) {
		struct pl val = one;

		if (!one.l)
			continue;
		if (one.l < 2 || one.p[1] != '=' || one.p[0] < 'a' ||
		    one.p[0] > 'z')
			return EBADMSG;
		pl_advance(&val, 2);
		/* v= comes first, and only 0 is known (RFC 4566 5.1). */
		if (!versioned) {
			struct pl version = next_word(&val);

			if (one.p[0] != 'v' || pl_strcmp(&version, "0"))
				return EBADMSG;
			versioned = true;
			continue;
		}
		switch (one.p[0]) {
		case 'c':
			if (!parse_conn(line ? &line->addr : &session.addr,
					val))
				return EBADMSG;
			break;
		case 'a':
			parse_attr(&session, line, val);
			break;
		case 'm':
			line = add_line(text, &session, val, &rest);
			if (!line)
				return EBADMSG;
			break;
		default:
			break;
		}
		if (line)
			line->attrs.l = (size_t)(rest.p - line->attrs.p);
	}
	return versioned ? 0 : EBADMSG;
}

/* "101 telephone-event/8000[/1]" */
static void parse_rtpmap(struct sdp_pt table[SDP_PT_COUNT], struct pl val)
{
	struct pl word = next_word(&val);
	struct pl rest = next_word(&val);
	struct pl name = cut(&rest, '/');
	struct pl rate = cut(&rest, '/');
	struct pl channels = rest;
	uint32_t pt, srate, count = 1;

	if (!number(&pt, &word, SDP_PT_COUNT - 1) || !table[pt].listed ||
	    !name.l || !number(&srate, &rate, 1000000))
		return;
	if (channels.l && !number(&count, &channels, UINT8_MAX))
		return;
	table[pt].name = name;
	table[pt].srate = srate;
	table[pt].channels = (uint8_t)count;
}

size_t sdp_line_formats(const struct sdp_line *line,
			struct sdp_pt table[SDP_PT_COUNT],
			uint8_t order[SDP_PT_COUNT])
{
	struct pl rest = line->formats, attrs = line->attrs, one;
	size_t count = 0;

	memset(table, 0, SDP_PT_COUNT * sizeof(*table));
	while (rest.l) {
		struct pl word = next_word(&rest);
		uint32_t pt;

		if (!number(&pt, &word, SDP_PT_COUNT - 1) || table[pt].listed)
			continue;
		table[pt].listed = true;
		order[count++] = (uint8_t)pt;
	}
	for (size_t i = 0; i < sizeof(static_pts) / sizeof(static_pts[0]);
	     i++) {
		struct sdp_pt *entry = &table[static_pts[i].pt];

		pl_set_str(&entry->name, static_pts[i].name);
		entry->srate = 8000;
		entry->channels = 1;
	}
	while (next_line(&attrs, &one)) {
		struct pl val = one, name;

		if (one.l < 2 || one.p[0] != 'a')
			continue;
		pl_advance(&val, 2);
		name = cut(&val, ':');
		if (!pl_strcasecmp(&name, "rtpmap"))
			parse_rtpmap(table, val);
	}
	return count;
}
