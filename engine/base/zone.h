/* zone.h -- what the clock on the wall shows in a time zone, and back
 *
 * Zones are the system's (package tzdata, RFC 8536 files), read by ourselves:
 * ICU's own copy in Debian is years behind the laws, and localtime() knows one
 * zone a process. A zone never changes once it is loaded; any thread.
 */
#ifndef MOONDIAL_BASE_ZONE_H
#define MOONDIAL_BASE_ZONE_H

#include <stddef.h>
#include <stdint.h>

struct zone;

struct zone_time {
	int64_t year;
	int month, day;	    /* from 1 */
	int hour, min, sec; /* a leap second is not told */
	int wday;	    /* 1: Monday … 7: Sunday (ISO 8601) */
	int yday;	    /* from 1 */
	int32_t offset_s;   /* local time less UTC */
};

/* The zone of that IANA name, such as "America/New_York", out of the folder
 * DIR; NULL: $TZDIR, else /usr/share/zoneinfo. Reads a file of a few KB.
 * Free with mem_deref(). EINVAL: NAME can't be one. ENOENT: no such zone.
 * EBADMSG: its file is none. ENOMEM. */
int zone_load(struct zone **zp, const char *dir, const char *name);
/* Out of the bytes of a file. EBADMSG, ENOMEM. */
int zone_parse(struct zone **zp, const void *bytes, size_t size);

enum { ZONE_YEAR_MAX = 9999 };
/* Seconds since the Unix epoch that the functions below take: the years 1 to
 * ZONE_YEAR_MAX, with a day to spare. */
#define ZONE_T_MIN INT64_C(-62135510400)
#define ZONE_T_MAX INT64_C(253402214400)

/* The clock of ZONE at T. */
void zone_time(const struct zone *zone, int64_t t, struct zone_time *out);

/* When the clock of ZONE shows this. Fields beyond their range are carried over
 * (day 32, minute -1), as mktime() does. A time that comes twice: the first. A
 * time that is skipped: the moment of the skip. The year must be 1 to
 * ZONE_YEAR_MAX, the other fields within ±10^9. Only year, month, day, hour,
 * min and sec of LOCAL are read. */
int64_t zone_epoch(const struct zone *zone, const struct zone_time *local);

#endif
