/* stream_ops.c -- a stream's operations: plays, recordings, digits */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "media/mix.h"
#include "media/player.h"
#include "media/recorder.h"
#include "media/stream.h"

/* ---- to the loop thread --------------------------------------------- */

struct message *stream_event_alloc(const struct stream *stream,
				   enum media_event_type type)
{
	struct message *message = calloc(1, sizeof(*message));

	if (!message) {
		log_error(NULL, "media: out of memory, an event is lost");
		return NULL;
	}
	message->type = MESSAGE_EVENT;
	message->stream = stream->handle;
	message->u.event.type = type;
	return message;
}

void stream_post_digit(struct stream *stream, char digit, uint32_t duration_ms)
{
	struct message *message = stream_event_alloc(stream, MEDIA_DIGIT);

	if (!message)
		return;
	message->u.event.digit = digit;
	message->u.event.duration_ms = duration_ms;
	stream_env_post(stream->env, &message->mail);
}

void stream_post_latched(struct stream *stream)
{
	struct message *message = stream_event_alloc(stream, MEDIA_LATCHED);

	if (!message)
		return;
	message->u.event.peer = stream->latch.src;
	stream_env_post(stream->env, &message->mail);
}

void stream_post_silence(struct stream *stream, enum media_event_type type,
			 uint32_t silent_ms)
{
	struct message *message = stream_event_alloc(stream, type);

	if (!message)
		return;
	message->u.event.duration_ms = silent_ms;
	stream_env_post(stream->env, &message->mail);
}

static void append(struct message **list, struct message *message)
{
	while (*list)
		list = &(*list)->next;
	message->next = NULL;
	*list = message;
}

static struct message *find(struct message *list, uint32_t op)
{
	while (list && list->op != op)
		list = list->next;
	return list;
}

void stream_op_end(struct stream *stream, struct message **list,
		   struct message *message, enum media_result result,
		   const char *text)
{
	while (*list && *list != message)
		list = &(*list)->next;
	if (*list)
		*list = message->next;
	message->next = NULL;
	message->result = result;
	message->text = text;
	stream_env_post(stream->env, &message->mail);
}

/* ---- playing -------------------------------------------------------- */

static void play_begin(struct stream *stream, struct message *message)
{
	bool busy = false;

	for (const struct message *m = stream->plays; m; m = m->next)
		busy |= !m->u.play.mix;
	append(&stream->plays, message);
	if (busy && !message->u.play.mix)
		stream_op_end(stream, &stream->plays, message, MEDIA_FAILED,
			      "something else is being played");
	else if (stream->codec)
		player_want(message->u.play.player, stream->codec);
}

static void play_control(struct stream *stream, const struct message *message)
{
	const struct message *play = find(stream->plays, message->op);
	double value = message->u.play_control.value;
	struct player *player;

	if (!play)
		return;
	player = play->u.play.player;
	switch (message->u.play_control.control) {
	case MEDIA_PAUSE:
		player_pause(player);
		break;
	case MEDIA_RESUME:
		player_resume(player);
		break;
	case MEDIA_SEEK:
		player_seek(player, value < 0	   ? 0
				    : value > 1e12 ? UINT64_C(1000000000000)
						   : (uint64_t)value);
		break;
	case MEDIA_VOLUME:
		player_volume(player, (float)value);
		break;
	}
}

/* Those that this frame has finished. */
static void plays_reap(struct stream *stream)
{
	for (struct message *m = stream->plays, *next; m; m = next) {
		struct player *player = m->u.play.player;
		enum player_state state = player_state(player);

		next = m->next;
		if (state == PLAYER_DONE)
			stream_op_end(stream, &stream->plays, m, MEDIA_DONE,
				      NULL);
		else if (state == PLAYER_FAILED)
			stream_op_end(stream, &stream->plays, m, MEDIA_FAILED,
				      player_error(player));
	}
}

/* ---- recording ------------------------------------------------------ */

/* File thread: nothing touches the stream here; its worker does, when the
 * message gets there. */
static void record_complete(struct recorder *recorder, void *arg)
{
	struct message *message = arg;
	(void)recorder;

	message->u.record.complete = true;
	mailbox_post(message->u.record.reply, &message->mail);
}

/* Listening begins with the first who does. */
void stream_take_room(struct stream *stream, struct jitter_room **room)
{
	if (stream->room)
		return;
	stream->room = *room;
	*room = NULL;
	jitter_set_room(&stream->jitter, stream->room);
}

static void record_message(struct stream *stream, struct message *message)
{
	if (message->u.record.complete) {
		/* Its outcome, the result too, is the recorder's to tell. */
		stream_op_end(stream, &stream->records, message, MEDIA_DONE,
			      NULL);
		return;
	}
	stream_take_room(stream, &message->u.record.room);
	message->u.record.reply = stream->env->in;
	atomic_store(&message->u.record.at, stream->env->in);
	stream->env->recordings++;
	append(&stream->records, message);
	recorder_start(message->u.record.recorder, record_complete, message);
}

bool stream_ops_listening(const struct stream *stream)
{
	for (const struct message *m = stream->records; m; m = m->next)
		if (recorder_state(m->u.record.recorder) != RECORDER_ENDED)
			return true;
	return stream->detector ||
	       (stream->member && mix_is_heard(stream->member));
}

static bool beep(struct stream *stream, int16_t *pcm, size_t n)
{
	for (struct message *m = stream->records; m; m = m->next)
		if (recorder_state(m->u.record.recorder) == RECORDER_BEEP &&
		    recorder_beep(m->u.record.recorder, pcm, n))
			return true;
	return false;
}

/* ---- what is sent --------------------------------------------------- */

static void encode(struct stream *stream, uint8_t *payload, const int16_t *pcm)
{
	stream->codec->encode(payload, pcm, JITTER_FRAME);
}

/* Several at once, or beside what others say. False: there is nothing. */
static bool mix(struct stream *stream, int16_t *pcm)
{
	bool any = stream->member && mix_others(stream->member, pcm);
	int16_t one[JITTER_FRAME];

	if (!any && !stream->plays)
		return false;
	if (!any)
		memset(pcm, 0, JITTER_FRAME * sizeof(*pcm));
	for (struct message *m = stream->plays; m; m = m->next) {
		player_read(m->u.play.player, one, JITTER_FRAME);
		pcm_add(pcm, one, JITTER_FRAME);
	}
	return true;
}

/* One player, and nothing beside it: what it has ready can be copied. */
static bool plays_alone(const struct stream *stream)
{
	if (!stream->plays || stream->plays->next || stream->member)
		return false;
	for (const struct message *m = stream->records; m; m = m->next)
		if (recorder_state(m->u.record.recorder) == RECORDER_BEEP)
			return false;
	return true;
}

void stream_ops_frame(struct stream *stream, int16_t *sent)
{
	const struct codec *codec = stream->codec;
	size_t bytes = codec_payload_bytes(codec, JITTER_FRAME);
	uint8_t *payload = stream->packet + RTP_HEADER + stream->fill;
	int16_t pcm[JITTER_FRAME];
	/* Playback waits for a telephone event, so that no word is lost. */
	bool silent = stream->in_event;

	assert(RTP_HEADER + stream->fill + bytes <= sizeof(stream->packet));
	stream->fill += bytes;
	if (silent) {
		/* nothing is read */
	} else if (plays_alone(stream)) {
		player_read_payload(stream->plays->u.play.player, codec,
				    payload, sent, JITTER_FRAME);
	} else if (!beep(stream, pcm, JITTER_FRAME) && !mix(stream, pcm)) {
		silent = true;
	} else {
		encode(stream, payload, pcm);
		if (sent)
			memcpy(sent, pcm, sizeof(pcm));
	}
	if (stream->plays)
		plays_reap(stream);
	if (silent || stream->mute_tx) {
		memset(payload, codec->silence, bytes);
		if (sent)
			memset(sent, 0, JITTER_FRAME * sizeof(*sent));
	}
}

/* ---- digits --------------------------------------------------------- */

enum dtmf_tx_what stream_ops_digits(struct stream *stream,
				    uint8_t payload[DTMF_TX_PAYLOAD],
				    uint32_t *ts, bool *marker)
{
	const struct media_params *params = &stream->params;

	while (stream->digits) {
		struct message *m = stream->digits;
		enum dtmf_tx_what what;

		if (params->pt_dtmf_tx < 0 || !params->tx) {
			stream->digits_begun = false;
			stream_op_end(stream, &stream->digits, m, MEDIA_FAILED,
				      params->tx ? "the far side takes no "
						   "telephone events"
						 : "the stream is on hold");
			continue;
		}
		if (!stream->digits_begun) {
			stream->digits_begun = true;
			dtmf_tx_start(&stream->dtmf_tx, m->u.digits.digits,
				      m->u.digits.duration_ms,
				      m->u.digits.gap_ms);
		}
		what = dtmf_tx_step(&stream->dtmf_tx, params->ptime_ms,
				    stream->codec->info.srate, stream->tx.ts,
				    payload, ts, marker);
		if (what != DTMF_TX_IDLE)
			return what;
		stream->digits_begun = false;
		/* Stopped ones were ended in the middle of their digits. */
		stream_op_end(stream, &stream->digits, m, m->result, NULL);
	}
	return DTMF_TX_IDLE;
}

static void digits_stop(struct stream *stream, struct message *message)
{
	message->result = MEDIA_STOPPED;
	if (message == stream->digits && stream->digits_begun)
		dtmf_tx_stop(&stream->dtmf_tx); /* ends at the next packets */
	else
		stream_op_end(stream, &stream->digits, message, MEDIA_STOPPED,
			      NULL);
}

/* ---- messages ------------------------------------------------------- */

static void stop(struct stream *stream, uint32_t op)
{
	struct message *m;

	m = find(stream->plays, op);
	if (m) {
		stream_op_end(stream, &stream->plays, m, MEDIA_STOPPED, NULL);
		return;
	}
	m = find(stream->records, op);
	if (m) {
		recorder_finish(m->u.record.recorder, MEDIA_STOPPED);
		return;
	}
	m = find(stream->digits, op);
	if (m)
		digits_stop(stream, m);
}

/* ---- a bridge ------------------------------------------------------- */

static void leave(struct stream *stream)
{
	if (!stream->member)
		return;
	mix_leave(stream->member);
	mix_member_free(stream->member);
	stream->member = NULL;
}

void stream_ops_migrate(struct stream *stream, struct mailbox *in)
{
	leave(stream);
	for (struct message *m = stream->records; m; m = m->next)
		atomic_store(&m->u.record.at, in);
}

static void join(struct stream *stream, struct message *message)
{
	leave(stream);
	stream_take_room(stream, &message->u.join.room);
	free(message->u.join.room);
	stream->member = message->u.join.member;
	mix_join(stream->member);
}

static void hear(struct stream *stream, const struct message *message)
{
	if (!stream->member)
		return;
	stream->member->talk = message->u.hear.talk;
	stream->member->hear = message->u.hear.hear;
}

/* ---- sockets -------------------------------------------------------- */

/* To other sockets. The peer is where it was, and sends to the old ones until
 * it has been told. */
static void move(struct stream *stream, struct message *message)
{
	close(stream->fd_rtp);
	close(stream->fd_rtcp);
	stream->fd_rtp = message->u.move.fds[0];
	stream->fd_rtcp = message->u.move.fds[1];
	stream->connected = stream->alone = false;
	mailbox_post(stream->env->out, &message->mail);
}

void stream_message(struct stream *stream, struct message *message)
{
	const struct message *m;

	switch (message->type) {
	case MESSAGE_PLAY:
		play_begin(stream, message);
		return;
	case MESSAGE_RECORD:
		record_message(stream, message);
		return;
	case MESSAGE_DIGITS:
		message->result = MEDIA_DONE;
		append(&stream->digits, message);
		return;
	case MESSAGE_PLAY_CONTROL:
		play_control(stream, message);
		break;
	case MESSAGE_RECORD_CONTROL:
		m = find(stream->records, message->op);
		if (m)
			recorder_control(m->u.record.recorder,
					 message->u.record_control);
		break;
	case MESSAGE_MUTE:
		stream->mute_rx = message->u.mute.rx;
		stream->mute_tx = message->u.mute.tx;
		break;
	case MESSAGE_WATCH:
		stream->watch_ms = message->u.watch.timeout_ms;
		stream->vanished_ms = message->u.watch.vanished_ms;
		stream->watched_ns = clock_mono_ns();
		stream->timed_out = stream->vanished = false;
		break;
	case MESSAGE_MOVE:
		move(stream, message);
		return;
	case MESSAGE_KEEPALIVE:
		stream_keep_set(stream, message->u.keepalive_ms,
				clock_mono_ns());
		break;
	case MESSAGE_STOP:
		stop(stream, message->op);
		break;
	case MESSAGE_JOIN:
		join(stream, message);
		break;
	case MESSAGE_HEAR:
		hear(stream, message);
		break;
	case MESSAGE_LEAVE:
		leave(stream);
		break;
	case MESSAGE_DETECT:
		stream_detect(stream, message);
		break;
	default:
		assert(!"a message that is not for a stream");
	}
	free(message);
}

bool stream_ops_close(struct stream *stream)
{
	leave(stream);
	while (stream->plays)
		stream_op_end(stream, &stream->plays, stream->plays,
			      MEDIA_HANGUP, NULL);
	while (stream->digits)
		stream_op_end(stream, &stream->digits, stream->digits,
			      MEDIA_HANGUP, NULL);
	for (struct message *m = stream->records; m; m = m->next)
		recorder_finish(m->u.record.recorder, MEDIA_HANGUP);
	return !stream->records;
}
