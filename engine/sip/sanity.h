/* sanity.h -- what a message must have before anything else looks at it
 *
 * libre lets messages through whose mandatory headers are missing or
 * contradict each other. Pure functions.
 */
#ifndef MOONDIAL_SIP_SANITY_H
#define MOONDIAL_SIP_SANITY_H

#include <re.h>

/* Check a request (RFC 3261 8.1.1, 8.2). 0: it is sound; its body has been cut
 * to its Content-Length. Else the status to refuse it with, and the REASON
 * (constant). */
uint16_t sanity_request(const struct sip_msg *msg, const char **reason);

/* Whether a response can be matched and read at all. */
bool sanity_response(const struct sip_msg *msg);

#endif
