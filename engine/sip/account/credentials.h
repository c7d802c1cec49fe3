/* credentials.h -- whom an account proves itself to
 *
 * Private to the sip room. A challenge may come from anybody that a call
 * reaches, and an answer can be cracked at leisure: credentials are given for
 * the realm that is configured, else for those that each registrar (401) and
 * the proxy before it (407) challenged our REGISTER with first, else for one
 * named like the account's own hosts. A libre object, on the loop thread:
 * account and registration share it.
 */
#ifndef MOONDIAL_SIP_CREDENTIALS_H
#define MOONDIAL_SIP_CREDENTIALS_H

#include <re.h>

struct credentials;

struct credentials_params {
	const char *name; /* of the account, for the log */
	const char *user;
	const char *password, *ha1; /* one of them, or neither */
	const char *realm;	    /* or NULL */
	const char *hosts[3];	    /* domain, registrar, proxy; or NULL */
};

/* Everything is copied. ENOMEM. */
int credentials_alloc(struct credentials **cp,
		      const struct credentials_params *params);

/* A sip_auth_h for calls; ARG is the credentials. EAUTH: not for this realm,
 * or there are none. */
int credentials_for_call(char **user, char **password, const char *realm,
			 void *arg);

/* The same for our REGISTER, after credentials_challenged(): learns. */
int credentials_for_registrar(char **user, char **password, const char *realm,
			      void *arg);

/* Whether a challenge of the registrar would tell for which realm they are. */
bool credentials_learning(const struct credentials *credentials);

/* The challenge now at hand came with SCODE, 401 or 407, from the account's
 * SERVER of that number. */
void credentials_challenged(struct credentials *credentials, uint16_t scode,
			    unsigned server);

#endif
