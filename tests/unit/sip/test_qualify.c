/* test_qualify.c -- peers that answer, are slow, lossy, silent, and come back
 */
#include "qualify_fixture.h"

static void a_peer_that_answers_is_reachable(void **state)
{
	(void)state;
	begin_plain();
	assert_int_equal(qualify_state(peer), REACH_UNKNOWN);
	assert_true(qualify_availability(peer) < 0);
	assert_int_equal(changes, 0);
	pass(10);
	/* asked at once, without a word of its change before alloc returned */
	assert_int_equal(count, 1);
	assert_int_equal(changes, 1);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_int_equal(qualify_since(peer), WALL_0 + 1000000);
	assert_int_equal(qualify_scode(peer), 200);
	assert_string_equal(qualify_reason(peer), "");
	assert_true(qualify_availability(peer) == 1);
}

static void the_request_is_an_options_that_any_user_agent_takes(void **state)
{
	char s[256];
	struct sip_msg *msg = NULL;
	struct mbuf *mb = mbuf_alloc(1024);
	(void)state;

	begin_plain();
	pass(10);
	(void)mbuf_write_str(mb, requests[0].text);
	mb->pos = 0;
	assert_int_equal(sip_msg_decode(&msg, mb), 0);
	assert_int_equal(pl_strcmp(&msg->met, "OPTIONS"), 0);
	assert_int_equal(pl_strcmp(&msg->ruri, uri), 0);
	assert_int_equal(pl_strcmp(&msg->maxfwd, "70"), 0);
	assert_true(pl_isset(&msg->from.tag));
	assert_false(pl_isset(&msg->to.tag));
	assert_int_equal(pl_strcmp(&msg->cseq.met, "OPTIONS"), 0);
	assert_non_null(sip_msg_hdr(msg, SIP_HDR_CONTACT));
	assert_non_null(sip_msg_hdr(msg, SIP_HDR_ACCEPT));
	assert_true(sip_msg_hdr_has_value(msg, SIP_HDR_USER_AGENT, "moondial"));
	value(s, sizeof(s), requests[0].text, "\r\nVia: ");
	assert_non_null(strstr(s, ";rport"));
	assert_non_null(strstr(s, ";branch=z9hG4bK"));
	mem_deref(msg);
	mem_deref(mb);
}

static void each_sending_is_a_request_of_its_own(void **state)
{
	char one[128], other[128];
	(void)state;

	behaviour.lost = 1;
	begin_plain();
	pass(2000);
	assert_int_equal(count, 2);
	value(one, sizeof(one), requests[0].text, "\r\nCall-ID: ");
	value(other, sizeof(other), requests[1].text, "\r\nCall-ID: ");
	assert_string_not_equal(one, other);
	value(one, sizeof(one), requests[0].text, "\r\nVia: ");
	value(other, sizeof(other), requests[1].text, "\r\nVia: ");
	assert_string_not_equal(one, other);
}

static void it_is_asked_again_each_interval(void **state)
{
	(void)state;
	begin_plain();
	pass(10 * MINUTE_MS + 5000);
	assert_in_range(count, 10, 12);
	for (unsigned i = 1; i < count; i++)
		assert_in_range(requests[i].at_ms - requests[i - 1].at_ms,
				58000, 62000);
	assert_int_equal(changes, 1);
}

static void a_lost_try_is_made_good_by_the_next(void **state)
{
	(void)state;
	behaviour.lost = 6;
	begin_plain();
	pass(5999);
	assert_int_equal(count, 6);
	assert_int_equal(qualify_state(peer), REACH_UNKNOWN);
	pass(1);
	assert_int_equal(count, 7);
	for (unsigned i = 1; i < 7; i++)
		assert_int_equal(requests[i].at_ms - requests[i - 1].at_ms,
				 1000);
	/* the round trip is that of the try which was answered */
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_true(qualify_rtt_us(peer) < 1000);
}

static void
silence_makes_it_unreachable_and_each_cycle_tries_again(void **state)
{
	(void)state;
	behaviour.status = NULL;
	begin_plain();
	pass(7999);
	assert_int_equal(count, 7);
	assert_int_equal(qualify_state(peer), REACH_UNKNOWN);
	pass(1); /* the last one has had its two seconds */
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	assert_string_equal(qualify_reason(peer), "no answer to 7 OPTIONS");
	assert_true(qualify_availability(peer) == 0);
	pass(48000);
	assert_int_equal(count, 7);
	pass(14000);
	assert_int_equal(count, 14);
	assert_int_equal(changes, 1);

	/* it comes back */
	behaviour.status = "200 OK";
	pass(MINUTE_MS);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_string_equal(qualify_reason(peer), "");
	assert_int_equal(count, 15);
	assert_int_equal(changes, 2);
}

static void a_late_answer_means_lagged(void **state)
{
	(void)state;
	behaviour.delay_ms = 3000;
	begin_plain();
	pass(3500);
	assert_int_equal(qualify_state(peer), REACH_LAGGED);
	assert_in_range(qualify_rtt_us(peer), 3000000, 3100000);
	assert_non_null(strstr(qualify_reason(peer), "answers after 30"));
	/* no further tries, now that it is known to be there */
	pass(20000);
	assert_int_equal(count, 4);

	behaviour.delay_ms = 1000;
	pass(50000);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_int_equal(changes, 2);
}

static void an_answer_after_the_last_try_still_counts(void **state)
{
	(void)state;
	behaviour.delay_ms = 12000;
	begin_plain();
	pass(9000);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	pass(4000);
	assert_int_equal(qualify_state(peer), REACH_LAGGED);
	assert_int_equal(changes, 2);
}

static void one_that_always_answers_late_stays_lagged(void **state)
{
	(void)state;
	behaviour.delay_ms = 9000;
	begin_plain();
	pass(5 * MINUTE_MS);
	assert_int_equal(qualify_state(peer), REACH_LAGGED);
	assert_int_equal(changes, 2);
	/* and is unreachable when it doesn't any more */
	behaviour.delay_ms = 0;
	behaviour.status = NULL;
	pass(MINUTE_MS + 20000);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	assert_int_equal(changes, 3);
}

static void the_timeout_is_what_is_asked_for(void **state)
{
	const struct qualify_params params = {.uri = uri,
					      .timeout_ms = 500,
					      .every_ms = 10000,
					      .gap_ms = 200,
					      .tries = 3};
	(void)state;

	behaviour.delay_ms = 600;
	begin(&params);
	pass(899);
	assert_int_equal(qualify_state(peer), REACH_LAGGED);
	behaviour.status = NULL;
	behaviour.delay_ms = 0;
	pass(11000);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	assert_string_equal(qualify_reason(peer), "no answer to 3 OPTIONS");
}

static void any_answer_counts(void **state)
{
	(void)state;
	behaviour.status = "404 Not Found";
	begin_plain();
	pass(10);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_int_equal(qualify_scode(peer), 404);
}

static void a_provisional_answer_is_none(void **state)
{
	(void)state;
	behaviour.status = "100 Trying";
	begin_plain();
	pass(8100);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
}

static void or_2xx_only(void **state)
{
	const struct qualify_params params = {.uri = uri, .success = true};
	(void)state;

	behaviour.status = "503 Service Unavailable";
	begin(&params);
	pass(8100);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	assert_string_equal(qualify_reason(peer), "503 Service Unavailable");
	behaviour.status = "204 No Notification";
	pass(MINUTE_MS);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
}

static void what_answers_no_request_of_this_cycle_says_nothing(void **state)
{
	char *at, text[1024];
	struct mbuf *mb;
	(void)state;

	behaviour.status = NULL;
	begin_plain();
	pass(10);
	/* a branch that nobody was given, of each part of it */
	for (unsigned i = 0; i < 24; i++) {
		(void)snprintf(text, sizeof(text), "%s", requests[0].text);
		at = strstr(text, "z9hG4bKping") + 11 + i;
		*at = *at == '7' ? '8' : '7';
		mb = response(text, "200 OK");
		assert_int_equal(udp_send(socket_, &requests[0].src, mb), 0);
		mem_deref(mb);
	}
	pump();
	assert_int_equal(qualify_state(peer), REACH_UNKNOWN);
	/* an answer of the cycle before */
	pass(MINUTE_MS + 2000);
	assert_int_equal(changes, 1);
	assert_true(count > 7);
	answer(&requests[0], "200 OK");
	pump();
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	answer(&requests[7], "200 OK");
	pump();
	assert_int_not_equal(qualify_state(peer), REACH_UNREACHABLE);
}

static void a_failed_invite_counts_until_it_is_forgiven(void **state)
{
	(void)state;
	begin_plain();
	pass(10);
	assert_int_equal(count, 1);
	qualify_failed(peer, "INVITE: no answer", 10000);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	assert_string_equal(qualify_reason(peer), "INVITE: no answer");
	/* nor does an answer to what was sent before lift it */
	answer(&requests[0], "200 OK");
	qualify_now(peer);
	pass(9990);
	assert_int_equal(count, 1);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	pass(20);
	assert_int_equal(count, 2);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
}

static void a_passive_one_knows_what_it_is_told(void **state)
{
	const struct qualify_params params = {.uri = uri, .passive = true};
	(void)state;

	begin(&params);
	qualify_now(peer);
	pass(3 * MINUTE_MS);
	assert_int_equal(count, 0);
	assert_int_equal(qualify_state(peer), REACH_UNKNOWN);
	qualify_failed(peer, "INVITE: no answer", 10000);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	pass(10001);
	assert_int_equal(qualify_state(peer), REACH_UNKNOWN);
	qualify_failed(peer, "keep-alive: no pong", 0);
	pass(10 * MINUTE_MS);
	assert_int_equal(qualify_state(peer), REACH_UNREACHABLE);
	qualify_heard(peer);
	assert_int_equal(qualify_state(peer), REACH_REACHABLE);
	assert_string_equal(qualify_reason(peer), "");
	assert_int_equal(count, 0);
}

static void it_is_asked_when_wanted_but_not_often(void **state)
{
	(void)state;
	begin_plain();
	pass(5000);
	qualify_now(peer);
	pass(1);
	assert_int_equal(count, 2);
	for (int i = 0; i < 10; i++) {
		qualify_now(peer);
		pass(10);
	}
	assert_int_equal(count, 2);
	pass(1000);
	assert_int_equal(count, 3);
}

static void availability_is_the_share_of_time(void **state)
{
	(void)state;
	begin_plain();
	pass(30000);
	qualify_failed(peer, "x", 10000);
	pass(10000);
	/* 30 s of 40 */
	assert_true(qualify_availability(peer) > 0.749 &&
		    qualify_availability(peer) < 0.751);
	pass(60000); /* 90 of 100 */
	assert_true(qualify_availability(peer) > 0.899 &&
		    qualify_availability(peer) < 0.901);
}

static void the_round_trip_is_smoothed(void **state)
{
	(void)state;
	behaviour.delay_ms = 800;
	begin_plain();
	pass(2000);
	assert_int_equal(qualify_rtt_us(peer), 800000);
	assert_int_equal(qualify_srtt_us(peer), 800000);
	behaviour.delay_ms = 0;
	pass(MINUTE_MS + 2000);
	assert_true(qualify_rtt_us(peer) < 1000);
	assert_in_range(qualify_srtt_us(peer), 700000, 700001);
}

static void who_is_told_may_release_it(void **state)
{
	(void)state;
	release = true;
	begin_plain();
	pass(100);
	assert_null(peer);
	assert_int_equal(changes, 1);
	assert_int_equal(qualifier_count(qualifier), 0);
	pass(2 * MINUTE_MS);
	assert_int_equal(count, 1);
}

static void who_is_told_that_it_is_silent_may_release_it(void **state)
{
	(void)state;
	release = true;
	behaviour.status = NULL;
	begin_plain();
	pass(10000);
	assert_null(peer);
	pass(2 * MINUTE_MS);
	assert_int_equal(count, 7);
}

/* --- many */

static struct qualify *all[MANY];

static void many_peers_are_spread_over_the_interval(void **state)
{
	const struct qualify_params params = {.uri = uri};
	unsigned most = 0, seconds = 0;
	(void)state;

	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(
			qualify_alloc(&all[i], qualifier, &params, NULL, NULL),
			0);
	pass(4 * MINUTE_MS);
	assert_in_range(count, 4 * MANY, 5 * MANY + MANY / 2);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(qualify_state(all[i]), REACH_REACHABLE);
		mem_deref(all[i]);
	}
	/* the first minute aside: 50 a second, where all at once were 3,000 */
	for (unsigned i = 60; i < 4 * 60; i++) {
		most = per_second[i] > most ? per_second[i] : most;
		seconds += per_second[i] > 0;
	}
	assert_in_range(most, 50, 130);
	assert_true(seconds > 170);
	/* in the first seconds every peer is asked once */
	assert_true(per_second[0] < 700);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_peer_that_answers_is_reachable),
		TEST(the_request_is_an_options_that_any_user_agent_takes),
		TEST(each_sending_is_a_request_of_its_own),
		TEST(it_is_asked_again_each_interval),
		TEST(a_lost_try_is_made_good_by_the_next),
		TEST(silence_makes_it_unreachable_and_each_cycle_tries_again),
		TEST(a_late_answer_means_lagged),
		TEST(an_answer_after_the_last_try_still_counts),
		TEST(one_that_always_answers_late_stays_lagged),
		TEST(the_timeout_is_what_is_asked_for),
		TEST(any_answer_counts),
		TEST(a_provisional_answer_is_none),
		TEST(or_2xx_only),
		TEST(what_answers_no_request_of_this_cycle_says_nothing),
		TEST(a_failed_invite_counts_until_it_is_forgiven),
		TEST(a_passive_one_knows_what_it_is_told),
		TEST(it_is_asked_when_wanted_but_not_often),
		TEST(availability_is_the_share_of_time),
		TEST(the_round_trip_is_smoothed),
		TEST(who_is_told_may_release_it),
		TEST(who_is_told_that_it_is_silent_may_release_it),
		TEST(many_peers_are_spread_over_the_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
