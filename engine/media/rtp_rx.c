/* rtp_rx.c -- RFC 3550 A.1, A.3, A.8 */
#include <string.h>
#include "media/media.h"
#include "media/rtp_rx.h"

enum {
	MAX_DROPOUT = 3000,
	MAX_MISORDER = 100,
	SEQ_MOD = 1 << 16,
	WINDOW = 64,
	/* A change of transit beyond this is a jump, not jitter. */
	TRANSIT_JUMP_S = 1,
	SILENCE_NS = 500 * 1000 * 1000,
};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

bool rtp_parse(struct rtp_packet *packet, const uint8_t *buf, size_t len)
{
	size_t head = RTP_HEADER;

	if (len < RTP_HEADER || buf[0] >> 6 != 2)
		return false;
	head += (size_t)4 * (buf[0] & 0x0f);
	if (buf[0] & 0x10) {
		if (len < head + 4)
			return false;
		head += 4 + (size_t)4 * (size_t)(buf[head + 2] << 8 |
						 buf[head + 3]);
	}
	if (len < head)
		return false;
	packet->bytes = len - head;
	if (buf[0] & 0x20) {
		uint8_t pad = buf[len - 1];

		if (!pad || pad > packet->bytes)
			return false;
		packet->bytes -= pad;
	}
	packet->payload = buf + head;
	packet->marker = buf[1] & 0x80;
	packet->pt = buf[1] & 0x7f;
	packet->seq = (uint16_t)(buf[2] << 8 | buf[3]);
	packet->ts = be32(buf + 4);
	packet->ssrc = be32(buf + 8);
	return true;
}

static uint32_t expected(const struct rtp_rx *rx)
{
	return rx->any ? rx->cycles + rx->max_seq - rx->base_seq + 1 : 0;
}

int32_t rtp_rx_lost(const struct rtp_rx *rx)
{
	return (int32_t)(expected(rx) - rx->received);
}

void rtp_rx_loss(const struct rtp_rx *rx, uint64_t *all, uint64_t *missing)
{
	int32_t lost = rtp_rx_lost(rx);

	*all = (uint64_t)rx->expected_before + expected(rx);
	*missing = (uint64_t)rx->lost_before + (lost > 0 ? (uint32_t)lost : 0);
}

static void begin(struct rtp_rx *rx, uint32_t ssrc, uint16_t seq)
{
	int32_t lost = rtp_rx_lost(rx);

	if (lost > 0)
		rx->lost_before += (uint32_t)lost;
	rx->expected_before += expected(rx);
	rx->any = true;
	rx->ssrc = ssrc;
	rx->base_seq = seq;
	rx->max_seq = seq;
	rx->bad_seq = SEQ_MOD + 1; /* none */
	rx->cycles = 0;
	rx->window = 1;
	rx->received = 0;
	rx->expected_prior = 0;
	rx->received_prior = 0;
	rx->transit_known = false;
	rx->jitter = 0;
}

/* One of those that were missing has come: its gap may have closed, or has
 * become two. BACK is at least 1; the newest is always there. */
static void gap_filled(struct rtp_rx *rx, unsigned back)
{
	bool older = back + 1 >= WINDOW || rx->window >> (back + 1) & 1;
	bool newer = rx->window >> (back - 1) & 1;

	if (older && newer && rx->gaps)
		rx->gaps--;
	else if (!older && !newer)
		rx->gaps++;
}

/* A packet older than the newest: a duplicate, or late by BACK. */
static bool is_duplicate(struct rtp_rx *rx, unsigned back)
{
	uint64_t bit;

	if (back >= WINDOW) {
		rx->reordered++;
		return false;
	}
	bit = UINT64_C(1) << back;
	if (rx->window & bit)
		return true;
	rx->window |= bit;
	rx->reordered++;
	gap_filled(rx, back);
	return false;
}

enum rtp_rx_verdict rtp_rx_packet(struct rtp_rx *rx,
				  const struct rtp_packet *packet,
				  uint64_t arrival_ns)
{
	enum rtp_rx_verdict verdict = RTP_RX_OK;
	uint16_t delta = (uint16_t)(packet->seq - rx->max_seq);
	bool silent = arrival_ns > rx->heard_ns + SILENCE_NS;

	rx->heard_ns = arrival_ns;
	rx->packets++;
	rx->bytes += packet->bytes;
	if (!rx->any || packet->ssrc != rx->ssrc) {
		verdict = rx->any ? RTP_RX_RESTART : RTP_RX_OK;
		begin(rx, packet->ssrc, packet->seq);
	} else if (delta && delta < MAX_DROPOUT) {
		if (packet->seq < rx->max_seq)
			rx->cycles += SEQ_MOD;
		rx->max_seq = packet->seq;
		rx->gaps += delta > 1;
		rx->window = delta < WINDOW ? rx->window << delta : 0;
		rx->window |= 1;
	} else if (silent) {
		begin(rx, packet->ssrc, packet->seq);
		verdict = RTP_RX_RESTART;
	} else if (delta && delta <= SEQ_MOD - MAX_MISORDER) {
		/* Two in sequence after a jump: the sender has restarted. */
		if (packet->seq != rx->bad_seq) {
			rx->bad_seq = (packet->seq + 1u) & (SEQ_MOD - 1);
			return RTP_RX_DROP;
		}
		begin(rx, packet->ssrc, packet->seq);
		verdict = RTP_RX_RESTART;
	} else if (is_duplicate(rx, (uint16_t)-delta)) {
		rx->duplicate++;
		verdict = RTP_RX_DROP;
	}
	rx->received++;
	return verdict;
}

void rtp_rx_jitter(struct rtp_rx *rx, uint32_t ts, uint32_t srate,
		   uint64_t arrival_ns)
{
	uint64_t arrival = arrival_ns / 1000 * (srate / 100) / 10000;
	uint32_t transit = (uint32_t)arrival - ts;
	int32_t d = (int32_t)(transit - rx->transit);

	rx->transit = transit;
	if (d < 0)
		d = d == INT32_MIN ? INT32_MAX : -d;
	if (!rx->transit_known || (uint32_t)d > TRANSIT_JUMP_S * srate) {
		rx->transit_known = true;
		return;
	}
	rx->jitter += (uint32_t)d - ((rx->jitter + 8) >> 4);
}

void rtp_rx_report(struct rtp_rx *rx, struct rtp_rx_report *report)
{
	uint32_t exp = expected(rx);
	uint32_t exp_interval = exp - rx->expected_prior;
	uint32_t rec_interval = rx->received - rx->received_prior;
	int32_t lost_interval = (int32_t)(exp_interval - rec_interval);
	int32_t lost = rtp_rx_lost(rx);

	rx->expected_prior = exp;
	rx->received_prior = rx->received;
	report->ssrc = rx->ssrc;
	report->fraction =
		exp_interval && lost_interval > 0
			? (uint8_t)(((uint64_t)lost_interval << 8) /
							    exp_interval >
						    255
					    ? 255
					    : ((uint64_t)lost_interval << 8) /
						      exp_interval)
			: 0;
	report->lost = lost > 0x7fffff	  ? 0x7fffff
		       : lost < -0x800000 ? -0x800000
					  : lost;
	report->ext_seq = rx->cycles + rx->max_seq;
	report->jitter = rx->jitter >> 4;
}

void rtp_rx_stats(const struct rtp_rx *rx, uint32_t srate,
		  struct media_stats *stats)
{
	int32_t lost = rtp_rx_lost(rx);

	stats->rx_packets = rx->packets;
	stats->rx_bytes = rx->bytes;
	stats->rx_lost = rx->lost_before + (lost > 0 ? (uint32_t)lost : 0);
	stats->rx_duplicate = rx->duplicate;
	stats->rx_reordered = rx->reordered;
	stats->rx_jitter_us = srate ? (uint32_t)((uint64_t)(rx->jitter >> 4) *
						 1000000 / srate)
				    : 0;
}
