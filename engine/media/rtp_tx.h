/* rtp_tx.h -- the RTP that a stream sends: SSRC, sequence, timestamps
 *
 * They start at random (RFC 3550 5.1) and go on for the life of the stream,
 * whatever is played. The timestamp follows time also when nothing is sent;
 * the marker is set on the first packet and after each such gap.
 * A value in the stream; worker thread.
 */
#ifndef MOONDIAL_MEDIA_RTP_TX_H
#define MOONDIAL_MEDIA_RTP_TX_H

#include <re.h>

struct rtp_tx {
	uint32_t ssrc, ts; /* TS: of the next packet */
	uint16_t seq;
	bool gap; /* the next packet is the first of a talk spurt */
	uint32_t packets;
	uint64_t bytes;
};

void rtp_tx_init(struct rtp_tx *tx);

/* Time for SAMPLES passes (at the codec's RTP clock). */
static inline void rtp_tx_advance(struct rtp_tx *tx, uint32_t samples)
{
	tx->ts += samples;
}

/* Send BYTES of payload that stand in PACKET behind room for the header
 * (RTP_HEADER bytes). TO: NULL on a connected socket. The sequence number is
 * used up also when the kernel refuses the packet: for the far side it is lost.
 */
void rtp_tx_send(struct rtp_tx *tx, int fd, const struct sa *to,
		 uint8_t *packet, size_t bytes, uint8_t pt, uint32_t ts,
		 bool marker);

#endif
