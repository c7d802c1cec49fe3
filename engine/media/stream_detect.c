/* stream_detect.c -- a stream's detector begins, goes on anew, and ends */
#include <assert.h>
#include <stdlib.h>
#include "media/stream.h"

static_assert((int)DETECT_FRAME == (int)JITTER_FRAME, "a frame is a frame");

static void on_event(const struct detect_event *event, void *arg)
{
	struct stream *stream = arg;
	struct message *message = stream_event_alloc(stream, MEDIA_DETECTED);

	if (!message)
		return;
	message->u.event.detect = *event;
	stream_env_post(stream->env, &message->mail);
}

void stream_detect(struct stream *stream, struct message *message)
{
	if (!message->u.detect.detector) {
		detector_free(stream->detector);
		stream->detector = NULL;
		return;
	}
	stream_take_room(stream, &message->u.detect.room);
	free(message->u.detect.room);
	if (stream->detector) {
		detector_free(message->u.detect.detector);
	} else {
		stream->detector = message->u.detect.detector;
		detector_set_handler(stream->detector, on_event, stream);
	}
	if (message->u.detect.what == MEDIA_DETECT_ANSWERED)
		detector_answered(stream->detector);
	else if (message->u.detect.what == MEDIA_DETECT_JUDGE)
		detector_judge(stream->detector, &message->u.detect.settings);
}
