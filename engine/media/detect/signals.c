#include <math.h>
#include <string.h>
#include "media/detect/signals.h"

enum {
	SIT_MIN_MS = 200,
	SIT_MAX_MS = 460,
	SIT_GAP_MS = 100,
	CNG_MIN_MS = 420,
	CNG_MAX_MS = 580,
	CNG_EACH_MS = 3500,
	CNG_SLACK_MS = 600,
	CED_MIN_MS = 400,
};

static const float sit_slack_hz = 30, fax_slack_hz = 20;
static const float cng_hz = 1100, ced_hz = 2100;

static bool is_tone(const struct run *run, float hz, float slack)
{
	return run->kind == RUN_TONE && run->tones == 1 &&
	       fabsf(run->hz[0] - hz) <= slack;
}

/* ---- SIT ------------------------------------------------------------ */

/* Which of three: the lower and the higher of Bellcore, or in the middle. */
enum third { LOW, MIDDLE, HIGH };

static const float sit_hz[3][3] = {
	{913.8F, 950, 985.2F},
	{1370.6F, 1400, 1428.5F},
	{1776.7F, 1788, 1800},
};

static enum third third_of(float hz, unsigned tone)
{
	enum third best = LOW;

	for (enum third t = MIDDLE; t <= HIGH; t++)
		if (fabsf(hz - sit_hz[tone][t]) <
		    fabsf(hz - sit_hz[tone][best]))
			best = t;
	return best;
}

static bool sit_tone(const struct run *run, unsigned tone)
{
	return is_tone(run, sit_hz[tone][third_of(run->hz[0], tone)],
		       sit_slack_hz) &&
	       run->ms >= SIT_MIN_MS && run->ms <= SIT_MAX_MS;
}

static bool follows(const struct run *before, const struct run *run)
{
	return run->begun_ms <= before->begun_ms + before->ms + SIT_GAP_MS;
}

/* By the first two tones; where they are neither of Bellcore's, ITU's. */
static const char *sit_name(const struct run sit[2], const char **region)
{
	const enum third a = third_of(sit[0].hz[0], 0);
	const enum third b = third_of(sit[1].hz[0], 1);
	/* ITU's first two are of one length, and so are two of the US; these
	 * are known by their frequency. */
	static const char *const names[2][2] = {
		{"sit_intercept", "sit_reorder"},
		{"sit_vacant", "sit_no_circuit"},
	};

	*region = "us";
	if (a == MIDDLE || b == MIDDLE) {
		*region = "itu";
		return "sit";
	}
	return names[a == HIGH][b == HIGH];
}

static const char *sit_run(struct signals *s, const struct run *run,
			   const char **region)
{
	unsigned tone = s->sit_count;

	if (run->kind != RUN_TONE)
		return NULL;
	if (tone && !follows(&s->sit[tone - 1], run))
		tone = 0;
	if (!sit_tone(run, tone))
		tone = 0;
	if (tone == 2) {
		s->sit_count = 0;
		return sit_name(s->sit, region);
	}
	s->sit_count = 0;
	if (sit_tone(run, tone)) {
		s->sit[tone] = *run;
		s->sit_count = tone + 1;
	}
	return NULL;
}

/* ---- fax ------------------------------------------------------------ */

static bool cng_run(struct signals *s, const struct run *run, bool voiced)
{
	const uint32_t before_ms = s->cng_ms;

	if (!is_tone(run, cng_hz, fax_slack_hz) || run->ms < CNG_MIN_MS ||
	    run->ms > CNG_MAX_MS)
		return false;
	s->cng_ms = run->begun_ms ? run->begun_ms : 1;
	return !voiced ||
	       (before_ms &&
		run->begun_ms + CNG_SLACK_MS >= before_ms + CNG_EACH_MS &&
		run->begun_ms <= before_ms + CNG_EACH_MS + CNG_SLACK_MS);
}

const char *signals_run(struct signals *s, const struct run *run, bool voiced,
			const char **region, bool *part)
{
	const char *sit;

	*region = "";
	sit = sit_run(s, run, region);
	*part = run->kind == RUN_TONE && (sit || s->sit_count > 1);
	if (sit)
		return sit;
	return cng_run(s, run, voiced) ? "cng" : NULL;
}

const char *signals_now(struct signals *s, const struct run *now)
{
	if (!is_tone(now, ced_hz, fax_slack_hz)) {
		s->ced_told = false;
		return NULL;
	}
	if (s->ced_told || now->ms < CED_MIN_MS)
		return NULL;
	s->ced_told = true;
	return "ced";
}
