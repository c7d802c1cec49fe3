/* listen.h -- private to stack.c: what listeners come down to */
#ifndef MOONDIAL_SIP_LISTEN_H
#define MOONDIAL_SIP_LISTEN_H

#include "sip/stack.h"

/* Replace port 0 by one that was free a moment ago. An errno value. */
int listen_free_port(struct stack_listen *listen);

/* Write LISTEN to OUT; a wildcard address as one listener for each address of
 * its family that this machine has now, all on one port. *COUNT: room in OUT,
 * then how many were written. EADDRNOTAVAIL, EOVERFLOW, or errno. */
int listen_expand(struct stack_listen *out, size_t *count,
		  const struct stack_listen *listen);

#endif
