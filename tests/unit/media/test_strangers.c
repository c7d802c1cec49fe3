/* test_strangers.c -- injection, garbage, reports, ports: the open network */
#include "line_fixture.h"

static void a_stranger_is_neither_heard_nor_sent_to(void **state)
{
	struct line line;
	struct peer peer, stranger;
	struct sa laddr;
	handle_t stream;
	const struct media_stats *stats;
	uint64_t begun_ms;
	(void)state;

	line_open(&line, 1, 21100, 21199);
	peer_open(&peer, "127.0.0.1");
	peer_open(&stranger, "127.0.0.2");
	stream = line_stream(&line, &peer, &laddr);
	/* sprayed before the peer sends, for longer than any grace */
	begun_ms = clock_mono_ms();
	for (unsigned i = 0; i < 65; i++) {
		line_until(&line, &peer,
			   clock_mono_ms() >= begun_ms + 20ull * i);
		peer_send(&stranger, &laddr, 160, 0x90);
	}
	assert_int_equal(line_count(&line, MEDIA_LATCHED), 0);
	/* and during the call, digits too */
	peer_send(&peer, &laddr, 160, 0xff);
	line_until(&line, &peer, line_count(&line, MEDIA_LATCHED) == 1);
	for (unsigned i = 1; i <= 20; i++) {
		peer_send(&peer, &laddr, 160, 0xff);
		peer_send_event(&stranger, &laddr, 9, i > 10, stranger.ts, 800);
	}
	peer_send_event(&peer, &laddr, 4, true, peer.ts, 800);
	line_until(&line, &peer, line_count(&line, MEDIA_DIGIT) == 1);
	stats = line_hang_up(&line, &peer, stream);
	peer_read(&stranger);
	assert_int_equal(stranger.in_count, 0);
	assert_int_equal(stranger.rtcp_count, 0);
	assert_string_equal(line_digits(&line), "4");
	assert_true(sa_cmp(&line_find(&line, MEDIA_LATCHED, stream, 0)->e.peer,
			   &peer.sa, SA_ALL));
	assert_int_equal(stats->rx_packets, 22);
	assert_int_equal(stats->rx_rejected, 65 + 20);
	peer_close(&peer);
	peer_close(&stranger);
	line_close(&line);
}

static void audio_follows_the_source_behind_a_nat(void **state)
{
	struct media_params params;
	struct line line;
	struct peer signalled, natted;
	struct sa laddr;
	handle_t stream;
	size_t at_signalled;
	(void)state;

	line_open(&line, 1, 21100, 21199);
	peer_open(&signalled, "127.0.0.1");
	peer_open(&natted, "127.0.0.1"); /* the same host, another port */
	stream = line_stream(&line, &signalled, &laddr);
	line_until(&line, &signalled, signalled.in_count >= 2);
	for (int i = 0; i < 3; i++)
		peer_send(&natted, &laddr, 160, 0xff);
	line_until(&line, &natted, natted.in_count >= 5);
	peer_read(&signalled);
	at_signalled = signalled.in_count;
	line_until(&line, &natted, natted.in_count >= 10);
	peer_read(&signalled);
	assert_int_equal(signalled.in_count, at_signalled);
	assert_true(sa_cmp(&line_find(&line, MEDIA_LATCHED, stream, 0)->e.peer,
			   &natted.sa, SA_ALL));
	/* a new address of an offer counts again */
	params = line_params(&natted);
	sa_set_str(&params.raddr, "127.0.0.3", 9);
	media_stream_set(line.media, stream, &params);
	params.raddr = signalled.sa;
	media_stream_set(line.media, stream, &params);
	line_until(&line, &signalled, signalled.in_count >= at_signalled + 3);
	line_hang_up(&line, &signalled, stream);
	peer_close(&signalled);
	peer_close(&natted);
	line_close(&line);
}

static void garbage_is_counted_and_harms_nothing(void **state)
{
	struct line line;
	struct peer peer;
	struct sa laddr, laddr_rtcp;
	handle_t stream;
	const struct media_stats *stats;
	uint8_t buf[1472];
	size_t seen;
	(void)state;

	line_open(&line, 1, 21100, 21199);
	peer_open(&peer, "127.0.0.1");
	stream = line_stream(&line, &peer, &laddr);
	laddr_rtcp = laddr;
	sa_set_port(&laddr_rtcp, (uint16_t)(sa_port(&laddr) + 1));
	line_until(&line, &peer, peer.in_count >= 1);
	srand(1);
	for (unsigned i = 0; i < 400; i++) {
		size_t len = (size_t)rand() % sizeof(buf);

		for (size_t k = 0; k < len; k++)
			buf[k] = (uint8_t)rand();
		/* half of it looks like RTP, of a payload type that isn't
		 * agreed; of the other half the version is wrong */
		if (len > 1) {
			buf[0] = i % 2 ? 0x80 : 0x40;
			buf[1] = 0x55;
		}
		peer_send_raw(&peer, &laddr, buf, len);
		peer_send_rtcp(&peer, &laddr_rtcp, buf, len);
		if (i % 20)
			continue;
		/* a tick passes, so that none is lost in the socket */
		seen = peer.in_count;
		line_until(&line, &peer, peer.in_count >= seen + 2);
	}
	peer_send(&peer, &laddr, 160, 0xff);
	peer_send_event(&peer, &laddr, 5, true, peer.ts, 800);
	line_until(&line, &peer, line_count(&line, MEDIA_DIGIT) == 1);
	stats = line_hang_up(&line, &peer, stream);
	assert_int_equal(stats->rx_packets, 2);
	assert_int_equal(stats->rx_rejected, 400);
	assert_int_equal(stats->rtt_us, 0);
	peer_close(&peer);
	line_close(&line);
}

static void put_word(uint8_t *p, uint32_t v)
{
	v = htonl(v);
	memcpy(p, &v, 4);
}

static void reports_tell_both_sides_of_loss_and_round_trip(void **state)
{
	uint8_t rr[32] = {0x81, 201, 0, 7};
	struct line line;
	struct peer peer, stranger;
	struct sa laddr, laddr_rtcp;
	handle_t stream;
	const struct media_stats *stats;
	const uint8_t *sr;
	uint32_t mid;
	size_t bye;
	(void)state;

	line_open(&line, 1, 21100, 21199);
	peer_open(&peer, "127.0.0.1");
	peer_open(&stranger, "127.0.0.2");
	stream = line_stream(&line, &peer, &laddr);
	laddr_rtcp = laddr;
	sa_set_port(&laddr_rtcp, (uint16_t)(sa_port(&laddr) + 1));
	for (int i = 0; i < 10; i++) {
		if (i == 4)
			peer.seq++; /* lost */
		peer_send(&peer, &laddr, 160, 0xff);
	}
	line_until(&line, &peer, peer.rtcp_count == 1);
	sr = peer.last_rtcp.buf;
	assert_int_equal(sr[0], 0x81);
	assert_int_equal(sr[1], 200);
	assert_int_equal(word_at(sr + 4), word_at(peer.in[0].buf + 8));
	/* sent until then, as the peer has counted */
	assert_in_range(word_at(sr + 20), peer.in_count - 3, peer.in_count + 3);
	assert_int_equal(word_at(sr + 24), 160 * word_at(sr + 20));
	assert_int_equal(word_at(sr + 28), peer.ssrc);
	assert_int_equal(word_at(sr + 32) & 0xffffff, 1);
	assert_int_equal(word_at(sr + 32) >> 24, 256 / 11);
	assert_int_equal(word_at(sr + 36), 65536 + (uint16_t)(peer.seq - 1));
	/* the peer answers at once, to a stranger's lies nobody listens */
	mid = word_at(sr + 8) << 16 | word_at(sr + 12) >> 16;
	put_word(rr + 4, peer.ssrc);
	put_word(rr + 8, word_at(sr + 4));
	put_word(rr + 12, 500);
	put_word(rr + 20, 8000);
	put_word(rr + 24, mid);
	peer_send_rtcp(&stranger, &laddr_rtcp, rr, sizeof(rr));
	put_word(rr + 12, 3);
	put_word(rr + 20, 80); /* 10 ms */
	peer_send_rtcp(&peer, &laddr_rtcp, rr, sizeof(rr));
	put_word(rr + 12, 600);
	peer_send_rtcp(&stranger, &laddr_rtcp, rr, sizeof(rr));
	bye = peer.rtcp_count;
	stats = line_hang_up(&line, &peer, stream);
	assert_int_equal(stats->rx_lost, 1);
	assert_int_equal(stats->remote_lost, 3);
	assert_int_equal(stats->remote_jitter_us, 10000);
	assert_in_range(stats->rtt_us, 1, 2000000);
	/* the last words: BYE */
	line_until(&line, &peer, peer.rtcp_count > bye);
	assert_int_equal(peer.last_rtcp.buf[peer.last_rtcp.len - 7], 203);
	peer_close(&peer);
	peer_close(&stranger);
	line_close(&line);
}

static void ports_run_out_and_come_back_when_closed(void **state)
{
	struct line line;
	struct sa laddr;
	handle_t streams[5], more;
	(void)state;

	line_open(&line, 2, 21100, 21109);
	for (int i = 0; i < 5; i++) {
		sa_set_str(&laddr, "127.0.0.1", 0);
		assert_int_equal(media_stream_open(line.media, &laddr, NULL,
						   &streams[i]),
				 0);
		assert_int_equal(sa_port(&laddr) % 2, 0);
	}
	assert_int_equal(media_stream_open(line.media, &laddr, NULL, &more),
			 EADDRINUSE);
	assert_int_equal(media_stream_count(line.media), 5);
	/* closed is not yet free: the worker must have answered */
	media_stream_close(line.media, streams[2]);
	assert_int_equal(media_stream_open(line.media, &laddr, NULL, &more),
			 EADDRINUSE);
	line_until(&line, NULL, line_find(&line, MEDIA_CLOSED, streams[2], 0));
	assert_int_equal(media_stream_open(line.media, &laddr, NULL, &more), 0);
	/* the old name is no name any more */
	assert_int_equal(
		media_send_digits(line.media, streams[2], 1, "1", 100, 60),
		ESTALE);
	media_stream_close(line.media, streams[2]);
	media_stop(line.media, streams[2], 1);
	assert_int_equal(media_stream_count(line.media), 5);
	line_close(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stranger_is_neither_heard_nor_sent_to),
		cmocka_unit_test(audio_follows_the_source_behind_a_nat),
		cmocka_unit_test(garbage_is_counted_and_harms_nothing),
		cmocka_unit_test(
			reports_tell_both_sides_of_loss_and_round_trip),
		cmocka_unit_test(ports_run_out_and_come_back_when_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
