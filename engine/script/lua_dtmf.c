/* call:dtmf: digits to the far side. */
#include <string.h>

#include "script/args.h"
#include "script/leg.h"

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

struct dtmf {
	struct waiter w;
	struct watch watch;
	struct leg *leg;
	uint32_t op;
	enum media_result result;
	char reason[128];
};

static void dtmf_disarm(struct waiter *w)
{
	list_unlink(&((struct dtmf *)w)->watch.le);
}

static void dtmf_abort(struct waiter *w)
{
	struct dtmf *op = (struct dtmf *)w;

	dtmf_disarm(w);
	call_op_stop(op->leg->call, op->op);
}

static void dtmf_free(void *arg)
{
	struct dtmf *op = arg;

	dtmf_disarm(&op->w);
	op->leg = mem_deref(op->leg);
}

static void dtmf_event(struct watch *watch, const struct call_event *event)
{
	struct dtmf *op = container(watch, struct dtmf, watch);

	if (event->type == CALL_EV_ENDED) {
		waiter_wake(&op->w, WAKE_HANGUP);
	} else if (event->type == CALL_EV_DTMF_DONE && event->op == op->op) {
		op->result = event->result;
		if (event->text)
			(void)re_snprintf(op->reason, sizeof(op->reason), "%s",
					  event->text);
		waiter_wake(&op->w, event->result == MEDIA_HANGUP ? WAKE_HANGUP
								  : WAKE_DONE);
	}
}

static int dtmf_push(lua_State *L, struct waiter *w)
{
	const struct dtmf *op = (const struct dtmf *)w;

	if (op->result == MEDIA_FAILED) {
		lua_pushnil(L);
		lua_pushliteral(L, "failed");
		lua_pushstring(L, op->reason);
		return 3;
	}
	lua_pushboolean(L, 1);
	return 1;
}

static enum call_dtmf_mode read_mode(lua_State *L, int index)
{
	const char *mode = args_string(L, index, "mode", "auto");

	if (!strcmp(mode, "rfc4733"))
		return CALL_DTMF_RFC4733;
	if (!strcmp(mode, "info"))
		return CALL_DTMF_INFO;
	if (!strcmp(mode, "inband"))
		(void)raise_error(L, "not_available",
				  "call:dtmf: mode \"inband\" is not available "
				  "yet");
	if (strcmp(mode, "auto") != 0)
		(void)raise_error(L, "usage",
				  "call:dtmf: mode is \"auto\", \"rfc4733\" or "
				  "\"info\", got '%.40s'",
				  mode);
	return CALL_DTMF_AUTO;
}

/* call:dtmf(digits[, {mode, duration, gap}]) → true, or nil, reason */
static int l_dtmf(lua_State *L)
{
	static const struct option options[] = {{"mode", OPT_STRING},
						{"duration", OPT_SECONDS},
						{"gap", OPT_SECONDS},
						{0}};
	struct leg *leg;
	struct dtmf *op;
	const char *digits;
	int err;

	script_can_wait(L, "call:dtmf");
	leg = leg_live(L, 1);
	digits = luaL_checkstring(L, 2);
	args_check(L, 3, "call:dtmf", options, false);
	op = op_new(L, sizeof(*op), dtmf_free);
	op->leg = mem_ref(leg);
	waiter_init(L, &op->w, dtmf_disarm, dtmf_abort, dtmf_push);
	op->watch.fire = dtmf_event;
	watch_add(&leg->watches, &op->watch);
	err = call_send_digits(leg->call, digits, read_mode(L, 3),
			       args_ms(L, 3, "duration", 0.1),
			       args_ms(L, 3, "gap", 0.1), &op->op);
	if (err) {
		dtmf_disarm(&op->w);
		if (err == EINVAL)
			return raise_error(L, "usage",
					   "call:dtmf: '%.40s' is not digits "
					   "(0-9 * # A-D, w pauses)",
					   digits);
		if (err == ENOTSUP)
			return push_reason(L, "not_supported");
		return raise_errno(L, "call:dtmf", err);
	}
	return script_wait(L, &op->w);
}

void dtmf_add_call(lua_State *L)
{
	lua_pushcfunction(L, l_dtmf);
	lua_setfield(L, -2, "dtmf");
}
