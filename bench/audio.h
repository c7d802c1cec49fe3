/* audio.h -- the far side's RTP for many calls, over one socket
 *
 * Each stream sends 20 ms of PCMU every 20 ms, spread over the 20 ms, and a
 * digit when asked to. What comes is told apart by its source's port, and its
 * time is the kernel's, so the load's own delays don't blur what is measured:
 * how far each packet lies from its time (its timestamp, against the median
 * of its stream).
 */
#ifndef MOONDIAL_BENCH_AUDIO_H
#define MOONDIAL_BENCH_AUDIO_H

#include "bench/net.h"
#include "bench/samples.h"

enum {
	AUDIO_SLOTS = 20, /* ms in a packet's time */
	AUDIO_PORTS = 65536,
	AUDIO_FRAME = 160, /* samples and bytes of PCMU */
};

struct audio_stream {
	struct audio_stream *next, **prevp; /* in its slot */
	unsigned slot;
	struct sockaddr_in peer;
	uint32_t ts, ssrc;
	uint32_t first_sent_ts;
	uint16_t seq;
	char digit; /* being sent, or to be sent; 0: none */
	unsigned digit_step;
	uint32_t digit_ts;
	uint64_t digit_at_ns;
	/* of what comes, in the window that is measured */
	bool heard;
	uint16_t first_seq, last_seq;
	uint32_t first_ts;
	uint64_t first_ns;
	uint32_t received, cycles;
	struct samples offsets; /* µs */
};

/* What was measured, all streams together. */
struct audio_result {
	uint64_t sent, received, lost, unknown;
	double within_5ms;		/* part of those received */
	int32_t p50_us, p99_us, max_us; /* distance from their time */
	uint64_t late_slots; /* of our own sending, by more than 5 ms */
};

struct audio {
	int fd;
	struct sockaddr_in addr;
	struct batch out, in;
	struct audio_stream *slots[AUDIO_SLOTS];
	unsigned slot_load[AUDIO_SLOTS];
	struct audio_stream *by_port[AUDIO_PORTS];
	uint64_t next_ns; /* of the next slot */
	unsigned slot;
	bool measuring;
	/* PCMU that each stream says from its start on, over and over; NULL:
	 * silence */
	const uint8_t *say;
	size_t say_bytes; /* whole frames */
	uint64_t sent, received, unknown, lost, late_slots;
	uint64_t within, samples;
	struct samples distances;
};

/* ADDR as in udp_open. */
void audio_open(struct audio *audio, const struct sockaddr_in *addr);

/* Streams live from start to stop; zeroed before. PEER: where to send to, and
 * where from it will send. */
void audio_start(struct audio *audio, struct audio_stream *stream,
		 const struct sockaddr_in *peer);
void audio_stop(struct audio *audio, struct audio_stream *stream);

/* Press DIGIT at AT_NS, for 100 ms. */
void audio_press(struct audio_stream *stream, char digit, uint64_t at_ns);

/* Send what is due and take what has come. Returns when to call again. */
uint64_t audio_run(struct audio *audio);

/* Figures begin. They end for a stream when it stops. */
void audio_measure(struct audio *audio, bool on);

void audio_result(struct audio *audio, struct audio_result *result);

#endif
