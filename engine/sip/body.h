/* body.h -- the session description in a message's body
 *
 * Alone, or as a part of a multipart body (RFC 5621), which libre doesn't
 * read. Pure functions.
 */
#ifndef MOONDIAL_SIP_BODY_H
#define MOONDIAL_SIP_BODY_H

#include <re.h>

/* The SDP in MSG, a new mbuf in *SDP; NULL when there is no body.
 * ENOTSUP: a body without SDP that we can read (415); EBADMSG: a multipart
 * body that is broken (400); ENOMEM. */
int body_sdp(struct mbuf **sdp, const struct sip_msg *msg);

#endif
