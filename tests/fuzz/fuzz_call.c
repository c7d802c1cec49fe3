/* fuzz_call.c -- SIP datagrams through the whole stack to a call
 *
 * A real stack, real calls, real media on loopback; the fuzzer is the peer.
 * The input's first byte says what is done with calls that come in, and
 * whether one goes out first; then come datagrams, separated by 0x1e. So that
 * they get into the dialogs that are there, a dollar sign and a letter stand
 * for what the stack has said last:
 *
 *   $B  new in each run, for Call-IDs and branches    $P  our port
 *   $T  its tag in To                                 $E  its address
 *   $V $F $O $I $C  Via, From, To, Call-ID, CSeq number of its last request
 *
 * Checked beyond the sanitizers: every call that began ends, once, with a
 * record that is whole, and holds no port.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <event2/event.h>
#include "base/log.h"
#include "base/loop.h"
#include "call/call.h"
#include "call/cdr.h"
#include "call/trunk.h"
#include "media/media.h"
#include "sip/account/account.h"
#include "sip/session.h"
#include "sip/stack.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum {
	DATAGRAMS_MAX = 12,
	EXPANDED_MAX = 16384,
	CALLS_KEPT = 64,
	SEPARATOR = 0x1e,
	/* the first byte */
	WAY_ANSWER = 0,
	WAY_RING = 1,
	WAY_PROGRESS = 2,
	WAY_REJECT = 3,
	WAY_MASK = 3,
	DIAL_OUT = 4,
	HOLD = 8,
};

static struct {
	struct loop *loop;
	struct stack *stack;
	struct media *media;
	struct accounts *accounts;
	struct trunks *trunks;
	struct calls *calls;
	struct sa addr; /* the stack's */
	int fd;
	uint16_t port; /* ours */
	unsigned run;
	uint8_t mode;
	struct call *kept[CALLS_KEPT];
	unsigned kept_count;
	unsigned begun, ended;
	char tag[128], via[512], from[512], to[512], call_id[256], cseq[32];
} world;

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* ---- the engine ------------------------------------------------------- */

static void on_event(struct call *call, const struct call_event *event,
		     void *arg)
{
	(void)arg;
	if (event->type == CALL_EV_ANSWERED && world.mode & HOLD)
		(void)call_hold(call);
	if (event->type == CALL_EV_OFFER_DONE && world.mode & HOLD)
		(void)call_unhold(call);
}

static bool on_incoming(struct call *call, void *arg)
{
	(void)arg;
	if (world.kept_count == CALLS_KEPT)
		return false;
	world.kept[world.kept_count++] = mem_ref(call);
	call_set_handler(call, on_event, NULL);
	switch (world.mode & WAY_MASK) {
	case WAY_RING:
		(void)call_ring(call);
		break;
	case WAY_PROGRESS:
		(void)call_progress(call);
		break;
	case WAY_REJECT:
		(void)call_reject(call, 486, NULL);
		break;
	default:
		(void)call_answer(call);
	}
	return true;
}

static void on_begun(const struct cdr *cdr, void *arg)
{
	(void)arg;
	require(cdr->started_at_ms && !cdr->disposition);
	world.begun++;
}

static void on_ended(const struct cdr *cdr, void *arg)
{
	(void)arg;
	require(cdr->disposition && cdr->hangup_by && cdr->hangup_cause);
	require(cdr->ended_at_ms >= cdr->started_at_ms);
	require(!cdr->answered_at_ms ||
		cdr->answered_at_ms >= cdr->started_at_ms);
	world.ended++;
}

static void on_media(const struct media_event *event, void *arg)
{
	(void)arg;
	calls_media_event(event, world.calls);
}

static void on_session(struct session *session, const struct sip_msg *msg,
		       void *arg)
{
	(void)arg;
	calls_incoming(session, msg, world.calls);
}

static void open_socket(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	world.fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	require(world.fd >= 0 &&
		!bind(world.fd, (struct sockaddr *)&a, sizeof(a)) &&
		!getsockname(world.fd, (struct sockaddr *)&a, &len));
	world.port = ntohs(a.sin_port);
}

/* The types are libFuzzer's. NOLINTNEXTLINE(readability-non-const-parameter) */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const struct calls_handlers handlers = {
		.incoming = on_incoming,
		.cdr_begun = on_begun,
		.cdr_ended = on_ended,
	};
	static const struct media_config media = {
		.workers = 1,
		.port_min = 30000,
		.port_max = 30999,
		.cache_max_bytes = 1 << 20,
	};
	static struct calls_config calls;
	struct stack_listen where;
	struct stack_config config = {
		.listen = &where, .listen_count = 1, .user_agent = "fuzz"};
	char err[256];
	size_t count;
	(void)argc;
	(void)argv;

	log_set_level(LOG_ERROR);
	require(!loop_alloc(&world.loop));
	loop_enter(world.loop);
	require(stack_listen_parse(&where, "udp:127.0.0.1:0", err,
				   sizeof(err)));
	require(!stack_alloc(&world.stack, &config, on_session, NULL, err,
			     sizeof(err)));
	world.addr = stack_listens(world.stack, &count)[0].addr;
	require(!media_alloc(&world.media, world.loop, &media, on_media, NULL));
	require(!accounts_alloc(&world.accounts, world.stack, NULL, NULL));
	require(!trunks_alloc(&world.trunks));
	require(!calls_alloc(&world.calls, world.loop, world.stack, world.media,
			     world.accounts, world.trunks, &calls, &handlers,
			     NULL));
	open_socket();
	return 0;
}

/* ---- the peer --------------------------------------------------------- */

/* The value of the first header NAME of TEXT into OUT. */
static void header(const char *text, const char *name, char *out, size_t size)
{
	const char *p = strstr(text, name);
	size_t len;

	if (!p)
		return;
	p += strlen(name);
	len = strcspn(p, "\r\n");
	if (len >= size)
		len = size - 1;
	memcpy(out, p, len);
	out[len] = '\0';
}

static void read_one(const char *text)
{
	char to[512] = "";
	const char *tag;

	if (!strncmp(text, "SIP/2.0", 7)) {
		header(text, "\nTo: ", to, sizeof(to));
		tag = strstr(to, ";tag=");
		if (tag) {
			strncpy(world.tag, tag + 5, sizeof(world.tag) - 1);
			world.tag[strcspn(world.tag, ";")] = '\0';
		}
		return;
	}
	header(text, "\nVia: ", world.via, sizeof(world.via));
	header(text, "\nFrom: ", world.from, sizeof(world.from));
	header(text, "\nTo: ", world.to, sizeof(world.to));
	header(text, "\nCall-ID: ", world.call_id, sizeof(world.call_id));
	header(text, "\nCSeq: ", world.cseq, sizeof(world.cseq));
	world.cseq[strcspn(world.cseq, " ")] = '\0';
}

static bool read_all(void)
{
	static char text[65536];
	bool any = false;
	ssize_t n;

	while ((n = recv(world.fd, text, sizeof(text) - 1, 0)) > 0) {
		text[n] = '\0';
		read_one(text);
		any = true;
	}
	return any;
}

static void turn(void)
{
	require(event_base_loop(loop_event_base(world.loop), EVLOOP_NONBLOCK) >=
		0);
}

static void settle(void)
{
	for (int i = 0; i < 3; i++)
		turn();
	while (read_all())
		turn();
}

static size_t append(char *out, size_t len, const char *text)
{
	const size_t n = strlen(text);

	if (len + n > EXPANDED_MAX)
		return len;
	memcpy(out + len, text, n);
	return len + n;
}

static size_t expand(char *out, const uint8_t *in, size_t size)
{
	char number[64];
	size_t len = 0;

	for (size_t i = 0; i < size && len < EXPANDED_MAX; i++) {
		const char *what = NULL;

		if (in[i] == '$' && i + 1 < size) {
			switch (in[i + 1]) {
			case 'B':
				(void)re_snprintf(number, sizeof(number), "%u",
						  world.run);
				what = number;
				break;
			case 'P':
				(void)re_snprintf(number, sizeof(number), "%u",
						  world.port);
				what = number;
				break;
			case 'E':
				(void)re_snprintf(number, sizeof(number), "%J",
						  &world.addr);
				what = number;
				break;
			case 'T':
				what = world.tag;
				break;
			case 'V':
				what = world.via;
				break;
			case 'F':
				what = world.from;
				break;
			case 'O':
				what = world.to;
				break;
			case 'I':
				what = world.call_id;
				break;
			case 'C':
				what = world.cseq;
				break;
			default:
				break;
			}
		}
		if (what) {
			len = append(out, len, what);
			i++;
		} else {
			out[len++] = (char)in[i];
		}
	}
	return len;
}

static void send_datagram(const uint8_t *in, size_t size)
{
	static char out[EXPANDED_MAX];
	const size_t len = expand(out, in, size);

	(void)!sendto(world.fd, out, len, 0, &world.addr.u.sa, world.addr.len);
	settle();
}

/* ---- a run ------------------------------------------------------------ */

static void dial_out(void)
{
	char target[64], err[256];
	const char *reason;
	struct call_dial dial = {.target = target, .timeout_ms = 60000};
	struct call *call = NULL;

	(void)re_snprintf(target, sizeof(target), "sip:x@127.0.0.1:%u",
			  world.port);
	(void)call_dial(&call, world.calls, &dial, on_event, NULL, &reason, err,
			sizeof(err));
	if (call)
		world.kept[world.kept_count++] = call;
	settle();
}

static void end_all(void)
{
	struct calls_count count;

	while (world.kept_count) {
		struct call *call = world.kept[--world.kept_count];

		call_hangup(call, CALL_LOCAL, NULL);
		mem_deref(call);
	}
	settle();
	/* what the peer never heard of is taken away as well */
	while (world.begun != world.ended)
		require(event_base_loop(loop_event_base(world.loop),
					EVLOOP_ONCE) >= 0);
	calls_count(world.calls, &count);
	require(!count.active && !count.in && !count.out);
	require(!media_stream_count(world.media));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const uint8_t *end = bytes + size, *p = bytes + 1;
	unsigned sent = 0;

	if (!size)
		return 0;
	world.run++;
	world.mode = bytes[0];
	world.tag[0] = world.via[0] = '\0';
	if (world.mode & DIAL_OUT)
		dial_out();
	while (p < end && sent++ < DATAGRAMS_MAX) {
		const uint8_t *stop = memchr(p, SEPARATOR, (size_t)(end - p));

		stop = stop ? stop : end;
		send_datagram(p, (size_t)(stop - p));
		p = stop + 1;
	}
	end_all();
	return 0;
}
