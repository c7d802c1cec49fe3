/* terminal.h -- is it the same telephone?
 *
 * A terminal that restarts registers under another Call-ID, and mustn't be
 * taken for a second telephone of its user, nor that one for it. In order:
 *   equal instance-id (RFC 5626 4.1), when both have one: that alone decides;
 *   equal source address and port, when no proxy stands between;
 *   equal host and port of the contact. Behind a NAT that is a private address,
 *   which others have, too: then the source's address must be equal as well.
 * The user part of a contact doesn't count: it may change with each start.
 * A value that borrows its texts. Any thread.
 */
#ifndef MOONDIAL_SIP_TERMINAL_H
#define MOONDIAL_SIP_TERMINAL_H

#include <re.h>

struct terminal {
	struct pl instance; /* unset: none */
	struct pl host;	    /* of the contact; unset: none */
	uint16_t port;
	struct sa source; /* of the packet; with PROXIED the proxy's */
	enum sip_transp tp;
	bool proxied;
	struct pl path; /* unset: none */
};

bool terminal_same(const struct terminal *a, const struct terminal *b);

/* Whether ADDR means something in its own network only: private, link-local,
 * loopback, shared behind a carrier's NAT. */
bool addr_is_local(const struct sa *addr);

#endif
