/* The n-th allocation fails, for every n, from the INVITE to the BYE: the
 * engine lives, each call that began ends with one record, nothing stays. */
#include "call_fixture.h"
#include "call/bridge.h"
#include "sip/sdp.h"

enum { STEP_DEFAULT = 13, STUCK_MS = 250 };

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

/* Of the loop's thread only: workers allocate when they like. */
static _Thread_local bool counted;
static unsigned long requests, fail_at, fail_for;

static bool denied(void)
{
	if (!counted || !fail_for)
		return false;
	requests++;
	return requests >= fail_at && requests < fail_at + fail_for;
}

void *__wrap_malloc(size_t size)
{
	return denied() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return denied() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return denied() ? NULL : __real_realloc(p, size);
}

/* MOONDIAL_EVERY=1 tries each n; the default is quick. */
static unsigned long step(void)
{
	const char *every = getenv("MOONDIAL_EVERY");

	return every ? strtoul(every, NULL, 10) : STEP_DEFAULT;
}

static bool at_rest(const struct engine *e)
{
	struct calls_count count;

	calls_count(e->calls, &count);
	return !count.active && e->begun == e->ended &&
	       !media_stream_count(e->media);
}

/* Alone in a bridge, and out of it by its end. */
static void join_a_bridge(struct engine *e, struct call *call)
{
	const struct bridge_role role = {.talk = BRIDGE_ALL,
					 .hear = BRIDGE_ALL,
					 .party = true,
					 .to = "nobody"};
	struct bridge *bridge;

	if (bridge_alloc(&bridge, e->calls))
		return;
	(void)bridge_join(bridge, call, &role);
	(void)bridge_hear(call, BRIDGE_WHISPER);
	mem_deref(bridge);
}

static void hang_up_answered(struct engine *e, struct call *call,
			     const struct call_event *event)
{
	if (event->type == CALL_EV_ANSWERED) {
		uint32_t op = 1;

		join_a_bridge(e, call);
		(void)call_send_digits(call, "1", CALL_DTMF_INFO, 0, 0, &op);
		(void)call_hold(call);
	}
	if (event->type == CALL_EV_OFFER_DONE)
		call_hangup(call, CALL_LOCAL, NULL);
}

static bool answers_somehow(struct engine *e, struct call *call)
{
	(void)e;
	(void)call_set_header(call, "X-Test", "1");
	(void)call_ring(call);
	return !call_answer(call);
}

static struct tmr stuck;

/* What has lost a message for want of memory would go on for 32 s. */
static void hang_up_all(void *arg)
{
	(void)arg;
	if (a.call)
		call_hangup(a.call, CALL_LOCAL, NULL);
	if (b.call)
		call_hangup(b.call, CALL_LOCAL, NULL);
	tmr_start(&stuck, STUCK_MS, hang_up_all, NULL);
}

/* One call while FOR_ requests from N on fail; how many there were. */
static unsigned long one_call(unsigned long n, unsigned long for_)
{
	const char *reason;
	char err[256], target[128];
	const struct call_dial d = {.target = target,
				    .headers = "X-Test: 1\r\n"};
	struct call *call = NULL;

	(void)snprintf(target, sizeof(target), "%s", uri_of(&b, "bob"));
	a.events[0] = b.events[0] = '\0';
	a.call = mem_deref(a.call);
	b.call = mem_deref(b.call);
	tmr_start(&stuck, STUCK_MS, hang_up_all, NULL);
	requests = 0;
	fail_at = n;
	fail_for = for_;
	counted = true;
	(void)call_dial(&call, a.calls, &d, on_event, &a, &reason, err,
			sizeof(err));
	a.call = call;
	WAIT(at_rest(&a) && at_rest(&b));
	counted = false;
	tmr_cancel(&stuck);
	return requests;
}

static void a_call_survives_each_allocation_that_fails(void **state)
{
	static const unsigned long lengths[] = {1, 60};
	unsigned long total;
	(void)state;

	a.on_event = hang_up_answered;
	b.incoming = answers_somehow;
	(void)one_call(1000000, 1); /* what is kept for later is there */
	total = one_call(1000000, 1);
	assert_true(saw(&a, "answered") && saw(&b, "ended"));
	assert_true(total > 100);
	print_message("%lu allocations\n", total);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		for (unsigned long n = 1 + i; n <= total; n += step())
			(void)one_call(n, lengths[i]);
	/* with memory, all is as it was */
	(void)one_call(1000000, 1);
	assert_true(saw(&a, "answered") && saw(&b, "ended"));
}

static void a_description_survives_each_allocation_that_fails(void **state)
{
	static const struct sdp_codec codecs[] = {
		{.name = "PCMU", .srate = 8000, .channels = 1, .pt = 0}};
	static const char text[] =
		"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\n"
		"c=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 0 RTP/AVP 31\r\n"
		"m=audio 9 RTP/AVP 0 101\r\na=rtpmap:101 "
		"telephone-event/8000\r\na=fmtp:101 0-15\r\n";
	struct mbuf *offer = mbuf_alloc(sizeof(text));
	unsigned long n = 0;
	int err;
	(void)state;

	(void)mbuf_write_str(offer, text);
	do {
		struct sdp_agreed agreed;
		struct sdp *sdp = NULL;
		struct mbuf *answer = NULL;
		struct sa laddr;

		assert_int_equal(sa_set_str(&laddr, "127.0.0.1", 4000), 0);
		offer->pos = 0;
		requests = 0;
		fail_at = ++n;
		fail_for = 1;
		counted = true;
		err = sdp_alloc(&sdp, &laddr, codecs, 1);
		if (!err)
			err = sdp_offered(sdp, offer, &agreed);
		if (!err)
			err = sdp_answer(sdp, &answer);
		counted = false;
		mem_deref(answer);
		mem_deref(sdp);
		assert_true(!err || err == ENOMEM);
	} while (requests >= n);
	assert_int_equal(err, 0);
	assert_true(n > 10);
	mem_deref(offer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_description_survives_each_allocation_that_fails),
		cmocka_unit_test_setup_teardown(
			a_call_survives_each_allocation_that_fails, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
