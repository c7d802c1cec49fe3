/* call_fixture.h -- two whole engines below scripts, calling each other
 *
 * Real stacks, media workers and audio over loopback; only the script is the
 * test itself. A test waits for a condition (WAIT), never for time to pass.
 */
#ifndef MOONDIAL_TEST_CALL_FIXTURE_H
#define MOONDIAL_TEST_CALL_FIXTURE_H

#include <re.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "call/call.h"
#include "call/cdr.h"
#include "call/trunk.h"
#include "media/media.h"
#include "sip/account/account.h"
#include "sip/session.h"
#include "sip/stack.h"

enum { PATIENCE_MS = 15000, CDRS_KEPT = 64 };

#define UNUSED __attribute__((unused))

/* What is compared of a record. */
struct kept_cdr {
	char id[ID_SIZE];
	/* "out answered 200 OK 16 remote normal" */
	char end[256];
	char from[256], to[256], account[64], trunk[64], tried[64], digits[64],
		codec[16];
	char peer[64], to_user[64];
	bool rang, answered;
	int64_t talk_ms;
	struct media_stats stats;
};

struct engine {
	const char *name;
	struct stack *stack;
	struct media *media;
	struct accounts *accounts;
	struct trunks *trunks;
	struct calls *calls;
	struct calls_config config;

	/* what its script would do */
	bool (*incoming)(struct engine *engine, struct call *call);
	void (*on_event)(struct engine *engine, struct call *call,
			 const struct call_event *event);
	struct call *call; /* the latest one, a reference */
	char events[2048]; /* of all calls, in order */
	char text[256];	   /* of the latest event that had one */
	uint16_t scode;
	enum media_result result;

	unsigned begun, ended, drained;
	const char *trouble; /* why no call may begin */
	struct kept_cdr cdrs[CDRS_KEPT];
};

static struct loop *loop;
static struct engine a, b;
static struct tmr patience;
static bool impatient;
/* Streams at once that an engine has ports for; 0: 100. */
static UNUSED unsigned fixture_streams;

static UNUSED void out_of_patience(void *arg)
{
	(void)arg;
	impatient = true;
}

#define WAIT(condition_)                                                   \
	do {                                                               \
		impatient = false;                                         \
		tmr_start(&patience, PATIENCE_MS, out_of_patience, NULL);  \
		while (!(condition_)) {                                    \
			if (impatient)                                     \
				fail_msg("waited for %s; a: %s; b: %s",    \
					 #condition_, a.events, b.events); \
			(void)event_base_loop(loop_event_base(loop),       \
					      EVLOOP_ONCE);                \
		}                                                          \
		tmr_cancel(&patience);                                     \
	} while (0)

static UNUSED const char *event_name(enum call_event_type type)
{
	static const char *const names[] = {
		[CALL_EV_RINGING] = "ringing",
		[CALL_EV_PROGRESS] = "progress",
		[CALL_EV_ANSWERED] = "answered",
		[CALL_EV_ENDED] = "ended",
		[CALL_EV_DIGIT] = "digit",
		[CALL_EV_HOLD] = "hold",
		[CALL_EV_RESUME] = "resume",
		[CALL_EV_PLAY_DONE] = "played",
		[CALL_EV_RECORD_DONE] = "recorded",
		[CALL_EV_DTMF_DONE] = "sent",
		[CALL_EV_OFFER_DONE] = "offered",
		[CALL_EV_CLOSED] = "closed",
	};

	return names[type];
}

/* "ringing answered digit:5 ended closed" */
static UNUSED void on_event(struct call *call, const struct call_event *event,
			    void *arg)
{
	struct engine *e = arg;
	size_t n = strlen(e->events);

	(void)snprintf(e->events + n, sizeof(e->events) - n, "%s%s",
		       n ? " " : "", event_name(event->type));
	n = strlen(e->events);
	if (event->type == CALL_EV_DIGIT)
		(void)snprintf(e->events + n, sizeof(e->events) - n, ":%c",
			       event->digit);
	if (event->text)
		(void)snprintf(e->text, sizeof(e->text), "%s", event->text);
	if (event->scode)
		e->scode = event->scode;
	e->result = event->result;
	if (e->on_event)
		e->on_event(e, call, event);
}

static UNUSED bool saw(const struct engine *e, const char *event)
{
	return strstr(e->events, event) != NULL;
}

static UNUSED bool on_incoming(struct call *call, void *arg)
{
	struct engine *e = arg;

	mem_deref(e->call);
	e->call = mem_ref(call);
	call_set_handler(call, on_event, e);
	return e->incoming ? e->incoming(e, call) : false;
}

static UNUSED void on_begun(const struct cdr *cdr, void *arg)
{
	struct engine *e = arg;

	assert_int_equal(strlen(cdr->id), ID_SIZE - 1);
	assert_true(cdr->started_at_ms > 0);
	assert_null(cdr->disposition);
	e->begun++;
}

static UNUSED void keep(char *out, size_t size, const char *text)
{
	(void)snprintf(out, size, "%s", text ? text : "");
}

static UNUSED void on_ended(const struct cdr *cdr, void *arg)
{
	struct engine *e = arg;
	struct kept_cdr *k = &e->cdrs[e->ended++ % CDRS_KEPT];

	assert_non_null(cdr->disposition);
	assert_true(cdr->ended_at_ms >= cdr->started_at_ms);
	memset(k, 0, sizeof(*k));
	keep(k->id, sizeof(k->id), cdr->id);
	(void)snprintf(k->end, sizeof(k->end), "%s %s %u %s %u %s %s",
		       cdr->direction, cdr->disposition, cdr->sip_code,
		       cdr->reason ? cdr->reason : "-", cdr->q850,
		       *cdr->hangup_by ? cdr->hangup_by : "-",
		       cdr->hangup_cause ? cdr->hangup_cause : "-");
	keep(k->from, sizeof(k->from), cdr->from_uri);
	keep(k->to, sizeof(k->to), cdr->to_uri);
	keep(k->to_user, sizeof(k->to_user), cdr->to_user);
	keep(k->account, sizeof(k->account), cdr->account);
	keep(k->trunk, sizeof(k->trunk), cdr->trunk);
	keep(k->tried, sizeof(k->tried), cdr->tried);
	keep(k->digits, sizeof(k->digits), cdr->digits);
	keep(k->codec, sizeof(k->codec), cdr->codec);
	keep(k->peer, sizeof(k->peer), cdr->peer);
	k->rang = cdr->ring_at_ms > 0;
	k->answered = cdr->answered_at_ms > 0;
	k->talk_ms = k->answered ? cdr->ended_at_ms - cdr->answered_at_ms : 0;
	k->stats = cdr->stats;
	for (unsigned i = 0; i + 1 < e->ended && i < CDRS_KEPT; i++)
		if (k != &e->cdrs[i])
			assert_string_not_equal(e->cdrs[i].id, k->id);
}

static UNUSED void on_drained(void *arg)
{
	((struct engine *)arg)->drained++;
}

static UNUSED const char *on_trouble(void *arg)
{
	return ((struct engine *)arg)->trouble;
}

static UNUSED void on_media(const struct media_event *event, void *arg)
{
	struct engine *e = arg;

	calls_media_event(event, e->calls);
}

static UNUSED void on_session(struct session *session,
			      const struct sip_msg *msg, void *arg)
{
	struct engine *e = arg;

	calls_incoming(session, msg, e->calls);
}

static UNUSED unsigned ports(void)
{
	return fixture_streams ? 2 * fixture_streams : 200;
}

static UNUSED void engine_open(struct engine *e, const char *name,
			       const char *listen, uint16_t port)
{
	static const struct calls_handlers handlers = {
		.incoming = on_incoming,
		.cdr_begun = on_begun,
		.cdr_ended = on_ended,
		.drained = on_drained,
		.trouble = on_trouble,
	};
	const struct media_config media = {
		.workers = 1,
		.port_min = port,
		.port_max = (uint16_t)(port + ports() - 1),
		.cache_max_bytes = 1 << 20};
	struct stack_listen where;
	struct stack_config config = {.listen = &where,
				      .listen_count = 1,
				      .user_agent = "moondial test"};
	char err[256];

	memset(e, 0, sizeof(*e));
	e->name = name;
	if (!stack_listen_parse(&where, listen, err, sizeof(err)) ||
	    stack_alloc(&e->stack, &config, on_session, e, err, sizeof(err)))
		fail_msg("%s", err);
	assert_int_equal(media_alloc(&e->media, loop, &media, on_media, e), 0);
	assert_int_equal(accounts_alloc(&e->accounts, e->stack, NULL, NULL), 0);
	assert_int_equal(trunks_alloc(&e->trunks), 0);
	assert_int_equal(calls_alloc(&e->calls, loop, e->stack, e->media,
				     e->accounts, e->trunks, &e->config,
				     &handlers, e),
			 0);
}

/* Every call that began has ended, with one record each, and holds nothing. */
static UNUSED void engine_close(struct engine *e)
{
	struct calls_count count;

	e->call = mem_deref(e->call);
	calls_drain(e->calls, 0);
	WAIT(e->drained);
	calls_count(e->calls, &count);
	assert_int_equal(count.active, 0);
	assert_int_equal(count.in, 0);
	assert_int_equal(count.out, 0);
	assert_int_equal(e->begun, e->ended);
	assert_int_equal(e->begun, count.total);
	assert_int_equal(media_stream_count(e->media), 0);
	calls_free(e->calls);
	trunks_free(e->trunks);
	accounts_free(e->accounts);
	media_free(e->media);
	stack_free(e->stack);
}

static UNUSED int setup_on(const char *listen)
{
	log_set_level(LOG_ERROR);
	assert_int_equal(loop_alloc(&loop), 0);
	loop_enter(loop);
	engine_open(&a, "a", listen, 23000);
	engine_open(&b, "b", listen, (uint16_t)(23000 + ports()));
	return 0;
}

static UNUSED int setup(void **state)
{
	(void)state;
	return setup_on("udp:127.0.0.1:0");
}

static UNUSED int teardown(void **state)
{
	(void)state;
	engine_close(&a);
	engine_close(&b);
	tmr_cancel(&patience);
	loop_free(loop);
	return 0;
}

/* "127.0.0.1:5060" */
static UNUSED const char *host_of(const struct engine *e)
{
	static char text[64];
	size_t count;

	(void)re_snprintf(text, sizeof(text), "%J",
			  &stack_listens(e->stack, &count)[0].addr);
	return text;
}

/* As a call record names it. */
static UNUSED const char *peer_of(const struct engine *e)
{
	static char text[70];

	(void)snprintf(text, sizeof(text), "udp:%s", host_of(e));
	return text;
}

static UNUSED const char *uri_of(const struct engine *e, const char *user)
{
	static char text[128];

	(void)snprintf(text, sizeof(text), "sip:%s@%s", user, host_of(e));
	return text;
}

/* a calls b, or what DIAL says. */
static UNUSED int dial_with(const struct call_dial *dial, const char **reason,
			    char *err, size_t size)
{
	mem_deref(a.call);
	a.call = NULL;
	return call_dial(&a.call, a.calls, dial, on_event, &a, reason, err,
			 size);
}

static UNUSED void dial(const char *target)
{
	const struct call_dial d = {.target = target};
	const char *reason;
	char err[256] = "";

	if (dial_with(&d, &reason, err, sizeof(err)))
		fail_msg("%s: %s", reason, err);
	assert_int_equal(call_state(a.call), CALL_CALLING);
}

static UNUSED void dial_b(void)
{
	dial(uri_of(&b, "bob"));
}

static UNUSED bool answers(struct engine *e, struct call *call)
{
	(void)e;
	assert_int_equal(call_answer(call), 0);
	return true;
}

static UNUSED bool rings(struct engine *e, struct call *call)
{
	(void)e;
	assert_int_equal(call_ring(call), 0);
	return true;
}

static UNUSED bool waits(struct engine *e, struct call *call)
{
	(void)e;
	(void)call;
	return true;
}

/* An answered call between both, with audio. */
static UNUSED void talk(void)
{
	b.incoming = answers;
	dial_b();
	WAIT(saw(&a, "answered"));
}

static UNUSED void both_complete(unsigned n)
{
	WAIT(a.ended == n && b.ended == n);
}

#endif
