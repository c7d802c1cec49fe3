/* udp_tap.c -- what libre's UDP transport leaves out, on its own sockets */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/metrics.h"
#include "sip/intake.h"
#include "sip/reach/keepalive.h"
#include "sip/old_via.h"
#include "sip/sources.h"
#include "sip/stack_private.h"
#include "sip/udp_tap.h"

METRIC(sip_rx_garbage, "datagrams on the SIP port that are no SIP message")
METRIC(sip_rx_version, "SIP requests of another version, answered 505")

enum {
	DATAGRAM_MAX = 65535,
	SOCKET_BUFFER = 4 * 1024 * 1024,
	LAYER = 0,
};

#define PROBE	    "SIP/2.0 100 Probe\r\n"
#define SIP_VERSION "SIP/2.0"

struct udp_tap {
	struct le le;
	struct stack *stack;
	size_t index;
	char branch[32];
	struct udp_sock *socket; /* once it is known */
	struct udp_helper *helper;
	struct inlet *inlet;
};

static void tap_destructor(void *arg)
{
	struct udp_tap *tap = arg;

	list_unlink(&tap->le);
	mem_deref(tap->inlet);
	mem_deref(tap->helper);
	mem_deref(tap->socket);
}

bool udp_tap_probe(const uint8_t *pkt, size_t len)
{
	return len > sizeof(PROBE) && !memcmp(pkt, PROBE, sizeof(PROBE) - 1);
}

static int send_probe(const struct udp_tap *tap)
{
	struct sa to = tap->stack->listens[tap->index].addr;
	struct mbuf *mb = mbuf_alloc(256);
	int err, fd;

	if (!mb)
		return ENOMEM;
	err = mbuf_printf(mb, PROBE "Via: SIP/2.0/UDP %J;branch=%s\r\n\r\n",
			  &to, tap->branch);
	fd = err ? -1 : socket(sa_af(&to), SOCK_DGRAM | SOCK_CLOEXEC, 0);
	/* When it can't be sent, the first real message settles the tap. */
	if (fd >= 0) {
		if (sendto(fd, mb->buf, mb->end, 0, &to.u.sa, to.len) < 0)
			log_debug(NULL, "sip: probe not sent: %s",
				  strerror(errno));
		close(fd);
	}
	mem_deref(mb);
	return err;
}

int udp_tap_add(struct stack *stack, size_t index)
{
	struct udp_tap *tap = mem_zalloc(sizeof(*tap), tap_destructor);

	if (!tap)
		return ENOMEM;
	tap->stack = stack;
	tap->index = index;
	(void)re_snprintf(tap->branch, sizeof(tap->branch), "z9hG4bK%016llx",
			  (unsigned long long)rand_u64());
	list_append(&stack->taps, &tap->le, tap);
	return send_probe(tap);
}

/* The first line of a datagram. */
static struct pl first_line(const struct mbuf *mb)
{
	struct pl line = {.p = (const char *)mbuf_buf(mb)};
	const size_t left = mbuf_get_left(mb);
	const char *end = left ? memchr(line.p, '\n', left) : NULL;

	line.l = end ? (size_t)(end - line.p) : left;
	if (line.l && line.p[line.l - 1] == '\r')
		line.l--;
	return line;
}

/* 505 for a request whose version is another: read as if it were ours. */
static void refuse_version(struct udp_tap *tap, const struct sa *src,
			   struct mbuf *mb, const struct pl *version)
{
	struct mbuf *copy = mbuf_alloc(mbuf_get_left(mb) + sizeof(SIP_VERSION));
	const uint8_t *rest = (const uint8_t *)version->p + version->l;
	struct sip_msg *msg = NULL;

	metric_add(&sip_rx_version, 1);
	if (!copy)
		return;
	if (!mbuf_write_mem(copy, mbuf_buf(mb),
			    (size_t)(version->p - (char *)mbuf_buf(mb))) &&
	    !mbuf_write_str(copy, SIP_VERSION) &&
	    !mbuf_write_mem(copy, rest, (size_t)(mb->buf + mb->end - rest))) {
		copy->pos = 0;
		if (!sip_msg_decode(&msg, copy) &&
		    pl_strcmp(&msg->met, "ACK")) {
			msg->sock = mem_ref(tap->socket);
			msg->src = *src;
			msg->dst = tap->stack->listens[tap->index].addr;
			msg->tp = SIP_TRANSP_UDP;
			(void)sip_reply(tap->stack->sip, msg, 505,
					"Version Not Supported");
		}
	}
	mem_deref(msg);
	mem_deref(copy);
}

/* A start line has three words, and the first or the last is a version. The
 * rest is kept from libre, which prints each one that it can't decode. */
static bool on_receive(struct sa *src, struct mbuf *mb, void *arg)
{
	static struct log_limit limit = LOG_LIMIT(5, 10000);
	struct udp_tap *tap = arg;
	const struct pl line = first_line(mb);
	struct pl version;
	const char *space;

	if (mbuf_get_left(mb) <= 4)
		return true; /* keep-alive (RFC 5626 3.5.1) */
	if (line.l && (unsigned char)line.p[0] < 4)
		return false; /* STUN, which libre answers */
	if (line.l > 8 && !memcmp(line.p, SIP_VERSION " ", 8))
		return false;

	space = line.l ? memrchr(line.p, ' ', line.l) : NULL;
	if (space) {
		version.p = space + 1;
		version.l = line.l - (size_t)(version.p - line.p);
		if (!pl_strcmp(&version, SIP_VERSION)) {
			old_via_complete(mb);
			return false;
		}
		if (version.l > 4 && !memcmp(version.p, "SIP/", 4)) {
			refuse_version(tap, src, mb, &version);
			return true;
		}
	}
	metric_add(&sip_rx_garbage, 1);
	if (log_enabled(LOG_DEBUG)) {
		char from[64];

		(void)re_snprintf(from, sizeof(from), "%J", src);
		log_limited(&limit, LOG_DEBUG, NULL,
			    "sip: %zu bytes from %s are no SIP message",
			    mbuf_get_left(mb), from);
	}
	return true;
}

static struct udp_tap *tap_of_listener(const struct stack *stack, size_t index)
{
	for (struct le *le = stack->taps.head; le; le = le->next) {
		struct udp_tap *tap = le->data;

		if (tap->index == index)
			return tap;
	}
	return NULL;
}

/* A request leaves from where the answer can come back to; a response goes
 * out where its request came in. */
static bool on_send(int *err, struct sa *dst, struct mbuf *mb, void *arg)
{
	const struct udp_tap *tap = arg, *other;
	struct sources *sources = tap->stack->sources;
	const uint64_t now = clock_mono_ms();
	struct sa laddr;
	size_t index;

	if (mbuf_get_left(mb) >= 7 && !memcmp(mbuf_buf(mb), SIP_VERSION, 7))
		return false;
	source_asked(source_see(sources, dst, now), now);
	if (tap->stack->taps.head == tap->stack->taps.tail)
		return false;
	if (stack_source(tap->stack, SIP_TRANSP_UDP, dst, &laddr, &index) ||
	    index == tap->index)
		return false;
	other = tap_of_listener(tap->stack, index);
	if (!other || !other->socket)
		return false;
	*err = udp_send(other->socket, dst, mb);
	return true;
}

/* STUN binding requests, as libre answers them on its sockets; and answers to
 * our own. */
static void take_stun(const struct udp_tap *tap, const struct sa *src,
		      struct mbuf *mb)
{
	struct stun_unknown_attr unknown;
	struct stun_msg *msg;

	if (stun_msg_decode(&msg, mb, &unknown))
		return;
	if (stun_msg_method(msg) == STUN_METHOD_BINDING) {
		if (stun_msg_class(msg) == STUN_CLASS_REQUEST)
			(void)stun_reply(IPPROTO_UDP, tap->socket, src, 0, msg,
					 NULL, 0, false, 1,
					 STUN_ATTR_XOR_MAPPED_ADDR, src);
		else if (stun_msg_class(msg) == STUN_CLASS_SUCCESS_RESP)
			keepalive_stun_response(tap->stack, msg);
	}
	mem_deref(msg);
}

/* What libre's transport does with a datagram, for those that intake.c has
 * read in its place. */
static void on_datagram(struct sa *src, struct mbuf *mb, void *arg)
{
	struct udp_tap *tap = arg;
	struct sip_msg *msg;

	if (on_receive(src, mb, tap))
		return;
	if (mb->buf[mb->pos] < 4) {
		take_stun(tap, src, mb);
		return;
	}
	if (sip_msg_decode(&msg, mb)) {
		metric_add(&sip_rx_garbage, 1);
		stack_fault(tap->stack, src);
		return;
	}
	msg->sock = mem_ref(tap->socket);
	msg->src = *src;
	msg->dst = tap->stack->listens[tap->index].addr;
	msg->tp = SIP_TRANSP_UDP;
	dispatch_message(tap->stack, msg);
	mem_deref(msg);
}

static void read_ourselves(struct udp_tap *tap)
{
	const struct sa *laddr = &tap->stack->listens[tap->index].addr;

	if (intake_add(&tap->inlet, tap->stack->intake,
		       udp_sock_fd(tap->socket, sa_af(laddr)), laddr,
		       on_datagram, tap)) {
		log_error(NULL, "sip: out of memory for a listener");
		(void)udp_thread_attach(tap->socket);
	}
}

static void settle(struct udp_tap *tap, struct udp_sock *socket)
{
	const int size = SOCKET_BUFFER;

	if (udp_register_helper(&tap->helper, socket, LAYER, on_send,
				on_receive, tap)) {
		log_error(NULL, "sip: out of memory for a listener");
		return;
	}
	tap->socket = mem_ref(socket);
	udp_rxsz_set(socket, DATAGRAM_MAX);
	/* The kernel cuts it to what it allows, unless we are root. */
	(void)udp_sockbuf_set(socket, SOCKET_BUFFER);
	(void)udp_setsockopt(socket, SOL_SOCKET, SO_RCVBUFFORCE, &size,
			     sizeof(size));
	if (tap->stack->direct)
		read_ourselves(tap);
}

bool udp_tap_see(struct stack *stack, const struct sip_msg *msg)
{
	if (msg->tp != SIP_TRANSP_UDP)
		return false;
	for (struct le *le = stack->taps.head; le; le = le->next) {
		struct udp_tap *tap = le->data;

		if (!sa_cmp(&stack->listens[tap->index].addr, &msg->dst,
			    SA_ALL))
			continue;
		if (!tap->socket)
			settle(tap, msg->sock);
		return !msg->req && !pl_strcmp(&msg->via.branch, tap->branch);
	}
	return false;
}
