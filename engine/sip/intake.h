/* intake.h -- datagrams, on their way from the socket to the stack
 *
 *   socket ──► banned? ──► outline ──► of a call that exists ──► at once
 *                │            │
 *              dropped        └──► anything else ──► limit of its source
 *                                                        │
 *                              503 as text ◄── overload ◄┘──► the stack
 *
 * Reads many datagrams with one system call, drops what is banned before it is
 * copied, lets what belongs to calls pass what would begin one, and refuses
 * that, when there is too much of it, without parsing it. A turn of the loop
 * handles what fits into a few milliseconds; the rest waits here, where it can
 * be told apart, rather than in the kernel's buffer, which drops whatever
 * comes last.
 */
#ifndef MOONDIAL_SIP_INTAKE_H
#define MOONDIAL_SIP_INTAKE_H

#include <re.h>

struct intake;
struct inlet; /* one socket */
struct stack;

int intake_alloc(struct intake **ip, struct stack *stack);
void intake_free(struct intake *intake);

/* A datagram that may go on; MB is borrowed. */
typedef void(intake_h)(struct sa *src, struct mbuf *mb, void *arg);

/* Read FD from now on, in its owner's place. mem_deref() ends it, before the
 * descriptor is closed. ENOMEM, or errno. */
int intake_add(struct inlet **ip, struct intake *intake, int fd,
	       const struct sa *laddr, intake_h *handler, void *arg);

#endif
