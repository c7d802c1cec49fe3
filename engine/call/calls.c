/* The calls of an engine: the table, its configuration, drain and refuse. */
#include "call/call_private.h"

#include <assert.h>
#include <errno.h>
#include <strings.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "call/trunk.h"

METRIC(calls_begun, "calls that have begun, both ways, refused ones too")

enum {
	CALLS_BUCKETS = 4096,
	DRAIN_LINGER_MS = 6000, /* more than a script's grace time */
};

/* ---- configuration ---------------------------------------------------- */

static void list_free(const char *const *list)
{
	for (size_t i = 0; list && list[i]; i++)
		mem_deref((void *)list[i]);
	mem_deref((void *)list);
}

static int list_dup(const char *const **dst, const char *const *src)
{
	size_t n = 0;
	char **copy;

	*dst = NULL;
	if (!src)
		return 0;
	while (src[n])
		n++;
	copy = mem_zalloc((n + 1) * sizeof(*copy), NULL);
	if (!copy)
		return ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (str_dup(&copy[i], src[i])) {
			list_free((const char *const *)copy);
			return ENOMEM;
		}
	}
	*dst = (const char *const *)copy;
	return 0;
}

static void config_free(struct calls_config *c)
{
	list_free(c->codecs);
	list_free(c->outbound_allow);
	list_free(c->outbound_deny);
	mem_deref((void *)c->default_trunk);
}

static int config_dup(struct calls_config *dst, const struct calls_config *src)
{
	struct calls_config c = *src;
	char *trunk = NULL;
	int err;

	c.codecs = c.outbound_allow = c.outbound_deny = NULL;
	c.default_trunk = NULL;
	err = list_dup(&c.codecs, src->codecs);
	err |= list_dup(&c.outbound_allow, src->outbound_allow);
	err |= list_dup(&c.outbound_deny, src->outbound_deny);
	if (src->default_trunk && *src->default_trunk)
		err |= str_dup(&trunk, src->default_trunk);
	c.default_trunk = trunk;
	if (err) {
		config_free(&c);
		return ENOMEM;
	}
	*dst = c;
	return 0;
}

/* An array that running calls' SDP may still point into. */
struct codec_list {
	struct sdp_codec *sdp;
	const struct media_codec **media;
	size_t count;
};

static int codecs_make(struct codec_list *list, const char *const *names)
{
	size_t all, n = 0;
	const struct media_codec *codecs = media_codecs(&all);

	if (names) {
		for (n = 0; names[n];)
			n++;
		if (!n)
			return EINVAL;
		all = n;
	}
	list->sdp = mem_zalloc(all * sizeof(*list->sdp), NULL);
	list->media =
		mem_zalloc(all * sizeof(const struct media_codec *), NULL);
	list->count = all;
	if (!list->sdp || !list->media)
		return ENOMEM;
	for (size_t i = 0; i < all; i++) {
		const struct media_codec *codec =
			names ? media_codec_find(names[i]) : &codecs[i];

		if (!codec)
			return EINVAL;
		list->media[i] = codec;
		list->sdp[i] = (struct sdp_codec){.name = codec->name,
						  .srate = codec->srate,
						  .channels = codec->channels,
						  .pt = codec->pt};
	}
	return 0;
}

int calls_configure(struct calls *calls, const struct calls_config *config)
{
	struct codec_list codecs = {.count = 0};
	struct calls_config copy;
	int err;

	assert(loop_is_mine(calls->loop));
	err = codecs_make(&codecs, config->codecs);
	if (!err)
		err = config_dup(&copy, config);
	if (err) {
		mem_deref(codecs.sdp);
		mem_deref((void *)codecs.media);
		return err;
	}
	/* calls hold references to the lists that they were begun with */
	mem_deref(calls->codecs);
	mem_deref((void *)calls->media_codecs);
	calls->codecs = codecs.sdp;
	calls->media_codecs = codecs.media;
	calls->codec_count = codecs.count;
	config_free(&calls->config);
	calls->config = copy;
	return 0;
}

/* ---- life ------------------------------------------------------------- */

static void trust(const struct sa *addr, bool add, void *arg)
{
	const struct calls *calls = arg;

	stack_trust(calls->stack, addr, add);
}

int calls_alloc(struct calls **cp, struct loop *loop, struct stack *stack,
		struct media *media, struct accounts *accounts,
		struct trunks *trunks, const struct calls_config *config,
		const struct calls_handlers *handlers, void *arg)
{
	struct calls *calls;
	int err;

	assert(loop_is_mine(loop));
	calls = mem_zalloc(sizeof(*calls), NULL);
	if (!calls)
		return ENOMEM;
	calls->loop = loop;
	calls->stack = stack;
	calls->media = media;
	calls->accounts = accounts;
	calls->trunks = trunks;
	calls->h = *handlers;
	calls->arg = arg;
	tmr_init(&calls->drain_tmr);
	err = hash_alloc(&calls->by_id, CALLS_BUCKETS);
	if (!err)
		err = calls_configure(calls, config);
	if (err) {
		mem_deref(calls->by_id);
		mem_deref(calls);
		return err;
	}
	if (trunks)
		trunks_trust(trunks, trust, calls);
	*cp = calls;
	return 0;
}

void calls_free(struct calls *calls)
{
	if (!calls)
		return;
	assert(loop_is_mine(calls->loop));
	assert(list_isempty(&calls->list));
	if (calls->trunks)
		trunks_trust(calls->trunks, NULL, NULL);
	tmr_cancel(&calls->drain_tmr);
	tmr_cancel(&calls->linger_tmr);
	soon_cancel(&calls->drained_soon);
	list_flush(&calls->uses);
	config_free(&calls->config);
	mem_deref(calls->codecs);
	mem_deref((void *)calls->media_codecs);
	mem_deref(calls->refuse_why);
	mem_deref(calls->by_id);
	mem_deref(calls);
}

void calls_set_endpoints(struct calls *calls, struct endpoints *endpoints)
{
	assert(loop_is_mine(calls->loop));
	calls->endpoints = endpoints;
}

/* ---- the table -------------------------------------------------------- */

static void rate_turn(struct calls *calls)
{
	const uint64_t now = clock_mono_ms() / 1000;

	if (now - calls->rate_second >= CALLS_RATE_S)
		calls->rate_second = now - CALLS_RATE_S;
	while (calls->rate_second < now)
		calls->rate[++calls->rate_second % CALLS_RATE_S] = 0;
}

void calls_add(struct calls *calls, struct call *call)
{
	list_append(&calls->list, &call->le, mem_ref(call));
	hash_append(calls->by_id, hash_joaat_str(call->cdr.id), &call->he,
		    call);
	calls->total++;
	metric_add(&calls_begun, 1);
	rate_turn(calls);
	calls->rate[calls->rate_second % CALLS_RATE_S]++;
}

static void drained(void *arg)
{
	struct calls *calls = arg;

	calls->drained = true;
	tmr_cancel(&calls->drain_tmr);
	tmr_cancel(&calls->linger_tmr);
	if (calls->h.drained)
		calls->h.drained(calls->arg);
}

static void tell_drained(void *arg)
{
	struct calls *calls = arg;

	if (!calls->draining || calls->drained)
		return;
	if (calls->list.head) {
		/* Only records that wait for their scripts: those have their
		 * grace time, but new refusals must not put us off for ever. */
		if (!calls->active && !tmr_isrunning(&calls->linger_tmr))
			tmr_start(&calls->linger_tmr, DRAIN_LINGER_MS, drained,
				  calls);
		return;
	}
	drained(calls);
}

void calls_look_drained(struct calls *calls)
{
	if (calls->draining)
		soon_queue(&calls->drained_soon, tell_drained, calls);
}

void calls_remove(struct calls *calls, struct call *call)
{
	for (struct call_cursor *c = calls->cursors; c; c = c->outer) {
		if (c->next == &call->le)
			c->next = call->le.next;
	}
	list_unlink(&call->le);
	hash_unlink(&call->he);
	calls_look_drained(calls);
	mem_deref(call);
}

static bool same_id(struct le *le, void *arg)
{
	const struct call *call = le->data;

	return !strcasecmp(call->cdr.id, arg);
}

struct call *call_find(const struct calls *calls, const char *id)
{
	assert(loop_is_mine(calls->loop));
	if (!id)
		return NULL;
	return list_ledata(hash_lookup(calls->by_id, hash_joaat_str(id),
				       same_id, (void *)id));
}

void call_each(struct calls *calls, call_apply_h *fn, void *arg)
{
	struct call_cursor cursor = {.next = calls->list.head,
				     .outer = calls->cursors};
	bool stop = false;

	assert(loop_is_mine(calls->loop));
	calls->cursors = &cursor;
	while (cursor.next && !stop) {
		struct call *call = cursor.next->data;

		cursor.next = cursor.next->next;
		if (call->state != CALL_ENDED)
			stop = fn(call, arg);
	}
	calls->cursors = cursor.outer;
}

/* ---- drain, refuse, count --------------------------------------------- */

static bool end_one(struct call *call, void *arg)
{
	(void)arg;
	call_hangup(call, CALL_ENGINE, "drain");
	return false;
}

static void drain_over(void *arg)
{
	struct calls *calls = arg;

	if (calls->active)
		log_info(NULL,
			 "drain: the limit is reached, %u calls are ended",
			 calls->active);
	call_each(calls, end_one, NULL);
}

void calls_drain(struct calls *calls, uint32_t limit_ms)
{
	assert(loop_is_mine(calls->loop));
	calls->draining = true;
	if (limit_ms)
		tmr_start(&calls->drain_tmr, limit_ms, drain_over, calls);
	else
		drain_over(calls);
	calls_look_drained(calls);
}

void calls_refuse(struct calls *calls, const char *why)
{
	char *copy = NULL;

	assert(loop_is_mine(calls->loop));
	/* when even this is out of memory, the old reason still refuses */
	if (why && str_dup(&copy, why) && calls->refuse_why)
		return;
	mem_deref(calls->refuse_why);
	calls->refuse_why = copy;
}

void calls_count(const struct calls *calls, struct calls_count *count)
{
	struct calls_count c = {
		.active = calls->active,
		.in = calls->in,
		.out = calls->out,
		.peak = calls->peak,
		.total = calls->total,
		.total_answered = calls->total_answered,
		.total_refused = calls->total_refused,
	};
	unsigned begun = 0;
	struct le *le;

	assert(loop_is_mine(calls->loop));
	LIST_FOREACH(&calls->list, le)
	{
		const struct call *call = le->data;

		c.answered += call->state == CALL_ANSWERED;
		c.ringing += call->state == CALL_EARLY;
	}
	rate_turn((struct calls *)calls);
	for (unsigned i = 0; i < CALLS_RATE_S; i++)
		begun += calls->rate[i];
	c.rate = (double)begun / CALLS_RATE_S;
	*count = c;
}
