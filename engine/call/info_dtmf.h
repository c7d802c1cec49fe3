/* info_dtmf.h -- a digit in the body of an INFO request
 *
 *   application/dtmf-relay   "Signal=5\r\nDuration=160\r\n"
 *   application/dtmf         "5"
 *
 * Neither was ever standardised; read as widely as phones write them.
 * Pure functions.
 */
#ifndef MOONDIAL_CALL_INFO_DTMF_H
#define MOONDIAL_CALL_INFO_DTMF_H

#include <re.h>

enum { INFO_DTMF_MS = 160, INFO_DTMF_MS_MAX = 10000 };

/* What MSG says. DURATION_MS: INFO_DTMF_MS when it doesn't. ENOTSUP: another
 * content type; EBADMSG: no digit in it (a hook flash is none). */
int info_dtmf_decode(const struct sip_msg *msg, char *digit,
		     uint32_t *duration_ms);

/* The same from a content type ("application", "dtmf-relay") and a body. */
int info_dtmf_parse(const struct pl *type, const struct pl *subtype,
		    const struct pl *body, char *digit, uint32_t *duration_ms);

extern const char info_dtmf_ctype[]; /* "application/dtmf-relay" */

/* The body for it. */
enum { INFO_DTMF_SIZE = 40 };
void info_dtmf_print(char out[INFO_DTMF_SIZE], char digit,
		     uint32_t duration_ms);

#endif
