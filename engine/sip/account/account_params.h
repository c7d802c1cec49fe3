/* account_params.h -- an account's parameters: checked, copied, taken apart
 *
 * Private to the sip room. A libre object, never changed once made.
 */
#ifndef MOONDIAL_SIP_ACCOUNT_PARAMS_H
#define MOONDIAL_SIP_ACCOUNT_PARAMS_H

#include <re.h>
#include "sip/account/account.h"

struct account_params_copy {
	struct account_params p; /* defaults filled in */
	char *user, *host;	 /* of the uri */
	char *aor;		 /* sip:user@host[:port] */
	char *registrar;	 /* sip:host[:port][;transport=] */
	char *proxy;		 /* the same, or NULL */
	char *registrar_host, *proxy_host;
	char **servers; /* where REGISTER goes, in order: like the two above */
};

/* EINVAL with ERR, which names the key; ENOMEM with ERR. */
int account_params_copy(struct account_params_copy **cp,
			const struct account_params *params, char *err,
			size_t size);

/* Whether both mean one binding: identity, registrar and proxy. */
bool account_params_same_binding(const struct account_params_copy *a,
				 const struct account_params_copy *b);
/* Whether both would prove themselves in the same way, to the same hosts. */
bool account_params_same_secret(const struct account_params_copy *a,
				const struct account_params_copy *b);
/* Whether both would register in the same way. */
bool account_params_same_request(const struct account_params_copy *a,
				 const struct account_params_copy *b);

#endif
