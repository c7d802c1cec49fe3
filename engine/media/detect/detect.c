/* detect.c -- the parts of a detector, frame by frame */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "media/detect/beep.h"
#include "media/detect/cadence.h"
#include "media/detect/detect.h"
#include "media/detect/level.h"
#include "media/detect/signals.h"
#include "media/detect/tonal.h"
#include "media/detect/verdict.h"

enum {
	/* Whether a frame is of a tone is certain only so much later. */
	DELAY_FRAMES = TONAL_MIN_MS / DETECT_FRAME_MS + 5,
	/* A shorter tone, by itself, may be a vowel. */
	TONE_SURE_MS = 190,
	/* So many quiet frames in a row: none in the window's middle sounds. */
	QUIET_FRAMES = 2,
};

struct detector {
	struct detect_settings settings;
	detect_event_h *handler;
	void *arg;
	uint32_t now_ms, begun_ms;
	bool answered;

	struct level level;
	bool was_loud;	/* the frame before */
	unsigned quiet; /* frames in a row below TONAL_LEVEL */
	struct runs runs;
	struct beep beep;
	struct cadence cadence;
	struct signals signals;
	/* Frames that are voice, unless a tone turns out to be in them: the
	 * latest is bit 0. RAW: with these. */
	uint32_t loud, raw;
	struct voice voice;
	bool voiced; /* somebody has spoken since the answer */
	struct judge judge;

	int16_t window[SPECTRUM_SIZE];
};

static const char *const kinds[DETECT_KINDS] = {
	"", "human", "machine", "fax", "silence", "unsure", "screening",
};

const char *detect_kind_name(enum detect_kind kind)
{
	return kind < DETECT_KINDS ? kinds[kind] : "";
}

enum detect_kind detect_kind_of(const char *name)
{
	for (unsigned i = DETECT_HUMAN; i < DETECT_KINDS; i++)
		if (!strcmp(kinds[i], name))
			return (enum detect_kind)i;
	return DETECT_NONE;
}

int detector_alloc(struct detector **dp, const struct detect_settings *settings,
		   detect_event_h *handler, void *arg)
{
	struct detector *d = calloc(1, sizeof(*d));

	if (!d)
		return ENOMEM;
	d->settings = *settings;
	d->handler = handler;
	d->arg = arg;
	d->quiet = QUIET_FRAMES;
	*dp = d;
	return 0;
}

void detector_free(struct detector *d)
{
	free(d);
}

void detector_set_handler(struct detector *d, detect_event_h *handler,
			  void *arg)
{
	d->handler = handler;
	d->arg = arg;
}

void detector_answered(struct detector *d)
{
	if (d->answered)
		return;
	d->answered = true;
	d->voiced = false;
	d->loud = d->raw = 0;
	memset(&d->voice, 0, sizeof(d->voice));
}

void detector_judge(struct detector *d, const struct detect_settings *settings)
{
	detector_answered(d);
	d->settings = *settings;
	d->begun_ms = d->now_ms;
	d->judge = (struct judge){.wanted = true};
	d->loud = d->raw = 0;
	d->voice = (struct voice){.speaking = d->voice.speaking,
				  .quiet = d->voice.quiet};
}

/* ---- events --------------------------------------------------------- */

static void tell(struct detector *d, struct detect_event *event)
{
	event->at_ms = d->now_ms;
	if (!event->region)
		event->region = "";
	d->handler(event, d->arg);
}

static void tell_type(struct detector *d, enum detect_event_type type,
		      uint32_t duration_ms)
{
	struct detect_event event = {.type = type, .duration_ms = duration_ms};

	tell(d, &event);
}

static void tell_verdict(struct detector *d, struct detect_verdict *verdict)
{
	struct detect_event event = {.type = DETECT_EV_VERDICT};

	verdict->greeting_ms = d->voice.voice_ms;
	verdict->words = d->voice.words;
	verdict->silence_ms =
		d->voice.silence_ms + (DELAY_FRAMES - 1) * DETECT_FRAME_MS;
	verdict->noise_db = level_noise_db(&d->level);
	verdict->decided_ms = d->now_ms - d->begun_ms;
	event.verdict = *verdict;
	tell(d, &event);
}

static void settle(struct detector *d, enum detect_kind kind, const char *cause)
{
	struct detect_verdict verdict = {.kind = DETECT_NONE};

	if (judge_signal(&d->judge, kind, cause, &verdict))
		tell_verdict(d, &verdict);
}

static void tell_tone(struct detector *d, const char *tone, const char *region,
		      const struct run *run)
{
	struct detect_event event = {
		.type = DETECT_EV_TONE,
		.duration_ms = run->ms,
		.hz = {run->hz[0], run->hz[1]},
		.tone = tone,
		.region = region,
	};

	tell(d, &event);
}

/* ---- tones ---------------------------------------------------------- */

static void signal_heard(struct detector *d, const char *name,
			 const char *region, const struct run *run)
{
	tell_tone(d, name, region, run);
	settle(d, strncmp(name, "sit", 3) ? DETECT_FAX : DETECT_MACHINE, name);
}

static void run_over(struct detector *d, const struct run *done)
{
	const struct cadence_spec *spec =
		cadence_run(&d->cadence, d->settings.regions, done);
	const char *region, *name;
	bool part;

	if (spec)
		tell_tone(d, spec->name, tone_regions[spec->region],
			  &(struct run){.ms = done->ms,
					.hz = {spec->hz[0], spec->hz[1]}});
	name = signals_run(&d->signals, done, d->voiced, &region, &part);
	if (name)
		signal_heard(d, name, region, done);
	if (name || part)
		d->beep.waits = false;
	else
		beep_run(&d->beep, &d->settings, done, d->voiced);
}

/* They were voice after all, those of them that haven't been counted yet. */
static void was_voice(struct detector *d)
{
	d->loud |= d->raw & ((1u << DELAY_FRAMES) - 1);
}

/* The latest N frames were no voice. */
static void no_voice(struct detector *d, uint32_t n)
{
	d->loud &= n < 32 ? ~((1u << n) - 1) : 0;
}

static void look_for_tones(struct detector *d, const struct tonal *tonal)
{
	struct run done;

	const bool after_sound = d->runs.after_sound;

	if (runs_push(&d->runs, tonal, d->was_loud, d->now_ms, &done)) {
		if (done.kind == RUN_TONE && done.ms < TONE_SURE_MS &&
		    !after_sound)
			was_voice(d);
		if (d->runs.now.kind == RUN_TONE && !d->runs.after_sound)
			no_voice(d, d->runs.now.ms / DETECT_FRAME_MS + 2);
		run_over(d, &done);
	}
	if (d->runs.now.kind == RUN_TONE) {
		const char *name = signals_now(&d->signals, &d->runs.now);

		if (!d->runs.after_sound)
			no_voice(d, 2);
		if (name)
			signal_heard(d, name, "", &d->runs.now);
	}
	if (beep_now(&d->beep, &d->runs.now) && d->answered) {
		struct detect_event event = {
			.type = DETECT_EV_BEEP,
			.duration_ms = d->beep.tone.ms,
			.hz = {d->beep.tone.hz[0]},
		};

		tell(d, &event);
		settle(d, DETECT_MACHINE, "beep");
	}
}

/* ---- voice ---------------------------------------------------------- */

static enum judge_hold hold_of(const struct detector *d)
{
	const struct run *now = &d->runs.now;

	if (cadence_rings(&d->cadence, d->settings.regions, now))
		return JUDGE_RINGS;
	if (d->beep.waits ||
	    (now->kind == RUN_TONE && now->ms <= d->settings.beep_max_ms))
		return JUDGE_TONE;
	return JUDGE_ON;
}

static void look_for_voice(struct detector *d)
{
	const bool loud = d->loud >> (DELAY_FRAMES - 1) & 1;
	struct detect_verdict verdict = {.kind = DETECT_NONE};

	switch (voice_push(&d->voice, &d->settings, loud)) {
	case VOICE_BEGUN:
		d->voiced = true;
		tell_type(d, DETECT_EV_SPEECH, 0);
		break;
	case VOICE_ENDED:
		tell_type(d, DETECT_EV_SILENCE, d->voice.silence_ms);
		break;
	case VOICE_SAME:
		break;
	}
	if (judge_push(&d->judge, &d->settings, &d->voice, hold_of(d),
		       &verdict))
		tell_verdict(d, &verdict);
}

/* ---- a frame -------------------------------------------------------- */

static void window_push(struct detector *d, const int16_t *pcm)
{
	const size_t rest = SPECTRUM_SIZE - DETECT_FRAME;

	memmove(d->window, d->window + DETECT_FRAME, rest * sizeof(*d->window));
	if (pcm)
		memcpy(d->window + rest, pcm, DETECT_FRAME * sizeof(*pcm));
	else
		memset(d->window + rest, 0, DETECT_FRAME * sizeof(*pcm));
}

/* The window's middle is in the frame before this one. */
void detector_push(struct detector *d, const int16_t *pcm)
{
	float power[SPECTRUM_BINS];
	struct tonal tonal = {.tones = 0};

	d->now_ms += DETECT_FRAME_MS;
	level_push(&d->level, &d->settings, pcm);
	window_push(d, pcm);
	d->quiet = d->level.mean < TONAL_LEVEL ? d->quiet + 1 : 0;
	if (d->quiet < QUIET_FRAMES) {
		spectrum_power(d->window, power);
		tonal_of(&tonal, &d->settings, power);
	}
	d->loud = d->loud << 1 | d->level.loud;
	d->raw = d->raw << 1 | d->level.loud;
	look_for_tones(d, &tonal);
	look_for_voice(d);
	d->was_loud = d->level.loud;
}
