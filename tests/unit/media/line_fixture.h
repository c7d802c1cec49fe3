/* line_fixture.h -- a real media instance, and a far side on plain sockets
 *
 * The test is the loop thread: line_until() runs the loop and reads the far
 * side's sockets until a condition holds, or 10 s have passed and it fails.
 */
#ifndef MOONDIAL_TEST_LINE_FIXTURE_H
#define MOONDIAL_TEST_LINE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <event2/event.h>
#include "base/clock.h"
#include "base/loop.h"
#include "media/media.h"

enum {
	LINE_EVENTS = 4096,
	PEER_PACKETS = 2048,
	PEER_BYTES = 700,
	LINE_WAIT_MS = 10000,
};

struct peer_packet {
	uint64_t at_ns;
	size_t len;
	uint8_t buf[PEER_BYTES];
	struct sa from;
};

/* The far side of a call, or a stranger. */
struct peer {
	int rtp, rtcp;
	struct sa sa, sa_rtcp;
	uint16_t seq;
	uint32_t ts, ssrc;
	struct peer_packet *in; /* RTP, up to PEER_PACKETS, then counted */
	size_t in_count;
	struct peer_packet last_rtcp;
	size_t rtcp_count;
};

struct line_event {
	struct media_event e;
	char text[200], file[200];
};

struct line {
	struct loop *loop;
	struct media *media;
	struct line_event *events;
	size_t event_count;
};

static inline void line_on_event(const struct media_event *event, void *arg)
{
	struct line *line = arg;
	struct line_event *e;

	assert_true(line->event_count < LINE_EVENTS);
	e = &line->events[line->event_count++];
	e->e = *event;
	snprintf(e->text, sizeof(e->text), "%s", event->text);
	snprintf(e->file, sizeof(e->file), "%s", event->file);
}

static inline void line_open(struct line *line, unsigned workers,
			     uint16_t port_min, uint16_t port_max)
{
	struct media_config config = {.workers = workers,
				      .port_min = port_min,
				      .port_max = port_max,
				      .cache_max_bytes = 16 << 20};

	memset(line, 0, sizeof(*line));
	line->events = calloc(LINE_EVENTS, sizeof(*line->events));
	assert_non_null(line->events);
	assert_int_equal(loop_alloc(&line->loop), 0);
	loop_enter(line->loop);
	assert_int_equal(media_alloc(&line->media, line->loop, &config,
				     line_on_event, line),
			 0);
}

static inline void line_close(struct line *line)
{
	media_free(line->media);
	loop_free(line->loop);
	free(line->events);
}

/* ---- the far side --------------------------------------------------- */

static inline int peer_socket(struct sa *sa, const char *host)
{
	socklen_t len = sizeof(sa->u);
	int fd;

	assert_int_equal(sa_set_str(sa, host, 0), 0);
	fd = socket(sa_af(sa), SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &sa->u.sa, sa->len), 0);
	assert_int_equal(getsockname(fd, &sa->u.sa, &len), 0);
	return fd;
}

static inline void peer_open(struct peer *peer, const char *host)
{
	memset(peer, 0, sizeof(*peer));
	peer->rtp = peer_socket(&peer->sa, host);
	peer->rtcp = peer_socket(&peer->sa_rtcp, host);
	peer->in = calloc(PEER_PACKETS, sizeof(*peer->in));
	assert_non_null(peer->in);
	peer->seq = 65530; /* wraps early in each test */
	peer->ts = UINT32_MAX - 1000;
	peer->ssrc = 0x11223344;
}

static inline void peer_close(struct peer *peer)
{
	close(peer->rtp);
	close(peer->rtcp);
	free(peer->in);
}

static inline void peer_send_raw(struct peer *peer, const struct sa *to,
				 const void *buf, size_t len)
{
	assert_int_equal(sendto(peer->rtp, buf, len, 0, &to->u.sa, to->len),
			 len);
}

static inline void peer_send_rtcp(struct peer *peer, const struct sa *to,
				  const void *buf, size_t len)
{
	assert_int_equal(sendto(peer->rtcp, buf, len, 0, &to->u.sa, to->len),
			 len);
}

/* A packet whose sequence and timestamp the caller chose. */
static inline void peer_send_at(struct peer *peer, const struct sa *to,
				uint8_t pt, bool marker, uint16_t seq,
				uint32_t ts, const void *payload, size_t len)
{
	uint8_t buf[PEER_BYTES] = {0x80, (uint8_t)(pt | (marker ? 0x80 : 0)),
				   (uint8_t)(seq >> 8), (uint8_t)seq};
	uint32_t words[2] = {htonl(ts), htonl(peer->ssrc)};

	memcpy(buf + 4, words, sizeof(words));
	memcpy(buf + 12, payload, len);
	peer_send_raw(peer, to, buf, 12 + len);
}

/* The next SAMPLES of PCMU (all of them VALUE). */
static inline void peer_send(struct peer *peer, const struct sa *to,
			     size_t samples, uint8_t value)
{
	uint8_t payload[PEER_BYTES];

	memset(payload, value, sizeof(payload));
	peer_send_at(peer, to, 0, false, peer->seq++, peer->ts, payload,
		     samples);
	peer->ts += (uint32_t)samples;
}

/* A packet of telephone event CODE that began at TS. */
static inline void peer_send_event(struct peer *peer, const struct sa *to,
				   uint8_t code, bool end, uint32_t ts,
				   uint16_t duration)
{
	uint8_t payload[4] = {code, (uint8_t)(10 | (end ? 0x80 : 0)),
			      (uint8_t)(duration >> 8), (uint8_t)duration};

	peer_send_at(peer, to, 101, duration <= 160, peer->seq++, ts, payload,
		     sizeof(payload));
}

/* When the kernel got the packet that was read last: however late we are. */
static inline uint64_t peer_stamp_ns(int fd)
{
	struct timespec ts = {0, 0};

	assert_int_equal(ioctl(fd, SIOCGSTAMPNS, &ts), 0);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static inline void peer_read(struct peer *peer)
{
	static struct peer_packet p;
	ssize_t n;

	for (;;) {
		p.from.len = sizeof(p.from.u);
		n = recvfrom(peer->rtp, p.buf, sizeof(p.buf), 0, &p.from.u.sa,
			     &p.from.len);
		if (n < 0)
			break;
		p.at_ns = peer_stamp_ns(peer->rtp);
		p.len = (size_t)n;
		if (peer->in_count < PEER_PACKETS)
			peer->in[peer->in_count++] = p;
	}
	while ((n = recv(peer->rtcp, p.buf, sizeof(p.buf), 0)) > 0) {
		p.at_ns = clock_mono_ns();
		p.len = (size_t)n;
		peer->last_rtcp = p;
		peer->rtcp_count++;
	}
}

static inline uint16_t packet_seq(const struct peer_packet *p)
{
	return (uint16_t)(p->buf[2] << 8 | p->buf[3]);
}

static inline uint32_t word_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static inline uint32_t packet_ts(const struct peer_packet *p)
{
	return word_at(p->buf + 4);
}

/* P follows the packet before it: the sequence without a gap, and time by
 * what that one held. Where the machine stood still for long, the stream goes
 * on with a marker and a gap, which is right too. */
static inline void assert_follows(const struct peer_packet *p)
{
	uint32_t passed = packet_ts(p) - packet_ts(&p[-1]);

	assert_int_equal((uint16_t)(packet_seq(p) - packet_seq(&p[-1])), 1);
	assert_int_equal(word_at(p->buf + 8), word_at(p[-1].buf + 8));
	if (p->buf[1] >> 7)
		assert_in_range(passed, p[-1].len - 12, 8000 * 5);
	else
		assert_int_equal(passed, p[-1].len - 12);
}

/* ---- running -------------------------------------------------------- */

/* One turn: what has happened is delivered; waits a moment at most. */
static inline void line_turn(struct line *line, struct peer *peer)
{
	struct pollfd fds[2] = {{peer ? peer->rtp : -1, POLLIN, 0},
				{peer ? peer->rtcp : -1, POLLIN, 0}};

	poll(fds, 2, 2);
	if (peer)
		peer_read(peer);
	event_base_loop(loop_event_base(line->loop),
			EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/* Until CONDITION; fails the test when it does not come about. */
#define line_until(line, peer, condition)                          \
	do {                                                       \
		uint64_t end_ = clock_mono_ms() + LINE_WAIT_MS;    \
		while (!(condition)) {                             \
			if (clock_mono_ms() > end_)                \
				fail_msg("never: %s", #condition); \
			line_turn(line, peer);                     \
		}                                                  \
	} while (0)

static inline size_t line_count(const struct line *line,
				enum media_event_type type)
{
	size_t n = 0;

	for (size_t i = 0; i < line->event_count; i++)
		n += line->events[i].e.type == type;
	return n;
}

static inline const struct line_event *line_find(const struct line *line,
						 enum media_event_type type,
						 handle_t stream, uint32_t op)
{
	for (size_t i = 0; i < line->event_count; i++) {
		const struct media_event *e = &line->events[i].e;

		if (e->type == type && e->stream == stream && e->op == op)
			return &line->events[i];
	}
	return NULL;
}

/* The digits heard, in order. */
static inline const char *line_digits(const struct line *line)
{
	static char digits[LINE_EVENTS + 1];
	size_t n = 0;

	for (size_t i = 0; i < line->event_count; i++)
		if (line->events[i].e.type == MEDIA_DIGIT)
			digits[n++] = line->events[i].e.digit;
	digits[n] = '\0';
	return digits;
}

/* PCMU both ways, events on 101. */
static inline struct media_params line_params(const struct peer *peer)
{
	return (struct media_params){
		.raddr = peer->sa,
		.raddr_rtcp = peer->sa_rtcp,
		.codec = media_codec_find("PCMU"),
		.pt_tx = 0,
		.pt_rx = 0,
		.pt_dtmf_tx = 101,
		.pt_dtmf_rx = 101,
		.ptime_ms = 20,
		.tx = true,
		.rx = true,
	};
}

/* A stream towards PEER. LADDR: where it listens. */
static inline handle_t line_stream(struct line *line, const struct peer *peer,
				   struct sa *laddr)
{
	struct media_params params = line_params(peer);
	handle_t stream;

	assert_int_equal(sa_set_str(laddr, "127.0.0.1", 0), 0);
	assert_int_equal(media_stream_open(line->media, laddr, line, &stream),
			 0);
	media_stream_set(line->media, stream, &params);
	return stream;
}

/* Close it, and wait for its statistics. */
static inline const struct media_stats *
line_hang_up(struct line *line, struct peer *peer, handle_t stream)
{
	media_stream_close(line->media, stream);
	line_until(line, peer, line_find(line, MEDIA_CLOSED, stream, 0));
	return &line_find(line, MEDIA_CLOSED, stream, 0)->e.stats;
}

#endif
