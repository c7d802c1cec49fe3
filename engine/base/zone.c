/* TZif files, RFC 8536, and their footer, a POSIX TZ string. */
#include <re.h>

#include "base/zone.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/open_beneath.h"

enum {
	DAY = 86400,
	NAME_MAX_SIZE = 128,
	FILE_MAX = 1 << 20,
	TYPES_MAX = 256,
	HEADER = 44,
	/* RFC 8536 3.2: utoff; nobody's clock is further off */
	OFFSET_MAX = 26 * 3600,
};

/* When in a year the footer's clock changes. */
struct rule {
	enum { JULIAN, YEAR_DAY, WEEK_DAY } kind;
	int month, week, day;
	int32_t at; /* seconds from midnight */
};

struct footer {
	bool there, has_dst;
	int32_t standard, dst; /* offsets */
	struct rule begin, end;
};

struct zone {
	size_t count;	 /* transitions */
	int64_t *at;	 /* in order */
	uint8_t *type;	 /* that begins there */
	int32_t *offset; /* of each type */
	struct footer footer;
};

/* ---- days -----------------------------------------------------------------
 */

/* Days since 1970-01-01 of a date in the Gregorian calendar; of a March-based
 * year, so that the leap day is its last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
	int64_t era, of_era, of_year;

	month -= 1;
	year += month / 12;
	month %= 12;
	if (month < 0) {
		month += 12;
		year--;
	}
	if (month < 2)
		year--;
	era = (year >= 0 ? year : year - 399) / 400;
	of_era = year - era * 400;
	of_year = (153 * ((month + 10) % 12) + 2) / 5;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
	       of_year + (day - 1) - 719468;
}

static void date_of(int64_t days, struct zone_time *out)
{
	int64_t era, of_era, year, of_year, month;

	days += 719468;
	era = (days >= 0 ? days : days - 146096) / 146097;
	of_era = days - era * 146097;
	year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) /
	       365;
	of_year = of_era - (365 * year + year / 4 - year / 100);
	month = (5 * of_year + 2) / 153;
	out->day = (int)(of_year - (153 * month + 2) / 5 + 1);
	out->month = (int)(month < 10 ? month + 3 : month - 9);
	out->year = year + era * 400 + (out->month <= 2);
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static void fields_of(int64_t local, struct zone_time *out)
{
	const int64_t days = floor_div(local, DAY);
	const int rest = (int)(local - days * DAY);

	date_of(days, out);
	out->hour = rest / 3600;
	out->min = rest / 60 % 60;
	out->sec = rest % 60;
	/* 1970-01-01 was a Thursday */
	out->wday = (int)(days + 3 - floor_div(days + 3, 7) * 7) + 1;
	out->yday = (int)(days - days_of(out->year, 1, 1)) + 1;
}

/* ---- the footer -----------------------------------------------------------
 */

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Local seconds since the epoch at which RULE comes true in YEAR. */
static int64_t rule_time(const struct rule *rule, int64_t year)
{
	int64_t days = days_of(year, 1, 1);

	if (rule->kind == JULIAN) {
		/* 1 to 365, February 29 is never counted */
		days += rule->day - 1 + (is_leap(year) && rule->day > 59);
	} else if (rule->kind == YEAR_DAY) {
		days += rule->day;
	} else {
		const int64_t first = days_of(year, rule->month, 1);
		const int64_t after = days_of(year, rule->month + 1, 1);
		/* 0: Sunday, in the rule and here */
		const int wday = (int)(first + 4 - floor_div(first + 4, 7) * 7);

		days = first + (rule->day - wday + 7) % 7 +
		       (int64_t)(rule->week - 1) * 7;
		if (days >= after)
			days -= 7;
	}
	return days * DAY + rule->at;
}

static int32_t footer_offset(const struct footer *f, int64_t t)
{
	struct zone_time now;
	int64_t begin, end;
	bool dst;

	if (!f->has_dst)
		return f->standard;
	fields_of(t + f->standard, &now);
	begin = rule_time(&f->begin, now.year) - f->standard;
	end = rule_time(&f->end, now.year) - f->dst;
	dst = begin < end ? t >= begin && t < end : t >= begin || t < end;
	return dst ? f->dst : f->standard;
}

static bool read_number(const char **p, int max, int *out)
{
	int n = 0, digits = 0;

	for (; **p >= '0' && **p <= '9'; (*p)++) {
		if (++digits > 3)
			return false;
		n = n * 10 + (**p - '0');
	}
	*out = n;
	return digits > 0 && n <= max;
}

/* [+-]hh[:mm[:ss]]; hours to 167, RFC 8536 3.3.1. */
static bool read_time(const char **p, int32_t *out)
{
	const bool negative = **p == '-';
	int n[3] = {0};

	if (**p == '+' || **p == '-')
		(*p)++;
	if (!read_number(p, 167, &n[0]))
		return false;
	for (int i = 1; i < 3 && **p == ':'; i++) {
		(*p)++;
		if (!read_number(p, 59, &n[i]))
			return false;
	}
	*out = n[0] * 3600 + n[1] * 60 + n[2];
	if (negative)
		*out = -*out;
	return true;
}

static bool skip_name(const char **p)
{
	const char *start = *p;

	if (**p == '<') {
		*p += strcspn(*p, ">");
		return *(*p) && *(*p)++ == '>';
	}
	while ((**p >= 'A' && **p <= 'Z') || (**p >= 'a' && **p <= 'z'))
		(*p)++;
	return *p > start;
}

static bool read_rule(const char **p, struct rule *rule)
{
	rule->at = 7200;
	if (*(*p)++ != ',')
		return false;
	if (**p == 'M') {
		rule->kind = WEEK_DAY;
		(*p)++;
		if (!read_number(p, 12, &rule->month) || rule->month < 1 ||
		    *(*p)++ != '.' || !read_number(p, 5, &rule->week) ||
		    rule->week < 1 || *(*p)++ != '.' ||
		    !read_number(p, 6, &rule->day))
			return false;
	} else if (**p == 'J') {
		rule->kind = JULIAN;
		(*p)++;
		if (!read_number(p, 365, &rule->day) || rule->day < 1)
			return false;
	} else {
		rule->kind = YEAR_DAY;
		if (!read_number(p, 365, &rule->day))
			return false;
	}
	if (**p != '/')
		return true;
	(*p)++;
	return read_time(p, &rule->at);
}

static bool within(int32_t offset)
{
	return offset >= -OFFSET_MAX && offset <= OFFSET_MAX;
}

/* "EST5EDT,M3.2.0,M11.1.0": offsets are those to be added to local time. */
static bool read_footer(struct footer *f, const char *text)
{
	const char *p = text;

	if (!*p)
		return true;
	if (!skip_name(&p) || !read_time(&p, &f->standard))
		return false;
	f->standard = -f->standard;
	f->there = true;
	if (!within(f->standard))
		return false;
	if (!*p)
		return true;
	f->has_dst = true;
	f->dst = f->standard + 3600;
	if (!skip_name(&p))
		return false;
	if (*p != ',') {
		if (!read_time(&p, &f->dst))
			return false;
		f->dst = -f->dst;
	}
	return within(f->dst) && read_rule(&p, &f->begin) &&
	       read_rule(&p, &f->end) && !*p;
}

/* ---- the file -------------------------------------------------------------
 */

static int64_t get(const uint8_t *p, size_t size)
{
	uint64_t n = 0;

	for (size_t i = 0; i < size; i++)
		n = n << 8 | p[i];
	return size == 4 ? (int32_t)(uint32_t)n : (int64_t)n;
}

struct header {
	uint64_t isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt;
};

static bool read_header(struct header *h, const uint8_t *p, size_t size,
			char *version)
{
	uint64_t *const counts[] = {&h->isutcnt, &h->isstdcnt, &h->leapcnt,
				    &h->timecnt, &h->typecnt,  &h->charcnt};

	if (size < HEADER || memcmp(p, "TZif", 4) != 0)
		return false;
	*version = (char)p[4];
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		*counts[i] = (uint32_t)get(p + 20 + 4 * i, 4);
		if (*counts[i] > FILE_MAX)
			return false;
	}
	return true;
}

static uint64_t body_size(const struct header *h, size_t time_size)
{
	return h->timecnt * (time_size + 1) + h->typecnt * 6 + h->charcnt +
	       h->leapcnt * (time_size + 4) + h->isstdcnt + h->isutcnt;
}

static void zone_destructor(void *arg)
{
	struct zone *zone = arg;

	mem_deref(zone->at);
	mem_deref(zone->type);
	mem_deref(zone->offset);
}

static int read_body(struct zone *zone, const struct header *h,
		     const uint8_t *p, size_t time_size)
{
	const uint8_t *types = p + h->timecnt * time_size;
	const uint8_t *infos = types + h->timecnt;

	zone->count = h->timecnt;
	zone->at = mem_zalloc((h->timecnt + 1) * sizeof(*zone->at), NULL);
	zone->type = mem_zalloc(h->timecnt + 1, NULL);
	zone->offset = mem_zalloc(h->typecnt * sizeof(*zone->offset), NULL);
	if (!zone->at || !zone->type || !zone->offset)
		return ENOMEM;
	for (size_t i = 0; i < h->timecnt; i++) {
		zone->at[i] = get(p + i * time_size, time_size);
		zone->type[i] = types[i];
		if (zone->type[i] >= h->typecnt ||
		    (i && zone->at[i] <= zone->at[i - 1]))
			return EBADMSG;
	}
	for (size_t i = 0; i < h->typecnt; i++) {
		zone->offset[i] = (int32_t)get(infos + i * 6, 4);
		if (!within(zone->offset[i]))
			return EBADMSG;
	}
	return 0;
}

/* Between two line feeds at the end of a file of version 2 or later. */
static int read_tail(struct zone *zone, const uint8_t *p, size_t size)
{
	const uint8_t *end;
	char text[128];

	if (!size || p[0] != '\n')
		return EBADMSG;
	end = memchr(p + 1, '\n', size - 1);
	if (!end || (size_t)(end - p) > sizeof(text) ||
	    memchr(p, 0, (size_t)(end - p)))
		return EBADMSG;
	memcpy(text, p + 1, (size_t)(end - p) - 1);
	text[end - p - 1] = '\0';
	return read_footer(&zone->footer, text) ? 0 : EBADMSG;
}

int zone_parse(struct zone **zp, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;
	size_t time_size = 4;
	struct header h;
	struct zone *zone;
	uint64_t body;
	char version;
	int err;

	if (!read_header(&h, p, size, &version))
		return EBADMSG;
	if (version) {
		/* what follows is for old readers; then all again, in 64 bits
		 */
		body = HEADER + body_size(&h, 4);
		if (body > size ||
		    !read_header(&h, p + body, size - body, &version))
			return EBADMSG;
		p += body;
		size -= body;
		time_size = 8;
	}
	body = HEADER + body_size(&h, time_size);
	/* zones with leap seconds ("right/…") count other seconds than we do */
	if (body > size || !h.typecnt || h.typecnt > TYPES_MAX || h.leapcnt)
		return EBADMSG;
	zone = mem_zalloc(sizeof(*zone), zone_destructor);
	if (!zone)
		return ENOMEM;
	err = read_body(zone, &h, p + HEADER, time_size);
	if (!err && time_size == 8)
		err = read_tail(zone, p + body, size - body);
	if (err)
		mem_deref(zone);
	else
		*zp = zone;
	return err;
}

static bool is_name(const char *name)
{
	const size_t len = strlen(name);

	return len > 0 && len < NAME_MAX_SIZE && name[0] != '/' &&
	       name[len - 1] != '/' && !strstr(name, "..") &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-/") == len;
}

int zone_load(struct zone **zp, const char *dir, const char *name)
{
	char path[1024];
	uint8_t *bytes;
	ssize_t n = 0;
	size_t size = 0;
	int fd, err = 0, len;

	if (!is_name(name))
		return EINVAL;
	if (!dir)
		dir = getenv("TZDIR");
	if (!dir || !*dir)
		dir = "/usr/share/zoneinfo";
	len = snprintf(path, sizeof(path), "%s/%s", dir, name);
	if (len < 0 || (size_t)len >= sizeof(path))
		return EINVAL;
	/* links within the folder are other names of zones; one that leads
	 * out of it (localtime) is none */
	fd = open_beneath(path, strlen(dir), O_RDONLY, 0);
	if (fd < 0)
		return errno == ENOMEM ? ENOMEM : ENOENT;
	bytes = mem_alloc(FILE_MAX, NULL);
	if (!bytes)
		err = ENOMEM;
	while (!err && size < FILE_MAX &&
	       (n = read(fd, bytes + size, FILE_MAX - size)) > 0)
		size += (size_t)n;
	(void)close(fd);
	if (!err)
		err = n < 0 || size == FILE_MAX ? EBADMSG
						: zone_parse(zp, bytes, size);
	mem_deref(bytes);
	return err;
}

/* ---- time -----------------------------------------------------------------
 */

static int32_t offset_at(const struct zone *zone, int64_t t)
{
	size_t low = 0, high = zone->count;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (zone->at[mid] <= t)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == zone->count && zone->footer.there)
		return footer_offset(&zone->footer, t);
	return zone->offset[low ? zone->type[low - 1] : 0];
}

void zone_time(const struct zone *zone, int64_t t, struct zone_time *out)
{
	out->offset_s = offset_at(zone, t);
	fields_of(t + out->offset_s, out);
}

int64_t zone_epoch(const struct zone *zone, const struct zone_time *local)
{
	const int64_t l = days_of(local->year, local->month, local->day) * DAY +
			  (int64_t)local->hour * 3600 +
			  (int64_t)local->min * 60 + local->sec;
	/* what is in force a day before and a day after: no change of a clock
	 * moves it by more */
	const int32_t before = offset_at(zone, l - DAY - OFFSET_MAX);
	const int32_t after = offset_at(zone, l + DAY + OFFSET_MAX);
	const bool first = offset_at(zone, l - before) == before;
	const bool second = offset_at(zone, l - after) == after;
	int64_t low, high;

	if (first && second)
		return before > after ? l - before : l - after;
	if (first || second)
		return l - (first ? before : after);
	/* skipped: the clock changes between the two readings of it */
	low = l - after;
	high = l - before;
	while (high - low > 1) {
		const int64_t mid = low + (high - low) / 2;

		if (offset_at(zone, mid) == before)
			low = mid;
		else
			high = mid;
	}
	return high;
}
