/* moon.csv.leads(path, options): a CSV file into the table of leads, a batch at
 * each call. For moondial.leads.import, which reads the header.
 *
 *   background thread: lead_reader ─► batch ─► store's thread: lead_import × n
 *                      the next one meanwhile
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/background.h"
#include "base/clock.h"
#include "base/ids.h"
#include "script/args.h"
#include "script/leads/lead_reader.h"
#include "script/leads/phone_number.h"
#include "store/store.h"

enum { BATCH = 500, PARAMETERS = 12 };

enum batch_state {
	BATCH_EMPTY,
	BATCH_READING,
	BATCH_READ,
	BATCH_WRITING,
	BATCH_WRITTEN
};

struct lead_import;

struct lead_batch {
	struct lead_import *import;
	enum batch_state state;
	struct lead leads[BATCH];
	size_t count; /* 0: the end of the file */
	size_t good;  /* without an error */
	int err;      /* errno of opening or reading */
	int64_t added, changed;
	char *code, *error; /* of the store */
};

/* Counted by the box and by each piece of work under way; that count belongs
 * to the loop thread. */
struct lead_import {
	struct store *store;
	struct background *background;
	char path[PATH_MAX], other[PATH_MAX];
	char region[4];
	char *campaign, *list, *source;
	bool elsewhere; /* numbers of other campaigns are left out */
	struct lead_columns columns; /* until it is opened */
	struct lead_reader *reader;
	bool opened, ended, closed;
	struct lead_batch batches[2];
	unsigned front;
	struct waiter *waiter;
};

static void batch_clear(struct lead_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		lead_clear(&batch->leads[i]);
	free(batch->code);
	free(batch->error);
	batch->code = batch->error = NULL;
	batch->count = batch->good = 0;
	batch->state = BATCH_EMPTY;
}

static void import_destroy(void *data)
{
	struct lead_import *import = data;

	batch_clear(&import->batches[0]);
	batch_clear(&import->batches[1]);
	for (size_t i = 0; import->columns.names && i < import->columns.count;
	     i++)
		free(import->columns.names[i]);
	free((void *)import->columns.names);
	free(import->columns.what);
	free(import->campaign);
	free(import->list);
	free(import->source);
	lead_reader_close(import->reader);
}

/* ---- reading, on the background thread ----------------------------------- */

static int open_reader(struct lead_import *import)
{
	const char *region = *import->region ? import->region : NULL;
	const char *path = import->path;

	if (import->other[0] && access(path, F_OK) && errno == ENOENT)
		path = import->other;
	return lead_reader_open(&import->reader, path, region,
				&import->columns);
}

static void read_batch(void *arg)
{
	struct lead_batch *batch = arg;
	struct lead_import *import = batch->import;

	if (!import->opened) {
		import->opened = true;
		batch->err = open_reader(import);
	}
	if (!batch->err && import->reader)
		batch->count = lead_reader_read(import->reader, batch->leads,
						BATCH, &batch->err);
	for (size_t i = 0; i < batch->count; i++)
		batch->good +=
			batch->leads[i].phone[0] && !batch->leads[i].error;
}

/* ---- writing ------------------------------------------------------------- */

static void advance(struct lead_import *import);

static void written(const struct store_result *result, void *arg)
{
	struct lead_batch *batch = arg;
	struct lead_import *import = batch->import;

	if (result->error) {
		batch->error = strdup(result->error);
		batch->code = strdup(result->code ? result->code : "failed");
	} else {
		batch->added = result->rows ? result->values[0].integer : 0;
		batch->changed = result->changes;
	}
	batch->state = BATCH_WRITTEN;
	advance(import);
	mem_deref(import);
}

static struct store_value text_value(const char *text)
{
	return (struct store_value){.type = text ? STORE_TEXT : STORE_NULL,
				    .text = text,
				    .size = text ? strlen(text) : 0};
}

static struct store_value integer_value(int64_t integer)
{
	return (struct store_value){.type = STORE_INTEGER, .integer = integer};
}

static void fill(struct store_value *values, const struct lead_import *import,
		 const struct lead *lead, int64_t now)
{
	const struct store_value row[PARAMETERS] = {
		text_value(import->campaign),
		text_value(lead->phone),
		text_value(lead->others),
		text_value(lead->type),
		text_value(lead->zones),
		integer_value(lead->priority),
		text_value(lead->fields),
		text_value(import->list),
		text_value(import->source),
		integer_value((int64_t)lead->line),
		integer_value(now),
		integer_value(now),
	};

	memcpy(values, row, sizeof(row));
}

/* One transaction: the batch's leads, and how many of them are new. Ids are
 * ordered by time: those of new ones come behind MARK. */
static bool write_batch(struct lead_batch *batch)
{
	struct lead_import *import = batch->import;
	const char *sql = store_query(import->elsewhere ? "lead_import_unique"
							: "lead_import");
	const int64_t now = clock_wall_ms();
	struct store_statement *statements =
		calloc(batch->good + 1, sizeof(*statements));
	struct store_value *values =
		calloc(batch->good * PARAMETERS + 2, sizeof(*values));
	char mark[ID_SIZE];
	size_t n = 0;
	bool sent = false;

	if (statements && values) {
		id_make(mark);
		for (size_t i = 0; i < batch->count; i++) {
			const struct lead *lead = &batch->leads[i];

			if (!lead->phone[0] || lead->error)
				continue;
			fill(values + n * PARAMETERS, import, lead, now);
			statements[n].sql = sql;
			statements[n].values = values + n * PARAMETERS;
			statements[n].count = PARAMETERS;
			n++;
		}
		values[n * PARAMETERS] = text_value(mark);
		values[n * PARAMETERS + 1] = text_value(import->campaign);
		statements[n].sql = store_query("lead_import_count");
		statements[n].values = values + n * PARAMETERS;
		statements[n].count = 2;
		batch->state = BATCH_WRITING;
		sent = store_request(import->store, statements, n + 1, written,
				     batch) != 0;
	}
	free(statements);
	free(values);
	return sent;
}

/* ---- both ---------------------------------------------------------------- */

static void was_read(void *arg)
{
	struct lead_batch *batch = arg;
	struct lead_import *import = batch->import;

	batch->state = BATCH_READ;
	import->ended = import->ended || batch->count == 0;
	advance(import);
	mem_deref(import);
}

static void fail_memory(struct lead_batch *batch)
{
	batch->err = ENOMEM;
	batch->state = BATCH_WRITTEN;
}

static void begin_write(struct lead_batch *batch)
{
	if (batch->good == 0) {
		batch->state = BATCH_WRITTEN;
		return;
	}
	mem_ref(batch->import);
	if (!write_batch(batch)) {
		fail_memory(batch);
		mem_deref(batch->import);
	}
}

static void begin_read(struct lead_batch *batch)
{
	struct lead_import *import = batch->import;

	batch->state = BATCH_READING;
	batch->err = 0;
	batch->added = batch->changed = 0;
	if (background_run(import->background, read_batch, was_read,
			   mem_ref(import) ? batch : NULL)) {
		fail_memory(batch);
		mem_deref(import);
	}
}

/* Whatever can go on does: the front batch is written while the other one is
 * read. */
static void advance(struct lead_import *import)
{
	struct lead_batch *front = &import->batches[import->front];
	struct lead_batch *back = &import->batches[!import->front];

	if (import->closed)
		return;
	if (front->state == BATCH_EMPTY && !import->ended)
		begin_read(front);
	if (front->state == BATCH_READ)
		begin_write(front);
	if (front->state >= BATCH_WRITING && back->state == BATCH_EMPTY &&
	    !import->ended && !front->err)
		begin_read(back);
	if (front->state == BATCH_WRITTEN && import->waiter)
		waiter_wake(import->waiter, WAKE_DONE);
}

/* ---- Lua ----------------------------------------------------------------- */

struct import_wait {
	struct waiter w;
	struct lead_import *import;
};

static void disarm(struct waiter *w)
{
	struct import_wait *op = (struct import_wait *)w;

	if (op->import && op->import->waiter == w)
		op->import->waiter = NULL;
}

static void wait_free(void *arg)
{
	struct import_wait *op = arg;

	disarm(&op->w);
	op->import = mem_deref(op->import);
}

static void push_remarks(lua_State *L, const struct lead_batch *batch,
			 const char *field, bool errors)
{
	lua_Integer n = 0;

	lua_newtable(L);
	for (size_t i = 0; i < batch->count; i++) {
		const struct lead *lead = &batch->leads[i];
		const char *text = errors ? lead->error : lead->note;

		if (errors && !text && !lead->phone[0])
			text = "not enough memory";
		if (!text)
			continue;
		lua_createtable(L, 0, 2);
		lua_pushinteger(L, (lua_Integer)lead->line);
		lua_setfield(L, -2, "line");
		lua_pushstring(L, text);
		lua_setfield(L, -2, "reason");
		lua_rawseti(L, -2, ++n);
	}
	lua_setfield(L, -2, field);
}

static void push_count(lua_State *L, const char *field, int64_t count)
{
	lua_pushinteger(L, (lua_Integer)count);
	lua_setfield(L, -2, field);
}

static int push(lua_State *L, struct waiter *w)
{
	struct lead_import *import = ((struct import_wait *)w)->import;
	struct lead_batch *batch = &import->batches[import->front];

	if (batch->err)
		return raise_error(L, "csv", "%.300s: %s",
				   *import->other ? import->other
						  : import->path,
				   strerror(batch->err));
	if (batch->error)
		return raise_error(L, "database", "database: %s", batch->error);
	if (batch->count == 0)
		return 0;
	lua_createtable(L, 0, 6);
	push_count(L, "rows", (int64_t)batch->count);
	push_count(L, "imported", batch->added);
	push_count(L, "merged", batch->changed - batch->added);
	push_count(L, "elsewhere", (int64_t)batch->good - batch->changed);
	push_remarks(L, batch, "bad", true);
	push_remarks(L, batch, "notes", false);
	batch_clear(batch);
	import->front = !import->front;
	advance(import);
	return 1;
}

static int l_next(lua_State *L)
{
	struct lead_import **box =
		luaL_checkudata(L, lua_upvalueindex(1), "moondial.leads");
	struct lead_import *import = *box;
	struct import_wait *op;

	script_can_wait(L, "moon.csv.leads");
	if (import->waiter)
		return raise_error(L, "busy",
				   "moon.csv.leads: another coroutine reads "
				   "from it");
	op = op_new(L, sizeof(*op), wait_free);
	op->import = mem_ref(import);
	waiter_init(L, &op->w, disarm, NULL, push);
	import->waiter = &op->w;
	advance(import);
	return script_wait(L, &op->w);
}

static char *copy_option(lua_State *L, const char *name)
{
	const char *text = args_string(L, 2, name, NULL);

	return text ? strdup(text) : NULL;
}

/* options.columns: { {name, "field"|"number"|"priority"|"zone"}, … } */
static void read_columns(lua_State *L, struct lead_columns *columns)
{
	static const char *const kinds[] = {"field", "number", "priority",
					    "zone", NULL};
	const int top = lua_gettop(L);
	lua_Integer n;

	lua_getfield(L, 2, "columns");
	n = lua_istable(L, -1) ? (lua_Integer)lua_rawlen(L, -1) : 0;
	if (n < 1 || n > LEAD_COLUMNS_MAX)
		(void)raise_error(L, "usage",
				  "moon.csv.leads: option 'columns' must have "
				  "1 to %d entries",
				  LEAD_COLUMNS_MAX);
	columns->names = calloc((size_t)n, sizeof(*columns->names));
	columns->what = calloc((size_t)n, sizeof(*columns->what));
	if (!columns->names || !columns->what)
		(void)raise_memory(L);
	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, top + 1, i);
		luaL_checktype(L, -1, LUA_TTABLE);
		lua_rawgeti(L, -1, 1);
		lua_rawgeti(L, -2, 2);
		columns->what[i - 1] =
			(enum lead_column)luaL_checkoption(L, -1, NULL, kinds);
		columns->names[i - 1] = strdup(luaL_checkstring(L, -2));
		columns->count++;
		if (!columns->names[i - 1])
			(void)raise_memory(L);
		lua_settop(L, top + 1);
	}
	lua_settop(L, top);
}

/* options.numbers: the columns with numbers, in their order */
static void read_order(lua_State *L, struct lead_columns *columns)
{
	const int top = lua_gettop(L);
	lua_Integer n;

	lua_getfield(L, 2, "numbers");
	n = lua_istable(L, -1) ? (lua_Integer)lua_rawlen(L, -1) : 0;
	if (n < 1 || n > LEAD_NUMBERS_MAX)
		(void)raise_error(L, "usage",
				  "moon.csv.leads: option 'numbers' must name "
				  "1 to %d columns",
				  LEAD_NUMBERS_MAX);
	for (lua_Integer i = 1; i <= n; i++) {
		lua_Integer at;

		lua_rawgeti(L, top + 1, i);
		at = luaL_checkinteger(L, -1);
		if (at < 1 || at > (lua_Integer)columns->count)
			(void)raise_error(L, "usage",
					  "moon.csv.leads: there is no column "
					  "%d",
					  (int)at);
		columns->numbers[i - 1] = (size_t)at - 1;
		columns->number_count++;
		lua_pop(L, 1);
	}
	lua_settop(L, top);
}

static void read_region(lua_State *L, struct lead_import *import)
{
	const char *region = args_string(L, 2, "region", NULL);

	if (!region)
		return;
	if (strlen(region) != 2 || !phone_number_region(region))
		(void)raise_error(L, "options",
				  "region '%.20s' is none: it has two letters, "
				  "such as US or DE",
				  region);
	(void)snprintf(import->region, sizeof(import->region), "%s", region);
}

static const struct option leads_options[] = {
	{"campaign", OPT_STRING},   {"list", OPT_STRING},
	{"source", OPT_STRING},	    {"region", OPT_STRING},
	{"columns", OPT_TABLE},	    {"numbers", OPT_TABLE},
	{"elsewhere", OPT_BOOLEAN}, {0},
};

/* moon.csv.leads(path, options) → function; each call waits for one batch, and
 * returns {rows, imported, merged, elsewhere, bad, notes}, or nothing at the
 * end of the file. Paths as moon.csv.rows. */
static int l_leads(lua_State *L)
{
	const char *path = luaL_checkstring(L, 1);
	const struct generation *gen = generation_current(L);
	struct scripts *host = host_of(L);
	struct lead_import **box, *import;

	if (!host->config.background || !host->config.store)
		return raise_error(L, "state", "moon.csv.leads: not here");
	if (strlen(path) >= PATH_MAX / 2)
		return raise_error(L, "usage",
				   "moon.csv.leads: too long a "
				   "path");
	args_check(L, 2, "moon.csv.leads", leads_options, false);
	box = lua_newuserdatauv(L, sizeof(void *), 0);
	*box = NULL;
	luaL_setmetatable(L, "moondial.leads");
	import = *box = mem_zalloc(sizeof(*import), import_destroy);
	if (!import)
		return raise_memory(L);
	import->store = host->config.store;
	import->background = host->config.background;
	import->batches[0].import = import->batches[1].import = import;
	import->elsewhere = args_boolean(L, 2, "elsewhere", false);
	import->campaign = copy_option(L, "campaign");
	import->list = copy_option(L, "list");
	import->source = copy_option(L, "source");
	if (!import->campaign)
		return raise_error(L, "usage",
				   "moon.csv.leads: option "
				   "'campaign' is missing");
	read_region(L, import);
	read_columns(L, &import->columns);
	read_order(L, &import->columns);
	if (*path == '/' || !gen->folder) {
		(void)snprintf(import->path, sizeof(import->path), "%s", path);
	} else {
		(void)snprintf(import->path, sizeof(import->path), "%s/%s",
			       gen->folder, path);
		(void)snprintf(import->other, sizeof(import->other), "%s",
			       path);
	}
	lua_pushcclosure(L, l_next, 1);
	return 1;
}

static int l_gc(lua_State *L)
{
	struct lead_import **box = lua_touserdata(L, 1);

	if (*box)
		(*box)->closed = true;
	*box = mem_deref(*box);
	return 0;
}

void leads_open(lua_State *L)
{
	luaL_newmetatable(L, "moondial.leads");
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushliteral(L, "leads");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void leads_add_csv(lua_State *L)
{
	lua_pushcfunction(L, l_leads);
	lua_setfield(L, -2, "leads");
}
