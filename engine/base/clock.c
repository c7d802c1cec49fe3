/* clock.c -- reading, writing and parsing time */
#include <errno.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"

uint64_t clock_mono_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

uint64_t clock_mono_ms(void)
{
	return clock_mono_ns() / 1000000;
}

uint64_t clock_thread_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

int64_t clock_wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

char *clock_iso(char out[CLOCK_ISO_SIZE], int64_t wall_ms)
{
	int64_t ms = (wall_ms % 1000 + 1000) % 1000;
	time_t sec = (time_t)((wall_ms - ms) / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&sec, &tm);
	n = strftime(out, CLOCK_ISO_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!n) /* a year of more than four digits: out of scale */
		return memcpy(out, "9999-12-31T23:59:59.999Z", CLOCK_ISO_SIZE);
	snprintf(out + n, CLOCK_ISO_SIZE - n, ".%03dZ", (int)ms);
	return out;
}

/* Exactly COUNT digits at *P into *VALUE, and P beyond them. */
static bool digits(const char **p, int count, int *value)
{
	*value = 0;
	for (int i = 0; i < count; i++, (*p)++) {
		if (!isdigit((unsigned char)**p))
			return false;
		*value = *value * 10 + (**p - '0');
	}
	return true;
}

static bool literal(const char **p, char c)
{
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

/* ":SS" and ".fraction", both optional. */
static bool parse_seconds(const char **p, struct tm *tm, int *ms)
{
	int scale = 100;

	if (!literal(p, ':'))
		return true;
	if (!digits(p, 2, &tm->tm_sec) || tm->tm_sec > 60)
		return false;
	if (!literal(p, '.'))
		return true;
	if (!isdigit((unsigned char)**p))
		return false;
	for (; isdigit((unsigned char)**p); (*p)++, scale /= 10)
		*ms += (**p - '0') * scale;
	return true;
}

/* mktime() and timegm() turn the 31st of February into March: refuse that. */
static int to_wall_ms(int64_t *wall_ms, struct tm tm, bool utc, int ms)
{
	const struct tm asked = tm;
	time_t sec = utc ? timegm(&tm) : mktime(&tm);

	if (tm.tm_mday != asked.tm_mday || tm.tm_mon != asked.tm_mon ||
	    tm.tm_year != asked.tm_year)
		return EINVAL;
	*wall_ms = (int64_t)sec * 1000 + ms;
	return 0;
}

static int parse_date(int64_t *wall_ms, const char *text)
{
	struct tm tm = {.tm_isdst = -1};
	const char *p = text;
	int64_t value = 0;
	bool utc = false, iso;
	int ms = 0, err;
	int sign = 0, zone_h = 0, zone_m = 0;

	if (!digits(&p, 4, &tm.tm_year) || !literal(&p, '-') ||
	    !digits(&p, 2, &tm.tm_mon) || !literal(&p, '-') ||
	    !digits(&p, 2, &tm.tm_mday))
		return EINVAL;
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1)
		return EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;

	if (!*p)
		return to_wall_ms(wall_ms, tm, false, 0);
	iso = *p == 'T';
	if (!iso && *p != ' ')
		return EINVAL;
	p++;
	if (!digits(&p, 2, &tm.tm_hour) || !literal(&p, ':') ||
	    !digits(&p, 2, &tm.tm_min) || tm.tm_hour > 23 || tm.tm_min > 59 ||
	    !parse_seconds(&p, &tm, &ms))
		return EINVAL;

	if (literal(&p, 'Z')) {
		utc = true;
	} else if (*p == '+' || *p == '-') {
		sign = *p++ == '+' ? 1 : -1;
		if (!digits(&p, 2, &zone_h) || !literal(&p, ':') ||
		    !digits(&p, 2, &zone_m) || zone_h > 23 || zone_m > 59)
			return EINVAL;
		utc = true;
	}
	if (*p)
		return EINVAL;
	err = to_wall_ms(&value, tm, utc, ms);
	if (err)
		return err;
	*wall_ms = value - INT64_C(60000) * sign * (zone_h * 60 + zone_m);
	return 0;
}

/* "90s", "10m", "2h", "7d", "2w": so long ago. */
static int parse_ago(int64_t *wall_ms, const char *text)
{
	static const struct {
		char unit;
		int64_t ms;
	} units[] = {
		{'s', 1000},	 {'m', 60000},	   {'h', 3600000},
		{'d', 86400000}, {'w', 604800000},
	};
	enum { LONGEST = 100000 };
	char *end;
	long n;

	if (!isdigit((unsigned char)*text))
		return EINVAL;
	n = strtol(text, &end, 10);
	if (n > LONGEST || !*end || end[1])
		return EINVAL;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].unit != *end)
			continue;
		*wall_ms = clock_wall_ms() - n * units[i].ms;
		return 0;
	}
	return EINVAL;
}

/* Midnight, DAYS from today; local time, so that days of 23 and 25 hours
 * come out right. */
static int midnight(int64_t *wall_ms, int days)
{
	time_t now = (time_t)(clock_wall_ms() / 1000);
	struct tm tm;

	localtime_r(&now, &tm);
	tm.tm_mday += days;
	tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
	tm.tm_isdst = -1;
	*wall_ms = (int64_t)mktime(&tm) * 1000;
	return 0;
}

int clock_parse(int64_t *wall_ms, const char *text)
{
	if (!strcmp(text, "today"))
		return midnight(wall_ms, 0);
	if (!strcmp(text, "yesterday"))
		return midnight(wall_ms, -1);
	if (!parse_date(wall_ms, text))
		return 0;
	return parse_ago(wall_ms, text);
}
