/* network.c -- what a bad network leaves of speech: the real jitter buffer,
 * decoder and concealment, in simulated time
 *
 *   bench_network SPEECH.wav…      mono, 8 kHz; repeated as long as it takes
 *
 * One JSON object: a list of patterns with their figures. The distance is
 * between what was said and what was heard at the same place: the difference
 * of the levels in 16 critical bands, root mean square over the bands, mean
 * over the frames of 20 ms in which somebody spoke. Beside it the same with
 * silence in place of what is lost (the linker hands us spandsp's plc_fillin).
 */
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "media/quality.h"
#include "tests/unit/media/network_fixture.h"

enum {
	BANDS = 16,
	BINS = JITTER_FRAME / 2,
	SPOKEN = 100, /* root mean square of a frame: about −50 dBFS */
};

/* Upper edges of Zwicker's critical bands, in Hz. */
static const int edges[BANDS] = {200,  300,  400,  510,	 630,  770,
				 920,  1080, 1270, 1480, 1720, 2000,
				 2320, 2700, 3150, 3700};

static const struct network patterns[] = {
	{.name = "clean"},
	{.name = "loss 1 %", .loss = 1},
	{.name = "loss 5 %", .loss = 5},
	{.name = "loss 10 %", .loss = 10},
	{.name = "loss 1 %, bursts of 3", .loss = 1, .burst = 3},
	{.name = "loss 5 %, bursts of 3", .loss = 5, .burst = 3},
	{.name = "loss 10 %, bursts of 3", .loss = 10, .burst = 3},
	{.name = "jitter 10 ms", .jitter_ms = 10},
	{.name = "jitter 20 ms", .jitter_ms = 20},
	{.name = "jitter 40 ms", .jitter_ms = 40},
	{.name = "jitter 80 ms", .jitter_ms = 80},
	{.name = "reordering 5 %", .reorder = 5},
	{.name = "queue of 150 ms each 10 s", .spike_ms = 150},
	{.name = "loss 5 %, jitter 40 ms", .loss = 5, .jitter_ms = 40},
	{.name = "30 % loss, 200 ms jitter",
	 .loss = 30,
	 .jitter_ms = 200,
	 .reorder = 10,
	 .duplicate = 10},
	{.name = "clock +200 ppm, an hour", .skew_ppm = 200},
	{.name = "clock -200 ppm, an hour", .skew_ppm = -200},
};

/* ---- without concealment -------------------------------------------- */

static bool plain;

int __real_plc_fillin(plc_state_t *plc, int16_t *pcm, int n);
int __wrap_plc_fillin(plc_state_t *plc, int16_t *pcm, int n);

int __wrap_plc_fillin(plc_state_t *plc, int16_t *pcm, int n)
{
	if (!plain)
		return __real_plc_fillin(plc, pcm, n);
	memset(pcm, 0, (size_t)n * sizeof(*pcm));
	return n;
}

/* ---- speech --------------------------------------------------------- */

/* As it is after G.711, and as it is sent. */
static int16_t *speech;
static uint8_t *coded;
static size_t speech_count;

static int speech_add(const char *path)
{
	SF_INFO info = {0};
	SNDFILE *file = sf_open(path, SFM_READ, &info);
	size_t n;
	int16_t *more;

	if (!file || info.samplerate != AUDIO_SRATE || info.channels != 1) {
		fprintf(stderr, "bench_network: %s: mono at 8 kHz is needed\n",
			path);
		sf_close(file);
		return 1;
	}
	n = (size_t)info.frames;
	more = realloc(speech, (speech_count + n) * sizeof(*speech));
	if (!more) {
		sf_close(file);
		return 1;
	}
	speech = more;
	speech_count += (size_t)sf_read_short(file, speech + speech_count,
					      (sf_count_t)n);
	sf_close(file);
	return 0;
}

static int speech_code(void)
{
	speech_count -= speech_count % NETWORK_PACKET;
	coded = malloc(speech_count + 1);
	if (!coded || !speech_count)
		return 1;
	codec_pcmu.encode(coded, speech, speech_count);
	codec_pcmu.decode(speech, speech_count, coded, speech_count);
	return 0;
}

static void payload(uint8_t *bytes, int64_t number, void *arg)
{
	size_t packets = speech_count / NETWORK_PACKET;
	(void)arg;

	memcpy(bytes, coded + (size_t)number % packets * NETWORK_PACKET,
	       NETWORK_PACKET);
}

/* ---- distance ------------------------------------------------------- */

struct distance {
	double sum;
	int64_t frames;
};

static void bands_of(double *bands, const int16_t *pcm)
{
	static double cosine[JITTER_FRAME], window[JITTER_FRAME];
	double x[JITTER_FRAME];
	size_t band = 0;

	if (window[1] == 0)
		for (int i = 0; i < JITTER_FRAME; i++) {
			cosine[i] = cos(2 * M_PI * i / JITTER_FRAME);
			window[i] = 0.5 - 0.5 * cosine[i];
		}
	for (size_t i = 0; i < JITTER_FRAME; i++)
		x[i] = pcm[i] * window[i];
	memset(bands, 0, BANDS * sizeof(*bands));
	for (size_t k = 2; k < BINS; k++) { /* of 50 Hz each */
		double re = 0, im = 0;

		while (band < BANDS && (int)k * 50 > edges[band])
			band++;
		if (band == BANDS)
			break;
		for (size_t i = 0; i < JITTER_FRAME; i++) {
			size_t at = k * i % JITTER_FRAME;

			re += x[i] * cosine[at];
			im += x[i] *
			      cosine[(at + JITTER_FRAME / 4) % JITTER_FRAME];
		}
		bands[band] += re * re + im * im;
	}
}

static void heard(const int16_t *pcm, int64_t source, void *arg)
{
	struct distance *distance = arg;
	int16_t said[JITTER_FRAME];
	double a[BANDS], b[BANDS], sum = 0, level = 0;
	/* a floor, so that silence is not infinitely far away */
	const double floor = 30.0 * 30 * JITTER_FRAME;

	for (int i = 0; i < JITTER_FRAME; i++) {
		int64_t at = (source + i) % (int64_t)speech_count;

		said[i] = speech[at < 0 ? at + (int64_t)speech_count : at];
		level += said[i] * (double)said[i];
	}
	if (level < (double)SPOKEN * SPOKEN * JITTER_FRAME)
		return;
	bands_of(a, said);
	bands_of(b, pcm);
	for (int i = 0; i < BANDS; i++) {
		double db = 10 * log10((a[i] + floor) / (b[i] + floor));

		sum += db * db;
	}
	distance->sum += sqrt(sum / BANDS);
	distance->frames++;
}

/* ---- the report ----------------------------------------------------- */

static struct network_run run;

static double play(const struct network *network, double seconds)
{
	struct distance distance = {0};
	int64_t clock = 0;

	network_begin(&run, network);
	run.payload = payload;
	run.heard = heard;
	run.arg = &distance;
	network_play(&run, seconds, &clock);
	return distance.frames ? distance.sum / (double)distance.frames : 0;
}

static void report(const struct network *network, bool last)
{
	double seconds = fabs(network->skew_ppm) > 0 ? 3600 : 300;
	double without, with, r;
	struct quality quality;

	plain = true;
	without = play(network, seconds);
	plain = false;
	with = play(network, seconds);
	quality = (struct quality){
		.expected = (uint64_t)run.sent,
		.lost = (uint64_t)run.lost + run.jitter.late_packets,
		/* of the losses only the share is known here */
		.runs = (uint64_t)((double)run.lost /
				   (network->burst > 1 ? network->burst : 1)) +
			run.jitter.late_runs,
		.delay_ms = network_delay_mean(&run) + 20};
	r = quality_r(&quality);
	printf("  {\"pattern\": \"%s\", \"seconds\": %.0f, \"packets\": %lld, "
	       "\"lost\": %lld, \"late\": %u, \"delay_mean_ms\": %.1f, "
	       "\"delay_p95_ms\": %d, \"delay_max_ms\": %d, "
	       "\"concealed_ms\": %.0f, \"concealed_percent\": %.2f, "
	       "\"stretched_ms\": %.0f, \"distance_db\": %.2f, "
	       "\"distance_plain_db\": %.2f, \"mos\": %.2f}%s\n",
	       network->name, seconds, (long long)run.sent, (long long)run.lost,
	       run.jitter.late_packets, network_delay_mean(&run),
	       network_delay(&run, 0.95), network_delay(&run, 1),
	       (double)run.jitter.concealed / AUDIO_SAMPLES_PER_MS,
	       100.0 * (double)run.jitter.concealed /
		       ((double)run.frames * JITTER_FRAME),
	       (double)run.jitter.stretched / AUDIO_SAMPLES_PER_MS, with,
	       without, quality_mos_of(r), last ? "" : ",");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	size_t n = sizeof(patterns) / sizeof(*patterns);
	int failed = argc < 2;

	for (int i = 1; i < argc; i++)
		failed |= speech_add(argv[i]);
	if (failed || speech_code()) {
		fprintf(stderr, "usage: bench_network SPEECH.wav…\n");
		return 1;
	}
	printf("[\n");
	for (size_t i = 0; i < n; i++)
		report(&patterns[i], i + 1 == n);
	printf("]\n");
	free(speech);
	free(coded);
	return 0;
}
