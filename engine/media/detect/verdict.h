/* verdict.h -- from voice and pauses to: a person, or a machine
 *
 * Fed with frames that are voice or not, and with signals that settle it at
 * once. A value without resources.
 */
#ifndef MOONDIAL_MEDIA_DETECT_VERDICT_H
#define MOONDIAL_MEDIA_DETECT_VERDICT_H

#include "media/detect/detect.h"

/* Voice, words and pauses, whether a verdict is wanted or not. */
struct voice {
	uint32_t word_ms;  /* of the word that goes on, or did last */
	uint32_t voice_ms; /* of all words */
	uint32_t words;
	uint32_t gap_ms;     /* since the last frame of it */
	uint32_t silence_ms; /* since the last word, or the beginning */
	bool counted;	     /* the word is long enough, and is in WORDS */
	bool speaking;	     /* between the events speech and silence */
	bool quiet;	     /* silence has been told */
};

enum voice_change { VOICE_SAME, VOICE_BEGUN, VOICE_ENDED };

/* The next frame. */
enum voice_change voice_push(struct voice *voice,
			     const struct detect_settings *settings, bool loud);

struct judge {
	bool wanted;
	uint32_t waited_ms, rang_ms;
};

enum judge_hold {
	JUDGE_ON,
	JUDGE_RINGS, /* it is answered and rings on: time stands still */
	JUDGE_TONE,  /* what may be a beep has begun: that is waited for */
};

/* After voice_push(). True, once: it is decided, and *VERDICT's kind, cause and
 * confidence are set. */
bool judge_push(struct judge *judge, const struct detect_settings *settings,
		const struct voice *voice, enum judge_hold hold,
		struct detect_verdict *verdict);

/* A beep, a fax, a SIT: by its name. The same. */
bool judge_signal(struct judge *judge, enum detect_kind kind, const char *cause,
		  struct detect_verdict *verdict);

#endif
