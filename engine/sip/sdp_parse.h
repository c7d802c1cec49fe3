/* sdp_parse.h -- what a session description says, as plain values (RFC 4566)
 *
 * Private to the sip room: sdp.c negotiates with it. Nothing is allocated and
 * nothing copied: what was parsed points into the text. Tolerant where devices
 * are sloppy and nothing is at stake (bare LF, no LF at the end, empty lines,
 * attributes in capitals, a missing s= or t=), strict where guessing would
 * send audio astray.
 */
#ifndef MOONDIAL_SIP_SDP_PARSE_H
#define MOONDIAL_SIP_SDP_PARSE_H

#include <re.h>

enum {
	SDP_LINES_MAX = 32, /* media lines; more are refused as bad */
	SDP_PT_COUNT = 128,
};

/* One media line with what belongs to it. */
struct sdp_line {
	struct pl media, proto, formats;
	struct pl attrs; /* the lines after it, whole */
	uint16_t port;
	struct sa addr;	   /* unset: none, or a domain name */
	enum sdp_dir dir;  /* as its sender sees it */
	uint32_t ptime_ms; /* 0: not said */
	uint32_t maxptime_ms;
	uint16_t rtcp_port;  /* 0: not said (RFC 3605) */
	struct sa rtcp_addr; /* unset: as addr */
};

struct sdp_text {
	struct sdp_line lines[SDP_LINES_MAX];
	size_t count;
};

/* Parse the rest of MB. EBADMSG. */
int sdp_parse(struct sdp_text *text, const struct mbuf *mb);

/* What a payload number stands for; NAME unset: not known. */
struct sdp_pt {
	struct pl name;
	uint32_t srate;
	uint8_t channels;
	bool listed;
};

/* The payload numbers of LINE in its order, without repetitions, into ORDER;
 * what they mean into TABLE. Returns how many there are. */
size_t sdp_line_formats(const struct sdp_line *line,
			struct sdp_pt table[SDP_PT_COUNT],
			uint8_t order[SDP_PT_COUNT]);

#endif
