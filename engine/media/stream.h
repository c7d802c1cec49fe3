/* stream.h -- one call's audio: sockets, what is heard, what is sent
 *
 *            ┌► dtmf_rx ─► MEDIA_DIGIT  ┌► detect/ ─► MEDIA_DETECTED
 *   socket ─► latch ─► rtp_rx ─► jitter ─┬► recorders ◄────┐
 *                                        └► mix ─┐         │
 *   socket ◄─ rtp_tx ◄─ packet ◄─ players, beep, mix, dtmf_tx
 *
 * Everything happens in the stream's tick: it reads what the socket holds
 * (arrival is the kernel's time stamp, so reading late does no harm to jitter
 * and round trip), makes a frame of 20 ms, and sends a packet each ptime. A
 * tick makes no allocation and takes no lock, except for an event.
 *
 * Made by the loop thread, then owned by one worker until it is closed, or by
 * one after the other (MESSAGE_MIGRATE): nothing in it belongs to a worker but
 * its place in the wheel and ENV.
 */
#ifndef MOONDIAL_MEDIA_STREAM_H
#define MOONDIAL_MEDIA_STREAM_H

#include <sys/socket.h>
#include "media/codec.h"
#include "media/dtmf_rx.h"
#include "media/dtmf_tx.h"
#include "media/jitter.h"
#include "media/latch.h"
#include "media/message.h"
#include "media/rtcp.h"
#include "media/rtp_rx.h"
#include "media/rtp_socket.h"
#include "media/rtp_tx.h"
#include "media/stream_keep.h"

enum {
	STREAM_FRAME_MS = 20,
	STREAM_PTIME_MAX_MS = 60,
	/* A stream that is behind by more than this does not send what it has
	 * missed: it goes on with a gap. */
	STREAM_CATCH_UP_MS = 100,
	/* Room for the header, a packet and a frame at up to 2 bytes a
	 * sample. */
	STREAM_PACKET_MAX = RTP_HEADER + 2 * (AUDIO_FRAME_MAX + JITTER_FRAME),
};

/* What the streams of a worker share: the way out, and room to read into.
 * Messages to the loop thread leave together, when the streams of a
 * millisecond have all been run: it would take the core from us, as often as
 * it is woken. */
struct stream_env {
	struct mailbox *in, *out; /* of the worker; of the loop thread */
	struct mail *posts, **posts_tail;
	int64_t wall_ns; /* rtp_socket_wall_ns() of this millisecond */
	/* Recordings that have begun here, and whose end is still to come. */
	unsigned recordings;
	uint8_t bytes[RTP_SOCKET_BYTES];
};

void stream_env_init(struct stream_env *env, struct mailbox *in,
		     struct mailbox *out);

/* Before the streams of a millisecond are run, or one is shut. */
void stream_env_now(struct stream_env *env);

/* To the loop thread, with the next stream_env_flush(). */
void stream_env_post(struct stream_env *env, struct mail *mail);
void stream_env_flush(struct stream_env *env);

/* What each tick needs stands first and together: with thousands of streams
 * every cache line of one is fetched from afar each time. */
struct stream {
	/* the worker's: by handle, and in the wheel while it runs */
	struct stream *wheel_next, **wheel_prevp;
	uint64_t due_ms;
	uint32_t tick_ms;

	uint32_t frame_ms;  /* since the last frame */
	uint32_t packet_ms; /* since the last packet */
	uint32_t rtcp_ms;   /* since RTCP was looked for */
	int fd_rtp, fd_rtcp;
	bool running;	/* media_stream_set() came */
	bool connected; /* fd_rtp, to the latched source … */
	bool alone;	/* … and nothing else is in its queue any more */
	bool mute_rx, mute_tx;
	bool in_event;	   /* a telephone event instead of audio */
	bool digits_begun; /* the first of DIGITS is being sent */
	struct stream_env *env;
	const struct codec *codec;
	/* operations: the messages that began them, oldest first */
	struct message *plays, *records, *digits;
	struct mix_member *member; /* of a bridge; or NULL */
	struct detector *detector; /* or NULL: nobody asks */

	uint64_t running_ns; /* since when */
	uint64_t rx_ns;	     /* arrival of the last packet with audio */
	size_t fill;	     /* payload bytes in PACKET */
	struct rtp_tx tx;
	struct rtp_rx rx;
	struct dtmf_rx dtmf_rx;
	struct jitter jitter;
	/* of these the first lines only */
	struct media_params params;
	struct latch latch;
	struct rtcp rtcp;

	handle_t handle;
	struct stream *hash_next;
	struct jitter_room *room; /* once somebody has listened */
	struct dtmf_tx dtmf_tx;
	struct sa rtcp_source; /* where RTCP came from; unset: see target */
	uint32_t rx_rejected;
	uint32_t rx_rejected_before; /* a second ago */
	uint64_t digits_since_ms;
	unsigned digits_seen; /* in that second */
	/* the watch for RTP; 0: none */
	uint32_t watch_ms, vanished_ms;
	uint64_t watched_ns; /* since when it counts */
	bool timed_out, vanished;
	struct message *closing;

	uint8_t packet[STREAM_PACKET_MAX];
	struct stream_keep keep;
};

/* ENOMEM. Takes the descriptors over. Loop thread. */
int stream_alloc(struct stream **sp, const int fds[2]);
void stream_free(struct stream *stream);

/* ---- worker --------------------------------------------------------- */

/* PARAMS of MESSAGE_SET. The tick may change: true, when it did (or began). */
bool stream_set(struct stream *stream, const struct media_params *params,
		uint64_t now_ns);

/* Inlined at once: the compiler takes a function that does nothing but this
 * for one without effect, and leaves its calls out. */
#define STREAM_PREFETCH static inline __attribute__((always_inline)) void

/* Its tick is the next but one: on its way while the others are in the
 * kernel. What lies behind a pointer follows a step later. NULL is fine. */
STREAM_PREFETCH stream_prefetch(const struct stream *stream)
{
	const size_t hot = offsetof(struct stream, params);

	if (!stream)
		return;
	for (size_t i = 0; i < hot; i += 64)
		__builtin_prefetch((const char *)stream + i, 1);
	__builtin_prefetch(&stream->params);
	__builtin_prefetch(&stream->latch);
	__builtin_prefetch(&stream->rtcp);
	for (size_t i = 0; i < RTP_HEADER + JITTER_FRAME; i += 64)
		__builtin_prefetch(stream->packet + i, 1);
}

/* Its tick is the next. NULL is fine. */
STREAM_PREFETCH stream_prefetch_play(const struct stream *stream)
{
	if (!stream || !stream->plays)
		return;
	__builtin_prefetch(&stream->plays->next);
	__builtin_prefetch(&stream->plays->u.play.player);
}

/* BEHIND_MS: how late this tick is. Returns for how many ms it stood. */
uint32_t stream_tick(struct stream *stream, uint64_t now_ns,
		     uint32_t behind_ms);

/* Last words to the far side; the sockets are closed, the statistics taken. */
void stream_shut(struct stream *stream, struct media_stats *stats,
		 uint64_t now_ns);

/* ---- operations (stream_ops.c) -------------------------------------- */

/* PLAY, PLAY_CONTROL, RECORD (new or complete), RECORD_CONTROL, DIGITS, STOP,
 * MUTE, WATCH, KEEPALIVE, JOIN, HEAR, LEAVE: takes the message over. */
void stream_message(struct stream *stream, struct message *message);

/* Send an operation back: it has ended. */
void stream_op_end(struct stream *stream, struct message **list,
		   struct message *message, enum media_result result,
		   const char *text);

/* It is another worker's from now on, whose mailbox IN is. */
void stream_ops_migrate(struct stream *stream, struct mailbox *in);

/* End all with MEDIA_HANGUP. True when none is left (recordings take until
 * their file is complete). */
bool stream_ops_close(struct stream *stream);

/* One frame of what is to be sent, appended to PACKET; its samples go to SENT,
 * unless that is NULL. */
void stream_ops_frame(struct stream *stream, int16_t *sent);

/* A packet is due: what digits want in its place. */
enum dtmf_tx_what stream_ops_digits(struct stream *stream,
				    uint8_t payload[DTMF_TX_PAYLOAD],
				    uint32_t *ts, bool *marker);

/* A recording that takes samples is there, or somebody on the bridge. */
bool stream_ops_listening(const struct stream *stream);

/* Samples are wanted from now on: take *ROOM to decode into, if there is none
 * (and NULL it). */
void stream_take_room(struct stream *stream, struct jitter_room **room);

/* stream_detect.c: DETECT; the rest of the message is the caller's to free. */
void stream_detect(struct stream *stream, struct message *message);

/* Tell the loop thread. */
struct message *stream_event_alloc(const struct stream *stream,
				   enum media_event_type type);
void stream_post_digit(struct stream *stream, char digit, uint32_t duration_ms);
void stream_post_latched(struct stream *stream);
void stream_post_silence(struct stream *stream, enum media_event_type type,
			 uint32_t silent_ms);

#endif
