/* bridge.c -- the loop thread's half of a bridge: who is in, and where
 *
 * The first member's worker is the bridge's; who joins from elsewhere goes
 * there first. When all have left, the next one begins a mix anew: the old one
 * may still be in the hands of a worker that has not heard of it.
 */
#include <errno.h>
#include <stdlib.h>
#include "base/log.h"
#include "media/jitter.h"
#include "media/media_private.h"
#include "media/mix.h"
#include "media/worker.h"

struct media_bridge {
	struct media *media;
	struct mix *mix;	     /* NULL: nobody is in */
	struct media_worker *worker; /* of all members */
	struct list ports;
};

int media_bridge_alloc(struct media_bridge **bp, struct media *media)
{
	struct media_bridge *bridge = calloc(1, sizeof(*bridge));

	if (!bridge)
		return ENOMEM;
	bridge->media = media;
	*bp = bridge;
	return 0;
}

void bridge_forget(struct port *port)
{
	struct media_bridge *bridge = port->bridge;

	if (!bridge)
		return;
	list_unlink(&port->bridge_le);
	port->bridge = NULL;
	if (!list_isempty(&bridge->ports))
		return;
	mix_deref(bridge->mix);
	bridge->mix = NULL;
}

static void leave(struct port *port)
{
	struct message *message;

	if (!port->bridge)
		return;
	message = message_alloc(MESSAGE_LEAVE, port->handle, 0);
	bridge_forget(port);
	if (message)
		worker_post(port->worker->worker, message);
	else
		log_error(NULL, "media: out of memory, a stream stays bridged");
}

void media_bridge_free(struct media_bridge *bridge)
{
	struct le *le;

	if (!bridge)
		return;
	/* the last one takes the mix along */
	while ((le = list_head(&bridge->ports)))
		leave(le->data);
	free(bridge);
}

void media_bridge_leave(struct media *media, handle_t stream)
{
	struct port *port = port_of(media, stream);

	if (port)
		leave(port);
}

/* What joining takes, made before anything is done. */
struct joining {
	struct message *migrate, *join;
};

static void joining_free(struct joining *j)
{
	if (j->join) {
		mix_member_free(j->join->u.join.member);
		free(j->join->u.join.room);
	}
	free(j->join);
	free(j->migrate);
}

static int joining_make(struct joining *j, struct mix *mix, handle_t stream,
			uint32_t talk, uint32_t hear)
{
	j->migrate = message_alloc(MESSAGE_MIGRATE, stream, 0);
	j->join = message_alloc(MESSAGE_JOIN, stream, 0);
	if (!j->migrate || !j->join)
		return ENOMEM;
	j->join->u.join.room = calloc(1, sizeof(*j->join->u.join.room));
	if (!j->join->u.join.room)
		return ENOMEM;
	return mix_member_alloc(&j->join->u.join.member, mix, talk, hear);
}

/* To the worker of the others. What follows is said to that one. */
static void migrate(struct port *port, struct media_worker *to,
		    struct message *message)
{
	if (port->worker == to) {
		free(message);
		return;
	}
	message->u.migrate = to->worker;
	worker_post(port->worker->worker, message);
	port->worker->streams--;
	port->worker = to;
	to->streams++;
}

static int change(struct port *port, uint32_t talk, uint32_t hear)
{
	struct message *message = message_alloc(MESSAGE_HEAR, port->handle, 0);

	if (!message)
		return ENOMEM;
	message->u.hear.talk = talk;
	message->u.hear.hear = hear;
	worker_post(port->worker->worker, message);
	return 0;
}

int media_bridge_join(struct media_bridge *bridge, handle_t stream,
		      uint32_t talk, uint32_t hear)
{
	struct port *port = port_of(bridge->media, stream);
	struct joining j = {NULL, NULL};
	int err = 0;

	if (!port)
		return ESTALE;
	if (port->bridge == bridge)
		return change(port, talk, hear);
	if (!bridge->mix)
		err = mix_alloc(&bridge->mix);
	if (!err)
		err = joining_make(&j, bridge->mix, stream, talk, hear);
	if (err) {
		joining_free(&j);
		if (list_isempty(&bridge->ports)) {
			mix_deref(bridge->mix);
			bridge->mix = NULL;
		}
		return err;
	}
	leave(port);
	if (list_isempty(&bridge->ports))
		bridge->worker = port->worker;
	migrate(port, bridge->worker, j.migrate);
	port->bridge = bridge;
	list_append(&bridge->ports, &port->bridge_le, port);
	worker_post(port->worker->worker, j.join);
	return 0;
}

size_t media_bridge_count(const struct media_bridge *bridge)
{
	return list_count(&bridge->ports);
}
