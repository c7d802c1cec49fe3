/* prefix_zone.h -- the time zones of a telephone number, by its prefix
 *
 * The table is made at build time out of the data of Debian's
 * python3-phonenumbers (prefix_zone_make.py); libphonenumber for C++ has none.
 * Any thread.
 */
#ifndef MOONDIAL_SCRIPT_LEADS_PREFIX_ZONE_H
#define MOONDIAL_SCRIPT_LEADS_PREFIX_ZONE_H

#include <stdint.h>

/* One of a sorted table; ZONES: IANA names, comma-separated. */
struct prefix_zone {
	uint32_t prefix; /* its digits as a number: none begins with 0 */
	const char *zones;
};

/* What the generated file defines: the prefixes of so many digits, ascending.
 */
struct prefix_zone_group {
	const struct prefix_zone *entries;
	uint32_t count;
};
enum { PREFIX_ZONE_DIGITS = 9 };
extern const struct prefix_zone_group prefix_zones[PREFIX_ZONE_DIGITS + 1];

/* All zones of the longest prefix of the E.164 number ("+" and digits) that is
 * known, comma-separated, or NULL: none is, or it is no such number. */
const char *prefix_zone_of(const char *e164);

#endif
