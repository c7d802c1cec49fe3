/* media.c -- the loop thread's side: handles, ports, workers, events
 *
 * A stream's handle is in the table until its CLOSE message has come back from
 * the worker; only then is its pair of ports free again.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/log.h"
#include "base/loop.h"
#include "media/dtmf_tx.h"
#include "media/file_thread.h"
#include "media/media.h"
#include "media/media_private.h"
#include "media/message.h"
#include "media/player.h"
#include "media/port_pool.h"
#include "media/prompt_cache.h"
#include "media/recorder.h"
#include "media/stream.h"
#include "media/worker.h"

/* ---- events --------------------------------------------------------- */

static void message_free(struct message *message)
{
	switch (message->type) {
	case MESSAGE_PLAY:
		player_free(message->u.play.player);
		break;
	case MESSAGE_RECORD:
		recorder_free(message->u.record.recorder);
		free(message->u.record.room);
		break;
	case MESSAGE_DIGITS:
		free(message->u.digits.digits);
		break;
	default:
		break;
	}
	free(message);
}

static void fill_recorded(struct media_event *event,
			  const struct recorder *recorder)
{
	struct recorder_outcome outcome;

	recorder_outcome(recorder, &outcome);
	event->result = outcome.result;
	event->file = outcome.path;
	event->text = outcome.text;
	event->duration_ms = outcome.duration_ms;
}

static void fill(struct media_event *event, const struct message *message)
{
	event->stream = message->stream;
	event->op = message->op;
	event->result = message->result;
	event->text = message->text ? message->text : "";
	event->file = "";
	switch (message->type) {
	case MESSAGE_CLOSE:
		event->type = MEDIA_CLOSED;
		event->stats = message->u.close;
		break;
	case MESSAGE_PLAY:
		event->type = MEDIA_PLAY_DONE;
		break;
	case MESSAGE_RECORD:
		event->type = MEDIA_RECORD_DONE;
		fill_recorded(event, message->u.record.recorder);
		break;
	case MESSAGE_DIGITS:
		event->type = MEDIA_DTMF_DONE;
		break;
	case MESSAGE_EVENT:
		event->type = message->u.event.type;
		event->digit = message->u.event.digit;
		event->duration_ms = message->u.event.duration_ms;
		event->peer = message->u.event.peer;
		event->detect = message->u.event.detect;
		break;
	default:
		assert(!"a message that only a worker takes");
	}
}

static void port_gone(struct media *media, handle_t stream, struct port *port)
{
	handle_remove(media->ports, stream);
	port_pool_release(media->pool, port->rtp_port);
	port->worker->streams--;
	free(port);
}

static void on_message(struct mail *mail, void *arg)
{
	struct media *media = arg;
	struct message *message = (struct message *)mail;
	struct port *port = handle_get(media->ports, message->stream);
	struct media_event event;

	assert(port); /* CLOSE is the last that its worker sends */
	if (message->type == MESSAGE_MOVE) {
		port_pool_release(media->pool, message->u.move.old_port);
		free(message);
		return;
	}
	memset(&event, 0, sizeof(event));
	fill(&event, message);
	event.arg = port->arg;
	if (message->type == MESSAGE_CLOSE)
		port_gone(media, message->stream, port);
	media->in_handler = true;
	media->handler(&event, media->arg);
	media->in_handler = false;
	message_free(message);
}

/* ---- set-up --------------------------------------------------------- */

static size_t worker_count(unsigned configured)
{
	long cores;

	if (configured)
		return configured;
	cores = sysconf(_SC_NPROCESSORS_ONLN);
	return cores > 2 ? (size_t)cores - 1 : 1;
}

static int start_workers(struct media *media, size_t count, bool realtime)
{
	media->workers = calloc(count, sizeof(*media->workers));
	if (!media->workers)
		return ENOMEM;
	while (media->worker_count < count) {
		struct media_worker *w = &media->workers[media->worker_count];
		int err = worker_alloc(&w->worker, media->events, realtime);

		if (err)
			return err;
		media->worker_count++;
	}
	return 0;
}

int media_alloc(struct media **mp, struct loop *loop,
		const struct media_config *config, media_event_h *handler,
		void *arg)
{
	struct media *media;
	int err;

	if (!loop || !handler)
		return EINVAL;
	media = calloc(1, sizeof(*media));
	if (!media)
		return ENOMEM;
	media->loop = loop;
	media->handler = handler;
	media->arg = arg;
	media->jitter_min = config->jitter_min_ms * AUDIO_SAMPLES_PER_MS;
	media->jitter_max = config->jitter_max_ms * AUDIO_SAMPLES_PER_MS;
	err = port_pool_alloc(&media->pool, config->port_min, config->port_max);
	if (err)
		goto out;
	err = handle_table_alloc(&media->ports);
	if (err)
		goto out;
	err = mailbox_alloc(&media->events);
	if (err)
		goto out;
	err = mailbox_listen(media->events, loop, on_message, media);
	if (err)
		goto out;
	err = file_thread_alloc(&media->file_thread);
	if (err)
		goto out;
	err = prompt_cache_alloc(&media->cache, media->file_thread,
				 config->cache_max_bytes);
	if (err)
		goto out;
	err = start_workers(media, worker_count(config->workers),
			    config->realtime);
out:
	if (err)
		media_free(media);
	else
		*mp = media;
	return err;
}

static bool close_one(handle_t handle, void *ptr, void *arg)
{
	(void)ptr;
	media_stream_close(arg, handle);
	return false;
}

void media_free(struct media *media)
{
	if (!media)
		return;
	assert(!media->in_handler);
	media->freeing = true;
	if (media->ports)
		handle_apply(media->ports, close_one, media);
	for (size_t i = 0; i < media->worker_count; i++)
		worker_free(media->workers[i].worker);
	/* What the workers said last; the handler is called for all of it. */
	mailbox_free(media->events, on_message, media);
	if (media->file_thread)
		file_thread_free(media->file_thread);
	if (media->cache)
		prompt_cache_free(media->cache);
	port_pool_free(media->pool);
	if (media->ports)
		handle_table_free(media->ports);
	free(media->workers);
	free(media);
}

void media_forget_prompts(struct media *media)
{
	prompt_cache_forget(media->cache);
}

size_t media_stream_count(const struct media *media)
{
	return handle_count(media->ports);
}

size_t media_ports_free(const struct media *media)
{
	return port_pool_free_pairs(media->pool);
}

/* ---- commands ------------------------------------------------------- */

struct port *port_of(const struct media *media, handle_t stream)
{
	struct port *port;

	assert(loop_is_mine(media->loop));
	port = handle_get(media->ports, stream);
	return port && port->close ? port : NULL;
}

struct message *message_alloc(enum message_type type, handle_t stream,
			      uint32_t op)
{
	struct message *message = calloc(1, sizeof(*message));

	if (!message)
		return NULL;
	message->type = type;
	message->stream = stream;
	message->op = op;
	return message;
}

static struct message *command(const struct port *port, enum message_type type,
			       handle_t stream, uint32_t op)
{
	struct message *message;

	if (!port)
		return NULL;
	message = message_alloc(type, stream, op);
	if (!message)
		log_error(NULL, "media: out of memory, a command is lost");
	return message;
}

static struct media_worker *least_loaded(struct media *media)
{
	struct media_worker *least = &media->workers[0];

	for (size_t i = 1; i < media->worker_count; i++)
		if (media->workers[i].streams < least->streams)
			least = &media->workers[i];
	return least;
}

int media_stream_open(struct media *media, struct sa *laddr, void *arg,
		      handle_t *stream)
{
	struct port *port = calloc(1, sizeof(*port));
	struct message *add = NULL;
	struct stream *s = NULL;
	struct sa bound = *laddr;
	int fds[2] = {-1, -1}, err;
	handle_t handle = 0;

	assert(loop_is_mine(media->loop));
	if (!port)
		return ENOMEM;
	err = media->freeing ? ESHUTDOWN
			     : port_pool_bind(media->pool, &bound, fds);
	if (err)
		goto out;
	err = ENOMEM;
	handle = handle_add(media->ports, port);
	add = message_alloc(MESSAGE_ADD, handle, 0);
	port->close = message_alloc(MESSAGE_CLOSE, handle, 0);
	if (!handle || !add || !port->close)
		goto out;
	err = stream_alloc(&s, fds);
	if (err)
		goto out;
	delay_bounds(&s->jitter.delay, media->jitter_min, media->jitter_max);

	port->worker = least_loaded(media);
	port->worker->streams++;
	port->rtp_port = sa_port(&bound);
	port->handle = handle;
	port->arg = arg;
	add->u.add = s;
	worker_post(port->worker->worker, add);
	*laddr = bound;
	*stream = handle;
out:
	if (err) {
		if (fds[0] >= 0) {
			close(fds[0]);
			close(fds[1]);
			port_pool_release(media->pool, sa_port(&bound));
		}
		if (handle)
			handle_remove(media->ports, handle);
		free(add);
		free(port->close);
		free(port);
	}
	return err;
}

void media_stream_set(struct media *media, handle_t stream,
		      const struct media_params *params)
{
	struct port *port = port_of(media, stream);
	struct message *message = command(port, MESSAGE_SET, stream, 0);

	assert(params->codec);
	if (!message)
		return;
	message->u.set = *params;
	worker_post(port->worker->worker, message);
}

int media_stream_move(struct media *media, handle_t stream, struct sa *laddr)
{
	struct port *port = port_of(media, stream);
	struct message *message;
	struct sa bound = *laddr;
	int err;

	if (!port)
		return ESTALE;
	message = message_alloc(MESSAGE_MOVE, stream, 0);
	if (!message)
		return ENOMEM;
	err = port_pool_bind(media->pool, &bound, message->u.move.fds);
	if (err) {
		free(message);
		return err;
	}
	message->u.move.old_port = port->rtp_port;
	port->rtp_port = sa_port(&bound);
	worker_post(port->worker->worker, message);
	*laddr = bound;
	return 0;
}

void media_stream_watch(struct media *media, handle_t stream,
			uint32_t timeout_ms, uint32_t vanished_ms)
{
	struct port *port = port_of(media, stream);
	struct message *message = command(port, MESSAGE_WATCH, stream, 0);

	if (!message)
		return;
	message->u.watch.timeout_ms = timeout_ms;
	message->u.watch.vanished_ms = vanished_ms;
	worker_post(port->worker->worker, message);
}

void media_stream_keepalive(struct media *media, handle_t stream,
			    uint32_t interval_ms)
{
	struct port *port = port_of(media, stream);
	struct message *message = command(port, MESSAGE_KEEPALIVE, stream, 0);

	if (!message)
		return;
	message->u.keepalive_ms = interval_ms;
	worker_post(port->worker->worker, message);
}

void media_stream_mute(struct media *media, handle_t stream, bool rx, bool tx)
{
	struct port *port = port_of(media, stream);
	struct message *message = command(port, MESSAGE_MUTE, stream, 0);

	if (!message)
		return;
	message->u.mute.rx = rx;
	message->u.mute.tx = tx;
	worker_post(port->worker->worker, message);
}

void media_stream_close(struct media *media, handle_t stream)
{
	struct port *port = port_of(media, stream);

	if (!port)
		return;
	bridge_forget(port);
	worker_post(port->worker->worker, port->close);
	port->close = NULL;
}

/* ---- operations ----------------------------------------------------- */

int media_play(struct media *media, handle_t stream, uint32_t op,
	       const struct media_play *play)
{
	struct port *port = port_of(media, stream);
	struct message *message;
	int err;

	if (!port)
		return ESTALE;
	message = message_alloc(MESSAGE_PLAY, stream, op);
	if (!message)
		return ENOMEM;
	err = player_alloc(&message->u.play.player, media->cache, play);
	if (err) {
		free(message);
		return err;
	}
	message->u.play.mix = play->mix;
	worker_post(port->worker->worker, message);
	return 0;
}

void media_play_control(struct media *media, handle_t stream, uint32_t op,
			enum media_play_control control, double value)
{
	struct port *port = port_of(media, stream);
	struct message *message =
		command(port, MESSAGE_PLAY_CONTROL, stream, op);

	if (!message)
		return;
	message->u.play_control.control = control;
	message->u.play_control.value = value;
	worker_post(port->worker->worker, message);
}

int media_record(struct media *media, handle_t stream, uint32_t op,
		 const struct media_record *record)
{
	struct port *port = port_of(media, stream);
	struct message *message;
	int err;

	if (!port)
		return ESTALE;
	message = message_alloc(MESSAGE_RECORD, stream, op);
	if (!message)
		return ENOMEM;
	message->u.record.room = calloc(1, sizeof(*message->u.record.room));
	err = message->u.record.room
		      ? recorder_alloc(&message->u.record.recorder,
				       media->file_thread, record)
		      : ENOMEM;
	if (err) {
		free(message->u.record.room);
		free(message);
		return err;
	}
	worker_post(port->worker->worker, message);
	return 0;
}

void media_record_control(struct media *media, handle_t stream, uint32_t op,
			  enum media_record_control control)
{
	struct port *port = port_of(media, stream);
	struct message *message =
		command(port, MESSAGE_RECORD_CONTROL, stream, op);

	if (!message)
		return;
	message->u.record_control = control;
	worker_post(port->worker->worker, message);
}

int media_detect(struct media *media, handle_t stream, enum media_detect what,
		 const struct detect_settings *settings)
{
	struct port *port = port_of(media, stream);
	struct message *message;
	int err = ENOMEM;

	if (!port)
		return ESTALE;
	message = message_alloc(MESSAGE_DETECT, stream, 0);
	if (!message)
		return ENOMEM;
	message->u.detect.what = what;
	message->u.detect.settings = *settings;
	message->u.detect.room = calloc(1, sizeof(*message->u.detect.room));
	if (message->u.detect.room)
		err = detector_alloc(&message->u.detect.detector, settings,
				     NULL, NULL);
	if (err) {
		free(message->u.detect.room);
		free(message);
		return err;
	}
	worker_post(port->worker->worker, message);
	return 0;
}

void media_detect_stop(struct media *media, handle_t stream)
{
	struct port *port = port_of(media, stream);
	struct message *message = command(port, MESSAGE_DETECT, stream, 0);

	if (message)
		worker_post(port->worker->worker, message);
}

int media_send_digits(struct media *media, handle_t stream, uint32_t op,
		      const char *digits, uint32_t duration_ms, uint32_t gap_ms)
{
	struct port *port = port_of(media, stream);
	struct message *message;

	if (!port)
		return ESTALE;
	if (!digits || !dtmf_tx_valid(digits))
		return EINVAL;
	message = message_alloc(MESSAGE_DIGITS, stream, op);
	if (!message)
		return ENOMEM;
	message->u.digits.digits = strdup(digits);
	if (!message->u.digits.digits) {
		free(message);
		return ENOMEM;
	}
	message->u.digits.duration_ms = duration_ms;
	message->u.digits.gap_ms = gap_ms;
	worker_post(port->worker->worker, message);
	return 0;
}

void media_stop(struct media *media, handle_t stream, uint32_t op)
{
	struct port *port = port_of(media, stream);
	struct message *message = command(port, MESSAGE_STOP, stream, op);

	if (message)
		worker_post(port->worker->worker, message);
}
