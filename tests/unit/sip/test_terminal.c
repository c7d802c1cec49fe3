/* Is it the same telephone, or another one of its user? */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "sip/registrar/terminal.h"

struct look {
	const char *instance, *host;
	uint16_t port;
	const char *source;
	uint16_t source_port;
	enum sip_transp tp;
	bool proxied;
	const char *path;
};

static void make(struct terminal *t, const struct look *look)
{
	memset(t, 0, sizeof(*t));
	if (look->instance)
		pl_set_str(&t->instance, look->instance);
	if (look->host)
		pl_set_str(&t->host, look->host);
	if (look->path)
		pl_set_str(&t->path, look->path);
	t->port = look->port;
	assert_int_equal(
		sa_set_str(&t->source, look->source, look->source_port), 0);
	t->tp = look->tp;
	t->proxied = look->proxied;
}

static bool same(const struct look *x, const struct look *y)
{
	struct terminal a, b;
	bool is;

	make(&a, x);
	make(&b, y);
	is = terminal_same(&a, &b);
	assert_int_equal(is, terminal_same(&b, &a));
	return is;
}

#define SAME(...)                                         \
	do {                                              \
		const struct look pair[] = {__VA_ARGS__}; \
		assert_true(same(&pair[0], &pair[1]));    \
	} while (0)
#define OTHER(...)                                        \
	do {                                              \
		const struct look pair[] = {__VA_ARGS__}; \
		assert_false(same(&pair[0], &pair[1]));   \
	} while (0)

static void an_instance_id_decides_when_both_have_one(void **state)
{
	(void)state;
	SAME({.instance = "<urn:uuid:1>",
	      .host = "10.0.0.1",
	      .port = 5060,
	      .source = "192.0.2.1",
	      .source_port = 1},
	     {.instance = "<urn:uuid:1>",
	      .host = "10.9.9.9",
	      .port = 1,
	      .source = "198.51.100.1",
	      .source_port = 2});
	OTHER({.instance = "<urn:uuid:1>",
	       .host = "192.0.2.1",
	       .port = 5060,
	       .source = "192.0.2.1",
	       .source_port = 5060},
	      {.instance = "<urn:uuid:2>",
	       .host = "192.0.2.1",
	       .port = 5060,
	       .source = "192.0.2.1",
	       .source_port = 5060});
	SAME({.instance = "<urn:uuid:1>",
	      .host = "192.0.2.1",
	      .source = "192.0.2.1",
	      .source_port = 5060},
	     {.host = "192.0.2.1",
	      .port = 5060,
	      .source = "192.0.2.1",
	      .source_port = 5060});
}

static void its_contact_or_its_source_is_enough(void **state)
{
	(void)state;
	SAME({.host = "192.0.2.9",
	      .port = 5062,
	      .source = "192.0.2.1",
	      .source_port = 1000},
	     {.host = "192.0.2.9",
	      .port = 5062,
	      .source = "192.0.2.1",
	      .source_port = 2000});
	SAME({.host = "192.0.2.9", .source = "192.0.2.9", .source_port = 7},
	     {.host = "192.0.2.9",
	      .port = 5060,
	      .source = "192.0.2.9",
	      .source_port = 8});
	SAME({.host = "10.0.0.1",
	      .port = 5062,
	      .source = "192.0.2.1",
	      .source_port = 1000},
	     {.host = "10.0.0.7",
	      .port = 5099,
	      .source = "192.0.2.1",
	      .source_port = 1000});
	SAME({.source = "192.0.2.1", .source_port = 1000},
	     {.host = "10.0.0.7",
	      .port = 5099,
	      .source = "192.0.2.1",
	      .source_port = 1000});
}

static void two_telephones_are_two(void **state)
{
	(void)state;
	/* side by side */
	OTHER({.host = "192.0.2.1",
	       .port = 5060,
	       .source = "192.0.2.1",
	       .source_port = 5060},
	      {.host = "192.0.2.2",
	       .port = 5060,
	       .source = "192.0.2.2",
	       .source_port = 5060});
	/* behind one NAT */
	OTHER({.host = "10.0.0.1",
	       .port = 5060,
	       .source = "192.0.2.1",
	       .source_port = 1000},
	      {.host = "10.0.0.2",
	       .port = 5060,
	       .source = "192.0.2.1",
	       .source_port = 2000});
	/* two programs on one machine */
	OTHER({.host = "192.0.2.1",
	       .port = 5060,
	       .source = "192.0.2.1",
	       .source_port = 5060},
	      {.host = "192.0.2.1",
	       .port = 5062,
	       .source = "192.0.2.1",
	       .source_port = 5062});
	/* the same private address behind two NATs */
	OTHER({.host = "192.168.1.2",
	       .port = 5060,
	       .source = "192.0.2.1",
	       .source_port = 5060},
	      {.host = "192.168.1.2",
	       .port = 5060,
	       .source = "192.0.2.2",
	       .source_port = 5060});
	/* the same port, once by UDP and once by TCP */
	OTHER({.host = "192.0.2.5",
	       .port = 1,
	       .source = "192.0.2.1",
	       .source_port = 5060},
	      {.host = "192.0.2.5",
	       .port = 2,
	       .source = "192.0.2.1",
	       .source_port = 5060,
	       .tp = SIP_TRANSP_TCP});
}

static void a_proxy_is_no_telephone(void **state)
{
	(void)state;
	OTHER({.host = "10.0.0.1",
	       .source = "192.0.2.1",
	       .source_port = 5060,
	       .proxied = true,
	       .path = "<sip:e;x=1>"},
	      {.host = "10.0.0.2",
	       .source = "192.0.2.1",
	       .source_port = 5060,
	       .proxied = true,
	       .path = "<sip:e;x=2>"});
	/* the same private address, the proxy knows them apart */
	OTHER({.host = "10.0.0.1",
	       .source = "192.0.2.1",
	       .source_port = 5060,
	       .proxied = true,
	       .path = "<sip:e;x=1>"},
	      {.host = "10.0.0.1",
	       .source = "192.0.2.1",
	       .source_port = 5060,
	       .proxied = true,
	       .path = "<sip:e;x=2>"});
	SAME({.host = "10.0.0.1",
	      .source = "192.0.2.1",
	      .source_port = 5060,
	      .proxied = true,
	      .path = "<sip:e;x=1>"},
	     {.host = "10.0.0.1",
	      .source = "192.0.2.1",
	      .source_port = 5060,
	      .proxied = true,
	      .path = "<sip:e;x=1>"});
}

static void nothing_in_common_is_nothing(void **state)
{
	(void)state;
	OTHER({.source = "192.0.2.1", .source_port = 1},
	      {.source = "192.0.2.1", .source_port = 2});
	OTHER({.source = "192.0.2.1", .source_port = 1},
	      {.source = "2001:db8::1", .source_port = 1});
}

static void what_is_local(void **state)
{
	static const char *const local[] = {
		"10.1.2.3",  "172.31.0.1",  "192.168.0.1",
		"127.0.0.9", "169.254.1.1", "100.64.0.1",
		"fd00::1",   "fe80::1",	    "::1"};
	static const char *const global[] = {"192.0.2.1", "172.32.0.1",
					     "100.128.0.1", "2001:db8::1"};
	struct sa sa;
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(local); i++) {
		assert_int_equal(sa_set_str(&sa, local[i], 0), 0);
		assert_true(addr_is_local(&sa));
	}
	for (size_t i = 0; i < ARRAY_SIZE(global); i++) {
		assert_int_equal(sa_set_str(&sa, global[i], 0), 0);
		assert_false(addr_is_local(&sa));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_instance_id_decides_when_both_have_one),
		cmocka_unit_test(its_contact_or_its_source_is_enough),
		cmocka_unit_test(two_telephones_are_two),
		cmocka_unit_test(a_proxy_is_no_telephone),
		cmocka_unit_test(nothing_in_common_is_nothing),
		cmocka_unit_test(what_is_local),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
