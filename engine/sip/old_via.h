/* old_via.h -- a Via of RFC 2543, which has no branch */
#ifndef MOONDIAL_SIP_OLD_VIA_H
#define MOONDIAL_SIP_OLD_VIA_H

#include <re.h>

/* When the topmost Via of the request in MB has no branch, libre can't read the
 * request at all: give it one, made from what tells transactions apart there
 * (RFC 3261 17.2.3), so that a retransmission, a CANCEL and an ACK have the
 * same. Anything else is left as it is. */
void old_via_complete(struct mbuf *mb);

#endif
