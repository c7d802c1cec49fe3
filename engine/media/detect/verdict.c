#include "media/detect/verdict.h"

enum {
	/* A call that is answered and rings on is waited for so long. */
	RINGS_MAX_MS = 60000,
};

/* ---- voice ---------------------------------------------------------- */

static void word_over(struct voice *voice)
{
	voice->word_ms = 0;
	voice->counted = false;
}

static enum voice_change no_voice(struct voice *voice,
				  const struct detect_settings *s)
{
	const uint32_t gap_ms =
		s->gap_ms > s->hangover_ms ? s->gap_ms : s->hangover_ms;

	voice->gap_ms += DETECT_FRAME_MS;
	voice->silence_ms += DETECT_FRAME_MS;
	if (voice->gap_ms >= gap_ms)
		word_over(voice);
	if (voice->quiet || voice->silence_ms < s->pause_ms)
		return VOICE_SAME;
	voice->quiet = true;
	voice->speaking = false;
	return VOICE_ENDED;
}

enum voice_change voice_push(struct voice *voice,
			     const struct detect_settings *s, bool loud)
{
	uint32_t ms;

	if (!loud)
		return no_voice(voice, s);
	/* A gap within a word is part of it. */
	ms = DETECT_FRAME_MS + (voice->word_ms ? voice->gap_ms : 0);
	voice->gap_ms = 0;
	voice->word_ms += ms;
	if (voice->word_ms < s->word_ms) {
		/* perhaps a click: silence goes on */
		voice->silence_ms += DETECT_FRAME_MS;
		return VOICE_SAME;
	}
	voice->silence_ms = 0;
	voice->voice_ms += voice->counted ? ms : voice->word_ms;
	voice->words += !voice->counted;
	voice->counted = true;
	if (voice->speaking)
		return VOICE_SAME;
	voice->speaking = true;
	voice->quiet = false;
	return VOICE_BEGUN;
}

/* ---- the verdict ---------------------------------------------------- */

/* Rules of thumb, no probabilities: 0.5 at a limit, more with the distance
 * from it; what a signal says is as good as certain. */
static float nearness(float value, float limit)
{
	return limit <= 0 || value >= limit ? 1 : value / limit;
}

static bool decide(struct judge *judge, struct detect_verdict *verdict,
		   enum detect_kind kind, const char *cause, float confidence)
{
	judge->wanted = false;
	verdict->kind = kind;
	verdict->cause = cause;
	verdict->confidence = confidence;
	return true;
}

static bool is_human(const struct detect_settings *s, const struct voice *v)
{
	return v->words && v->voice_ms <= s->human_voice_ms &&
	       v->silence_ms >= s->human_silence_ms;
}

static float human_confidence(const struct detect_settings *s,
			      const struct voice *v)
{
	const float by_voice =
		nearness((float)v->voice_ms, (float)s->human_voice_ms);
	const float by_words =
		nearness((float)v->words, (float)s->machine_words + 1);

	return 1 - (by_voice > by_words ? by_voice : by_words) / 2;
}

bool judge_push(struct judge *judge, const struct detect_settings *s,
		const struct voice *v, enum judge_hold hold,
		struct detect_verdict *verdict)
{
	if (!judge->wanted)
		return false;
	if (hold != JUDGE_RINGS || judge->rang_ms >= RINGS_MAX_MS)
		judge->waited_ms += DETECT_FRAME_MS;
	else
		judge->rang_ms += DETECT_FRAME_MS;
	if (v->voice_ms >= s->machine_voice_ms)
		return decide(judge, verdict, DETECT_MACHINE, "voice",
			      v->words > s->machine_words ? 0.9F : 0.75F);
	if (v->words > s->machine_words)
		return decide(judge, verdict, DETECT_MACHINE, "words",
			      0.5F + nearness((float)v->voice_ms,
					      (float)s->machine_voice_ms) /
					      3);
	if (hold == JUDGE_TONE)
		return false;
	if (is_human(s, v))
		return decide(judge, verdict, DETECT_HUMAN, "greeting",
			      human_confidence(s, v));
	if (!v->words && judge->waited_ms >= s->silence_ms)
		return decide(judge, verdict, DETECT_SILENCE, "silence", 0.9F);
	if (judge->waited_ms >= s->total_ms)
		return decide(judge, verdict, DETECT_UNSURE, "total", 0);
	return false;
}

bool judge_signal(struct judge *judge, enum detect_kind kind, const char *cause,
		  struct detect_verdict *verdict)
{
	return judge->wanted && decide(judge, verdict, kind, cause, 0.99F);
}
