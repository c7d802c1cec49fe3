/* network_fixture.h -- a bad network in simulated time, before a jitter buffer
 *
 * Packets of 20 ms PCMU leave on the sender's clock, are lost, delayed,
 * reordered and doubled, and come to the real jitter buffer, which is read each
 * 20 ms. The same seed gives the same network. Tests assert bounds on what
 * comes out; bench/network.c measures it.
 */
#ifndef MOONDIAL_TEST_NETWORK_FIXTURE_H
#define MOONDIAL_TEST_NETWORK_FIXTURE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "media/jitter.h"

enum {
	NETWORK_PACKET = 160,
	NETWORK_BASE = 50 * AUDIO_SAMPLES_PER_MS, /* of the fastest packet */
	NETWORK_PENDING = 64,
	NETWORK_DELAYS = 1000, /* ms, in the histogram */
};

struct network {
	const char *name;
	double loss;	  /* share of the packets, in percent */
	double burst;	  /* mean number lost in a row; 0: at random */
	double jitter_ms; /* each is delayed by 0 … this, and stays in order */
	double reorder;	  /* percent that 1 to 3 others overtake */
	double duplicate; /* percent that come twice */
	double skew_ppm;  /* the sender's clock is faster */
	double spike_ms;  /* each 10 s a queue that empties at once */
};

struct network_packet {
	int64_t arrival; /* on our clock, samples */
	int64_t number;
	uint16_t seq;
};

/* What is heard in a frame, and the sample of the source at its beginning. */
typedef void(network_heard_h)(const int16_t *pcm, int64_t source, void *arg);

/* Fills in the payload of packet NUMBER. */
typedef void(network_payload_h)(uint8_t *payload, int64_t number, void *arg);

struct network_run {
	struct network network;
	struct jitter jitter;
	struct jitter_room room;
	uint64_t rng;
	int64_t next; /* packet to be sent */
	int64_t last; /* arrival of the latest in order */
	bool losing;
	struct network_packet pending[NETWORK_PENDING];
	size_t count;
	uint16_t newest;
	bool any;
	/* counted */
	int64_t sent, lost, duplicates, frames;
	uint32_t delays[NETWORK_DELAYS];
	network_payload_h *payload;
	network_heard_h *heard;
	void *arg;
};

static inline double network_random(struct network_run *run)
{
	run->rng ^= run->rng >> 12;
	run->rng ^= run->rng << 25;
	run->rng ^= run->rng >> 27;
	return (double)(run->rng * UINT64_C(2685821657736338717) >> 11) /
	       (double)(UINT64_C(1) << 53);
}

static inline void network_begin(struct network_run *run,
				 const struct network *network)
{
	memset(run, 0, sizeof(*run));
	run->network = *network;
	run->rng = UINT64_C(0x9e3779b97f4a7c15);
	jitter_reset(&run->jitter);
	jitter_set_room(&run->jitter, &run->room);
}

/* Gilbert's model: the mean length of a loss, and its share of all. */
static inline bool network_loses(struct network_run *run)
{
	double p = run->network.loss / 100, burst = run->network.burst;

	if (burst < 1)
		return network_random(run) < p;
	if (run->losing)
		run->losing = network_random(run) >= 1 / burst;
	else
		run->losing = network_random(run) < p / (1 - p) / burst;
	return run->losing;
}

static inline int64_t network_sent_at(const struct network_run *run,
				      int64_t sample)
{
	return (int64_t)((double)sample / (1 + run->network.skew_ppm / 1e6));
}

static inline void network_queue(struct network_run *run, int64_t number,
				 int64_t arrival)
{
	if (run->count < NETWORK_PENDING)
		run->pending[run->count++] =
			(struct network_packet){.arrival = arrival,
						.number = number,
						.seq = (uint16_t)number};
}

/* The packets that leave until NOW. */
static inline void network_send(struct network_run *run, int64_t now)
{
	const struct network *net = &run->network;

	for (;; run->next++) {
		/* a packet leaves when its last sample has been spoken */
		int64_t sent =
			network_sent_at(run, (run->next + 1) * NETWORK_PACKET);
		int64_t arrival = sent + NETWORK_BASE;
		int64_t phase = sent % (10000 * AUDIO_SAMPLES_PER_MS);
		int64_t spike = (int64_t)(net->spike_ms * AUDIO_SAMPLES_PER_MS);

		if (sent > now)
			return;
		run->sent++;
		if (network_loses(run)) {
			run->lost++;
			continue;
		}
		arrival += (int64_t)(network_random(run) * net->jitter_ms *
				     AUDIO_SAMPLES_PER_MS);
		if (run->next > 500 && phase < spike)
			arrival += spike - phase;
		if (arrival < run->last)
			arrival = run->last;
		if (network_random(run) * 100 < net->reorder)
			arrival += (1 + (int64_t)(network_random(run) * 3)) *
					   NETWORK_PACKET +
				   NETWORK_PACKET / 2;
		else
			run->last = arrival;
		network_queue(run, run->next, arrival);
		if (network_random(run) * 100 < net->duplicate) {
			run->duplicates++;
			network_queue(run, run->next,
				      arrival + NETWORK_PACKET / 4);
		}
	}
}

static inline void network_deliver(struct network_run *run, int64_t now)
{
	for (;;) {
		struct network_packet p;
		uint8_t payload[NETWORK_PACKET];
		struct jitter_packet packet = {.codec = &codec_pcmu,
					       .payload = payload,
					       .bytes = NETWORK_PACKET};
		size_t first = 0;

		for (size_t i = 1; i < run->count; i++)
			if (run->pending[i].arrival <
			    run->pending[first].arrival)
				first = i;
		if (!run->count || run->pending[first].arrival > now)
			return;
		p = run->pending[first];
		run->pending[first] = run->pending[--run->count];
		if (!run->any || (int16_t)(p.seq - run->newest) > 0) {
			run->newest = p.seq;
			packet.newest = true;
			run->any = true;
		}
		packet.ts = (uint32_t)(p.number * NETWORK_PACKET);
		packet.arrival = (uint32_t)p.arrival;
		run->payload(payload, p.number, run->arg);
		(void)jitter_put(&run->jitter, &packet, true);
	}
}

/* SECONDS of the call, from *CLOCK on. */
static inline void network_play(struct network_run *run, double seconds,
				int64_t *clock)
{
	int64_t end = *clock + (int64_t)(seconds * AUDIO_SRATE);

	for (; *clock < end; *clock += JITTER_FRAME) {
		int16_t pcm[JITTER_FRAME];
		int64_t source, delay;

		network_send(run, *clock);
		network_deliver(run, *clock);
		jitter_get(&run->jitter, pcm, (uint32_t)*clock);
		run->frames++;
		/* the sample that this frame ended with */
		source = (int32_t)run->jitter.read_ts;
		if (!run->jitter.running)
			continue;
		if (run->heard)
			run->heard(pcm, source - JITTER_FRAME, run->arg);
		if (run->room.made_up)
			continue; /* nobody says how old that is */
		delay = *clock + JITTER_FRAME - NETWORK_BASE -
			network_sent_at(run, source + NETWORK_PACKET);
		delay /= AUDIO_SAMPLES_PER_MS;
		run->delays[delay < 0		      ? 0
			    : delay >= NETWORK_DELAYS ? NETWORK_DELAYS - 1
						      : delay]++;
	}
}

/* The delay that SHARE of the frames stayed within, in ms. */
static inline int network_delay(const struct network_run *run, double share)
{
	uint64_t all = 0, sum = 0;
	int ms = 0;

	for (int i = 0; i < NETWORK_DELAYS; i++)
		all += run->delays[i];
	for (; ms < NETWORK_DELAYS - 1; ms++) {
		sum += run->delays[ms];
		if ((double)sum >= share * (double)all)
			break;
	}
	return ms;
}

static inline double network_delay_mean(const struct network_run *run)
{
	double all = 0, sum = 0;

	for (int i = 0; i < NETWORK_DELAYS; i++) {
		all += run->delays[i];
		sum += (double)run->delays[i] * i;
	}
	return all > 0 ? sum / all : 0;
}

#endif
