/* udp_tap.h -- what libre's UDP transport leaves out, on its own sockets
 *
 * A receive buffer for whole datagrams, garbage and foreign versions caught
 * before they are parsed, and requests that leave from the listener that the
 * route wants rather than from the first one. libre doesn't hand out its
 * sockets; a message does (msg->sock), so each listener is sent a probe at
 * start, and its tap settles with the first message, whichever it is.
 */
#ifndef MOONDIAL_SIP_UDP_TAP_H
#define MOONDIAL_SIP_UDP_TAP_H

#include <re.h>

struct stack;

/* For the listener of that index, bound already. ENOMEM, or errno. */
int udp_tap_add(struct stack *stack, size_t index);

/* See each message that comes in. True: it was a probe. */
bool udp_tap_see(struct stack *stack, const struct sip_msg *msg);

/* Whether a packet is a probe (not for the trace). */
bool udp_tap_probe(const uint8_t *pkt, size_t len);

#endif
