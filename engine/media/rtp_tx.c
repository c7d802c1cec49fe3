/* rtp_tx.c -- headers, and one system call a packet */
#include <re.h>
#include "base/metrics.h"
#include "media/rtp_rx.h"
#include "media/rtp_socket.h"
#include "media/rtp_tx.h"

METRIC(rtp_send_failed, "RTP packets that the kernel refused");

void rtp_tx_init(struct rtp_tx *tx)
{
	struct {
		uint32_t ssrc, ts;
		uint16_t seq;
	} r;

	rand_bytes((uint8_t *)&r, sizeof(r));
	*tx = (struct rtp_tx){
		.ssrc = r.ssrc, .ts = r.ts, .seq = r.seq, .gap = true};
}

static void put32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

void rtp_tx_send(struct rtp_tx *tx, int fd, const struct sa *to,
		 uint8_t *packet, size_t bytes, uint8_t pt, uint32_t ts,
		 bool marker)
{
	packet[0] = 2 << 6;
	packet[1] = (uint8_t)((marker ? 0x80 : 0) | (pt & 0x7f));
	packet[2] = (uint8_t)(tx->seq >> 8);
	packet[3] = (uint8_t)tx->seq;
	put32(packet + 4, ts);
	put32(packet + 8, tx->ssrc);
	tx->seq++;
	tx->gap = false;
	if (rtp_socket_send(fd, packet, RTP_HEADER + bytes, to)) {
		metric_add(&rtp_send_failed, 1);
		return;
	}
	tx->packets++;
	tx->bytes += bytes;
}
