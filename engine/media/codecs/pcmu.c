/* pcmu.c -- G.711 µ-law (RFC 3551 4.5.14): 8 bits a sample */
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
		payload[i] = g711_pcm2ulaw(s);
	}
	return samples;
}

static size_t decode(int16_t *pcm, size_t max, const uint8_t *payload,
		     size_t bytes)
{
	size_t n = bytes < max ? bytes : max;

	for (size_t i = 0; i < n; i++) {
		pcm[i] = g711_ulaw2pcm(payload[i]);
		/* librem's table has ±2 for the two zeros. */
		if (pcm[i] == 2 || pcm[i] == -2)
			pcm[i] = 0;
	}
	return n;
}

const struct codec codec_pcmu = {
	.info = {.name = "PCMU", .srate = 8000, .channels = 1, .pt = 0},
	.bytes_num = 1,
	.bytes_den = 1,
	.silence = 0xff,
	.encode = encode,
	.decode = decode,
};
