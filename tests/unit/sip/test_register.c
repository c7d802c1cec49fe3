/* test_register.c -- a binding at a registrar: digest, expiry, failures */
#include "account_fixture.h"

static void it_registers_with_digest_and_one_callid(void **state)
{
	const char *const script[] = {CHALLENGE("n1"), OK, NULL};
	struct account *account = begin(script);
	char ha1[33], one[128], two[128];
	(void)state;

	assert_int_equal(account_state(account), ACCOUNT_TRYING);
	assert_int_equal(count, 0); /* never before account_set() returns */
	assert_true(run(2, 0));
	assert_false(requests[0].authorized);
	md5_hex(ha1, "alice:asterisk:secret");
	assert_true(proves(1, ha1));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(account_expires(account), 600);
	assert_int_equal(account_registered_at(account), clock_wall_ms());
	assert_int_equal(changes, 1);
	assert_int_equal(states[0], ACCOUNT_REGISTERED);

	/* The refresh is in time, carries credentials at once, goes on
	 * counting. */
	assert_true(run(3, 600000));
	assert_in_range(requests[2].at_ms - requests[1].at_ms, 480000, 566000);
	assert_true(proves(2, ha1));
	assert_non_null(strstr(requests[2].text, "nc=00000002"));
	assert_int_equal(requests[2].cseq, requests[0].cseq + 2);
	for (unsigned i = 0; i < 3; i++) {
		assert_true(value(one, sizeof(one), requests[0].text,
				  "Call-ID: ", "\r"));
		assert_true(value(two, sizeof(two), requests[i].text,
				  "Call-ID: ", "\r"));
		assert_string_equal(one, two);
		assert_non_null(strstr(requests[i].text,
				       "\r\nTo: <sip:alice@example.org>\r\n"));
	}
	assert_int_equal(changes, 1);
}

static void ha1_serves_instead_of_a_password(void **state)
{
	const char *const script[] = {CHALLENGE("n1"), OK, NULL};
	struct account_params params = params_of("carrier");
	(void)state;

	answers = script;
	params.password = NULL;
	params.ha1 = "0123456789ABCDEF0123456789abcdef";
	params.auth_user = "login";
	(void)set(&params);
	assert_true(run(2, 0));
	assert_true(proves(1, "0123456789abcdef0123456789abcdef"));
	assert_non_null(strstr(requests[1].text, "username=\"login\""));
}

static void the_md5_challenge_is_picked_among_others(void **state)
{
	const char *const script[] = {
		"401 Unauthorized\n"
		"WWW-Authenticate: Digest realm=\"r\", nonce=\"a\", "
		"algorithm=SHA-256, qop=\"auth\"\n"
		"WWW-Authenticate: Digest realm=\"r\", nonce=\"b\", "
		"algorithm=MD5, qop=\"auth\"\n",
		OK, NULL};
	struct account *account = begin(script);
	char ha1[33];
	(void)state;

	assert_true(run(2, 0));
	md5_hex(ha1, "alice:r:secret");
	assert_true(proves(1, ha1));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void a_stale_nonce_is_replaced_without_a_failure(void **state)
{
	const char *const script[] = {
		CHALLENGE("n1"), OK,
		"401 Unauthorized\nWWW-Authenticate: Digest "
		"realm=\"asterisk\", nonce=\"n2\", qop=\"auth\", stale=true\n",
		OK, NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(4, 600000));
	assert_non_null(strstr(requests[3].text, "nonce=\"n2\""));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(changes, 1);
}

static void a_wrong_password_is_not_hammered(void **state)
{
	/* A new nonce each time, as Kamailio does. */
	const char *const script[] = {CHALLENGE("n1"), CHALLENGE("n2"),
				      CHALLENGE("n3"), CHALLENGE("n4"),
				      CHALLENGE("n5"), CHALLENGE("n6"),
				      CHALLENGE("n7"), NULL};
	struct account *account = begin(script);
	(void)state;

	assert_false(run(4, 0));
	assert_int_equal(count, 3);
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_int_equal(account_scode(account), 401);
	assert_non_null(strstr(account_reason(account), "401 Unauthorized"));
	assert_non_null(strstr(account_reason(account), "refused"));
	/* Slower than for other failures. */
	assert_true(run(4, HOUR_MS));
	assert_in_range(requests[3].at_ms - requests[2].at_ms, 56000, 75000);
	assert_int_equal(changes, 1);
}

static void the_same_nonce_again_is_final(void **state)
{
	const char *const script[] = {CHALLENGE("n1"), CHALLENGE("n1"), NULL};
	struct account *account = begin(script);
	(void)state;

	assert_false(run(3, 0));
	assert_int_equal(count, 2);
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
}

static void a_refusal_keeps_its_reason(void **state)
{
	const char *const script[] = {"403 Not here, friend\n", OK, NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(1, 0));
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_int_equal(account_scode(account), 403);
	assert_string_equal(account_reason(account), "403 Not here, friend");
	assert_true(account_next_at(account) > clock_wall_ms());
	assert_true(run(2, HOUR_MS));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(states[changes - 1], ACCOUNT_REGISTERED);
}

/* Each try is counted there, and many lock the account: a minute to an hour. */
static void refused_credentials_are_tried_ever_more_rarely(void **state)
{
	const char *const script[] = {"403 Forbidden\n", NULL};
	uint64_t wait = 0;
	(void)state;

	(void)begin(script);
	assert_true(run(12, 12 * (uint64_t)HOUR_MS));
	for (unsigned i = 1; i < 12; i++) {
		wait = requests[i].at_ms - requests[i - 1].at_ms;
		assert_in_range(wait, 56000, HOUR_MS);
	}
	assert_in_range(wait, HOUR_MS * 3 / 4, HOUR_MS);
	/* in ten minutes no more than a guard of five lets pass */
	assert_true(requests[4].at_ms - requests[0].at_ms > 600000);
}

static void too_brief_is_asked_again_at_once(void **state)
{
	const char *const script[] = {
		"423 Interval Too Brief\nMin-Expires: 1800\n",
		"200 OK\nContact: {contact};expires=1800\n", NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(2, 0));
	assert_int_equal(requests[0].expires, 600);
	assert_int_equal(requests[1].expires, 1800);
	assert_int_equal(account_expires(account), 1800);
	/* And remembered. */
	assert_true(run(3, 1800000));
	assert_int_equal(requests[2].expires, 1800);
}

static void too_brief_for_ever_is_a_failure(void **state)
{
	const char *const script[] = {
		"423 Interval Too Brief\nMin-Expires: 1800\n",
		"423 Interval Too Brief\nMin-Expires: 3600\n", NULL};
	struct account *account = begin(script);
	(void)state;

	assert_false(run(3, 0));
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_int_equal(account_scode(account), 423);
}

static void too_brief_without_more_to_ask_for_is_a_failure(void **state)
{
	const char *const script[] = {
		"423 Interval Too Brief\nMin-Expires: 600\n", NULL};
	struct account *account = begin(script);
	(void)state;

	assert_false(run(2, 0));
	assert_int_equal(count, 1);
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
}

/* A registrar whose nonce never changes must be able to relent. */
static void a_new_attempt_begins_without_the_refused_answer(void **state)
{
	const char *const script[] = {CHALLENGE("n1"), CHALLENGE("n1"),
				      CHALLENGE("n1"), OK, NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(4, HOUR_MS));
	assert_false(requests[2].authorized);
	assert_true(requests[3].authorized);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void failures_are_retried_for_ever_ever_slower(void **state)
{
	const char *const script[] = {"500 Server Internal Error\n", NULL};
	uint64_t wait, last = 0;
	(void)state;

	(void)begin(script);
	assert_true(run(40, 40 * (uint64_t)300000));
	for (unsigned i = 1; i < 40; i++) {
		wait = requests[i].at_ms - requests[i - 1].at_ms;
		assert_in_range(wait, 5000, 300000);
		if (i < 6)
			assert_true(wait > last);
		last = wait;
	}
	assert_true(last >= 225000);
	assert_int_equal(changes, 1);
}

static void retry_after_is_respected(void **state)
{
	const char *const script[] = {
		"503 Service Unavailable\nRetry-After: 120\n", OK, NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(1, 0));
	assert_int_equal(account_scode(account), 503);
	assert_true(run(2, HOUR_MS));
	assert_in_range(requests[1].at_ms - requests[0].at_ms, 120000, 132000);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void silence_is_a_failure_and_tried_again(void **state)
{
	const char *const script[] = {"", OK, NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(2, HOUR_MS));
	assert_in_range(requests[1].at_ms - requests[0].at_ms, 37000, 38500);
	assert_int_equal(states[0], ACCOUNT_FAILED);
	assert_non_null(strstr(account_reason(account), "does not answer"));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void the_registrar_is_found_by_srv_and_a(void **state)
{
	const char *const script[] = {OK, NULL};
	struct account_params params = params_of("carrier");
	struct account *account;
	(void)state;

	dns_begin(true);
	answers = script;
	params.uri = "sip:alice@example.test";
	params.registrar = NULL;
	account = set(&params);
	assert_true(run(1, 0));
	assert_int_equal(
		strncmp(requests[0].text, "REGISTER sip:example.test SIP", 29),
		0);
	pump();
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void a_name_without_address_is_a_failure_until_it_has_one(void **state)
{
	const char *const script[] = {OK, NULL};
	struct account_params params = params_of("carrier");
	struct account *account;
	(void)state;

	dns_begin(false);
	answers = script;
	params.registrar = "sip:example.test";
	account = set(&params);
	assert_true(run_until_failed(account, 1000));
	assert_string_equal(account_reason(account),
			    "no address found for sip:example.test");
	dns_knows = true;
	assert_true(run(1, HOUR_MS));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void a_refused_connection_is_a_failure(void **state)
{
	struct account_params params = params_of("carrier");
	struct account *account;
	char uri[96];
	(void)state;

	/* Nobody listens on the registrar's port but for UDP. */
	(void)snprintf(uri, sizeof(uri), "%s;transport=tcp", registrar_uri);
	params.registrar = uri;
	account = set(&params);
	assert_true(run_until_failed(account, 40000));
	assert_int_equal(account_scode(account), 0);
	assert_non_null(strstr(account_reason(account), "refused"));
}

static void proxy_and_registrar_may_both_challenge(void **state)
{
	const char *const script[] = {
		"407 Proxy Authentication Required\n"
		"Proxy-Authenticate: Digest realm=\"edge\", nonce=\"p\"\n",
		CHALLENGE("n1"), OK, NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(3, 0));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_non_null(strstr(requests[2].text, "\r\nProxy-Authorization: "));
	assert_non_null(strstr(requests[2].text, "\r\nAuthorization: "));
}

static const struct {
	const char *ok;
	unsigned expires;
} grants[] = {
	/* Ours among others, by user and port; its own parameter first. */
	{"200 OK\nExpires: 500\n"
	 "Contact: <sip:alice@127.0.0.1:9>;expires=7, {contact};expires=60, "
	 "<sip:bob@127.0.0.1:5060>;expires=8\n",
	 60},
	/* No parameter: the header. */
	{"200 OK\nExpires: 90\nContact: {contact}\n", 90},
	/* Not listed: the header, or what we asked. */
	{"200 OK\nExpires: 80\nContact: <sip:alice@127.0.0.1:9>;expires=7\n",
	 80},
	{"200 OK\n", 600},
	{"200 OK\nContact: {contact};expires=99999999999999\n", UINT32_MAX},
};

static void the_registrars_expiry_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(grants); i++) {
		const char *const script[] = {grants[i].ok, NULL};
		struct account *account;
		char name[16];
		struct account_params params;

		(void)snprintf(name, sizeof(name), "a%zu", i);
		params = params_of(name);
		count = 0;
		answers = script;
		account = set(&params);
		assert_true(run(1, 0));
		assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
		assert_int_equal(account_expires(account), grants[i].expires);
		/* Before it ends, however short it is. */
		assert_in_range(account_next_at(account) - clock_wall_ms(),
				(uint64_t)1000,
				grants[i].expires * UINT64_C(1000) - 1000);
	}
}

static void which_expiry_counts_can_be_said(void **state)
{
	static const struct {
		enum account_expiry by;
		const char *ok;
		unsigned expires;
	} cases[] = {
		{ACCOUNT_EXPIRY_HEADER,
		 "200 OK\nExpires: 90\nContact: {contact};expires=60\n", 90},
		{ACCOUNT_EXPIRY_HEADER,
		 "200 OK\nContact: {contact};expires=60\n", 60},
		{ACCOUNT_EXPIRY_IGNORED,
		 "200 OK\nExpires: 90\nContact: {contact};expires=60\n", 600},
		{ACCOUNT_EXPIRY_CONTACT,
		 "200 OK\nExpires: 90\nContact: {contact};expires=60\n", 60},
	};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *const script[] = {cases[i].ok, NULL};
		struct account_params params;
		char name[16];

		(void)snprintf(name, sizeof(name), "a%zu", i);
		params = params_of(name);
		params.expiry = cases[i].by;
		count = 0;
		answers = script;
		(void)set(&params);
		assert_true(run(1, 0));
		assert_int_equal(account_expires(account_find(accounts, name)),
				 cases[i].expires);
	}
}

static void a_contact_rewritten_by_a_nat_is_still_ours(void **state)
{
	/* What we send has a line of its own that survives. */
	const char *const script[] = {"", NULL};
	struct account *account = begin(script);
	struct sa src;
	char line[64], ok[256];
	(void)state;

	assert_true(run(1, 0));
	assert_true(value(line, sizeof(line), requests[0].text, ";line=", ">"));
	(void)snprintf(ok, sizeof(ok),
		       "200 OK\nContact: "
		       "<sip:alice@192.0.2.9:1024;line=%s>;expires=77\n",
		       line);
	assert_true(value(line, sizeof(line), requests[0].text,
			  "Via: SIP/2.0/UDP 127.0.0.1:", ";"));
	assert_int_equal(sa_set_str(&src, "127.0.0.1",
				    (uint16_t)strtoul(line, NULL, 10)),
			 0);
	answer(&src, requests[0].text, ok);
	pump();
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(account_expires(account), 77);
}

static void nothing_granted_is_a_failure(void **state)
{
	const char *const script[] = {"200 OK\nContact: {contact};expires=0\n",
				      NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(1, 0));
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_non_null(strstr(account_reason(account), "0 s"));
}

static void the_shortest_expiry_is_asked_for_once_a_second(void **state)
{
	const char *const script[] = {"200 OK\nContact: {contact};expires=1\n",
				      NULL};
	(void)state;

	(void)begin(script);
	assert_true(run(5, 10000));
	for (unsigned i = 1; i < 5; i++)
		assert_int_equal(requests[i].at_ms - requests[i - 1].at_ms,
				 1000);
}

static void an_outbound_proxy_gets_it_with_a_route(void **state)
{
	const char *const script[] = {OK, NULL};
	struct account_params params = params_of("carrier");
	char route[128], proxy[96];
	(void)state;

	answers = script;
	(void)snprintf(proxy, sizeof(proxy), "%s;lr", registrar_uri);
	(void)snprintf(route, sizeof(route), "\r\nRoute: <%s;lr>\r\n",
		       registrar_uri);
	params.registrar = NULL;
	params.proxy = proxy;
	(void)set(&params);
	assert_true(run(1, 0));
	assert_int_equal(strncmp(requests[0].text,
				 "REGISTER sip:example.org SIP/2.0\r\n", 34),
			 0);
	assert_non_null(strstr(requests[0].text, route));
}

static void another_realm_gets_no_answer(void **state)
{
	const char *const script[] = {
		CHALLENGE("n1"), OK,
		"401 Unauthorized\nWWW-Authenticate: Digest realm=\"evil\", "
		"nonce=\"n9\"\n",
		NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(3, 600000));
	assert_false(run(4, 0));
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_null(strstr(requests[2].text, "evil"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(it_registers_with_digest_and_one_callid),
		T(ha1_serves_instead_of_a_password),
		T(the_md5_challenge_is_picked_among_others),
		T(a_stale_nonce_is_replaced_without_a_failure),
		T(a_wrong_password_is_not_hammered),
		T(the_same_nonce_again_is_final),
		T(a_refusal_keeps_its_reason),
		T(refused_credentials_are_tried_ever_more_rarely),
		T(too_brief_is_asked_again_at_once),
		T(too_brief_for_ever_is_a_failure),
		T(too_brief_without_more_to_ask_for_is_a_failure),
		T(a_new_attempt_begins_without_the_refused_answer),
		T(failures_are_retried_for_ever_ever_slower),
		T(retry_after_is_respected),
		T(silence_is_a_failure_and_tried_again),
		T(the_registrar_is_found_by_srv_and_a),
		T(a_name_without_address_is_a_failure_until_it_has_one),
		T(a_refused_connection_is_a_failure),
		T(proxy_and_registrar_may_both_challenge),
		T(the_registrars_expiry_counts),
		T(which_expiry_counts_can_be_said),
		T(a_contact_rewritten_by_a_nat_is_still_ours),
		T(nothing_granted_is_a_failure),
		T(the_shortest_expiry_is_asked_for_once_a_second),
		T(an_outbound_proxy_gets_it_with_a_route),
		T(another_realm_gets_no_answer),
	};
	int failed;

	if (libre_init())
		return 1;
	log_set_level(LOG_ERROR);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	libre_close();
	return failed;
}
