/* nat_contact.c -- a dialog with a telephone behind a NAT */
#include "sip/nat_contact.h"

#include <string.h>

static bool proxied(const struct sip_msg *msg)
{
	return sip_msg_hdr(msg, SIP_HDR_RECORD_ROUTE) ||
	       (msg->req && sip_msg_hdr_count(msg, SIP_HDR_VIA) > 1);
}

void nat_contact_on(struct nat_contact *nc, enum registrar_nat nat,
		    const struct sip_msg *msg)
{
	const struct sip_hdr *hdr = sip_msg_hdr(msg, SIP_HDR_CONTACT);
	struct sip_addr addr;
	char *target = NULL;

	memset(nc, 0, sizeof(*nc));
	if (nat == REGISTRAR_NAT_NEVER || !hdr || proxied(msg) ||
	    sip_addr_decode(&addr, &hdr->val) ||
	    contact_target(&target, &addr.uri, msg, nat) || !target)
		return;
	if (!re_sdprintf(&nc->text, "<%s>", target)) {
		nc->hdr = (struct sip_hdr *)hdr;
		nc->val = hdr->val;
		pl_set_str(&nc->hdr->val, nc->text);
	}
	mem_deref(target);
}

void nat_contact_off(struct nat_contact *nc)
{
	if (nc->hdr)
		nc->hdr->val = nc->val;
	nc->hdr = NULL;
	nc->text = mem_deref(nc->text);
}
