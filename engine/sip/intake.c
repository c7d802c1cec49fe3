/* intake.c -- datagrams, on their way from the socket to the stack */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "sip/intake.h"
#include "sip/peek.h"
#include "sip/stack_private.h"
#include "sip/sources.h"

METRIC(sip_rx_put_off, "datagrams dropped because too many waited")

enum {
	BATCH = 32,
	BATCHES = 64, /* in a turn of the loop */
	DATAGRAM_MAX = 65535,
	CONTROL_SIZE = 64,
	WAITING_MAX = 8192,	      /* datagrams … */
	WAITING_MAX_BYTES = 16 << 20, /* … and their bytes */
	TURN_US = 4000,		      /* then others have their turn */
	STALE_US = 450000,	      /* sent again at 500 ms (RFC 3261 T1) */
	REPLY_MAX = 4096,
	CLOCK_EVERY = 8, /* datagrams between two looks at the clock */
};

/* Marks the To tag of a refusal without a transaction, so that its ACK is
 * known by sight. */
#define TAG "md503-"

struct waiting {
	struct le le;
	struct inlet *inlet;
	struct sa src;
	struct mbuf *mb;
	uint64_t came_us; /* wall clock */
	enum peek_kind kind;
	bool admitted; /* a new call, in overload */
};

struct intake {
	struct stack *stack;
	struct list inlets;
	struct list first, rest; /* struct waiting */
	size_t count, bytes;
	struct soon soon;
	/* of the batch that is being read */
	struct mmsghdr headers[BATCH];
	struct iovec iov[BATCH];
	struct sa peers[BATCH];
	uint8_t control[BATCH][CONTROL_SIZE];
	uint8_t (*buffers)[DATAGRAM_MAX];
};

struct inlet {
	struct le le;
	struct intake *intake;
	int fd;
	bool reads;
	struct sa laddr;
	intake_h *handler;
	void *arg;
};

static uint64_t wall_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* ---- refusing ---------------------------------------------------------- */

static void refuse_text(const struct inlet *inlet, const struct peek *peek,
			const struct sa *src, unsigned retry_after)
{
	char reply[REPLY_MAX], tag[32], headers[64];
	struct sa dst;
	size_t len;

	if (!peek_reply_addr(peek, src, &dst))
		return;
	/* the same for each retransmission (RFC 3261 8.2.7) */
	(void)re_snprintf(tag, sizeof(tag), TAG "%08x",
			  hash_joaat_pl(&peek->call_id));
	(void)re_snprintf(headers, sizeof(headers), "Retry-After: %u\r\n",
			  retry_after);
	len = peek_reply(peek, src, reply, sizeof(reply),
			 "503 Service Unavailable", tag, headers);
	if (!len)
		return;
	if (sendto(inlet->fd, reply, len, MSG_DONTWAIT, &dst.u.sa, dst.len) < 0)
		log_debug(NULL, "sip: 503 not sent: %s", strerror(errno));
	if (inlet->intake->stack->traceh)
		inlet->intake->stack->traceh(true, SIP_TRANSP_UDP,
					     &inlet->laddr, &dst,
					     (uint8_t *)reply, len, NULL);
}

static bool is_within(enum peek_kind kind)
{
	return kind == PEEK_WITHIN || kind == PEEK_ACK || kind == PEEK_CANCEL ||
	       kind == PEEK_INVITE;
}

/* ---- what may come in --------------------------------------------------- */

/* False: dropped, or answered. */
static bool may_enter(struct inlet *inlet, const struct peek *peek,
		      const struct sa *src, uint64_t now_ms)
{
	struct stack *stack = inlet->intake->stack;
	struct source *source = source_see(stack->sources, src, now_ms);
	const bool banned = source_banned(source, now_ms);
	bool known;

	if (peek->kind == PEEK_RESPONSE) {
		if (!banned || source_was_asked(source, now_ms))
			return true;
		source_dropped(source);
		return false;
	}
	if (peek->kind == PEEK_ACK && peek->to_tag.l > sizeof(TAG) - 1 &&
	    !memcmp(peek->to_tag.p, TAG, sizeof(TAG) - 1))
		return false; /* of a 503 above: nothing waits for it */
	if (!source)
		return true;
	known = is_within(peek->kind) &&
		stack_knows_call(stack, &peek->call_id);
	if (known)
		return true;
	if (banned) {
		source_dropped(source);
		return false;
	}
	if (peek->kind == PEEK_OTHER)
		source_fault(stack->sources, source, now_ms);
	switch (source_charge(stack->sources, source,
			      peek->kind == PEEK_INVITE ? SOURCE_INVITE
							: SOURCE_REQUEST,
			      now_ms)) {
	case SOURCE_PASS:
		return true;
	case SOURCE_REFUSE:
		if (peek->kind == PEEK_INVITE)
			stack_turn_away(stack, TURNED_AWAY_SOURCE);
		if (peek->kind != PEEK_ACK && peek->kind != PEEK_STUN &&
		    peek->kind != PEEK_OTHER)
			refuse_text(inlet, peek, src, RETRY_AFTER_SOURCE_S);
		return false;
	case SOURCE_DROP:
	default:
		if (peek->kind == PEEK_INVITE)
			stack_turn_away(stack, TURNED_AWAY_SOURCE);
		return false;
	}
}

static void waiting_destructor(void *arg)
{
	struct waiting *w = arg;

	list_unlink(&w->le);
	mem_deref(w->mb);
}

/* In overload most new calls are refused before anything is kept of them. */
static bool admits(struct inlet *inlet, const struct peek *peek,
		   const struct sa *src, uint64_t now_ms)
{
	struct stack *stack = inlet->intake->stack;

	if (overload_admits(&stack->overload, now_ms))
		return true;
	stack_turn_away(stack, TURNED_AWAY_OVERLOAD);
	refuse_text(inlet, peek, src, overload_retry_after(&stack->overload));
	return false;
}

static void keep(struct inlet *inlet, const struct peek *peek,
		 const struct sa *src, const void *p, size_t len,
		 uint64_t came_us, bool admitted)
{
	struct intake *intake = inlet->intake;
	const bool first = peek->kind == PEEK_RESPONSE ||
			   peek->kind == PEEK_WITHIN || peek->kind == PEEK_ACK;
	struct waiting *w;

	if (!first && (intake->count >= WAITING_MAX ||
		       intake->bytes + len > WAITING_MAX_BYTES)) {
		metric_add(&sip_rx_put_off, 1);
		return;
	}
	w = mem_zalloc(sizeof(*w), waiting_destructor);
	if (!w)
		return;
	w->mb = mbuf_alloc(len);
	if (!w->mb) {
		mem_deref(w);
		return;
	}
	memcpy(w->mb->buf, p, len);
	w->mb->end = len;
	w->inlet = inlet;
	w->src = *src;
	w->kind = peek->kind;
	w->admitted = admitted;
	w->came_us = came_us;
	list_append(first ? &intake->first : &intake->rest, &w->le, w);
	intake->count++;
	intake->bytes += len;
}

/* ---- handling ----------------------------------------------------------- */

/* True: a new call that can't be taken, refused. */
static bool too_much(struct waiting *w, uint64_t now_ms, uint64_t wait_us)
{
	struct stack *stack = w->inlet->intake->stack;
	struct peek peek;

	if (w->kind != PEEK_INVITE)
		return false;
	peek_read(&peek, (const char *)w->mb->buf, w->mb->end);
	if (stack_knows_call(stack, &peek.call_id))
		return false; /* sent again */
	overload_waited(&stack->overload, now_ms, wait_us);
	if (stack->gateh && stack->gateh(stack->arg)) {
		stack_turn_away(stack, TURNED_AWAY_TROUBLE);
		refuse_text(w->inlet, &peek, &w->src, RETRY_AFTER_TROUBLE_S);
		return true;
	}
	/* Whoever has waited for so long has sent it again: two answers to
	 * one call are worse than a 503. */
	if (stack->overload.active && wait_us > STALE_US) {
		stack_turn_away(stack, TURNED_AWAY_OVERLOAD);
		refuse_text(w->inlet, &peek, &w->src,
			    overload_retry_after(&stack->overload));
		return true;
	}
	return !w->admitted && !admits(w->inlet, &peek, &w->src, now_ms);
}

static void handle(struct waiting *w, uint64_t now_us)
{
	struct inlet *inlet = w->inlet;
	struct intake *intake = inlet->intake;
	const uint64_t wait_us = now_us > w->came_us ? now_us - w->came_us : 0;

	intake->count--;
	intake->bytes -= w->mb->end;
	if (!too_much(w, clock_mono_ms(), wait_us)) {
		intake->stack->peeked = w->kind == PEEK_INVITE;
		inlet->handler(&w->src, w->mb, inlet->arg);
		intake->stack->peeked = false;
	}
	mem_deref(w);
}

static void run(void *arg)
{
	struct intake *intake = arg;
	const uint64_t begin_us = wall_us();
	uint64_t now_us = begin_us;
	unsigned n = 0;

	/* A clock that is stepped back must not keep us here. */
	while (now_us >= begin_us && now_us - begin_us < TURN_US) {
		struct le *le = intake->first.head ? intake->first.head
						   : intake->rest.head;

		if (!le)
			return;
		handle(le->data, now_us);
		if (++n % CLOCK_EVERY == 0)
			now_us = wall_us();
	}
	if (intake->first.head || intake->rest.head)
		soon_queue(&intake->soon, run, intake);
}

/* ---- reading ------------------------------------------------------------ */

static uint64_t stamp_us(struct msghdr *header, uint64_t now_us)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c;
	     c = CMSG_NXTHDR(header, c)) {
		struct timespec ts;

		if (c->cmsg_level != SOL_SOCKET ||
		    c->cmsg_type != SCM_TIMESTAMPNS)
			continue;
		memcpy(&ts, CMSG_DATA(c), sizeof(ts));
		return (uint64_t)ts.tv_sec * 1000000 +
		       (uint64_t)ts.tv_nsec / 1000;
	}
	return now_us;
}

static void arrived(struct inlet *inlet, unsigned i, uint64_t now_us,
		    uint64_t now_ms)
{
	struct intake *intake = inlet->intake;
	struct msghdr *header = &intake->headers[i].msg_hdr;
	const char *p = (const char *)intake->buffers[i];
	const size_t len = intake->headers[i].msg_len;
	struct sa *src = &intake->peers[i];
	const struct stack *stack = intake->stack;
	bool admitted = false;
	struct peek peek;

	src->len = header->msg_namelen;
	peek_read(&peek, p, len);
	if (peek.kind == PEEK_KEEPALIVE ||
	    !may_enter(inlet, &peek, src, now_ms))
		return;
	if (stack->overload.active && peek.kind == PEEK_INVITE &&
	    !stack_knows_call(stack, &peek.call_id)) {
		if (!admits(inlet, &peek, src, now_ms))
			return;
		admitted = true;
	}
	keep(inlet, &peek, src, p, len, stamp_us(header, now_us), admitted);
}

static void batch_prepare(struct intake *intake)
{
	for (unsigned i = 0; i < BATCH; i++) {
		struct msghdr *header = &intake->headers[i].msg_hdr;

		intake->iov[i].iov_base = intake->buffers[i];
		intake->iov[i].iov_len = DATAGRAM_MAX;
		header->msg_iov = &intake->iov[i];
		header->msg_iovlen = 1;
		header->msg_name = &intake->peers[i].u;
		header->msg_namelen = sizeof(intake->peers[i].u);
		header->msg_control = intake->control[i];
		header->msg_controllen = CONTROL_SIZE;
	}
}

static void on_readable(int flags, void *arg)
{
	struct inlet *inlet = arg;
	struct intake *intake = inlet->intake;
	int n = BATCH;
	(void)flags;

	/* Not until there is none: a flood would keep us here. */
	for (unsigned i = 0;
	     i < BATCHES && n == BATCH && intake->count < WAITING_MAX; i++) {
		uint64_t now_us, now_ms;

		batch_prepare(intake);
		n = recvmmsg(inlet->fd, intake->headers, BATCH, MSG_DONTWAIT,
			     NULL);
		now_us = wall_us();
		now_ms = clock_mono_ms();
		for (int k = 0; k < n; k++)
			arrived(inlet, (unsigned)k, now_us, now_ms);
	}
	if (!soon_pending(&intake->soon))
		run(intake);
}

/* ---- life --------------------------------------------------------------- */

int intake_alloc(struct intake **ip, struct stack *stack)
{
	struct intake *intake = mem_zalloc(sizeof(*intake), NULL);

	if (!intake)
		return ENOMEM;
	/* Pages that no datagram reaches are never touched. */
	intake->buffers = mem_alloc((size_t)BATCH * DATAGRAM_MAX, NULL);
	if (!intake->buffers) {
		mem_deref(intake);
		return ENOMEM;
	}
	intake->stack = stack;
	*ip = intake;
	return 0;
}

void intake_free(struct intake *intake)
{
	if (!intake)
		return;
	assert(!intake->inlets.head);
	soon_cancel(&intake->soon);
	list_flush(&intake->first);
	list_flush(&intake->rest);
	mem_deref(intake->buffers);
	mem_deref(intake);
}

static void forget(struct list *list, const struct inlet *inlet)
{
	struct le *le = list->head;

	while (le) {
		struct waiting *w = le->data;

		le = le->next;
		if (w->inlet != inlet)
			continue;
		w->inlet->intake->count--;
		w->inlet->intake->bytes -= w->mb->end;
		mem_deref(w);
	}
}

static void inlet_destructor(void *arg)
{
	struct inlet *inlet = arg;

	if (inlet->reads)
		fd_close(inlet->fd);
	forget(&inlet->intake->first, inlet);
	forget(&inlet->intake->rest, inlet);
	list_unlink(&inlet->le);
}

int intake_add(struct inlet **ip, struct intake *intake, int fd,
	       const struct sa *laddr, intake_h *handler, void *arg)
{
	const int on = 1;
	struct inlet *inlet = mem_zalloc(sizeof(*inlet), inlet_destructor);
	int err;

	if (!inlet)
		return ENOMEM;
	inlet->intake = intake;
	inlet->fd = fd;
	inlet->laddr = *laddr;
	inlet->handler = handler;
	inlet->arg = arg;
	/* Without it a wait begins when we read. */
	(void)setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
	err = fd_listen(fd, FD_READ, on_readable, inlet);
	if (err) {
		mem_deref(inlet);
		return err;
	}
	inlet->reads = true;
	list_append(&intake->inlets, &inlet->le, inlet);
	*ip = inlet;
	return 0;
}
