/* trace.h -- every SIP message in the log, without its secrets */
#ifndef MOONDIAL_SIP_TRACE_H
#define MOONDIAL_SIP_TRACE_H

#include <re.h>

/* A sip_trace_h. */
void trace_message(bool tx, enum sip_transp tp, const struct sa *src,
		   const struct sa *dst, const uint8_t *pkt, size_t len,
		   void *arg);

/* Mask what proves an identity or opens media in one line, in place: the
 * digest response, any other credentials, SDES keys (RFC 4568). */
void trace_mask(char *line);

#endif
