/* test_codec.c -- G.711 against its definition */
#include "audio_fixture.h"
#include "media/codec.h"

static void names_are_found_in_any_case(void **state)
{
	size_t count;
	const struct media_codec *all = media_codecs(&count);
	(void)state;

	assert_int_equal(count, 2);
	assert_string_equal(all[0].name, "PCMU");
	assert_ptr_equal(media_codec_find("pcma"), &all[1]);
	assert_int_equal(media_codec_find("PCMU")->pt, 0);
	assert_int_equal(media_codec_find("PCMA")->pt, 8);
	assert_null(media_codec_find("G729"));
	assert_null(media_codec_find(""));
	assert_null(media_codec_find(NULL));
	for (unsigned i = 0; i < count; i++) {
		assert_ptr_equal(codec_of(&all[i]), codec_at(i));
		assert_int_equal(codec_index(codec_at(i)), i);
	}
	assert_null(codec_at((unsigned)count));
	assert_null(codec_of(NULL));
}

/* The decoder of ITU-T G.711 written out. */
static int ulaw_reference(uint8_t u)
{
	int v, seg;

	u = (uint8_t)~u;
	seg = (u >> 4) & 7;
	v = (((u & 15) << 3) + 132) << seg;
	v -= 132;
	return u & 0x80 ? -v : v;
}

static int alaw_reference(uint8_t a)
{
	int v, seg;

	a ^= 0x55;
	seg = (a >> 4) & 7;
	v = ((a & 15) << 4) + 8;
	if (seg)
		v = (v + 256) << (seg - 1);
	return a & 0x80 ? v : -v;
}

static void every_byte_decodes_as_g711_says(void **state)
{
	(void)state;
	for (int i = 0; i < 256; i++) {
		uint8_t byte = (uint8_t)i;
		int16_t pcm;

		assert_int_equal(codec_pcmu.decode(&pcm, 1, &byte, 1), 1);
		assert_int_equal(pcm, ulaw_reference(byte));
		assert_int_equal(codec_pcma.decode(&pcm, 1, &byte, 1), 1);
		assert_int_equal(pcm, alaw_reference(byte));
	}
}

static void every_sample_encodes_to_a_near_one(void **state)
{
	const struct codec *codec;
	(void)state;

	for (unsigned c = 0; (codec = codec_at(c)); c++) {
		for (int s = INT16_MIN; s <= INT16_MAX; s++) {
			int16_t in = (int16_t)s, out;
			uint8_t byte;

			codec->encode(&byte, &in, 1);
			codec->decode(&out, 1, &byte, 1);
			/* Steps grow with the level: 1/16 of it, half a
			 * step off at most, clipped at the top. */
			if (abs(in - out) > 16 + abs(in) / 16)
				fail_msg("%s: %d became %d", codec->info.name,
					 in, out);
		}
	}
}

static void decoded_bytes_encode_to_themselves(void **state)
{
	const struct codec *codec;
	(void)state;

	for (unsigned c = 0; (codec = codec_at(c)); c++) {
		for (int i = 0; i < 256; i++) {
			uint8_t in = (uint8_t)i, out;
			int16_t pcm;

			codec->decode(&pcm, 1, &in, 1);
			codec->encode(&out, &pcm, 1);
			/* Two zeros in µ-law. */
			if (in != out && !(codec == &codec_pcmu && in == 0x7f))
				fail_msg("%s: %02x became %02x",
					 codec->info.name, in, out);
		}
	}
}

static void silence_is_silent(void **state)
{
	const struct codec *codec;
	(void)state;

	for (unsigned c = 0; (codec = codec_at(c)); c++) {
		int16_t zero = 0, pcm;
		uint8_t byte;

		codec->encode(&byte, &zero, 1);
		assert_int_equal(byte, codec->silence);
		codec->decode(&pcm, 1, &codec->silence, 1);
		assert_in_range(abs(pcm), 0, 8);
	}
}

static void decoding_stops_where_the_room_ends(void **state)
{
	uint8_t payload[8] = {0};
	int16_t pcm[5] = {0, 0, 0, 0, 77};
	(void)state;

	assert_int_equal(codec_pcmu.decode(pcm, 4, payload, 8), 4);
	assert_int_equal(pcm[4], 77);
	assert_int_equal(codec_payload_bytes(&codec_pcmu, 160), 160);
	assert_int_equal(codec_payload_samples(&codec_pcma, 240), 240);
}

static void sums_saturate(void **state)
{
	int16_t into[3] = {30000, -30000, 5}, add[3] = {30000, -30000, -7};
	(void)state;

	pcm_add(into, add, 3);
	assert_int_equal(into[0], INT16_MAX);
	assert_int_equal(into[1], INT16_MIN);
	assert_int_equal(into[2], -2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found_in_any_case),
		cmocka_unit_test(every_byte_decodes_as_g711_says),
		cmocka_unit_test(every_sample_encodes_to_a_near_one),
		cmocka_unit_test(decoded_bytes_encode_to_themselves),
		cmocka_unit_test(silence_is_silent),
		cmocka_unit_test(decoding_stops_where_the_room_ends),
		cmocka_unit_test(sums_saturate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
