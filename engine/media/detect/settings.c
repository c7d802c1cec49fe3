/* settings.c -- the settings by their names, with bounds and defaults */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/nearest.h"
#include "media/detect/cadence.h"
#include "media/detect/detect.h"

enum unit { SECONDS, COUNT, REAL };

static const struct setting {
	const char *name;
	enum unit unit;
	size_t at;
	double fallback, min, max; /* in the unit that the user gives */
} settings[] = {
#define AT(field) offsetof(struct detect_settings, field)
	{"human.voice", SECONDS, AT(human_voice_ms), 1.5, 0.1, 60},
	{"human.silence", SECONDS, AT(human_silence_ms), 0.7, 0.1, 10},
	{"machine.voice", SECONDS, AT(machine_voice_ms), 2.0, 0.1, 60},
	{"machine.words", COUNT, AT(machine_words), 4, 1, 1000},
	{"silence", SECONDS, AT(silence_ms), 3.5, 0.1, 60},
	{"total", SECONDS, AT(total_ms), 4.5, 0.1, 60},
	{"word", SECONDS, AT(word_ms), 0.1, 0.02, 2},
	{"gap", SECONDS, AT(gap_ms), 0.06, 0.02, 2},
	{"level", COUNT, AT(level), 256, 1, 32767},
	{"noise", REAL, AT(noise), 2.8, 1, 100},
	{"window", SECONDS, AT(window_ms), 1.5, 0.1, 60},
	{"hangover", SECONDS, AT(hangover_ms), 0.06, 0, 2},
	{"pause", SECONDS, AT(pause_ms), 0.7, 0.1, 60},
	{"beep.min", SECONDS, AT(beep_min_ms), 0.15, 0.1, 10},
	{"beep.max", SECONDS, AT(beep_max_ms), 2, 0.1, 60},
	{"beep.quiet", SECONDS, AT(beep_quiet_ms), 0.3, 0.04, 10},
	{"beep.low", REAL, AT(beep_low), 350, 150, 2200},
	{"beep.high", REAL, AT(beep_high), 2000, 150, 2200},
	{"beep.purity", REAL, AT(beep_purity), 0.8, 0.3, 1},
	{"beep.second", REAL, AT(beep_second), 12, 1, 60},
#undef AT
};

enum { SETTINGS = sizeof(settings) / sizeof(settings[0]) };

static const char tones[] = "tones";

static void *field(struct detect_settings *s, const struct setting *setting)
{
	return (char *)s + setting->at;
}

static void put(struct detect_settings *s, const struct setting *setting,
		double value)
{
	if (setting->unit == REAL)
		*(float *)field(s, setting) = (float)value;
	else
		*(uint32_t *)field(s, setting) = (uint32_t)lround(
			setting->unit == SECONDS ? value * 1000 : value);
}

void detect_defaults(struct detect_settings *s)
{
	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < SETTINGS; i++)
		put(s, &settings[i], settings[i].fallback);
	s->regions = (1u << TONE_REGIONS) - 1;
}

const char *detect_name(const struct detect_settings *s, unsigned i,
			double *value)
{
	const struct setting *setting;
	const void *at;

	if (i >= SETTINGS)
		return i == SETTINGS ? tones : NULL;
	setting = &settings[i];
	at = (const char *)s + setting->at;
	if (setting->unit == REAL)
		*value = (double)*(const float *)at;
	else
		*value = *(const uint32_t *)at /
			 (setting->unit == SECONDS ? 1000.0 : 1.0);
	return setting->name;
}

/* "us,de" */
static int set_tones(struct detect_settings *s, const char *text, char *err,
		     size_t size)
{
	uint32_t regions = 0;

	while (*text) {
		const size_t n = strcspn(text, ", ");
		unsigned i = 0;

		while (i < TONE_REGIONS &&
		       (strlen(tone_regions[i]) != n ||
			strncmp(tone_regions[i], text, n) != 0))
			i++;
		if (n && i == TONE_REGIONS) {
			(void)snprintf(err, size,
				       "'tones' are of us, uk, de, fr; got "
				       "'%.*s'",
				       (int)(n < 20 ? n : 20), text);
			return EINVAL;
		}
		regions |= n ? 1u << i : 0;
		text += n;
		text += strspn(text, ", ");
	}
	s->regions = regions;
	return 0;
}

static int unknown(const char *name, char *err, size_t size)
{
	const char *names[SETTINGS + 1], *near;

	for (unsigned i = 0; i < SETTINGS; i++)
		names[i] = settings[i].name;
	names[SETTINGS] = tones;
	near = nearest_name(name, names, SETTINGS + 1);
	(void)snprintf(err, size, "unknown option '%.40s'%s%s%s", name,
		       near ? "; did you mean '" : "", near ? near : "",
		       near ? "'?" : "");
	return EINVAL;
}

int detect_set(struct detect_settings *s, const char *name, const char *text,
	       char *err, size_t size)
{
	const struct setting *setting = settings;
	double value;
	char *end;

	if (!strcmp(name, tones))
		return set_tones(s, text, err, size);
	while (setting < settings + SETTINGS &&
	       strcmp(setting->name, name) != 0)
		setting++;
	if (setting == settings + SETTINGS)
		return unknown(name, err, size);
	value = strtod(text, &end);
	if (end == text || *end || !(value >= setting->min) ||
	    !(value <= setting->max) ||
	    (setting->unit == COUNT && value != floor(value))) {
		(void)snprintf(err, size,
			       "option '%s' must be %s from %g to %g, got "
			       "'%.20s'",
			       name,
			       setting->unit == SECONDS ? "seconds"
			       : setting->unit == COUNT ? "a whole number"
							: "a number",
			       setting->min, setting->max, text);
		return EINVAL;
	}
	put(s, setting, value);
	return 0;
}
