/* rtcp.c -- compound packets of RFC 3550 6.4 to 6.6 */
#include <stdatomic.h>
#include <string.h>
#include "base/clock.h"
#include "media/rtcp.h"
#include "media/rtp_rx.h"
#include "media/rtp_tx.h"

enum {
	PT_SR = 200,
	PT_RR = 201,
	PT_SDES = 202,
	PT_BYE = 203,
	HEAD = 4,
	SENDER_INFO = 20,
	BLOCK = 24,
	SDES_CNAME = 1,
	INTERVAL_MS = 5000,
	RTT_MAX_S = 30,
};

#define NTP_UNIX UINT64_C(2208988800) /* 1970 in seconds since 1900 */

/* ---- time ----------------------------------------------------------- */

/* NTP, 32.32. The offset is taken by whoever comes first; racing threads take
 * the same to a microsecond, and one of them wins. */
static uint64_t ntp_of(uint64_t mono_ns)
{
	static _Atomic int64_t offset_ns;
	int64_t offset = offset_ns;
	uint64_t wall_ns;

	if (!offset) {
		int64_t none = 0;

		offset = clock_wall_ms() * 1000000 - (int64_t)clock_mono_ns();
		if (!atomic_compare_exchange_strong(&offset_ns, &none, offset))
			offset = none;
	}
	wall_ns = mono_ns + (uint64_t)offset;
	return (wall_ns / 1000000000 + NTP_UNIX) << 32 |
	       ((wall_ns % 1000000000) << 32) / 1000000000;
}

static uint32_t random32(struct rtcp *rtcp)
{
	/* xorshift64*: fit to spread reports, and no more. */
	rtcp->rng ^= rtcp->rng >> 12;
	rtcp->rng ^= rtcp->rng << 25;
	rtcp->rng ^= rtcp->rng >> 27;
	return (uint32_t)((rtcp->rng * UINT64_C(2685821657736338717)) >> 32);
}

/* RFC 3550 6.3.1: uniform in 0.5 … 1.5 of the interval, and that over e − 3/2
 * to make up for reconsideration. */
static uint64_t interval_ns(struct rtcp *rtcp, uint32_t ms)
{
	uint64_t spread = 500 + (((uint64_t)random32(rtcp) * 1000) >> 32);

	return (uint64_t)ms * 1000 * spread * 100000 / 121828;
}

void rtcp_init(struct rtcp *rtcp)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t r[RTCP_CNAME / 2] = {0};

	memset(rtcp, 0, sizeof(*rtcp));
	rand_bytes(r, sizeof(r));
	for (size_t i = 0; i < sizeof(r); i++) {
		rtcp->cname[2 * i] = digits[r[i] >> 4];
		rtcp->cname[2 * i + 1] = digits[r[i] & 15];
	}
	rtcp->rng = rand_u64() | 1;
}

void rtcp_begin(struct rtcp *rtcp, uint64_t now_ns)
{
	/* The first one comes after half the interval (6.2). */
	rtcp->due_ns = now_ns + interval_ns(rtcp, INTERVAL_MS / 2);
}

/* ---- building ------------------------------------------------------- */

static uint8_t *put16(uint8_t *p, uint16_t v)
{
	*p++ = (uint8_t)(v >> 8);
	*p++ = (uint8_t)v;
	return p;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
	return put16(put16(p, (uint16_t)(v >> 16)), (uint16_t)v);
}

/* BYTES: of the whole packet, a multiple of 4. */
static uint8_t *put_head(uint8_t *p, unsigned count, uint8_t pt, size_t bytes)
{
	*p++ = (uint8_t)(2 << 6 | count);
	*p++ = pt;
	return put16(p, (uint16_t)(bytes / 4 - 1));
}

static uint8_t *put_block(struct rtcp *rtcp, uint8_t *p, struct rtp_rx *rx,
			  uint64_t now_ns)
{
	struct rtp_rx_report report;
	uint64_t delay = 0;
	uint32_t lsr;

	rtp_rx_report(rx, &report);
	/* Of the source that this block is about (6.4.1): after a change of
	 * SSRC there is none yet. */
	lsr = rtcp->lsr_ssrc == report.ssrc ? rtcp->lsr : 0;
	if (lsr) {
		delay = now_ns - rtcp->lsr_ns;
		delay = delay / 1000 * 65536 / 1000000;
	}
	p = put32(p, report.ssrc);
	p = put32(p, (uint32_t)report.fraction << 24 |
			     ((uint32_t)report.lost & 0xffffff));
	p = put32(p, report.ext_seq);
	p = put32(p, report.jitter);
	p = put32(p, lsr);
	return put32(p, delay > UINT32_MAX ? UINT32_MAX : (uint32_t)delay);
}

static uint8_t *put_sdes(const struct rtcp *rtcp, uint8_t *p, uint32_t ssrc)
{
	/* An item needs a zero behind it, and then the word is filled up. */
	size_t chunk = 4 + ((2 + RTCP_CNAME + 1 + 3) & ~3u);
	uint8_t *end = p + HEAD + chunk;

	p = put_head(p, 1, PT_SDES, HEAD + chunk);
	p = put32(p, ssrc);
	*p++ = SDES_CNAME;
	*p++ = RTCP_CNAME;
	memcpy(p, rtcp->cname, RTCP_CNAME);
	p += RTCP_CNAME;
	memset(p, 0, (size_t)(end - p));
	return end;
}

/* A sender is who has sent since the report before the last one (6.3.8). */
static bool is_sender(struct rtcp *rtcp, const struct rtp_tx *tx)
{
	if (tx->packets != rtcp->packets_reported)
		rtcp->quiet_reports = 0;
	else
		rtcp->quiet_reports++;
	rtcp->packets_reported = tx->packets;
	return tx->packets && rtcp->quiet_reports < 2;
}

size_t rtcp_build(struct rtcp *rtcp, uint8_t buf[RTCP_PACKET_MAX],
		  const struct rtp_tx *tx, struct rtp_rx *rx, uint32_t ts,
		  bool bye, uint64_t now_ns)
{
	/* A block only for who was heard since the last report (6.4). */
	unsigned blocks = rx->any && rx->packets != rtcp->heard_reported;
	uint8_t *p = buf;

	rtcp->heard_reported = rx->packets;
	if (is_sender(rtcp, tx)) {
		uint64_t ntp = ntp_of(now_ns);

		p = put_head(p, blocks, PT_SR,
			     HEAD + 4 + SENDER_INFO + blocks * BLOCK);
		p = put32(p, tx->ssrc);
		p = put32(p, (uint32_t)(ntp >> 32));
		p = put32(p, (uint32_t)ntp);
		p = put32(p, ts);
		p = put32(p, tx->packets);
		p = put32(p, (uint32_t)tx->bytes);
		rtcp->sent_mid[rtcp->sent_next++ % RTCP_OWN_REPORTS] =
			(uint32_t)(ntp >> 16);
	} else {
		p = put_head(p, blocks, PT_RR, HEAD + 4 + blocks * BLOCK);
		p = put32(p, tx->ssrc);
	}
	if (blocks)
		p = put_block(rtcp, p, rx, now_ns);
	p = put_sdes(rtcp, p, tx->ssrc);
	if (bye) {
		p = put_head(p, 1, PT_BYE, HEAD + 4);
		p = put32(p, tx->ssrc);
	}
	rtcp->due_ns = now_ns + interval_ns(rtcp, INTERVAL_MS);
	return (size_t)(p - buf);
}

/* ---- reading -------------------------------------------------------- */

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static size_t packet_bytes(const uint8_t *p)
{
	return 4 * ((size_t)(p[2] << 8 | p[3]) + 1);
}

/* A.2, and that the counts fit into the lengths of reports. */
static bool is_compound(const uint8_t *buf, size_t len)
{
	size_t at = 0;

	if (len < HEAD + 4 || len % 4 || buf[0] & 0x20 ||
	    (buf[1] != PT_SR && buf[1] != PT_RR))
		return false;
	while (at < len) {
		const uint8_t *p = buf + at;
		size_t bytes = packet_bytes(p), least = HEAD;

		if (p[0] >> 6 != 2 || bytes > len - at)
			return false;
		if (p[0] & 0x20 && at + bytes != len)
			return false; /* padding: the last one only */
		if (p[1] == PT_SR)
			least += 4 + SENDER_INFO + (p[0] & 31u) * BLOCK;
		else if (p[1] == PT_RR)
			least += 4 + (p[0] & 31u) * BLOCK;
		if (bytes < least)
			return false;
		at += bytes;
	}
	return true;
}

static bool is_ours(const struct rtcp *rtcp, uint32_t mid)
{
	for (size_t i = 0; i < RTCP_OWN_REPORTS; i++)
		if (rtcp->sent_mid[i] && rtcp->sent_mid[i] == mid)
			return true;
	return false;
}

static void read_block(struct rtcp *rtcp, const uint8_t *p, uint64_t now_ns)
{
	uint32_t lost = be32(p + 4) & 0xffffff;
	uint32_t lsr = be32(p + 16), dlsr = be32(p + 20);
	uint32_t now_mid = (uint32_t)(ntp_of(now_ns) >> 16);
	int32_t rtt;

	rtcp->remote_known = true;
	rtcp->remote_lost =
		lost & 0x800000 ? (int32_t)(lost | 0xff000000) : (int32_t)lost;
	rtcp->remote_seq = (uint16_t)be32(p + 8);
	rtcp->remote_jitter = be32(p + 12);

	/* Only an answer to what we have sent; a clock that runs a little
	 * fast at the far side may make it negative. */
	if (!is_ours(rtcp, lsr))
		return;
	rtt = (int32_t)(now_mid - lsr - dlsr);
	if (rtt > RTT_MAX_S * 65536)
		return;
	rtcp->rtt_us =
		rtt <= 0 ? 1 : (uint32_t)((uint64_t)rtt * 1000000 / 65536);
	if (!rtcp->rtt_us)
		rtcp->rtt_us = 1;
}

bool rtcp_read(struct rtcp *rtcp, const uint8_t *buf, size_t len,
	       uint32_t our_ssrc, uint64_t arrival_ns)
{
	if (!is_compound(buf, len))
		return false;
	for (size_t at = 0; at < len; at += packet_bytes(buf + at)) {
		const uint8_t *p = buf + at, *block = p + HEAD + 4;

		if (p[1] == PT_SR) {
			rtcp->lsr_ssrc = be32(p + 4);
			rtcp->lsr = be32(p + 8) << 16 | be32(p + 12) >> 16;
			rtcp->lsr_ns = arrival_ns;
			block += SENDER_INFO;
		} else if (p[1] != PT_RR) {
			continue;
		}
		for (unsigned i = 0; i < (p[0] & 31u); i++, block += BLOCK)
			if (be32(block) == our_ssrc)
				read_block(rtcp, block, arrival_ns);
	}
	return true;
}

void rtcp_sent(struct rtcp *rtcp, const struct rtp_tx *tx)
{
	uint16_t since = (uint16_t)(tx->seq - 1 - rtcp->remote_seq);

	if (rtcp->remote_known)
		rtcp->remote_of = tx->packets > since ? tx->packets - since : 0;
}
