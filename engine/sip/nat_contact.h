/* nat_contact.h -- a dialog with a telephone behind a NAT
 *
 * Private to the sip room. Its Contact is an address of its own network: what
 * is sent within the dialog must go to where its messages come from. libre
 * takes the target out of the message at hand, so that one is shown to it with
 * another Contact for as long as it looks.
 */
#ifndef MOONDIAL_SIP_NAT_CONTACT_H
#define MOONDIAL_SIP_NAT_CONTACT_H

#include "sip/registrar/registrar.h"

struct nat_contact {
	struct sip_hdr *hdr; /* NULL: nothing has been changed */
	struct pl val;	     /* what it was */
	char *text;
};

/* When NAT says so and no proxy stands between (which would have recorded
 * itself), the Contact of MSG is where MSG came from, until off. */
void nat_contact_on(struct nat_contact *nc, enum registrar_nat nat,
		    const struct sip_msg *msg);
void nat_contact_off(struct nat_contact *nc);

/* registrar/contact.c: the URI where CONTACT, in MSG, can be called when that
 * isn't what it says; else NULL. ENOMEM. */
int contact_target(char **target, const struct uri *contact,
		   const struct sip_msg *msg, enum registrar_nat nat);

#endif
