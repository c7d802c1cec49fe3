/* Limits: of the engine, of what leaves, of an account, of a trunk; and the
 * table of refusals. Each has its own pair of SIP code and Q.850 cause, so
 * that a CDR tells them apart by numbers alone. */
#include "call/call_private.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "call/trunk.h"
#include "sip/account/account.h"

/* clang-format off */
const struct refusal refuse_limit = {
	.cause = "limit", .scode = 503, .q850 = 42,
	.reason = "Call Limit Reached", .retry_after = 5, .err = EAGAIN};
const struct refusal refuse_draining = {
	.cause = "draining", .scode = 503, .q850 = 38,
	.reason = "Draining", .retry_after = 30, .err = ESHUTDOWN};
const struct refusal refuse_overload = {
	.cause = "overload", .scode = 503, .q850 = 41,
	.reason = "Overload", .retry_after = 10, .err = EBUSY};
const struct refusal refuse_no_port = {
	.cause = "overload", .scode = 503, .q850 = 47,
	.reason = "No RTP Port Free", .retry_after = 10, .err = EBUSY};
const struct refusal refuse_no_route = {
	.cause = "no_route", .scode = 404, .q850 = 1,
	.reason = "Not Found", .err = ENOENT};
const struct refusal refuse_trunk_down = {
	.cause = "unreachable", .scode = 503, .q850 = 27,
	.reason = "Destination Out Of Order", .err = EHOSTUNREACH};
const struct refusal refuse_forbidden = {
	.cause = "forbidden", .scode = 403, .q850 = 21,
	.reason = "Forbidden", .err = EPERM};
const struct refusal refuse_invalid = {
	.cause = "invalid", .scode = 484, .q850 = 28,
	.reason = "Address Incomplete", .err = EINVAL};
const struct refusal refuse_user_busy = {
	.cause = "user_busy", .scode = 486, .q850 = 17,
	.reason = "Busy Here", .err = EAGAIN};
const struct refusal refuse_unreachable = {
	.cause = "unreachable", .scode = 480, .q850 = 20,
	.reason = "Not Registered", .err = EHOSTUNREACH};
const struct refusal refuse_silent = {
	.cause = "unreachable", .scode = 480, .q850 = 27,
	.reason = "Unreachable", .err = EHOSTUNREACH};
const struct refusal refuse_no_codec = {
	.cause = "no_codec", .scode = 488, .q850 = 88,
	.reason = "Not Acceptable Here",
	.warning = "305 moondial \"no audio codec in common\"",
	.err = ENOTSUP};
const struct refusal refuse_bad_sdp = {
	.cause = "bad_sdp", .scode = 400, .q850 = 100,
	.reason = "Bad Session Description",
	.warning = "399 moondial \"the session description can't be parsed\"",
	.err = EBADMSG};
/* clang-format on */

static struct account_use *use_find(const struct calls *calls, const char *name)
{
	struct le *le;

	LIST_FOREACH(&calls->uses, le)
	{
		struct account_use *use = le->data;

		if (!strcmp(use->name, name))
			return use;
	}
	return NULL;
}

static void use_destructor(void *arg)
{
	struct account_use *use = arg;

	list_unlink(&use->le);
	mem_deref(use->name);
}

static struct account_use *use_get(struct calls *calls, const char *name)
{
	struct account_use *use = use_find(calls, name);

	if (use)
		return use;
	use = mem_zalloc(sizeof(*use), use_destructor);
	if (!use || str_dup(&use->name, name))
		return mem_deref(use);
	use->calls = calls;
	list_append(&calls->uses, &use->le, use);
	return use;
}

static const char *account_full(struct calls *calls,
				const struct account *account, uint64_t now)
{
	const struct account_params *p = account_params(account);
	struct account_use *use = use_find(calls, p->name);

	if (!use)
		return NULL;
	if (p->max_calls && use->active >= p->max_calls)
		return "the account's limit of calls is reached";
	if (!bucket_has(&use->bucket, p->max_cps, now))
		return "the account's calls a second are used up";
	return NULL;
}

/* Why no more calls can go that way, or NULL. */
static const char *way_full(struct calls *calls, const struct account *account,
			    struct trunk *trunk, uint64_t now)
{
	if (trunk && !trunk_admits(trunk, now))
		return "the trunk's limit is reached";
	return account ? account_full(calls, account, now) : NULL;
}

const struct refusal *calls_admits(struct calls *calls, bool out,
				   const struct account *account,
				   struct trunk *trunk, const char **why)
{
	const struct calls_config *c = &calls->config;
	const uint64_t now = clock_mono_ms();

	*why = NULL;
	if (calls->draining) {
		*why = "the engine is draining";
		return &refuse_draining;
	}
	if (calls->refuse_why) {
		*why = calls->refuse_why;
		return &refuse_overload;
	}
	if (calls->h.trouble && (*why = calls->h.trouble(calls->arg)))
		return &refuse_overload;
	if (c->max_calls && calls->active >= c->max_calls)
		*why = "the engine's limit of calls is reached";
	else if (!bucket_has(&calls->bucket, c->max_cps, now))
		*why = "the engine's calls a second are used up";
	else if (out && c->outbound_concurrent &&
		 calls->out >= c->outbound_concurrent)
		*why = "the limit of outgoing calls is reached";
	else if (out && !bucket_has(&calls->outbound, c->outbound_rate, now))
		*why = "the outgoing calls a second are used up";
	else
		*why = way_full(calls, account, trunk, now);
	return *why ? &refuse_limit : NULL;
}

/* No more than ROOM: then WHY is the reason. */
static void narrow(unsigned *wanted, unsigned room, const char *reason,
		   const char **why)
{
	if (room < *wanted) {
		*wanted = room;
		*why = reason;
	}
}

static unsigned left(unsigned max, unsigned used, unsigned wanted)
{
	if (!max)
		return wanted;
	return used < max ? max - used : 0;
}

unsigned calls_room(struct calls *calls, unsigned wanted, const char **why)
{
	const struct calls_config *c = &calls->config;
	const uint64_t now = clock_mono_ms();

	*why = NULL;
	if (calls->draining)
		narrow(&wanted, 0, "the engine is draining", why);
	narrow(&wanted, left(c->max_calls, calls->active, wanted),
	       "the engine's limit of calls is reached", why);
	narrow(&wanted, left(c->outbound_concurrent, calls->out, wanted),
	       "the limit of outgoing calls is reached", why);
	narrow(&wanted, bucket_count(&calls->bucket, c->max_cps, now, wanted),
	       "the engine's calls a second are used up", why);
	narrow(&wanted,
	       bucket_count(&calls->outbound, c->outbound_rate, now, wanted),
	       "the outgoing calls a second are used up", why);
	narrow(&wanted, stack_room(calls->stack, wanted),
	       "the engine has as many new calls as it can do", why);
	return wanted;
}

static int way_begin(struct call *call, const struct account *account,
		     struct trunk *trunk)
{
	if (account) {
		const struct account_params *p = account_params(account);

		struct account_use *use = use_get(call->calls, p->name);

		if (!use)
			return ENOMEM;
		/* a first call finds its bucket full */
		(void)bucket_has(&use->bucket, p->max_cps, clock_mono_ms());
		bucket_take(&use->bucket, p->max_cps);
		use->active++;
		call->use = mem_ref(use);
	}
	if (trunk) {
		trunk_begin(trunk);
		call->trunk = trunk;
		call->way_at_ms = call_wall_ms(call);
	}
	return 0;
}

static uint64_t span_ms(int64_t from_ms, int64_t to_ms)
{
	return to_ms > from_ms ? (uint64_t)(to_ms - from_ms) : 0;
}

/* What this trunk has made of the call. */
static struct trunk_traffic traffic_of(const struct call *call)
{
	const struct cdr *cdr = &call->cdr;
	const int64_t heard_ms =
		cdr->ring_at_ms ? cdr->ring_at_ms : cdr->answered_at_ms;
	struct trunk_traffic t = {.calls = 1};

	if (heard_ms) {
		t.rang = 1;
		t.delay_ms = span_ms(call->way_at_ms, heard_ms);
	}
	if (cdr->answered_at_ms) {
		t.answered = 1;
		t.talk_ms = span_ms(cdr->answered_at_ms, cdr->ended_at_ms);
	}
	return t;
}

static void way_end(struct call *call)
{
	if (call->use) {
		call->use->active--;
		call->use = mem_deref(call->use);
	}
	if (call->trunk) {
		const struct trunk_traffic traffic = traffic_of(call);

		trunk_end(call->trunk, &traffic);
		call->trunk = NULL;
	}
}

const struct refusal *call_count_over(struct call *call,
				      const struct account *account,
				      struct trunk *trunk, const char **why)
{
	way_end(call);
	*why = way_full(call->calls, account, trunk, clock_mono_ms());
	if (*why)
		return &refuse_limit;
	if (way_begin(call, account, trunk)) {
		*why = "out of memory";
		return &refuse_overload;
	}
	return NULL;
}

int call_count_in(struct call *call, const struct account *account,
		  struct trunk *trunk)
{
	struct calls *calls = call->calls;
	int err = way_begin(call, account, trunk);

	if (err)
		return err;
	bucket_take(&calls->bucket, calls->config.max_cps);
	if (call->out) {
		bucket_take(&calls->outbound, calls->config.outbound_rate);
		calls->out++;
	} else {
		calls->in++;
	}
	if (++calls->active > calls->peak)
		calls->peak = calls->active;
	call->counted = true;
	return 0;
}

void call_count_out(struct call *call)
{
	struct calls *calls = call->calls;

	endpoint_call_end(call);
	if (!call->counted)
		return;
	call->counted = false;
	calls->active--;
	calls_look_drained(calls);
	if (call->out)
		calls->out--;
	else
		calls->in--;
	way_end(call);
}
