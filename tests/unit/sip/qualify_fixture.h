/* qualify_fixture.h -- peers of real sockets, asked by a qualifier
 *
 * The clock (still_clock.h) jumps to the next timer when nothing is left to do.
 * Included by one test program each: everything is static.
 */
#ifndef MOONDIAL_TEST_QUALIFY_FIXTURE_H
#define MOONDIAL_TEST_QUALIFY_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <event2/event.h>
#include <re.h>
#include "base/loop.h"
#include "sip/reach/qualify.h"
#include "sip/reach/resolve.h"
#include "sip/stack.h"
#include "still_clock.h"

#define UNUSED __attribute__((unused))

/* --- the peer */

#define MINUTE_MS UINT64_C(60000)

enum { KEPT = 64, MANY = 3000 };

struct request {
	char text[1024];
	uint64_t at_ms;
	struct sa src;
	bool answered;
};

static struct loop *loop;
static struct stack *stack;
static struct qualifier *qualifier;
static struct qualify *peer;
static struct udp_sock *socket_, *second_socket, *dns_socket;
static struct tcp_sock *tcp_socket;
static struct tcp_conn *tcp_conn;
static struct sa addr;
static UNUSED struct sa second_addr, tcp_addr;
static char uri[64];
static struct request requests[KEPT];
static unsigned count, second_count;
static unsigned per_second[4 * 60];

/* Answer request N after DELAY_MS with STATUS; NULL: never. */
struct behaviour {
	const char *status;
	unsigned lost; /* of each cycle's tries, so many first ones */
	uint64_t delay_ms;
};
static struct behaviour behaviour;
static unsigned tries; /* since it was heard last */

static enum reach states[KEPT];
static unsigned changes;
static bool release;

/* The value of header NAME in TEXT. */
static UNUSED void value(char *out, size_t size, const char *text,
			 const char *name)
{
	const char *p = strstr(text, name);
	size_t n;

	assert_non_null(p);
	p += strlen(name);
	n = strcspn(p, "\r");
	assert_true(n < size);
	memcpy(out, p, n);
	out[n] = '\0';
}

static struct mbuf *response(const char *request, const char *status)
{
	static const char *const echoed[] = {
		"\r\nVia: ", "\r\nFrom: ", "\r\nTo: ", "\r\nCall-ID: ",
		"\r\nCSeq: "};
	struct mbuf *mb = mbuf_alloc(1024);
	char s[512];

	(void)mbuf_printf(mb, "SIP/2.0 %s\r\n", status);
	for (size_t i = 0; i < ARRAY_SIZE(echoed); i++) {
		value(s, sizeof(s), request, echoed[i]);
		(void)mbuf_printf(mb, "%s%s%s\r\n", echoed[i] + 2, s,
				  i == 2 ? ";tag=peer" : "");
	}
	(void)mbuf_write_str(mb, "Content-Length: 0\r\n\r\n");
	mb->pos = 0;
	return mb;
}

static void answer(struct request *r, const char *status)
{
	struct mbuf *mb = response(r->text, status);

	r->answered = true;
	assert_int_equal(udp_send(socket_, &r->src, mb), 0);
	mem_deref(mb);
}

static void on_request(const struct sa *src, struct mbuf *mb, void *arg)
{
	struct request *r = &requests[count % KEPT];
	(void)arg;

	memset(r, 0, sizeof(*r));
	assert_true(mbuf_get_left(mb) < sizeof(r->text));
	(void)mbuf_read_mem(mb, (uint8_t *)r->text, mbuf_get_left(mb));
	r->at_ms = now_ms;
	r->src = *src;
	count++;
	if (now_ms / 1000 - 1000 < ARRAY_SIZE(per_second))
		per_second[now_ms / 1000 - 1000]++;
	if (!behaviour.status)
		return;
	if (tries++ < behaviour.lost)
		return;
	if (!behaviour.delay_ms) {
		tries = 0;
		answer(r, behaviour.status);
	}
}

static UNUSED void on_second(const struct sa *src, struct mbuf *mb, void *arg)
{
	(void)src;
	(void)mb;
	(void)arg;
	second_count++;
}

/* What the peer has waited with. */
static void answer_due(void)
{
	for (unsigned i = 0; behaviour.delay_ms && i < count && i < KEPT; i++) {
		struct request *r = &requests[i];

		if (!r->answered && now_ms >= r->at_ms + behaviour.delay_ms)
			answer(r, behaviour.status);
	}
}

static void on_change(struct qualify *qualify, void *arg)
{
	(void)arg;
	assert_true(changes < KEPT);
	states[changes++] = qualify_state(qualify);
	if (release) {
		assert_ptr_equal(qualify, peer);
		peer = mem_deref(peer);
	}
}

static void pump(void)
{
	for (int i = 0; i < 12; i++)
		(void)event_base_loop(loop_event_base(loop), EVLOOP_NONBLOCK);
}

/* Let MS pass. */
static void pass(uint64_t ms)
{
	const uint64_t end = now_ms + ms;

	for (;;) {
		uint64_t next, step;

		pump();
		answer_due();
		pump();
		next = tmr_next_timeout(NULL);
		step = next && now_ms + next < end ? next : end - now_ms;
		if (behaviour.delay_ms && step > 100)
			step = 100;
		if (!step && now_ms == end)
			return;
		now_ms += step;
		tmr_poll(NULL);
	}
}

static int setup(void **state)
{
	struct stack_listen listen[2];
	struct stack_config config = {
		.listen = listen, .listen_count = 2, .user_agent = "moondial"};
	char err[256];
	(void)state;

	now_ms = 1000000;
	count = second_count = changes = tries = 0;
	release = false;
	memset(per_second, 0, sizeof(per_second));
	memset(requests, 0, sizeof(requests));
	behaviour = (struct behaviour){.status = "200 OK"};
	if (loop_alloc(&loop))
		return -1;
	loop_enter(loop);
	if (!stack_listen_parse(&listen[0], "udp:127.0.0.1:0", err,
				sizeof(err)) ||
	    !stack_listen_parse(&listen[1], "tcp:127.0.0.1:0", err,
				sizeof(err)) ||
	    stack_alloc(&stack, &config, NULL, NULL, err, sizeof(err)))
		return -1;
	if (sa_set_str(&addr, "127.0.0.1", 0) ||
	    udp_listen(&socket_, &addr, on_request, NULL) ||
	    udp_local_get(socket_, &addr))
		return -1;
	/* of many peers' requests none is lost for want of room */
	(void)udp_sockbuf_set(socket_, 4 << 20);
	(void)re_snprintf(uri, sizeof(uri), "sip:bob@%J", &addr);
	return qualifier_alloc(&qualifier, stack);
}

static int teardown(void **state)
{
	(void)state;
	peer = mem_deref(peer);
	qualifier_free(qualifier);
	stack_free(stack);
	socket_ = mem_deref(socket_);
	second_socket = mem_deref(second_socket);
	dns_socket = mem_deref(dns_socket);
	tcp_conn = mem_deref(tcp_conn);
	tcp_socket = mem_deref(tcp_socket);
	loop_free(loop);
	return 0;
}

static void begin(const struct qualify_params *params)
{
	assert_int_equal(
		qualify_alloc(&peer, qualifier, params, on_change, NULL), 0);
}

static UNUSED void begin_plain(void)
{
	const struct qualify_params params = {.uri = uri};

	begin(&params);
}

#endif
