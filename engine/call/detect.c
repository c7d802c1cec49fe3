/* What is at the far side: the call's detector, from early media on.
 *
 * It listens while a verdict is wanted or somebody waits for one of its events,
 * and LINGER_MS longer, so that what follows a verdict (a beep) isn't missed.
 */
#include "call/call_private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

enum { LINGER_MS = 10000, KEEP_MS = 5000, BEEP_RECENT_MS = 3000 };

/* ---- begin and end ---------------------------------------------------- */

static bool is_wanted(const struct call *call)
{
	return call->detect.judge || call->detect.listeners;
}

static void stop(void *arg)
{
	struct call *call = arg;
	struct call_detect *d = &call->detect;

	if (d->stream && d->stream == call->stream)
		media_detect_stop(call->calls->media, d->stream);
	d->stream = 0;
	d->speaking = false;
}

static void linger(struct call *call)
{
	if (!is_wanted(call) && call->detect.stream)
		tmr_start(&call->detect.linger, LINGER_MS, stop, call);
}

static void keep(struct call *call)
{
	struct call_detect *d = &call->detect;
	const struct media_record record = {.path = d->keep_path,
					    .root = d->keep_root,
					    .channels = MEDIA_RECORD_HEARD,
					    .max_ms = KEEP_MS};

	if (!d->keep_path || d->keep_op)
		return;
	if (call_record(call, &record, &d->keep_op))
		log_warn(call->cdr.id, "the audio of the detection is not "
				       "kept");
}

/* 0 also when there is nothing to be heard yet, or nobody asks. */
static int apply(struct call *call)
{
	struct call_detect *d = &call->detect;
	const bool answered = call->state == CALL_ANSWERED;
	const enum media_detect what = !answered  ? MEDIA_DETECT_EARLY
				       : d->judge ? MEDIA_DETECT_JUDGE
						  : MEDIA_DETECT_ANSWERED;
	int err;

	if (!is_wanted(call) || !call->media_on || call->state == CALL_ENDED)
		return 0;
	tmr_cancel(&d->linger);
	if (d->stream == call->stream && d->told >= what)
		return 0;
	err = media_detect(call->calls->media, call->stream, what,
			   &d->settings);
	if (err) {
		log_warn(call->cdr.id, "detection: %s", strerror(err));
		return err;
	}
	d->stream = call->stream;
	d->told = what;
	if (answered)
		keep(call);
	return 0;
}

static void decided(struct call *call, const struct detect_verdict *v)
{
	call->detect.judge = false;
	call->cdr.detection = *v;
	log_info(call->cdr.id,
		 "detection: %s (%s), %.1f s after the answer, voice %.1f s, "
		 "%u words, noise %.0f dBFS",
		 detect_kind_name(v->kind), v->cause, v->decided_ms / 1000.0,
		 v->greeting_ms / 1000.0, v->words, (double)v->noise_db);
	linger(call);
}

/* Nobody waits for a verdict that can't come. */
static void undecided(struct call *call)
{
	const struct detect_verdict verdict = {.kind = DETECT_UNSURE,
					       .cause = "memory"};
	const struct call_event event = {
		.type = CALL_EV_DETECTED,
		.detect = {.type = DETECT_EV_VERDICT, .verdict = verdict}};

	decided(call, &verdict);
	(void)mem_ref(call);
	call_emit(call, &event);
	mem_deref(call);
}

void call_detect_apply(struct call *call)
{
	if (apply(call) && call->detect.judge)
		undecided(call);
}

void call_detect_init(struct call *call)
{
	detect_defaults(&call->detect.settings);
	tmr_init(&call->detect.linger);
}

void call_detect_end(struct call *call)
{
	tmr_cancel(&call->detect.linger);
	call->detect.judge = false;
	call->detect.stream = 0;
}

/* ---- what scripts want ------------------------------------------------ */

int call_detect(struct call *call, const struct detect_settings *settings)
{
	struct call_detect *d = &call->detect;
	int err;

	assert(loop_is_mine(call->calls->loop));
	if (call->state == CALL_ENDED)
		return EPROTO;
	d->settings = *settings;
	d->judge = true;
	d->told = MEDIA_DETECT_EARLY; /* what comes before counts no more */
	call->cdr.detection.kind = DETECT_NONE;
	if (d->stream && call->state != CALL_ANSWERED)
		return 0;
	if (d->stream)
		d->told = MEDIA_DETECT_ANSWERED;
	err = apply(call);
	if (err)
		d->judge = false;
	return err;
}

int call_detect_keep(struct call *call, const char *path, size_t root)
{
	assert(loop_is_mine(call->calls->loop));
	call->detect.keep_path = mem_deref(call->detect.keep_path);
	call->detect.keep_op = 0;
	call->detect.keep_root = root;
	return str_dup(&call->detect.keep_path, path);
}

void call_listen(struct call *call)
{
	assert(loop_is_mine(call->calls->loop));
	call->detect.listeners++;
	call_detect_apply(call);
}

void call_unlisten(struct call *call)
{
	assert(call->detect.listeners > 0);
	call->detect.listeners--;
	linger(call);
}

void call_set_detection(struct call *call, enum detect_kind kind)
{
	assert(loop_is_mine(call->calls->loop));
	call->detect.judge = false;
	call->cdr.detection.kind = kind;
	call->cdr.detection.cause = "script";
	linger(call);
}

bool call_detecting(const struct call *call)
{
	return call->detect.judge;
}

bool call_speaks(const struct call *call)
{
	return call->detect.speaking;
}

bool call_beeped(const struct call *call)
{
	return call->detect.beep_ms &&
	       clock_mono_ms() - call->detect.beep_ms < BEEP_RECENT_MS;
}

/* ---- what it tells ---------------------------------------------------- */

static void tone_heard(struct call *call, const struct detect_event *e)
{
	char text[32];

	(void)re_snprintf(text, sizeof(text), "%s%s%s", e->tone,
			  *e->region ? "." : "", e->region);
	cdr_tone(&call->cdr, text);
	log_info(call->cdr.id, "tone: %s", text);
}

void call_detected(struct call *call, const struct detect_event *e)
{
	const struct call_event event = {.type = CALL_EV_DETECTED,
					 .detect = *e};
	struct call_detect *d = &call->detect;

	if (call->state == CALL_ENDED)
		return;
	switch (e->type) {
	case DETECT_EV_VERDICT:
		/* of an earlier wish, or a script knows better */
		if (!d->judge || d->told != MEDIA_DETECT_JUDGE)
			return;
		decided(call, &e->verdict);
		break;
	case DETECT_EV_SPEECH:
		d->speaking = true;
		d->beep_ms = 0;
		break;
	case DETECT_EV_SILENCE:
		d->speaking = false;
		break;
	case DETECT_EV_BEEP:
		d->beep_ms = clock_mono_ms();
		cdr_tone(&call->cdr, "beep");
		break;
	case DETECT_EV_TONE:
		tone_heard(call, e);
		break;
	}
	(void)mem_ref(call);
	call_emit(call, &event);
	if (e->type == DETECT_EV_TONE && call->out && d->judge &&
	    call->state != CALL_ANSWERED && call->state != CALL_ENDED)
		call_out_sit(call, e->tone);
	mem_deref(call);
}
