/* strans.c -- server transactions: absorb repeated requests, repeat responses
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <assert.h>
#include <errno.h>
#include <re.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "sip/strans.h"

METRIC(sip_rx_repeated, "SIP requests that came again, answered as before")

enum {
	/* Lists of each of the two indexes: a power of two. */
	BUCKETS = 65536,
	/* What memory may be held by transactions that are over; the oldest
	 * make room. A request of theirs that comes again is then a new one. */
	OVER_MAX = 524288,
	/* Those that are over go in batches. */
	SWEEP_MS = 100,
	OVER_MS = 64 * SIP_T1, /* timers H, J and L */
};

enum state { TRYING, PROCEEDING, ACCEPTED, COMPLETED, CONFIRMED };

/* What tells a request from another, one after the other in text[]. The last
 * three are for requests that came by two ways (RFC 3261 8.2.2.2). */
enum part { BRANCH, SENT_BY, METHOD, CALL_ID, FROM_TAG, URI, PARTS };

struct sip_strans {
	struct le by_branch, by_callid;
	struct le queue; /* over: in the order of their end */
	struct tmr again;
	struct strans_table *table;
	struct sip_msg *msg; /* until the final response */
	struct mbuf *mb;     /* the response to repeat */
	void *sock;
	struct sa dst;
	sip_cancel_h *cancelh;
	void *arg;
	uint64_t tag;
	uint64_t until_ms;
	uint32_t cseq;
	enum sip_transp tp;
	uint8_t state;
	uint8_t sent;
	bool invite;
	uint16_t len[PARTS];
	char text[];
};

struct strans_table {
	struct le le; /* tables */
	struct sip *sip;
	uint64_t seed;
	struct list *by_branch, *by_callid;
	/* In the order of their end, as all in one stay equally long. */
	struct list over, confirmed;
	struct tmr sweep;
	uint32_t count;
};

/* One for each stack: few. */
static _Thread_local struct list tables;
static _Thread_local struct strans_table *prepared;

/* Of libre's private header. */
int sip_strans_init(struct sip *sip, uint32_t sz);
int sip_strans_debug(struct re_printf *pf, const struct sip *sip);

static bool reliable(enum sip_transp tp)
{
	return tp != SIP_TRANSP_UDP;
}

/* ---- indexes ---------------------------------------------------------- */

static struct list *bucket(const struct strans_table *table,
			   struct list *buckets, const struct pl *key)
{
	return &buckets[XXH3_64bits_withSeed(key->p, key->l, table->seed) %
			BUCKETS];
}

static struct pl part(const struct sip_strans *st, enum part which)
{
	struct pl pl = {.p = st->text, .l = st->len[which]};

	for (int i = 0; i < (int)which; i++)
		pl.p += st->len[i];
	return pl;
}

static bool equal(const struct sip_strans *st, enum part which,
		  const struct pl *pl)
{
	const struct pl mine = part(st, which);

	return mine.l == pl->l && !memcmp(mine.p, pl->p, pl->l);
}

static bool same_branch(const struct sip_strans *st, const struct sip_msg *msg)
{
	return equal(st, BRANCH, &msg->via.branch) &&
	       equal(st, SENT_BY, &msg->via.sentby);
}

typedef bool(is_h)(const struct sip_strans *st, const struct sip_msg *msg);

static bool is_same(const struct sip_strans *st, const struct sip_msg *msg)
{
	return same_branch(st, msg) && equal(st, METHOD, &msg->cseq.met);
}

static bool is_acked(const struct sip_strans *st, const struct sip_msg *msg)
{
	return same_branch(st, msg) && st->invite;
}

static bool is_cancelled(const struct sip_strans *st, const struct sip_msg *msg)
{
	static const struct pl cancel = PL("CANCEL");

	return same_branch(st, msg) && !equal(st, METHOD, &cancel);
}

static bool is_merged(const struct sip_strans *st, const struct sip_msg *msg)
{
	return st->cseq == msg->cseq.num && equal(st, CALL_ID, &msg->callid) &&
	       equal(st, FROM_TAG, &msg->from.tag) &&
	       equal(st, METHOD, &msg->cseq.met) && equal(st, URI, &msg->ruri);
}

static struct sip_strans *find(const struct list *list, is_h *is,
			       const struct sip_msg *msg)
{
	for (struct le *le = list->head; le; le = le->next) {
		struct sip_strans *st = le->data;

		if (is(st, msg))
			return st;
	}
	return NULL;
}

static struct sip_strans *by_branch(const struct strans_table *table, is_h *is,
				    const struct sip_msg *msg)
{
	return find(bucket(table, table->by_branch, &msg->via.branch), is, msg);
}

/* ---- the end ---------------------------------------------------------- */

static void sweep(void *arg);

static void sweep_later(struct strans_table *table)
{
	if ((table->over.head || table->confirmed.head) &&
	    !tmr_isrunning(&table->sweep))
		tmr_start(&table->sweep, SWEEP_MS, sweep, table);
}

static void sweep_list(struct list *list, uint64_t now_ms)
{
	struct sip_strans *st;

	while ((st = list_ledata(list->head)) && st->until_ms <= now_ms)
		mem_deref(st);
}

static void sweep(void *arg)
{
	struct strans_table *table = arg;
	const uint64_t now_ms = clock_mono_ms();

	sweep_list(&table->over, now_ms);
	sweep_list(&table->confirmed, now_ms);
	sweep_later(table);
}

/* It is over, and stays for MS to absorb what comes again. */
static void linger(struct sip_strans *st, enum state state, uint64_t ms)
{
	struct strans_table *table = st->table;
	struct list *list =
		state == CONFIRMED ? &table->confirmed : &table->over;

	st->state = (uint8_t)state;
	st->until_ms = clock_mono_ms() + ms;
	list_unlink(&st->queue);
	list_append(list, &st->queue, st);
	st->msg = mem_deref(st->msg);
	if (table->count > OVER_MAX)
		mem_deref(list_ledata(table->over.head));
	sweep_later(table);
}

static void strans_destructor(void *arg)
{
	struct sip_strans *st = arg;

	list_unlink(&st->by_branch);
	list_unlink(&st->by_callid);
	list_unlink(&st->queue);
	tmr_cancel(&st->again);
	if (st->table)
		st->table->count--;
	mem_deref(st->msg);
	mem_deref(st->mb);
	mem_deref(st->sock);
}

/* ---- requests --------------------------------------------------------- */

static void respond_again(const struct sip_strans *st)
{
	(void)sip_send(st->table->sip, st->sock, st->tp, &st->dst, st->mb);
}

static bool on_ack(const struct strans_table *table, const struct sip_msg *msg)
{
	struct sip_strans *st = by_branch(table, is_acked, msg);

	/* The ACK of a 2xx is the dialog's. */
	if (!st || st->state == ACCEPTED)
		return false;
	if (st->state != COMPLETED)
		return true;
	if (reliable(st->tp)) {
		mem_deref(st);
		return true;
	}
	tmr_cancel(&st->again);
	st->mb = mem_deref(st->mb);
	linger(st, CONFIRMED, SIP_T4);
	return true;
}

static bool on_cancel(const struct strans_table *table,
		      const struct sip_msg *msg)
{
	struct sip_strans *st = by_branch(table, is_cancelled, msg);

	if (!st)
		return false;
	/* The To tag of the responses to both is the same (9.2). */
	((struct sip_msg *)msg)->tag = st->tag;
	(void)sip_reply(table->sip, msg, 200, "OK");
	if (st->state <= PROCEEDING && st->cancelh)
		st->cancelh(st->arg);
	return true;
}

static bool on_request(const struct sip_msg *msg, void *arg)
{
	struct strans_table *table = arg;
	struct sip_strans *st;

	if (!pl_strcmp(&msg->met, "ACK"))
		return on_ack(table, msg);
	st = by_branch(table, is_same, msg);
	if (st) {
		metric_add(&sip_rx_repeated, 1);
		if (st->mb)
			respond_again(st);
		return true;
	}
	if (!pl_isset(&msg->to.tag) &&
	    find(bucket(table, table->by_callid, &msg->callid), is_merged,
		 msg)) {
		(void)sip_reply(table->sip, msg, 482, "Loop Detected");
		return true;
	}
	return !pl_strcmp(&msg->met, "CANCEL") && on_cancel(table, msg);
}

/* ---- what libre's strans.o defines ------------------------------------ */

static struct strans_table *table_of(const struct sip *sip)
{
	for (struct le *le = tables.head; le; le = le->next) {
		struct strans_table *table = le->data;

		if (table->sip == sip)
			return table;
	}
	return NULL;
}

static void append_part(struct sip_strans *st, char **p, enum part which,
			const struct pl *pl)
{
	memcpy(*p, pl->p, pl->l);
	st->len[which] = (uint16_t)pl->l;
	*p += pl->l;
}

/* A transaction for MSG, which is borrowed; CANCELH(ARG) when it is cancelled
 * before its final response. ENOMEM; EMSGSIZE: a part over 65,535 bytes. */
int sip_strans_alloc(struct sip_strans **stp, struct sip *sip,
		     const struct sip_msg *msg, sip_cancel_h *cancelh,
		     void *arg)
{
	struct strans_table *table = table_of(sip);
	const struct pl *parts[PARTS];
	struct sip_strans *st;
	/* Only a request outside of a dialog can be a merged one. */
	const bool outside = !pl_isset(&msg->to.tag);
	const int count = outside ? PARTS : METHOD + 1;
	size_t size = 0;
	char *p;

	if (!stp || !table)
		return EINVAL;
	parts[BRANCH] = &msg->via.branch;
	parts[SENT_BY] = &msg->via.sentby;
	parts[METHOD] = &msg->cseq.met;
	parts[CALL_ID] = &msg->callid;
	parts[FROM_TAG] = &msg->from.tag;
	parts[URI] = &msg->ruri;
	for (int i = 0; i < count; i++) {
		if (parts[i]->l > UINT16_MAX)
			return EMSGSIZE;
		size += parts[i]->l;
	}
	st = mem_alloc(sizeof(*st) + size, strans_destructor);
	if (!st)
		return ENOMEM;
	memset(st, 0, sizeof(*st));
	p = st->text;
	for (int i = 0; i < count; i++)
		append_part(st, &p, (enum part)i, parts[i]);
	st->table = table;
	st->msg = mem_ref((void *)msg);
	st->sock = mem_ref(msg->sock);
	st->tp = msg->tp;
	st->tag = msg->tag;
	st->cseq = msg->cseq.num;
	st->invite = !pl_strcmp(&msg->met, "INVITE");
	st->cancelh = cancelh;
	st->arg = arg;
	table->count++;
	list_append(bucket(table, table->by_branch, &msg->via.branch),
		    &st->by_branch, st);
	if (outside)
		list_append(bucket(table, table->by_callid, &msg->callid),
			    &st->by_callid, st);
	*stp = st;
	return 0;
}

static void on_again(void *arg)
{
	struct sip_strans *st = arg;
	const uint64_t wait_ms = (uint64_t)SIP_T1 << ++st->sent;

	respond_again(st);
	tmr_start(&st->again, wait_ms < SIP_T2 ? wait_ms : SIP_T2, on_again,
		  st);
}

/* The final response has left: what stays, and for how long. */
static void finish(struct sip_strans *st, uint16_t scode)
{
	if (st->invite && scode < 300) {
		/* The 2xx is repeated by whom it answers for (RFC 6026). */
		st->mb = mem_deref(st->mb);
		linger(st, ACCEPTED, OVER_MS);
		return;
	}
	if (!st->invite && reliable(st->tp)) {
		mem_deref(st);
		return;
	}
	(void)mbuf_trim(st->mb);
	linger(st, COMPLETED, OVER_MS);
	if (st->invite && !reliable(st->tp))
		tmr_start(&st->again, SIP_T1, on_again, st);
}

/* Send MB, a response with SCODE, to DST. *STP (STP NULL or *STP NULL: begun
 * here) is NULL afterwards when the response is final or can't be sent, which
 * ends the transaction. An errno of sending. */
int sip_strans_reply(struct sip_strans **stp, struct sip *sip,
		     const struct sip_msg *msg, const struct sa *dst,
		     uint16_t scode, struct mbuf *mb)
{
	struct sip_strans *st = stp ? *stp : NULL;
	int err;

	if (!sip || !mb || !dst || (scode < 200 && !stp))
		return EINVAL;
	if (!st) {
		err = sip_strans_alloc(&st, sip, msg, NULL, NULL);
		if (err)
			return err;
	}
	mem_deref(st->mb);
	st->mb = mem_ref(mb);
	st->dst = *dst;
	err = sip_send(sip, st->sock, st->tp, dst, mb);
	if (stp)
		*stp = err || scode >= 200 ? NULL : st;
	if (err)
		mem_deref(st);
	else if (scode < 200)
		st->state = PROCEEDING;
	else
		finish(st, scode);
	return err;
}

int sip_strans_init(struct sip *sip, uint32_t sz)
{
	struct strans_table *table = prepared;
	(void)sz;

	prepared = NULL;
	if (!table)
		return EINVAL;
	table->sip = sip;
	return sip_listen(NULL, sip, true, on_request, table);
}

int sip_strans_debug(struct re_printf *pf, const struct sip *sip)
{
	const struct strans_table *table = table_of(sip);

	return re_hprintf(pf, "server transactions: %u\n",
			  table ? table->count : 0);
}

/* ---- the table -------------------------------------------------------- */

int strans_table_alloc(struct strans_table **tp)
{
	struct strans_table *table = mem_zalloc(sizeof(*table), NULL);

	assert(loop_current());
	if (!table)
		return ENOMEM;
	/* calloc: pages that are never used are never there */
	table->by_branch = calloc(BUCKETS, sizeof(struct list));
	table->by_callid = calloc(BUCKETS, sizeof(struct list));
	if (!table->by_branch || !table->by_callid) {
		strans_table_free(table);
		return ENOMEM;
	}
	table->seed = rand_u64();
	list_append(&tables, &table->le, table);
	prepared = table;
	*tp = table;
	return 0;
}

void strans_table_free(struct strans_table *table)
{
	if (!table)
		return;
	if (prepared == table)
		prepared = NULL;
	list_unlink(&table->le);
	tmr_cancel(&table->sweep);
	for (size_t i = 0; table->by_branch && i < BUCKETS; i++) {
		struct sip_strans *st;

		while ((st = list_ledata(table->by_branch[i].head)))
			mem_deref(st);
	}
	free(table->by_branch);
	free(table->by_callid);
	mem_deref(table);
}

uint32_t strans_count(const struct strans_table *table)
{
	return table->count;
}
