/* detect.h -- what is at the far side: a person, a machine, a fax, a tone?
 *
 *   20 ms ─► level ──────────────┬─► voice, words ─► verdict
 *      └───► spectrum ─► tonal ──┤
 *                 (tone runs)    └─► beep, cadence, SIT, CNG, CED
 *
 * Pure: samples in, events out; no thread, no clock (time is the number of
 * samples). 16-bit PCM, mono, 8 kHz, in frames of 20 ms. Whoever feeds a
 * detector owns it. Facts and defaults: docs/dialer.md, "Answering machines".
 */
#ifndef MOONDIAL_MEDIA_DETECT_H
#define MOONDIAL_MEDIA_DETECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DETECT_SRATE = 8000,
	DETECT_FRAME_MS = 20,
	DETECT_FRAME = DETECT_SRATE / 1000 * DETECT_FRAME_MS,
};

/* ---- settings ------------------------------------------------------- */

struct detect_settings {
	uint32_t level;	    /* mean |x| of a frame that is sound at least */
	float noise;	    /* … and so many times the noise floor */
	uint32_t window_ms; /* over which the floor is the minimum */
	uint32_t hangover_ms;
	uint32_t word_ms, gap_ms; /* the shortest word, and between two */
	uint32_t human_voice_ms, human_silence_ms;
	uint32_t machine_voice_ms, machine_words;
	uint32_t silence_ms, total_ms;
	uint32_t pause_ms; /* so long without voice is the event silence */
	uint32_t beep_min_ms, beep_max_ms, beep_quiet_ms;
	float beep_low, beep_high; /* Hz */
	float beep_purity;	   /* share of the power that is one tone's */
	float beep_second;	   /* dB that any other one is below it */
	uint32_t regions;	   /* bits of tone_region */
};

void detect_defaults(struct detect_settings *settings);

/* One of them by its name ("machine.voice"; seconds, Hz, dB, or a plain
 * number; "tones": region names with commas as TEXT). EINVAL: no such name,
 * or not within its bounds; ERR says which, what may be, or the nearest. */
int detect_set(struct detect_settings *settings, const char *name,
	       const char *text, char *err, size_t size);
/* Name number I, or NULL past the last; *VALUE: what it is in SETTINGS, in the
 * unit of detect_set() ("tones": not written). For lists of options. */
const char *detect_name(const struct detect_settings *settings, unsigned i,
			double *value);

/* ---- what is found -------------------------------------------------- */

enum detect_kind {
	DETECT_NONE, /* not decided */
	DETECT_HUMAN,
	DETECT_MACHINE,
	DETECT_FAX,
	DETECT_SILENCE,
	DETECT_UNSURE,
	DETECT_SCREENING, /* only by a script */
	DETECT_KINDS,
};
/* "human", …; "" for DETECT_NONE. */
const char *detect_kind_name(enum detect_kind kind);
/* DETECT_NONE: no such name. */
enum detect_kind detect_kind_of(const char *name);

struct detect_verdict {
	enum detect_kind kind;
	/* constant: "voice", "words", "beep", "cng", "ced", "sit_vacant", …,
	 * "greeting", "silence", "total" */
	const char *cause;
	float confidence;     /* 0 … 1, by rule of thumb (verdict.c) */
	uint32_t greeting_ms; /* voice in it */
	uint32_t words;
	uint32_t silence_ms; /* since its last word, or the beginning */
	float noise_db;	     /* dBFS of the floor */
	uint32_t decided_ms; /* since the answer */
};

enum detect_event_type {
	DETECT_EV_VERDICT, /* once after each detector_judge() */
	DETECT_EV_SPEECH,  /* somebody has begun to speak */
	DETECT_EV_SILENCE, /* nobody does (any more); duration: for so long */
	DETECT_EV_BEEP,	   /* hz, duration; told once it is quiet after it */
	/* tone: "busy", "reorder", "ringback" (two cycles), "cng", "ced",
	 * "sit_intercept", "sit_vacant", "sit_reorder", "sit_no_circuit",
	 * "sit" (the one of the ITU); region; hz */
	DETECT_EV_TONE,
};

struct detect_event {
	enum detect_event_type type;
	uint32_t at_ms; /* since the detector's first sample */
	uint32_t duration_ms;
	float hz[2];		   /* 0: none */
	const char *tone, *region; /* constant; region "" : none */
	struct detect_verdict verdict;
};

typedef void(detect_event_h)(const struct detect_event *event, void *arg);

/* ---- the detector --------------------------------------------------- */

struct detector;

/* SETTINGS is copied. ENOMEM. */
int detector_alloc(struct detector **dp, const struct detect_settings *settings,
		   detect_event_h *handler, void *arg);
void detector_free(struct detector *detector);
/* Tell somebody else from now on. */
void detector_set_handler(struct detector *detector, detect_event_h *handler,
			  void *arg);

/* The call is answered: only from now on a tone can be a beep. What is known
 * of the noise stays. */
void detector_answered(struct detector *detector);

/* A verdict is wanted, by these settings, on what comes from here on. */
void detector_judge(struct detector *detector,
		    const struct detect_settings *settings);

/* One frame of DETECT_FRAME samples; NULL: silence. Events come from here. */
void detector_push(struct detector *detector, const int16_t *pcm);

#endif
