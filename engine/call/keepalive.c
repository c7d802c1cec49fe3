/* The path of a call is kept open: OPTIONS in its dialog, some RTP while it is
 * silent. What nobody answers is told, and ends the call where that is wanted:
 * a call to a phone that was rebooted would stay open for ever.
 *
 * What is said of it: by the account, by the trunk, by the script, the later
 * ones first. All of them may change at any time. */
#include "call/call_private.h"

#include <assert.h>
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "call/trunk.h"
#include "sip/account/account.h"

static void send_options(void *arg);

static void failed(struct call *call, uint16_t scode, uint32_t waited_ms)
{
	const struct call_event event = {
		.type = CALL_EV_KEEPALIVE_FAILED,
		.scode = scode,
		.duration_ms = waited_ms,
	};

	log_info(call->cdr.id, "keep-alive: %s",
		 !scode		? "no answer to OPTIONS"
		 : scode == 481 ? "the far side doesn't know the call (481)"
				: "OPTIONS timed out on its way (408)");
	(void)mem_ref(call);
	call_emit(call, &event);
	if (call->keepalive.hangup && call->state == CALL_ANSWERED)
		call_hangup(call, CALL_ENGINE, "keepalive_failed");
	mem_deref(call);
}

static void on_response(int err, const struct sip_msg *msg, void *arg)
{
	struct call *call = arg;
	struct call_keepalive *k = &call->keepalive;
	const uint64_t now = clock_mono_ms();
	const uint32_t waited = (uint32_t)(now - k->asked_ms);
	/* Any other answer is one: somebody is there. */
	const bool alive = !err && msg->scode != 408 && msg->scode != 481;

	k->asking = false;
	if (call->state != CALL_ANSWERED || !k->sip_ms)
		return;
	tmr_start(&k->tmr, waited < k->sip_ms ? k->sip_ms - waited : 0,
		  send_options, call);
	if (!alive)
		failed(call, err ? 0 : msg->scode, waited);
}

static void send_options(void *arg)
{
	struct call *call = arg;
	struct call_keepalive *k = &call->keepalive;

	tmr_start(&k->tmr, k->sip_ms, send_options, call);
	/* While one is under way it is sent again and again: enough. */
	if (k->asking || !call->session || !call->acked)
		return;
	k->asked_ms = clock_mono_ms();
	k->asking = !session_options(call->session, on_response, call);
	if (!k->asking)
		log_warn(call->cdr.id, "keep-alive: OPTIONS could not be sent");
}

/* All that is said, one over the other. */
static void gather(const struct call *call, struct session_keepalive *all)
{
	const struct calls *calls = call->calls;
	const struct account *account =
		call->cdr.account && calls->accounts
			? account_find(calls->accounts, call->cdr.account)
			: NULL;
	const struct trunk *trunk =
		call->cdr.trunk && calls->trunks
			? trunk_find(calls->trunks, call->cdr.trunk)
			: NULL;

	*all = (struct session_keepalive){0};
	if (account)
		session_keepalive_add(all, account_keepalive(account));
	if (trunk)
		session_keepalive_add(all, &trunk_params(trunk)->keepalive);
	session_keepalive_add(all, &call->keepalive.said);
}

static void apply_sip(struct call *call, uint32_t ms)
{
	struct call_keepalive *k = &call->keepalive;
	const bool changed = ms != k->sip_ms;

	k->sip_ms = ms;
	if (!ms)
		tmr_cancel(&k->tmr);
	else if (changed || !tmr_isrunning(&k->tmr))
		tmr_start(&k->tmr, ms, send_options, call);
}

void call_keepalive_apply(struct call *call)
{
	struct call_keepalive *k = &call->keepalive;
	struct session_keepalive all;
	uint32_t rtp_ms;

	if (call->state == CALL_ENDED)
		return;
	gather(call, &all);
	k->hangup = all.hangup == KEEPALIVE_HANGUP_YES;
	apply_sip(call, call->state == CALL_ANSWERED
				? session_keepalive_interval(&all, all.sip_ms)
				: 0);
	rtp_ms = session_keepalive_interval(&all, all.rtp_ms);
	if (rtp_ms == k->rtp_ms && call->stream == k->rtp_stream)
		return;
	if (call->stream && (rtp_ms || call->stream == k->rtp_stream))
		media_stream_keepalive(call->calls->media, call->stream,
				       rtp_ms);
	k->rtp_ms = rtp_ms;
	k->rtp_stream = call->stream;
}

void call_keepalive_stop(struct call *call)
{
	tmr_cancel(&call->keepalive.tmr);
}

int call_keepalive(struct call *call, const struct session_keepalive *keepalive)
{
	assert(loop_is_mine(call->calls->loop));
	if (call->state == CALL_ENDED)
		return EPROTO;
	session_keepalive_add(&call->keepalive.said, keepalive);
	call_keepalive_apply(call);
	return 0;
}

static bool apply(struct call *call, void *arg)
{
	(void)arg;
	if (call->cdr.account)
		call_keepalive_apply(call);
	return false;
}

int calls_account_keepalive(struct calls *calls, const char *account,
			    const struct session_keepalive *keepalive)
{
	struct account *found = account_find(calls->accounts, account);

	assert(loop_is_mine(calls->loop));
	if (!found)
		return ENOENT;
	account_set_keepalive(found, keepalive);
	call_each(calls, apply, NULL);
	return 0;
}

/* ---- OPTIONS by the script -------------------------------------------- */

struct options {
	struct le le; /* call->options */
	struct call *call;
	uint32_t op;
	uint64_t sent_ns;
};

static void options_destructor(void *arg)
{
	struct options *options = arg;

	list_unlink(&options->le);
}

static void on_options(int err, const struct sip_msg *msg, void *arg)
{
	struct options *options = arg;
	struct call *call = options->call;
	const struct call_event event = {
		.type = CALL_EV_OPTIONS_DONE,
		.op = options->op,
		.scode = err ? 0 : msg->scode,
		.msg = err ? NULL : msg,
		.rtt_us =
			(uint32_t)((clock_mono_ns() - options->sent_ns) / 1000),
	};

	mem_deref(options);
	call_emit(call, &event);
}

int call_options(struct call *call, uint32_t *op)
{
	struct options *options;
	int err;

	assert(loop_is_mine(call->calls->loop));
	if (call->state != CALL_ANSWERED || !call->session)
		return EPROTO;
	options = mem_zalloc(sizeof(*options), options_destructor);
	if (!options)
		return ENOMEM;
	options->call = call;
	options->op = ++call->last_op;
	options->sent_ns = clock_mono_ns();
	list_append(&call->options, &options->le, options);
	err = session_options(call->session, on_options, options);
	if (err)
		mem_deref(options);
	else
		*op = options->op;
	return err;
}

void call_options_flush(struct call *call)
{
	list_flush(&call->options);
}
