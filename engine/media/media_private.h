/* media_private.h -- private to media: the loop thread's side of it
 *
 * A stream's port is there until its CLOSE has come back; its worker is told
 * here what to do, and there is no other way to it.
 */
#ifndef MOONDIAL_MEDIA_MEDIA_PRIVATE_H
#define MOONDIAL_MEDIA_MEDIA_PRIVATE_H

#include <re.h>
#include "media/media.h"
#include "media/message.h"

struct worker;

struct media_worker {
	struct worker *worker;
	size_t streams;
};

/* What the loop thread knows of a stream. */
struct port {
	struct media_worker *worker;
	handle_t handle;
	struct media_bridge *bridge; /* or NULL */
	struct le bridge_le;	     /* its ports */
	uint16_t rtp_port;
	void *arg;
	/* Made beforehand, so that closing can't fail; NULL: it was sent. */
	struct message *close;
};

struct media {
	struct loop *loop;
	struct mailbox *events;
	struct handle_table *ports;
	struct port_pool *pool;
	struct file_thread *file_thread;
	struct prompt_cache *cache;
	struct media_worker *workers;
	size_t worker_count;
	media_event_h *handler;
	void *arg;
	bool in_handler, freeing;
	uint32_t jitter_min, jitter_max; /* samples */
};

/* The stream's port while it takes commands; NULL: it is closed, or is being
 * closed. */
struct port *port_of(const struct media *media, handle_t stream);

/* Zeroed; NULL: out of memory. */
struct message *message_alloc(enum message_type type, handle_t stream,
			      uint32_t op);

/* bridge.c: the stream is being closed, and leaves its bridge with that. */
void bridge_forget(struct port *port);

#endif
