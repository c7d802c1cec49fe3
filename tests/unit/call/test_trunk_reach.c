/* test_trunk_reach.c -- trunks whose hosts are there, are not, or come back */
#include "call_fixture.h"

#include <errno.h>

#include "sip/reach/qualify.h"

/* A peer that answers OPTIONS while it is told to. */
static struct udp_sock *peer_socket;
static struct sa peer_addr;
static char peer_host[64];
static bool peer_answers;
static unsigned asked;

static struct trunk_change changes[64];
static char change_hosts[64][64];
static unsigned change_count;

static void on_packet(const struct sa *src, struct mbuf *mb, void *arg)
{
	struct sip_msg *msg = NULL;
	struct mbuf *out;
	(void)arg;

	if (mbuf_get_left(mb) < 20 || sip_msg_decode(&msg, mb))
		return;
	asked++;
	out = mbuf_alloc(1024);
	(void)mbuf_printf(out,
			  "SIP/2.0 200 OK\r\nVia: %r\r\nFrom: %r\r\n"
			  "To: %r;tag=p\r\nCall-ID: %r\r\nCSeq: %u %r\r\n"
			  "Content-Length: 0\r\n\r\n",
			  &msg->via.val, &msg->from.val, &msg->to.val,
			  &msg->callid, msg->cseq.num, &msg->cseq.met);
	out->pos = 0;
	if (peer_answers && !pl_strcmp(&msg->met, "OPTIONS"))
		(void)udp_send(peer_socket, src, out);
	mem_deref(out);
	mem_deref(msg);
}

static void on_change(struct trunk *trunk, const struct trunk_change *change,
		      void *arg)
{
	(void)arg;
	assert_non_null(trunk);
	assert_true(change_count < 64);
	changes[change_count] = *change;
	keep(change_hosts[change_count], 64, change->host);
	change_count++;
}

static int reach_setup(void **state)
{
	setup(state);
	peer_answers = false;
	asked = change_count = 0;
	assert_int_equal(sa_set_str(&peer_addr, "127.0.0.1", 0), 0);
	assert_int_equal(udp_listen(&peer_socket, &peer_addr, on_packet, NULL),
			 0);
	assert_int_equal(udp_local_get(peer_socket, &peer_addr), 0);
	(void)re_snprintf(peer_host, sizeof(peer_host), "%J", &peer_addr);
	trunks_watch(a.trunks, a.stack, a.accounts, on_change, NULL);
	return 0;
}

static int reach_teardown(void **state)
{
	peer_socket = mem_deref(peer_socket);
	return teardown(state);
}

static const struct trunk_reach_params quick = {
	.qualify = true, .every_ms = 1000, .timeout_ms = 500, .tries = 1};

static struct trunk *set(const char *name, const char *one, const char *other,
			 struct trunk_reach_params reach)
{
	const char *hosts[] = {one, other, NULL};
	const struct trunk_params params = {
		.name = name, .hosts = hosts, .reach = reach};
	char err[256];

	if (trunk_set(a.trunks, &params, err, sizeof(err)))
		fail_msg("%s", err);
	return trunk_find(a.trunks, name);
}

static enum reach host_state(const struct trunk *trunk, size_t host)
{
	struct trunk_reading reading;

	trunk_read_host(trunk, host, &reading);
	return reading.state;
}

static const char *reason_of(const struct trunk *trunk)
{
	static struct trunk_reading reading;

	trunk_read(trunk, &reading);
	return reading.reason;
}

static void without_qualify_all_is_unknown_and_used(void **state)
{
	struct trunk *trunk =
		set("t", host_of(&b), NULL, (struct trunk_reach_params){0});
	struct trunk_reading reading;
	(void)state;

	b.incoming = answers;
	dial("trunk:t/100");
	WAIT(saw(&a, "answered"));
	trunk_read(trunk, &reading);
	assert_int_equal(reading.state, REACH_UNKNOWN);
	assert_true(reading.availability < 0);
	assert_int_equal(change_count, 0);
}

static void a_host_that_answers_is_reachable(void **state)
{
	struct trunk *trunk = set("t", host_of(&b), NULL, quick);
	struct trunk_reading reading;
	struct trunk_change history[4];
	(void)state;

	WAIT(trunk_state(trunk) == REACH_REACHABLE);
	trunk_read(trunk, &reading);
	assert_true(reading.rtt_us > 0 && reading.srtt_us > 0);
	assert_true(reading.availability == 1);
	assert_true(reading.since_ms > 0);
	/* one host: its change is the trunk's */
	assert_int_equal(change_count, 1);
	assert_null(changes[0].host);
	assert_int_equal(changes[0].was, REACH_UNKNOWN);
	assert_int_equal(trunk_history(trunk, history, 4), 1);
	assert_int_equal(history[0].now, REACH_REACHABLE);
}

static void a_silent_host_is_passed_over(void **state)
{
	struct trunk *trunk = set("t", peer_host, host_of(&b), quick);
	(void)state;

	WAIT(host_state(trunk, 0) == REACH_UNREACHABLE);
	WAIT(host_state(trunk, 1) == REACH_REACHABLE);
	/* the trunk's state is that of its best host */
	assert_int_equal(trunk_state(trunk), REACH_REACHABLE);
	b.incoming = answers;
	asked = 0;
	dial("trunk:t/100");
	WAIT(saw(&a, "answered"));
	/* nor was the other tried before */
	assert_string_equal(
		call_cdr(a.call)->to_uri,
		(snprintf(a.text, sizeof(a.text), "sip:100@%s", host_of(&b)),
		 a.text));
	/* each host's change was told, and the trunk's */
	assert_int_equal(change_count, 3);

	/* it comes back, and is first again */
	peer_answers = true;
	WAIT(host_state(trunk, 0) == REACH_REACHABLE);
}

static void a_trunk_without_a_host_refuses_at_once(void **state)
{
	struct trunk *trunk = set("t", peer_host, NULL, quick);
	const struct call_dial d = {.target = "trunk:t/100"};
	const char *reason;
	char err[256];
	(void)state;

	WAIT(trunk_state(trunk) == REACH_UNREACHABLE);
	assert_string_equal(reason_of(trunk), "no answer to 1 OPTIONS");
	assert_int_equal(dial_with(&d, &reason, err, sizeof(err)),
			 EHOSTUNREACH);
	assert_string_equal(reason, "unreachable");
	assert_string_equal(err, "trunk 't' is unreachable: no answer to 1 "
				 "OPTIONS");
	WAIT(a.ended == 1);
	assert_non_null(strstr(a.cdrs[0].end, " 27 engine unreachable"));
	assert_string_equal(a.cdrs[0].trunk, "t");

	peer_answers = true;
	WAIT(trunk_state(trunk) == REACH_REACHABLE);
	assert_true(change_count == 2);
}

static void the_next_trunk_of_a_list_is_taken(void **state)
{
	const char *const names[] = {"dead", "alive", NULL};
	const char *const missing[] = {"dead", "none", NULL};
	struct call_dial d = {.target = "100", .trunks = names};
	struct trunk *dead = set("dead", peer_host, NULL, quick);
	struct trunk *alive = set("alive", host_of(&b), NULL, quick);
	const char *reason;
	char err[256];
	(void)state;

	WAIT(trunk_state(dead) == REACH_UNREACHABLE);
	WAIT(trunk_state(alive) == REACH_REACHABLE);
	b.incoming = answers;
	assert_int_equal(dial_with(&d, &reason, err, sizeof(err)), 0);
	WAIT(saw(&a, "answered"));
	assert_string_equal(call_cdr(a.call)->trunk, "alive");

	/* the first again, once it is back */
	peer_answers = true;
	WAIT(trunk_state(dead) == REACH_REACHABLE);
	assert_int_equal(dial_with(&d, &reason, err, sizeof(err)), 0);
	assert_string_equal(call_cdr(a.call)->trunk, "dead");

	d.trunks = missing;
	assert_int_equal(dial_with(&d, &reason, err, sizeof(err)), ENOENT);
	assert_string_equal(err, "no trunk 'none' is configured");
}

static void a_full_trunk_is_passed_over_too(void **state)
{
	const char *const names[] = {"small", "large", NULL};
	const char *hosts[] = {host_of(&b), NULL};
	struct trunk_params small = {
		.name = "small", .hosts = hosts, .max_calls = 1};
	const struct call_dial d = {.target = "100", .trunks = names};
	const char *reason;
	struct call *first;
	char err[256];
	(void)state;

	assert_int_equal(trunk_set(a.trunks, &small, err, sizeof(err)), 0);
	(void)set("large", hosts[0], NULL, (struct trunk_reach_params){0});
	b.incoming = answers;
	assert_int_equal(dial_with(&d, &reason, err, sizeof(err)), 0);
	WAIT(saw(&a, "answered"));
	assert_string_equal(call_cdr(a.call)->trunk, "small");
	first = mem_ref(a.call);
	assert_int_equal(dial_with(&d, &reason, err, sizeof(err)), 0);
	assert_string_equal(call_cdr(a.call)->trunk, "large");
	mem_deref(first);
}

static bool busy_for_a_while(struct engine *e, struct call *call)
{
	(void)e;
	assert_int_equal(call_set_header(call, "Retry-After", "2"), 0);
	assert_int_equal(call_reject(call, 503, NULL), 0);
	return true;
}

static bool busy(struct engine *e, struct call *call)
{
	(void)e;
	assert_int_equal(call_reject(call, 503, NULL), 0);
	return true;
}

static void a_503_with_retry_after_counts_as_evidence(void **state)
{
	struct trunk *trunk = set("t", host_of(&b), NULL, quick);
	int64_t since;
	(void)state;

	WAIT(trunk_state(trunk) == REACH_REACHABLE);
	b.incoming = busy_for_a_while;
	dial("trunk:t/100");
	WAIT(trunk_state(trunk) == REACH_UNREACHABLE);
	assert_string_equal(reason_of(trunk), "INVITE: Service Unavailable");
	since = clock_wall_ms();
	/* for as long as it asks: then OPTIONS decide */
	WAIT(trunk_state(trunk) == REACH_REACHABLE);
	assert_in_range(clock_wall_ms() - since, 1500, 9000);
}

static void without_it_the_second_503_in_a_row_counts(void **state)
{
	struct trunk *trunk = set("t", host_of(&b), NULL, quick);
	(void)state;

	WAIT(trunk_state(trunk) == REACH_REACHABLE);
	b.incoming = busy;
	dial("trunk:t/100");
	WAIT(a.ended == 1);
	assert_int_equal(trunk_state(trunk), REACH_REACHABLE);
	/* another answer in between starts anew */
	b.incoming = rings;
	dial("trunk:t/100");
	WAIT(saw(&a, "ringing"));
	b.incoming = busy;
	dial("trunk:t/100");
	WAIT(strstr(a.cdrs[1].end, "503"));
	assert_int_equal(trunk_state(trunk), REACH_REACHABLE);
	dial("trunk:t/100");
	WAIT(trunk_state(trunk) == REACH_UNREACHABLE);
}

/* It answers OPTIONS, but no INVITE. */
static void an_invite_without_an_answer_counts_as_evidence(void **state)
{
	struct trunk *trunk = set("t", peer_host, host_of(&b), quick);
	(void)state;

	peer_answers = true;
	b.incoming = answers;
	WAIT(host_state(trunk, 0) == REACH_REACHABLE);
	dial("trunk:t/100");
	WAIT(saw(&a, "answered")); /* by the second host, after six seconds */
	assert_int_equal(host_state(trunk, 0), REACH_UNREACHABLE);
	a.events[0] = '\0';
	asked = 0;
	dial("trunk:t/200");
	WAIT(saw(&a, "answered"));
	assert_int_equal(asked, 0);
}

static void what_is_set_again_keeps_what_is_known(void **state)
{
	const char *hosts[] = {host_of(&b), NULL};
	struct trunk_params params = {
		.name = "t", .hosts = hosts, .max_calls = 7, .reach = quick};
	struct trunk *trunk = set("t", hosts[0], NULL, quick);
	struct trunk_reading before, after;
	char err[256];
	(void)state;

	WAIT(trunk_state(trunk) == REACH_REACHABLE);
	trunk_read(trunk, &before);
	assert_int_equal(trunk_set(a.trunks, &params, err, sizeof(err)), 0);
	trunk_read(trunk, &after);
	assert_int_equal(after.state, REACH_REACHABLE);
	assert_int_equal(after.since_ms, before.since_ms);
	assert_int_equal(change_count, 1);

	/* another host is another matter */
	hosts[0] = peer_host;
	assert_int_equal(trunk_set(a.trunks, &params, err, sizeof(err)), 0);
	assert_int_equal(trunk_state(trunk), REACH_UNKNOWN);
	WAIT(trunk_state(trunk) == REACH_UNREACHABLE);
	/* and none is asked any more */
	params.reach.qualify = false;
	assert_int_equal(trunk_set(a.trunks, &params, err, sizeof(err)), 0);
	assert_int_equal(trunk_state(trunk), REACH_UNKNOWN);
}

static void a_dead_keepalive_makes_it_unreachable(void **state)
{
	struct trunk *trunk =
		set("t", peer_host, NULL,
		    (struct trunk_reach_params){.keepalive = KEEPALIVE_STUN,
						.keepalive_ms = 1000});
	(void)state;

	WAIT(trunk_state(trunk) == REACH_UNREACHABLE);
	assert_string_equal(reason_of(trunk),
			    "keep-alive: no answer to 4 STUN requests");
}

static void an_answered_keepalive_makes_it_reachable(void **state)
{
	struct trunk *trunk =
		set("t", host_of(&b), NULL,
		    (struct trunk_reach_params){.keepalive = KEEPALIVE_STUN,
						.keepalive_ms = 1000});
	(void)state;

	WAIT(trunk_state(trunk) == REACH_REACHABLE);
}

static void notify_is_a_way_to_ask(void **state)
{
	struct trunk *trunk =
		set("t", host_of(&b), NULL,
		    (struct trunk_reach_params){.keepalive = KEEPALIVE_NOTIFY,
						.keepalive_ms = 1000});
	(void)state;

	/* 405 is an answer */
	WAIT(trunk_state(trunk) == REACH_REACHABLE);
}

static void a_trunk_of_an_account_asks_its_registrar(void **state)
{
	const struct trunk_params params = {
		.name = "t", .account = "line", .reach = quick};
	char registrar[80], err[256];
	struct account_params account = {.name = "line",
					 .uri = "sip:alice@example.test",
					 .registrar = registrar};
	struct trunk *trunk;
	(void)state;

	(void)snprintf(registrar, sizeof(registrar), "sip:%s", peer_host);
	assert_int_equal(account_set(a.accounts, &account, err, sizeof(err)),
			 0);
	assert_int_equal(trunk_set(a.trunks, &params, err, sizeof(err)), 0);
	trunk = trunk_find(a.trunks, "t");
	WAIT(trunk_state(trunk) == REACH_UNREACHABLE);
	/* the account moves to another server */
	(void)snprintf(registrar, sizeof(registrar), "sip:%s", host_of(&b));
	assert_int_equal(account_set(a.accounts, &account, err, sizeof(err)),
			 0);
	trunks_account_set(a.trunks, "line");
	assert_int_equal(trunk_state(trunk), REACH_UNKNOWN);
	WAIT(trunk_state(trunk) == REACH_REACHABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, reach_setup, reach_teardown)
		TEST(without_qualify_all_is_unknown_and_used),
		TEST(a_host_that_answers_is_reachable),
		TEST(a_silent_host_is_passed_over),
		TEST(a_trunk_without_a_host_refuses_at_once),
		TEST(the_next_trunk_of_a_list_is_taken),
		TEST(a_full_trunk_is_passed_over_too),
		TEST(a_503_with_retry_after_counts_as_evidence),
		TEST(without_it_the_second_503_in_a_row_counts),
		TEST(an_invite_without_an_answer_counts_as_evidence),
		TEST(what_is_set_again_keeps_what_is_known),
		TEST(a_dead_keepalive_makes_it_unreachable),
		TEST(an_answered_keepalive_makes_it_reachable),
		TEST(notify_is_a_way_to_ask),
		TEST(a_trunk_of_an_account_asks_its_registrar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
