/* The n-th allocation fails, for every n of a REGISTER: it is carried out or it
 * is not, nothing in between, and nothing is lost. */
#include "sip_fixture.h"
#include "base/clock.h"
#include "sip/registrar/registrar_private.h"

enum { MOST = 400 }; /* more than a REGISTER allocates */

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static unsigned long requests, fail_at; /* 0: none fails */

static bool denied(void)
{
	return fail_at && ++requests == fail_at;
}

void *__wrap_malloc(size_t size)
{
	return denied() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return denied() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return denied() ? NULL : __real_realloc(p, size);
}

static struct registrar *registrar;
static unsigned restarts;

static bool serves(void *arg)
{
	(void)arg;
	return true;
}

static bool claims(const struct sip_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return false;
}

static void identify(const struct registrar_query *query, void *arg)
{
	(void)query;
	(void)arg;
}

static void restarted(const struct registrar_restart *restart, void *arg)
{
	(void)restart;
	(void)arg;
	restarts++;
}

static int setup_registrar(void **state)
{
	static const struct registrar_handlers handlers_ = {
		.serves = serves,
		.claims = claims,
		.identify = identify,
		.restarted = restarted,
	};
	const struct registrar_config config = {.realm = "realm"};

	(void)setup(state);
	restarts = 0;
	assert_int_equal(
		registrar_alloc(&registrar, b.stack, &config, &handlers_, NULL),
		0);
	return 0;
}

static int teardown_registrar(void **state)
{
	registrar_free(registrar);
	return teardown(state);
}

#define OLD "sip:old@192.0.2.1"
#define NEW "sip:new@192.0.2.1"

static struct address *registered(void)
{
	struct binding_record r = {
		.id = "01",
		.name = "u",
		.contact = OLD,
		.call_id = "first",
		.tp = SIP_TRANSP_UDP,
		.cseq = 1,
		.q = 1000,
		.expires_ms = clock_wall_ms() + 60000,
	};

	assert_int_equal(sa_set_str(&r.source, "192.0.2.1", 5060), 0);
	assert_int_equal(registrar_restore(registrar, &r), 0);
	return address_find(registrar, "u");
}

static struct sip_msg *make(unsigned n)
{
	struct mbuf *mb = mbuf_alloc(1024);
	struct sip_msg *msg;

	assert_int_equal(
		mbuf_printf(
			mb,
			"REGISTER sip:127.0.0.1 SIP/2.0\r\n"
			"Via: SIP/2.0/UDP "
			"127.0.0.1:9;branch=z9hG4bK%u;rport\r\n"
			"Max-Forwards: 70\r\nFrom: <sip:u@127.0.0.1>;tag=f\r\n"
			"To: <sip:u@127.0.0.1>\r\nCall-ID: second-%u\r\n"
			"CSeq: 5 REGISTER\r\nContact: <" NEW ">;q=0.5;"
			"+sip.instance=\"<urn:uuid:1>\"\r\n"
			"Path: <sip:edge.test;lr>\r\nUser-Agent: x\r\n"
			"Content-Length: 0\r\n\r\n",
			n, n),
		0);
	mb->pos = 0;
	assert_int_equal(sip_msg_decode(&msg, mb), 0);
	mem_deref(mb);
	msg->tp = SIP_TRANSP_UDP;
	assert_int_equal(sa_set_str(&msg->src, "192.0.2.1", 5060), 0);
	return msg;
}

/* True: as many allocations were asked for as N says. */
static bool once(unsigned long n)
{
	const struct registrar_user user = {
		.name = "u",
		.secret = {.user = "u", .password = "p"},
	};
	const struct auth_answer answer = {.algorithm = AUTH_MD5,
					   .nonce_number = UINT64_MAX};
	struct address *address = registered();
	struct sip_msg *msg = make((unsigned)n);
	struct binding *bindings[4];
	const unsigned before = restarts;
	bool stale = false, failed;
	size_t count;

	requests = 0;
	fail_at = n;
	register_carry_out(registrar, address, &user, msg, &answer, &stale);
	failed = requests >= n;
	fail_at = 0;
	mem_deref(msg);
	assert_false(stale);

	count = registrar_bindings(registrar, "u", bindings, 4);
	assert_int_equal(count, 1);
	assert_int_equal(registrar_count(registrar), 1);
	assert_true(!strcmp(binding_contact(bindings[0]), OLD) ||
		    !strcmp(binding_contact(bindings[0]), NEW));
	/* told exactly when it was carried out */
	assert_int_equal(!strcmp(binding_contact(bindings[0]), NEW),
			 restarts > before);
	registrar_remove(registrar, bindings[0]);
	return failed;
}

static void a_REGISTER_meets_a_lack_of_memory(void **state)
{
	unsigned long n = 1;
	(void)state;

	while (once(n) && n < MOST)
		n++;
	assert_true(n > 5 && n < MOST);
	assert_true(restarts > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_REGISTER_meets_a_lack_of_memory, setup_registrar,
			teardown_registrar),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
