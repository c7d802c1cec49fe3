/* Bridges: who is in one, digits between them, and how long they talked. */
#include "call/bridge.h"

#include <assert.h>
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "call/call_private.h"

struct bridge {
	struct calls *calls;
	struct media_bridge *media;
	struct list members; /* struct call, in the order of their joining */
};

static void bridge_destructor(void *arg)
{
	struct bridge *bridge = arg;

	media_bridge_free(bridge->media);
}

int bridge_alloc(struct bridge **bp, struct calls *calls)
{
	struct bridge *bridge = mem_zalloc(sizeof(*bridge), bridge_destructor);
	int err;

	assert(loop_is_mine(calls->loop));
	if (!bridge)
		return ENOMEM;
	bridge->calls = calls;
	err = media_bridge_alloc(&bridge->media, calls->media);
	if (err)
		mem_deref(bridge);
	else
		*bp = bridge;
	return err;
}

static void joined(struct bridge *bridge, struct call *call)
{
	call->bridge = mem_ref(bridge);
	list_append(&bridge->members, &call->bridge_le, call);
	call->bridged_ms = 0;
}

/* Its time counts from when it began to talk to somebody. */
static void note(struct call *call, const struct bridge_role *role)
{
	if (!role->to)
		return;
	if (!call->bridged_ms)
		call->bridged_ms = clock_mono_ms();
	cdr_set(&call->cdr, &call->cdr.bridged_to, role->to);
	if (!call->cdr.bridged_at_ms)
		call->cdr.bridged_at_ms = call_wall_ms(call);
}

int bridge_join(struct bridge *bridge, struct call *call,
		const struct bridge_role *role)
{
	const bool in = call->bridge == bridge;
	int err;

	assert(bridge);
	assert(loop_is_mine(call->calls->loop));
	if (call->state == CALL_ENDED || !call->stream || !call->media_on)
		return EPROTO;
	if (call->bridge && !in)
		return EBUSY;
	err = media_bridge_join(bridge->media, call->stream, role->talk,
				role->hear);
	if (err)
		return err == ESTALE ? EPROTO : err;
	if (!in)
		joined(bridge, call);
	call->talk = role->talk;
	call->hear = role->hear;
	call->is_party = role->party;
	call->pass_digits = role->digits;
	note(call, role);
	if (!in) {
		log_info(call->cdr.id, "bridged%s%s", role->to ? " with " : "",
			 role->to ? role->to : "");
		call_emit_type(call, CALL_EV_BRIDGED);
	}
	return 0;
}

static void take_out(struct call *call)
{
	list_unlink(&call->bridge_le);
	call->bridge = NULL;
	if (call->bridged_ms)
		call->cdr.bridged_ms += clock_mono_ms() - call->bridged_ms;
	if (call->stream)
		media_bridge_leave(call->calls->media, call->stream);
	if (call->state != CALL_ENDED)
		call_emit_type(call, CALL_EV_UNBRIDGED);
}

void bridge_leave(struct call *call)
{
	struct bridge *bridge = call->bridge;

	if (!bridge)
		return;
	assert(loop_is_mine(call->calls->loop));
	(void)mem_ref(call);
	take_out(call);
	if (call->is_party)
		bridge_end(bridge);
	mem_deref(bridge); /* the member's */
	mem_deref(call);
}

void bridge_end(struct bridge *bridge)
{
	struct le *le;

	(void)mem_ref(bridge);
	while ((le = list_head(&bridge->members))) {
		struct call *call = le->data;

		call->is_party = false;
		bridge_leave(call);
	}
	mem_deref(bridge);
}

void bridge_digit(struct call *call, char digit, uint32_t duration_ms)
{
	const char digits[2] = {digit, '\0'};
	struct le *le = call->bridge && call->pass_digits
				? list_head(&call->bridge->members)
				: NULL;

	while (le) {
		struct call *other = le->data;

		le = le->next;
		if (other == call || !(other->hear & call->talk))
			continue;
		if (call_send_digits(other, digits, CALL_DTMF_AUTO, duration_ms,
				     0, NULL))
			log_debug(other->cdr.id,
				  "a digit can't be passed on to it");
	}
}

struct bridge *call_bridge(const struct call *call)
{
	return call->bridge;
}

unsigned bridge_count(const struct bridge *bridge)
{
	return list_count(&bridge->members);
}

int bridge_hear(struct call *call, uint32_t hear)
{
	int err;

	if (!call->bridge)
		return EPROTO;
	err = media_bridge_join(call->bridge->media, call->stream, call->talk,
				call->hear | hear);
	if (!err)
		call->hear |= hear;
	return err == ESTALE ? EPROTO : err;
}
