/* spectrum.c -- Stockham's FFT, four lanes of GCC's and clang's vectors
 *
 * 512 real samples are taken for 256 complex ones, the even ones real, the odd
 * ones imaginary; the two spectra that then overlap are taken apart at the end
 * (any textbook: X[k] = E + W·O, X[256−k] = conj(E − W·O)).
 */
#include <math.h>
#include <string.h>
#include "media/detect/spectrum.h"

typedef float v4 __attribute__((vector_size(16)));
/* the same in memory, at any float */
typedef float v4m __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t i4 __attribute__((vector_size(16)));
typedef uint32_t u4 __attribute__((vector_size(16)));
typedef int32_t i4m __attribute__((vector_size(16), aligned(2), may_alias));

enum { POINTS = SPECTRUM_SIZE / 2, PASSES = 4 };

static float hann_even[POINTS], hann_odd[POINTS];
/* Twiddles of a pass: W^p, W^2p, W^3p, of the first as vectors over p. */
static float wr[3][POINTS / 4], wi[3][POINTS / 4];
static float ur[POINTS / 2 + 4], ui[POINTS / 2 + 4]; /* W of 512 */

__attribute__((constructor)) static void fill(void)
{
	for (int i = 0; i < POINTS; i++) {
		const double w = 2 * M_PI / SPECTRUM_SIZE;

		hann_even[i] = (float)(0.5 - 0.5 * cos(w * (2 * i + 0.5)));
		hann_odd[i] = (float)(0.5 - 0.5 * cos(w * (2 * i + 1.5)));
	}
	for (int p = 0; p < POINTS / 4; p++)
		for (int k = 0; k < 3; k++) {
			const double a = -2 * M_PI * p * (k + 1) / POINTS;

			wr[k][p] = (float)cos(a);
			wi[k][p] = (float)sin(a);
		}
	for (int k = 0; k < POINTS / 2 + 4; k++) {
		const double a = -2 * M_PI * k / SPECTRUM_SIZE;

		ur[k] = (float)cos(a);
		ui[k] = (float)sin(a);
	}
}

static inline v4 load(const float *p)
{
	return *(const v4m *)p;
}

static inline void store(float *p, v4 v)
{
	*(v4m *)p = v;
}

static inline v4 all(float f)
{
	return (v4){f, f, f, f};
}

/* The four numbers at P of each of A … D, where they belong in turn. */
static inline void store_turned(float *p, v4 a, v4 b, v4 c, v4 d)
{
	const v4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
	const v4 AB = __builtin_shufflevector(a, b, 2, 6, 3, 7);
	const v4 cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
	const v4 CD = __builtin_shufflevector(c, d, 2, 6, 3, 7);

	store(p, __builtin_shufflevector(ab, cd, 0, 1, 4, 5));
	store(p + 4, __builtin_shufflevector(ab, cd, 2, 3, 6, 7));
	store(p + 8, __builtin_shufflevector(AB, CD, 0, 1, 4, 5));
	store(p + 12, __builtin_shufflevector(AB, CD, 2, 3, 6, 7));
}

struct radix4 {
	v4 r[4], i[4];
};

static inline struct radix4 butterfly(const float *re, const float *im,
				      size_t at, size_t m)
{
	const v4 ar = load(re + at), ai = load(im + at);
	const v4 br = load(re + at + m), bi = load(im + at + m);
	const v4 cr = load(re + at + 2 * m), ci = load(im + at + 2 * m);
	const v4 dr = load(re + at + 3 * m), di = load(im + at + 3 * m);
	const v4 apr = ar + cr, api = ai + ci, amr = ar - cr, ami = ai - ci;
	const v4 bpr = br + dr, bpi = bi + di, bmr = br - dr, bmi = bi - di;
	struct radix4 y;

	y.r[0] = apr + bpr;
	y.i[0] = api + bpi;
	y.r[1] = amr + bmi; /* a − c − j(b − d) */
	y.i[1] = ami - bmr;
	y.r[2] = apr - bpr;
	y.i[2] = api - bpi;
	y.r[3] = amr - bmi;
	y.i[3] = ami + bmr;
	return y;
}

static inline void turn(v4 *r, v4 *i, v4 cr, v4 ci)
{
	const v4 x = *r * cr - *i * ci;

	*i = *r * ci + *i * cr;
	*r = x;
}

/* The first: each point is its own group, so four groups at once. */
static void pass_first(const float *re, const float *im, float *zr, float *zi)
{
	for (size_t p = 0; p < POINTS / 4; p += 4) {
		struct radix4 y = butterfly(re, im, p, POINTS / 4);

		for (int k = 1; k < 4; k++)
			turn(&y.r[k], &y.i[k], load(wr[k - 1] + p),
			     load(wi[k - 1] + p));
		store_turned(zr + 4 * p, y.r[0], y.r[1], y.r[2], y.r[3]);
		store_turned(zi + 4 * p, y.i[0], y.i[1], y.i[2], y.i[3]);
	}
}

/* Groups of S points, S = 4, 16, 64. */
static inline void pass(const float *re, const float *im, float *zr, float *zi,
			const size_t s)
{
	const size_t m = POINTS / 4 / s;

	for (size_t p = 0; p < m; p++)
		for (size_t q = 0; q < s; q += 4) {
			struct radix4 y = butterfly(re, im, q + s * p, s * m);

			for (size_t k = 0; k < 4; k++) {
				if (k && p)
					turn(&y.r[k], &y.i[k],
					     all(wr[k - 1][p * s]),
					     all(wi[k - 1][p * s]));
				store(zr + q + s * (4 * p + k), y.r[k]);
				store(zi + q + s * (4 * p + k), y.i[k]);
			}
		}
}

static inline v4 backwards(v4 v)
{
	return __builtin_shufflevector(v, v, 3, 2, 1, 0);
}

static void power_of(const float *zr, const float *zi,
		     float power[SPECTRUM_BINS + 4])
{
	for (size_t k = 0; k < POINTS / 2; k += 4) {
		const size_t m = POINTS - k - 3; /* bins 256−k, backwards */
		const v4 ar = load(zr + k), ai = load(zi + k);
		const v4 br = backwards(load(zr + m));
		const v4 bi = backwards(load(zi + m));
		const v4 er = ar + br, ei = ai - bi;
		v4 odr = ai + bi, oi = br - ar;
		v4 xr, xi, yr, yi;

		turn(&odr, &oi, load(ur + k), load(ui + k));
		xr = er + odr;
		xi = ei + oi;
		yr = er - odr;
		yi = ei - oi;
		store(power + k, (xr * xr + xi * xi) * all(0.25F));
		store(power + m, backwards((yr * yr + yi * yi) * all(0.25F)));
	}
	/* in the middle of all E and O are one */
	power[POINTS / 2] = zr[POINTS / 2] * zr[POINTS / 2] +
			    zi[POINTS / 2] * zi[POINTS / 2];
}

void spectrum_power(const int16_t pcm[SPECTRUM_SIZE],
		    float power[SPECTRUM_BINS])
{
	float ar[POINTS + 4], ai[POINTS + 4], br[POINTS], bi[POINTS];
	float all_bins[SPECTRUM_BINS + 4];

	for (size_t i = 0; i < POINTS; i += 4) {
		const i4 two = *(const i4m *)(pcm + 2 * i);
		const i4 even = (i4)((u4)two << 16) >> 16;
		const i4 odd = two >> 16;

		store(ar + i,
		      __builtin_convertvector(even, v4) * load(hann_even + i));
		store(ai + i,
		      __builtin_convertvector(odd, v4) * load(hann_odd + i));
	}
	pass_first(ar, ai, br, bi);
	pass(br, bi, ar, ai, 4);
	pass(ar, ai, br, bi, 16);
	pass(br, bi, ar, ai, 64);
	ar[POINTS] = ar[0];
	ai[POINTS] = ai[0];
	power_of(ar, ai, all_bins);
	memcpy(power, all_bins, SPECTRUM_BINS * sizeof(*power));
}
