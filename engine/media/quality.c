/* quality.c -- the formulas of quality.h */
#include "media/quality.h"

#define R_BEST	   93.2
#define BPL	   25.1
#define DELAY_KNEE 177.3

static double loss_of(const struct quality *quality)
{
	if (!quality->expected)
		return 0;
	return quality->lost >= quality->expected
		       ? 1
		       : (double)quality->lost / (double)quality->expected;
}

double quality_burst(const struct quality *quality)
{
	double burst = 1;

	if (quality->runs && quality->lost > quality->runs)
		burst = (double)quality->lost / (double)quality->runs *
			(1 - loss_of(quality));
	return burst > 1 ? burst : 1;
}

double quality_r(const struct quality *quality)
{
	double ppl = 100 * loss_of(quality), d = quality->delay_ms;
	double r = R_BEST - 0.024 * d;

	if (d > DELAY_KNEE)
		r -= 0.11 * (d - DELAY_KNEE);
	r -= 95 * ppl / (ppl / quality_burst(quality) + BPL);
	return r > 0 ? r : 0;
}

double quality_mos_of(double r)
{
	double mos = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;

	/* Below R 6.5 the curve dips under its own floor. */
	return mos > 4.5 ? 4.5 : mos < 1 ? 1 : mos;
}

double quality_mos(const struct quality *quality)
{
	return quality->expected ? quality_mos_of(quality_r(quality)) : 0;
}
