/* test_account.c -- accounts by name: set, changed, removed; whom an INVITE is
 * for; the end of all */
#include "account_fixture.h"

static void closing_takes_the_binding_back(void **state)
{
	const char *const script[] = {CHALLENGE("n1"), OK, CHALLENGE("n2"),
				      "200 OK\n", NULL};
	struct account *account = begin(script);
	(void)state;

	mem_ref(account);
	assert_true(run(2, 0));
	accounts_close(accounts, 2000, on_closed, NULL);
	assert_false(closed);
	assert_true(run_until_closed(0));
	assert_int_equal(count, 4);
	assert_int_equal(requests[3].expires, 0);
	assert_true(requests[3].authorized);
	assert_int_equal(account_state(account), ACCOUNT_CLOSED);
	assert_int_equal(states[changes - 1], ACCOUNT_CLOSED);
	mem_deref(account);
}

static void closing_waits_no_longer_than_asked(void **state)
{
	const char *const script[] = {OK, "", NULL};
	const uint64_t begun = now_ms;
	(void)state;

	(void)begin(script);
	assert_true(run(1, 0));
	accounts_close(accounts, 2000, on_closed, NULL);
	assert_true(run_until_closed(10000));
	assert_in_range(now_ms - begun, 2000, 2000);
	closed = false;
	assert_false(run_until_closed(HOUR_MS)); /* once only */
}

static void closing_without_a_binding_says_nothing(void **state)
{
	const char *const script[] = {"403 Forbidden\n", NULL};
	(void)state;

	(void)begin(script);
	assert_true(run(1, 0));
	accounts_close(accounts, 2000, on_closed, NULL);
	assert_false(closed);
	assert_true(run_until_closed(0));
	assert_int_equal(count, 1);
}

static void removing_one_takes_its_binding_back(void **state)
{
	const char *const script[] = {OK, "200 OK\n", NULL};
	(void)state;

	(void)begin(script);
	assert_true(run(1, 0));
	assert_int_equal(account_remove(accounts, "nobody"), ENOENT);
	assert_int_equal(account_remove(accounts, "carrier"), 0);
	assert_null(account_find(accounts, "carrier"));
	assert_true(run(2, 0));
	assert_int_equal(requests[1].expires, 0);
	assert_false(run(3, HOUR_MS));
}

static void a_changed_password_registers_again(void **state)
{
	const char *const script[] = {CHALLENGE("n1"), CHALLENGE("n1"),
				      CHALLENGE("n2"), OK, NULL};
	struct account *account = begin(script);
	struct account_params params = params_of("carrier");
	char ha1[33];
	(void)state;

	assert_true(run(2, 0));
	assert_int_equal(account_state(account), ACCOUNT_FAILED);
	params.password = "better";
	assert_ptr_equal(set(&params), account);
	assert_int_equal(account_state(account), ACCOUNT_TRYING);
	assert_int_equal(states[changes - 1], ACCOUNT_TRYING);
	assert_true(run(4, 1000));
	assert_int_equal(requests[2].at_ms - requests[0].at_ms, 1000);
	md5_hex(ha1, "alice:asterisk:better");
	assert_true(proves(3, ha1));
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void what_the_registrar_doesnt_see_changes_in_silence(void **state)
{
	const char *const script[] = {OK, NULL};
	struct account *account = begin(script);
	struct account_params params = params_of("carrier");
	(void)state;

	assert_true(run(1, 0));
	params.max_calls = 7;
	params.display_name = "Alice";
	(void)set(&params);
	assert_int_equal(account_params(account)->max_calls, 7);
	assert_string_equal(account_params(account)->display_name, "Alice");
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
	assert_false(run(2, 300000));
	assert_int_equal(changes, 1);
}

static void a_changed_identity_leaves_the_old_one(void **state)
{
	const char *const script[] = {OK, "200 OK\n", OK, NULL};
	struct account_params params = params_of("carrier");
	struct account *account = begin(script);
	unsigned gone = 0, come = 0;
	(void)state;

	assert_true(run(1, 0));
	params.uri = "sip:bob@example.org";
	(void)set(&params);
	assert_true(run(3, 2000));
	for (unsigned i = 1; i < 3; i++) {
		if (!requests[i].expires &&
		    strstr(requests[i].text, "To: <sip:alice@"))
			gone++;
		if (requests[i].expires &&
		    strstr(requests[i].text, "To: <sip:bob@"))
			come++;
	}
	assert_int_equal(gone, 1);
	assert_int_equal(come, 1);
	assert_int_equal(account_state(account), ACCOUNT_REGISTERED);
}

static void an_account_that_doesnt_register_is_off(void **state)
{
	struct account_params params = params_of("carrier");
	struct account *account;
	(void)state;

	params.registers = false;
	account = set(&params);
	assert_false(run(1, HOUR_MS));
	assert_int_equal(account_state(account), ACCOUNT_OFF);
	assert_string_equal(account_reason(account), "");
}

static int auth(struct account *account, const char *realm)
{
	char *user = NULL, *password = NULL;
	int err = account_auth(&user, &password, realm, account);

	if (!err) {
		assert_string_equal(user, "alice");
		assert_string_equal(password, "secret");
	}
	mem_deref(user);
	mem_deref(password);
	return err;
}

static void credentials_go_to_the_registrars_realm_only(void **state)
{
	const char *const script[] = {CHALLENGE("n1"), OK, NULL};
	struct account *account = begin(script);
	struct account_params params = params_of("carrier");
	(void)state;

	assert_int_equal(auth(account, "asterisk"), EAUTH); /* not yet */
	assert_true(run(2, 0));
	assert_int_equal(auth(account, "asterisk"), 0);
	assert_int_equal(auth(account, "example.org"), 0); /* the domain */
	assert_int_equal(auth(account, "evil.example"), EAUTH);

	params.realm = "office";
	(void)set(&params);
	assert_int_equal(auth(account, "office"), 0);
	assert_int_equal(auth(account, "asterisk"), EAUTH);
	assert_int_equal(auth(account, "example.org"), EAUTH);
	params.password = NULL;
	(void)set(&params);
	assert_int_equal(auth(account, "office"), EAUTH);
}

static struct sip_msg *invite(const char *ruri, const char *to)
{
	struct mbuf *mb = mbuf_alloc(512);
	struct sip_msg *msg = NULL;

	(void)mbuf_printf(mb,
			  "INVITE %s SIP/2.0\r\n"
			  "Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK1\r\n"
			  "From: <sip:x@y>;tag=1\r\nTo: <%s>\r\n"
			  "Call-ID: 1\r\nCSeq: 1 INVITE\r\n"
			  "Content-Length: 0\r\n\r\n",
			  ruri, to);
	mb->pos = 0;
	assert_int_equal(sip_msg_decode(&msg, mb), 0);
	mem_deref(mb);
	return msg;
}

static void assert_for(const char *ruri, const char *to,
		       const struct account *account)
{
	struct sip_msg *msg = invite(ruri, to);

	assert_ptr_equal(account_of_invite(accounts, msg), account);
	mem_deref(msg);
}

static void an_invite_finds_its_account(void **state)
{
	const char *const script[] = {OK, NULL};
	struct account_params params = params_of("one");
	struct account *one, *two;
	char contact[128], bare[128];
	(void)state;

	answers = script;
	one = set(&params);
	params.name = "two";
	params.uri = "sip:alice@example.net";
	two = set(&params);
	assert_true(run(2, 0));
	for (int i = 0; i < 2; i++) {
		assert_true(value(contact, sizeof(contact), requests[i].text,
				  "Contact: <", ">"));
		assert_for(contact, "sip:x@y",
			   strstr(requests[i].text, "example.net") ? two : one);
	}
	/* Without our line: by To, else by user and address. */
	(void)value(bare, sizeof(bare), contact, "", ";");
	assert_for(bare, "sip:alice@EXAMPLE.net", two);
	assert_for(bare, "sip:alice@example.org", one);
	assert_for("sip:bob@127.0.0.1", "sip:bob@example.org", NULL);
	assert_for("sip:alice@127.0.0.1:1", "sip:x@y", NULL);
	assert_int_equal(account_remove(accounts, "one"), 0);
	assert_for(bare, "sip:x@y", two);
}

static void the_hosts_of_accounts_are_known(void **state)
{
	static const char *const backups[] = {"sip:backup.test:5070", NULL};
	struct account_params params = {
		.name = "one",
		.uri = "sip:alice@example.org",
		.registrar = "sip:[2001:db8::1]:5070",
		.backups = backups,
	};
	char err[128];
	(void)state;

	assert_false(accounts_have_host(accounts, "example.org"));
	(void)set(&params);
	params.name = "two";
	(void)set(&params);
	assert_true(accounts_have_host(accounts, "EXAMPLE.org"));
	assert_true(accounts_have_host(accounts, "2001:db8::1"));
	assert_true(accounts_have_host(accounts, "backup.test"));
	assert_false(accounts_have_host(accounts, "example.net"));
	/* two have it: it goes with the second */
	assert_int_equal(account_remove(accounts, "one"), 0);
	assert_true(accounts_have_host(accounts, "example.org"));
	params.uri = "sip:alice@example.net";
	params.backups = NULL;
	params.proxy = "sip:proxy.test";
	(void)set(&params);
	assert_false(accounts_have_host(accounts, "example.org"));
	assert_false(accounts_have_host(accounts, "backup.test"));
	assert_true(accounts_have_host(accounts, "example.net"));
	assert_true(accounts_have_host(accounts, "proxy.test"));
	/* what isn't taken changes nothing */
	params.uri = "nonsense";
	assert_int_equal(account_set(accounts, &params, err, sizeof(err)),
			 EINVAL);
	assert_true(accounts_have_host(accounts, "example.net"));
	assert_int_equal(account_remove(accounts, "two"), 0);
	assert_false(accounts_have_host(accounts, "example.net"));
}

static void many_accounts_dont_register_all_at_once(void **state)
{
	const char *const script[] = {OK, NULL};
	const uint64_t begun = now_ms;
	unsigned at_once;
	(void)state;

	answers = script;
	for (int i = 0; i < 200; i++) {
		struct account_params params = params_of("");
		char name[16], uri[32];

		(void)snprintf(name, sizeof(name), "a%d", i);
		(void)snprintf(uri, sizeof(uri), "sip:%s@example.org", name);
		params.name = name;
		params.uri = uri;
		(void)set(&params);
	}
	pump();
	at_once = count;
	assert_true(at_once < 60);
	assert_true(run(200, 2000));
	assert_true(now_ms - begun > 1000);
	assert_int_equal(changes, 200);
}

static const struct {
	struct account_params params;
	const char *key;
} wrong[] = {
	{{.name = "x"}, "uri:"},
	{{.name = "x", .uri = "sip:example.org"}, "uri:"},
	{{.name = "x", .uri = "alice"}, "uri:"},
	{{.name = "x", .uri = "tel:alice@example.org"}, "uri:"},
	{{.name = "x", .uri = "sip:a@b\r\nX: y"}, "uri:"},
	{{.uri = "sip:a@b"}, "name:"},
	{{.name = "x", .uri = "sip:a@b", .registrar = "b"}, "registrar:"},
	{{.name = "x", .uri = "sip:a@b", .proxy = "sip:"}, "proxy:"},
	{{.name = "x", .uri = "sip:a@b", .ha1 = "123"}, "ha1:"},
	{{.name = "x", .uri = "sip:a@b", .ha1 = HA1, .password = "p"},
	 "password"},
	{{.name = "x", .uri = "sip:a@b", .password = "\001"}, "password"},
	{{.name = "x", .uri = "sip:a@b", .auth_user = "a\"b"}, "auth_user:"},
	{{.name = "x", .uri = "sip:a@b", .display_name = "a\nb"},
	 "display_name:"},
	{{.name = "x", .uri = "sip:a@b", .retry_min = 9, .retry_max = 8},
	 "retry_max:"},
};

static void a_wrong_parameter_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		char err[256] = "";

		assert_int_equal(account_set(accounts, &wrong[i].params, err,
					     sizeof(err)),
				 EINVAL);
		if (strncmp(err, wrong[i].key, strlen(wrong[i].key)) != 0)
			fail_msg("%s doesn't begin with %s", err, wrong[i].key);
		assert_null(account_find(accounts, "x"));
	}
}

static void a_trusted_registrar_is_forgotten_with_its_account(void **state)
{
	const char *const script[] = {OK, "200 OK\n", NULL};
	(void)state;

	(void)begin(script);
	assert_false(stack_trusted(stack, &registrar_addr));
	assert_true(run(1, 0));
	assert_true(stack_trusted(stack, &registrar_addr));
	assert_int_equal(account_remove(accounts, "carrier"), 0);
	assert_true(run(2, 0));
	assert_false(stack_trusted(stack, &registrar_addr));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(closing_takes_the_binding_back),
		T(closing_waits_no_longer_than_asked),
		T(closing_without_a_binding_says_nothing),
		T(removing_one_takes_its_binding_back),
		T(a_changed_password_registers_again),
		T(what_the_registrar_doesnt_see_changes_in_silence),
		T(a_changed_identity_leaves_the_old_one),
		T(an_account_that_doesnt_register_is_off),
		T(credentials_go_to_the_registrars_realm_only),
		T(an_invite_finds_its_account),
		T(the_hosts_of_accounts_are_known),
		T(many_accounts_dont_register_all_at_once),
		T(a_wrong_parameter_is_named),
		T(a_trusted_registrar_is_forgotten_with_its_account),
	};
	int failed;

	if (libre_init())
		return 1;
	log_set_level(LOG_ERROR);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	libre_close();
	return failed;
}
