/* jitter.c -- a ring of samples addressed by timestamp */
#include <assert.h>
#include <string.h>
#include "media/jitter.h"

/* Marks a sample that has not come: no codec's decoder makes it (the full
 * range of G.711 is ±32256), and others are kept off it when written. */
#define MISSING INT16_MIN

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
	jitter->late_run = 0;
	jitter->cleared = false;
	clear(jitter);
}

void jitter_set_room(struct jitter *jitter, struct jitter_room *room)
{
	jitter->room = room;
	jitter->cleared = false;
	clear(jitter);
}

static void begin(struct jitter *jitter, uint32_t ts)
{
	clear(jitter);
	jitter->running = true;
	jitter->late_run = 0;
	jitter->read_ts = ts - JITTER_DELAY;
	jitter->end_ts = ts;
}

static void write_samples(struct jitter *jitter, uint32_t ts,
			  const int16_t *pcm, size_t n)
{
	jitter->cleared = false;
	for (size_t i = 0; i < n; i++, ts++) {
		if ((int32_t)(ts - jitter->read_ts) < 0)
			continue; /* its time has passed */
		jitter->room->ring[ts % JITTER_RING] = pcm[i];
		if (pcm[i] == MISSING)
			jitter->room->ring[ts % JITTER_RING]++;
	}
}

/* Make the window such that N samples at TS have a place in it. False: their
 * time has passed. */
static bool place(struct jitter *jitter, uint32_t ts, size_t n)
{
	int32_t ahead;

	if (!jitter->running)
		begin(jitter, ts);
	ahead = (int32_t)(ts - jitter->read_ts);
	if (ahead < -JITTER_LATE_MAX || ahead + (int32_t)n > JITTER_RING) {
		begin(jitter, ts);
	} else if (ahead + (int32_t)n <= 0) {
		if (++jitter->late_run < JITTER_LATE_RUN)
			return false;
		begin(jitter, ts);
	}
	jitter->late_run = 0;
	if ((int32_t)(ts + (uint32_t)n - jitter->end_ts) > 0)
		jitter->end_ts = ts + (uint32_t)n;
	return true;
}

bool jitter_put(struct jitter *jitter, const struct codec *codec, uint32_t ts,
		const uint8_t *payload, size_t bytes, bool listen)
{
	size_t n = codec_payload_samples(codec, bytes);
	int16_t pcm[JITTER_PACKET_MAX];

	if (n > JITTER_PACKET_MAX)
		n = JITTER_PACKET_MAX;
	if (!place(jitter, ts, n))
		return false;
	jitter->codec = codec;
	if (listen) {
		n = codec->decode(pcm, n, payload, bytes);
		write_samples(jitter, ts, pcm, n);
	}
	return true;
}

void jitter_silence(struct jitter *jitter, uint32_t ts, bool listen)
{
	if (!place(jitter, ts, JITTER_FRAME) || !listen)
		return;
	/* What is made up afterwards is made of the history: silence as well,
	 * when it holds nothing else. */
	jitter->cleared = false;
	for (size_t i = 0; i < JITTER_HISTORY + JITTER_FRAME; i++, ts++) {
		int16_t *s = &jitter->room->ring[ts % JITTER_RING];

		/* also false when its time has passed */
		if (ts - jitter->read_ts < JITTER_RING && *s == MISSING)
			*s = 0;
	}
}

/* More waits than any jitter we mean to bear: the sender's clock is faster, or
 * a burst came. What is left over is dropped from the old end. */
static void cut(struct jitter *jitter)
{
	int32_t level = (int32_t)(jitter->end_ts - jitter->read_ts);
	uint32_t to = jitter->end_ts - JITTER_DELAY;

	if (level <= JITTER_LEVEL_MAX)
		return;
	if (jitter->room)
		for (uint32_t ts = jitter->read_ts; ts != to; ts++)
			jitter->room->ring[ts % JITTER_RING] = MISSING;
	jitter->read_ts = to;
}

static void conceal(struct jitter *jitter, size_t at, size_t n)
{
	int16_t *pcm = &jitter->room->out[at];
	size_t history = at < JITTER_HISTORY ? at : JITTER_HISTORY;

	if (jitter->made_up >= AUDIO_FRAME_MAX || !jitter->codec) {
		memset(pcm, 0, n * sizeof(*pcm)); /* has faded out */
	} else {
		jitter->codec->conceal(pcm, n, pcm - history, history,
				       jitter->made_up);
	}
	jitter->made_up += n;
}

void jitter_get(struct jitter *jitter, int16_t *pcm)
{
	struct jitter_room *room = jitter->room;
	int16_t *out;
	size_t i = 0;

	if (jitter->running)
		cut(jitter);
	if (!pcm) {
		clear(jitter);
		jitter->read_ts += JITTER_FRAME;
		return;
	}
	assert(room); /* who listens has brought one */
	memmove(room->out, &room->out[JITTER_FRAME],
		JITTER_HISTORY * sizeof(*room->out));
	out = &room->out[JITTER_HISTORY];
	while (i < JITTER_FRAME) {
		size_t from = i;

		for (; i < JITTER_FRAME; i++) {
			int16_t *s = &room->ring[(jitter->read_ts + i) %
						 JITTER_RING];

			if (*s == MISSING)
				break;
			out[i] = *s;
			*s = MISSING;
		}
		if (i > from) {
			jitter->made_up = 0;
			continue;
		}
		while (i < JITTER_FRAME &&
		       room->ring[(jitter->read_ts + i) % JITTER_RING] ==
			       MISSING)
			i++;
		conceal(jitter, JITTER_HISTORY + from, i - from);
	}
	jitter->read_ts += JITTER_FRAME;
	memcpy(pcm, out, JITTER_FRAME * sizeof(*pcm));
}
