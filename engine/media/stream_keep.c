/* stream_keep.c -- what keeps a NAT's binding open where audio doesn't */
#include <string.h>
#include "media/stream.h"

enum {
	LOOK_MS = 1000,	 /* from one look to the next */
	SETTLE_MS = 100, /* more than from one packet to the next */
};

static const struct sa *target(const struct stream *stream, bool *any)
{
	const struct sa *to =
		stream->connected ? NULL : latch_target(&stream->latch);

	*any = stream->connected || to;
	return to;
}

static void send_silence(struct stream *stream, const struct sa *to,
			 uint32_t ts)
{
	const struct codec *codec = stream->codec;
	uint8_t packet[RTP_HEADER + 2 * JITTER_FRAME];
	size_t bytes = codec_payload_bytes(codec, JITTER_FRAME);

	memset(packet + RTP_HEADER, codec->silence, bytes);
	rtp_tx_send(&stream->tx, stream->fd_rtp, to, packet, bytes,
		    stream->params.pt_tx, ts, true);
}

void stream_keep_set(struct stream *stream, uint32_t interval_ms,
		     uint64_t now_ns)
{
	stream->keep.interval_ms = interval_ms;
	stream->keep.packets = stream->tx.packets;
	if (!interval_ms)
		return;
	/* How long it has been silent isn't known: a look sends that finds
	 * nothing sent since. */
	stream->keep.sent_ns =
		now_ns - (uint64_t)(interval_ms - LOOK_MS - SETTLE_MS) *
				 UINT64_C(1000000);
}

void stream_keep_look(struct stream *stream, uint64_t now_ns)
{
	struct stream_keep *keep = &stream->keep;
	bool any;
	const struct sa *to;
	uint64_t silent_ms;

	if (!keep->interval_ms)
		return;
	if (keep->packets != stream->tx.packets) {
		keep->packets = stream->tx.packets;
		keep->sent_ns = now_ns - LOOK_MS * UINT64_C(1000000);
		return;
	}
	silent_ms = (now_ns - keep->sent_ns) / 1000000;
	to = target(stream, &any);
	if (!any || silent_ms + LOOK_MS < keep->interval_ms)
		return;
	send_silence(stream, to, stream->tx.ts);
	keep->packets = stream->tx.packets;
	keep->sent_ns = now_ns;
}

/* The audio that follows goes on from their timestamps as if they had been
 * sent in its time. */
static void open_by_rtp(struct stream *stream, const struct sa *to)
{
	const uint32_t samples =
		STREAM_FRAME_MS * (stream->codec->info.srate / 1000);

	for (unsigned i = stream->params.opening; i > 0; i--)
		send_silence(stream, to, stream->tx.ts - i * samples);
}

void stream_keep_open(struct stream *stream)
{
	static const uint8_t crlf[] = {'\r', '\n', '\r', '\n'};
	const struct media_params *params = &stream->params;
	bool any;
	const struct sa *to = target(stream, &any);

	if (!any || !params->opening)
		return;
	if (params->opening_kind == MEDIA_OPENING_RTP) {
		open_by_rtp(stream, to);
		return;
	}
	for (unsigned i = 0; i < params->opening; i++)
		(void)rtp_socket_send(stream->fd_rtp, crlf,
				      params->opening_kind == MEDIA_OPENING_CRLF
					      ? sizeof(crlf)
					      : 0,
				      to);
}
