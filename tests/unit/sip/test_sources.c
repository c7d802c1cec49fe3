/* Who is limited, who is banned and for how long, who never is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include "base/loop.h"
#include "sip/sources.h"

static struct loop *loop;
static struct sources *sources;
static unsigned bans;
static char last[128];
static struct sa partner;

static bool trusts(const struct sa *addr, void *arg)
{
	(void)arg;
	return sa_isset(&partner, SA_ADDR) && sa_cmp(&partner, addr, SA_ADDR);
}

static void on_ban(const struct source_ban *ban, void *arg)
{
	(void)arg;
	bans++;
	(void)re_snprintf(last, sizeof(last), "%j%s %s %u", &ban->addr,
			  ban->network ? "/64" : "", ban->reason, ban->times);
}

static struct sa address(const char *text)
{
	struct sa addr;

	assert_int_equal(sa_set_str(&addr, text, 5060), 0);
	return addr;
}

static int setup(void **state)
{
	static struct network lan;
	const struct sources_config config = {
		.invites = 100,
		.requests = 50,
		.faults = 120,
		.ban_ms = 10000,
		.trusted = &lan,
		.trusted_count = 1,
	};
	char err[128];
	(void)state;

	bans = 0;
	sa_init(&partner, AF_UNSPEC);
	assert_true(network_parse(&lan, "10.0.0.0/8", err, sizeof(err)));
	assert_int_equal(loop_alloc(&loop), 0);
	loop_enter(loop);
	assert_int_equal(sources_alloc(&sources, &config, trusts, on_ban, NULL),
			 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sources_free(sources);
	loop_free(loop);
	return 0;
}

/* COUNT of WHAT, evenly over MS from *NOW on; how many had VERDICT. */
static unsigned sends(const struct sa *addr, enum source_charge what,
		      unsigned count, uint64_t ms, uint64_t *now,
		      enum source_verdict verdict)
{
	const uint64_t begin = *now;
	unsigned had = 0;

	for (unsigned i = 0; i < count; i++) {
		struct source *source;

		*now = begin + ms * i / count;
		source = source_see(sources, addr, *now);
		if (source_banned(source, *now))
			had += verdict == SOURCE_DROP;
		else
			had += source_charge(sources, source, what, *now) ==
			       verdict;
	}
	*now = begin + ms;
	return had;
}

static void networks_are_read(void **state)
{
	static const struct {
		const char *net, *in, *out;
	} good[] = {
		{"10.0.0.0/8", "10.255.1.2", "11.0.0.1"},
		{"192.0.2.1", "192.0.2.1", "192.0.2.2"},
		{"192.0.2.128/25", "192.0.2.200", "192.0.2.100"},
		{"0.0.0.0/0", "8.8.8.8", "2001:db8::1"},
		{"2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"},
		{"::1", "::1", "::2"},
		{"2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"},
	};
	static const char *const bad[] = {
		"",	     "host.test",   "10.0.0.0/33",
		"10.0.0.0/", "10.0.0.0/8x", "2001:db8::/129",
		"/8",
	};
	struct network net;
	struct sa addr;
	char err[128];
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(network_parse(&net, good[i].net, err, sizeof(err)));
		addr = address(good[i].in);
		assert_true(network_has(&net, &addr));
		addr = address(good[i].out);
		assert_false(network_has(&net, &addr));
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		if (network_parse(&net, bad[i], err, sizeof(err)))
			fail_msg("'%s' was taken", bad[i]);
		assert_non_null(strstr(err, bad[i]));
	}
}

static void within_the_limit_nothing_happens(void **state)
{
	const struct sa addr = address("192.0.2.1");
	uint64_t now = 1000000;
	(void)state;

	assert_int_equal(
		sends(&addr, SOURCE_INVITE, 9000, 90000, &now, SOURCE_PASS),
		9000);
	assert_int_equal(bans, 0);
}

static void a_little_beyond_is_refused_for_ever(void **state)
{
	const struct sa addr = address("192.0.2.1");
	uint64_t now = 1000000;
	unsigned passed;
	(void)state;

	passed =
		sends(&addr, SOURCE_INVITE, 140 * 60, 60000, &now, SOURCE_PASS);
	assert_in_range(passed, 6000, 6110);
	assert_int_equal(bans, 0);
	assert_in_range(
		sends(&addr, SOURCE_INVITE, 140, 1000, &now, SOURCE_REFUSE), 35,
		45);
}

static void a_flood_is_banned_at_once_and_a_stream_soon(void **state)
{
	const struct sa flood = address("192.0.2.1"),
			stream = address("192.0.2.2");
	uint64_t now = 1000000;
	unsigned refused;
	(void)state;

	refused = sends(&flood, SOURCE_INVITE, 1000, 200, &now, SOURCE_REFUSE);
	assert_int_equal(bans, 1);
	assert_string_equal(last, "192.0.2.1 too many calls 1");
	assert_in_range(refused, 150, 250); /* then none was answered */
	assert_true(source_banned(source_see(sources, &flood, now), now));

	(void)sends(&stream, SOURCE_INVITE, 200 * 8, 8000, &now, SOURCE_PASS);
	assert_int_equal(bans, 1);
	(void)sends(&stream, SOURCE_INVITE, 200 * 6, 6000, &now, SOURCE_PASS);
	assert_int_equal(bans, 2);
}

static void bans_end_and_grow(void **state)
{
	const struct sa addr = address("192.0.2.1");
	uint64_t now = 1000000;
	(void)state;

	for (unsigned i = 0; i < 4; i++) {
		const uint64_t ms = 10000u << i;
		struct source *source;

		(void)sends(&addr, SOURCE_REQUEST, 5000, 1000, &now,
			    SOURCE_PASS);
		assert_int_equal(bans, i + 1);
		source = source_see(sources, &addr, now);
		assert_true(source_banned(source, now + ms - 1010));
		assert_false(source_banned(source, now + ms));
		now += ms;
	}
	/* a day in good order is forgotten about */
	now += UINT64_C(2) * 86400000;
	(void)sends(&addr, SOURCE_REQUEST, 5000, 1000, &now, SOURCE_PASS);
	assert_string_equal(last, "192.0.2.1 too many requests 1");
}

static void what_fails_again_and_again_is_a_ban(void **state)
{
	const struct sa phone = address("192.0.2.1"),
			scanner = address("192.0.2.2");
	uint64_t now = 1000000;
	(void)state;

	for (unsigned i = 0; i < 600; i++, now += 600) /* 100 a minute */
		source_fault(sources, source_see(sources, &phone, now), now);
	assert_int_equal(bans, 0);
	for (unsigned i = 0; i < 60; i++)
		source_fault(sources, source_see(sources, &scanner, now), now);
	assert_int_equal(bans, 0);
	source_fault(sources, source_see(sources, &scanner, now), now);
	assert_string_equal(last, "192.0.2.2 requests that fail 1");
}

static void the_trusted_are_not_looked_at(void **state)
{
	struct sa addr = address("10.1.2.3");
	uint64_t now = 1000000;
	(void)state;

	assert_null(source_see(sources, &addr, now));
	assert_int_equal(
		sends(&addr, SOURCE_INVITE, 50000, 1000, &now, SOURCE_PASS),
		50000);
	assert_int_equal(sources_ban(sources, &addr, "by hand", 0), EPERM);

	/* an account's, from when it is one to when it is not */
	addr = address("192.0.2.9");
	assert_non_null(source_see(sources, &addr, now));
	partner = addr;
	sources_trust_changed(sources);
	assert_null(source_see(sources, &addr, now));
	sa_init(&partner, AF_UNSPEC);
	sources_trust_changed(sources);
	assert_non_null(source_see(sources, &addr, now));
}

static void a_64_is_one_source(void **state)
{
	uint64_t now = 1000000;
	(void)state;

	for (unsigned i = 0; i < 2000; i++) {
		struct sa addr;
		char text[64];

		(void)re_snprintf(text, sizeof(text), "2001:db8:1:2::%x", i);
		addr = address(text);
		(void)sends(&addr, SOURCE_INVITE, 1, 0, &now, SOURCE_PASS);
	}
	assert_int_equal(bans, 1);
	assert_string_equal(last, "2001:db8:1:2::/64 too many calls 1");
}

static void forged_addresses_push_no_ban_out(void **state)
{
	const struct sa banned = address("192.0.2.1");
	struct sources_count count;
	uint64_t now = 1000000;
	(void)state;

	(void)sends(&banned, SOURCE_INVITE, 5000, 1000, &now, SOURCE_PASS);
	assert_int_equal(bans, 1);
	for (uint32_t i = 0; i < 200000; i++) {
		struct sa addr;

		sa_set_in(&addr, 0x2d000000 + i * 7, 5060);
		(void)source_see(sources, &addr, now);
	}
	assert_true(source_banned(source_see(sources, &banned, now), now));
	sources_count(sources, &count);
	assert_int_equal(count.known, 8192);
}

static void list_add(const struct source_ban *ban, void *arg)
{
	assert_string_equal(ban->reason, "by hand");
	++*(unsigned *)arg;
}

static void bans_by_hand_stay(void **state)
{
	struct sa addr = address("192.0.2.1");
	unsigned n = 0;
	(void)state;

	assert_int_equal(sources_unban(sources, &addr), ENOENT);
	assert_int_equal(sources_ban(sources, &addr, "by hand", 0), 0);
	assert_int_equal(sources_ban(sources, &addr, "by hand", 60000), 0);
	addr = address("2001:db8::1");
	assert_int_equal(sources_ban(sources, &addr, "by hand", 0), 0);
	sources_bans(sources, list_add, &n);
	assert_int_equal(n, 2);
	assert_int_equal(sources_unban(sources, &addr), 0);
	assert_int_equal(sources_unban(sources, &addr), ENOENT);
	assert_int_equal(sources_unban(sources, NULL), 0);
	n = 0;
	sources_bans(sources, list_add, &n);
	assert_int_equal(n, 0);
}

static void who_was_asked_is_remembered_for_a_while(void **state)
{
	const struct sa addr = address("192.0.2.1");
	struct source *source = source_see(sources, &addr, 5000);
	(void)state;

	assert_false(source_was_asked(source, 5000));
	source_asked(source, 5000);
	assert_true(source_was_asked(source, 36000));
	assert_false(source_was_asked(source, 38000));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(networks_are_read),
		TEST(within_the_limit_nothing_happens),
		TEST(a_little_beyond_is_refused_for_ever),
		TEST(a_flood_is_banned_at_once_and_a_stream_soon),
		TEST(bans_end_and_grow),
		TEST(what_fails_again_and_again_is_a_ban),
		TEST(the_trusted_are_not_looked_at),
		TEST(a_64_is_one_source),
		TEST(forged_addresses_push_no_ban_out),
		TEST(bans_by_hand_stay),
		TEST(who_was_asked_is_remembered_for_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
