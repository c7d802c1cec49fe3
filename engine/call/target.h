/* target.h -- where a script wants to call, parsed and never pasted
 *
 *   sip:user@host[:port][;params]  sips:…     tel:+1555…   +1 555-0100
 *   trunk:NAME/NUMBER   account:NAME/NUMBER   endpoint:NAME
 *
 * Numbers keep + digits * # and lose visual separators (RFC 3966 5.1.1);
 * anything else in them is an error, so nothing can be injected into a URI.
 */
#ifndef MOONDIAL_CALL_TARGET_H
#define MOONDIAL_CALL_TARGET_H

#include <re.h>

enum target_type {
	TARGET_URI,
	TARGET_NUMBER, /* through the trunk of the options or the default */
	TARGET_TRUNK,
	TARGET_ACCOUNT,
	TARGET_ENDPOINT,
};

struct target {
	enum target_type type;
	char name[64];	  /* of trunk, account, endpoint */
	char number[64];  /* digits */
	char uri[256];	  /* of TARGET_URI, normalised */
	char host[128];
};

/* EINVAL with a message in ERR that says which part is wrong. */
int target_parse(struct target *target, const char *text, char *err,
		 size_t size);

#endif
