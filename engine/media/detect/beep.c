#include <string.h>
#include "media/detect/beep.h"
#include "media/detect/cadence.h"

enum {
	/* A longer pause than this is not waited for. */
	PAUSE_MAX_MS = 600,
	PAUSE_MORE_MS = 100,
};

static bool fits(const struct detect_settings *s, const struct run *run)
{
	return run->tones == 1 && run->hz[0] >= s->beep_low &&
	       run->hz[0] <= s->beep_high && run->ms >= s->beep_min_ms &&
	       run->ms <= s->beep_max_ms;
}

void beep_run(struct beep *beep, const struct detect_settings *settings,
	      const struct run *done, bool voiced)
{
	uint32_t pause_ms;

	if (done->kind != RUN_TONE) {
		if (done->kind == RUN_SOUND)
			beep->waits = false;
		return;
	}
	beep->waits = fits(settings, done);
	if (!beep->waits)
		return;
	beep->tone = *done;
	beep->quiet_ms = settings->beep_quiet_ms;
	pause_ms = cadence_pause(settings->regions, done);
	if (!pause_ms)
		return;
	/* A burst of busy is known by the next one; one of ringback comes
	 * before anybody has spoken, or is taken for one. */
	if (!voiced || pause_ms > PAUSE_MAX_MS)
		beep->waits = false;
	else if (beep->quiet_ms < pause_ms + PAUSE_MORE_MS)
		beep->quiet_ms = pause_ms + PAUSE_MORE_MS;
}

bool beep_now(struct beep *beep, const struct run *now)
{
	if (!beep->waits || now->kind == RUN_TONE)
		return false;
	if (now->kind == RUN_SOUND) {
		beep->waits = false;
		return false;
	}
	if (now->ms < beep->quiet_ms)
		return false;
	beep->waits = false;
	return true;
}
