/* recorder.c -- the worker's and the file thread's half of a recording
 *
 * The ring holds frames (a sample, or a left and a right one). When it is
 * full, what doesn't go in becomes a gap: a place in the ring and a length,
 * which the file thread writes as silence when it gets there.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/metrics.h"
#include "media/codec.h"
#include "media/file_thread.h"
#include "media/recorder.h"
#include "media/silence.h"
#include "media/tone.h"
#include "media/wav_writer.h"

METRIC(recording_lost_ms, "audio lost in recordings for want of a fast disk");
METRIC(recording_failed, "recordings that could not be written");

enum {
	RING_FRAMES = 1 << 15, /* 4.096 s */
	GAPS = 16,
	DRAIN_MS = 200,
	BEEP_HZ = 1000,
	BEEP_MS = 200,
	BEEP_DB = -10,
	TRIM_TAIL = 100 * AUDIO_SAMPLES_PER_MS, /* left of the end of a word */
	/* A digit this old isn't what stopped it. */
	DIGIT_RECENT = 3000 * AUDIO_SAMPLES_PER_MS,
	ERROR_SIZE = 512,
};

static const uint64_t none = UINT64_MAX;

struct gap {
	uint64_t at; /* frames that went into the ring before it */
	uint64_t len;
};

struct recorder {
	/* constant */
	struct file_thread *ft;
	char *path;
	size_t root; /* of it: the folder it must not leave */
	enum media_record_channels channels;
	unsigned width;	       /* samples a frame */
	uint64_t max, silence; /* frames, 0: none */
	bool trim;
	recorder_done_h *done;
	void *arg;

	/* worker */
	enum recorder_state state;
	bool paused, masked;
	struct tone beep;
	size_t beep_left;
	uint64_t frames; /* recorded, gaps included */
	struct silence heard, sent;
	uint64_t digit_at;
	uint64_t gap, lost;
	enum media_result result;
	uint64_t trim_to;

	/* ring: head and gap_head are the worker's, the tails the file's */
	int16_t *ring;
	_Atomic uint64_t head, tail;
	struct gap gaps[GAPS];
	atomic_uint gap_head, gap_tail;
	atomic_bool failed; /* set by the file thread */

	/* file thread */
	struct file_job open, finish;
	struct file_task task;
	struct wav_writer *writer;
	bool finished;
	uint64_t written;
	char text[ERROR_SIZE];
};

#define container(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))

/* ---- file thread ---------------------------------------------------- */

static void fail(struct recorder *r)
{
	log_error(NULL, "recording: %s", r->text);
	metric_add(&recording_failed, 1);
	atomic_store_explicit(&r->failed, true, memory_order_release);
}

static void check(struct recorder *r, int err)
{
	if (!err || atomic_load(&r->failed))
		return;
	snprintf(r->text, sizeof(r->text), "cannot write to %s: %s", r->path,
		 err == EFBIG ? "the file has reached the longest size"
			      : strerror(err));
	fail(r);
}

static void write_frames(struct recorder *r, const int16_t *pcm, size_t n)
{
	if (!atomic_load(&r->failed))
		check(r, wav_writer_append(r->writer, pcm, n));
}

static void write_gap(struct recorder *r, uint64_t n)
{
	if (!atomic_load(&r->failed))
		check(r, wav_writer_silence(r->writer, n));
}

/* The ring's frames up to LIMIT. */
static void drain_to(struct recorder *r, uint64_t limit)
{
	uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);

	while (tail < limit) {
		size_t at = tail % RING_FRAMES;
		size_t n = RING_FRAMES - at;

		if (n > limit - tail)
			n = (size_t)(limit - tail);
		write_frames(r, r->ring + at * r->width, n);
		tail += n;
		atomic_store_explicit(&r->tail, tail, memory_order_release);
	}
}

static void drain(struct recorder *r)
{
	/* Head first: a gap before it was published earlier. */
	uint64_t head = atomic_load_explicit(&r->head, memory_order_acquire);
	unsigned gap_head =
		atomic_load_explicit(&r->gap_head, memory_order_acquire);
	unsigned i = atomic_load_explicit(&r->gap_tail, memory_order_relaxed);

	for (; i != gap_head; i++) {
		struct gap gap = r->gaps[i % GAPS];

		if (gap.at > head)
			break;
		drain_to(r, gap.at);
		write_gap(r, gap.len);
		atomic_store_explicit(&r->gap_tail, i + 1,
				      memory_order_release);
	}
	drain_to(r, head);
}

static void complete(struct recorder *r)
{
	/* The worker is done with it: its fields are ours to read. */
	if (r->gap)
		write_gap(r, r->gap);
	if (r->writer) {
		if (r->trim_to != none && !atomic_load(&r->failed))
			check(r, wav_writer_truncate(r->writer, r->trim_to));
		r->written = wav_writer_frames(r->writer);
		check(r, wav_writer_close(r->writer));
		r->writer = NULL;
	}
	if (atomic_load(&r->failed))
		r->result = MEDIA_FAILED;
	if (r->lost) {
		metric_add(&recording_lost_ms, r->lost / AUDIO_SAMPLES_PER_MS);
		log_warn(NULL,
			 "recording %s: %llu ms are silence: the disk stood "
			 "still for too long",
			 r->path,
			 (unsigned long long)(r->lost / AUDIO_SAMPLES_PER_MS));
	}
	r->done(r, r->arg);
}

static int step(struct file_task *task)
{
	struct recorder *r = container(task, struct recorder, task);

	drain(r);
	if (!r->finished && !file_thread_stopping(r->ft))
		return DRAIN_MS;
	/* Nobody finished it, and workers are gone. */
	if (!r->finished)
		r->result = MEDIA_HANGUP;
	complete(r);
	return FILE_TASK_GONE;
}

static void open_run(struct file_job *job)
{
	struct recorder *r = container(job, struct recorder, open);

	if (wav_writer_open_beneath(&r->writer, r->path, r->root, r->width,
				    r->text, sizeof(r->text)))
		fail(r);
	r->task.step = step;
	file_thread_add(r->ft, &r->task);
}

/* Only after this job the recorder may go: the mailbox holds it until then. */
static void finish_run(struct file_job *job)
{
	struct recorder *r = container(job, struct recorder, finish);

	r->finished = true;
	file_thread_hurry(r->ft, &r->task);
}

/* ---- loop thread ---------------------------------------------------- */

int recorder_alloc(struct recorder **rp, struct file_thread *ft,
		   const struct media_record *record)
{
	static const float hz[TONE_SINES] = {BEEP_HZ};
	struct recorder *r;

	if (!record->path || !*record->path)
		return EINVAL;
	r = calloc(1, sizeof(*r));
	if (!r)
		return ENOMEM;
	r->ft = ft;
	r->channels = record->channels;
	r->width = record->channels == MEDIA_RECORD_STEREO ? 2 : 1;
	r->path = strdup(record->path);
	r->root = record->root;
	r->ring = calloc((size_t)RING_FRAMES * r->width, sizeof(*r->ring));
	if (!r->path || !r->ring) {
		recorder_free(r);
		return ENOMEM;
	}
	r->max = (uint64_t)record->max_ms * AUDIO_SAMPLES_PER_MS;
	r->silence = (uint64_t)record->silence_ms * AUDIO_SAMPLES_PER_MS;
	r->trim = record->trim;
	r->trim_to = none;
	r->digit_at = none;
	if (record->beep) {
		tone_init(&r->beep, hz, BEEP_DB, BEEP_MS, 0);
		r->beep_left = (size_t)BEEP_MS * AUDIO_SAMPLES_PER_MS;
	}
	r->open.run = open_run;
	r->finish.run = finish_run;
	*rp = r;
	return 0;
}

void recorder_free(struct recorder *r)
{
	if (!r)
		return;
	free(r->path);
	free(r->ring);
	free(r);
}

/* ---- worker --------------------------------------------------------- */

void recorder_start(struct recorder *r, recorder_done_h *done, void *arg)
{
	r->done = done;
	r->arg = arg;
	r->state = r->beep_left ? RECORDER_BEEP : RECORDER_RUNNING;
	file_thread_post(r->ft, &r->open);
}

enum recorder_state recorder_state(const struct recorder *r)
{
	return r->state == RECORDER_RUNNING && r->paused ? RECORDER_PAUSED
							 : r->state;
}

bool recorder_beep(struct recorder *r, int16_t *pcm, size_t n)
{
	size_t k = n < r->beep_left ? n : r->beep_left;

	if (r->state != RECORDER_BEEP)
		return false;
	tone_read(&r->beep, pcm, k);
	memset(pcm + k, 0, (n - k) * sizeof(*pcm));
	r->beep_left -= k;
	if (!r->beep_left)
		r->state = RECORDER_RUNNING;
	return true;
}

/* Where the file is to end. */
static uint64_t trim_at(const struct recorder *r, enum media_result result)
{
	uint64_t end = r->frames, sound = r->heard.sound_end;

	if (!r->trim)
		return none;
	if (result == MEDIA_STOPPED && r->digit_at != none &&
	    r->frames - r->digit_at <= DIGIT_RECENT)
		end = r->digit_at;
	if (r->channels != MEDIA_RECORD_HEARD && r->sent.sound_end > sound)
		sound = r->sent.sound_end;
	if (sound)
		sound += TRIM_TAIL;
	return sound < end ? sound : end;
}

static void end(struct recorder *r, enum media_result result)
{
	r->state = RECORDER_ENDED;
	r->result = result;
	r->trim_to = trim_at(r, result);
	file_thread_post(r->ft, &r->finish);
}

static void ring_put(struct recorder *r, uint64_t head, const int16_t *heard,
		     const int16_t *sent, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int16_t *frame = r->ring + (head + i) % RING_FRAMES * r->width;

		memset(frame, 0, r->width * sizeof(*frame));
		if (heard)
			frame[0] = heard[i];
		if (sent && r->channels == MEDIA_RECORD_STEREO)
			frame[1] = sent[i];
		else if (sent && r->channels == MEDIA_RECORD_MIXED)
			pcm_add(frame, &sent[i], 1);
	}
}

/* True when there is no gap any more. Small gaps in close order would use up
 * their places: some room has to be there again. */
static bool gap_close(struct recorder *r, uint64_t head, uint64_t room)
{
	unsigned i = atomic_load_explicit(&r->gap_head, memory_order_relaxed);

	if (!r->gap)
		return true;
	if (room < RING_FRAMES / 4 ||
	    i - atomic_load_explicit(&r->gap_tail, memory_order_acquire) >=
		    GAPS)
		return false;
	r->gaps[i % GAPS] = (struct gap){.at = head, .len = r->gap};
	atomic_store_explicit(&r->gap_head, i + 1, memory_order_release);
	r->gap = 0;
	return true;
}

static void store(struct recorder *r, const int16_t *heard, const int16_t *sent,
		  size_t n)
{
	uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	uint64_t room =
		RING_FRAMES -
		(head - atomic_load_explicit(&r->tail, memory_order_acquire));

	r->frames += n;
	if (!gap_close(r, head, room) || room < n) {
		r->gap += n;
		r->lost += n;
		return;
	}
	ring_put(r, head, heard, sent, n);
	atomic_store_explicit(&r->head, head + n, memory_order_release);
}

enum recorder_state recorder_push(struct recorder *r, const int16_t *heard,
				  const int16_t *sent, size_t n)
{
	bool silent = false;

	if (r->state != RECORDER_RUNNING)
		return r->state;
	if (atomic_load_explicit(&r->failed, memory_order_acquire)) {
		end(r, MEDIA_FAILED);
		return r->state;
	}
	if (r->paused)
		return RECORDER_PAUSED;
	if (r->max && n > r->max - r->frames)
		n = (size_t)(r->max - r->frames);
	n = silence_push(&r->heard, heard, n, r->silence, &silent);
	(void)silence_push(&r->sent, sent, n, 0, NULL);
	if (r->masked)
		heard = sent = NULL;
	store(r, heard, sent, n);
	if (silent)
		end(r, MEDIA_SILENCE);
	else if (r->max && r->frames >= r->max)
		end(r, MEDIA_MAX);
	return r->state;
}

void recorder_control(struct recorder *r, enum media_record_control control)
{
	switch (control) {
	case MEDIA_RECORD_PAUSE:
		r->paused = true;
		break;
	case MEDIA_RECORD_RESUME:
		/* The pause was no silence of the far side's. */
		if (r->paused)
			silence_again(&r->heard);
		r->paused = false;
		break;
	case MEDIA_RECORD_MASK:
		r->masked = true;
		break;
	case MEDIA_RECORD_UNMASK:
		r->masked = false;
		break;
	}
}

void recorder_digit(struct recorder *r, uint32_t ago_ms)
{
	uint64_t ago = (uint64_t)ago_ms * AUDIO_SAMPLES_PER_MS;

	if (r->state == RECORDER_RUNNING && !r->paused)
		r->digit_at = r->frames > ago ? r->frames - ago : 0;
}

void recorder_finish(struct recorder *r, enum media_result result)
{
	if (r->state != RECORDER_ENDED && r->state != RECORDER_NEW)
		end(r, result);
}

/* ---- after DONE ----------------------------------------------------- */

void recorder_outcome(const struct recorder *r,
		      struct recorder_outcome *outcome)
{
	*outcome = (struct recorder_outcome){
		.result = r->result,
		.path = r->path,
		.text = r->text,
		.duration_ms = (uint32_t)(r->written / AUDIO_SAMPLES_PER_MS),
		.lost_ms = (uint32_t)(r->lost / AUDIO_SAMPLES_PER_MS),
	};
}
