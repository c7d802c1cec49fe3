/* test_detect_tap.c -- a stream's detector: told by a message, tells by events
 */
#include <math.h>
#include "line_fixture.h"
#include "media/codec.h"

static struct line line;
static struct peer peer;
static struct sa laddr;
static handle_t stream;
static struct detect_settings settings;

static int begin(void **state)
{
	char err[100];
	(void)state;

	line_open(&line, 1, 42000, 42099);
	peer_open(&peer, "127.0.0.1");
	stream = line_stream(&line, &peer, &laddr);
	detect_defaults(&settings);
	assert_int_equal(detect_set(&settings, "silence", "0.3", err, 100), 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	peer_close(&peer);
	line_close(&line);
	return 0;
}

static const struct detect_event *told(enum detect_event_type type)
{
	for (size_t i = 0; i < line.event_count; i++) {
		const struct media_event *e = &line.events[i].e;

		if (e->type == MEDIA_DETECTED && e->detect.type == type)
			return &e->detect;
	}
	return NULL;
}

/* A packet each 20 ms of a sine, or of silence (HZ 0), until CONDITION. */
#define speak_until(hz, condition)                                         \
	do {                                                               \
		uint64_t next_ = clock_mono_ms();                          \
		unsigned at_ = 0;                                          \
		line_until(&line, &peer,                                   \
			   (speak((hz), &next_, &at_), 1) && (condition)); \
	} while (0)

static void speak(double hz, uint64_t *next_ms, unsigned *at)
{
	uint8_t payload[160];
	int16_t pcm[160];

	if (clock_mono_ms() < *next_ms)
		return;
	for (int i = 0; i < 160; i++)
		pcm[i] = (int16_t)(8000 * sin(2 * M_PI * hz * (*at)++ / 8000));
	codec_pcmu.encode(payload, pcm, 160);
	peer_send_at(&peer, &laddr, 0, false, peer.seq++, peer.ts, payload,
		     160);
	peer.ts += 160;
	*next_ms += 20;
}

static void a_verdict_comes_once_for_each_wish(void **state)
{
	const struct detect_event *e;
	(void)state;

	for (size_t n = 1; n <= 2; n++) {
		assert_int_equal(media_detect(line.media, stream,
					      MEDIA_DETECT_JUDGE, &settings),
				 0);
		speak_until(0, line_count(&line, MEDIA_DETECTED) == n);
	}
	e = told(DETECT_EV_VERDICT);
	assert_non_null(e);
	assert_int_equal(e->verdict.kind, DETECT_SILENCE);
	assert_in_range(e->verdict.decided_ms, 300, 340);
	line_hang_up(&line, &peer, stream);
	assert_int_equal(line_count(&line, MEDIA_DETECTED), 2);
}

static void what_is_heard_is_told_while_something_plays(void **state)
{
	const struct media_source source = {
		.type = MEDIA_TONE, .hz = {440}, .level_db = -10};
	const struct media_play play = {.sources = &source, .source_count = 1};
	(void)state;

	assert_int_equal(media_play(line.media, stream, 7, &play), 0);
	assert_int_equal(
		media_detect(line.media, stream, MEDIA_DETECT_EARLY, &settings),
		0);
	media_stream_mute(line.media, stream, true, false);
	speak_until(2100, told(DETECT_EV_TONE));
	assert_string_equal(told(DETECT_EV_TONE)->tone, "ced");
	assert_null(line_find(&line, MEDIA_PLAY_DONE, stream, 7));
	line_hang_up(&line, &peer, stream);
}

static void one_that_is_stopped_says_no_more(void **state)
{
	(void)state;
	assert_int_equal(
		media_detect(line.media, stream, MEDIA_DETECT_JUDGE, &settings),
		0);
	media_detect_stop(line.media, stream);
	media_detect_stop(line.media, stream); /* of none: nothing */
	/* time for a verdict, by packets that have come back */
	speak_until(0, peer.in_count > 30);
	assert_int_equal(line_count(&line, MEDIA_DETECTED), 0);
	line_hang_up(&line, &peer, stream);
}

static void a_stream_that_is_closed_can_not_be_listened_to(void **state)
{
	(void)state;
	assert_int_equal(
		media_detect(line.media, stream, MEDIA_DETECT_JUDGE, &settings),
		0);
	line_hang_up(&line, &peer, stream);
	assert_int_equal(
		media_detect(line.media, stream, MEDIA_DETECT_JUDGE, &settings),
		ESTALE);
	media_detect_stop(line.media, stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_verdict_comes_once_for_each_wish, begin, end),
		cmocka_unit_test_setup_teardown(
			what_is_heard_is_told_while_something_plays, begin,
			end),
		cmocka_unit_test_setup_teardown(
			one_that_is_stopped_says_no_more, begin, end),
		cmocka_unit_test_setup_teardown(
			a_stream_that_is_closed_can_not_be_listened_to, begin,
			end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
