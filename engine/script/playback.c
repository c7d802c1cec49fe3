/* One prompt that plays on a call: from its start to its end, whoever waits for
 * it. Nothing here touches Lua. */
#include "script/play.h"

#include <stdlib.h>
#include <string.h>

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static void playback_destroy(void *data)
{
	struct playback *pb = data;

	list_unlink(&pb->watch.le);
	mem_deref(pb->leg);
	free(pb->text);
}

static void playback_done(struct playback *pb, enum media_result result,
			  const char *text)
{
	if (pb->done)
		return;
	pb->done = true;
	pb->result = result;
	if (text)
		pb->text = strdup(text);
	pb->stamp = ++pb->leg->host->stamp;
	playback_release(pb);
	list_unlink(&pb->watch.le);
	watch_fire(&pb->watches, NULL);
	mem_deref(pb);
}

static void on_event(struct watch *watch, const struct call_event *event)
{
	struct playback *pb = container(watch, struct playback, watch);

	if (event->type == CALL_EV_PLAY_DONE && event->op == pb->op)
		playback_done(pb, event->result, event->text);
	else if (event->type == CALL_EV_ENDED || event->type == CALL_EV_CLOSED)
		playback_done(pb, MEDIA_HANGUP, NULL);
}

void playback_hush(struct leg *leg)
{
	struct le *le;

	LIST_FOREACH(&leg->watches, le)
	{
		struct watch *watch = le->data;
		struct playback *pb = container(watch, struct playback, watch);

		if (watch->fire != on_event || !pb->async || leg->output != pb)
			continue;
		playback_stop(pb);
		playback_release(pb);
		return;
	}
}

int playback_start(struct playback **pp, struct leg *leg,
		   const struct media_play *play, bool quiet)
{
	struct playback *pb = mem_zalloc(sizeof(*pb), playback_destroy);
	int err;

	if (!pb)
		return ENOMEM;
	pb->leg = mem_ref(leg);
	pb->quiet = quiet;
	err = call_play(leg->call, play, &pb->op);
	if (err) {
		mem_deref(pb);
		return err;
	}
	pb->watch.fire = on_event;
	watch_add(&leg->watches, &pb->watch);
	if (!quiet)
		leg->output = pb;
	*pp = mem_ref(pb);
	return 0;
}

void playback_stop(struct playback *pb)
{
	if (!pb->done)
		call_op_stop(pb->leg->call, pb->op);
}

void playback_release(struct playback *pb)
{
	if (pb->leg->output == pb)
		pb->leg->output = NULL;
}
