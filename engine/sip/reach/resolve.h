/* resolve.h -- a SIP server's addresses: NAPTR, SRV, A or AAAA (RFC 3263 4)
 *
 * For what sends without libre's transactions, which look names up by
 * themselves. A libre object, on the loop thread: mem_deref() ends it, and
 * nothing is told any more.
 */
#ifndef MOONDIAL_SIP_RESOLVE_H
#define MOONDIAL_SIP_RESOLVE_H

#include <re.h>

struct stack;
struct resolve;

enum { RESOLVE_MAX = 8 };

/* The addresses in the order in which they are to be tried, with ports, and the
 * transport that all are for. ENOENT: none was found. Another errno value: no
 * name server answered. The handler may release the resolve. */
typedef void(resolve_h)(int err, enum sip_transp tp, const struct sa *addrs,
			size_t count, void *arg);

/* Where requests to a URI go: its host into HOST, its port (0: none) and
 * transport (SIP_TRANSP_NONE: it names none). False when it isn't sip:, has no
 * host, or wants TLS. */
bool resolve_uri(char *host, size_t size, uint16_t *port, enum sip_transp *tp,
		 const char *uri);

/* TP, or of a URI that names none: UDP where we listen to it, else TCP. */
enum sip_transp resolve_transport(const struct stack *stack,
				  enum sip_transp tp);

/* HOST is an address (brackets are no part of it) or "localhost", which is in
 * no name server: no look-up is needed. PORT 0: TP's own. */
bool resolve_numeric(struct sa *addr, const char *host, uint16_t port,
		     enum sip_transp tp);

/* Look HOST up (RFC 3263 4). When PORT is 0 and the URI names no transport
 * (TP is SIP_TRANSP_NONE) by NAPTR, else by SRV for UDP, then TCP, of those
 * that we listen to; when it names one by SRV for that; else, or when there is
 * none of these, by A or AAAA. Never tells before this has returned. ENOMEM, or
 * what the look-up can't be sent for. */
int resolve_alloc(struct resolve **rp, struct stack *stack, const char *host,
		  uint16_t port, enum sip_transp tp, resolve_h *handler,
		  void *arg);

#endif
