/* Targets come from scripts, leads and callers: parsed, never pasted. */
#include <re.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "call/target.h"

static void what_people_write_is_understood(void **state)
{
	static const struct {
		const char *text;
		enum target_type type;
		const char *name, *number, *uri, *host;
	} good[] = {
		{"sip:alice@example.org", TARGET_URI, "", "",
		 "sip:alice@example.org", "example.org"},
		{"SIP:Alice@Example.ORG:5070;transport=tcp", TARGET_URI, "", "",
		 "sip:Alice@example.org:5070;transport=tcp", "example.org"},
		{"sip:127.0.0.1", TARGET_URI, "", "", "sip:127.0.0.1",
		 "127.0.0.1"},
		{"sip:+1555@[::1]:5060", TARGET_URI, "", "",
		 "sip:+1555@[::1]:5060", "::1"},
		{"sip:*43#@h", TARGET_URI, "", "", "sip:*43%23@h", "h"},
		{"sip:a%20b@h", TARGET_URI, "", "", "sip:a%20b@h", "h"},
		{"sips:bob@h", TARGET_URI, "", "", "sips:bob@h", "h"},
		{"tel:+1-201-555-0123", TARGET_NUMBER, "", "+12015550123", "",
		 ""},
		{"+1 (555) 0100", TARGET_NUMBER, "", "+15550100", "", ""},
		{"*31#0301234", TARGET_NUMBER, "", "*31#0301234", "", ""},
		{"trunk:carrier/+49 30 1234", TARGET_TRUNK, "carrier",
		 "+49301234", "", ""},
		{"trunk:lab/service", TARGET_TRUNK, "lab", "service", "", ""},
		{"account:pbx/alice.b-c_2", TARGET_ACCOUNT, "pbx",
		 "alice.b-c_2", "", ""},
		{"endpoint:desk-1", TARGET_ENDPOINT, "desk-1", "", "", ""},
	};
	char err[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		struct target t;
		int e = target_parse(&t, good[i].text, err, sizeof(err));

		assert_int_equal(e, 0);
		assert_int_equal(t.type, good[i].type);
		assert_string_equal(t.name, good[i].name);
		assert_string_equal(t.number, good[i].number);
		assert_string_equal(t.uri, good[i].uri);
		assert_string_equal(t.host, good[i].host);
	}
}

static void injected_syntax_is_refused_with_a_reason(void **state)
{
	static const char *const evil[] = {
		"",
		" ",
		"sip:",
		"sip:@h",
		"sip:a@",
		"sip:a@b@c",
		"sip:a:secret@h",
		"sip:a@h:0",
		"sip:a@h:65536",
		"sip:a@h:5060x",
		"sip:a@h:99999999999999999999",
		"sip:a@h;maddr=203.0.113.9",
		"sip:a@h;MADDR=203.0.113.9",
		"sip:a@h;method=REGISTER",
		"sip:a@h;ttl=1",
		"sip:a@h;lr",
		"sip:a@h;transport=sctp",
		"sip:a@h;transport=",
		"sip:a@h;=x",
		"sip:a@h;a=b=c",
		"sip:a@h;;",
		"sip:+1555;phone-context=x@h",
		"sip:a@h?Replaces=x",
		"sip:a@h?subject=x\r\nVia: y",
		"sip:a@h\r\nX-Evil: 1",
		"sip:a\r\n@h",
		"sip:a\n@h",
		"sip:a%0d%0aX@h",
		"sip:a%00@h",
		"sip:a%7f@h",
		"sip:a%2@h",
		"sip:a%zz@h",
		"sip:a@h>;tag=1",
		"sip:<a@h",
		"sip:\"a\"@h",
		"sip:a b@h",
		"sip:a@h h",
		"sip:a@h,sip:b@h",
		"sip:a@h/../x",
		"sip:a@127.1",
		"sip:a@2130706433",
		"sip:a@1.2.3.4.5",
		"sip:a@h..x",
		"sip:a@.h",
		"sip:a@[::1",
		"sip:a@[::1]]",
		"sip:a@[127.0.0.1]",
		"sip:a@[::ffff:127.0.0.1]",
		"sip:a@[::1%25eth0]",
		"sip:\xc3\xa4@h",
		"http://h/",
		"tel:+1;phone-context=x",
		"tel:",
		"+",
		"12a4",
		"++49",
		"49+30",
		"+49\r\n30",
		"0301234@evil.example",
		"0301234;transport=tcp",
		"0301234?x",
		"0301234/5",
		"trunk:",
		"trunk:x",
		"trunk:/1",
		"trunk:x/",
		"trunk:x/1@evil",
		"trunk:x/alice@evil",
		"trunk:x/1/2",
		"trunk:x y/1",
		"trunk:x@evil/1",
		"account:x/a;transport=tls",
		"account:x/%41",
		"endpoint:",
		"endpoint:a/b",
		"endpoint:a@b",
		"alice",
		"sip;a@h",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(evil); i++) {
		struct target t = {.number = "untouched"};
		char err[128] = "";

		if (target_parse(&t, evil[i], err, sizeof(err)) != EINVAL)
			fail_msg("taken: '%s'", evil[i]);
		assert_true(strlen(err) > 8);
		assert_string_equal(t.number, "untouched");
	}
	assert_int_equal(target_parse(&(struct target){0}, NULL, NULL, 0),
			 EINVAL);
}

static void what_is_too_long_is_refused(void **state)
{
	char text[1024], err[128];
	struct target t;

	(void)state;
	for (size_t n = 1; n < sizeof(text) - 16; n++) {
		memset(text, '1', sizeof(text));
		text[n] = '\0';
		assert_int_equal(target_parse(&t, text, err, sizeof(err)),
				 n < sizeof(t.number) ? 0 : EINVAL);
		memcpy(text, "sip:", 4);
		memset(text + 4, 'u', n);
		memcpy(text + 4 + n, "@h", 3);
		assert_int_equal(target_parse(&t, text, err, sizeof(err)),
				 n < sizeof(t.user) ? 0 : EINVAL);
		memset(text + 4, 'h', n);
		text[4 + n] = '\0';
		assert_int_equal(target_parse(&t, text, err, sizeof(err)),
				 n < sizeof(t.host) ? 0 : EINVAL);
	}
}

/* libre decides where a request goes: it must read a URI as we did. */
static void libre_reads_the_same_host_and_user(void **state)
{
	static const char *const texts[] = {
		"sip:alice@example.org:5070;transport=tcp",
		"sip:+1555@[2001:db8::1]",
		"sip:a%3Bb=c&d@h;x-y=1",
		"sip:*43#@10.1.2.3",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct target t;
		struct uri uri;
		struct pl pl;

		assert_int_equal(target_parse(&t, texts[i], NULL, 0), 0);
		pl_set_str(&pl, t.uri);
		assert_int_equal(uri_decode(&uri, &pl), 0);
		assert_int_equal(pl_strcmp(&uri.host, t.host), 0);
		assert_true(pl_isset(&uri.user));
	}
}

static void loopback_is_known_by_address(void **state)
{
	(void)state;
	assert_true(target_is_loopback("127.0.0.1"));
	assert_true(target_is_loopback("127.250.1.9"));
	assert_true(target_is_loopback("::1"));
	assert_true(target_is_loopback("localhost"));
	assert_false(target_is_loopback("128.0.0.1"));
	assert_false(target_is_loopback("127.0.0.1.example.org"));
	assert_false(target_is_loopback("localhost.example.org"));
	assert_false(target_is_loopback("::2"));
}

static void patterns_match_whole_texts(void **state)
{
	(void)state;
	assert_true(target_match("*.example.org", "sip.example.org"));
	assert_true(target_match("*", ""));
	assert_true(target_match("10.0.*", "10.0.3.4"));
	assert_true(target_match("+1900*", "+19005550100"));
	assert_true(target_match("A*B*C", "axxbxxbc"));
	assert_false(target_match("*.example.org", "example.org"));
	assert_false(target_match("example.org", "example.org.evil"));
	assert_false(target_match("", "x"));
	assert_false(target_match("a*b", "abc"));
}

static void hosts_of_trunks_are_parsed_and_printed(void **state)
{
	struct target_host h;
	char out[128], err[128];

	(void)state;
	assert_int_equal(target_host_parse(&h, "[::1]:5070;transport=udp", err,
					   sizeof(err)),
			 0);
	assert_true(h.ipv6);
	assert_int_equal(h.port, 5070);
	assert_int_equal(target_host_print(&h, out, sizeof(out)), 0);
	assert_string_equal(out, "[::1]:5070;transport=udp");
	assert_int_equal(target_host_print(&h, out, 10), EOVERFLOW);
	assert_int_equal(
		target_host_parse(&h, "h;transport=tls", err, sizeof(err)), 0);
	assert_true(h.secure);
	assert_int_equal(target_host_parse(&h, "a@h", err, sizeof(err)),
			 EINVAL);
	assert_int_equal(target_host_parse(&h, "h:1:2", err, sizeof(err)),
			 EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_write_is_understood),
		cmocka_unit_test(injected_syntax_is_refused_with_a_reason),
		cmocka_unit_test(what_is_too_long_is_refused),
		cmocka_unit_test(libre_reads_the_same_host_and_user),
		cmocka_unit_test(loopback_is_known_by_address),
		cmocka_unit_test(patterns_match_whole_texts),
		cmocka_unit_test(hosts_of_trunks_are_parsed_and_printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
