/* target.h -- where a script wants to call, parsed and never pasted
 *
 *   sip:user@host[:port][;params]  sips:…     tel:+1555…   +1 555-0100
 *   trunk:NAME/NUMBER   account:NAME/NUMBER   endpoint:NAME
 *
 * Numbers keep + digits * # and lose visual separators (RFC 3966 5.1.1);
 * anything else in them is an error, so nothing can be injected into a URI.
 * Behind a trunk or an account a user name may stand for the number: it begins
 * with a letter, then letters, digits and . _ - follow.
 * Pure functions on values: any thread.
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
	char name[64];	 /* of trunk, account, endpoint */
	char number[64]; /* digits, or a user name */
	char uri[256];	 /* of TARGET_URI, normalised */
	char user[64];	 /* of TARGET_URI, as written */
	char host[128];	 /* of TARGET_URI, without brackets, in lower case */
	bool secure;	 /* of TARGET_URI: asks for TLS */
};

/* EINVAL with a message in ERR that says which part is wrong. */
int target_parse(struct target *target, const char *text, char *err,
		 size_t size);

/* host[:port][;name=value…], as in a trunk's hosts and behind a URI's @. */
struct target_host {
	char host[128]; /* without brackets, in lower case */
	bool ipv6;
	uint16_t port;	 /* 0: none */
	char params[96]; /* ";transport=tcp" or "" */
	bool secure;	 /* transport=tls */
};
int target_host_parse(struct target_host *host, const char *text, char *err,
		      size_t size);
/* "host:port;params" with brackets where they belong. EOVERFLOW. */
int target_host_print(const struct target_host *host, char *out, size_t size);

/* A telephone number without its separators, or (NAMES) a user name, into
 * OUT. EINVAL with ERR. */
int target_number(char *out, size_t out_size, const char *text, bool names,
		  char *err, size_t size);

/* Whether HOST (as in struct target) is this machine's loopback. */
bool target_is_loopback(const char *host);

/* Whether TEXT matches PATTERN, in which * stands for anything; case does not
 * matter. */
bool target_match(const char *pattern, const char *text);

#endif
