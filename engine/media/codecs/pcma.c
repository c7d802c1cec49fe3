/* pcma.c -- G.711 A-law (RFC 3551 4.5.14): 8 bits a sample */
#include <re.h>
#include <rem_g711.h>
#include "media/codec.h"

static size_t encode(uint8_t *payload, const int16_t *pcm, size_t samples)
{
	for (size_t i = 0; i < samples; i++) {
		/* librem negates in 16 bits, which −32768 does not survive. */
		int16_t s = pcm[i];

		if (s == INT16_MIN)
			s = INT16_MIN + 1;
		payload[i] = g711_pcm2alaw(s);
	}
	return samples;
}

static size_t decode(int16_t *pcm, size_t max, const uint8_t *payload,
		     size_t bytes)
{
	size_t n = bytes < max ? bytes : max;

	for (size_t i = 0; i < n; i++)
		pcm[i] = g711_alaw2pcm(payload[i]);
	return n;
}

const struct codec codec_pcma = {
	.info = {.name = "PCMA", .srate = 8000, .channels = 1, .pt = 8},
	.bytes_num = 1,
	.bytes_den = 1,
	.silence = 0xd5,
	.encode = encode,
	.decode = decode,
};
