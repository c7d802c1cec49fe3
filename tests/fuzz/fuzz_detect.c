/* fuzz_detect.c -- any settings, then any sound
 *
 * The input: lines NAME=VALUE up to an empty one, then samples of 16 bits, and
 * 100 s of silence. A verdict comes once, whatever was heard; what is told is
 * within its bounds, and time goes forward.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "media/detect/detect.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { LINE = 80, QUIET_FRAMES = 100 * 50, FRAMES_MAX = 3000 };

static struct {
	uint32_t at_ms;
	unsigned verdicts;
	struct detect_settings settings;
} heard;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static void on_event(const struct detect_event *e, void *arg)
{
	const struct detect_verdict *v = &e->verdict;
	(void)arg;

	require(e->at_ms >= heard.at_ms);
	heard.at_ms = e->at_ms;
	require(e->region != NULL);
	if (e->type == DETECT_EV_TONE)
		require(e->tone && *e->tone);
	if (e->type == DETECT_EV_BEEP) {
		require(e->duration_ms >= heard.settings.beep_min_ms);
		require(e->duration_ms <= heard.settings.beep_max_ms);
		require(e->hz[0] >= heard.settings.beep_low);
		require(e->hz[0] <= heard.settings.beep_high);
	}
	if (e->type != DETECT_EV_VERDICT)
		return;
	heard.verdicts++;
	require(v->kind != DETECT_NONE && *detect_kind_name(v->kind));
	require(v->cause && *v->cause);
	require(v->confidence >= 0 && v->confidence <= 1);
	require(isfinite(v->noise_db) && v->noise_db <= 4);
	require(v->decided_ms > 0 && v->decided_ms <= e->at_ms);
}

/* How many bytes the settings take. */
static size_t read_settings(const uint8_t *bytes, size_t size)
{
	size_t at = 0;

	while (at < size) {
		const uint8_t *end = memchr(bytes + at, '\n', size - at);
		const size_t n = end ? (size_t)(end - bytes) - at : size - at;
		char line[LINE] = "", err[100] = "", *equals;

		memcpy(line, bytes + at, n < LINE ? n : LINE - 1);
		at += n + 1;
		equals = strchr(line, '=');
		if (!equals)
			break;
		*equals = '\0';
		if (detect_set(&heard.settings, line, equals + 1, err,
			       sizeof(err)))
			require(err[0] != '\0');
	}
	return at < size ? at : size;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	int16_t pcm[DETECT_FRAME];
	struct detector *d;
	size_t at;

	memset(&heard, 0, sizeof(heard));
	detect_defaults(&heard.settings);
	at = read_settings(bytes, size);
	if (detector_alloc(&d, &heard.settings, on_event, NULL))
		return 0;
	detector_judge(d, &heard.settings);
	for (int i = 0; i < FRAMES_MAX && at + sizeof(pcm) <= size; i++) {
		memcpy(pcm, bytes + at, sizeof(pcm));
		at += sizeof(pcm);
		detector_push(d, i % 17 == 16 ? NULL : pcm);
	}
	for (int i = 0; i < QUIET_FRAMES; i++)
		detector_push(d, NULL);
	require(heard.verdicts == 1);
	detector_free(d);
	return 0;
}
