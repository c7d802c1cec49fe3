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
		loud += p->buf[12 + 5] != 0xff || p->buf[12 + 6] != 0xff;
		if (i)
			assert_follows(p);
		else
			assert_int_equal(p->buf[1] >> 7, 1);
	}
	assert_int_equal(loud, 20);
	assert_int_equal(stats->tx_packets, peer.in_count);
	assert_int_equal(stats->tx_bytes, peer.in_count * 160);
	assert_true(sa_cmp(&peer.in[0].from, &laddr, SA_ALL));
	/* 20 ms each: no drift over the whole, whatever single ones do */
	assert_in_range(peer.in[49].at_ns - peer.in[0].at_ns, 49 * 18000000ull,
			49 * 22000000ull);
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

/* As SIPp does: each digit is a capture with its own old numbers. */
static void a_capture_replayed_is_a_digit_each_time(void **state)
{
	struct line line;
	struct peer peer;
	struct sa laddr;
	handle_t stream;
	uint64_t last_ms;
	(void)state;

	line_open(&line, 1, 21000, 21099);
	peer_open(&peer, "127.0.0.1");
	stream = line_stream(&line, &peer, &laddr);
	for (unsigned n = 1; n <= 3; n++) {
		peer.seq = 7984;
		for (uint16_t i = 1; i <= 7; i++)
			peer_send_event(&peer, &laddr, 1, i > 4, 13280,
					(uint16_t)(160 * i));
		line_until(&line, &peer, line_count(&line, MEDIA_DIGIT) == n);
		last_ms = clock_mono_ms();
		line_until(&line, &peer, clock_mono_ms() >= last_ms + 550);
	}
	line_hang_up(&line, &peer, stream);
	assert_string_equal(line_digits(&line), "111");
	peer_close(&peer);
	line_close(&line);
}

/* A recording of what the far side sends in packets of PTIME ms. */
static void hear_ptime(unsigned ptime_ms)
{
	const size_t samples = (size_t)ptime_ms * 8;
	const struct media_record record = {.path = "heard.wav",
					    .channels = MEDIA_RECORD_HEARD};
	const struct media_stats *stats;
	const struct line_event *e;
	struct line line;
	struct peer peer;
	struct sa laddr;
	handle_t stream;
	uint64_t begun_ms;
	size_t sent = 0, loud = 0, bytes;
	uint8_t wav[20000];
	FILE *f;

	line_open(&line, 1, 21000, 21099);
	peer_open(&peer, "127.0.0.1");
	stream = line_stream(&line, &peer, &laddr);
	assert_int_equal(media_record(line.media, stream, 5, &record), 0);
	line_until(&line, &peer, peer.in_count >= 1);
	/* 480 ms of a constant level, paced */
	begun_ms = clock_mono_ms();
	while (sent * ptime_ms < 480) {
		line_until(&line, &peer,
			   clock_mono_ms() >= begun_ms + sent * ptime_ms);
		peer_send(&peer, &laddr, samples, 0x90);
		sent++;
	}
	line_until(&line, &peer, clock_mono_ms() >= begun_ms + 700);
	media_stop(line.media, stream, 5);
	line_until(&line, &peer,
		   line_find(&line, MEDIA_RECORD_DONE, stream, 5));
	stats = line_hang_up(&line, &peer, stream);
	e = line_find(&line, MEDIA_RECORD_DONE, stream, 5);
	assert_int_equal(e->e.result, MEDIA_STOPPED);
	assert_string_equal(e->file, "heard.wav");
	assert_int_equal(stats->rx_packets, sent);
	assert_int_equal(stats->rx_lost, 0);
	assert_int_equal(stats->rx_rejected, 0);

	f = fopen("heard.wav", "rb");
	assert_non_null(f);
	bytes = fread(wav, 1, sizeof(wav), f);
	fclose(f);
	unlink("heard.wav");
	assert_true(bytes > 44 + 2 * 8 * 480);
	for (size_t i = 44; i + 1 < bytes; i += 2)
		loud += abs((int16_t)(wav[i] | wav[i + 1] << 8)) > 5000;
	/* all of it; and what concealment holds behind the last packet. Where
	 * this machine stood still, packets came late: the jitter buffer has
	 * waited, and makes up for it by shortening what follows. */
	assert_in_range(loud, 480 * 8 * 3 / 4, 480 * 8 + 800);
	peer_close(&peer);
	line_close(&line);
}

static void ptimes_from_10_to_60_ms_are_recorded_whole(void **state)
{
	(void)state;
	hear_ptime(10);
	hear_ptime(20);
	hear_ptime(30);
	hear_ptime(60);
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void ptimes_from_10_to_60_ms_are_sent_evenly(void **state)
{
	enum { N = 11 };
	static const uint16_t ptimes[] = {10, 30, 40, 60};
	uint64_t apart[N];
	struct line line;
	struct peer peer;
	struct sa laddr;
	handle_t stream;
	(void)state;

	line_open(&line, 1, 21000, 21099);
	peer_open(&peer, "127.0.0.1");
	stream = line_stream(&line, &peer, &laddr);
	line_until(&line, &peer, peer.in_count >= 3);
	for (size_t k = 0; k < 4; k++) {
		struct media_params params = line_params(&peer);
		size_t len = 12 + ptimes[k] * 8u, first;

		params.ptime_ms = ptimes[k];
		media_stream_set(line.media, stream, &params);
		line_until(&line, &peer, peer.in[peer.in_count - 1].len == len);
		first = peer.in_count - 1;
		line_until(&line, &peer, peer.in_count > first + N);
		/* the median: single ones are this machine's */
		for (size_t i = 0; i < N; i++)
			apart[i] = peer.in[first + i + 1].at_ns -
				   peer.in[first + i].at_ns;
		qsort(apart, N, sizeof(*apart), compare);
		assert_in_range(apart[N / 2], ptimes[k] * 800000ull,
				ptimes[k] * 1200000ull);
	}
	line_hang_up(&line, &peer, stream);
	/* one sequence, one scale of timestamps over all changes */
	for (size_t i = 1; i < peer.in_count; i++)
		assert_follows(&peer.in[i]);
	peer_close(&peer);
	line_close(&line);
}

static void digits_are_sent_instead_of_audio(void **state)
{
	const struct media_play play = {.sources = &tone, .source_count = 1};
	struct line line;
	struct peer peer;
	struct sa laddr;
	handle_t stream;
	size_t events = 0, ends = 0, markers = 0;
	(void)state;

	line_open(&line, 1, 21000, 21099);
	peer_open(&peer, "127.0.0.1");
	stream = line_stream(&line, &peer, &laddr);
	assert_int_equal(
		media_send_digits(line.media, stream, 1, "1x", 100, 60),
		EINVAL);
	assert_int_equal(
		media_send_digits(line.media, stream, 1, "1#", 100, 60), 0);
	assert_int_equal(media_play(line.media, stream, 2, &play), 0);
	line_until(&line, &peer, line_find(&line, MEDIA_DTMF_DONE, stream, 1));
	assert_int_equal(line_find(&line, MEDIA_DTMF_DONE, stream, 1)->e.result,
			 MEDIA_DONE);
	line_until(&line, &peer, line_find(&line, MEDIA_PLAY_DONE, stream, 2));
	line_hang_up(&line, &peer, stream);
	for (size_t i = 0; i < peer.in_count; i++) {
		const struct peer_packet *p = &peer.in[i];

		if (i)
			assert_int_equal(
				(uint16_t)(packet_seq(p) - packet_seq(&p[-1])),
				1);
		if ((p->buf[1] & 0x7f) != 101)
			continue;
		assert_int_equal(p->len, 16);
		events++;
		ends += p->buf[13] >> 7;
		markers += p->buf[1] >> 7;
	}
	assert_int_equal(events, 2 * 7);
	assert_int_equal(ends, 2 * 3);
	assert_int_equal(markers, 2);
	peer_close(&peer);
	line_close(&line);
}

static void hold_stops_packets_and_resume_marks_the_gap(void **state)
{
	struct media_params params;
	struct line line;
	struct peer peer;
	struct sa laddr;
	handle_t stream;
	size_t before, packets;
	uint64_t held_ms;
	(void)state;

	line_open(&line, 1, 21000, 21099);
	peer_open(&peer, "127.0.0.1");
	stream = line_stream(&line, &peer, &laddr);
	line_until(&line, &peer, peer.in_count >= 5);
	params = line_params(&peer);
	params.tx = false;
	media_stream_set(line.media, stream, &params);
	assert_int_equal(media_send_digits(line.media, stream, 9, "1", 100, 60),
			 0);
	line_until(&line, &peer, line_find(&line, MEDIA_DTMF_DONE, stream, 9));
	assert_int_equal(line_find(&line, MEDIA_DTMF_DONE, stream, 9)->e.result,
			 MEDIA_FAILED);
	peer_read(&peer);
	before = peer.in_count;
	held_ms = clock_mono_ms();
	line_until(&line, &peer, clock_mono_ms() >= held_ms + 100);
	assert_int_equal(peer.in_count, before);
	params.tx = true;
	media_stream_set(line.media, stream, &params);
	line_until(&line, &peer, peer.in_count >= before + 3);
	packets = line_hang_up(&line, &peer, stream)->tx_packets;
	assert_int_equal(packets, peer.in_count);
	assert_int_equal(peer.in[before].buf[1] >> 7, 1);
	assert_int_equal(peer.in[before + 1].buf[1] >> 7, 0);
	assert_int_equal((uint16_t)(packet_seq(&peer.in[before]) -
				    packet_seq(&peer.in[before - 1])),
			 1);
	assert_true(packet_ts(&peer.in[before]) -
			    packet_ts(&peer.in[before - 1]) >=
		    160 * 5);
	peer_close(&peer);
	line_close(&line);
}

static void ipv6_works_as_ipv4_does(void **state)
{
	struct media_params params;
	struct line line;
	struct peer peer;
	struct sa laddr;
	handle_t stream;
	(void)state;

	line_open(&line, 1, 21000, 21099);
	peer_open(&peer, "::1");
	params = line_params(&peer);
	assert_int_equal(sa_set_str(&laddr, "::1", 0), 0);
	assert_int_equal(media_stream_open(line.media, &laddr, NULL, &stream),
			 0);
	media_stream_set(line.media, stream, &params);
	peer_send(&peer, &laddr, 160, 0xff);
	peer_send_event(&peer, &laddr, 0, true, peer.ts, 800);
	line_until(&line, &peer, line_count(&line, MEDIA_DIGIT) == 1);
	line_until(&line, &peer, peer.in_count >= 3);
	assert_true(sa_cmp(&peer.in[0].from, &laddr, SA_ALL));
	assert_int_equal(line_hang_up(&line, &peer, stream)->rx_packets, 2);
	peer_close(&peer);
	line_close(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_tones_in_one_stream_of_packets),
		cmocka_unit_test(a_digit_is_heard_once),
		cmocka_unit_test(a_capture_replayed_is_a_digit_each_time),
		cmocka_unit_test(ptimes_from_10_to_60_ms_are_recorded_whole),
		cmocka_unit_test(ptimes_from_10_to_60_ms_are_sent_evenly),
		cmocka_unit_test(digits_are_sent_instead_of_audio),
		cmocka_unit_test(hold_stops_packets_and_resume_marks_the_gap),
		cmocka_unit_test(ipv6_works_as_ipv4_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
