/* codec.h -- one audio codec: what SDP knows of it, and how to use it
 *
 * A codec is a const table in a file of its own below codecs/; codec.c lists
 * them in order of preference. The engine's audio between codecs is 16-bit
 * linear PCM, mono, AUDIO_SRATE. The functions are pure: any thread.
 */
#ifndef MOONDIAL_MEDIA_CODEC_H
#define MOONDIAL_MEDIA_CODEC_H

#include "media/media.h"

enum {
	AUDIO_SRATE = 8000,
	AUDIO_SAMPLES_PER_MS = AUDIO_SRATE / 1000,
	/* The longest packet that is sent or understood: 60 ms. */
	AUDIO_FRAME_MAX = 60 * AUDIO_SAMPLES_PER_MS,
	CODEC_MAX = 8, /* in the table */
};

struct codec {
	struct media_codec info;
	/* Payload bytes for a number of samples: samples × num / den. */
	uint8_t bytes_num, bytes_den;
	/* Fills a payload that decodes to silence. */
	uint8_t silence;
	/* PAYLOAD has room for codec_payload_bytes(SAMPLES). Returns bytes. */
	size_t (*encode)(uint8_t *payload, const int16_t *pcm, size_t samples);
	/* At most MAX samples; returns how many. */
	size_t (*decode)(int16_t *pcm, size_t max, const uint8_t *payload,
			 size_t bytes);
};

extern const struct codec codec_pcmu, codec_pcma;

/* The codec behind what media_codecs() and media_codec_find() return. */
const struct codec *codec_of(const struct media_codec *info);

/* Place in the table: 0 … CODEC_MAX − 1. */
unsigned codec_index(const struct codec *codec);

/* The reverse; NULL past the end. */
const struct codec *codec_at(unsigned index);

static inline size_t codec_payload_bytes(const struct codec *codec,
					 size_t samples)
{
	return samples * codec->bytes_num / codec->bytes_den;
}

static inline size_t codec_payload_samples(const struct codec *codec,
					   size_t bytes)
{
	return bytes * codec->bytes_den / codec->bytes_num;
}

/* INTO += ADD, saturated. */
static inline void pcm_add(int16_t *into, const int16_t *add, size_t samples)
{
	for (size_t i = 0; i < samples; i++) {
		int32_t sum = into[i] + add[i];

		into[i] = (int16_t)(sum > INT16_MAX   ? INT16_MAX
				    : sum < INT16_MIN ? INT16_MIN
						      : sum);
	}
}

#endif
