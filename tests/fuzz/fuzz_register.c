/* fuzz_register.c -- a REGISTER of one who has proved himself
 *
 * Seeds: corpus/register. The message meets a telephone that is registered
 * already, twice: once as it is and once more. Checked beyond the sanitizers:
 * what is kept can be called and written into messages, no more is kept than
 * may be, and the credentials in it prove nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "sip/header.h"
#include "sip/registrar/contact.h"
#include "sip/registrar/registrar_private.h"
#include "sip/sanity.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { MOST = 3 };

static struct loop *loop;
static struct stack *stack;
static struct registrar *registrar;
static unsigned restarts;

static void require(bool ok)
{
	if (!ok)
		abort();
}

static bool serves(void *arg)
{
	(void)arg;
	return true;
}

static bool claims(const struct sip_msg *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return true;
}

static void identify(const struct registrar_query *query, void *arg)
{
	(void)query;
	(void)arg;
	abort(); /* nobody has a nonce of ours */
}

static void restarted(const struct registrar_restart *restart, void *arg)
{
	(void)arg;
	require(restart->count > 0 && text_ok(restart->user_agent));
	restarts++;
}

static void open_stack(void)
{
	static const struct registrar_handlers handlers = {
		.serves = serves,
		.claims = claims,
		.identify = identify,
		.restarted = restarted,
	};
	const struct registrar_config config = {.realm = "fuzz"};
	struct stack_listen listen;
	const struct stack_config stack_config = {
		.listen = &listen,
		.listen_count = 1,
		.user_agent = "fuzz",
	};
	char err[256];

	require(stack_listen_parse(&listen, "udp:127.0.0.1:0", err,
				   sizeof(err)));
	require(!stack_alloc(&stack, &stack_config, NULL, NULL, err,
			     sizeof(err)));
	require(!registrar_alloc(&registrar, stack, &config, &handlers, NULL));
}

/* The types are libFuzzer's. NOLINTNEXTLINE(readability-non-const-parameter) */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_set_level(LOG_ERROR);
	require(!loop_alloc(&loop));
	loop_enter(loop);
	require(!libre_init());
	open_stack();
	return 0;
}

static struct address *registered(void)
{
	struct binding_record record = {
		.id = "01",
		.name = "alice",
		.contact = "sip:alice@192.168.1.2:5062;line=1",
		.instance = "<urn:uuid:1>",
		.call_id = "first",
		.tp = SIP_TRANSP_UDP,
		.cseq = 7,
		.q = 500,
		.since_ms = clock_wall_ms(),
		.refreshed_ms = clock_wall_ms(),
		.expires_ms = clock_wall_ms() + 600000,
	};

	require(!sa_set_str(&record.source, "127.0.0.1", 5070));
	require(!registrar_restore(registrar, &record));
	return address_find(registrar, "alice");
}

static void look(const struct address *address)
{
	struct binding *bindings[MOST + 1];
	char uri[PATH_MAX_BYTES + 1];
	const size_t n =
		registrar_bindings(registrar, "alice", bindings, MOST + 1);

	(void)address;
	require(n <= MOST);
	for (size_t i = 0; i < n; i++) {
		const struct binding *b = bindings[i];

		require(uri_ok(binding_contact(b)) &&
			uri_ok(binding_target(b)) &&
			text_ok(binding_user_agent(b)) &&
			text_ok(binding_instance(b)) &&
			text_ok(binding_path(b)) && binding_q(b) <= 1000);
		for (size_t k = 0; !binding_route(b, k, uri, sizeof(uri)); k++)
			require(uri_ok(uri) && k < PATH_HOPS_MAX);
		require(i == 0 || b->q <= bindings[i - 1]->q);
	}
}

static void carry_out(const struct sip_msg *msg, bool single)
{
	struct address *address = registered();
	const struct registrar_user user = {
		.name = "alice",
		.max_contacts = MOST,
		.single_contact = single,
		.nat = REGISTRAR_NAT_AUTO,
	};
	struct auth_answer answer = {.algorithm = AUTH_MD5};
	struct binding *bindings[MOST];
	bool stale = false;

	for (uint64_t turn = 0; turn < 2; turn++) {
		answer.nonce_number = UINT64_MAX - turn;
		register_carry_out(registrar, address, &user, msg, &answer,
				   &stale);
		look(address);
	}
	(void)registrar_binding_of(registrar, "alice", msg);
	for (;;) {
		const size_t n =
			registrar_bindings(registrar, "alice", bindings, MOST);

		for (size_t i = 0; i < n && i < MOST; i++)
			registrar_remove(registrar, bindings[i]);
		if (n <= MOST)
			break;
	}
	require(!registrar_count(registrar));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct sip_msg *msg = NULL;
	const char *reason = NULL;
	struct mbuf *mb;

	if (size > 65535)
		return 0;
	mb = mbuf_alloc(size + 1);
	require(mb && !mbuf_write_mem(mb, bytes, size));
	mb->pos = 0;
	if (!sip_msg_decode(&msg, mb) && msg->req &&
	    !sanity_request(msg, &reason)) {
		msg->tp = SIP_TRANSP_UDP;
		require(!sa_set_str(&msg->src, "127.0.0.1", 5070));
		carry_out(msg, false);
		carry_out(msg, true);
		(void)registrar_register(registrar, msg);
		(void)registrar_guard(registrar, msg);
	}
	mem_deref(msg);
	mem_deref(mb);
	return 0;
}
