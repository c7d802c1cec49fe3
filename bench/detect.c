/* detect.c -- what a frame of 20 ms costs the detectors, by what is heard; and
 * beside it spandsp's that do a part of the same
 *
 *   bench_detect SPEECH.wav…      mono, 8 kHz
 *
 * One JSON object: a list of sounds with microseconds of CPU time a frame, the
 * best of several runs (the machine has others to serve).
 */
#include <math.h>
#include <sndfile.h>
#include <spandsp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "media/detect/detect.h"

enum { FRAMES = 1500, RUNS = 15, COUNT = FRAMES * DETECT_FRAME };

static int16_t pcm[COUNT];

static double cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* ---- sounds --------------------------------------------------------- */

static void silence(void)
{
	memset(pcm, 0, sizeof(pcm));
}

static void hiss(void)
{
	uint32_t seed = 1;

	for (int i = 0; i < COUNT; i++) {
		seed = seed * 1664525 + 1013904223;
		pcm[i] = (int16_t)((int32_t)seed >> 19);
	}
}

static void tones(double a, double b)
{
	for (int i = 0; i < COUNT; i++)
		pcm[i] = (int16_t)(4000 * sin(2 * M_PI * a * i / 8000) +
				   4000 * sin(2 * M_PI * b * i / 8000));
}

static void beep(void)
{
	tones(1000, 0);
}

static void ringback(void)
{
	tones(440, 480);
}

static char *const *files;
static int file_count;

static void speech(void)
{
	size_t n = 0;

	while (n < COUNT)
		for (int i = 0; i < file_count && n < COUNT; i++) {
			SF_INFO info = {0};
			SNDFILE *file = sf_open(files[i], SFM_READ, &info);

			if (!file || info.channels != 1) {
				fprintf(stderr,
					"bench_detect: %s: mono is "
					"needed\n",
					files[i]);
				exit(1);
			}
			n += (size_t)sf_read_short(file, pcm + n,
						   (sf_count_t)(COUNT - n));
			sf_close(file);
		}
}

/* ---- detectors ------------------------------------------------------ */

static void on_event(const struct detect_event *event, void *arg)
{
	(void)event;
	(void)arg;
}

static double ours(void)
{
	struct detect_settings settings;
	struct detector *d;
	double us;

	detect_defaults(&settings);
	if (detector_alloc(&d, &settings, on_event, NULL))
		exit(1);
	detector_judge(d, &settings);
	us = cpu_us();
	for (int i = 0; i < FRAMES; i++)
		detector_push(d, pcm + (size_t)i * DETECT_FRAME);
	us = cpu_us() - us;
	detector_free(d);
	return us / FRAMES;
}

static void on_tone(void *arg, int code, int level, int delay)
{
	(void)arg;
	(void)code;
	(void)level;
	(void)delay;
}

/* CNG and CED; busy, reorder, ringback of four countries. */
static double theirs(void)
{
	static const int cadences[][4] = {
		{480, 620, 500, 500},	{480, 620, 250, 250},
		{440, 480, 2000, 4000}, {400, 0, 375, 375},
		{400, 450, 400, 200},	{425, 0, 480, 480},
		{425, 0, 240, 240},	{425, 0, 1000, 4000},
		{440, 0, 500, 500},	{440, 0, 250, 250},
		{440, 0, 1500, 3500},
	};
	super_tone_rx_descriptor_t *desc = super_tone_rx_make_descriptor(NULL);
	modem_connect_tones_rx_state_t *cng = modem_connect_tones_rx_init(
		NULL, MODEM_CONNECT_TONES_FAX_CNG, on_tone, NULL);
	modem_connect_tones_rx_state_t *ced = modem_connect_tones_rx_init(
		NULL, MODEM_CONNECT_TONES_ANS_PR, on_tone, NULL);
	super_tone_rx_state_t *super;
	double us;

	for (size_t i = 0; i < sizeof(cadences) / sizeof(cadences[0]); i++) {
		const int *c = cadences[i];
		const int tone = super_tone_rx_add_tone(desc);

		for (int k = 0; k < 2; k++) {
			super_tone_rx_add_element(desc, tone, c[0], c[1],
						  c[2] - 50, c[2] + 50);
			super_tone_rx_add_element(desc, tone, 0, 0, c[3] - 50,
						  c[3] + 50);
		}
	}
	super = super_tone_rx_init(NULL, desc, on_tone, NULL);
	us = cpu_us();
	for (int i = 0; i < FRAMES; i++) {
		const int16_t *frame = pcm + (size_t)i * DETECT_FRAME;

		super_tone_rx(super, frame, DETECT_FRAME);
		modem_connect_tones_rx(cng, frame, DETECT_FRAME);
		modem_connect_tones_rx(ced, frame, DETECT_FRAME);
	}
	us = cpu_us() - us;
	super_tone_rx_free(super);
	super_tone_rx_free_descriptor(desc);
	modem_connect_tones_rx_free(cng);
	modem_connect_tones_rx_free(ced);
	return us / FRAMES;
}

static double best(double (*run)(void))
{
	double least = run();

	for (int i = 1; i < RUNS; i++) {
		const double us = run();

		least = us < least ? us : least;
	}
	return least;
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		void (*make)(void);
	} sounds[] = {
		{"silence", silence},
		{"speech", speech},
		{"noise", hiss},
		{"a beep without end", beep},
		{"ringback tone", ringback},
	};

	files = argv + 1;
	file_count = argc - 1;
	if (!file_count)
		return 2;
	for (size_t i = 0; i < sizeof(sounds) / sizeof(sounds[0]); i++) {
		sounds[i].make();
		printf("%s{\"sound\": \"%s\", \"us\": %.3f, \"spandsp_us\": "
		       "%.3f}",
		       i ? ",\n " : "[", sounds[i].name, best(ours),
		       best(theirs));
	}
	printf("]\n");
	return 0;
}
