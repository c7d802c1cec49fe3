/* The wait and the wake. Waking stores what came and queues the script; Lua
 * runs later, from scripts_drain(), with nothing below it. */
#include "script/host.h"

#include <string.h>

void script_can_wait(lua_State *L, const char *verb)
{
	const struct scripts *host = host_of(L);

	if (!host->running || host->closing ||
	    host->running->state == SCRIPT_CLOSING)
		(void)raise_error(L, "cannot_wait",
				  "%s can't wait here: the coroutine is being "
				  "closed",
				  verb);
	if (host->stuck || !lua_isyieldable(L))
		(void)raise_error(L, "cannot_wait",
				  "%s can't wait here: Lua can't leave this "
				  "place (a table.sort comparison, a gsub "
				  "callback, a metamethod)",
				  verb);
}

static void disarm_nothing(struct waiter *w)
{
	(void)w;
}

void waiter_init(lua_State *L, struct waiter *w,
		 void (*disarm)(struct waiter *),
		 void (*abort)(struct waiter *),
		 int (*push)(lua_State *, struct waiter *))
{
	struct script *s = host_of(L)->running;

	w->script = s;
	w->seq = ++s->seq;
	w->wake = WAKE_DONE;
	w->disarm = disarm ? disarm : disarm_nothing;
	w->abort = abort;
	w->push = push;
	s->wait = w;
	s->woken = false;
}

static int wait_k(lua_State *L, int status, lua_KContext ctx)
{
	struct waiter *w = (struct waiter *)ctx;

	(void)status;
	if (w->wake == WAKE_HANGUP)
		return raise_hangup(L);
	return w->push(L, w);
}

int script_wait(lua_State *L, struct waiter *w)
{
	host_of(L)->marked = true;
	return lua_yieldk(L, 0, (lua_KContext)w, wait_k);
}

void script_wake(struct script *s, uint32_t seq, enum wake wake)
{
	struct waiter *w;

	if (!s || seq != s->seq || !s->wait || s->woken)
		return;
	w = s->wait;
	s->woken = true;
	w->wake = wake;
	w->disarm(w);
	if (!s->ready_le.list)
		list_append(&s->host->ready, &s->ready_le, s);
	host_kick(s->host);
}

void watch_add(struct list *list, struct watch *watch)
{
	list_append(list, &watch->le, watch);
}

/* One that fires may unlink itself or others: start over from the head would
 * be wrong too (one that stays would fire again), so the list is walked with a
 * marker of its own. */
void watch_fire(struct list *list, const struct call_event *event)
{
	struct watch marker = {.fire = NULL};

	list_prepend(list, &marker.le, &marker);
	while (marker.le.next) {
		struct le *le = marker.le.next;
		struct watch *w = le->data;

		list_unlink(&marker.le);
		list_insert_after(list, le, &marker.le, &marker);
		if (w->fire)
			w->fire(w, event);
		if (!marker.le.list)
			return;
	}
	list_unlink(&marker.le);
}

/* ---- the userdata of a verb ------------------------------------------- */

struct op {
	op_free_h *gc;
	uint64_t body[]; /* aligned as Lua aligns a userdata */
};

static const char op_key = 'o';

static int l_gc(lua_State *L)
{
	struct op *op = lua_touserdata(L, 1);

	if (op->gc) {
		op->gc(op->body);
		op->gc = NULL;
	}
	return 0;
}

void *op_new(lua_State *L, size_t size, op_free_h *gc)
{
	struct op *op = lua_newuserdatauv(L, sizeof(*op) + size, 1);

	memset(op, 0, sizeof(*op) + size);
	op->gc = gc;
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &op_key) == LUA_TNIL) {
		lua_pop(L, 1);
		lua_createtable(L, 0, 1);
		lua_pushcfunction(L, l_gc);
		lua_setfield(L, -2, "__gc");
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &op_key);
	}
	lua_setmetatable(L, -2);
	return op->body;
}
