/* test_line.c -- a stream on loopback: what is sent, heard, and counted */
#include "line_fixture.h"

static const struct media_source tone = {
	.type = MEDIA_TONE, .hz = {440}, .level_db = -10, .duration_ms = 200};

static void two_tones_in_one_stream_of_packets(void **state)
{
	const struct media_play play = {.sources = &tone, .source_count = 1};
	const struct media_stats *stats;
	struct line line;
	struct peer peer;
	struct sa laddr;
	handle_t stream;
	size_t loud = 0;
	(void)state;

	line_open(&line, 1, 21000, 21099);
	peer_open(&peer, "127.0.0.1");
	stream = line_stream(&line, &peer, &laddr);

	assert_int_equal(media_play(line.media, stream, 1, &play), 0);
	line_until(&line, &peer, line_find(&line, MEDIA_PLAY_DONE, stream, 1));
	line_until(&line, &peer, peer.in_count >= 20);
	assert_int_equal(media_play(line.media, stream, 2, &play), 0);
	line_until(&line, &peer, line_find(&line, MEDIA_PLAY_DONE, stream, 2));
	line_until(&line, &peer, peer.in_count >= 50);
	stats = line_hang_up(&line, &peer, stream);

	for (size_t i = 0; i < peer.in_count; i++) {
		const struct peer_packet *p = &peer.in[i];

		assert_int_equal(p->len, 12 + 160);
		assert_int_equal(p->buf[1] & 0x7f, 0);
		assert_int_equal(p->buf[1] >> 7, i == 0);
		loud += p->buf[12 + 5] != 0xff || p->buf[12 + 6] != 0xff;
		if (!i)
			continue;
		assert_int_equal((uint16_t)(packet_seq(p) - packet_seq(&p[-1])),
				 1);
		assert_int_equal(packet_ts(p) - packet_ts(&p[-1]), 160);
		assert_int_equal(word_at(p->buf + 8), word_at(p[-1].buf + 8));
	}
	assert_int_equal(loud, 20);
	assert_int_equal(stats->tx_packets, peer.in_count);
	assert_int_equal(stats->tx_bytes, peer.in_count * 160);
	assert_true(sa_cmp(&peer.in[0].from, &laddr, SA_ALL));
	/* 20 ms each: no drift over the whole, whatever single ones do */
	assert_in_range((peer.in[peer.in_count - 1].at_ns - peer.in[0].at_ns) /
				(peer.in_count - 1),
			18000000, 22000000);
	peer_close(&peer);
	line_close(&line);
}

static void a_digit_is_heard_once(void **state)
{
	const struct line_event *digit;
	struct line line;
	struct peer peer;
	struct sa laddr;
	handle_t stream;
	(void)state;

	line_open(&line, 1, 21000, 21099);
	peer_open(&peer, "127.0.0.1");
	stream = line_stream(&line, &peer, &laddr);
	peer_send(&peer, &laddr, 160, 0xff);
	line_until(&line, &peer, line_count(&line, MEDIA_LATCHED) == 1);

	for (uint16_t i = 1; i <= 5; i++)
		peer_send_event(&peer, &laddr, 7, false, peer.ts,
				(uint16_t)(160 * i));
	for (int i = 0; i < 3; i++)
		peer_send_event(&peer, &laddr, 7, true, peer.ts, 960);
	line_until(&line, &peer, line_count(&line, MEDIA_DIGIT));
	/* a held one, whose end is lost */
	peer.ts += 1600;
	peer_send_event(&peer, &laddr, 11, false, peer.ts, 160);
	line_until(&line, &peer, line_count(&line, MEDIA_DIGIT) == 2);

	line_hang_up(&line, &peer, stream);
	assert_string_equal(line_digits(&line), "7#");
	digit = line_find(&line, MEDIA_DIGIT, stream, 0);
	assert_int_equal(digit->e.duration_ms, 120);
	assert_ptr_equal(digit->e.arg, &line);
	peer_close(&peer);
	line_close(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_tones_in_one_stream_of_packets),
		cmocka_unit_test(a_digit_is_heard_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
