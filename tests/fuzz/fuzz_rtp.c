/* fuzz_rtp.c -- RTP, telephone events and RTCP, received by a running stream
 *
 * A real stream with real sockets on loopback; time is simulated. An input is
 * a list of steps:
 *
 *   kind and socket, length, bytes    a packet, from the peer or a stranger
 *   a tick                            20 ms pass
 *
 * Checked beyond the sanitizers: no more digits than the limit, the tick
 * always sends its packet, and statistics that add up.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/mailbox.h"
#include "media/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum {
	/* the step's byte: low bits */
	STEP_TICK = 0,
	STEP_RTP = 1,
	STEP_STRANGER = 2, /* RTP from another port */
	STEP_RTCP = 3,
	STEP_RTP_NEXT = 4, /* RTP whose header goes on from the last one */
	STEP_KINDS = 5,
	PT_DTMF = 101,
	TICKS_MAX = 400,
};

struct line {
	struct stream *stream;
	struct mailbox *out;
	struct sa rtp, rtcp; /* the stream's */
	int peer, peer_rtcp, stranger;
	uint64_t now_ns;
	unsigned ticks;
	uint16_t seq;
	uint32_t ts;
	bool fed; /* packets since the last tick */
};

static struct stream_env *env;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static int bound(struct sa *sa)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(sa->u);

	require(fd >= 0 && !sa_set_str(sa, "127.0.0.1", 0));
	require(!bind(fd, &sa->u.sa, sa->len));
	require(!getsockname(fd, &sa->u.sa, &len));
	return fd;
}

static void line_open(struct line *line)
{
	const struct media_codec *codec = media_codec_find("PCMU");
	struct media_params params = {
		.codec = codec,
		.pt_tx = 0,
		.pt_rx = 0,
		.pt_dtmf_tx = PT_DTMF,
		.pt_dtmf_rx = PT_DTMF,
		.ptime_ms = 20,
		.tx = true,
		.rx = true,
	};
	struct sa unused;
	int fds[2];

	memset(line, 0, sizeof(*line));
	line->now_ns = UINT64_C(1000000000000);
	fds[0] = bound(&line->rtp);
	fds[1] = bound(&line->rtcp);
	line->peer = bound(&params.raddr);
	line->peer_rtcp = bound(&params.raddr_rtcp);
	line->stranger = bound(&unused);
	require(codec && !mailbox_alloc(&line->out));
	env->out = line->out;
	require(!stream_alloc(&line->stream, fds));
	line->stream->env = env;
	(void)stream_set(line->stream, &params, line->now_ns);
	line->stream->watch_ms = 1000;
	line->stream->vanished_ms = 3000;
	line->stream->watched_ns = line->now_ns;
}

static unsigned digits_take(struct line *line)
{
	struct mail *mail, *next;
	unsigned digits = 0;

	stream_env_flush(env);
	mail = mailbox_take(line->out);
	for (; mail; mail = next) {
		struct message *m = (struct message *)mail;

		next = mail->next;
		digits += m->type == MESSAGE_EVENT &&
			  m->u.event.type == MEDIA_DIGIT;
		free(m);
	}
	return digits;
}

static void tick(struct line *line)
{
	uint32_t packets = line->stream->tx.packets;

	line->now_ns += 20000000;
	line->ticks++;
	line->fed = false;
	require(!stream_tick(line->stream, line->now_ns, 0));
	require(line->stream->tx.packets == packets + 1);
}

static void send_to(int fd, const struct sa *to, const void *buf, size_t len)
{
	(void)!sendto(fd, buf, len, MSG_DONTWAIT, &to->u.sa, to->len);
}

/* A header of the peer's own numbers, so that bodies get past the latch. */
static void send_next(struct line *line, const uint8_t *body, size_t len)
{
	uint8_t packet[RTP_HEADER + 256] = {0x80};
	bool event = len && body[0] & 0x80;

	if (len > 256)
		len = 256;
	line->seq++;
	line->ts += event ? 0 : 160;
	packet[1] = event ? PT_DTMF : 0;
	packet[2] = (uint8_t)(line->seq >> 8);
	packet[3] = (uint8_t)line->seq;
	packet[4] = (uint8_t)(line->ts >> 24);
	packet[5] = (uint8_t)(line->ts >> 16);
	packet[6] = (uint8_t)(line->ts >> 8);
	packet[7] = (uint8_t)line->ts;
	if (len > 1)
		memcpy(packet + RTP_HEADER, body + 1, len - 1);
	send_to(line->peer, &line->rtp, packet,
		RTP_HEADER + (len ? len - 1 : 0));
}

static void step(struct line *line, unsigned kind, const uint8_t *body,
		 size_t len)
{
	line->fed = true;
	switch (kind) {
	case STEP_RTP:
		send_to(line->peer, &line->rtp, body, len);
		break;
	case STEP_STRANGER:
		send_to(line->stranger, &line->rtp, body, len);
		break;
	case STEP_RTCP:
		send_to(line->peer_rtcp, &line->rtcp, body, len);
		break;
	case STEP_RTP_NEXT:
		send_next(line, body, len);
		break;
	default:
		tick(line);
	}
}

static void line_close(struct line *line)
{
	struct media_stats stats;

	stream_shut(line->stream, &stats, line->now_ns);
	require(stats.tx_packets == line->ticks);
	require(stats.rx_duplicate <= stats.rx_packets);
	require(!stats.rx_mos || (stats.rx_mos >= 100 && stats.rx_mos <= 450));
	require(!stats.remote_mos ||
		(stats.remote_mos >= 100 && stats.remote_mos <= 450));
	require(!stats.rx_mos || stats.rx_burst >= 100);
	require(stats.rx_late <= stats.rx_packets);
	stream_free(line->stream);
	/* 50 a second, and one second may begin within another */
	require(digits_take(line) <= 50 * (line->ticks / 50 + 2));
	mailbox_free(line->out, NULL, NULL);
	close(line->peer);
	close(line->peer_rtcp);
	close(line->stranger);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct line line;
	size_t at = 0;

	if (!env) {
		env = calloc(1, sizeof(*env));
		require(env);
		stream_env_init(env, NULL, NULL);
	}
	line_open(&line);
	while (at < size && line.ticks < TICKS_MAX) {
		unsigned kind = bytes[at++] % STEP_KINDS;
		size_t len = 0;

		if (kind != STEP_TICK && at < size) {
			len = bytes[at++];
			len = len > size - at ? size - at : len;
		}
		step(&line, kind, bytes + at, len);
		at += len;
	}
	/* Till everything that came has been heard, and RTCP was read. */
	for (int i = 0; i < 16; i++)
		tick(&line);
	line_close(&line);
	return 0;
}
