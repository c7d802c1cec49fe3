/* This machine has got another address: the audio of calls that came by the old
 * one moves, and a re-INVITE says where to, and where to reach us. */
#include "call/call_private.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"

static void move(struct call *call, const struct sa *laddr)
{
	struct sa moved = *laddr;
	struct mbuf *offer = NULL;
	char text[64];
	int err;

	err = media_stream_move(call->calls->media, call->stream, &moved);
	if (!err) {
		call->laddr = moved;
		sdp_set_laddr(call->sdp, &moved);
		err = sdp_offer(call->sdp, call->on_hold, &offer);
	}
	if (!err)
		err = session_offer(call->session, offer);
	mem_deref(offer);
	(void)re_snprintf(text, sizeof(text), "%J", &moved);
	if (err)
		log_warn(call->cdr.id,
			 "our address has changed, and the far side can't be "
			 "told: %s",
			 strerror(err));
	else
		log_info(call->cdr.id,
			 "our address has changed: audio is at "
			 "%s now",
			 text);
}

bool call_follow_network(struct call *call)
{
	struct sa laddr;

	if (!call->session || !call->stream || !call->sdp ||
	    stack_media_addr(call->calls->stack, session_peer(call->session),
			     &laddr) ||
	    sa_cmp(&laddr, &call->laddr, SA_ADDR))
		return false;
	/* One offer at a time: after the answer to that one. And there is none
	 * before the call is answered and that is known to both. */
	call->network_changed = call->state != CALL_ANSWERED || !call->acked ||
				call->offering ||
				session_offering(call->session);
	if (!call->network_changed)
		move(call, &laddr);
	return true;
}

static bool follow(struct call *call, void *arg)
{
	*(unsigned *)arg += call_follow_network(call);
	return false;
}

unsigned calls_network_changed(struct calls *calls)
{
	unsigned n = 0;

	assert(loop_is_mine(calls->loop));
	call_each(calls, follow, &n);
	return n;
}
