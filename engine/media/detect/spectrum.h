/* spectrum.h -- the power spectrum of the last 64 ms
 *
 * Real FFT of 512 samples under a Hann window: as complex one of 256 points,
 * radix 4 (Stockham), four numbers at once. About a microsecond.
 */
#ifndef MOONDIAL_MEDIA_DETECT_SPECTRUM_H
#define MOONDIAL_MEDIA_DETECT_SPECTRUM_H

#include <stdint.h>

enum {
	SPECTRUM_SIZE = 512,
	SPECTRUM_BINS = SPECTRUM_SIZE / 2,
};

/* One bin is so wide. */
#define SPECTRUM_HZ (8000.0F / SPECTRUM_SIZE)

/* POWER of bins 1 … 255 (0 is not meant to be used). A sine of peak A in the
 * middle of its bin has (A × 128)² there. */
void spectrum_power(const int16_t pcm[SPECTRUM_SIZE],
		    float power[SPECTRUM_BINS]);

#endif
