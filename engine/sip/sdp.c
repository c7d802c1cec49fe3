/* sdp.c -- offer and answer for one audio stream
 *
 * Ours rather than libre's, which loses the session's version, the order of
 * media lines and the direction once a line is refused, held by port 0 or
 * offered again (LIBRE.md), and which changes its state before it has seen
 * whether it can accept what came.
 */
#include <assert.h>
#include <string.h>
#include "sip/sdp.h"
#include "sip/sdp_parse.h"

enum {
	PT_DTMF = 101, /* the number that most devices use */
	PT_DYNAMIC_MIN = 96,
	PT_DYNAMIC_MAX = 127,
	DTMF_SRATE = 8000,
	PTIME_DEFAULT = 20,
	PTIME_MIN = 10,
	PTIME_MAX = 60,
};

/* What a payload number has been used for in this session: it never means
 * anything else later (RFC 3264 8.3.2). Codec i is OWNER_CODEC + i. */
enum { OWNER_NONE, OWNER_OTHER, OWNER_DTMF, OWNER_CODEC };

/* The media lines of the session, in the order that never changes: refused
 * ones as they are written, NULL where our audio line stands. */
struct slots {
	char **lines;
	size_t count, audio;
};

struct sdp {
	struct sa laddr;
	const struct sdp_codec *codecs;
	size_t codec_count;

	uint32_t id, version;
	char *written; /* the last description, after its o= line */

	uint8_t owners[SDP_PT_COUNT];
	uint8_t *pts; /* of each codec, as we write it */
	uint8_t pt_dtmf;
	struct slots slots;

	bool hold;  /* we have put the peer on hold */
	bool taken; /* `agreed` is set */
	struct sdp_agreed agreed;

	bool offered; /* our offer is the last one */
	enum sdp_dir offer_dir;
	bool offer_hold;

	bool answerable; /* an offer has come */
	enum sdp_dir answer_dir;
	bool answer_off; /* it disables the line: so does the answer */
};

static void slots_destructor(void *arg)
{
	struct slots *slots = arg;

	for (size_t i = 0; slots->lines && i < slots->count; i++)
		mem_deref(slots->lines[i]);
	mem_deref(slots->lines);
	memset(slots, 0, sizeof(*slots));
}

static void sdp_destructor(void *arg)
{
	struct sdp *sdp = arg;

	slots_destructor(&sdp->slots);
	mem_deref(sdp->written);
	mem_deref(sdp->pts);
}

int sdp_alloc(struct sdp **sp, const struct sa *laddr,
	      const struct sdp_codec *codecs, size_t codec_count)
{
	struct sdp *sdp;

	if (!sp || !laddr || !codecs || !codec_count ||
	    codec_count > UINT8_MAX - OWNER_CODEC)
		return EINVAL;
	for (size_t i = 0; i < codec_count; i++) {
		if (codecs[i].pt >= SDP_PT_COUNT)
			return EINVAL;
	}
	sdp = mem_zalloc(sizeof(*sdp), sdp_destructor);
	if (!sdp)
		return ENOMEM;
	sdp->pts = mem_zalloc(codec_count, NULL);
	if (!sdp->pts) {
		mem_deref(sdp);
		return ENOMEM;
	}
	sdp->laddr = *laddr;
	sdp->codecs = codecs;
	sdp->codec_count = codec_count;
	sdp->id = rand_u32() & 0x7fffffff;
	sdp->pt_dtmf = PT_DTMF;
	for (size_t i = 0; i < codec_count; i++) {
		sdp->pts[i] = codecs[i].pt;
		sdp->owners[codecs[i].pt] = (uint8_t)(OWNER_CODEC + i);
	}
	sdp->agreed.ptime_ms = PTIME_DEFAULT;
	*sp = sdp;
	return 0;
}

void sdp_set_laddr(struct sdp *sdp, const struct sa *laddr)
{
	sdp->laddr = *laddr;
}

const struct sdp_agreed *sdp_agreed(const struct sdp *sdp)
{
	return &sdp->agreed;
}

/* Bits of a direction, seen from the other end. */
static enum sdp_dir reverse(enum sdp_dir dir)
{
	return (enum sdp_dir)((dir & SDP_RECVONLY ? SDP_SENDONLY : 0) |
			      (dir & SDP_SENDONLY ? SDP_RECVONLY : 0));
}

/* What we want ourselves, seen from our end. */
static enum sdp_dir wanted(bool hold)
{
	return hold ? SDP_SENDONLY : SDP_SENDRECV;
}

static bool is_multicast(const struct sa *addr)
{
	uint8_t in6[16];

	if (sa_af(addr) == AF_INET)
		return sa_in(addr) >= 0xe0000000; /* and broadcast */
	sa_in6(addr, in6);
	return in6[0] == 0xff;
}

/* The index of a codec of ours, or -1. */
static int codec_of(const struct sdp *sdp, const struct sdp_pt *pt)
{
	for (size_t i = 0; i < sdp->codec_count; i++) {
		const struct sdp_codec *codec = &sdp->codecs[i];

		if (pl_isset(&pt->name) &&
		    !pl_strcasecmp(&pt->name, codec->name) &&
		    pt->srate == codec->srate &&
		    pt->channels == codec->channels)
			return (int)i;
	}
	return -1;
}

static bool is_dtmf(const struct sdp_pt *pt)
{
	return pl_isset(&pt->name) &&
	       !pl_strcasecmp(&pt->name, "telephone-event") &&
	       pt->srate == DTMF_SRATE;
}

static void format_add(struct sdp_agreed *agreed, uint8_t pt, size_t codec)
{
	if (agreed->format_count < SDP_FORMATS_MAX)
		agreed->formats[agreed->format_count++] =
			(struct sdp_rx_format){.pt = pt,
					       .codec = (uint8_t)codec};
}

/* What of LINE both sides know; false when no codec. */
static bool match_formats(const struct sdp *sdp, const struct sdp_line *line,
			  struct sdp_agreed *agreed)
{
	struct sdp_pt table[SDP_PT_COUNT];
	uint8_t order[SDP_PT_COUNT];
	const size_t count = sdp_line_formats(line, table, order);
	bool found = false;

	agreed->pt_dtmf_tx = agreed->pt_dtmf_rx = -1;
	for (size_t i = 0; i < count; i++) {
		const struct sdp_pt *pt = &table[order[i]];
		const int codec = codec_of(sdp, pt);

		if (codec >= 0)
			format_add(agreed, order[i], (size_t)codec);
		if (codec >= 0 && !found) {
			found = true;
			agreed->codec = (size_t)codec;
			agreed->pt_tx = agreed->pt_rx = order[i];
		} else if (agreed->pt_dtmf_tx < 0 && is_dtmf(pt)) {
			agreed->pt_dtmf_tx = agreed->pt_dtmf_rx = order[i];
		}
	}
	return found;
}

static uint16_t ptime_of(const struct sdp_line *line)
{
	uint32_t ms = line->ptime_ms ? line->ptime_ms : PTIME_DEFAULT;

	if (line->maxptime_ms && ms > line->maxptime_ms)
		ms = line->maxptime_ms;
	if (ms < PTIME_MIN)
		ms = PTIME_MIN;
	return (uint16_t)(ms > PTIME_MAX ? PTIME_MAX : ms);
}

static bool is_rtp_audio(const struct sdp_line *line)
{
	return !pl_strcasecmp(&line->media, "audio") &&
	       !pl_strcasecmp(&line->proto, "RTP/AVP");
}

/* Where to send to; both ports 0 when the peer doesn't listen. */
static void set_raddr(struct sdp_agreed *agreed, const struct sdp_line *line)
{
	agreed->raddr = line->addr;
	sa_set_port(&agreed->raddr, 0);
	agreed->raddr_rtcp = agreed->raddr;
	if (sa_is_any(&line->addr))
		return;
	sa_set_port(&agreed->raddr, line->port);
	if (sa_isset(&line->rtcp_addr, SA_ADDR) &&
	    sa_af(&line->rtcp_addr) == sa_af(&line->addr) &&
	    !is_multicast(&line->rtcp_addr))
		agreed->raddr_rtcp = line->rtcp_addr;
	/* After 65535 comes nothing. */
	sa_set_port(&agreed->raddr_rtcp, line->rtcp_port
						 ? line->rtcp_port
						 : (uint16_t)(line->port + 1));
}

/* How its sender means the direction of LINE: c=0.0.0.0 is RFC 2543's way of
 * saying that it doesn't listen (RFC 3264 8.4). */
static enum sdp_dir dir_of(const struct sdp_line *line)
{
	if (!line->port)
		return SDP_INACTIVE;
	if (sa_is_any(&line->addr))
		return (enum sdp_dir)(line->dir & SDP_SENDONLY);
	return line->dir;
}

/* Fill AGREED from the peer's LINE. MINE: what we say of the direction. False
 * when the line can't be used. */
static bool agree(const struct sdp *sdp, const struct sdp_line *line,
		  enum sdp_dir mine, struct sdp_agreed *agreed)
{
	const enum sdp_dir theirs = dir_of(line);

	if (!is_rtp_audio(line) || !line->port ||
	    sa_af(&line->addr) == AF_UNSPEC || is_multicast(&line->addr))
		return false;
	if (sa_af(&line->addr) != sa_af(&sdp->laddr) && !sa_is_any(&line->addr))
		return false;
	memset(agreed, 0, sizeof(*agreed));
	if (!match_formats(sdp, line, agreed))
		return false;
	set_raddr(agreed, line);
	agreed->ptime_ms = ptime_of(line);
	agreed->tx = (mine & SDP_SENDONLY) && (theirs & SDP_RECVONLY);
	agreed->rx = (mine & SDP_RECVONLY) && (theirs & SDP_SENDONLY);
	agreed->held = !(theirs & SDP_RECVONLY);
	return true;
}

/* Whether PT may stand for OWNER in what we write. */
static bool pt_fits(const struct sdp *sdp, uint8_t pt, unsigned owner)
{
	return sdp->owners[pt] == OWNER_NONE || sdp->owners[pt] == owner;
}

/* PT, or a free dynamic number when it already means something else; false
 * when all are taken. */
static bool pt_choose(struct sdp *sdp, uint8_t *pt, unsigned owner)
{
	for (uint8_t n = PT_DYNAMIC_MIN;
	     !pt_fits(sdp, *pt, owner) && n <= PT_DYNAMIC_MAX; n++) {
		if (sdp->owners[n] == OWNER_NONE)
			*pt = n;
	}
	if (!pt_fits(sdp, *pt, owner))
		return false;
	sdp->owners[*pt] = (uint8_t)owner;
	return true;
}

/* Remember what the peer's payload numbers mean. */
static void learn_pts(struct sdp *sdp, const struct sdp_line *line)
{
	struct sdp_pt table[SDP_PT_COUNT];
	uint8_t order[SDP_PT_COUNT];
	const size_t count = sdp_line_formats(line, table, order);

	/* Backward, so that the first number of a codec is what stays. */
	for (size_t i = count; i-- > 0;) {
		const uint8_t pt = order[i];
		const int codec = codec_of(sdp, &table[pt]);

		if (codec >= 0) {
			sdp->owners[pt] = (uint8_t)(OWNER_CODEC + codec);
			sdp->pts[codec] = pt;
		} else if (is_dtmf(&table[pt])) {
			sdp->owners[pt] = OWNER_DTMF;
			sdp->pt_dtmf = pt;
		} else {
			sdp->owners[pt] = OWNER_OTHER;
		}
	}
}

static int print_codec(struct mbuf *mb, const struct sdp_codec *codec,
		       uint8_t pt)
{
	int err = mbuf_printf(mb, "a=rtpmap:%u %s/%u", pt, codec->name,
			      codec->srate);

	if (codec->channels > 1)
		err |= mbuf_printf(mb, "/%u", codec->channels);
	return err | mbuf_write_str(mb, "\r\n");
}

static int print_dtmf(struct mbuf *mb, int pt)
{
	return mbuf_printf(mb,
			   "a=rtpmap:%d telephone-event/%u\r\n"
			   "a=fmtp:%d 0-15\r\n",
			   pt, DTMF_SRATE, pt);
}

static int print_end(struct mbuf *mb, uint16_t ptime_ms, enum sdp_dir dir)
{
	return mbuf_printf(mb, "a=ptime:%u\r\na=%s\r\n", ptime_ms,
			   sdp_dir_name(dir));
}

/* All that we can, what is in use first. */
static int print_offer_line(struct mbuf *mb, struct sdp *sdp)
{
	size_t order[UINT8_MAX], count = 0;
	bool dtmf = pt_choose(sdp, &sdp->pt_dtmf, OWNER_DTMF);
	int err;

	if (sdp->taken)
		order[count++] = sdp->agreed.codec;
	for (size_t i = 0; i < sdp->codec_count; i++) {
		if (sdp->taken && i == sdp->agreed.codec)
			continue;
		if (pt_choose(sdp, &sdp->pts[i], OWNER_CODEC + (unsigned)i))
			order[count++] = i;
	}
	err = mbuf_printf(mb, "m=audio %u RTP/AVP", sa_port(&sdp->laddr));
	for (size_t i = 0; i < count; i++)
		err |= mbuf_printf(mb, " %u", sdp->pts[order[i]]);
	if (dtmf)
		err |= mbuf_printf(mb, " %u", sdp->pt_dtmf);
	err |= mbuf_write_str(mb, "\r\n");
	for (size_t i = 0; i < count; i++)
		err |= print_codec(mb, &sdp->codecs[order[i]],
				   sdp->pts[order[i]]);
	if (dtmf)
		err |= print_dtmf(mb, sdp->pt_dtmf);
	return err | print_end(mb, sdp->agreed.ptime_ms, sdp->offer_dir);
}

/* The one codec that was chosen, with the offer's numbers. */
static int print_answer_line(struct mbuf *mb, const struct sdp *sdp)
{
	const struct sdp_agreed *agreed = &sdp->agreed;
	int err;

	err = mbuf_printf(mb, "m=audio %u RTP/AVP %u",
			  sdp->answer_off ? 0 : sa_port(&sdp->laddr),
			  agreed->pt_rx);
	if (agreed->pt_dtmf_rx >= 0)
		err |= mbuf_printf(mb, " %d", agreed->pt_dtmf_rx);
	err |= mbuf_write_str(mb, "\r\n");
	err |= print_codec(mb, &sdp->codecs[agreed->codec], agreed->pt_rx);
	if (agreed->pt_dtmf_rx >= 0)
		err |= print_dtmf(mb, agreed->pt_dtmf_rx);
	return err | print_end(mb, agreed->ptime_ms, sdp->answer_dir);
}

static int print_body(struct mbuf *mb, struct sdp *sdp, bool offer)
{
	const int ipver = sa_af(&sdp->laddr) == AF_INET6 ? 6 : 4;
	const size_t count = sdp->slots.count ? sdp->slots.count : 1;
	int err;

	err = mbuf_printf(mb, "s=-\r\nc=IN IP%d %j\r\nt=0 0\r\n", ipver,
			  &sdp->laddr);
	for (size_t i = 0; i < count && !err; i++) {
		if (i != sdp->slots.audio)
			err = mbuf_write_str(mb, sdp->slots.lines[i]);
		else if (offer)
			err = print_offer_line(mb, sdp);
		else
			err = print_answer_line(mb, sdp);
	}
	mb->pos = 0;
	return err;
}

/* Write a description. Its version grows by one when it differs from the last
 * one (RFC 3264 8), whichever of the two was the answer. */
static int print(struct sdp *sdp, bool offer, struct mbuf **mbp)
{
	const int ipver = sa_af(&sdp->laddr) == AF_INET6 ? 6 : 4;
	struct mbuf *body = mbuf_alloc(512), *mb = mbuf_alloc(512);
	char *text = NULL;
	uint32_t version = sdp->version;
	int err = body && mb ? 0 : ENOMEM;

	if (err)
		goto out;
	err = print_body(body, sdp, offer);
	err = err ? err : mbuf_strdup(body, &text, mbuf_get_left(body));
	if (err)
		goto out;
	if (!sdp->written || strcmp(sdp->written, text) != 0)
		version++;
	err = mbuf_printf(mb, "v=0\r\no=- %u %u IN IP%d %j\r\n%s", sdp->id,
			  version, ipver, &sdp->laddr, text);
	if (err)
		goto out;
	mb->pos = 0;
	mem_deref(sdp->written);
	sdp->written = mem_ref(text);
	sdp->version = version;
	*mbp = mem_ref(mb);
out:
	mem_deref(text);
	mem_deref(body);
	mem_deref(mb);
	return err;
}

int sdp_offer(struct sdp *sdp, bool hold, struct mbuf **offer)
{
	int err;

	if (!sdp || !offer)
		return EINVAL;
	/* A peer that holds us stays quiet by our hold as well (RFC 3264
	 * 8.4); without one it is for the peer to say what it wants. */
	sdp->offer_dir = wanted(hold);
	if (hold && sdp->taken && sdp->agreed.held)
		sdp->offer_dir = SDP_INACTIVE;
	sdp->offer_hold = hold;
	err = print(sdp, true, offer);
	sdp->offered = sdp->offered || !err;
	return err;
}

/* They send with the numbers that we offered. */
static void numbers_as_offered(const struct sdp *sdp, struct sdp_agreed *agreed)
{
	agreed->pt_rx = sdp->pts[agreed->codec];
	if (agreed->pt_dtmf_tx >= 0)
		agreed->pt_dtmf_rx = sdp->pt_dtmf;
	agreed->format_count = 0;
	format_add(agreed, agreed->pt_rx, agreed->codec);
	for (size_t i = 0; i < sdp->codec_count; i++) {
		if (i != agreed->codec &&
		    sdp->owners[sdp->pts[i]] == OWNER_CODEC + i)
			format_add(agreed, sdp->pts[i], i);
	}
}

int sdp_answered(struct sdp *sdp, struct mbuf *answer,
		 struct sdp_agreed *agreed)
{
	struct sdp_agreed now;
	const struct sdp_line *line;
	struct sdp_text *text;
	int err;

	if (!sdp || !answer || !agreed)
		return EINVAL;
	if (!sdp->offered)
		return EPROTO;
	text = mem_alloc(sizeof(*text), NULL);
	if (!text)
		return ENOMEM;
	err = sdp_parse(text, answer);
	if (err)
		goto out;
	err = ENOTSUP;
	if (text->count <= sdp->slots.audio)
		goto out;
	line = &text->lines[sdp->slots.audio];
	if (!agree(sdp, line, sdp->offer_dir, &now))
		goto out;
	numbers_as_offered(sdp, &now);
	sdp->hold = sdp->offer_hold;
	sdp->taken = true;
	sdp->agreed = now;
	*agreed = now;
	err = 0;
out:
	mem_deref(text);
	return err;
}

/* The line in use, taken out of use by port 0: what was agreed stays, for the
 * peer will be back. Its formats mean nothing (RFC 3264 8.2). */
static bool agree_off(const struct sdp *sdp, const struct sdp_line *line,
		      struct sdp_agreed *agreed)
{
	if (!is_rtp_audio(line) || line->port)
		return false;
	*agreed = sdp->agreed;
	sa_set_port(&agreed->raddr, 0);
	sa_set_port(&agreed->raddr_rtcp, 0);
	agreed->tx = agreed->rx = false;
	agreed->held = true;
	return true;
}

/* The line of an offer to take: the one in use before, if it still can be
 * used, else the first that can; -1 when there is none. */
static int choose_line(const struct sdp *sdp, const struct sdp_text *text,
		       struct sdp_agreed *agreed)
{
	const enum sdp_dir mine = wanted(sdp->hold);
	const size_t audio = sdp->slots.audio;
	const bool in_use = sdp->taken && audio < text->count;

	if (in_use && agree(sdp, &text->lines[audio], mine, agreed))
		return (int)audio;
	for (size_t i = 0; i < text->count; i++) {
		if (agree(sdp, &text->lines[i], mine, agreed))
			return (int)i;
	}
	if (in_use && agree_off(sdp, &text->lines[audio], agreed))
		return (int)audio;
	return -1;
}

/* All lines of an offer but ours are refused, each in its place with its own
 * words; the formats then mean nothing, one is enough (RFC 3264 6). */
static int slots_make(struct slots *slots, const struct sdp_text *text,
		      size_t audio)
{
	int err = 0;

	slots->audio = audio;
	slots->count = text->count;
	slots->lines = mem_zalloc(text->count * sizeof(*slots->lines), NULL);
	if (!slots->lines)
		return ENOMEM;
	for (size_t i = 0; i < text->count && !err; i++) {
		const struct sdp_line *line = &text->lines[i];
		struct pl fmt = line->formats;

		if (i == audio)
			continue;
		while (fmt.l && (*fmt.p == ' ' || *fmt.p == '\t'))
			pl_advance(&fmt, 1);
		for (size_t n = 0; n < fmt.l; n++) {
			if (fmt.p[n] == ' ' || fmt.p[n] == '\t')
				fmt.l = n;
		}
		err = re_sdprintf(&slots->lines[i], "m=%r 0 %r %r\r\n",
				  &line->media, &line->proto, &fmt);
	}
	if (err)
		slots_destructor(slots);
	return err;
}

int sdp_offered(struct sdp *sdp, struct mbuf *offer, struct sdp_agreed *agreed)
{
	struct sdp_agreed now;
	struct slots slots = {0};
	struct sdp_text *text;
	const struct sdp_line *line;
	int audio, err;

	if (!sdp || !offer || !agreed)
		return EINVAL;
	text = mem_alloc(sizeof(*text), NULL);
	if (!text)
		return ENOMEM;
	err = sdp_parse(text, offer);
	if (err)
		goto out;
	audio = choose_line(sdp, text, &now);
	if (audio < 0) {
		err = ENOTSUP;
		goto out;
	}
	err = slots_make(&slots, text, (size_t)audio);
	if (err)
		goto out;

	line = &text->lines[audio];
	slots_destructor(&sdp->slots);
	sdp->slots = slots;
	if (line->port)
		learn_pts(sdp, line);
	sdp->answerable = true;
	sdp->answer_off = !line->port;
	sdp->answer_dir =
		(enum sdp_dir)(wanted(sdp->hold) & reverse(dir_of(line)));
	sdp->offered = false;
	sdp->taken = true;
	sdp->agreed = now;
	*agreed = now;
out:
	mem_deref(text);
	return err;
}

int sdp_answer(struct sdp *sdp, struct mbuf **answer)
{
	if (!sdp || !answer)
		return EINVAL;
	return sdp->answerable ? print(sdp, false, answer) : EPROTO;
}
