/* worker.c -- the wheel, and messages to their streams */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <event2/event.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "media/message.h"
#include "media/stream.h"
#include "media/worker.h"

enum {
	SLOTS = 64,	/* of 1 ms; more than the longest tick, a power of 2 */
	BUCKETS = 4096, /* streams by handle */
	SPREAD = STREAM_FRAME_MS,
	/* While there is something to do each millisecond, the thread sleeps
	 * from one to the next by itself, and is back in its loop so often. */
	TURNS_MAX = 20,
	TIMER_SLACK_NS = 1000,
};

struct worker {
	pthread_t thread;
	struct loop *loop;
	struct mailbox *in;
	int timerfd;
	struct event *timer;
	struct message quit;
	bool quitting;
	bool realtime;
	bool running; /* on_timer() is: what comes of it is seen to at its end
		       */

	struct stream *slots[SLOTS];
	uint64_t cursor_ms;    /* the slots before it have been run */
	uint64_t armed_ms;     /* 0: not */
	unsigned load[SPREAD]; /* ticks in each ms of a frame's time */
	struct stream *streams[BUCKETS];
	size_t count;
	/* Messages for streams that are still on their way here, in order. */
	struct mail *parked, **parked_tail;
	struct stream_env env;
};

void worker_post(struct worker *worker, struct message *message)
{
	mailbox_post(worker->in, &message->mail);
}

/* ---- the wheel ------------------------------------------------------ */

static void wheel_add(struct worker *worker, struct stream *stream)
{
	struct stream **slot = &worker->slots[stream->due_ms % SLOTS];

	stream->wheel_next = *slot;
	if (*slot)
		(*slot)->wheel_prevp = &stream->wheel_next;
	stream->wheel_prevp = slot;
	*slot = stream;
}

static void wheel_remove(struct stream *stream)
{
	if (!stream->wheel_prevp)
		return;
	*stream->wheel_prevp = stream->wheel_next;
	if (stream->wheel_next)
		stream->wheel_next->wheel_prevp = stream->wheel_prevp;
	stream->wheel_next = NULL;
	stream->wheel_prevp = NULL;
}

static void load_add(struct worker *worker, const struct stream *stream, int n)
{
	for (uint32_t ms = 0; ms < SPREAD; ms += stream->tick_ms)
		worker->load[(stream->due_ms + ms) % SPREAD] += (unsigned)n;
}

/* The millisecond within the next tick with the fewest ticks in it. */
static uint64_t quietest_ms(const struct worker *worker, uint64_t now_ms,
			    uint32_t tick_ms)
{
	uint64_t best = now_ms + 1;

	for (uint64_t ms = best; ms < now_ms + 1 + tick_ms; ms++)
		if (worker->load[ms % SPREAD] < worker->load[best % SPREAD])
			best = ms;
	return best;
}

/* 0: nothing. */
static uint64_t next_due_ms(const struct worker *worker)
{
	for (uint64_t ms = worker->cursor_ms; ms < worker->cursor_ms + SLOTS;
	     ms++)
		if (worker->slots[ms % SLOTS])
			return ms;
	return 0;
}

static void arm(struct worker *worker)
{
	struct itimerspec spec = {{0, 0}, {0, 0}};
	uint64_t due_ms = next_due_ms(worker);

	if (due_ms == worker->armed_ms)
		return;
	worker->armed_ms = due_ms;
	spec.it_value.tv_sec = (time_t)(due_ms / 1000);
	spec.it_value.tv_nsec = (long)(due_ms % 1000) * 1000000;
	timerfd_settime(worker->timerfd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void tick(struct worker *worker, struct stream *stream)
{
	uint64_t now_ns = clock_mono_ns();
	uint64_t now_ms = now_ns / 1000000;
	uint32_t behind_ms = now_ms > stream->due_ms + UINT32_MAX / 2
				     ? UINT32_MAX / 2
				     : (uint32_t)(now_ms - stream->due_ms);
	uint32_t stood_ms;

	wheel_remove(stream);
	stood_ms = stream_tick(stream, now_ns, behind_ms);
	/* Whole packets were skipped; the place in the frame stays. */
	if (stood_ms % SPREAD)
		load_add(worker, stream, -1);
	stream->due_ms += stood_ms + stream->tick_ms;
	if (stood_ms % SPREAD)
		load_add(worker, stream, 1);
	wheel_add(worker, stream);
}

/* Run what is due. A stream that is behind stands in a slot ahead of the
 * cursor again after each tick, so it catches up in turn with the others. */
static void run_slots(struct worker *worker)
{
	uint64_t now_ms = clock_mono_ms();

	stream_env_now(&worker->env);
	for (; worker->cursor_ms <= now_ms; worker->cursor_ms++) {
		struct stream *s = worker->slots[worker->cursor_ms % SLOTS];

		while (s) {
			struct stream *next = s->wheel_next;

			if (next)
				stream_prefetch(next->wheel_next);
			stream_prefetch_play(next);
			if (s->due_ms <= worker->cursor_ms)
				tick(worker, s);
			s = next;
		}
	}
}

/* Sleeps until something is due, if that is in the next millisecond. */
static bool sleep_until_due(const struct worker *worker)
{
	uint64_t due_ms = next_due_ms(worker);

	if (!due_ms || due_ms > clock_mono_ms() + 1)
		return false;
	clock_sleep_until_ms(due_ms);
	return true;
}

/* Told once for each expiration (edge-triggered): there is nothing to read. One
 * that was armed anew meanwhile comes too early, and does no harm. */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct worker *worker = arg;
	(void)fd;
	(void)what;

	worker->armed_ms = 0;
	worker->running = true;
	for (int i = 0; i < TURNS_MAX; i++) {
		mailbox_deliver(worker->in);
		run_slots(worker);
		stream_env_flush(&worker->env);
		if (worker->quitting || !sleep_until_due(worker))
			break;
	}
	worker->running = false;
	arm(worker);
	/* With many streams the next tick is soon enough for messages. */
	mailbox_visited(worker->in,
			worker->armed_ms &&
				worker->armed_ms <= clock_mono_ms() + 1);
}

/* ---- streams -------------------------------------------------------- */

static struct stream **find(struct worker *worker, handle_t handle)
{
	struct stream **sp = &worker->streams[handle % BUCKETS];

	while (*sp && (*sp)->handle != handle)
		sp = &(*sp)->hash_next;
	return sp;
}

/* Its place in the wheel. Time may have passed in which nothing was to be run.
 */
static void stream_to_wheel(struct worker *worker, struct stream *stream,
			    uint64_t now_ms)
{
	if (!worker->running && !worker->armed_ms && worker->cursor_ms < now_ms)
		worker->cursor_ms = now_ms;
	wheel_add(worker, stream);
}

/* Of one that ran elsewhere the tick stays where it was; when that moment has
 * passed on the way it comes as soon as can be. */
static void stream_goes_on(struct worker *worker, struct stream *stream)
{
	uint64_t now_ms = clock_mono_ms();

	if (stream->due_ms <= now_ms)
		stream->due_ms = now_ms + 1;
	stream_to_wheel(worker, stream, now_ms);
	load_add(worker, stream, 1);
	if (!worker->running)
		arm(worker);
}

static void unpark(struct worker *worker, handle_t handle);

static void stream_arrived(struct worker *worker, struct message *message)
{
	struct stream *stream = message->u.add;
	struct stream **bucket = &worker->streams[message->stream % BUCKETS];

	stream->handle = message->stream;
	stream->env = &worker->env;
	stream->hash_next = *bucket;
	*bucket = stream;
	worker->count++;
	if (stream->running)
		stream_goes_on(worker, stream);
	free(message);
	unpark(worker, stream->handle);
}

/* To another worker. What it has told the loop thread gets there first. */
static void stream_leaves(struct worker *worker, struct stream **sp,
			  struct message *message)
{
	struct worker *to = message->u.migrate;
	struct stream *stream = *sp;

	*sp = stream->hash_next;
	worker->count--;
	if (stream->running) {
		load_add(worker, stream, -1);
		wheel_remove(stream);
	}
	stream_ops_migrate(stream, to->in);
	stream_env_flush(&worker->env);
	message->type = MESSAGE_ADD;
	message->u.add = stream;
	worker_post(to, message);
}

static void stream_changed(struct worker *worker, struct stream *stream,
			   struct message *message)
{
	uint64_t now_ns = clock_mono_ns(), now_ms = now_ns / 1000000;
	bool ran = stream->running;

	if (ran)
		load_add(worker, stream, -1);
	if (stream_set(stream, &message->u.set, now_ns) || !ran) {
		wheel_remove(stream);
		if (!ran)
			stream->due_ms =
				quietest_ms(worker, now_ms, stream->tick_ms);
		stream_to_wheel(worker, stream, now_ms);
	}
	load_add(worker, stream, 1);
	if (!worker->running)
		arm(worker);
	free(message);
}

/* Its last message goes out when its operations have all ended. */
static void stream_gone(struct worker *worker, struct stream **sp)
{
	struct stream *stream = *sp;
	struct message *message = stream->closing;

	*sp = stream->hash_next;
	worker->count--;
	stream_free(stream);
	stream_env_post(&worker->env, &message->mail);
}

static void stream_closing(struct worker *worker, struct stream **sp,
			   struct message *message)
{
	struct stream *stream = *sp;

	if (stream->running) {
		load_add(worker, stream, -1);
		wheel_remove(stream);
	}
	stream->closing = message;
	stream_env_now(&worker->env);
	stream_shut(stream, &message->u.close, clock_mono_ns());
	if (stream_ops_close(stream))
		stream_gone(worker, sp);
}

/* ---- messages ------------------------------------------------------- */

static void park(struct worker *worker, struct message *message)
{
	message->mail.next = NULL;
	*worker->parked_tail = &message->mail;
	worker->parked_tail = &message->mail.next;
}

/* For a stream that isn't here: CLOSE is the last that the loop sends, so it is
 * on its way. Only the end of a recording may be for one that has left. */
static void no_stream(struct worker *worker, struct message *message)
{
	struct mailbox *at = worker->in;

	if (message->type == MESSAGE_RECORD && message->u.record.complete)
		at = atomic_load(&message->u.record.at);
	if (at == worker->in)
		park(worker, message);
	else
		mailbox_post(at, &message->mail);
}

static void dispatch(struct worker *worker, struct message *message)
{
	struct stream **sp = find(worker, message->stream);

	if (!*sp) {
		no_stream(worker, message);
		return;
	}
	switch (message->type) {
	case MESSAGE_SET:
		stream_changed(worker, *sp, message);
		break;
	case MESSAGE_CLOSE:
		stream_closing(worker, sp, message);
		break;
	case MESSAGE_MIGRATE:
		stream_leaves(worker, sp, message);
		break;
	default:
		stream_message(*sp, message);
		if ((*sp)->closing && !(*sp)->records)
			stream_gone(worker, sp);
	}
}

/* The stream is here: what has waited for it, in order. It may leave again, or
 * be gone, with one of these. */
static void unpark(struct worker *worker, handle_t handle)
{
	struct mail *list = worker->parked;

	worker->parked = NULL;
	worker->parked_tail = &worker->parked;
	while (list) {
		struct message *message = (struct message *)list;

		list = list->next;
		if (message->stream == handle)
			dispatch(worker, message);
		else
			park(worker, message);
	}
}

static bool is_done(const struct worker *worker)
{
	return worker->quitting && !worker->count && !worker->parked &&
	       !worker->env.recordings;
}

static void on_message(struct mail *mail, void *arg)
{
	struct worker *worker = arg;
	struct message *message = (struct message *)mail;

	if (message->type == MESSAGE_RECORD && message->u.record.complete &&
	    message->u.record.reply) {
		message->u.record.reply = NULL;
		worker->env.recordings--;
	}
	if (message->type == MESSAGE_QUIT)
		worker->quitting = true;
	else if (message->type == MESSAGE_ADD)
		stream_arrived(worker, message);
	else
		dispatch(worker, message);
	if (!worker->running)
		stream_env_flush(&worker->env);
	if (is_done(worker))
		loop_stop(worker->loop);
}

/* A packet has its millisecond; all else in the engine can wait for one. */
static void take_precedence(void)
{
	const struct sched_param param = {.sched_priority = 1};
	int err = pthread_setschedparam(pthread_self(), SCHED_RR, &param);

	if (err)
		log_debug(NULL, "media: no real-time priority: %s",
			  strerror(err));
}

static void *run(void *arg)
{
	struct worker *worker = arg;
	int err;

	if (worker->realtime)
		take_precedence();
	prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS, 0, 0, 0);
	loop_enter(worker->loop);
	err = loop_run(worker->loop);
	if (err)
		log_error(NULL, "media: a worker's loop has failed: %s",
			  strerror(err));
	return NULL;
}

/* ---- life ----------------------------------------------------------- */

static void release(struct worker *worker)
{
	if (worker->timer)
		event_free(worker->timer);
	if (worker->timerfd >= 0)
		close(worker->timerfd);
	mailbox_free(worker->in, NULL, NULL);
	loop_free(worker->loop);
	free(worker);
}

static int start_thread(struct worker *worker)
{
	sigset_t all, old;
	int err;

	/* Signals are the loop thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&worker->thread, NULL, run, worker);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!err)
		pthread_setname_np(worker->thread, "media");
	return err;
}

int worker_alloc(struct worker **wp, struct mailbox *out, bool realtime)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int err;

	if (!worker)
		return ENOMEM;
	worker->realtime = realtime;
	worker->parked_tail = &worker->parked;
	worker->timerfd =
		timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (worker->timerfd < 0) {
		err = errno;
		goto out;
	}
	err = loop_alloc(&worker->loop);
	if (err)
		goto out;
	err = mailbox_alloc(&worker->in);
	if (err)
		goto out;
	err = mailbox_listen(worker->in, worker->loop, on_message, worker);
	if (err)
		goto out;
	worker->timer =
		event_new(loop_event_base(worker->loop), worker->timerfd,
			  EV_READ | EV_ET | EV_PERSIST, on_timer, worker);
	if (!worker->timer || event_add(worker->timer, NULL) < 0) {
		err = ENOMEM;
		goto out;
	}
	worker->cursor_ms = clock_mono_ms();
	stream_env_init(&worker->env, worker->in, out);
	err = start_thread(worker);
out:
	if (err)
		release(worker);
	else
		*wp = worker;
	return err;
}

void worker_free(struct worker *worker)
{
	if (!worker)
		return;
	worker->quit.type = MESSAGE_QUIT;
	worker_post(worker, &worker->quit);
	pthread_join(worker->thread, NULL);
	release(worker);
}
