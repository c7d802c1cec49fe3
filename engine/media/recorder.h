/* recorder.h -- one recording: worker → ring → file thread → WAV
 *
 *   loop: recorder_alloc ─► worker: recorder_start, then each tick
 *       beep:  recorder_beep()  → the frame to send to the far side
 *       else:  recorder_push(heard, sent) ─► ring (> 4 s) ─► file thread
 *   worker: the end (push says so, or recorder_finish) ─► file thread: file
 *   complete, DONE handler ─► whoever reports it: recorder_outcome, free
 *
 * The worker never waits: when the disk stands still for longer than the ring
 * lasts, samples are lost and counted, and as much silence is written, so that
 * time in the file stays true. One thread owns each side.
 */
#ifndef MOONDIAL_MEDIA_RECORDER_H
#define MOONDIAL_MEDIA_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "media/media.h"

struct file_thread;
struct recorder;

enum recorder_state {
	RECORDER_NEW,  /* before recorder_start() */
	RECORDER_BEEP, /* recorder_beep() is to be sent */
	RECORDER_RUNNING,
	RECORDER_PAUSED, /* pushes are left out */
	RECORDER_ENDED,	 /* for the worker: push no more; DONE will come */
};

/* On the file thread, once, when the file is closed; the recorder is no longer
 * used by its threads, and belongs to whoever gets it from here (post it). */
typedef void(recorder_done_h)(struct recorder *recorder, void *arg);

/* RECORD is copied. Loop thread. ENOMEM, EINVAL (no path). */
int recorder_alloc(struct recorder **rp, struct file_thread *ft,
		   const struct media_record *record);

/* Before recorder_start() or after DONE; any thread. NULL is fine. */
void recorder_free(struct recorder *recorder);

/* ---- worker --------------------------------------------------------- */

/* The file is opened by the file thread; if that fails, push ends it. */
void recorder_start(struct recorder *recorder, recorder_done_h *done,
		    void *arg);

enum recorder_state recorder_state(const struct recorder *recorder);

/* The next N samples of the beep into PCM, to be sent instead of anything
 * else. False, and PCM untouched, when there is none (any more). */
bool recorder_beep(struct recorder *recorder, int16_t *pcm, size_t n);

/* What was heard and what was sent in one tick, N samples each (NULL:
 * silence). Ignored while it beeps or is paused. Returns the state: ENDED when
 * the longest duration or the silence was reached or the file failed. */
enum recorder_state recorder_push(struct recorder *recorder,
				  const int16_t *heard, const int16_t *sent,
				  size_t n);

/* Also valid while it beeps: takes effect afterwards. */
void recorder_control(struct recorder *recorder,
		      enum media_record_control control);

/* The far side pressed a digit AGO_MS ago: with trim, a stop soon after leaves
 * out what came since. */
void recorder_digit(struct recorder *recorder, uint32_t ago_ms);

/* End it: MEDIA_STOPPED or MEDIA_HANGUP. Nothing when it has ENDED. */
void recorder_finish(struct recorder *recorder, enum media_result result);

/* ---- after DONE ----------------------------------------------------- */

struct recorder_outcome {
	enum media_result result;
	const char *path;     /* these live as long as the recorder */
	const char *text;     /* MEDIA_FAILED: where and what, else "" */
	uint32_t duration_ms; /* of what the file holds */
	uint32_t lost_ms;     /* silence in it for want of ring space */
};
void recorder_outcome(const struct recorder *recorder,
		      struct recorder_outcome *outcome);

#endif
