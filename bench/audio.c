/* audio.c -- the far side's RTP for many calls */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include "bench/audio.h"

enum {
	HEADER = 12,
	FRAME = AUDIO_FRAME,
	PT_PCMU = 0,
	PT_EVENT = 101,
	SLOT_NS = 1000000,
	LATE_NS = 5000000,
	NEAR_US = 5000,
	DIGIT_PACKETS = 5, /* 100 ms, the last one three times */
	DIGIT_STEPS = DIGIT_PACKETS + 2,
	PCMU_SILENCE = 0xff,
};

void audio_open(struct audio *audio, const struct sockaddr_in *addr)
{
	memset(audio, 0, sizeof(*audio));
	audio->addr = *addr;
	audio->addr.sin_port = 0;
	audio->fd = udp_open(&audio->addr, true);
	batch_init(&audio->out);
	batch_init(&audio->in);
	audio->next_ns = now_ns();
}

void audio_start(struct audio *audio, struct audio_stream *stream,
		 const struct sockaddr_in *peer)
{
	unsigned slot = 0;

	for (unsigned i = 1; i < AUDIO_SLOTS; i++)
		if (audio->slot_load[i] < audio->slot_load[slot])
			slot = i;
	audio->slot_load[slot]++;
	stream->slot = slot;
	stream->peer = *peer;
	stream->ssrc = (uint32_t)random();
	stream->seq = (uint16_t)random();
	stream->ts = stream->first_sent_ts = (uint32_t)random();
	stream->next = audio->slots[slot];
	stream->prevp = &audio->slots[slot];
	if (stream->next)
		stream->next->prevp = &stream->next;
	audio->slots[slot] = stream;
	audio->by_port[ntohs(peer->sin_port)] = stream;
}

/* ---- figures -------------------------------------------------------- */

static void take_figures(struct audio *audio, struct audio_stream *stream)
{
	int32_t median = samples_percentile(&stream->offsets, 0.5);
	uint32_t expected =
		stream->cycles + stream->last_seq - stream->first_seq + 1;

	if (stream->heard && expected > stream->received)
		audio->lost += expected - stream->received;
	for (size_t i = 0; i < stream->offsets.count; i++) {
		int32_t off = abs(stream->offsets.values[i] - median);

		audio->within += off <= NEAR_US;
		audio->samples++;
		samples_add(&audio->distances, off);
	}
	samples_clear(&stream->offsets);
	stream->heard = false;
}

void audio_measure(struct audio *audio, bool on)
{
	audio->measuring = on;
	if (!on)
		for (unsigned i = 0; i < AUDIO_PORTS; i++)
			if (audio->by_port[i])
				take_figures(audio, audio->by_port[i]);
}

void audio_stop(struct audio *audio, struct audio_stream *stream)
{
	unsigned port = ntohs(stream->peer.sin_port);

	if (!stream->prevp)
		return;
	take_figures(audio, stream);
	*stream->prevp = stream->next;
	if (stream->next)
		stream->next->prevp = stream->prevp;
	stream->prevp = NULL;
	/* The port may have another owner already. */
	if (audio->by_port[port] == stream)
		audio->by_port[port] = NULL;
	audio->slot_load[stream->slot]--;
}

void audio_result(struct audio *audio, struct audio_result *result)
{
	result->sent = audio->sent;
	result->received = audio->received;
	result->lost = audio->lost;
	result->unknown = audio->unknown;
	result->late_slots = audio->late_slots;
	result->within_5ms =
		audio->samples ? (double)audio->within / (double)audio->samples
			       : 0;
	result->p50_us = samples_percentile(&audio->distances, 0.5);
	result->p99_us = samples_percentile(&audio->distances, 0.99);
	result->max_us = samples_percentile(&audio->distances, 1);
}

/* ---- sending -------------------------------------------------------- */

void audio_press(struct audio_stream *stream, char digit, uint64_t at_ns)
{
	stream->digit = digit;
	stream->digit_at_ns = at_ns;
	stream->digit_step = 0;
}

static void put_header(uint8_t *p, const struct audio_stream *stream,
		       uint8_t pt, uint32_t ts, bool marker)
{
	uint16_t seq = htons(stream->seq);
	uint32_t ts_be = htonl(ts), ssrc_be = htonl(stream->ssrc);

	p[0] = 0x80;
	p[1] = (uint8_t)(pt | (marker ? 0x80 : 0));
	memcpy(p + 2, &seq, 2);
	memcpy(p + 4, &ts_be, 4);
	memcpy(p + 8, &ssrc_be, 4);
}

/* RFC 4733: one packet of the digit. */
static void send_event(struct audio *audio, struct audio_stream *stream)
{
	static const char keys[] = "0123456789*#";
	unsigned step = stream->digit_step++;
	unsigned n = step < DIGIT_PACKETS ? step + 1 : DIGIT_PACKETS;
	uint8_t *p =
		batch_add(&audio->out, audio->fd, &stream->peer, HEADER + 4);

	if (!step)
		stream->digit_ts = stream->ts;
	put_header(p, stream, PT_EVENT, stream->digit_ts, !step);
	p[HEADER] = (uint8_t)(strchr(keys, stream->digit) - keys);
	p[HEADER + 1] = step + 1 >= DIGIT_PACKETS ? 0x8a : 0x0a;
	p[HEADER + 2] = (uint8_t)(n * FRAME >> 8);
	p[HEADER + 3] = (uint8_t)(n * FRAME);
	if (stream->digit_step == DIGIT_STEPS)
		stream->digit = 0;
}

static void send_one(struct audio *audio, struct audio_stream *stream,
		     uint64_t now)
{
	if (stream->digit && now >= stream->digit_at_ns) {
		send_event(audio, stream);
	} else {
		uint8_t *p = batch_add(&audio->out, audio->fd, &stream->peer,
				       HEADER + FRAME);

		put_header(p, stream, PT_PCMU, stream->ts, false);
		if (audio->say)
			memcpy(p + HEADER,
			       audio->say +
				       (stream->ts - stream->first_sent_ts) %
					       audio->say_bytes,
			       FRAME);
		else
			memset(p + HEADER, PCMU_SILENCE, FRAME);
	}
	stream->seq++;
	stream->ts += FRAME;
	audio->sent += audio->measuring;
}

/* ---- receiving ------------------------------------------------------ */

static void measure(struct audio_stream *stream, uint16_t seq, uint32_t ts,
		    uint64_t at_ns)
{
	int64_t due_us, at_us;

	if (!stream->heard) {
		stream->heard = true;
		stream->first_seq = stream->last_seq = seq;
		stream->first_ts = ts;
		stream->first_ns = at_ns;
		stream->received = stream->cycles = 0;
	}
	stream->received++;
	if ((int16_t)(seq - stream->last_seq) > 0) {
		if (seq < stream->last_seq)
			stream->cycles += 65536;
		stream->last_seq = seq;
	}
	due_us = (int64_t)(int32_t)(ts - stream->first_ts) * 125;
	at_us = (int64_t)(at_ns - stream->first_ns) / 1000;
	samples_add(&stream->offsets, (int32_t)(at_us - due_us));
}

static void take(struct audio *audio, unsigned i)
{
	struct batch *in = &audio->in;
	struct audio_stream *stream =
		audio->by_port[ntohs(in->peers[i].sin_port)];
	const uint8_t *p = in->bytes[i];
	uint16_t seq;
	uint32_t ts;

	if (!stream || in->headers[i].msg_len < HEADER) {
		audio->unknown++;
		return;
	}
	if (!audio->measuring)
		return;
	audio->received++;
	memcpy(&seq, p + 2, 2);
	memcpy(&ts, p + 4, 4);
	measure(stream, ntohs(seq), ntohl(ts), batch_stamp_ns(in, i));
}

uint64_t audio_run(struct audio *audio)
{
	uint64_t now = now_ns();

	while (audio->next_ns <= now) {
		struct audio_stream *s = audio->slots[audio->slot];

		if (s && now - audio->next_ns > LATE_NS)
			audio->late_slots += audio->measuring;
		for (; s; s = s->next)
			send_one(audio, s, now);
		(void)batch_send(&audio->out, audio->fd);
		audio->slot = (audio->slot + 1) % AUDIO_SLOTS;
		audio->next_ns += SLOT_NS;
	}
	do {
		batch_receive(&audio->in, audio->fd);
		for (unsigned i = 0; i < audio->in.count; i++)
			take(audio, i);
	} while (audio->in.count == BATCH);
	return audio->next_ns;
}
