/* message.h -- everything that passes between the loop thread and a worker
 *
 *   loop ──► worker   ADD SET WATCH KEEPALIVE MUTE MOVE CLOSE PLAY
 *                     PLAY_CONTROL RECORD RECORD_CONTROL DIGITS STOP JOIN
 *                     HEAR LEAVE MIGRATE DETECT QUIT
 *   worker ─► worker  ADD (a stream that was told to MIGRATE); RECORD, below
 *   file ──► worker   RECORD (its file is complete)
 *   worker ──► loop   MOVE CLOSE PLAY RECORD DIGITS (they have ended), EVENT
 *
 * A message is made by the sender and owned by whoever holds it. PLAY, RECORD
 * and DIGITS stay with their stream for as long as they run and are then sent
 * back, so that each operation ends exactly once, and without a malloc: the
 * message is the operation. So does CLOSE: it comes back as the last message
 * of its stream, after those of all operations.
 *
 * A stream that MIGRATEs is in nobody's hands for a moment: what the loop
 * thread says to it meanwhile waits at the worker that it is on its way to.
 * A recording ends at the worker where it began, which knows that it is still
 * owed that message, and passes it on to where the stream is now.
 */
#ifndef MOONDIAL_MEDIA_MESSAGE_H
#define MOONDIAL_MEDIA_MESSAGE_H

#include <stdatomic.h>
#include "base/handle.h"
#include "base/mailbox.h"
#include "media/media.h"

struct jitter_room;
struct mailbox;
struct mix_member;
struct player;
struct recorder;
struct stream;
struct worker;

enum message_type {
	MESSAGE_ADD,
	MESSAGE_SET,
	MESSAGE_WATCH,
	MESSAGE_KEEPALIVE,
	MESSAGE_MUTE,
	MESSAGE_MOVE,
	MESSAGE_CLOSE,
	MESSAGE_PLAY,
	MESSAGE_PLAY_CONTROL,
	MESSAGE_RECORD,
	MESSAGE_RECORD_CONTROL,
	MESSAGE_DIGITS,
	MESSAGE_STOP,
	MESSAGE_JOIN,
	MESSAGE_HEAR,
	MESSAGE_LEAVE,
	MESSAGE_MIGRATE,
	MESSAGE_DETECT,
	MESSAGE_EVENT,
	MESSAGE_QUIT,
};

struct message {
	struct mail mail; /* first */
	enum message_type type;
	handle_t stream;
	uint32_t op;
	enum media_result result; /* of an operation, once it has ended */
	const char *text;	  /* MEDIA_FAILED; constant, or of the player */
	/* In the stream's list of operations of this type. */
	struct message *next;
	union {
		struct stream *add;
		struct media_params set;
		struct {
			uint32_t timeout_ms, vanished_ms;
		} watch;
		uint32_t keepalive_ms;
		struct {
			int fds[2];
			uint16_t old_port; /* free once it is back */
		} move;
		struct {
			bool rx, tx;
		} mute;
		struct media_stats close; /* filled in by the worker */
		struct {
			struct player *player;
			bool mix;
		} play;
		struct {
			enum media_play_control control;
			double value;
		} play_control;
		struct {
			struct recorder *recorder;
			/* to listen with; the stream takes it if it has none */
			struct jitter_room *room;
			/* where the file thread says that it is complete;
			 * NULL: it has said so there */
			struct mailbox *reply;
			/* of the worker that has the stream */
			_Atomic(struct mailbox *) at;
			bool complete;
		} record;
		enum media_record_control record_control;
		struct {
			struct mix_member *member;
			/* as of a recording */
			struct jitter_room *room;
		} join;
		struct {
			uint32_t talk, hear;
		} hear;
		struct worker *migrate; /* to */
		struct {
			/* the stream takes it if it has none; NULL: stop */
			struct detector *detector;
			enum media_detect what;
			struct detect_settings settings;
			/* as of a recording */
			struct jitter_room *room;
		} detect;
		struct {
			uint32_t duration_ms, gap_ms;
			char *digits;
		} digits;
		struct {
			enum media_event_type type;
			char digit;
			uint32_t duration_ms;
			struct sa peer;
			struct detect_event detect;
		} event;
	} u;
};

#endif
