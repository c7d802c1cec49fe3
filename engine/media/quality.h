/* quality.h -- how a listener would judge: the E-model of ITU-T G.107
 *
 *   R   = 93.2 − Id − Ie,eff        (all other terms at their defaults)
 *   Id  = 0.024 d + 0.11 (d − 177.3) H(d − 177.3)
 *   Ie,eff = Ie + (95 − Ie) · Ppl / (Ppl / BurstR + Bpl)     (G.107 7-29)
 *   MOS = 1 + 0.035 R + R (R − 60) (100 − R) · 7·10⁻⁶        (G.107 B-4)
 *
 * d: delay from mouth to ear in ms; Id is the usual straight-line form of
 * G.107's (Cole and Rosenbluth, "Voice over IP performance monitoring", 2001).
 * Ppl: packets lost in percent; BurstR: mean length of a loss over what chance
 * would make of so many, 1 / (1 − p). G.711 with concealment: Ie 0, Bpl 25.1
 * (G.113 Appendix I). Pure; not for the packet path: it computes in double.
 */
#ifndef MOONDIAL_MEDIA_QUALITY_H
#define MOONDIAL_MEDIA_QUALITY_H

#include <stdint.h>

struct quality {
	uint64_t expected; /* packets */
	uint64_t lost;	   /* of them, those that came too late too */
	uint64_t runs;	   /* losses; 0: not known, as chance would have it */
	double delay_ms;   /* from mouth to ear */
};

/* BurstR, 1 or more. */
double quality_burst(const struct quality *quality);

/* R, 0 … 93.2. */
double quality_r(const struct quality *quality);

/* MOS of an R: 1 … 4.5. */
double quality_mos_of(double r);

/* MOS; 0: unknown, as nothing was expected. */
double quality_mos(const struct quality *quality);

#endif
