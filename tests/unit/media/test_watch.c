/* test_watch.c -- a peer that falls silent: a real stream and real sockets, in
 * simulated time */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mailbox.h"
#include "media/stream.h"

enum { PT_DTMF = 101, TICK_NS = 20000000 };

struct line {
	struct stream *stream;
	struct stream_env env;
	struct media_params params;
	struct sa rtp; /* the stream's */
	int peer;
	uint64_t now_ns;
	uint16_t seq;
	uint32_t ts, ssrc;
	unsigned timeouts, vanished;
	uint32_t silent_ms; /* of the last of them */
};

static int bound(struct sa *sa)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(sa->u);

	assert_true(fd >= 0);
	assert_int_equal(sa_set_str(sa, "127.0.0.1", 0), 0);
	assert_int_equal(bind(fd, &sa->u.sa, sa->len), 0);
	assert_int_equal(getsockname(fd, &sa->u.sa, &len), 0);
	return fd;
}

static void line_open(struct line *line)
{
	struct sa rtcp;
	int fds[2];

	memset(line, 0, sizeof(*line));
	line->now_ns = clock_mono_ns();
	line->ssrc = 1;
	line->params = (struct media_params){
		.codec = media_codec_find("PCMU"),
		.pt_dtmf_tx = PT_DTMF,
		.pt_dtmf_rx = PT_DTMF,
		.ptime_ms = 20,
		.tx = true,
		.rx = true,
	};
	fds[0] = bound(&line->rtp);
	fds[1] = bound(&rtcp);
	line->peer = bound(&line->params.raddr);
	stream_env_init(&line->env, NULL, NULL);
	assert_int_equal(mailbox_alloc(&line->env.out), 0);
	assert_int_equal(stream_alloc(&line->stream, fds), 0);
	line->stream->env = &line->env;
	(void)stream_set(line->stream, &line->params, line->now_ns);
}

static void take_events(struct line *line)
{
	struct mail *mail, *next;

	stream_env_flush(&line->env);
	mail = mailbox_take(line->env.out);
	for (; mail; mail = next) {
		struct message *m = (struct message *)mail;

		next = mail->next;
		if (m->type == MESSAGE_EVENT &&
		    m->u.event.type == MEDIA_TIMEOUT) {
			line->timeouts++;
			line->silent_ms = m->u.event.duration_ms;
		} else if (m->type == MESSAGE_EVENT &&
			   m->u.event.type == MEDIA_VANISHED) {
			line->vanished++;
			line->silent_ms = m->u.event.duration_ms;
		}
		free(m);
	}
}

static void line_close(struct line *line)
{
	struct media_stats stats;

	stream_shut(line->stream, &stats, line->now_ns);
	take_events(line);
	stream_free(line->stream);
	mailbox_free(line->env.out, NULL, NULL);
	close(line->peer);
}

static void send_packet(struct line *line, uint8_t pt, size_t samples,
			uint8_t value)
{
	uint8_t packet[RTP_HEADER + AUDIO_FRAME_MAX] = {
		0x80, pt, (uint8_t)(line->seq >> 8), (uint8_t)line->seq};
	uint32_t words[2] = {htonl(line->ts), htonl(line->ssrc)};

	memcpy(packet + 4, words, sizeof(words));
	memset(packet + RTP_HEADER, value, samples);
	assert_true(sendto(line->peer, packet, RTP_HEADER + samples, 0,
			   &line->rtp.u.sa, line->rtp.len) > 0);
	line->seq++;
	line->ts += (uint32_t)samples;
}

static void tick(struct line *line)
{
	line->now_ns += TICK_NS;
	stream_env_now(&line->env);
	(void)stream_tick(line->stream, line->now_ns, 0);
	take_events(line);
}

static void watch(struct line *line, uint32_t timeout_ms, uint32_t vanished_ms)
{
	struct message *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->type = MESSAGE_WATCH;
	m->u.watch.timeout_ms = timeout_ms;
	m->u.watch.vanished_ms = vanished_ms;
	stream_message(line->stream, m);
	/* the message tells the real time */
	line->stream->watched_ns = line->now_ns;
}

/* For so long, with a packet each tick or without. */
static void pass(struct line *line, uint32_t ms, bool sending)
{
	for (uint32_t t = 0; t < ms; t += 20) {
		if (sending)
			send_packet(line, 0, 160, 0xff);
		tick(line);
	}
}

/* ---- silence -------------------------------------------------------- */

static void silence_is_told_once_and_again_after_the_next(void **state)
{
	struct line line;
	(void)state;

	line_open(&line);
	watch(&line, 5000, 0);
	pass(&line, 20000, true);
	assert_int_equal(line.timeouts, 0);
	pass(&line, 4000, false);
	assert_int_equal(line.timeouts, 0);
	pass(&line, 20000, false);
	assert_int_equal(line.timeouts, 1);
	assert_in_range(line.silent_ms, 5000, 6100);
	pass(&line, 3000, true);
	pass(&line, 7000, false);
	assert_int_equal(line.timeouts, 2);
	assert_int_equal(line.vanished, 0);
	line_close(&line);
}

static void the_end_comes_at_its_own_time(void **state)
{
	struct line line;
	(void)state;

	line_open(&line);
	/* also when nothing has ever come */
	watch(&line, 2000, 8000);
	pass(&line, 7000, false);
	assert_int_equal(line.timeouts, 1);
	assert_int_equal(line.vanished, 0);
	pass(&line, 2000, false);
	assert_int_equal(line.vanished, 1);
	assert_in_range(line.silent_ms, 8000, 9100);
	pass(&line, 20000, false);
	assert_int_equal(line.vanished, 1);
	line_close(&line);
}

static void on_hold_nobody_is_missed(void **state)
{
	struct line line;
	(void)state;

	line_open(&line);
	watch(&line, 2000, 4000);
	pass(&line, 1000, true);
	line.params.rx = false; /* we have put it on hold */
	(void)stream_set(line.stream, &line.params, line.now_ns);
	pass(&line, 30000, false);
	line.params.rx = true; /* and back: it has its time from here on */
	(void)stream_set(line.stream, &line.params, line.now_ns);
	pass(&line, 900, false);
	assert_int_equal(line.timeouts + line.vanished, 0);
	pass(&line, 2200, false);
	assert_int_equal(line.timeouts, 1);
	/* no watch, no word */
	watch(&line, 0, 0);
	pass(&line, 60000, false);
	assert_int_equal(line.timeouts, 1);
	assert_int_equal(line.vanished, 0);
	line_close(&line);
}

static void strangers_are_no_sign_of_life(void **state)
{
	struct line line;
	struct sa sa;
	int peer, stranger = bound(&sa);
	(void)state;

	line_open(&line);
	pass(&line, 1000, true);
	watch(&line, 2000, 0);
	peer = line.peer;
	line.peer = stranger;
	pass(&line, 4000, true);
	assert_int_equal(line.timeouts, 1);
	line.peer = peer;
	line_close(&line);
	close(stranger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silence_is_told_once_and_again_after_the_next),
		cmocka_unit_test(the_end_comes_at_its_own_time),
		cmocka_unit_test(on_hold_nobody_is_missed),
		cmocka_unit_test(strangers_are_no_sign_of_life),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
