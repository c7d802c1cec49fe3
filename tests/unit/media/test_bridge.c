/* test_bridge.c -- streams that hear each other, wherever they began */
#include <sys/stat.h>
#include "line_fixture.h"
#include "media/codec.h"

enum { SILENT = 0xff, NEAR = 40 };

static const struct media_source tone = {
	.type = MEDIA_TONE, .hz = {440}, .level_db = -10, .duration_ms = 200};

/* One side of the test: a far side, and our stream towards it. It says LEVEL
 * all the time. */
struct side {
	struct peer peer;
	struct sa laddr;
	handle_t stream;
	const struct codec *codec;
	int16_t level;
	uint64_t said_ns;
};

static void side_open(struct line *line, struct side *side, const char *codec,
		      int16_t level)
{
	struct media_params params;

	memset(side, 0, sizeof(*side));
	peer_open(&side->peer, "127.0.0.1");
	side->level = level;
	side->stream = line_stream(line, &side->peer, &side->laddr);
	params = line_params(&side->peer);
	params.codec = media_codec_find(codec);
	params.pt_tx = params.pt_rx = params.codec->pt;
	side->codec = codec_of(params.codec);
	media_stream_set(line->media, side->stream, &params);
}

static void say(struct side *side)
{
	uint8_t payload[160];
	int16_t pcm[160];
	const uint64_t now_ns = clock_mono_ns();

	if (!side->said_ns)
		side->said_ns = now_ns;
	for (; side->said_ns <= now_ns; side->said_ns += 20000000) {
		for (size_t i = 0; i < 160; i++)
			pcm[i] = side->level;
		side->codec->encode(payload, pcm, 160);
		peer_send_at(&side->peer, &side->laddr, side->codec->info.pt,
			     false, side->peer.seq++, side->peer.ts, payload,
			     160);
		side->peer.ts += 160;
	}
}

/* What the far side has heard last. */
static int16_t heard(const struct side *side)
{
	const struct peer_packet *p;
	int16_t pcm[160];

	if (!side->peer.in_count)
		return 0;
	p = &side->peer.in[side->peer.in_count - 1];
	if ((p->buf[1] & 0x7f) != side->codec->info.pt)
		return INT16_MIN;
	side->codec->decode(pcm, 160, p->buf + 12, p->len - 12);
	return pcm[159];
}

static bool hears(const struct side *side, int level)
{
	const int h = heard(side);

	return h > level - NEAR - level / 16 && h < level + NEAR + level / 16;
}

static void turn(struct line *line, struct side *sides, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		say(&sides[i]);
		peer_read(&sides[i].peer);
	}
	line_turn(line, &sides[0].peer);
}

#define sides_until(line, sides, n, condition)                     \
	do {                                                       \
		uint64_t end_ = clock_mono_ms() + LINE_WAIT_MS;    \
		while (!(condition)) {                             \
			if (clock_mono_ms() > end_)                \
				fail_msg("never: %s", #condition); \
			turn(line, sides, n);                      \
		}                                                  \
	} while (0)

static bool is_event(const struct peer_packet *p)
{
	return (p->buf[1] & 0x7f) == 101;
}

/* One sequence and one SSRC; time goes on, also beneath a digit. */
static void assert_unbroken(const struct side *side)
{
	for (size_t i = 1; i < side->peer.in_count; i++) {
		const struct peer_packet *p = &side->peer.in[i];

		if (!is_event(p) && !is_event(&p[-1]))
			assert_follows(p);
		assert_int_equal((uint16_t)(packet_seq(p) - packet_seq(&p[-1])),
				 1);
		assert_int_equal(word_at(p->buf + 8), word_at(p[-1].buf + 8));
	}
}

static void sides_close(struct line *line, struct side *sides, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct media_stats *stats =
			line_hang_up(line, &sides[i].peer, sides[i].stream);
		const uint32_t said = (uint16_t)(sides[i].peer.seq - 65530);

		assert_unbroken(&sides[i]);
		assert_int_equal(stats->rx_rejected, 0);
		assert_int_equal(stats->rx_lost, 0);
		/* the last ones may be on their way */
		assert_in_range(stats->rx_packets, said - said / 4, said);
		assert_int_equal(stats->tx_packets, sides[i].peer.in_count);
		peer_close(&sides[i].peer);
	}
}

static void two_from_different_workers_hear_each_other(void **state)
{
	struct media_bridge *bridge;
	struct line line;
	struct side s[2];
	(void)state;

	line_open(&line, 2, 21000, 21099);
	side_open(&line, &s[0], "PCMU", 4000);
	side_open(&line, &s[1], "PCMA", 1500);
	sides_until(&line, s, 2, line_count(&line, MEDIA_LATCHED) == 2);
	assert_true(hears(&s[0], 0) && hears(&s[1], 0));
	assert_int_equal(media_bridge_alloc(&bridge, line.media), 0);
	assert_int_equal(media_bridge_join(bridge, s[0].stream, 1, 1), 0);
	assert_int_equal(media_bridge_join(bridge, s[1].stream, 1, 1), 0);
	assert_int_equal(media_bridge_count(bridge), 2);
	sides_until(&line, s, 2, hears(&s[0], 1500) && hears(&s[1], 4000));

	/* one leaves: both hear nothing, and what they play again */
	media_bridge_leave(line.media, s[1].stream);
	sides_until(&line, s, 2, hears(&s[0], 0) && hears(&s[1], 0));
	assert_int_equal(media_bridge_join(bridge, s[1].stream, 1, 1), 0);
	sides_until(&line, s, 2, hears(&s[0], 1500) && hears(&s[1], 4000));
	media_bridge_free(bridge);
	sides_until(&line, s, 2, hears(&s[0], 0) && hears(&s[1], 0));
	sides_close(&line, s, 2);
	line_close(&line);
}

static void what_runs_goes_on_through_a_bridge(void **state)
{
	const struct media_record record = {.path = "bridged/one.wav",
					    .channels = MEDIA_RECORD_STEREO};
	const struct media_play play = {
		.sources = &tone, .source_count = 1, .loops = UINT32_MAX};
	const struct line_event *done;
	struct media_bridge *bridge;
	struct line line;
	struct side s[2];
	uint32_t ts;
	(void)state;

	line_open(&line, 2, 21000, 21099);
	side_open(&line, &s[0], "PCMU", 4000);
	side_open(&line, &s[1], "PCMU", 1500);
	sides_until(&line, s, 2, line_count(&line, MEDIA_LATCHED) == 2);
	assert_int_equal(media_record(line.media, s[1].stream, 1, &record), 0);
	assert_int_equal(media_play(line.media, s[1].stream, 2, &play), 0);
	assert_int_equal(media_bridge_alloc(&bridge, line.media), 0);
	assert_int_equal(media_bridge_join(bridge, s[0].stream, 1, 1), 0);
	assert_int_equal(media_bridge_join(bridge, s[1].stream, 1, 1), 0);
	/* what it says is heard; what it plays is its own far side's */
	sides_until(&line, s, 2, hears(&s[0], 1500));
	sides_until(&line, s, 2, heard(&s[1]) > 5500);
	media_stop(line.media, s[1].stream, 2);
	sides_until(&line, s, 2, hears(&s[1], 4000));
	assert_int_equal(
		line_find(&line, MEDIA_PLAY_DONE, s[1].stream, 2)->e.result,
		MEDIA_STOPPED);

	/* digits are heard, and can be sent */
	ts = s[1].peer.ts;
	for (uint16_t i = 1; i <= 5; i++)
		peer_send_event(&s[1].peer, &s[1].laddr, 7, i > 2, ts,
				(uint16_t)(160 * (i > 3 ? 3 : i)));
	sides_until(&line, s, 2, line_count(&line, MEDIA_DIGIT) == 1);
	assert_int_equal(
		media_send_digits(line.media, s[0].stream, 3, "5", 60, 40), 0);
	sides_until(&line, s, 2,
		    line_find(&line, MEDIA_DTMF_DONE, s[0].stream, 3));

	/* a recording that began before ends once, with the stream */
	media_stream_close(line.media, s[1].stream);
	sides_until(&line, s, 1,
		    line_find(&line, MEDIA_CLOSED, s[1].stream, 0));
	done = line_find(&line, MEDIA_RECORD_DONE, s[1].stream, 1);
	assert_non_null(done);
	assert_int_equal(done->e.result, MEDIA_HANGUP);
	assert_true(done->e.duration_ms > 100);
	sides_until(&line, s, 1, hears(&s[0], 0));
	assert_int_equal(media_bridge_count(bridge), 1);
	media_bridge_free(bridge);
	peer_close(&s[1].peer);
	sides_close(&line, s, 1);
	line_close(&line);
	unlink("bridged/one.wav");
	rmdir("bridged");
}

static void one_listens_one_prompts_and_then_all_hear_all(void **state)
{
	enum { CALLER, AGENT, SUPERVISOR };
	struct media_bridge *bridge;
	struct line line;
	struct side s[3];
	(void)state;

	line_open(&line, 3, 21000, 21099);
	side_open(&line, &s[CALLER], "PCMU", 1000);
	side_open(&line, &s[AGENT], "PCMA", 3000);
	side_open(&line, &s[SUPERVISOR], "PCMU", 9000);
	assert_int_equal(media_bridge_alloc(&bridge, line.media), 0);
	assert_int_equal(media_bridge_join(bridge, s[CALLER].stream, 1, 1), 0);
	assert_int_equal(media_bridge_join(bridge, s[AGENT].stream, 1, 3), 0);
	/* monitor */
	assert_int_equal(media_bridge_join(bridge, s[SUPERVISOR].stream, 0, 1),
			 0);
	sides_until(&line, s, 3,
		    hears(&s[CALLER], 3000) && hears(&s[AGENT], 1000) &&
			    hears(&s[SUPERVISOR], 4000));
	/* whisper */
	assert_int_equal(media_bridge_join(bridge, s[SUPERVISOR].stream, 2, 1),
			 0);
	sides_until(&line, s, 3, hears(&s[AGENT], 10000));
	assert_true(hears(&s[CALLER], 3000));
	/* barge */
	assert_int_equal(media_bridge_join(bridge, s[SUPERVISOR].stream, 1, 1),
			 0);
	sides_until(&line, s, 3,
		    hears(&s[CALLER], 12000) && hears(&s[AGENT], 10000) &&
			    hears(&s[SUPERVISOR], 4000));
	/* muted: heard by nobody */
	media_stream_mute(line.media, s[CALLER].stream, true, false);
	sides_until(&line, s, 3,
		    hears(&s[SUPERVISOR], 3000) && hears(&s[AGENT], 9000));
	media_bridge_leave(line.media, s[SUPERVISOR].stream);
	sides_until(&line, s, 3,
		    hears(&s[CALLER], 3000) && hears(&s[AGENT], 0));
	sides_close(&line, s, 3);
	media_bridge_free(bridge);
	line_close(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_from_different_workers_hear_each_other),
		cmocka_unit_test(what_runs_goes_on_through_a_bridge),
		cmocka_unit_test(one_listens_one_prompts_and_then_all_hear_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
