/* test_register_failover.c -- several servers, redirections, dead flows, and
 * what the outbound, Path and Service-Route extensions say */
#include "account_fixture.h"

#define INSTANCE "urn:uuid:00000000-0000-3000-8000-00000000abcd"

/* Registered at one of several: the second and third are there for want of the
 * first. */
static struct account *begin_at(const char *const *script)
{
	static const char *backups[REGISTRARS];
	struct account_params params = params_of("carrier");

	for (int i = 0; i + 1 < REGISTRARS; i++)
		backups[i] = registrar_uris[i + 1];
	params.backups = backups;
	answers = script;
	return set(&params);
}

/* To which registrars the requests have gone: "0110". */
static const char *ways(void)
{
	static char text[REQUESTS_MAX + 1];

	for (unsigned i = 0; i < count; i++)
		text[i] = (char)('0' + requests[i].at);
	text[count] = '\0';
	return text;
}

static void where_the_first_is_silent_the_next_is_asked(void **state)
{
	const char *const script[] = {"", OK, NULL};
	struct account *account = begin_at(script);
	const char *routes[ACCOUNT_ROUTES_MAX];
	(void)state;

	assert_true(run(2, HOUR_MS));
	assert_string_equal(ways(), "01");
	assert_int_equal(requests[1].at_ms - requests[0].at_ms, 6000);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(changes, 1);
	assert_int_equal(account_server(account)->number, 1);
	assert_true(sa_cmp(&account_server(account)->addr, &registrar_addrs[1],
			   SA_ALL));
	/* its own name in the Request-URI; calls are told the same */
	assert_int_equal(strncmp(requests[1].text + 9, registrar_uris[1],
				 strlen(registrar_uris[1])),
			 0);
	assert_string_equal(account_server(account)->uri, registrar_uris[1]);
	assert_int_equal(account_routes(account, routes), 0);
}

static void a_server_that_cannot_serve_is_passed_over(void **state)
{
	static const char *const no[] = {
		"503 Service Unavailable\nRetry-After: 900\n",
		"500 Server Internal Error\n", "408 Request Timeout\n",
		"504 Server Time-out\n"};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(no); i++) {
		const char *const script[] = {no[i], OK, NULL};

		count = 0;
		(void)begin_at(script);
		assert_true(run(2, 10000));
		assert_string_equal(ways(), "01");
		/* no more than one a second, of one account */
		assert_in_range(requests[1].at_ms - requests[0].at_ms, 1000,
				1100);
		answers = (const char *const[]){"200 OK\n", NULL};
		assert_int_equal(account_remove(accounts, "carrier"), 0);
		pump();
	}
}

static void who_refuses_speaks_for_all(void **state)
{
	const char *const script[] = {"403 Forbidden\n", OK, NULL};
	struct account *account = begin_at(script);
	(void)state;

	assert_false(run(2, 50000));
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_true(run(2, HOUR_MS));
	assert_string_equal(ways(), "00");
}

static void when_all_fail_it_begins_anew_with_the_first(void **state)
{
	const char *const script[] = {"", "503 Busy\nRetry-After: 100\n", "",
				      OK, NULL};
	struct account *account = begin_at(script);
	(void)state;

	assert_true(run(4, HOUR_MS));
	assert_string_equal(ways(), "0120");
	assert_int_equal(states[0], ACCOUNT_FAILED);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	/* the patience that one of them asked for */
	assert_in_range(requests[3].at_ms - requests[2].at_ms, 106000, 116000);
	assert_int_equal(account_server(account)->number, 0);
}

static void it_goes_back_to_the_first_when_that_is_there(void **state)
{
	const char *const script[] = {"", OK, OK, OK, NULL};
	struct account *account = begin_at(script);
	(void)state;

	assert_true(run(3, HOUR_MS));
	assert_string_equal(ways(), "010");
	assert_in_range(requests[2].at_ms - requests[1].at_ms, 48000, 60000);
	assert_int_equal(account_server(account)->number, 0);
	assert_int_equal(changes, 1);
	/* and stays there */
	assert_true(run(4, HOUR_MS));
	assert_string_equal(ways(), "0100");
	assert_true(requests[3].at_ms - requests[2].at_ms > 480000);
}

/* As one says whose users aren't there again yet. */
static void a_refusal_by_who_was_away_undoes_nothing(void **state)
{
	const char *const script[] = {"", OK, "403 Forbidden\n", OK, OK, NULL};
	struct account *account = begin_at(script);
	(void)state;

	assert_true(run(5, HOUR_MS));
	assert_string_equal(ways(), "01010");
	assert_int_equal(changes, 1);
	assert_int_equal(account_server(account)->number, 0);
	assert_in_range(requests[3].at_ms - requests[2].at_ms, 1000, 1100);
}

static void while_the_first_is_away_it_is_tried_ever_more_rarely(void **state)
{
	const char *const script[] = {OK, NULL};
	uint64_t at = 0, last = 0;
	unsigned tries = 0;
	(void)state;

	deaf[0] = true;
	(void)begin_at(script);
	assert_true(run(40, 8 * HOUR_MS));
	assert_int_equal(changes, 1); /* it was registered all the time */
	for (unsigned i = 0; i < 40; i++) {
		uint64_t wait = requests[i].at_ms - at;

		if (requests[i].at != 0)
			continue;
		if (tries > 1)
			assert_true(wait > last || wait > 480000);
		assert_true(tries == 0 || wait < 620000);
		at = requests[i].at_ms;
		last = wait;
		tries++;
	}
	assert_true(tries > 10);
}

/* A short expiry doesn't make each refresh wait for who is away. */
static void short_expiries_are_refreshed_in_time_where_they_are(void **state)
{
	const char *const script[] = {"200 OK\nContact: {contact};expires=10\n",
				      NULL};
	(void)state;

	deaf[0] = true;
	(void)begin_at(script);
	assert_true(run(3, HOUR_MS));
	deaf[0] = false;
	assert_true(run(20, HOUR_MS));
	assert_int_equal(changes, 1);
	for (unsigned i = 2; i < 20; i++) {
		assert_true(requests[i].at_ms - requests[i - 1].at_ms < 5100);
		/* a minute after, the first is tried, and answers */
		assert_int_equal(requests[i].at,
				 requests[i].at_ms - requests[1].at_ms < 48000
					 ? 1u
				 : requests[i].at_ms - requests[1].at_ms > 61000
					 ? 0u
					 : requests[i].at);
	}
}

static void a_refresh_that_finds_nobody_goes_elsewhere(void **state)
{
	const char *const script[] = {OK, "", OK, NULL};
	struct account *account = begin_at(script);
	(void)state;

	assert_true(run(3, HOUR_MS));
	assert_string_equal(ways(), "001");
	assert_int_equal(requests[2].at_ms - requests[1].at_ms, 6000);
	assert_int_equal(changes, 1);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void a_dead_flow_is_left_at_once(void **state)
{
	const char *const script[] = {OK, OK, NULL};
	struct account *account = begin_at(script);
	(void)state;

	assert_true(run(1, 0));
	now_ms += 60000;
	account_flow_failed(account, "no pong");
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_string_equal(account_reason(account), "no pong");
	account_flow_failed(account, "no pong"); /* once is enough */
	assert_true(run(2, 0));
	assert_string_equal(ways(), "01");
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(account_server(account)->number, 1);
}

static void with_one_server_the_same_is_asked_again(void **state)
{
	const char *const script[] = {OK, OK, OK, NULL};
	struct account *account = begin(script);
	(void)state;

	assert_true(run(1, 0));
	now_ms += 60000;
	account_flow_failed(account, "no pong");
	assert_true(run(2, 0));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	/* no pong has ever come: more slowly */
	account_flow_failed(account, "no pong");
	assert_false(run(3, 4000));
	assert_true(run(3, 3000));
}

/* ---- 3xx ------------------------------------------------------------- */

static void a_redirection_is_followed(void **state)
{
	char moved[128];
	const char *const script[] = {moved, CHALLENGE("n1"), OK, OK, NULL};
	struct account *account;
	(void)state;

	(void)snprintf(moved, sizeof(moved),
		       "302 Moved Temporarily\nContact: <%s>\n",
		       registrar_uris[2]);
	account = begin(script);
	assert_true(run(3, 10000));
	assert_string_equal(ways(), "022");
	assert_int_equal(strncmp(requests[2].text + 9, registrar_uris[2],
				 strlen(registrar_uris[2])),
			 0);
	assert_true(requests[2].authorized);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_string_equal(account_server(account)->uri, registrar_uris[2]);
	/* the refresh goes there at once */
	assert_true(run(4, HOUR_MS));
	assert_string_equal(ways(), "0222");
}

static void redirections_end(void **state)
{
	char there[128], back[128], nowhere[128];
	const char *const script[] = {there, back, there, back, OK, NULL};
	const char *const lost[] = {nowhere, NULL};
	struct account *account;
	(void)state;

	(void)snprintf(there, sizeof(there),
		       "302 Moved Temporarily\nContact: <%s>\n",
		       registrar_uris[1]);
	(void)snprintf(back, sizeof(back),
		       "302 Moved Temporarily\nContact: <%s>\n",
		       registrar_uris[0]);
	account = begin(script);
	assert_true(run(4, 10000));
	assert_false(run(5, 4000));
	assert_string_equal(ways(), "0101");
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_int_equal(account_scode(account), 302);
	assert_true(run(5, HOUR_MS));
	assert_string_equal(ways(), "01010");

	(void)snprintf(nowhere, sizeof(nowhere),
		       "302 Moved Temporarily\nContact: <tel:123>\n");
	count = 0;
	answers = lost;
	account_flow_failed(account, "test");
	assert_true(run(1, 10000));
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	assert_non_null(strstr(account_reason(account), "moved"));
}

/* ---- outbound, Path, Service-Route ------------------------------------ */

static struct account *begin_outbound(const char *const *script)
{
	struct account_params params = params_of("carrier");

	params.outbound = true;
	params.instance_id = INSTANCE;
	answers = script;
	return set(&params);
}

static void outbound_names_its_instance_and_flow(void **state)
{
	const char *const script[] = {"200 OK\nContact: {contact};expires=600\n"
				      "Require: outbound\nFlow-Timer: 90\n",
				      OK, NULL};
	struct account *account = begin_outbound(script);
	(void)state;

	assert_true(run(1, 0));
	assert_non_null(strstr(requests[0].text,
			       ";ob>;reg-id=1;"
			       "+sip.instance=\"<" INSTANCE ">\""));
	assert_non_null(strstr(requests[0].text, "Supported: path, outbound"));
	assert_int_equal(account_flow_timer(account), 90);
	/* the same flow for its life */
	assert_true(run(2, HOUR_MS));
	assert_non_null(strstr(requests[1].text, "reg-id=1"));
	assert_int_equal(account_flow_timer(account), 0);
}

#define OUTBOUND "200 OK\nRequire: outbound\nContact: {contact};expires=600\n"

static struct account *two_flows(void)
{
	static const char *const script[] = {OUTBOUND, NULL};
	const char *const backups[] = {registrar_uris[1], registrar_uris[2],
				       NULL};
	struct account_params params = params_of("carrier");

	answers = script;
	params.registrar = NULL;
	params.proxy = registrar_uris[0];
	params.backups = backups;
	params.outbound = true;
	params.flows = 2;
	params.instance_id = "urn:uuid:1";
	return set(&params);
}

static void flows_by_two_servers_at_once(void **state)
{
	struct account *account = two_flows();
	struct account_flow_reading flow;
	char one[64], other[64];
	(void)state;

	assert_true(run(2, 2000));
	pump();
	assert_int_equal(requests[0].at, 0);
	assert_int_equal(requests[1].at, 1);
	assert_non_null(strstr(requests[0].text, ";reg-id=1;"));
	assert_non_null(strstr(requests[1].text, ";reg-id=2;"));
	assert_true(value(one, sizeof(one), requests[0].text,
			  "\r\nCall-ID: ", "\r"));
	assert_true(value(other, sizeof(other), requests[1].text,
			  "\r\nCall-ID: ", "\r"));
	assert_string_not_equal(one, other);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(account_read_flow(account, i, &flow));
		assert_int_equal(flow.state, ACCOUNT_REGISTERED);
		assert_int_equal(flow.server->number, i);
	}
	assert_false(account_read_flow(account, 2, &flow));
	assert_int_equal(changes, 1);
	/* both are taken back */
	assert_int_equal(account_remove(accounts, "carrier"), 0);
	assert_true(run(4, 1000));
	assert_int_equal(requests[2].expires, 0);
	assert_int_equal(requests[3].expires, 0);
	assert_int_equal(requests[2].at + requests[3].at, 1);
}

static void the_other_flow_serves_while_one_is_dead(void **state)
{
	struct account *account = two_flows();
	(void)state;

	assert_true(run(2, 2000));
	pump();
	for (unsigned i = 0; i < REGISTRARS; i++)
		deaf[i] = i != 1;
	account_flow_failed(account, "no pong");
	/* no failure: there was another */
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(account_server(account)->number, 1);
	assert_int_equal(changes, 2);
	assert_int_equal(states[1], ACCOUNT_REGISTERED);
	/* the first one finds another server for itself */
	assert_true(run(3, 60000));
	pump();
	assert_int_equal(requests[2].at, 1);
	assert_non_null(strstr(requests[2].text, ";reg-id=1;"));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_int_equal(changes, 3);
}

static void a_registrar_without_outbound_has_one_flow(void **state)
{
	static const char *const script[] = {OK, NULL};
	struct account *account = two_flows();
	struct account_flow_reading flow;
	(void)state;

	answers = script;
	assert_true(run(1, 1000));
	assert_false(run(2, 60000));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_false(account_read_flow(account, 1, &flow));
}

static void a_first_hop_without_outbound_gets_it_without(void **state)
{
	const char *const script[] = {"439 First Hop Lacks Outbound Support\n",
				      OK, NULL};
	struct account *account = begin_outbound(script);
	(void)state;

	assert_true(run(2, 0));
	assert_null(strstr(requests[1].text, "reg-id"));
	assert_non_null(strstr(requests[1].text, "Supported: path\r\n"));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void path_and_service_route_are_kept(void **state)
{
	const char *const script[] = {
		"200 OK\nContact: {contact};expires=600\n"
		"Path: <sip:edge1.test;lr>\n"
		"Path: <sip:edge2.test;lr>, <sip:edge3.test;lr>\n"
		"Service-Route: <sip:orig@home1.test;lr>, "
		"<sip:home2.test:5070;transport=tcp;lr>\n",
		"200 OK\nContact: {contact};expires=600\n"
		"Service-Route: <sip:ok.test;lr>, bad\n",
		NULL};
	struct account *account = begin(script);
	const char *routes[ACCOUNT_ROUTES_MAX];
	(void)state;

	assert_true(run(1, 0));
	assert_string_equal(account_path(account),
			    "<sip:edge1.test;lr>, <sip:edge2.test;lr>, "
			    "<sip:edge3.test;lr>");
	assert_int_equal(account_routes(account, routes), 2);
	/* the parameter lr is the session's to write */
	assert_string_equal(routes[0], "sip:orig@home1.test");
	assert_string_equal(routes[1], "sip:home2.test:5070;transport=tcp");
	/* the whole route or none; and each answer says it anew */
	assert_true(run(2, HOUR_MS));
	assert_int_equal(account_routes(account, routes), 0);
	assert_null(account_path(account));
}

static void a_proxy_stands_before_the_service_route(void **state)
{
	const char *const script[] = {"200 OK\nContact: {contact};expires=600\n"
				      "Service-Route: <sip:home.test;lr>\n",
				      NULL};
	struct account_params params = params_of("carrier");
	const char *routes[ACCOUNT_ROUTES_MAX];
	struct account *account;
	(void)state;

	params.registrar = NULL;
	params.proxy = registrar_uri;
	answers = script;
	account = set(&params);
	assert_true(run(1, 0));
	assert_int_equal(account_routes(account, routes), 2);
	assert_string_equal(routes[0], registrar_uri);
	assert_string_equal(routes[1], "sip:home.test");
}

/* ---- all accounts together -------------------------------------------- */

static void the_rate_holds_for_all_accounts(void **state)
{
	const char *const script[] = {OK, NULL};
	unsigned most = 0;
	(void)state;

	accounts_set_rate(accounts, 10);
	answers = script;
	for (int i = 0; i < 100; i++) {
		struct account_params params = params_of("");
		char name[16], uri[32];

		(void)snprintf(name, sizeof(name), "a%d", i);
		(void)snprintf(uri, sizeof(uri), "sip:%s@example.org", name);
		params.name = name;
		params.uri = uri;
		(void)set(&params);
	}
	assert_true(run(100, 20000));
	for (unsigned i = 0; i < 100; i++) {
		unsigned n = 0;

		for (unsigned k = i;
		     k < 100 && requests[k].at_ms < requests[i].at_ms + 1000;
		     k++)
			n++;
		most = n > most ? n : most;
	}
	/* a burst of 20, then ten a second */
	assert_in_range(most, 10, 31);
	assert_in_range(requests[99].at_ms - requests[0].at_ms, 7000, 9000);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(where_the_first_is_silent_the_next_is_asked),
		T(a_server_that_cannot_serve_is_passed_over),
		T(who_refuses_speaks_for_all),
		T(when_all_fail_it_begins_anew_with_the_first),
		T(it_goes_back_to_the_first_when_that_is_there),
		T(a_refusal_by_who_was_away_undoes_nothing),
		T(while_the_first_is_away_it_is_tried_ever_more_rarely),
		T(short_expiries_are_refreshed_in_time_where_they_are),
		T(a_refresh_that_finds_nobody_goes_elsewhere),
		T(a_dead_flow_is_left_at_once),
		T(with_one_server_the_same_is_asked_again),
		T(a_redirection_is_followed),
		T(redirections_end),
		T(outbound_names_its_instance_and_flow),
		T(flows_by_two_servers_at_once),
		T(the_other_flow_serves_while_one_is_dead),
		T(a_registrar_without_outbound_has_one_flow),
		T(a_first_hop_without_outbound_gets_it_without),
		T(path_and_service_route_are_kept),
		T(a_proxy_stands_before_the_service_route),
		T(the_rate_holds_for_all_accounts),
	};
	int failed;

	if (libre_init())
		return 1;
	log_set_level(LOG_ERROR);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	libre_close();
	return failed;
}
