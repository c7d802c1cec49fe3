/* jitter.c -- a ring of samples addressed by timestamp */
#include <assert.h>
#include <string.h>
#include "media/jitter.h"
#include "media/stretch.h"

/* Marks a sample that has not come: no codec's decoder makes it (the full
 * range of G.711 is ±32256), and others are kept off it when written. */
#define MISSING INT16_MIN

enum {
	/* Off by so much, the moment of hearing is moved. */
	MOVE_AT = 10 * AUDIO_SAMPLES_PER_MS,
	/* … in each frame; nearer, in each third. */
	HURRY_AT = 60 * AUDIO_SAMPLES_PER_MS,
	REST = 3,
	FORCE = 12, /* frames without a fitting lag */
	/* Two packets that far outside agree within so much. */
	AGREE = 60 * AUDIO_SAMPLES_PER_MS,
	/* What follows a sound that comfort noise has ended. */
	NOISE = 30 * AUDIO_SAMPLES_PER_MS + JITTER_FRAME,
};

static_assert((int)JITTER_FRAME == (int)STRETCH_FRAME, "a frame is a frame");
/* The longest delay, twice what is late after a gap, and a packet. */
static_assert(DELAY_LIMIT + JITTER_PACKET_MAX + JITTER_FRAME <= JITTER_RING,
	      "the ring holds what has to wait");

/* ---- the ring ------------------------------------------------------- */

static void clear(struct jitter *jitter)
{
	if (jitter->cleared || !jitter->room)
		return;
	for (size_t i = 0; i < JITTER_RING; i++)
		jitter->room->ring[i] = MISSING;
	jitter->cleared = true;
}

void jitter_reset(struct jitter *jitter)
{
	jitter->running = false;
	jitter->quiet = false;
	jitter->late = false;
	jitter->astray = false;
	jitter->cleared = false;
	clear(jitter);
}

void jitter_set_room(struct jitter *jitter, struct jitter_room *room)
{
	jitter->room = room;
	plc_init(&room->plc);
	room->made_up = JITTER_FADE;
	jitter->cleared = false;
	clear(jitter);
}

static int16_t *sample_at(const struct jitter *jitter, uint32_t ts)
{
	return &jitter->room->ring[ts % JITTER_RING];
}

/* How many of the N samples from TS on are there in one piece. */
static size_t present(const struct jitter *jitter, uint32_t ts, size_t n)
{
	size_t i = 0;

	while (i < n && *sample_at(jitter, ts + (uint32_t)i) != MISSING)
		i++;
	return i;
}

static size_t missing(const struct jitter *jitter, uint32_t ts, size_t n)
{
	size_t i = 0;

	while (i < n && *sample_at(jitter, ts + (uint32_t)i) == MISSING)
		i++;
	return i;
}

static void copy(const struct jitter *jitter, int16_t *pcm, size_t n)
{
	for (size_t i = 0; i < n; i++)
		pcm[i] = *sample_at(jitter, jitter->read_ts + (uint32_t)i);
}

/* Go on by N samples; they are used up. */
static void advance(struct jitter *jitter, uint32_t n)
{
	if (jitter->room && !jitter->cleared)
		for (uint32_t i = 0; i < n && i < JITTER_RING; i++)
			*sample_at(jitter, jitter->read_ts + i) = MISSING;
	jitter->read_ts += n;
}

static void write_samples(struct jitter *jitter, uint32_t ts,
			  const int16_t *pcm, size_t n)
{
	jitter->cleared = false;
	for (size_t i = 0; i < n; i++, ts++) {
		int16_t *s = sample_at(jitter, ts);

		if ((int32_t)(ts - jitter->read_ts) < 0)
			continue; /* its time has passed */
		*s = pcm[i];
		if (*s == MISSING)
			*s += 1;
	}
}

/* ---- packets -------------------------------------------------------- */

static void begin(struct jitter *jitter, uint32_t ts, uint32_t arrival)
{
	clear(jitter);
	jitter->running = true;
	jitter->anchored = false;
	jitter->quiet = false;
	jitter->astray = false;
	delay_restart(&jitter->delay, ts, arrival);
	jitter->read_ts = ts - jitter->delay.target;
	jitter->end_ts = ts;
}

/* Outside of all that may be waited for. One such packet is an accident or
 * damaged; two in sequence that agree are a new scale, that begins here. */
static bool is_astray(struct jitter *jitter, const struct jitter_packet *packet)
{
	int32_t late =
		delay_lateness(&jitter->delay, packet->ts, packet->arrival);
	uint32_t by = packet->ts - packet->arrival;
	bool agree = jitter->astray &&
		     by - jitter->astray_by + AGREE < 2 * (uint32_t)AGREE;

	if (late < DELAY_STEPS * DELAY_STEP && late > -DELAY_LIMIT) {
		jitter->astray = false;
		return false;
	}
	if (!packet->newest)
		return true;
	jitter->astray = true;
	jitter->astray_by = by;
	if (agree)
		begin(jitter, packet->ts, packet->arrival);
	return !agree;
}

static bool is_late(struct jitter *jitter)
{
	jitter->late_packets++;
	jitter->late_runs += !jitter->late;
	jitter->late = true;
	return false;
}

/* Make the window such that N samples of the packet have a place in it. False:
 * they have none. */
static bool place(struct jitter *jitter, const struct jitter_packet *packet,
		  size_t n)
{
	int32_t ahead;

	if (!jitter->running)
		begin(jitter, packet->ts, packet->arrival);
	if (is_astray(jitter, packet))
		return is_late(jitter);
	delay_packet(&jitter->delay, packet->ts, packet->arrival);
	ahead = (int32_t)(packet->ts - jitter->read_ts);
	if (ahead + (int32_t)n > JITTER_RING)
		begin(jitter, packet->ts, packet->arrival);
	else if (ahead + (int32_t)n <= 0)
		return is_late(jitter);
	jitter->late = false;
	if ((int32_t)(packet->ts + (uint32_t)n - jitter->end_ts) > 0) {
		jitter->end_ts = packet->ts + (uint32_t)n;
		jitter->quiet = false;
	}
	return true;
}

bool jitter_put(struct jitter *jitter, const struct jitter_packet *packet,
		bool listen)
{
	const struct codec *codec = packet->codec;
	size_t n = codec_payload_samples(codec, packet->bytes);
	int16_t pcm[JITTER_PACKET_MAX];

	if (n > JITTER_PACKET_MAX)
		n = JITTER_PACKET_MAX;
	if (!place(jitter, packet, n))
		return false;
	if (listen) {
		n = codec->decode(pcm, n, packet->payload, packet->bytes);
		write_samples(jitter, packet->ts, pcm, n);
	}
	return true;
}

void jitter_silence(struct jitter *jitter, uint32_t ts, bool listen)
{
	uint32_t ahead = ts - jitter->read_ts + JITTER_FRAME;

	if (!jitter->running || ahead > JITTER_RING - NOISE)
		return;
	if ((int32_t)(ts + JITTER_FRAME - jitter->end_ts) >= 0) {
		jitter->end_ts = ts + JITTER_FRAME;
		jitter->quiet = true;
	}
	if (!listen)
		return;
	/* What is made up afterwards is made of this: silence as well. */
	jitter->cleared = false;
	for (size_t i = 0; i < NOISE; i++, ts++) {
		int16_t *s = sample_at(jitter, ts);

		/* also false when its time has passed */
		if (ts - jitter->read_ts < JITTER_RING && *s == MISSING)
			*s = 0;
	}
}

/* ---- listening ------------------------------------------------------ */

/* The newest sample last. The library's own way to do so copies what overlaps
 * (0.0.6), and does nothing when it finds it done. */
static void unwind(plc_state_t *plc)
{
	int16_t newer[PLC_HISTORY_LEN];
	size_t at = (size_t)plc->buf_ptr, rest = PLC_HISTORY_LEN - at;

	if (!at)
		return;
	memcpy(newer, plc->history, at * sizeof(*newer));
	memmove(plc->history, plc->history + at, rest * sizeof(*newer));
	memcpy(plc->history + rest, newer, at * sizeof(*newer));
	plc->buf_ptr = 0;
}

static void conceal(struct jitter *jitter, int16_t *pcm, size_t n)
{
	struct jitter_room *room = jitter->room;
	/* The library writes a quarter of a period, however few it is asked
	 * for (0.0.6). */
	int16_t made[JITTER_FRAME + PLC_PITCH_OVERLAP_MAX];

	if (room->made_up >= JITTER_FADE) {
		memset(pcm, 0, n * sizeof(*pcm)); /* has faded out */
		return;
	}
	unwind(&room->plc);
	(void)plc_fillin(&room->plc, made, (int)n);
	memcpy(pcm, made, n * sizeof(*pcm));
	room->made_up += (uint32_t)n;
	if (!jitter->quiet)
		jitter->concealed += n;
}

/* N samples were really heard; their beginning is blended with what was made
 * up before them. */
static void heard(struct jitter *jitter, int16_t *pcm, size_t n)
{
	(void)plc_rx(&jitter->room->plc, pcm, (int)n);
	jitter->room->made_up = 0;
}

/* How far the moment of hearing is behind (negative) or ahead of its place. */
static int32_t error_of(const struct jitter *jitter, uint32_t now)
{
	return (int32_t)(jitter->read_ts - delay_heard(&jitter->delay, now));
}

/* Nothing is there at the moment of hearing: the place to correct it. Returns
 * for how many samples of this frame time stands still. */
static size_t move_in_gap(struct jitter *jitter, uint32_t now)
{
	int32_t left = (int32_t)(jitter->end_ts - jitter->read_ts);
	int32_t error = error_of(jitter, now);
	uint32_t max = jitter->delay.max ? jitter->delay.max : DELAY_MAX;
	uint32_t gap;

	if (left <= 0) {
		/* Late or lost: wait while we may. */
		return now + jitter->delay.ref - jitter->read_ts < max
			       ? JITTER_FRAME
			       : 0;
	}
	if (error >= 0)
		return (size_t)error < JITTER_FRAME ? (size_t)error
						    : JITTER_FRAME;
	gap = (uint32_t)missing(jitter, jitter->read_ts, (size_t)left);
	advance(jitter, gap < (uint32_t)-error ? gap : (uint32_t)-error);
	return 0;
}

/* A frame that is whole, longer or shorter than what is used up, when there is
 * need and it can be done well. */
static bool stretch(struct jitter *jitter, int16_t *pcm, uint32_t now)
{
	struct jitter_room *room = jitter->room;
	int16_t in[STRETCH_FRAME + STRETCH_LAG_MAX];
	int32_t error = error_of(jitter, now);
	bool shorter = error < 0;
	size_t off = (size_t)(shorter ? -error : error);
	size_t max = off < STRETCH_LAG_MAX ? off : STRETCH_LAG_MAX;
	size_t need = STRETCH_FRAME + (shorter ? max : 0), lag;

	if (room->rested < UINT8_MAX)
		room->rested++;
	if (off < MOVE_AT || (off < HURRY_AT && room->rested < REST) ||
	    present(jitter, jitter->read_ts, need) < need)
		return false;
	copy(jitter, in, need);
	lag = stretch_lag(in, max, shorter,
			  room->rested >= FORCE || off >= HURRY_AT);
	if (!lag)
		return false;
	if (shorter)
		stretch_shorter(pcm, in, lag);
	else
		stretch_longer(pcm, in, lag);
	heard(jitter, pcm, STRETCH_FRAME);
	advance(jitter, (uint32_t)(shorter ? STRETCH_FRAME + lag
					   : STRETCH_FRAME - lag));
	jitter->stretched += lag;
	room->rested = 0;
	return true;
}

static void take(struct jitter *jitter, int16_t *pcm, uint32_t now)
{
	size_t i = 0;

	while (i < JITTER_FRAME) {
		size_t n = JITTER_FRAME - i;
		size_t there = present(jitter, jitter->read_ts, n);

		if (there) {
			copy(jitter, pcm + i, there);
			heard(jitter, pcm + i, there);
			advance(jitter, (uint32_t)there);
			i += there;
			continue;
		}
		there = move_in_gap(jitter, now + (uint32_t)i);
		if (there) { /* time stands still */
			n = there < n ? there : n;
			conceal(jitter, pcm + i, n);
			i += n;
			continue;
		}
		n = missing(jitter, jitter->read_ts, n);
		if (n) {
			conceal(jitter, pcm + i, n);
			advance(jitter, (uint32_t)n);
			i += n;
		}
	}
}

static void anchor(struct jitter *jitter, uint32_t now)
{
	uint32_t to = delay_heard(&jitter->delay, now);

	jitter->anchored = true;
	if ((int32_t)(to - jitter->read_ts) > 0)
		advance(jitter, to - jitter->read_ts);
}

void jitter_get(struct jitter *jitter, int16_t *pcm, uint32_t now)
{
	if (jitter->running) {
		if (!jitter->anchored)
			anchor(jitter, now);
		jitter->ticks++;
		jitter->delay_sum +=
			pcm ? now + jitter->delay.ref - jitter->read_ts
			    : jitter->delay.target;
	}
	if (!pcm) {
		clear(jitter);
		jitter->read_ts =
			delay_heard(&jitter->delay, now) + JITTER_FRAME;
		return;
	}
	assert(jitter->room); /* who listens has brought one */
	if (!jitter->running)
		conceal(jitter, pcm, JITTER_FRAME);
	else if (!stretch(jitter, pcm, now))
		take(jitter, pcm, now);
}

void jitter_skip(struct jitter *jitter)
{
	jitter->anchored = false;
}

uint32_t jitter_delay(const struct jitter *jitter)
{
	return jitter->ticks ? (uint32_t)(jitter->delay_sum / jitter->ticks)
			     : 0;
}
