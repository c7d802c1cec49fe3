/* test_move.c -- a stream goes on at other ports */
#include "line_fixture.h"

static struct line line;
static struct peer peer;

static int setup(void **state)
{
	(void)state;
	line_open(&line, 1, 24400, 24405); /* three pairs */
	peer_open(&peer, "127.0.0.1");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	line_close(&line);
	peer_close(&peer);
	return 0;
}

static size_t from(uint16_t port)
{
	size_t n = 0;

	for (size_t i = 0; i < peer.in_count; i++)
		n += sa_port(&peer.in[i].from) == port;
	return n;
}

static void what_is_sent_and_heard_goes_on_elsewhere(void **state)
{
	const struct media_stats *stats;
	struct sa old, moved;
	handle_t stream = line_stream(&line, &peer, &old);
	const size_t free_ports = media_ports_free(line.media);
	(void)state;

	peer_send(&peer, &old, 160, 0xff);
	line_until(&line, &peer, from(sa_port(&old)) >= 3);
	moved = old;
	assert_int_equal(media_stream_move(line.media, stream, &moved), 0);
	assert_int_not_equal(sa_port(&moved), sa_port(&old));
	line_until(&line, &peer, from(sa_port(&moved)) >= 10);
	for (size_t i = 1; i < peer.in_count; i++)
		assert_follows(&peer.in[i]);
	/* the old pair can be used again */
	line_until(&line, &peer, media_ports_free(line.media) == free_ports);
	peer_send_event(&peer, &moved, 5, false, peer.ts, 160);
	peer_send_event(&peer, &moved, 5, true, peer.ts, 800);
	line_until(&line, &peer, !strcmp(line_digits(&line), "5"));
	stats = line_hang_up(&line, &peer, stream);
	assert_true(stats->rx_packets >= 3);
	assert_int_equal(media_ports_free(line.media), free_ports + 1);
}

static void a_stream_that_is_gone_does_not_move(void **state)
{
	struct sa laddr, moved;
	handle_t stream = line_stream(&line, &peer, &laddr);
	const size_t free_ports = media_ports_free(line.media);
	(void)state;

	moved = laddr;
	media_stream_close(line.media, stream);
	assert_int_equal(media_stream_move(line.media, stream, &moved), ESTALE);
	line_until(&line, &peer, line_find(&line, MEDIA_CLOSED, stream, 0));
	assert_int_equal(media_ports_free(line.media), free_ports + 1);
	/* closed at once after it: everything comes back */
	stream = line_stream(&line, &peer, &laddr);
	moved = laddr;
	assert_int_equal(media_stream_move(line.media, stream, &moved), 0);
	(void)line_hang_up(&line, &peer, stream);
	assert_int_equal(media_ports_free(line.media), free_ports + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_is_sent_and_heard_goes_on_elsewhere, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			a_stream_that_is_gone_does_not_move, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
