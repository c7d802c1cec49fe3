/* moon.csv.rows(path): for row in … do row.line, row.fields, row.error end.
 * Read in batches on the background thread. A row that is wrong has no fields,
 * and says in its error what is wrong. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/background.h"
#include "script/csv.h"
#include "script/host.h"

enum { BATCH = 256 };

/* Shared with the background thread while a read is under way; counted on the
 * loop thread only. */
struct batch {
	struct csv_reader *reader;
	char path[PATH_MAX], other[PATH_MAX];
	struct csv_record records[BATCH];
	size_t count, next;
	int err;
	bool opened, busy, end;
	struct waiter *waiter;
};

static void batch_destroy(void *data)
{
	struct batch *batch = data;

	for (size_t i = batch->next; i < batch->count; i++)
		csv_record_clear(&batch->records[i]);
	csv_close(batch->reader);
}

static void work(void *arg)
{
	struct batch *batch = arg;

	if (!batch->opened) {
		batch->opened = true;
		batch->err = csv_open_file(&batch->reader, batch->path);
		if (batch->err == ENOENT && batch->other[0])
			batch->err =
				csv_open_file(&batch->reader, batch->other);
	}
	batch->next = batch->count = 0;
	if (!batch->err)
		batch->count = csv_read(batch->reader, batch->records, BATCH,
					&batch->err);
}

static void done(void *arg)
{
	struct batch *batch = arg;

	batch->busy = false;
	batch->end = batch->count == 0;
	if (batch->waiter)
		waiter_wake(batch->waiter, WAKE_DONE);
	mem_deref(batch);
}

struct csv_wait {
	struct waiter w;
	struct batch *batch;
};

static void disarm(struct waiter *w)
{
	struct csv_wait *op = (struct csv_wait *)w;

	if (op->batch)
		op->batch->waiter = NULL;
}

static void wait_free(void *arg)
{
	struct csv_wait *op = arg;

	if (op->batch && op->batch->waiter == &op->w)
		op->batch->waiter = NULL;
	op->batch = mem_deref(op->batch);
}

static int push_row(lua_State *L, struct batch *batch)
{
	struct csv_record *record = &batch->records[batch->next];

	lua_createtable(L, 0, 3);
	lua_pushinteger(L, (lua_Integer)record->line);
	lua_setfield(L, -2, "line");
	if (record->error) {
		lua_pushstring(L, record->error);
		lua_setfield(L, -2, "error");
	}
	lua_createtable(L, (int)record->count, 0);
	for (size_t i = 0; !record->error && i < record->count; i++) {
		lua_pushstring(L, record->fields[i]);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
	lua_setfield(L, -2, "fields");
	batch->next++;
	csv_record_clear(record);
	return 1;
}

static int push(lua_State *L, struct waiter *w)
{
	struct batch *batch = ((struct csv_wait *)w)->batch;

	if (batch->err && batch->count == 0)
		return raise_error(L, "csv", "moon.csv.rows: %.300s: %s",
				   *batch->other ? batch->other : batch->path,
				   strerror(batch->err));
	if (batch->end)
		return 0;
	return push_row(L, batch);
}

static int l_next(lua_State *L)
{
	struct batch **box =
		luaL_checkudata(L, lua_upvalueindex(1), "moondial.csv");
	struct batch *batch = *box;
	struct csv_wait *op;

	if (batch->next < batch->count)
		return push_row(L, batch);
	if (batch->end)
		return 0;
	script_can_wait(L, "moon.csv.rows");
	if (batch->busy)
		return raise_error(L, "busy",
				   "moon.csv.rows: another "
				   "coroutine reads from it");
	op = op_new(L, sizeof(*op), wait_free);
	op->batch = mem_ref(batch);
	waiter_init(L, &op->w, disarm, NULL, push);
	batch->waiter = &op->w;
	batch->busy = true;
	if (background_run(host_of(L)->config.background, work, done,
			   mem_ref(batch))) {
		batch->busy = false;
		mem_deref(batch);
		return raise_error(L, "failed",
				   "moon.csv.rows: not enough "
				   "memory");
	}
	return script_wait(L, &op->w);
}

/* moon.csv.rows(path) → iterator. A path that isn't absolute is looked for in
 * the script's folder, then in the current one. */
static int l_rows(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	const struct generation *gen = generation_current(L);
	struct batch **box, *batch;

	if (!host_of(L)->config.background)
		return raise_error(L, "state", "moon.csv.rows: not here");
	if (strlen(path) >= PATH_MAX / 2)
		return raise_error(L, "usage",
				   "moon.csv.rows: too long a "
				   "path");
	box = lua_newuserdatauv(L, sizeof(void *), 0);
	*box = NULL;
	luaL_setmetatable(L, "moondial.csv");
	batch = *box = mem_zalloc(sizeof(*batch), batch_destroy);
	if (!batch)
		return raise_memory(L);
	if (*path == '/' || !gen->folder) {
		(void)snprintf(batch->path, sizeof(batch->path), "%s", path);
	} else {
		(void)snprintf(batch->path, sizeof(batch->path), "%s/%s",
			       gen->folder, path);
		(void)snprintf(batch->other, sizeof(batch->other), "%s", path);
	}
	lua_pushcclosure(L, l_next, 1);
	return 1;
}

static int l_gc(lua_State *L)
{
	struct batch **box = lua_touserdata(L, 1);

	*box = mem_deref(*box);
	return 0;
}

void csv_open(lua_State *L)
{
	luaL_newmetatable(L, "moondial.csv");
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushliteral(L, "csv");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void csv_push(lua_State *L)
{
	static const luaL_Reg functions[] = {{"rows", l_rows}, {NULL, NULL}};

	luaL_newlib(L, functions);
	leads_add_csv(L);
}
