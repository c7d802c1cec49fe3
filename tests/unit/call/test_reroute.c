/* A way that fails before the called party has been reached: the trunk's next
 * host, the list's next trunk; and what is final. */
#include "peer_fixture.h"

/* A CDR names its peer with the transport. */
static void assert_peer(const char *text, const struct peer *peer)
{
	char expected[80];

	(void)snprintf(expected, sizeof(expected), "udp:%s", peer_host(peer));
	assert_string_equal(text, expected);
}

/* ---- hosts of a trunk ------------------------------------------------- */

static void congestion_goes_to_the_trunks_next_host(void **state)
{
	const char *const hosts[] = {peer_host(&p), peer_host(&q), NULL};

	(void)state;
	trunk_of("carrier", hosts, "00", 0);
	p.reject = 503;
	q.answer_sdp = g711;
	dial("trunk:carrier/+49 30 1234");
	WAIT(saw(&a, "answered"));
	assert_int_equal(p.invites, 1);
	assert_int_equal(q.invites, 1);
	assert_int_equal(trunk_active(trunk_find(a.trunks, "carrier")), 1);
	call_hangup(a.call, CALL_LOCAL, NULL);
	WAIT(a.ended == 1);
	assert_string_equal(a.cdrs[0].end,
			    "out answered 200 OK 16 local normal");
	assert_string_equal(a.cdrs[0].trunk, "carrier");
	assert_peer(a.cdrs[0].peer, &q);
	assert_non_null(strstr(a.cdrs[0].to, "sip:0049301234@"));
	assert_string_equal(a.cdrs[0].from, "sip:+15550199@127.0.0.1");
	assert_string_equal(a.cdrs[0].codec, "PCMA");
	assert_int_equal(trunk_active(trunk_find(a.trunks, "carrier")), 0);
	assert_int_equal(a.begun, 1);
}

static void a_host_that_is_not_there_is_passed_over(void **state)
{
	struct tcp_sock *gone = NULL;
	char dead[64];
	const char *const hosts[] = {dead, peer_host(&q), NULL};
	struct sa sa;

	(void)state;
	assert_int_equal(sa_set_str(&sa, "127.0.0.1", 0), 0);
	assert_int_equal(tcp_listen(&gone, &sa, NULL, NULL), 0);
	assert_int_equal(tcp_local_get(gone, &sa), 0);
	mem_deref(gone);
	(void)re_snprintf(dead, sizeof(dead), "%J;transport=tcp", &sa);
	trunk_of("carrier", hosts, NULL, 0);
	q.answer_sdp = g711;
	dial("4711"); /* the only trunk is the default one */
	WAIT(saw(&a, "answered"));
	assert_int_equal(q.invites, 1);
}

static void a_silent_host_is_not_waited_for_when_there_is_another(void **state)
{
	struct udp_sock *silent = NULL;
	char quiet[64];
	const char *const hosts[] = {quiet, peer_host(&q), NULL};
	struct sa sa;

	(void)state;
	assert_int_equal(sa_set_str(&sa, "127.0.0.1", 0), 0);
	assert_int_equal(udp_listen(&silent, &sa, NULL, NULL), 0);
	assert_int_equal(udp_local_get(silent, &sa), 0);
	(void)re_snprintf(quiet, sizeof(quiet), "%J", &sa);
	trunk_of("carrier", hosts, NULL, 0);
	q.answer_sdp = g711;
	dial("trunk:carrier/1");
	WAIT(saw(&a, "answered"));
	call_hangup(a.call, CALL_LOCAL, NULL);
	WAIT(a.ended == 1);
	assert_peer(a.cdrs[0].peer, &q);
	mem_deref(silent);
}

static void nobody_is_rung_again_by_another_way(void **state)
{
	const char *const hosts[] = {peer_host(&p), peer_host(&q), NULL};

	(void)state;
	trunk_of("carrier", hosts, NULL, 0);
	dial("trunk:carrier/1");
	WAIT(saw(&a, "ringing"));
	assert_int_equal(session_reject(p.session, 503, NULL, NULL), 0);
	WAIT(a.ended == 1);
	assert_int_equal(q.invites, 0);
	assert_non_null(strstr(a.cdrs[0].end, "out congestion 503"));
}

static void a_word_of_the_called_party_is_final(void **state)
{
	static const uint16_t final[] = {603, 486, 480, 404, 488, 607, 600};
	const char *const hosts[] = {peer_host(&p), peer_host(&q), NULL};

	(void)state;
	trunk_of("carrier", hosts, NULL, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(final); i++) {
		p.reject = final[i];
		dial("trunk:carrier/1");
		WAIT(a.ended == i + 1);
	}
	assert_int_equal(q.invites, 0);
	assert_non_null(strstr(a.cdrs[0].end, "out declined 603"));
}

static void when_every_host_is_congested_so_is_the_call(void **state)
{
	const char *const hosts[] = {peer_host(&p), peer_host(&q), NULL};

	(void)state;
	trunk_of("carrier", hosts, NULL, 0);
	p.reject = 500;
	q.reject = 504;
	dial("trunk:carrier/1");
	WAIT(a.ended == 1);
	assert_string_equal(
		a.cdrs[0].end,
		"out congestion 504 Server Time-out 102 remote rejected");
	assert_string_equal(a.events, "ended closed");
}

/* ---- lists of trunks --------------------------------------------------- */

static const char *const both[] = {"first", "second", NULL};

/* Two trunks with a host each, p and q. */
static void two_trunks(unsigned max_calls)
{
	const char *const one[] = {peer_host(&p), NULL};
	const char *const other[] = {peer_host(&q), NULL};

	trunk_of("first", one, NULL, 0);
	trunk_of("second", other, "00", max_calls);
}

static void dial_list(const char *const *trunks)
{
	const struct call_dial d = {.target = "+49301234", .trunks = trunks};
	const char *reason;
	char err[200];

	if (dial_with(&d, &reason, err, sizeof(err)))
		fail_msg("%s: %s", reason, err);
}

static void congestion_goes_to_the_next_trunk(void **state)
{
	(void)state;
	two_trunks(0);
	p.reject = 503;
	q.answer_sdp = g711;
	dial_list(both);
	assert_int_equal(trunk_active(trunk_find(a.trunks, "first")), 1);
	WAIT(saw(&a, "answered"));
	assert_int_equal(p.invites, 1);
	assert_int_equal(q.invites, 1);
	assert_int_equal(trunk_active(trunk_find(a.trunks, "first")), 0);
	assert_int_equal(trunk_active(trunk_find(a.trunks, "second")), 1);
	call_hangup(a.call, CALL_LOCAL, NULL);
	WAIT(a.ended == 1);
	assert_int_equal(a.begun, 1);
	assert_string_equal(a.cdrs[0].end,
			    "out answered 200 OK 16 local normal");
	assert_string_equal(a.cdrs[0].trunk, "second");
	assert_string_equal(a.cdrs[0].tried, "first:503");
	assert_non_null(strstr(a.cdrs[0].to, "sip:0049301234@"));
	assert_int_equal(trunk_active(trunk_find(a.trunks, "second")), 0);
}

static void what_the_called_party_says_is_final_for_all_trunks(void **state)
{
	static const uint16_t final[] = {603, 486, 480, 404, 607};

	(void)state;
	two_trunks(0);
	for (unsigned i = 0; i < ARRAY_SIZE(final); i++) {
		p.reject = final[i];
		dial_list(both);
		WAIT(a.ended == i + 1);
		assert_string_equal(a.cdrs[i].trunk, "first");
		assert_string_equal(a.cdrs[i].tried, "");
	}
	p.reject = 0;
	dial_list(both);
	WAIT(saw(&a, "ringing"));
	assert_int_equal(session_reject(p.session, 503, NULL, NULL), 0);
	WAIT(a.ended == ARRAY_SIZE(final) + 1);
	assert_int_equal(q.invites, 0);
}

static void a_trunk_without_room_is_not_the_next(void **state)
{
	const struct call_dial d = {.target = "trunk:second/1"};
	struct call *other;
	const char *reason;
	char err[200];

	(void)state;
	two_trunks(1);
	assert_int_equal(call_dial(&other, a.calls, &d, on_event, &a, &reason,
				   err, sizeof(err)),
			 0);
	WAIT(q.invites == 1);
	p.reject = 503;
	dial_list(both);
	WAIT(a.ended == 1);
	assert_int_equal(q.invites, 1);
	assert_non_null(strstr(a.cdrs[0].end, "out congestion 503"));
	assert_string_equal(a.cdrs[0].trunk, "first");
	call_hangup(other, CALL_LOCAL, NULL);
	mem_deref(other);
}

static void each_trunk_of_a_list_has_one_turn(void **state)
{
	static const char *const list[] = {"first", "second", "first", NULL};

	(void)state;
	two_trunks(0);
	p.reject = 500;
	q.reject = 504;
	dial_list(list);
	WAIT(a.ended == 1);
	assert_int_equal(p.invites, 1);
	assert_int_equal(q.invites, 1);
	assert_non_null(strstr(a.cdrs[0].end, "out congestion 504"));
	assert_string_equal(a.cdrs[0].trunk, "second");
	assert_string_equal(a.cdrs[0].tried, "first:500");
	assert_string_equal(a.events, "ended closed");
}

static void the_next_trunk_has_its_own_account(void **state)
{
	const char *const hosts[] = {peer_host(&q), NULL};
	const struct trunk_params params = {
		.name = "second", .hosts = hosts, .account = "pbx"};
	const struct account_params account = {.name = "pbx",
					       .uri = "sip:desk@example.test",
					       .display_name = "Front desk",
					       .password = "secret",
					       .realm = "x"};
	char err[200];

	(void)state;
	two_trunks(0);
	assert_int_equal(account_set(a.accounts, &account, err, sizeof(err)),
			 0);
	assert_int_equal(trunk_set(a.trunks, &params, err, sizeof(err)), 0);
	p.reject = 502;
	q.challenges = true;
	q.answer_sdp = g711;
	dial_list(both);
	WAIT(saw(&a, "answered"));
	assert_int_equal(q.credentials, 1);
	call_hangup(a.call, CALL_LOCAL, NULL);
	WAIT(a.ended == 1);
	assert_string_equal(a.cdrs[0].account, "pbx");
	assert_string_equal(a.cdrs[0].from, "sip:desk@example.test");
}

/* Its registrar is silent: whether the password is for it isn't known. */
static void
an_account_is_not_waited_for_when_there_is_another_trunk(void **state)
{
	static const char *const list[] = {"waits", "second", NULL};
	const struct trunk_params params = {.name = "waits", .account = "pbx"};
	struct udp_sock *silent = NULL;
	struct account_params account = {.name = "pbx",
					 .uri = "sip:desk@example.test",
					 .password = "secret",
					 .registers = true};
	char uri[64], err[200];
	struct sa sa;

	(void)state;
	assert_int_equal(sa_set_str(&sa, "127.0.0.1", 0), 0);
	assert_int_equal(udp_listen(&silent, &sa, NULL, NULL), 0);
	assert_int_equal(udp_local_get(silent, &sa), 0);
	(void)re_snprintf(uri, sizeof(uri), "sip:%J", &sa);
	account.registrar = uri;
	two_trunks(0);
	assert_int_equal(account_set(a.accounts, &account, err, sizeof(err)),
			 0);
	assert_int_equal(trunk_set(a.trunks, &params, err, sizeof(err)), 0);
	q.answer_sdp = g711;
	dial_list(list);
	assert_int_equal(trunk_active(trunk_find(a.trunks, "waits")), 1);
	WAIT(saw(&a, "answered"));
	assert_int_equal(trunk_active(trunk_find(a.trunks, "waits")), 0);
	call_hangup(a.call, CALL_LOCAL, NULL);
	WAIT(a.ended == 1);
	assert_string_equal(a.cdrs[0].trunk, "second");
	assert_string_equal(a.cdrs[0].account, "");
	assert_string_equal(a.cdrs[0].tried, "waits:0");
	mem_deref(silent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(congestion_goes_to_the_trunks_next_host),
		TEST(a_host_that_is_not_there_is_passed_over),
		TEST(a_silent_host_is_not_waited_for_when_there_is_another),
		TEST(nobody_is_rung_again_by_another_way),
		TEST(a_word_of_the_called_party_is_final),
		TEST(when_every_host_is_congested_so_is_the_call),
		TEST(congestion_goes_to_the_next_trunk),
		TEST(what_the_called_party_says_is_final_for_all_trunks),
		TEST(a_trunk_without_room_is_not_the_next),
		TEST(each_trunk_of_a_list_has_one_turn),
		TEST(the_next_trunk_has_its_own_account),
		TEST(an_account_is_not_waited_for_when_there_is_another_trunk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
