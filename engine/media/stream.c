/* stream.c -- a stream's tick: read, frame, send, report */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/metrics.h"
#include "media/mix.h"
#include "media/player.h"
#include "media/quality.h"
#include "media/recorder.h"
#include "media/stream.h"

enum {
	/* Packets read in one tick at most: a flood waits (and is lost) in its
	 * own socket, not in the worker. */
	READ_MAX = 256,
	/* Each is told with its arrival: reading late does no harm. Nor does
	 * a report of ours that is late: their times are random anyway. */
	RTCP_READ_MS = 1000,
	/* … the first time: for what else is done then, see connect_latched. */
	RTCP_FIRST_MS = 200,
	DIGITS_MAX = 50,     /* a second; faster than any finger */
	STRANGERS_MAX = 200, /* packets in a second that are still counted */
	/* What came so long before the stream began to listen is not heard. */
	STALE_NS = 200 * 1000 * 1000,
	RECORD_GAP_MAX_MS = 3000,
};

METRIC(rtp_rejected, "RTP packets from a source that is not the peer's");
METRIC(rtp_invalid, "packets on RTP ports that are no RTP, or of a payload "
		    "type that was not agreed");
METRIC(rtcp_rejected, "RTCP packets from a host that is not the peer's");
METRIC(rtcp_invalid, "packets on RTCP ports that are no valid RTCP");
METRIC(rtp_digits_dropped, "telephone events beyond 50 a second in a stream");
METRIC(rtp_ticks_skipped, "packet times skipped: a worker stood still");

/* ---- set-up --------------------------------------------------------- */

void stream_env_init(struct stream_env *env, struct mailbox *in,
		     struct mailbox *out)
{
	memset(env, 0, sizeof(*env));
	env->in = in;
	env->out = out;
	env->posts_tail = &env->posts;
	stream_env_now(env);
}

void stream_env_post(struct stream_env *env, struct mail *mail)
{
	mail->next = NULL;
	*env->posts_tail = mail;
	env->posts_tail = &mail->next;
}

void stream_env_flush(struct stream_env *env)
{
	if (!env->posts)
		return;
	mailbox_post_list(env->out, env->posts);
	env->posts = NULL;
	env->posts_tail = &env->posts;
}

void stream_env_now(struct stream_env *env)
{
	env->wall_ns = rtp_socket_wall_ns();
}

int stream_alloc(struct stream **sp, const int fds[2])
{
	struct stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return ENOMEM;
	stream->fd_rtp = fds[0];
	stream->fd_rtcp = fds[1];
	rtp_tx_init(&stream->tx);
	rtcp_init(&stream->rtcp);
	jitter_reset(&stream->jitter);
	sa_init(&stream->rtcp_source, AF_UNSPEC);
	*sp = stream;
	return 0;
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	if (stream->fd_rtp >= 0)
		close(stream->fd_rtp);
	if (stream->fd_rtcp >= 0)
		close(stream->fd_rtcp);
	mix_member_free(stream->member);
	detector_free(stream->detector);
	free(stream->room);
	free(stream);
}

static uint16_t ptime_of(uint16_t ms)
{
	ms = (uint16_t)((ms + 5) / 10 * 10);
	return ms < 10			  ? STREAM_FRAME_MS
	       : ms > STREAM_PTIME_MAX_MS ? STREAM_PTIME_MAX_MS
					  : ms;
}

bool stream_set(struct stream *stream, const struct media_params *params,
		uint64_t now_ns)
{
	const struct codec *codec = codec_of(params->codec);
	uint32_t tick_ms;
	bool changed, moved;

	assert(codec);
	moved = !sa_cmp(&stream->params.raddr, &params->raddr, SA_ALL);
	if (moved ||
	    !sa_cmp(&stream->params.raddr_rtcp, &params->raddr_rtcp, SA_ALL))
		sa_init(&stream->rtcp_source, AF_UNSPEC);
	stream->params = *params;
	stream->params.ptime_ms = ptime_of(params->ptime_ms);
	latch_set(&stream->latch, &params->raddr, params->latch,
		  now_ns / 1000000);
	latch_set_signalling(&stream->latch, &params->signalling);
	if (stream->connected && !latch_is_final(&stream->latch)) {
		stream->connected = rtp_socket_disconnect(stream->fd_rtp) != 0;
		stream->alone = false;
	}
	if (codec != stream->codec) {
		stream->codec = codec;
		stream->fill = 0;
		for (struct message *m = stream->plays; m; m = m->next)
			player_want(m->u.play.player, codec);
	}
	if (!stream->running) {
		stream->running = true;
		stream->running_ns = now_ns;
		stream->frame_ms = STREAM_FRAME_MS;
		stream->packet_ms = STREAM_PTIME_MAX_MS;
		stream->rtcp_ms = RTCP_READ_MS - RTCP_FIRST_MS;
		rtcp_begin(&stream->rtcp, now_ns);
	}
	if (moved)
		stream_keep_open(stream);
	/* What divides both the frame and the packet. */
	tick_ms = stream->params.ptime_ms % STREAM_FRAME_MS ? 10
							    : STREAM_FRAME_MS;
	changed = tick_ms != stream->tick_ms;
	stream->tick_ms = tick_ms;
	return changed;
}

/* ---- reading -------------------------------------------------------- */

/* The jitter buffer's clock. */
static uint32_t samples_of(uint64_t ns)
{
	return (uint32_t)(ns / (1000000000 / AUDIO_SRATE));
}
static void digit_heard(struct stream *stream, const struct dtmf_digit *digit,
			uint64_t now_ns)
{
	uint64_t now_ms = now_ns / 1000000;
	uint32_t ago_ms = now_ms > digit->heard_ms
				  ? (uint32_t)(now_ms - digit->heard_ms)
				  : 0;
	uint32_t ms = digit->duration / (stream->codec->info.srate / 1000);

	if (now_ms - stream->digits_since_ms >= 1000) {
		stream->digits_since_ms = now_ms;
		stream->digits_seen = 0;
	}
	if (stream->digits_seen++ >= DIGITS_MAX) {
		metric_add(&rtp_digits_dropped, 1);
		return;
	}
	for (struct message *m = stream->records; m; m = m->next)
		recorder_digit(m->u.record.recorder, ago_ms + ms);
	stream_post_digit(stream, digit->digit, ms);
}

static void restart(struct stream *stream, uint64_t now_ns)
{
	struct dtmf_digit digit;

	if (dtmf_rx_restart(&stream->dtmf_rx, &digit))
		digit_heard(stream, &digit, now_ns);
	jitter_reset(&stream->jitter);
}

static void event_heard(struct stream *stream, const struct rtp_packet *packet,
			uint64_t arrival_ns, uint64_t now_ns)
{
	struct dtmf_digit digits[2];
	bool valid;
	unsigned n;

	n = dtmf_rx_packet(&stream->dtmf_rx, packet->ts, packet->marker,
			   packet->payload, packet->bytes, arrival_ns / 1000000,
			   digits, &valid);
	if (!valid) {
		stream->rx_rejected++;
		metric_add(&rtp_invalid, 1);
	}
	for (unsigned i = 0; i < n; i++)
		digit_heard(stream, &digits[i], now_ns);
}

/* The codec of a payload type that was agreed for audio, or NULL. */
static const struct codec *rx_codec(const struct stream *stream, uint8_t pt)
{
	const struct media_params *params = &stream->params;

	if (pt == params->pt_rx)
		return stream->codec;
	for (size_t i = 0; i < params->format_count; i++)
		if (pt == params->formats[i].pt)
			return codec_of(params->formats[i].codec);
	return NULL;
}

/* A packet from the latched source. */
static void packet_heard(struct stream *stream, const struct rtp_packet *packet,
			 const struct codec *codec, uint64_t arrival_ns,
			 uint64_t now_ns)
{
	const struct media_params *params = &stream->params;
	bool listen = stream_ops_listening(stream);
	struct jitter_packet audio = {
		.codec = codec,
		.ts = packet->ts,
		.arrival = samples_of(arrival_ns),
		.payload = packet->payload,
		.bytes = packet->bytes,
	};

	switch (rtp_rx_packet(&stream->rx, packet, arrival_ns)) {
	case RTP_RX_DROP:
		return;
	case RTP_RX_RESTART:
		restart(stream, now_ns);
		break;
	case RTP_RX_OK:
		break;
	}
	if (packet->pt == params->pt_dtmf_rx) {
		if (params->rx)
			event_heard(stream, packet, arrival_ns, now_ns);
		return;
	}
	if (!codec) {
		if (params->rx)
			jitter_silence(&stream->jitter, packet->ts, listen);
		return;
	}
	rtp_rx_jitter(&stream->rx, packet->ts, stream->codec->info.srate,
		      arrival_ns);
	audio.newest = packet->seq == stream->rx.max_seq;
	if (params->rx && packet->bytes)
		(void)jitter_put(&stream->jitter, &audio, listen);
}

static bool is_believed(struct stream *stream, const struct rtp_packet *packet,
			const struct sa *src, uint64_t arrival_ms)
{
	switch (latch_input(&stream->latch, src, packet->seq, packet->ssrc,
			    arrival_ms)) {
	case LATCH_REJECT:
		stream->rx_rejected++;
		metric_add(&rtp_rejected, 1);
		return false;
	case LATCH_NEW:
		stream_post_latched(stream);
		break;
	case LATCH_ACCEPT:
		break;
	}
	return true;
}

/* Returns for how long it lasts when it is audio that is expected, else 0. */
static uint64_t rtp_came(struct stream *stream, const uint8_t *buf, size_t len,
			 const struct sa *src, uint64_t arrival_ns,
			 uint64_t now_ns)
{
	const struct media_params *params = &stream->params;
	const struct codec *codec = NULL;
	struct rtp_packet packet;
	bool valid = rtp_parse(&packet, buf, len);

	if (valid && packet.pt != params->pt_dtmf_rx) {
		codec = rx_codec(stream, packet.pt);
		valid = codec || packet.pt == RTP_PT_CN;
	}
	if (!valid) {
		stream->rx_rejected++;
		metric_add(&rtp_invalid, 1);
		return 0;
	}
	if (!stream->alone &&
	    !is_believed(stream, &packet, src, arrival_ns / 1000000))
		return 0;
	packet_heard(stream, &packet, codec, arrival_ns, now_ns);
	return codec ? codec_payload_samples(codec, packet.bytes) *
			       UINT64_C(1000000000) / codec->info.srate
		     : 0;
}

static void rtcp_came(struct stream *stream, const uint8_t *buf, size_t len,
		      const struct sa *src, uint64_t arrival_ns)
{
	if (!latch_same_host(&stream->latch, src)) {
		metric_add(&rtcp_rejected, 1);
		return;
	}
	if (!rtcp_read(&stream->rtcp, buf, len, stream->tx.ssrc, arrival_ns)) {
		metric_add(&rtcp_invalid, 1);
		return;
	}
	rtcp_sent(&stream->rtcp, &stream->tx);
	stream->rtcp_source = *src;
}

/* The next packet into the worker's room. False: none is there. */
static bool read_packet(struct stream_env *env, int fd, uint64_t now_ns,
			struct sa *src, size_t *len, uint64_t *arrival_ns)
{
	return rtp_socket_receive(fd, env->bytes, len, src, arrival_ns, now_ns,
				  env->wall_ns);
}

/* Usually each tick finds one packet, and asking in vain for another costs
 * half as much as getting it. So not, when this one came a packet's time after
 * the last one, and the next one isn't due yet; whatever is overlooked that
 * way is read in the next tick, as then nothing is regular any more. */
static bool is_regular(uint64_t since_ns, uint64_t age_ns, uint64_t lasts_ns)
{
	return age_ns < lasts_ns && since_ns > lasts_ns / 2 &&
	       since_ns < lasts_ns * 3 / 2;
}

static void read_rtp(struct stream *stream, uint64_t now_ns)
{
	struct stream_env *env = stream->env;
	uint64_t arrival_ns, since_ns, lasts_ns;
	struct sa src;
	size_t len;

	for (int i = 0; i < READ_MAX; i++) {
		if (!read_packet(env, stream->fd_rtp, now_ns,
				 stream->alone ? NULL : &src, &len,
				 &arrival_ns)) {
			stream->alone = stream->connected;
			return;
		}
		if (arrival_ns + STALE_NS < stream->running_ns)
			continue;
		lasts_ns = rtp_came(stream, env->bytes, len, &src, arrival_ns,
				    now_ns);
		if (!lasts_ns)
			continue;
		since_ns = arrival_ns - stream->rx_ns;
		stream->rx_ns = arrival_ns;
		if (stream->alone == stream->connected &&
		    is_regular(since_ns, now_ns - arrival_ns, lasts_ns))
			return;
	}
}

static void read_rtcp(struct stream *stream, uint64_t now_ns)
{
	struct stream_env *env = stream->env;
	uint64_t arrival_ns;
	struct sa src;
	size_t len;

	for (int i = 0; i < READ_MAX; i++) {
		if (!read_packet(env, stream->fd_rtcp, now_ns, &src, &len,
				 &arrival_ns))
			return;
		if (arrival_ns + STALE_NS >= stream->running_ns)
			rtcp_came(stream, env->bytes, len, &src, arrival_ns);
	}
}

/* Has RTP come of late? Looked for each second. */
static void watch(struct stream *stream, uint64_t now_ns)
{
	uint64_t since_ns = stream->rx.heard_ns > stream->watched_ns
				    ? stream->rx.heard_ns
				    : stream->watched_ns;
	uint32_t silent_ms;

	if (!stream->watch_ms && !stream->vanished_ms)
		return;
	if (!stream->params.rx) { /* it has been asked not to send */
		stream->watched_ns = now_ns;
		return;
	}
	silent_ms = now_ns > since_ns
			    ? (uint32_t)((now_ns - since_ns) / 1000000)
			    : 0;
	if (stream->watch_ms && silent_ms < stream->watch_ms)
		stream->timed_out = false;
	if (stream->watch_ms && silent_ms >= stream->watch_ms &&
	    !stream->timed_out) {
		stream->timed_out = true;
		stream_post_silence(stream, MEDIA_TIMEOUT, silent_ms);
	}
	if (stream->vanished_ms && silent_ms >= stream->vanished_ms &&
	    !stream->vanished) {
		stream->vanished = true;
		stream_post_silence(stream, MEDIA_VANISHED, silent_ms);
	}
}

/* ---- the tick ------------------------------------------------------- */

/* Our reports go to where the peer's come from; before there are any, beside
 * the source that is latched elsewhere than signalled, else where SDP says. */
static bool rtcp_target(const struct stream *stream, struct sa *to)
{
	const struct latch *latch = &stream->latch;
	const struct sa *rtp = latch_target(latch);

	if (!rtp)
		return false;
	if (sa_isset(&stream->rtcp_source, SA_ALL)) {
		*to = stream->rtcp_source;
	} else if ((latch->rank && latch->rank != LATCH_EXACT) ||
		   !sa_isset(&stream->params.raddr_rtcp, SA_ALL)) {
		*to = *rtp;
		sa_set_port(to, (uint16_t)(sa_port(rtp) + 1));
	} else {
		*to = stream->params.raddr_rtcp;
	}
	return sa_port(to) != 0;
}

static void report(struct stream *stream, bool bye, uint64_t now_ns)
{
	uint8_t buf[RTCP_PACKET_MAX];
	struct sa to;
	size_t n;

	n = rtcp_build(&stream->rtcp, buf, &stream->tx, &stream->rx,
		       stream->tx.ts, bye, now_ns);
	/* Lost or refused: the next one tells as much. */
	if (rtcp_target(stream, &to))
		(void)rtp_socket_send(stream->fd_rtcp, buf, n, &to);
}

static void record(struct stream *stream, const int16_t *heard,
		   const int16_t *sent, size_t n)
{
	for (struct message *m = stream->records; m; m = m->next)
		if (recorder_state(m->u.record.recorder) != RECORDER_ENDED)
			recorder_push(m->u.record.recorder, heard, sent, n);
}

static void frame(struct stream *stream, uint64_t due_ns)
{
	int16_t heard[JITTER_FRAME], sent[JITTER_FRAME];
	bool listening = stream_ops_listening(stream);
	bool deaf = !listening || stream->mute_rx || !stream->params.rx;

	jitter_get(&stream->jitter, listening ? heard : NULL,
		   samples_of(due_ns));
	if (stream->member)
		mix_heard(stream->member, deaf ? NULL : heard);
	if (stream->detector)
		detector_push(stream->detector,
			      stream->params.rx ? heard : NULL);
	stream_ops_frame(stream, listening ? sent : NULL);
	if (listening)
		record(stream, deaf ? NULL : heard, sent, JITTER_FRAME);
}

static uint32_t packet_samples(const struct stream *stream)
{
	return stream->params.ptime_ms * (stream->codec->info.srate / 1000);
}

static size_t packet_bytes(const struct stream *stream)
{
	return codec_payload_bytes(stream->codec, packet_samples(stream));
}

static size_t frame_bytes(const struct stream *stream)
{
	return codec_payload_bytes(stream->codec, JITTER_FRAME);
}

static void send_packet(struct stream *stream, enum dtmf_tx_what what,
			const uint8_t event[DTMF_TX_PAYLOAD], uint32_t event_ts,
			bool marker)
{
	const struct media_params *params = &stream->params;
	const struct sa *to = NULL;
	size_t bytes = packet_bytes(stream);
	struct rtp_tx *tx = &stream->tx;
	uint8_t packet[RTP_HEADER + DTMF_TX_PAYLOAD];

	/* The latch stands in memory of its own, which is far away. */
	if (params->tx && !stream->connected)
		to = latch_target(&stream->latch);
	if (!params->tx || (!to && !stream->connected)) {
		tx->gap = true;
	} else if (what == DTMF_TX_EVENT) {
		memcpy(packet + RTP_HEADER, event, DTMF_TX_PAYLOAD);
		rtp_tx_send(tx, stream->fd_rtp, to, packet, DTMF_TX_PAYLOAD,
			    (uint8_t)params->pt_dtmf_tx, event_ts, marker);
	} else {
		rtp_tx_send(tx, stream->fd_rtp, to, stream->packet, bytes,
			    params->pt_tx, tx->ts, tx->gap);
	}
	rtp_tx_advance(tx, packet_samples(stream));
	stream->fill -= bytes;
	if (stream->fill)
		memmove(stream->packet + RTP_HEADER,
			stream->packet + RTP_HEADER + bytes, stream->fill);
}

/* The worker has stood still: time went on without us. */
static uint32_t skip(struct stream *stream, uint32_t behind_ms)
{
	uint32_t ms = behind_ms - behind_ms % stream->params.ptime_ms;
	uint32_t silent_ms = ms < RECORD_GAP_MAX_MS ? ms : RECORD_GAP_MAX_MS;

	rtp_tx_advance(&stream->tx, ms * (stream->codec->info.srate / 1000));
	stream->tx.gap = true;
	for (; silent_ms >= STREAM_FRAME_MS; silent_ms -= STREAM_FRAME_MS) {
		record(stream, NULL, NULL, JITTER_FRAME);
		if (stream->detector)
			detector_push(stream->detector, NULL);
	}
	jitter_skip(&stream->jitter);
	metric_add(&rtp_ticks_skipped, ms / stream->params.ptime_ms);
	return ms;
}

/* Once the latch can't change any more the kernel may know: see rtp_socket.h.
 * What it drops then isn't counted, so not while strangers send, unless they
 * are so many that they crowd the peer out of the socket's queue. */
static void connect_latched(struct stream *stream)
{
	uint32_t strangers = stream->rx_rejected - stream->rx_rejected_before;

	stream->rx_rejected_before = stream->rx_rejected;
	if (stream->connected || !latch_is_final(&stream->latch) ||
	    (strangers && strangers < STRANGERS_MAX))
		return;
	stream->connected =
		!rtp_socket_connect(stream->fd_rtp, &stream->latch.src);
}

uint32_t stream_tick(struct stream *stream, uint64_t now_ns, uint32_t behind_ms)
{
	uint32_t ptime_ms = stream->params.ptime_ms, stood_ms = 0;
	uint8_t event[DTMF_TX_PAYLOAD];
	enum dtmf_tx_what what = DTMF_TX_IDLE;
	struct dtmf_digit digit;
	uint32_t event_ts = 0;
	bool marker = false, framed, due;

	if (behind_ms > STREAM_CATCH_UP_MS)
		stood_ms = skip(stream, behind_ms);
	if (stream->plays)
		player_prefetch(stream->plays->u.play.player);
	read_rtp(stream, now_ns);
	if (dtmf_rx_tick(&stream->dtmf_rx, now_ns / 1000000, &digit))
		digit_heard(stream, &digit, now_ns);
	stream->rtcp_ms += stream->tick_ms;
	if (stream->rtcp_ms >= RTCP_READ_MS) {
		stream->rtcp_ms = 0;
		read_rtcp(stream, now_ns);
		watch(stream, now_ns);
		stream_keep_look(stream, now_ns);
		connect_latched(stream);
		if (now_ns >= stream->rtcp.due_ns)
			report(stream, false, now_ns);
	}

	stream->frame_ms += stream->tick_ms;
	stream->packet_ms += stream->tick_ms;
	framed = stream->frame_ms >= STREAM_FRAME_MS;
	due = stream->packet_ms >= ptime_ms &&
	      stream->fill + (framed ? frame_bytes(stream) : 0) >=
		      packet_bytes(stream);
	if (due) {
		what = stream_ops_digits(stream, event, &event_ts, &marker);
		stream->in_event = what == DTMF_TX_EVENT;
	}
	if (framed) {
		stream->frame_ms = 0;
		frame(stream,
		      now_ns - (uint64_t)(behind_ms - stood_ms) * 1000000);
	}
	if (due) {
		stream->packet_ms = 0;
		send_packet(stream, what, event, event_ts, marker);
	}
	return stood_ms;
}

/* ---- the end -------------------------------------------------------- */

enum {
	BUFFER_MS = 60,	 /* the peer's, of which we know nothing */
	JUDGED_MIN = 50, /* packets: a second */
};

static uint16_t hundredths(double value)
{
	return (uint16_t)(value * 100 + 0.5);
}

/* How it sounded here, and, as far as its reports say, there. */
static void judge(const struct stream *stream, struct media_stats *stats)
{
	const struct jitter *jitter = &stream->jitter;
	const struct rtcp *rtcp = &stream->rtcp;
	double network_ms = stats->rtt_us / 2000.0;
	struct quality heard = {
		.runs = (uint64_t)stream->rx.gaps + jitter->late_runs,
		.delay_ms = network_ms + STREAM_FRAME_MS + stats->rx_delay_ms,
	};
	struct quality sent = {
		.expected = rtcp->remote_of,
		.lost = stats->remote_lost,
		.delay_ms = network_ms + STREAM_FRAME_MS + BUFFER_MS,
	};

	rtp_rx_loss(&stream->rx, &heard.expected, &heard.lost);
	heard.lost += jitter->late_packets;
	if (heard.expected >= JUDGED_MIN) {
		stats->rx_burst = hundredths(quality_burst(&heard));
		stats->rx_mos = hundredths(quality_mos(&heard));
	}
	if (sent.expected >= JUDGED_MIN)
		stats->remote_mos = hundredths(quality_mos(&sent));
}

void stream_shut(struct stream *stream, struct media_stats *stats,
		 uint64_t now_ns)
{
	uint32_t srate = stream->codec ? stream->codec->info.srate : 0;
	const struct rtcp *rtcp = &stream->rtcp;

	if (stream->running) {
		read_rtp(stream, now_ns);
		read_rtcp(stream, now_ns);
		restart(stream, now_ns);
		if (stream->tx.packets || stream->rx.any)
			report(stream, true, now_ns);
	}
	close(stream->fd_rtp);
	close(stream->fd_rtcp);
	stream->fd_rtp = -1;
	stream->fd_rtcp = -1;
	stream->running = false;

	memset(stats, 0, sizeof(*stats));
	rtp_rx_stats(&stream->rx, srate, stats);
	stats->rx_late = stream->jitter.late_packets;
	stats->rx_rejected = stream->rx_rejected;
	stats->tx_packets = stream->tx.packets;
	stats->tx_bytes = stream->tx.bytes;
	stats->remote_lost =
		rtcp->remote_lost > 0 ? (uint32_t)rtcp->remote_lost : 0;
	if (srate)
		stats->remote_jitter_us =
			(uint32_t)((uint64_t)rtcp->remote_jitter * 1000000 /
				   srate);
	stats->rtt_us = rtcp->rtt_us;
	stats->rx_delay_ms =
		jitter_delay(&stream->jitter) / AUDIO_SAMPLES_PER_MS;
	stats->rx_concealed_ms =
		(uint32_t)(stream->jitter.concealed / AUDIO_SAMPLES_PER_MS);
	judge(stream, stats);
}
