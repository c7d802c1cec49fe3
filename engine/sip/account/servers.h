/* servers.h -- an account's servers, address by address, in order
 *
 * The first server that is configured, its addresses by SRV and A or AAAA
 * (RFC 3263 4), then the next server. Private to the sip room; a libre object,
 * on the loop thread.
 */
#ifndef MOONDIAL_SIP_SERVERS_H
#define MOONDIAL_SIP_SERVERS_H

#include <re.h>

struct stack;
struct servers;

struct server {
	const char *uri; /* as configured; of the struct servers */
	unsigned number; /* of the server, from 0 */
	unsigned place;	 /* of the address among the server's */
	enum sip_transp tp;
	struct sa addr;
};

/* The next one to try. ENOENT: none is left. Another errno value: URI has no
 * address that was found, or none that we could send from; the next one may
 * be asked for. Valid during the call. */
typedef void(servers_h)(int err, const struct server *server, void *arg);

/* URIS: sip:host[:port][;transport=], NULL-terminated; copied. EINVAL for
 * another transport than UDP and TCP, ENOMEM. */
int servers_alloc(struct servers **sp, struct stack *stack,
		  const char *const *uris, servers_h *handler, void *arg);

/* From the first one; the address AVOID (may be NULL) is left out, or, when
 * LAST, is the last one. */
void servers_begin(struct servers *servers, const struct sa *avoid, bool last);
/* Ask for the next: the handler is called, once, now or later. */
void servers_next(struct servers *servers);
void servers_stop(struct servers *servers);

/* Whether there is more than one address, as far as is known by now. */
bool servers_several(const struct servers *servers);

#endif
