/* A call that meets congestion at one trunk of its list goes on by the next:
 * the same person is called, with that trunk's credentials, prefix, caller id
 * and limits. Each trunk has one turn. */
#include "call/call_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "call/trunk.h"
#include "sip/account/account.h"

enum { TRUNKS_MAX = 16 };

/* What it was dialled with, and the names that have not had their turn. */
struct reroute {
	char *target, *account, *from, *display_name, *headers;
	char *names[TRUNKS_MAX + 1];
};

static void reroute_destructor(void *arg)
{
	struct reroute *r = arg;

	mem_deref(r->target);
	mem_deref(r->account);
	mem_deref(r->from);
	mem_deref(r->display_name);
	mem_deref(r->headers);
	for (size_t i = 0; r->names[i]; i++)
		mem_deref(r->names[i]);
}

static int dup(char **dst, const char *src)
{
	return src && *src ? str_dup(dst, src) : 0;
}

static void strike(struct reroute *r, const struct trunk *trunk)
{
	size_t kept = 0;

	for (size_t i = 0; r->names[i]; i++) {
		if (strcmp(r->names[i], trunk_params(trunk)->name) != 0)
			r->names[kept++] = r->names[i];
		else
			mem_deref(r->names[i]);
	}
	r->names[kept] = NULL;
}

int reroute_alloc(struct reroute **rp, const struct call_dial *dial,
		  const struct route *route)
{
	struct reroute *r;
	int err;

	if (!dial->trunks || !dial->trunks[0] || !dial->trunks[1] ||
	    !route->trunk)
		return 0;
	r = mem_zalloc(sizeof(*r), reroute_destructor);
	if (!r)
		return ENOMEM;
	err = dup(&r->target, dial->target);
	err |= dup(&r->account, dial->account);
	err |= dup(&r->from, dial->from);
	err |= dup(&r->display_name, dial->display_name);
	err |= dup(&r->headers, dial->headers);
	for (size_t i = 0; dial->trunks[i] && i < TRUNKS_MAX && !err; i++)
		err = str_dup(&r->names[i], dial->trunks[i]);
	if (err) {
		mem_deref(r);
		return ENOMEM;
	}
	strike(r, route->trunk);
	*rp = r;
	return 0;
}

bool reroute_has_more(const struct call *call)
{
	return call->reroute && call->reroute->names[0];
}

/* NULL: it has taken the call over. */
static const struct refusal *take(struct call *call, struct route *route,
				  const char **why)
{
	const struct account *account =
		route->account
			? account_find(call->calls->accounts, route->account)
			: NULL;
	const struct refusal *refused =
		call_count_over(call, account, route->trunk, why);

	if (refused)
		return refused;
	mem_deref(call->route);
	call->route = mem_ref(route);
	return NULL;
}

bool reroute_next(struct call *call)
{
	while (reroute_has_more(call)) {
		struct reroute *r = call->reroute;
		const struct call_dial dial = {
			.target = r->target,
			.account = r->account,
			.from = r->from,
			.display_name = r->display_name,
			.headers = r->headers,
			.trunks = (const char *const *)r->names,
		};
		const struct refusal *refused = NULL;
		struct route *route = NULL;
		char text[256] = "";
		const char *why = text;

		if (route_make(&route, call->calls, &dial, &refused, text,
			       sizeof(text)))
			return false;
		if (!route->trunk) {
			mem_deref(route);
			return false;
		}
		strike(r, route->trunk);
		if (!refused)
			refused = take(call, route, &why);
		log_info(call->cdr.id, "the next trunk is %s%s%s",
			 trunk_params(route->trunk)->name,
			 refused ? ", not tried: " : "", refused ? why : "");
		mem_deref(route);
		if (!refused)
			return true;
	}
	return false;
}
