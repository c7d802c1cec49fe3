/* The registrar's rules, as those hear of them who are told. */
#include "sip_fixture.h"
#include "digest_check.h"
#include "base/clock.h"
#include "sip/registrar/contact.h"
#include "sip/registrar/registrar_private.h"

#define HA1 "u:realm:secret"

static struct registrar *registrar;
static struct registrar_user user;
static bool later; /* who it is is said later */
static uint64_t asked;
static char events[512], nonce[128];
static unsigned nc, cseq, restarts;
static struct binding *held;

static bool serves(void *arg)
{
	(void)arg;
	return true;
}

static bool claims(const struct sip_msg *msg, void *arg)
{
	(void)arg;
	return !pl_strcmp(&msg->from.uri.user, "u");
}

static void identify(const struct registrar_query *query, void *arg)
{
	(void)arg;
	asked = registrar_query_id(query);
	if (!later)
		(void)registrar_answer(
			registrar, asked,
			strcmp(registrar_query_user(query), "u") ? NULL : &user,
			false);
	check();
}

static void note(const char *what, const char *text)
{
	const size_t n = strlen(events);

	(void)re_snprintf(events + n, sizeof(events) - n, "%s%s %s",
			  n ? ", " : "", what, text);
	check();
}

static void changed(struct binding *binding, enum binding_event event,
		    void *arg)
{
	static const char *const names[] = {
		[BINDING_ADDED] = "added",
		[BINDING_REFRESHED] = "refreshed",
		[BINDING_REMOVED] = "removed",
		[BINDING_EXPIRED] = "expired",
	};
	(void)arg;

	assert_string_equal(binding_name(binding), "u");
	assert_int_equal(binding_registered(binding),
			 event == BINDING_ADDED || event == BINDING_REFRESHED);
	note(names[event], binding_contact(binding));
}

static void restarted(const struct registrar_restart *restart, void *arg)
{
	(void)arg;
	restarts++;
	for (size_t i = 0; i < restart->count; i++)
		note("restarted", binding_contact(restart->old[i]));
}

static int setup_registrar(void **state)
{
	static const struct registrar_handlers handlers_ = {
		.serves = serves,
		.claims = claims,
		.identify = identify,
		.changed = changed,
		.restarted = restarted,
	};
	const struct registrar_config config = {.realm = "realm"};

	(void)setup(state);
	raw_open(&b);
	user = (struct registrar_user){
		.name = "u",
		.secret = {.user = "u",
			   .password = "secret",
			   .algorithms = AUTH_MD5},
		.min_expires = 1,
		.nat = REGISTRAR_NAT_AUTO,
	};
	later = false;
	events[0] = nonce[0] = '\0';
	nc = restarts = 0;
	cseq = 1;
	held = NULL;
	assert_int_equal(
		registrar_alloc(&registrar, b.stack, &config, &handlers_, NULL),
		0);
	return 0;
}

static int teardown_registrar(void **state)
{
	mem_deref(held);
	registrar_free(registrar);
	raw_close();
	return teardown(state);
}

/* A REGISTER with CONTACT lines ("" for none), under Call-ID ID. */
static void send_register(const char *id, unsigned number, const char *contact)
{
	static unsigned branch;
	char authorization[512] = "", ha1[33], ha2[33], response[33], text[512];

	md5_hex(ha1, HA1);
	md5_hex(ha2, "REGISTER:sip:127.0.0.1");
	if (nonce[0]) {
		nc++;
		(void)re_snprintf(text, sizeof(text), "%s:%s:%08x:c:auth:%s",
				  ha1, nonce, nc, ha2);
		md5_hex(response, text);
		(void)re_snprintf(
			authorization, sizeof(authorization),
			"Authorization: Digest username=\"u\", "
			"realm=\"realm\", nonce=\"%s\", "
			"uri=\"sip:127.0.0.1\", response=\"%s\", qop=auth, "
			"nc=%08x, cnonce=\"c\"\r\n",
			nonce, response, nc);
	}
	raw_forget();
	raw_send("REGISTER sip:127.0.0.1 SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP %J;branch=z9hG4bKr%u;rport\r\n"
		 "Max-Forwards: 70\r\nFrom: <sip:u@127.0.0.1>;tag=f\r\n"
		 "To: <sip:u@127.0.0.1>\r\nCall-ID: %s\r\n"
		 "CSeq: %u REGISTER\r\n%s%sContent-Length: 0\r\n\r\n",
		 &raw.addr, ++branch, id, number, contact, authorization);
}

static void take_nonce(void)
{
	const char *p = raw_wait("SIP/2.0 401"), *end;

	p = strstr(p, "nonce=\"") + 7;
	end = strchr(p, '"');
	(void)re_snprintf(nonce, sizeof(nonce), "%b", p, (size_t)(end - p));
	nc = 0;
}

/* Register until it is accepted; a stale nonce is taken anew. */
static void do_register(const char *id, const char *contact)
{
	send_register(id, cseq++, contact);
	if (!strncmp(raw_wait("SIP/2.0"), "SIP/2.0 401", 11)) {
		take_nonce();
		send_register(id, cseq++, contact);
	}
	(void)raw_wait("SIP/2.0 200");
}

#define EVENTS(expected_)                               \
	do {                                            \
		assert_string_equal(events, expected_); \
		events[0] = '\0';                       \
	} while (0)

#define PHONE	"sip:a@192.0.2.1:5062"
#define CONTACT "Contact: <" PHONE ">\r\n"
#define MOVED	"Contact: <sip:b@192.0.2.1:5062>\r\n"
#define OTHER	"Contact: <sip:a@192.0.2.2>\r\n"
#define GONE	"Contact: <" PHONE ">;expires=0\r\n"

static struct binding *only(void)
{
	struct binding *binding = NULL;

	assert_int_equal(registrar_bindings(registrar, "u", &binding, 1), 1);
	return binding;
}

static void is_added_refreshed_removed(void **state)
{
	(void)state;
	do_register("c1", CONTACT);
	EVENTS("added " PHONE);
	assert_int_equal(registrar_count(registrar), 1);
	do_register("c1", CONTACT);
	EVENTS("refreshed " PHONE);
	do_register("c1", "");
	EVENTS("");
	assert_non_null(strstr(raw_find("SIP/2.0 200"),
			       "\r\nContact: <" PHONE ">;expires="));
	do_register("c1", GONE);
	EVENTS("removed " PHONE);
	assert_int_equal(registrar_count(registrar), 0);
	do_register("c1", GONE);
	EVENTS("");
}

static void another_call_id_is_a_restart_once(void **state)
{
	(void)state;
	do_register("c1", CONTACT);
	do_register("c2", MOVED);
	EVENTS("added " PHONE ", restarted " PHONE ", removed " PHONE
	       ", added sip:b@192.0.2.1:5062");
	do_register("c2", MOVED);
	EVENTS("refreshed sip:b@192.0.2.1:5062");
	assert_int_equal(restarts, 1);
	assert_string_equal(binding_call_id(only()), "c2");
}

/* The fixture's peer has one socket: the other comes by a proxy. */
static void another_telephone_is_none(void **state)
{
	static const char proxied[] =
		"Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKp\r\n" OTHER;
	(void)state;

	do_register("c1", CONTACT);
	do_register("c2", proxied);
	do_register("c1", CONTACT);
	do_register("c2", proxied);
	assert_int_equal(restarts, 0);
	assert_int_equal(registrar_count(registrar), 2);
}

static void a_held_one_is_known_when_it_has_gone(void **state)
{
	(void)state;
	do_register("c1", CONTACT);
	held = mem_ref(only());
	do_register("c1", GONE);
	assert_false(binding_registered(held));
	/* the same Call-ID: the same binding again */
	do_register("c1", CONTACT);
	assert_ptr_equal(only(), held);
	do_register("c1", GONE);
	events[0] = '\0';
	do_register("c2", CONTACT);
	EVENTS("restarted " PHONE ", added " PHONE);
	assert_ptr_not_equal(only(), held);
	/* told once; its holder can still read it */
	do_register("c3", CONTACT);
	EVENTS("restarted " PHONE ", refreshed " PHONE);
	assert_string_equal(binding_contact(held), PHONE);
}

static void a_ghost_of_its_former_life_is_asked_for_proof(void **state)
{
	char old[sizeof(nonce)];
	unsigned old_nc;
	(void)state;

	do_register("c1", CONTACT);
	memcpy(old, nonce, sizeof(old));
	old_nc = nc;
	nonce[0] = '\0';
	do_register("c2", CONTACT);
	assert_int_equal(restarts, 1);
	events[0] = '\0';
	memcpy(nonce, old, sizeof(nonce));
	nc = old_nc;
	send_register("c1", 1000, CONTACT);
	assert_non_null(strstr(raw_wait("SIP/2.0 401"), "stale=true"));
	EVENTS("");
	assert_string_equal(binding_call_id(only()), "c2");
}

static bool refused_500(void)
{
	return raw_find("SIP/2.0 500") != NULL;
}

static void a_lower_CSeq_changes_nothing(void **state)
{
	(void)state;
	cseq = 100;
	do_register("c1", CONTACT);
	events[0] = '\0';
	send_register("c1", 5, GONE);
	WAIT(refused_500);
	EVENTS("");
	assert_int_equal(binding_cseq(only()), cseq - 1);
}

static bool has_expired(void)
{
	return strstr(events, "expired") != NULL;
}

static void it_ends_by_itself(void **state)
{
	(void)state;
	do_register("c1", "Contact: <" PHONE ">;expires=1\r\n");
	WAIT(has_expired);
	EVENTS("added " PHONE ", expired " PHONE);
}

static void those_with_the_greatest_q_come_first(void **state)
{
	struct binding *bindings[3];
	(void)state;

	do_register("c1", "Contact: <sip:l@192.0.2.1>;q=0.1, "
			  "<sip:h@192.0.2.2>, <sip:m@192.0.2.3>;q=0.55\r\n");
	assert_int_equal(registrar_bindings(registrar, "u", bindings, 3), 3);
	assert_string_equal(binding_contact(bindings[0]), "sip:h@192.0.2.2");
	assert_int_equal(binding_q(bindings[1]), 550);
	assert_string_equal(binding_contact(bindings[2]), "sip:l@192.0.2.1");
	/* the best one, if there is room for one only */
	assert_int_equal(registrar_bindings(registrar, "u", bindings, 1), 3);
	assert_string_equal(binding_contact(bindings[0]), "sip:h@192.0.2.2");
}

static void single_contact_leaves_room_for_one(void **state)
{
	(void)state;
	user.single_contact = true;
	do_register("c1", CONTACT);
	do_register("c2",
		    "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKp\r\n" OTHER);
	assert_int_equal(restarts, 1);
	assert_string_equal(binding_contact(only()), "sip:a@192.0.2.2");
}

static bool is_asked(void)
{
	return asked != 0;
}

static void who_it_is_may_be_said_later(void **state)
{
	(void)state;
	send_register("c1", cseq++, CONTACT);
	take_nonce();
	later = true;
	asked = 0;
	send_register("c1", cseq++, CONTACT);
	WAIT(is_asked);
	EVENTS("");
	assert_true(registrar_answer(registrar, asked, &user, false));
	assert_false(registrar_answer(registrar, asked, &user, false));
	(void)raw_wait("SIP/2.0 200");
	EVENTS("added " PHONE);
	/* and not at all: those who wait are forgotten with the registrar */
	send_register("c1", cseq++, CONTACT);
	asked = 0;
	WAIT(is_asked);
}

static struct binding_record record(void)
{
	struct binding_record r = {
		.id = "01",
		.name = "u",
		.contact = PHONE,
		.call_id = "c1",
		.tp = SIP_TRANSP_UDP,
		.cseq = 7,
		.q = 500,
		.since_ms = clock_wall_ms() - 1000,
		.refreshed_ms = clock_wall_ms() - 500,
		.expires_ms = clock_wall_ms() + 60000,
	};

	assert_int_equal(sa_set_str(&r.source, "192.0.2.1", 5062), 0);
	return r;
}

static void what_was_written_down_is_in_force_again(void **state)
{
	struct binding_record r = record();
	(void)state;

	assert_int_equal(registrar_restore(registrar, &r), 0);
	assert_int_equal(registrar_restore(registrar, &r), EEXIST);
	EVENTS("");
	assert_string_equal(binding_target(only()), PHONE);
	/* its telephone is known as the one that it was */
	do_register("c2", CONTACT);
	EVENTS("restarted " PHONE ", refreshed " PHONE);

	r.expires_ms = clock_wall_ms() - 1;
	assert_int_equal(registrar_restore(registrar, &r), ETIMEDOUT);
	r = record();
	r.contact = "sip:x@192.0.2.1>\r\nEvil: yes";
	assert_int_equal(registrar_restore(registrar, &r), EINVAL);
	r = record();
	r.name = "";
	assert_int_equal(registrar_restore(registrar, &r), EINVAL);
}

static void routes_of_a_path(void **state)
{
	struct binding_record r = record();
	char uri[128];
	(void)state;

	r.path = "<sip:a;lr>, <sip:b@c:5080;lr;x=1>, <sip:d;y;lr=on>, "
		 "<sip:e;lrx>";
	assert_int_equal(registrar_restore(registrar, &r), 0);
	assert_int_equal(binding_route(only(), 0, uri, sizeof(uri)), 0);
	assert_string_equal(uri, "sip:a");
	assert_int_equal(binding_route(only(), 1, uri, sizeof(uri)), 0);
	assert_string_equal(uri, "sip:b@c:5080;x=1");
	assert_int_equal(binding_route(only(), 2, uri, sizeof(uri)), 0);
	assert_string_equal(uri, "sip:d;y");
	assert_int_equal(binding_route(only(), 3, uri, sizeof(uri)), 0);
	assert_string_equal(uri, "sip:e;lrx");
	assert_int_equal(binding_route(only(), 4, uri, sizeof(uri)), ENOENT);
	assert_int_equal(binding_route(only(), 1, uri, 6), EOVERFLOW);
}

static void qs_are_read(void **state)
{
	static const struct {
		const char *text;
		unsigned q;
	} cases[] = {{"1", 1000},     {"1.0", 1000}, {"0", 0},
		     {"0.5", 500},    {"0.05", 50},  {"0.123", 123},
		     {"0.1239", 123}, {"", 0},	     {"0.x", 0},
		     {"9", 0},	      {"-1", 0}};
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct pl pl;

		pl_set_str(&pl, cases[i].text);
		assert_int_equal(q_read(&pl), cases[i].q);
	}
}

static bool same_uri(const char *x, const char *y)
{
	struct uri u, v;
	struct pl pl;

	pl_set_str(&pl, x);
	assert_int_equal(uri_decode(&u, &pl), 0);
	pl_set_str(&pl, y);
	assert_int_equal(uri_decode(&v, &pl), 0);
	assert_int_equal(uri_same(&u, &v), uri_same(&v, &u));
	return uri_same(&u, &v);
}

static void uris_are_compared_by_RFC_3261_19_1_4(void **state)
{
	(void)state;
	assert_true(same_uri("sip:a@X.test", "SIP:a@x.TEST:5060"));
	assert_true(same_uri("sip:a@x;line=1", "sip:a@x"));
	assert_true(same_uri("sip:a@x;p=1;q=2", "sip:a@x;Q=2;P=1"));
	assert_false(same_uri("sip:a@x;line=1", "sip:a@x;line=2"));
	assert_false(same_uri("sip:a@x", "sip:A@x"));
	assert_false(same_uri("sip:a@x:5061", "sip:a@x"));
	assert_false(same_uri("sip:a@x;transport=tcp", "sip:a@x"));
	assert_false(same_uri("sip:a@x", "sip:x"));
	assert_false(same_uri("sips:a@x", "sip:a@x"));
}

#define REGISTRAR_TEST(fn_)                                   \
	cmocka_unit_test_setup_teardown(fn_, setup_registrar, \
					teardown_registrar)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REGISTRAR_TEST(is_added_refreshed_removed),
		REGISTRAR_TEST(another_call_id_is_a_restart_once),
		REGISTRAR_TEST(another_telephone_is_none),
		REGISTRAR_TEST(a_held_one_is_known_when_it_has_gone),
		REGISTRAR_TEST(a_ghost_of_its_former_life_is_asked_for_proof),
		REGISTRAR_TEST(a_lower_CSeq_changes_nothing),
		REGISTRAR_TEST(it_ends_by_itself),
		REGISTRAR_TEST(those_with_the_greatest_q_come_first),
		REGISTRAR_TEST(single_contact_leaves_room_for_one),
		REGISTRAR_TEST(who_it_is_may_be_said_later),
		REGISTRAR_TEST(what_was_written_down_is_in_force_again),
		REGISTRAR_TEST(routes_of_a_path),
		cmocka_unit_test(qs_are_read),
		cmocka_unit_test(uris_are_compared_by_RFC_3261_19_1_4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
