/* test_latch.c -- whom a stream listens to */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "media/latch.h"

static struct sa addr(const char *host, uint16_t port)
{
	struct sa sa;

	assert_int_equal(sa_set_str(&sa, host, port), 0);
	return sa;
}

static struct latch latch_to(const char *host, uint16_t port,
			     enum media_latch policy)
{
	struct latch latch = {0};
	struct sa sa = addr(host, port);

	latch_set(&latch, &sa, policy, 1000);
	return latch;
}

static enum latch_verdict from(struct latch *latch, const char *host,
			       uint16_t port, uint16_t seq, uint64_t now_ms)
{
	struct sa sa = addr(host, port);

	return latch_input(latch, &sa, seq, 77, now_ms);
}

static void the_signalled_source_is_latched_at_once(void **state)
{
	struct latch latch = latch_to("192.0.2.1", 4000, MEDIA_LATCH_NAT);
	struct sa sa = addr("192.0.2.1", 4000);
	(void)state;

	assert_true(sa_cmp(latch_target(&latch), &sa, SA_ALL));
	assert_int_equal(from(&latch, "192.0.2.1", 4000, 9, 1010), LATCH_NEW);
	assert_int_equal(from(&latch, "192.0.2.1", 4000, 10, 1030),
			 LATCH_ACCEPT);
	assert_int_equal(from(&latch, "192.0.2.1", 4002, 11, 1050),
			 LATCH_REJECT);
}

static void another_port_of_the_host_needs_three_in_sequence(void **state)
{
	struct latch latch = latch_to("192.0.2.1", 4000, MEDIA_LATCH_SIGNALLED);
	struct sa sa = addr("192.0.2.1", 5000);
	(void)state;

	assert_int_equal(from(&latch, "192.0.2.1", 5000, 9, 1010),
			 LATCH_REJECT);
	assert_int_equal(from(&latch, "192.0.2.1", 5000, 11, 1030),
			 LATCH_REJECT); /* a gap: counts anew */
	assert_int_equal(from(&latch, "192.0.2.1", 5000, 12, 1050),
			 LATCH_REJECT);
	assert_int_equal(from(&latch, "192.0.2.1", 5000, 13, 1070), LATCH_NEW);
	assert_true(sa_cmp(latch_target(&latch), &sa, SA_ALL));
	/* and the signalled port may still take it over, nobody else */
	assert_int_equal(from(&latch, "192.0.2.1", 6000, 1, 1080),
			 LATCH_REJECT);
	assert_int_equal(from(&latch, "192.0.2.1", 6000, 2, 1080),
			 LATCH_REJECT);
	assert_int_equal(from(&latch, "192.0.2.1", 6000, 3, 1080),
			 LATCH_REJECT);
	assert_int_equal(from(&latch, "192.0.2.1", 4000, 1, 1090), LATCH_NEW);
	assert_int_equal(from(&latch, "192.0.2.1", 5000, 14, 1090),
			 LATCH_REJECT);
}

/* When a stranger who sends each 20 ms is latched, in ms; 0: never in 5 s. */
static uint64_t stranger_in(struct latch *latch, bool peer_sends_once)
{
	for (uint16_t i = 0; i < 250; i++) {
		uint64_t now = 1000 + 20u * i;

		if (peer_sends_once && i == 10)
			from(latch, "10.1.2.3", 4001, 1, now);
		if (from(latch, "198.51.100.9", 7000, i, now) == LATCH_NEW)
			return now;
	}
	return 0;
}

static void another_host_only_by_policy_and_after_silence(void **state)
{
	struct latch latch = latch_to("10.1.2.3", 4000, MEDIA_LATCH_ANY);
	(void)state;

	assert_int_equal(stranger_in(&latch, false), 2000);
	latch = latch_to("10.1.2.3", 4000, MEDIA_LATCH_ANY);
	assert_int_equal(stranger_in(&latch, true), 0);
	latch = latch_to("10.1.2.3", 4000, MEDIA_LATCH_NAT);
	assert_int_equal(stranger_in(&latch, false), 0);
	latch = latch_to("203.0.113.7", 4000, MEDIA_LATCH_NAT);
	assert_int_equal(stranger_in(&latch, false), 0);
	latch = latch_to("127.0.0.1", 4000, MEDIA_LATCH_NAT);
	assert_int_equal(stranger_in(&latch, false), 0);
	latch = latch_to("10.1.2.3", 4000, MEDIA_LATCH_SIGNALLED);
	assert_int_equal(stranger_in(&latch, false), 0);
	latch = latch_to("203.0.113.7", 4000, MEDIA_LATCH_ANY);
	assert_int_equal(stranger_in(&latch, false), 2000);
}

/* A NAT: signalling comes from its outside, and so does audio. A stranger may
 * have sent for as long as it likes. */
static void the_host_that_signals_comes_before_strangers(void **state)
{
	struct sa outside = addr("198.51.100.1", 5060);
	const enum media_latch policies[] = {MEDIA_LATCH_NAT, MEDIA_LATCH_ANY};
	(void)state;

	for (int i = 0; i < 2; i++)
		for (uint64_t now = 1000; now < 4000; now += 900) {
			struct latch latch =
				latch_to("10.1.2.3", 4000, policies[i]);

			latch_set_signalling(&latch, &outside);
			for (uint16_t n = 0; n < (now - 1000) / 20; n++)
				(void)from(&latch, "198.51.100.9", 7000, n,
					   1000 + 20 * n);
			assert_int_equal(
				from(&latch, "198.51.100.1", 4001, 1, now),
				LATCH_REJECT);
			assert_int_equal(
				from(&latch, "198.51.100.1", 4001, 2, now),
				LATCH_REJECT);
			assert_int_equal(
				from(&latch, "198.51.100.1", 4001, 3, now),
				LATCH_NEW);
			/* and keeps it, but for the host of SDP */
			for (uint16_t n = 0; n < 200; n++)
				assert_int_equal(from(&latch, "198.51.100.9",
						      7000, n, now + 20 * n),
						 LATCH_REJECT);
			assert_int_equal(from(&latch, "10.1.2.3", 4000, 1, now),
					 LATCH_NEW);
		}
	/* where the policy allows no other host, signalling is none either */
	for (int i = 0; i < 2; i++) {
		struct latch latch =
			latch_to(i ? "10.1.2.3" : "203.0.113.7", 4000,
				 i ? MEDIA_LATCH_SIGNALLED : MEDIA_LATCH_NAT);

		latch_set_signalling(&latch, &outside);
		for (uint16_t n = 0; n < 200; n++)
			assert_int_equal(from(&latch, "198.51.100.1", 4001, n,
					      1000 + 20 * n),
					 LATCH_REJECT);
	}
}

static void between_two_strangers_nobody_is_believed(void **state)
{
	struct latch latch = latch_to("10.1.2.3", 4000, MEDIA_LATCH_ANY);
	(void)state;

	for (uint16_t i = 0; i < 200; i++) {
		uint64_t now = 1000 + 20u * i;

		assert_int_equal(from(&latch, "198.51.100.9", 7000, i, now),
				 LATCH_REJECT);
		assert_int_equal(from(&latch, "192.0.2.77", 6000, i, now),
				 LATCH_REJECT);
	}
	/* until one of them gives up */
	for (uint16_t i = 200; i < 249; i++)
		assert_int_equal(
			from(&latch, "192.0.2.77", 6000, i, 1000 + 20u * i),
			LATCH_REJECT);
	assert_int_equal(from(&latch, "192.0.2.77", 6000, 249, 6000),
			 LATCH_NEW);
}

static void a_burst_of_a_stranger_proves_nothing(void **state)
{
	struct latch latch = latch_to("10.1.2.3", 4000, MEDIA_LATCH_ANY);
	(void)state;

	for (uint16_t i = 0; i < 1000; i++)
		assert_int_equal(from(&latch, "198.51.100.9", 7000, i, 9000),
				 LATCH_REJECT);
}

static void private_means_rfc_1918_6598_3927_and_ula(void **state)
{
	static const struct {
		const char *host;
		bool is_private;
	} cases[] = {
		{"10.255.0.1", true},	{"11.0.0.1", false},
		{"172.16.0.1", true},	{"172.31.255.1", true},
		{"172.32.0.1", false},	{"172.15.0.1", false},
		{"192.168.9.9", true},	{"192.169.0.1", false},
		{"100.64.0.1", true},	{"100.127.255.1", true},
		{"100.128.0.1", false}, {"169.254.1.1", true},
		{"fd00::1", true},	{"fe80::1", true},
		{"2001:db8::1", false},
	};
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct latch latch =
			latch_to(cases[i].host, 4000, MEDIA_LATCH_NAT);
		struct sa outside = addr("198.51.100.9", 5060);

		latch_set_signalling(&latch, &outside);
		if (!!stranger_in(&latch, false) != cases[i].is_private)
			fail_msg("%s", cases[i].host);
	}
}

static void spraying_hinders_no_candidate(void **state)
{
	struct latch latch = latch_to("192.0.2.1", 4000, MEDIA_LATCH_NAT);
	uint16_t port = 10000;
	(void)state;

	/* the true peer behind a NAT that changed the port, in a spray */
	assert_int_equal(from(&latch, "192.0.2.1", 5000, 1, 1000),
			 LATCH_REJECT);
	assert_int_equal(from(&latch, "192.0.2.1", 5000, 2, 1020),
			 LATCH_REJECT);
	for (int i = 0; i < 500; i++)
		assert_int_equal(from(&latch, "192.0.2.1", port++, 40, 1030),
				 LATCH_REJECT);
	assert_int_equal(from(&latch, "192.0.2.1", 5000, 3, 1040), LATCH_NEW);
}

static void a_new_address_is_latched_anew_the_same_one_is_kept(void **state)
{
	struct latch latch = latch_to("192.0.2.1", 4000, MEDIA_LATCH_NAT);
	struct sa same = addr("192.0.2.1", 4000), other;
	(void)state;

	other = addr("192.0.2.2", 4000);
	assert_int_equal(from(&latch, "192.0.2.1", 4000, 9, 1010), LATCH_NEW);
	latch_set(&latch, &same, MEDIA_LATCH_NAT, 2000);
	assert_int_equal(from(&latch, "192.0.2.1", 4000, 10, 2010),
			 LATCH_ACCEPT);
	latch_set(&latch, &other, MEDIA_LATCH_NAT, 3000);
	assert_true(sa_cmp(latch_target(&latch), &other, SA_ALL));
	assert_int_equal(from(&latch, "192.0.2.1", 4000, 11, 3010),
			 LATCH_REJECT);
	assert_int_equal(from(&latch, "192.0.2.2", 4000, 1, 3010), LATCH_NEW);
}

static void nowhere_is_no_target_and_no_source(void **state)
{
	struct latch latch = latch_to("0.0.0.0", 4000, MEDIA_LATCH_ANY);
	(void)state;

	assert_null(latch_target(&latch));
	assert_int_equal(stranger_in(&latch, false), 0);
	latch = latch_to("192.0.2.1", 0, MEDIA_LATCH_ANY);
	assert_null(latch_target(&latch));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_signalled_source_is_latched_at_once),
		cmocka_unit_test(
			another_port_of_the_host_needs_three_in_sequence),
		cmocka_unit_test(another_host_only_by_policy_and_after_silence),
		cmocka_unit_test(the_host_that_signals_comes_before_strangers),
		cmocka_unit_test(between_two_strangers_nobody_is_believed),
		cmocka_unit_test(a_burst_of_a_stranger_proves_nothing),
		cmocka_unit_test(private_means_rfc_1918_6598_3927_and_ula),
		cmocka_unit_test(spraying_hinders_no_candidate),
		cmocka_unit_test(
			a_new_address_is_latched_anew_the_same_one_is_kept),
		cmocka_unit_test(nowhere_is_no_target_and_no_source),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
