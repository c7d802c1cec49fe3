/* phone_number.h -- telephone numbers as people write them → E.164
 *
 * libphonenumber behind a C interface; it is the one part in C++, and what it
 * throws ends in here. Any thread.
 */
#ifndef MOONDIAL_SCRIPT_LEADS_PHONE_NUMBER_H
#define MOONDIAL_SCRIPT_LEADS_PHONE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

struct phone_number {
	char e164[24]; /* "+" and at most 17 digits */
	char extension[16];
	const char *type; /* mobile, fixed_line, fixed_line_or_mobile,
			     toll_free, premium_rate, shared_cost, voip,
			     personal, pager, uan, voicemail */
};

/* TEXT as it is dialled in REGION (two letters, "US"); a number with a + needs
 * none ("ZZ"). EINVAL with the reason in WHY: no number, too short, too long,
 * of no country, not in use. ENOMEM. */
int phone_number_parse(struct phone_number *out, const char *text,
		       const char *region, char *why, size_t size);

/* Whether it is one that phone_number_parse() takes. */
bool phone_number_region(const char *region);

/* The country (two letters) of a number; false: it has none, as +800 has. */
bool phone_number_country(char country[4], const char *e164);

#ifdef __cplusplus
}
#endif

#endif
