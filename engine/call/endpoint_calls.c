/* The calls of an endpoint: limits, counts, their end when it restarts. */
#include <string.h>

#include "call/call_private.h"
#include "call/endpoint_private.h"

const char *endpoint_full(const struct endpoint *e, bool to)
{
	const struct endpoint_params *p = &e->params;

	if (p->max_calls && e->count.calls >= p->max_calls)
		return "the endpoint's limit of calls is reached";
	if (to && p->busy_level && e->count.calls >= p->busy_level)
		return "the endpoint is busy";
	return NULL;
}

static void claim_destructor(void *arg)
{
	struct endpoint_claim *claim = arg;

	claim->endpoint->count.calls--;
	mem_deref(claim->endpoint);
}

int endpoint_claim(struct endpoint_claim **cp, struct endpoint *e)
{
	struct endpoint_claim *claim =
		mem_zalloc(sizeof(*claim), claim_destructor);

	if (!claim)
		return ENOMEM;
	claim->endpoint = mem_ref(e);
	e->count.calls++;
	e->count.total++;
	*cp = claim;
	return 0;
}

void endpoint_call_begin(struct call *call, struct endpoint_claim *claim,
			 struct binding *binding)
{
	call->claim = mem_ref(claim);
	call->binding = mem_ref(binding);
	call->endpoint_counted = ENDPOINT_NONE;
	list_append(&claim->endpoint->calls, &call->ee, call);
}

static unsigned *counter(struct endpoint *e, enum endpoint_counted counted)
{
	switch (counted) {
	case ENDPOINT_RINGING:
		return &e->count.ringing;
	case ENDPOINT_ANSWERED:
		return &e->count.answered;
	default:
		return NULL;
	}
}

void endpoint_call_state(struct call *call, enum endpoint_counted counted)
{
	struct endpoint *e = call->claim ? call->claim->endpoint : NULL;
	unsigned *before, *now;

	if (!e || call->endpoint_counted == counted)
		return;
	before = counter(e, call->endpoint_counted);
	now = counter(e, counted);
	if (before)
		--*before;
	if (now)
		++*now;
	call->endpoint_counted = counted;
}

void endpoint_call_end(struct call *call)
{
	struct endpoint *e;

	if (!call->claim)
		return;
	e = mem_ref(call->claim->endpoint);
	endpoint_call_state(call, ENDPOINT_NONE);
	list_unlink(&call->ee);
	call->binding = mem_deref(call->binding);
	call->claim = mem_deref(call->claim);
	endpoint_look_needed(e);
	mem_deref(e);
}

static bool goes_with(const struct call *call,
		      const struct registrar_restart *restart)
{
	if (restart->single_contact)
		return true;
	for (size_t i = 0; i < restart->count; i++) {
		if (call->binding == restart->old[i])
			return true;
	}
	return false;
}

static struct call *find(const struct endpoint *e,
			 const struct registrar_restart *restart)
{
	struct le *le;

	LIST_FOREACH(&e->calls, le)
	{
		if (goes_with(le->data, restart))
			return le->data;
	}
	return NULL;
}

unsigned endpoint_restarted(struct endpoint *e,
			    const struct registrar_restart *restart)
{
	unsigned n = 0;
	struct call *call;

	/* what a script does at a call's end may end another */
	while ((call = find(e, restart))) {
		call_hangup(call, CALL_ENGINE, "endpoint_restarted");
		n++;
	}
	return n;
}
