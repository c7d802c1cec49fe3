/* test_formats.c -- the payload types of what comes: each that was agreed */
#include "line_fixture.h"
#include "media/codec.h"

enum { LOUD = 5000, PT_PCMU = 0, PT_PCMA = 8, PT_CN = 13, PT_G729 = 18 };

/* Both codecs, PCMU first. */
static handle_t both_codecs(struct line *line, const struct peer *peer,
			    struct sa *laddr)
{
	struct media_params params = line_params(peer);
	handle_t stream;

	params.formats[0] = (struct media_format){
		.codec = media_codec_find("PCMU"), .pt = PT_PCMU};
	params.formats[1] = (struct media_format){
		.codec = media_codec_find("PCMA"), .pt = PT_PCMA};
	params.format_count = 2;
	assert_int_equal(sa_set_str(laddr, "127.0.0.1", 0), 0);
	assert_int_equal(media_stream_open(line->media, laddr, line, &stream),
			 0);
	media_stream_set(line->media, stream, &params);
	return stream;
}

/* COUNT packets of PT, all bytes VALUE, one each 20 ms from *AT_MS on. */
static void say(struct line *line, struct peer *peer, const struct sa *to,
		uint8_t pt, uint8_t value, size_t bytes, unsigned count,
		uint64_t *at_ms)
{
	uint8_t payload[160];

	memset(payload, value, sizeof(payload));
	while (count--) {
		line_until(line, peer, clock_mono_ms() >= *at_ms);
		peer_send_at(peer, to, pt, false, peer->seq++, peer->ts,
			     payload, bytes);
		peer->ts += 160;
		*at_ms += 20;
	}
}

struct levels {
	size_t low, high, other; /* samples by their level */
};

/* How loud a byte of CODEC is. */
static int level_of(const struct codec *codec, uint8_t byte)
{
	int16_t pcm;

	codec->decode(&pcm, 1, &byte, 1);
	return abs(pcm);
}

/* What FILE holds: silence, LOW ± 500, HIGH ± 500, and all else. */
static struct levels levels_of(const char *file, int low, int high)
{
	struct levels levels = {0, 0, 0};
	uint8_t wav[60000];
	FILE *f = fopen(file, "rb");
	size_t bytes;

	assert_non_null(f);
	bytes = fread(wav, 1, sizeof(wav), f);
	fclose(f);
	unlink(file);
	for (size_t i = 44; i + 1 < bytes; i += 2) {
		int s = abs((int16_t)(wav[i] | wav[i + 1] << 8));

		if (s < 100)
			continue;
		levels.low += abs(s - low) < 500;
		levels.high += abs(s - high) < 500;
		levels.other += abs(s - low) >= 500 && abs(s - high) >= 500;
	}
	return levels;
}

/* 300 ms of each, with two packets between that nobody knows. */
static void a_peer_changes_codec_at_any_packet(void **state)
{
	const struct media_record record = {.path = "formats.wav",
					    .channels = MEDIA_RECORD_HEARD};
	const struct media_stats *stats;
	struct levels levels;
	struct line line;
	struct peer peer;
	struct sa laddr;
	handle_t stream;
	uint64_t at_ms;
	(void)state;

	line_open(&line, 1, 21000, 21099);
	peer_open(&peer, "127.0.0.1");
	stream = both_codecs(&line, &peer, &laddr);
	assert_int_equal(media_record(line.media, stream, 1, &record), 0);
	line_until(&line, &peer, peer.in_count >= 1);
	at_ms = clock_mono_ms();
	say(&line, &peer, &laddr, PT_PCMU, 0x90, 160, 15, &at_ms);
	say(&line, &peer, &laddr, PT_G729, 0x90, 20, 2, &at_ms);
	say(&line, &peer, &laddr, PT_PCMA, 0x90, 160, 15, &at_ms);
	line_until(&line, &peer, clock_mono_ms() >= at_ms + 150);
	media_stop(line.media, stream, 1);
	line_until(&line, &peer,
		   line_find(&line, MEDIA_RECORD_DONE, stream, 1));
	stats = line_hang_up(&line, &peer, stream);
	assert_int_equal(stats->rx_rejected, 2);
	assert_int_equal(stats->rx_packets, 30);
	levels = levels_of("formats.wav", level_of(&codec_pcma, 0x90),
			   level_of(&codec_pcmu, 0x90));
	/* Where this machine stood still some may be cut; what was lost is
	 * made up, and fades. */
	assert_in_range(levels.high, 2400 * 8 / 10, 2400 + 500);
	assert_in_range(levels.low, 2400 * 8 / 10, 2400 + 1000);
	assert_true(levels.other < 1000);
	peer_close(&peer);
	line_close(&line);
}

/* A peer that only makes comfort noise is no stranger. */
static void comfort_noise_is_no_error_and_no_sound(void **state)
{
	const struct media_record record = {.path = "noise.wav",
					    .channels = MEDIA_RECORD_HEARD};
	const struct media_stats *stats;
	struct levels levels;
	struct line line;
	struct peer peer;
	struct sa laddr;
	handle_t stream;
	uint64_t at_ms;
	(void)state;

	line_open(&line, 1, 21000, 21099);
	peer_open(&peer, "127.0.0.1");
	stream = line_stream(&line, &peer, &laddr);
	assert_int_equal(media_record(line.media, stream, 1, &record), 0);
	line_until(&line, &peer, peer.in_count >= 1);
	at_ms = clock_mono_ms();
	say(&line, &peer, &laddr, PT_CN, 40, 1, 15, &at_ms);
	line_until(&line, &peer, clock_mono_ms() >= at_ms + 100);
	media_stop(line.media, stream, 1);
	line_until(&line, &peer,
		   line_find(&line, MEDIA_RECORD_DONE, stream, 1));
	stats = line_hang_up(&line, &peer, stream);
	assert_int_equal(stats->rx_rejected, 0);
	assert_int_equal(stats->rx_packets, 15);
	levels = levels_of("noise.wav", LOUD, LOUD);
	assert_int_equal(levels.low + levels.other, 0);
	peer_close(&peer);
	line_close(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_peer_changes_codec_at_any_packet),
		cmocka_unit_test(comfort_noise_is_no_error_and_no_sound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
