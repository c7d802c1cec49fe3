/* trunk.h -- named ways out: hosts (in turn) or an account, with limits */
#ifndef MOONDIAL_CALL_TRUNK_H
#define MOONDIAL_CALL_TRUNK_H

#include <stdbool.h>
#include <stddef.h>

struct trunks;
struct trunk;

struct trunk_params {
	const char *name;
	const char *const *hosts; /* "host[:port][;transport=tcp]", tried in
				     order; NULL-terminated; or NULL */
	const char *account;	  /* credentials, identity; hosts from its
				     registrar when HOSTS is NULL */
	const char *from;	  /* caller id when the call names none */
	const char *prefix;	  /* put before each number, or NULL */
	unsigned max_calls, max_cps; /* 0: no limit */
};

int trunks_alloc(struct trunks **tp);
void trunks_free(struct trunks *trunks);
/* Add or change by name. EINVAL with ERR. */
int trunk_set(struct trunks *trunks, const struct trunk_params *params,
	      char *err, size_t size);
struct trunk *trunk_find(const struct trunks *trunks, const char *name);
const struct trunk_params *trunk_params(const struct trunk *trunk);
typedef bool(trunk_apply_h)(struct trunk *trunk, void *arg);
void trunk_each(const struct trunks *trunks, trunk_apply_h *fn, void *arg);
/* Calls through it now. */
unsigned trunk_active(const struct trunk *trunk);

#endif
