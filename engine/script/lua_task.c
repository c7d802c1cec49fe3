/* moon.spawn → task: wait, cancel, status. */
#include "script/task.h"

#include <string.h>

#include "script/args.h"

void task_push(lua_State *L, struct script *s)
{
	struct script **box = lua_newuserdatauv(L, sizeof(void *), 0);

	*box = NULL;
	luaL_setmetatable(L, "moondial.task");
	*box = mem_ref(s);
	s->keep = true;
}

struct script *task_test(lua_State *L, int index)
{
	struct script **box = luaL_testudata(L, index, "moondial.task");

	return box ? *box : NULL;
}

static struct script *check(lua_State *L)
{
	struct script *s = task_test(L, 1);

	if (!s)
		(void)raise_error(L, "usage", "a task is expected, got %s",
				  luaL_typename(L, 1));
	return s;
}

/* moon.spawn(fn, …) → task */
static int l_spawn(lua_State *L)
{
	const int n = lua_gettop(L) - 1;

	if (!lua_isfunction(L, 1))
		return raise_error(L, "usage",
				   "moon.spawn: a function is expected, got %s",
				   luaL_typename(L, 1));
	task_push(L,
		  script_new(L, n, generation_current(L), NULL, SCRIPT_TASK));
	return 1;
}

int task_push_results(lua_State *L, const struct script *s)
{
	int n;

	if (s->state == SCRIPT_FAILED || s->hung) {
		(void)push_reason(L, s->hung ? "hangup" : "error");
		lua_pushstring(L, s->error ? s->error : "");
		return s->hung ? 2 : 3;
	}
	if (s->state != SCRIPT_DONE)
		return push_reason(L, "cancelled");
	if (!s->results_ref)
		return 0;
	lua_rawgeti(L, LUA_REGISTRYINDEX, s->results_ref);
	lua_getfield(L, -1, "n");
	n = (int)lua_tointeger(L, -1);
	lua_pop(L, 1);
	luaL_checkstack(L, n, "results of a task");
	for (int i = 1; i <= n; i++)
		lua_rawgeti(L, -i, i);
	lua_remove(L, -n - 1);
	return n;
}

/* ---- wait -------------------------------------------------------------------
 */

struct task_wait {
	struct waiter w;
	struct watch watch;
	struct tmr tmr;
	struct script *task; /* referenced */
};

static void wait_disarm(struct waiter *w)
{
	struct task_wait *op = (struct task_wait *)w;

	tmr_cancel(&op->tmr);
	list_unlink(&op->watch.le);
	w->script->waits_for = NULL;
}

static void wait_free(void *arg)
{
	struct task_wait *op = arg;

	tmr_cancel(&op->tmr);
	list_unlink(&op->watch.le);
	op->task = mem_deref(op->task);
}

static void task_ended(struct watch *watch, const struct call_event *event)
{
	struct task_wait *op =
		(struct task_wait *)((char *)watch -
				     offsetof(struct task_wait, watch));

	(void)event;
	waiter_wake(&op->w, WAKE_DONE);
}

static void timed_out(void *arg)
{
	waiter_wake(arg, WAKE_TIMEOUT);
}

static int wait_push(lua_State *L, struct waiter *w)
{
	const struct task_wait *op = (const struct task_wait *)w;

	if (w->wake == WAKE_TIMEOUT)
		return push_reason(L, "timeout");
	return task_push_results(L, op->task);
}

/* task:wait([s]) → its results; nil, "timeout"|"cancelled"|"hangup";
 * nil, "error", message */
static int l_wait(lua_State *L)
{
	struct script *s = check(L);
	const uint32_t ms = args_seconds(L, 2, "task:wait", UINT32_MAX);
	struct task_wait *op;

	if (!script_alive(s))
		return task_push_results(L, s);
	script_can_wait(L, "task:wait");
	if (s == host_of(L)->running)
		return raise_error(L, "usage", "a task can't wait for itself");
	op = op_new(L, sizeof(*op), wait_free);
	op->task = mem_ref(s);
	waiter_init(L, &op->w, wait_disarm, NULL, wait_push);
	op->watch.fire = task_ended;
	watch_add(&s->watches, &op->watch);
	op->w.script->waits_for = s;
	if (ms != UINT32_MAX)
		tmr_start(&op->tmr, ms, timed_out, &op->w);
	return script_wait(L, &op->w);
}

/* task:cancel(): its verb is stopped, its <close> handlers run. */
static int l_cancel(lua_State *L)
{
	struct script *s = check(L);

	if (s == host_of(L)->running)
		return raise_error(L, "cancelled",
				   "the task has cancelled "
				   "itself");
	script_close(s, SCRIPT_CANCELLED);
	return 0;
}

static int l_index(lua_State *L)
{
	struct script *s = check(L);
	const char *key = luaL_checkstring(L, 2);

	if (!strcmp(key, "status")) {
		lua_pushstring(L, script_status(s));
		return 1;
	}
	lua_pushvalue(L, 2);
	lua_rawget(L, lua_upvalueindex(1));
	if (lua_isnil(L, -1))
		return raise_error(L, "usage",
				   "a task has no '%.40s': wait, cancel, "
				   "status",
				   key);
	return 1;
}

static int l_gc(lua_State *L)
{
	struct script **box = lua_touserdata(L, 1);

	*box = mem_deref(*box);
	return 0;
}

void task_open(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{"wait", l_wait}, {"cancel", l_cancel}, {NULL, NULL}};

	luaL_newmetatable(L, "moondial.task");
	luaL_newlib(L, methods);
	lua_pushcclosure(L, l_index, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, l_cancel);
	lua_setfield(L, -2, "__close");
	lua_pushliteral(L, "task");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void task_add_moon(lua_State *L)
{
	lua_pushcfunction(L, l_spawn);
	lua_setfield(L, -2, "spawn");
}
