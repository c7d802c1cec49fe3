/* stream_keep.h -- what keeps a NAT's binding open where audio doesn't
 *
 * Silence leaves as one packet of RTP whenever nothing else has for most of an
 * interval, whatever the directions of SDP are: a binding is kept for what is
 * to come later, too (RFC 6263). And packets that open it, before the audio.
 * A value in the stream; worker thread, outside of the packet path.
 */
#ifndef MOONDIAL_MEDIA_STREAM_KEEP_H
#define MOONDIAL_MEDIA_STREAM_KEEP_H

#include <re.h>

struct stream;

struct stream_keep {
	uint32_t interval_ms; /* 0: nothing is kept open */
	uint32_t packets;     /* sent in all, when last looked */
	uint64_t sent_ns;     /* so long ago at most the last one left */
};

/* INTERVAL_MS: 2000 or more; 0: none. */
void stream_keep_set(struct stream *stream, uint32_t interval_ms,
		     uint64_t now_ns);
/* Each second. */
void stream_keep_look(struct stream *stream, uint64_t now_ns);
/* The peer's address is new: the opening packets of the stream's params. */
void stream_keep_open(struct stream *stream);

#endif
