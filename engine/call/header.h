/* header.h -- SIP headers of a call: those that its script sets and reads
 *
 * What may be set is sip/header.h's headers_ok(): nothing that a script passes
 * on from a lead or a caller breaks the message.
 */
#ifndef MOONDIAL_CALL_HEADER_H
#define MOONDIAL_CALL_HEADER_H

#include <re.h>

enum { HEADERS_MAX = 4096 }; /* bytes of all together */

/* Set NAME in *HEADERS (a libre string or NULL), replacing it if it is there.
 * EINVAL, EOVERFLOW, ENOMEM. */
int headers_set(char **headers, const char *name, const char *value);

/* The first header NAME (compact form too) of MSG into OUT, unfolded.
 * ENOENT, EOVERFLOW. */
int header_of_msg(const struct sip_msg *msg, const char *name, char *out,
		  size_t size);

#endif
