/* A request's outline and a refusal, as text; and the rate in overload. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "sip/overload.h"
#include "sip/peek.h"

static struct peek peek;

static enum peek_kind kind_of(const char *text)
{
	peek_read(&peek, text, strlen(text));
	return peek.kind;
}

#define REST                                     \
	" sip:x@h SIP/2.0\r\n"                   \
	"Via: SIP/2.0/UDP h;branch=z9hG4bK1\r\n" \
	"Call-ID: 1\r\n"

static void kinds_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		enum peek_kind kind;
	} table[] = {
		{"\r\n\r\n", PEEK_KEEPALIVE},
		{"", PEEK_KEEPALIVE},
		{"SIP/2.0 200 OK\r\n\r\n", PEEK_RESPONSE},
		{"INVITE" REST "To: <sip:x@h>\r\n\r\n", PEEK_INVITE},
		{"INVITE" REST "To: <sip:x@h>;tag=1\r\n\r\n", PEEK_WITHIN},
		{"INVITE" REST "t:<sip:x@h> ; TAG=1\r\n\r\n", PEEK_WITHIN},
		{"INVITE" REST "To: <sip:x@h>\r\n ;tag=1\r\n\r\n", PEEK_WITHIN},
		{"INVITE" REST "To: <sip:x@h>;tagged=1\r\n\r\n", PEEK_INVITE},
		{"BYE" REST "To: <sip:x@h>;tag=1\r\n\r\n", PEEK_WITHIN},
		{"ACK" REST "To: <sip:x@h>;tag=1\r\n\r\n", PEEK_ACK},
		{"CANCEL" REST "To: <sip:x@h>\r\n\r\n", PEEK_CANCEL},
		{"OPTIONS" REST "\r\n", PEEK_REQUEST},
		{"INVITE sip:x@h SIP/3.0\r\n\r\n", PEEK_OTHER},
		{"INVITE\r\n\r\n", PEEK_OTHER},
		{"GET / HTTP/1.1\r\n\r\n", PEEK_OTHER},
		{"no line end at all", PEEK_OTHER},
		{"\001\001 binary", PEEK_STUN},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (kind_of(table[i].text) != table[i].kind)
			fail_msg("%zu: %s", i, table[i].text);
}

static const char *reply_to(const char *text, const char *from)
{
	static char out[1024];
	struct sa src;
	size_t len;

	assert_int_equal(sa_decode(&src, from, strlen(from)), 0);
	peek_read(&peek, text, strlen(text));
	len = peek_reply(&peek, &src, out, sizeof(out) - 1,
			 "503 Service Unavailable", "ours",
			 "Retry-After: 5\r\n");
	out[len] = '\0';
	return out;
}

static void a_refusal_has_what_a_response_must_have(void **state)
{
	static const char *const request =
		"INVITE sip:x@h SIP/2.0\r\n"
		"v: SIP/2.0/UDP 10.0.0.1:5070;rport;branch=z9hG4bK1, "
		"SIP/2.0/UDP a.test\r\n"
		"Max-Forwards: 70\r\n"
		"VIA : SIP/2.0/TCP b.test;branch=z9hG4bK2\r\n"
		"f: \"A, B\" <sip:a@h>;tag=1\r\n"
		"To: <sip:x@h>\r\n"
		"  \r\n"
		"Subject: From: nobody\r\n"
		"i: id@h\r\n"
		"CSeq: 1 INVITE\r\n"
		"Content-Length: 3\r\n"
		"\r\n"
		"To: not a header\r\n";
	(void)state;

	assert_string_equal(
		reply_to(request, "192.0.2.1:40000"),
		"SIP/2.0 503 Service Unavailable\r\n"
		"Via: SIP/2.0/UDP 10.0.0.1:5070;rport=40000;branch=z9hG4bK1"
		";received=192.0.2.1, SIP/2.0/UDP a.test\r\n"
		"Via: SIP/2.0/TCP b.test;branch=z9hG4bK2\r\n"
		"From: \"A, B\" <sip:a@h>;tag=1\r\n"
		"To: <sip:x@h>;tag=ours\r\n"
		"Call-ID: id@h\r\n"
		"CSeq: 1 INVITE\r\n"
		"Retry-After: 5\r\n"
		"Content-Length: 0\r\n"
		"\r\n");
	assert_string_equal(reply_to("INVITE" REST "\r\n", "192.0.2.1:1"), "");
}

static void each_cut_of_a_request_is_read_within_its_bounds(void **state)
{
	static const char request[] =
		"INVITE" REST "From: <sip:a@h>;tag=1\r\nTo: <sip:x@h>\r\n"
		"CSeq: 1 INVITE\r\n\r\n";
	struct sa src, dst;
	char out[512];
	(void)state;

	sa_set_in(&src, 0x7f000001, 5060);
	for (size_t n = 0; n < sizeof(request); n++) {
		/* of its own size, so that a sanitizer sees a step too far */
		char *copy = mem_alloc(n ? n : 1, NULL);

		assert_non_null(copy);
		memcpy(copy, request, n);
		peek_read(&peek, copy, n);
		(void)peek_reply_addr(&peek, &src, &dst);
		(void)peek_reply(&peek, &src, out, n, "503 No", "t", "");
		mem_deref(copy);
	}
}

static void answers_go_where_the_via_says(void **state)
{
	static const struct {
		const char *via;
		unsigned port; /* 0: the long way */
	} table[] = {
		{"SIP/2.0/UDP 10.0.0.1;branch=1", 5060},
		{"SIP/2.0/UDP 10.0.0.1:5070;branch=1", 5070},
		{"SIP/2.0/UDP 10.0.0.1:5070;branch=1;rport", 40000},
		{"SIP/2.0/UDP [2001:db8::1];branch=1", 5060},
		{"SIP/2.0/UDP [2001:db8::1]:5070", 5070},
		{"SIP/2.0/UDP 10.0.0.1:0;branch=1", 0},
		{"SIP/2.0/UDP 10.0.0.1:70000;branch=1", 0},
		{"SIP/2.0/UDP h;maddr=239.1.1.1;branch=1", 0},
		{"nonsense", 0},
	};
	char text[256];
	struct sa src, dst;
	(void)state;

	sa_set_in(&src, 0xc0000201, 40000);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		(void)re_snprintf(text, sizeof(text),
				  "OPTIONS sip:x@h SIP/2.0\r\nVia: %s\r\n\r\n",
				  table[i].via);
		peek_read(&peek, text, strlen(text));
		if (peek_reply_addr(&peek, &src, &dst) != (table[i].port != 0))
			fail_msg("%s", table[i].via);
		if (!table[i].port)
			continue;
		assert_true(sa_cmp(&src, &dst, SA_ADDR));
		assert_int_equal(sa_port(&dst), table[i].port);
	}
}

/* ---- overload: a server that can do CAPACITY calls a second ------------- */

struct server {
	double capacity, queue; /* calls that wait */
	uint64_t now_ms;
	unsigned offered, admitted;
};

/* MS of OFFERED calls a second. */
static void offer(struct overload *o, struct server *s, double offered,
		  unsigned ms)
{
	double due = 0;

	for (unsigned i = 0; i < ms; i++) {
		s->now_ms++;
		s->queue -= s->capacity / 1000;
		if (s->queue < 0)
			s->queue = 0;
		due += offered / 1000;
		while (due >= 1) {
			due--;
			overload_waited(
				o, s->now_ms,
				(uint64_t)(s->queue / s->capacity * 1e6));
			s->offered++;
			if (!overload_admits(o, s->now_ms))
				continue;
			s->admitted++;
			s->queue++;
		}
	}
}

static void in_overload_as_many_are_admitted_as_can_be_done(void **state)
{
	static const double loads[] = {1.25, 1.5, 2, 4};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
		struct server s = {.capacity = 5000, .now_ms = 100000};
		struct overload o;

		overload_init(&o, 50);
		offer(&o, &s, s.capacity * 0.9, 3000);
		assert_false(o.active);
		assert_int_equal(s.admitted, s.offered);

		offer(&o, &s, s.capacity * loads[i], 2000);
		assert_true(o.active);
		s.admitted = 0;
		offer(&o, &s, s.capacity * loads[i], 10000);
		assert_true(o.active);
		assert_int_equal(o.times, 1); /* it doesn't flap */
		if (s.admitted < 46000 || s.admitted > 51000)
			fail_msg("load %.1f: %u", loads[i], s.admitted);
		assert_true(s.queue / s.capacity < 0.1);

		/* it ends by itself, soon */
		offer(&o, &s, s.capacity * 0.5, 4000);
		assert_false(o.active);
	}
}

/* MS of a dialer that looks each 20 ms whether it may begin the calls that its
 * rate allows, and begins them NOTED_MS later, when each has its row; what they
 * are answered waits like all else. */
static void dial(struct overload *o, struct server *s, double wanted,
		 unsigned noted_ms, unsigned ms)
{
	unsigned coming[128] = {0}, pending = 0;
	double due = 0;

	assert_true(noted_ms < ARRAY_SIZE(coming));
	for (unsigned i = 0; i < ms; i++) {
		unsigned room = 0, begun;

		s->now_ms++;
		s->queue -= s->capacity / 1000;
		if (s->queue < 0)
			s->queue = 0;
		for (unsigned n = 0; n < 4; n++)
			overload_waited(
				o, s->now_ms,
				(uint64_t)(s->queue / s->capacity * 1e6));
		due += wanted / 1000;
		if (s->now_ms % 20 == 0 && due >= 1)
			room = overload_room(o, s->now_ms,
					     (unsigned)due + pending);
		room = room > pending ? room - pending : 0;
		due -= room;
		pending += room;
		coming[(s->now_ms + noted_ms) % ARRAY_SIZE(coming)] += room;
		begun = coming[s->now_ms % ARRAY_SIZE(coming)];
		coming[s->now_ms % ARRAY_SIZE(coming)] = 0;
		pending -= begun;
		for (; begun; begun--, s->queue++, s->admitted++)
			overload_began(o, s->now_ms);
		if (due > wanted / 10)
			due = wanted / 10;
	}
}

static void a_dialer_begins_as_many_calls_as_can_be_done(void **state)
{
	static const double loads[] = {1.25, 2, 4};
	(void)state;

	for (size_t i = 0; i < 2 * ARRAY_SIZE(loads); i++) {
		const double load = loads[i / 2];
		const unsigned noted_ms = i % 2 ? 60 : 0;
		struct server s = {.capacity = 1000, .now_ms = 100000};
		struct overload o;

		overload_init(&o, 50);
		dial(&o, &s, s.capacity * 0.9, noted_ms, 3000);
		assert_false(o.active);
		dial(&o, &s, s.capacity * load, noted_ms, 3000);
		assert_true(o.active);
		s.admitted = 0;
		dial(&o, &s, s.capacity * load, noted_ms, 10000);
		assert_true(o.active);
		assert_int_equal(o.times, 1);
		if (s.admitted < 8800 || s.admitted > 10200)
			fail_msg("load %.1f, noted in %u ms: %u", load,
				 noted_ms, s.admitted);
		assert_true(s.queue / s.capacity < 0.15);

		dial(&o, &s, s.capacity * 0.5, noted_ms, 4000);
		assert_false(o.active);
	}
}

static void an_accident_is_no_overload(void **state)
{
	struct overload o;
	uint64_t now = 100000;
	(void)state;

	overload_init(&o, 50);
	for (unsigned i = 0; i < 100; i++, now += 50) {
		overload_waited(&o, now, i % 10 ? 1000 : 300000);
		overload_late(&o, now, i % 10 ? 0 : 200000);
		assert_true(overload_admits(&o, now));
	}
	assert_int_equal(o.times, 0);
	/* a loop that is late all the time is, though nothing comes */
	for (unsigned i = 0; i < 10; i++, now += 150)
		overload_late(&o, now, 100000);
	assert_true(o.active);
	overload_init(&o, 0);
	for (unsigned i = 0; i < 100; i++, now += 10)
		overload_waited(&o, now, 10000000);
	assert_true(overload_admits(&o, now));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_are_told_apart),
		cmocka_unit_test(a_refusal_has_what_a_response_must_have),
		cmocka_unit_test(
			each_cut_of_a_request_is_read_within_its_bounds),
		cmocka_unit_test(answers_go_where_the_via_says),
		cmocka_unit_test(
			in_overload_as_many_are_admitted_as_can_be_done),
		cmocka_unit_test(a_dialer_begins_as_many_calls_as_can_be_done),
		cmocka_unit_test(an_accident_is_no_overload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
