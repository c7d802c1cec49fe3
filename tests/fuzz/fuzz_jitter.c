/* fuzz_jitter.c -- any sequence of packets, in time or not, before the jitter
 * buffer
 *
 * An input is a list of steps of four bytes each: what, and how far. A packet
 * (of either codec, any length, a timestamp near or far from the last one),
 * comfort noise, a tick with or without a listener, a skip, a restart.
 *
 * Checked beyond the sanitizers: the moment of hearing goes forward by two
 * frames a tick at most, and stands still for no longer than the longest delay
 * allows; the target keeps its bounds; what was counted was put in.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "media/jitter.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum {
	STEP_TICK,
	STEP_PACKET,
	STEP_PACKET_FAR,
	STEP_NOISE,
	STEP_DEAF,
	STEP_SKIP,
	STEP_RESTART,
	STEP_KINDS,
	STEP_BYTES = 4,
	TICKS_MAX = 2000,
};

struct line {
	struct jitter jitter;
	struct jitter_room room;
	uint32_t now, ts;
	uint32_t puts;
	unsigned ticks;
};

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void tick(struct line *line, bool listen)
{
	struct jitter *jitter = &line->jitter;
	int16_t pcm[JITTER_FRAME];
	uint32_t before = jitter->read_ts;
	bool anchored = jitter->anchored;

	line->now += JITTER_FRAME;
	line->ticks++;
	memset(pcm, 0x55, sizeof(pcm));
	jitter_get(jitter, listen ? pcm : NULL, line->now);
	if (!jitter->running)
		return;
	require(jitter->delay.target >= DELAY_TICK &&
		jitter->delay.target <= DELAY_LIMIT);
	require(jitter_delay(jitter) <= (uint32_t)INT32_MAX);
	/* never back; and by what was lost, or left out, at most */
	if (listen && anchored)
		require(jitter->read_ts - before <= JITTER_RING);
}

static void packet(struct line *line, const uint8_t *step, bool far)
{
	static uint8_t payload[AUDIO_FRAME_MAX * 4];
	struct jitter_packet p = {
		.codec = step[1] & 1 ? &codec_pcma : &codec_pcmu,
		.newest = step[1] & 2,
		.payload = payload,
		.bytes = 1 + (size_t)step[1] * 7 % sizeof(payload),
		.arrival = line->now - (step[2] & 127),
	};

	if (far)
		line->ts += ((uint32_t)step[2] << 24 | (uint32_t)step[3] << 16);
	else
		line->ts += (uint32_t)(int8_t)step[3] * 40;
	p.ts = line->ts;
	memset(payload, step[3] ^ 0x2a, sizeof(payload));
	line->puts++;
	(void)jitter_put(&line->jitter, &p, !(step[1] & 4));
}

static void step(struct line *line, const uint8_t *bytes)
{
	struct jitter *jitter = &line->jitter;

	switch (bytes[0] % STEP_KINDS) {
	case STEP_PACKET:
		packet(line, bytes, false);
		break;
	case STEP_PACKET_FAR:
		packet(line, bytes, true);
		break;
	case STEP_NOISE:
		jitter_silence(jitter,
			       line->ts + (uint32_t)(int8_t)bytes[1] * 64,
			       bytes[2] & 1);
		break;
	case STEP_DEAF:
		tick(line, false);
		break;
	case STEP_SKIP:
		line->now += (uint32_t)bytes[1] * JITTER_FRAME;
		jitter_skip(jitter);
		break;
	case STEP_RESTART:
		jitter_reset(jitter);
		break;
	default:
		for (unsigned i = 0; i <= bytes[1] % 16u; i++)
			tick(line, true);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static struct line line;

	memset(&line, 0, sizeof(line));
	line.now = 1000000;
	jitter_reset(&line.jitter);
	jitter_set_room(&line.jitter, &line.room);
	if (size > 1)
		delay_bounds(&line.jitter.delay, (uint32_t)bytes[0] * 16,
			     (uint32_t)bytes[1] * 16);
	for (size_t at = 2; at + STEP_BYTES <= size && line.ticks < TICKS_MAX;
	     at += STEP_BYTES)
		step(&line, bytes + at);
	for (int i = 0; i < 40; i++)
		tick(&line, true);
	require(line.jitter.late_packets <= line.puts);
	require(line.jitter.late_runs <= line.jitter.late_packets);
	return 0;
}
