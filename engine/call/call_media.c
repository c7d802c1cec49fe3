/* A call's audio: its stream, the operations on it, digits both ways. */
#include "call/call_private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* ---- the stream ------------------------------------------------------- */

int call_media_open(struct call *call, const struct sa *dst)
{
	struct calls *calls = call->calls;
	struct sa laddr;
	int err = stack_media_addr(calls->stack, dst, &laddr);

	if (err)
		return err;
	if (call->stream && sa_cmp(&laddr, &call->laddr, SA_ADDR))
		return 0;
	/* the next host is reached from another address */
	call_media_close(call);
	err = media_stream_open(calls->media, &laddr, call, &call->stream);
	if (err) {
		call->stream = 0;
		return err;
	}
	call->streams++;
	call->laddr = laddr;
	return 0;
}

void call_media_close(struct call *call)
{
	const handle_t stream = call->stream;

	call->stream = 0;
	call->media_on = false;
	if (stream)
		media_stream_close(call->calls->media, stream);
}

static_assert((int)SDP_FORMATS_MAX <= (int)MEDIA_FORMATS_MAX,
	      "what was agreed has a place in media's parameters");

void call_media_set(struct call *call, const struct sdp_agreed *agreed)
{
	const uint16_t ours = call->calls->config.ptime_ms;
	struct media_params params = {
		.raddr = agreed->raddr,
		.raddr_rtcp = agreed->raddr_rtcp,
		.codec = call->media_codecs[agreed->codec],
		.pt_tx = agreed->pt_tx,
		.pt_rx = agreed->pt_rx,
		.pt_dtmf_tx = agreed->pt_dtmf_tx,
		.pt_dtmf_rx = agreed->pt_dtmf_rx,
		/* 20 is also what a peer without a wish gets */
		.ptime_ms = agreed->ptime_ms == 20 && ours ? ours
							   : agreed->ptime_ms,
		.tx = agreed->tx,
		.rx = agreed->rx,
		.latch = call->calls->config.latch,
		.opening = call->calls->config.opening_packets,
		.opening_kind = call->calls->config.opening_kind,
	};

	for (size_t i = 0; i < agreed->format_count; i++) {
		const struct sdp_rx_format *f = &agreed->formats[i];

		if (call->media_codecs[f->codec]->srate != params.codec->srate)
			continue;
		params.formats[params.format_count++] = (struct media_format){
			.codec = call->media_codecs[f->codec], .pt = f->pt};
	}
	if (call->session)
		params.signalling = *session_peer(call->session);
	media_stream_set(call->calls->media, call->stream, &params);
	call->media_on = true;
	call->pt_dtmf_tx = agreed->pt_dtmf_tx;
	cdr_set(&call->cdr, &call->cdr.codec, params.codec->name);
	call_keepalive_apply(call);
	call_detect_apply(call);
}

/* RTP is expected while the call is answered and nobody holds it. */
static bool is_watched(const struct call *call)
{
	return call->state == CALL_ANSWERED && call->media_on && !call->held &&
	       !call->on_hold;
}

void call_media_watch(struct call *call)
{
	const bool on = is_watched(call);

	if (!call->stream ||
	    (!call->timeout_ms && !call->vanished_ms && !call->watched))
		return;
	call->watched = on;
	media_stream_watch(call->calls->media, call->stream,
			   on ? call->timeout_ms : 0,
			   on ? call->vanished_ms : 0);
}

void call_set_media_timeout(struct call *call, uint32_t timeout_ms,
			    uint32_t hangup_ms)
{
	assert(loop_is_mine(call->calls->loop));
	if (timeout_ms)
		call->timeout_ms = timeout_ms == CALL_NEVER ? 0 : timeout_ms;
	if (hangup_ms)
		call->vanished_ms = hangup_ms == CALL_NEVER ? 0 : hangup_ms;
	if (call->state == CALL_ANSWERED)
		call_media_watch(call);
}

/* The worker's word may have crossed a hold. */
static void silent(struct call *call, const struct media_event *ev)
{
	const struct call_event event = {.type = CALL_EV_MEDIA_TIMEOUT,
					 .duration_ms = ev->duration_ms};

	if (!is_watched(call))
		return;
	log_info(call->cdr.id, "no RTP for %.1f s", ev->duration_ms / 1000.0);
	if (ev->type == MEDIA_TIMEOUT)
		call_emit(call, &event);
	else
		call_hangup(call, CALL_ENGINE, "media_timeout");
}

/* ---- what audio tells ------------------------------------------------- */

static void add_stats(struct media_stats *sum, const struct media_stats *s)
{
	const struct media_stats before = *sum;

	*sum = *s;
	sum->tx_packets += before.tx_packets;
	sum->rx_packets += before.rx_packets;
	sum->tx_bytes += before.tx_bytes;
	sum->rx_bytes += before.rx_bytes;
	sum->rx_lost += before.rx_lost;
	sum->rx_duplicate += before.rx_duplicate;
	sum->rx_late += before.rx_late;
	sum->rx_reordered += before.rx_reordered;
	sum->rx_rejected += before.rx_rejected;
}

static void op_done(struct call *call, enum call_event_type type,
		    const struct media_event *ev)
{
	const struct call_event event = {
		.type = type,
		.op = ev->op,
		.result = ev->result,
		.file = ev->file,
		.text = ev->text,
		.duration_ms = ev->duration_ms,
	};

	if (type == CALL_EV_RECORD_DONE && ev->op == call->detect.keep_op) {
		if (ev->file && ev->result != MEDIA_FAILED)
			cdr_set(&call->cdr, &call->cdr.detection_file,
				ev->file);
		else
			log_warn(call->cdr.id, "%s", ev->text ? ev->text : "");
		return;
	}
	if (type == CALL_EV_RECORD_DONE) {
		if (ev->file && ev->result != MEDIA_FAILED)
			cdr_recording(&call->cdr, ev->file);
	} else if (call->state == CALL_ENDED) {
		return;
	}
	if (ev->result == MEDIA_FAILED)
		log_warn(call->cdr.id, "%s", ev->text ? ev->text : "audio");
	call_emit(call, &event);
}

void calls_media_event(const struct media_event *ev, void *arg)
{
	struct calls *calls = arg;
	struct call *call = ev->arg;

	(void)calls;
	assert(loop_is_mine(call->calls->loop));
	switch (ev->type) {
	case MEDIA_CLOSED:
		add_stats(&call->cdr.stats, &ev->stats);
		call->streams--;
		call_check_complete(call);
		break;
	case MEDIA_PLAY_DONE:
		op_done(call, CALL_EV_PLAY_DONE, ev);
		break;
	case MEDIA_RECORD_DONE:
		op_done(call, CALL_EV_RECORD_DONE, ev);
		break;
	case MEDIA_DTMF_DONE:
		op_done(call, CALL_EV_DTMF_DONE, ev);
		break;
	case MEDIA_DIGIT:
		call_digit(call, DIGIT_RFC4733, ev->digit, ev->duration_ms);
		break;
	case MEDIA_TIMEOUT:
	case MEDIA_VANISHED:
		silent(call, ev);
		break;
	case MEDIA_DETECTED:
		call_detected(call, &ev->detect);
		break;
	case MEDIA_LATCHED:
		break;
	}
}

void call_digit(struct call *call, enum digit_means means, char digit,
		uint32_t duration_ms)
{
	const struct call_event event = {.type = CALL_EV_DIGIT,
					 .digit = digit,
					 .duration_ms = duration_ms};

	if (call->state == CALL_ENDED)
		return;
	if (!digit_filter_pass(&call->digits, means, digit, duration_ms,
			       clock_mono_ms())) {
		log_debug(call->cdr.id, "digit came by both means: one counts");
		return;
	}
	cdr_digit(&call->cdr, digit);
	bridge_digit(call, digit, duration_ms);
	call_emit(call, &event);
}

/* ---- operations ------------------------------------------------------- */

static bool has_audio(const struct call *call)
{
	assert(loop_is_mine(call->calls->loop));
	return call_has_media(call) && call->state != CALL_ENDED;
}

static int begun(struct call *call, int err, uint32_t *op)
{
	if (!err && op)
		*op = call->last_op;
	return err;
}

int call_play(struct call *call, const struct media_play *play, uint32_t *op)
{
	if (!has_audio(call))
		return EPROTO;
	return begun(call,
		     media_play(call->calls->media, call->stream,
				++call->last_op, play),
		     op);
}

void call_play_control(struct call *call, uint32_t op,
		       enum media_play_control control, double value)
{
	if (has_audio(call))
		media_play_control(call->calls->media, call->stream, op,
				   control, value);
}

int call_record(struct call *call, const struct media_record *record,
		uint32_t *op)
{
	if (!has_audio(call))
		return EPROTO;
	return begun(call,
		     media_record(call->calls->media, call->stream,
				  ++call->last_op, record),
		     op);
}

void call_record_control(struct call *call, uint32_t op,
			 enum media_record_control control)
{
	if (has_audio(call))
		media_record_control(call->calls->media, call->stream, op,
				     control);
}

void call_op_stop(struct call *call, uint32_t op)
{
	if (!info_send_stop(call, op) && has_audio(call))
		media_stop(call->calls->media, call->stream, op);
}

void call_mute(struct call *call, bool rx, bool tx)
{
	if (has_audio(call))
		media_stream_mute(call->calls->media, call->stream, rx, tx);
}

int call_send_digits(struct call *call, const char *digits,
		     enum call_dtmf_mode mode, uint32_t duration_ms,
		     uint32_t gap_ms, uint32_t *op)
{
	bool rfc4733 = mode == CALL_DTMF_RFC4733 ||
		       (mode == CALL_DTMF_AUTO && call->pt_dtmf_tx >= 0);

	assert(loop_is_mine(call->calls->loop));
	if (!digits || !*digits ||
	    digits[strspn(digits, "0123456789*#ABCDabcdwW")])
		return EINVAL;
	if (!rfc4733) {
		if (call->state != CALL_ANSWERED)
			return EPROTO;
		return begun(call,
			     info_send(call, ++call->last_op, digits,
				       duration_ms, gap_ms),
			     op);
	}
	if (!has_audio(call))
		return EPROTO;
	if (call->pt_dtmf_tx < 0)
		return ENOTSUP;
	return begun(call,
		     media_send_digits(call->calls->media, call->stream,
				       ++call->last_op, digits, duration_ms,
				       gap_ms),
		     op);
}
