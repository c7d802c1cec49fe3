/* listen.h -- private to stack.c: a free port for a listener */
#ifndef MOONDIAL_SIP_LISTEN_H
#define MOONDIAL_SIP_LISTEN_H

#include "sip/stack.h"

/* Replace port 0 by one that was free a moment ago. An errno value. */
int listen_free_port(struct stack_listen *listen);

#endif
