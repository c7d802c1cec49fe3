/* nat.h -- where a telephone is called, and what is sent within its calls */
#ifndef MOONDIAL_SIP_NAT_H
#define MOONDIAL_SIP_NAT_H

enum registrar_nat {
	REGISTRAR_NAT_NEVER,  /* at its contact, whatever that says */
	REGISTRAR_NAT_AUTO,   /* where it came from, when its contact is an
				 address that isn't the sender's, and over TCP */
	REGISTRAR_NAT_ALWAYS, /* where it came from */
};

#endif
