/* endpoint_reach.c -- whether registered telephones are there */
#include "call/endpoint_reach.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sip/reach/qualify.h"
#include "sip/stack.h"

enum {
	BUCKETS = 4096,
	/* After an INVITE without an answer, until OPTIONS decide. */
	HOLD_MS = 10000,
	REASON_SIZE = 96,
	ROUTES_MAX = 16,
	ROUTE_SIZE = 1024,
};

static const char connection_gone[] = "its connection was closed";

struct endpoint_reach {
	struct stack *stack;
	struct hash *by_binding; /* struct asked */
	endpoint_reach_h *handler;
	void *arg;
};

/* One binding that is asked. */
struct asked {
	struct le he;
	struct endpoint_reach *reach;
	struct binding *binding; /* borrowed: gone before it is */
	struct qualify *qualify;
	struct endpoint_qualify params;
	enum reach state;
	uint32_t path; /* a hash of its Path */
};

static void asked_destructor(void *arg)
{
	struct asked *asked = arg;

	hash_unlink(&asked->he);
	mem_deref(asked->qualify);
}

static uint32_t key(const struct binding *binding)
{
	return (uint32_t)((uintptr_t)binding >> 4);
}

static struct asked *find(const struct endpoint_reach *reach,
			  const struct binding *binding)
{
	struct le *le = list_head(hash_list(reach->by_binding, key(binding)));

	for (; le; le = le->next) {
		struct asked *asked = le->data;

		if (asked->binding == binding)
			return asked;
	}
	return NULL;
}

int endpoint_reach_alloc(struct endpoint_reach **rp, struct stack *stack,
			 endpoint_reach_h *handler, void *arg)
{
	struct endpoint_reach *reach = mem_zalloc(sizeof(*reach), NULL);

	if (!reach)
		return ENOMEM;
	if (hash_alloc(&reach->by_binding, BUCKETS)) {
		mem_deref(reach);
		return ENOMEM;
	}
	reach->stack = stack;
	reach->handler = handler;
	reach->arg = arg;
	*rp = reach;
	return 0;
}

void endpoint_reach_free(struct endpoint_reach *reach)
{
	if (!reach)
		return;
	hash_flush(reach->by_binding);
	mem_deref(reach->by_binding);
	mem_deref(reach);
}

static void read_asked(const struct asked *asked, struct trunk_reading *r)
{
	const struct qualify *q = asked->qualify;

	*r = (struct trunk_reading){
		.host = binding_target(asked->binding),
		.state = qualify_state(q),
		.since_ms = qualify_since(q),
		.availability = qualify_availability(q),
		.reason = qualify_reason(q),
	};
	if (r->state == REACH_UNREACHABLE)
		return;
	r->rtt_us = qualify_rtt_us(q);
	r->srtt_us = qualify_srtt_us(q);
}

static void on_change(struct qualify *qualify, void *arg)
{
	struct asked *asked = arg;
	const enum reach was = asked->state;
	struct trunk_reading reading;

	asked->state = qualify_state(qualify);
	read_asked(asked, &reading);
	if (asked->reach->handler)
		asked->reach->handler(asked->binding, was, &reading,
				      asked->reach->arg);
}

/* The Path as a Route, its first URI as the next hop (RFC 3327 5.3). */
static int read_route(const struct binding *b, char *route, char *hop,
		      size_t size)
{
	char uri[512];
	size_t used = 0;

	route[0] = hop[0] = '\0';
	for (size_t i = 0; i < ROUTES_MAX; i++) {
		const int err = binding_route(b, i, uri, sizeof(uri));
		int n;

		if (err == ENOENT)
			return 0;
		n = err ? -1
			: re_snprintf(route + used, size - used, "%s<%s;lr>",
				      i ? ", " : "", uri);
		if (n < 0 || (size_t)n >= size - used)
			return EOVERFLOW;
		used += (size_t)n;
		if (!i)
			(void)re_snprintf(hop, size, "%s", uri);
	}
	return EOVERFLOW;
}

static int ask(struct asked *asked)
{
	const struct endpoint_qualify *p = &asked->params;
	const struct binding *b = asked->binding;
	char route[ROUTE_SIZE], hop[ROUTE_SIZE];
	struct qualify_params params = {
		.uri = binding_target(b),
		.every_ms = p->every_ms,
		.timeout_ms = p->timeout_ms,
		.tries = p->tries,
		.success = p->success,
	};
	int err = read_route(b, route, hop, sizeof(route));

	if (err)
		return err;
	if (*route) {
		params.route = route;
		params.next_hop = hop;
	}
	return qualify_alloc(&asked->qualify,
			     stack_qualifier(asked->reach->stack), &params,
			     on_change, asked);
}

static bool same(const struct endpoint_qualify *a,
		 const struct endpoint_qualify *b)
{
	return a->on == b->on && a->success == b->success &&
	       a->every_ms == b->every_ms && a->timeout_ms == b->timeout_ms &&
	       a->tries == b->tries;
}

void endpoint_reach_set(struct endpoint_reach *reach, struct binding *binding,
			const struct endpoint_qualify *qualify)
{
	struct asked *asked = find(reach, binding);
	int err;

	if (!binding_registered(binding) || !qualify->on) {
		mem_deref(asked);
		return;
	}
	/* a refresh of what is where it was */
	if (asked && same(&asked->params, qualify) &&
	    asked->path == hash_joaat_str(binding_path(binding)) &&
	    !strcmp(qualify_uri(asked->qualify), binding_target(binding)))
		return;
	mem_deref(asked);
	asked = mem_zalloc(sizeof(*asked), asked_destructor);
	if (!asked)
		return;
	asked->reach = reach;
	asked->binding = binding;
	asked->params = *qualify;
	asked->path = hash_joaat_str(binding_path(binding));
	err = ask(asked);
	if (err) {
		log_debug(NULL, "endpoint %s: %s can't be qualified: %s",
			  binding_name(binding), binding_target(binding),
			  strerror(err));
		mem_deref(asked);
		return;
	}
	hash_append(reach->by_binding, key(binding), &asked->he, asked);
}

void endpoint_reach_read(const struct endpoint_reach *reach,
			 const struct binding *binding,
			 struct trunk_reading *reading)
{
	const struct asked *asked = reach ? find(reach, binding) : NULL;

	const int64_t lost = binding_lost_at(binding);

	if (asked)
		read_asked(asked, reading);
	else
		*reading = (struct trunk_reading){
			.host = binding_target(binding),
			.state = lost ? REACH_UNREACHABLE : REACH_UNKNOWN,
			.since_ms = lost,
			.availability = -1,
			.reason = lost ? connection_gone : "",
		};
}

void endpoint_reach_lost(struct endpoint_reach *reach, struct binding *binding,
			 bool is_lost)
{
	struct asked *asked = reach ? find(reach, binding) : NULL;
	struct trunk_reading reading;

	if (asked && is_lost)
		qualify_failed(asked->qualify, connection_gone, HOLD_MS);
	if (asked || !reach || !reach->handler)
		return;
	endpoint_reach_read(reach, binding, &reading);
	if (!reading.since_ms)
		reading.since_ms = clock_wall_ms();
	reach->handler(binding, is_lost ? REACH_UNKNOWN : REACH_UNREACHABLE,
		       &reading, reach->arg);
}

void endpoint_reach_evidence(struct endpoint_reach *reach,
			     const struct binding *binding,
			     enum trunk_evidence evidence, const char *reason)
{
	struct asked *asked = reach ? find(reach, binding) : NULL;
	char text[REASON_SIZE];

	if (!asked || evidence == TRUNK_HEARD || evidence == TRUNK_BUSY)
		return;
	(void)re_snprintf(text, sizeof(text), "INVITE: %s", reason);
	qualify_failed(asked->qualify, text, HOLD_MS);
}
