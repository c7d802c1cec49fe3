/* call:record, call:record_call → recorder. */
#include <stdlib.h>
#include <string.h>

#include "script/args.h"
#include "script/leg.h"
#include "script/play.h"
#include "script/record_path.h"

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* FILE with its placeholders, below the folder of recordings, of whose length
 * it is to tell. raises */
static size_t make_path(lua_State *L, const struct leg *leg, const char *file,
			const char *verb, char path[PATH_MAX])
{
	char err[256];
	size_t root;
	const char *code = record_path(leg->host, call_cdr(leg->call), file,
				       path, &root, err, sizeof(err));

	if (code)
		(void)raise_error(L, code, "%s: %s", verb, err);
	return root;
}

/* ---- options
 * ------------------------------------------------------------------- */

static const struct option options[] = {
	{"file", OPT_STRING},
	{"max", OPT_SECONDS},
	{"silence", OPT_SECONDS},
	{"beep", OPT_BOOLEAN},
	{"format", OPT_STRING},
	{"channels", OPT_STRING},
	{"trim", OPT_BOOLEAN},
	{"terminator", OPT_STRING},
	{0},
};

struct record_options {
	struct media_record record;
	char *path; /* malloc */
	char terminator[24];
};

static void read_options(lua_State *L, const struct leg *leg, const char *verb,
			 bool whole_call, struct record_options *o)
{
	const char *channels, *format, *terminator, *file;
	char path[PATH_MAX];

	memset(o, 0, sizeof(*o));
	args_check(L, 2, verb, options, false);
	channels =
		args_string(L, 2, "channels", whole_call ? "stereo" : "heard");
	if (!strcmp(channels, "stereo"))
		o->record.channels = MEDIA_RECORD_STEREO;
	else if (!strcmp(channels, "mixed"))
		o->record.channels = MEDIA_RECORD_MIXED;
	else if (!strcmp(channels, "heard") || !strcmp(channels, "mono"))
		o->record.channels = MEDIA_RECORD_HEARD;
	else
		(void)raise_error(L, "usage",
				  "%s: channels is \"heard\", \"mixed\" or "
				  "\"stereo\", got '%.40s'",
				  verb, channels);
	format = args_string(L, 2, "format", "wav");
	if (strcmp(format, "wav") != 0)
		(void)raise_error(L, "not_available",
				  "%s: format '%.20s' is not available yet",
				  verb, format);
	file = args_string(L, 2, "file",
			   whole_call ? "{id}-call.wav" : "{id}-{time}.wav");
	if (args_has(L, 2, "file")) {
		size_t size;

		lua_getfield(L, 2, "file");
		(void)lua_tolstring(L, -1, &size);
		lua_pop(L, 1);
		if (strlen(file) != size)
			(void)raise_error(L, "usage", "%s: not a file name",
					  verb);
	}
	o->record.root = make_path(L, leg, file, verb, path);
	terminator = args_string(L, 2, "terminator", whole_call ? "" : "#");
	if (!strcmp(terminator, "any"))
		terminator = "0123456789*#ABCD";
	if (strlen(terminator) >= sizeof(o->terminator) ||
	    strspn(terminator, "0123456789*#ABCD") != strlen(terminator))
		(void)raise_error(L, "usage",
				  "%s: terminator is digits or \"any\", got "
				  "'%.40s'",
				  verb, terminator);
	memcpy(o->terminator, terminator, strlen(terminator) + 1);
	o->path = strdup(path);
	if (!o->path)
		(void)raise_memory(L);
	o->record.path = o->path;
	o->record.max_ms = args_ms(L, 2, "max", 0);
	o->record.silence_ms = args_ms(L, 2, "silence", 0);
	o->record.beep = args_boolean(L, 2, "beep", false);
	o->record.trim = args_boolean(L, 2, "trim", o->record.silence_ms > 0);
}

static void options_free(void *arg)
{
	struct record_options *o = arg;

	free(o->path);
	o->path = NULL;
}

static int start(lua_State *L, struct leg *leg, const char *verb,
		 const struct record_options *o, uint32_t *op)
{
	int err;

	if (!call_has_media(leg->call))
		(void)raise_error(L, "state",
				  "%s: the call has no audio yet: answer it "
				  "first",
				  verb);
	err = call_record(leg->call, &o->record, op);
	return err ? raise_errno(L, verb, err) : 0;
}

/* ---- record
 * ------------------------------------------------------------------------ */

struct record {
	struct waiter w;
	struct watch watch;
	struct reader reader;
	struct leg *leg;
	struct record_options options;
	uint32_t op;
	enum media_result result;
	bool digit;
	char *file, *text;
	uint32_t duration_ms;
};

static void record_disarm(struct waiter *w)
{
	struct record *op = (struct record *)w;

	list_unlink(&op->watch.le);
	list_unlink(&op->reader.le);
	if (op->leg && op->leg->output == op)
		op->leg->output = NULL;
}

static void record_abort(struct waiter *w)
{
	struct record *op = (struct record *)w;

	record_disarm(w);
	call_op_stop(op->leg->call, op->op);
}

static void record_free(void *arg)
{
	struct record *op = arg;

	record_disarm(&op->w);
	free(op->file);
	free(op->text);
	free(op->options.path);
	op->file = op->text = op->options.path = NULL;
	op->leg = mem_deref(op->leg);
}

static void on_event(struct watch *watch, const struct call_event *event)
{
	struct record *op = container(watch, struct record, watch);

	if (event->type == CALL_EV_RECORD_DONE && event->op == op->op) {
		op->result = event->result;
		op->duration_ms = event->duration_ms;
		op->file = event->file ? strdup(event->file) : NULL;
		op->text = event->text ? strdup(event->text) : NULL;
		waiter_wake(&op->w, WAKE_DONE);
	} else if (event->type == CALL_EV_CLOSED) {
		/* It has not come: nothing was recorded. */
		op->result = MEDIA_HANGUP;
		waiter_wake(&op->w, WAKE_DONE);
	}
}

static void on_digit(struct reader *reader, const struct digit *digit)
{
	struct record *op = container(reader, struct record, reader);

	(void)digit;
	op->digit = true;
	call_op_stop(op->leg->call, op->op);
}

static const char *reason_of(const struct record *op)
{
	switch (op->result) {
	case MEDIA_MAX:
		return "max";
	case MEDIA_SILENCE:
		return "silence";
	case MEDIA_HANGUP:
		return "hangup";
	default:
		return op->digit ? "terminator" : "stopped";
	}
}

static int record_push(lua_State *L, struct waiter *w)
{
	const struct record *op = (const struct record *)w;

	if (op->result == MEDIA_FAILED) {
		(void)push_reason(L, "failed");
		lua_pushstring(L, op->text ? op->text : "");
		return 3;
	}
	lua_createtable(L, 0, 3);
	lua_pushstring(L, op->file ? op->file : op->options.path);
	lua_setfield(L, -2, "file");
	lua_pushnumber(L, op->duration_ms / 1000.0);
	lua_setfield(L, -2, "duration");
	lua_pushstring(L, reason_of(op));
	lua_setfield(L, -2, "reason");
	return 1;
}

/* call:record{…} → {file, duration, reason}, also when the call ends meanwhile;
 * nil, "failed", message when the file can't be written */
static int l_record(lua_State *L)
{
	struct leg *leg;
	struct record *op;

	script_can_wait(L, "call:record");
	leg = leg_live(L, 1);
	leg_need_output(L, leg, "call:record");
	lua_settop(L, 2);
	op = op_new(L, sizeof(*op), record_free);
	read_options(L, leg, "call:record", false, &op->options);
	(void)start(L, leg, "call:record", &op->options, &op->op);
	op->leg = mem_ref(leg);
	leg->output = op;
	waiter_init(L, &op->w, record_disarm, record_abort, record_push);
	op->watch.fire = on_event;
	watch_add(&leg->watches, &op->watch);
	if (op->options.terminator[0]) {
		op->reader.accept = op->options.terminator;
		op->reader.read = on_digit;
		(void)leg_read(leg, &op->reader);
	}
	return script_wait(L, &op->w);
}

/* ---- record_call
 * -------------------------------------------------------------------- */

struct recorder_box {
	struct leg *leg;
	uint32_t op;
	bool stopped;
};

static struct recorder_box *check(lua_State *L)
{
	return luaL_checkudata(L, 1, "moondial.recorder");
}

static int control(lua_State *L, enum media_record_control what)
{
	const struct recorder_box *r = check(L);

	if (!r->stopped && !r->leg->ended)
		call_record_control(r->leg->call, r->op, what);
	lua_pushboolean(L, !r->stopped && !r->leg->ended);
	return 1;
}

static int l_pause(lua_State *L)
{
	return control(L, MEDIA_RECORD_PAUSE);
}

static int l_resume(lua_State *L)
{
	return control(L, MEDIA_RECORD_RESUME);
}

static int l_mask(lua_State *L)
{
	return control(L, MEDIA_RECORD_MASK);
}

static int l_unmask(lua_State *L)
{
	return control(L, MEDIA_RECORD_UNMASK);
}

static int l_stop(lua_State *L)
{
	struct recorder_box *r = check(L);

	if (!r->stopped && !r->leg->ended)
		call_op_stop(r->leg->call, r->op);
	r->stopped = true;
	return 0;
}

static int l_gc(lua_State *L)
{
	struct recorder_box *r = lua_touserdata(L, 1);

	r->leg = mem_deref(r->leg);
	return 0;
}

/* call:record_call{file, channels} → recorder; goes on until it is stopped, its
 * variable is closed, or the call ends */
static int l_record_call(lua_State *L)
{
	struct leg *leg = leg_live(L, 1);
	struct record_options *o;
	struct recorder_box *r;

	lua_settop(L, 2);
	o = op_new(L, sizeof(*o), options_free);
	read_options(L, leg, "call:record_call", true, o);
	r = lua_newuserdatauv(L, sizeof(*r), 1);
	memset(r, 0, sizeof(*r));
	luaL_setmetatable(L, "moondial.recorder");
	lua_createtable(L, 0, 1);
	lua_pushstring(L, o->path);
	lua_setfield(L, -2, "file");
	lua_setiuservalue(L, -2, 1);
	r->leg = mem_ref(leg);
	r->stopped = true;
	(void)start(L, leg, "call:record_call", o, &r->op);
	r->stopped = false;
	return 1;
}

static int l_index(lua_State *L)
{
	(void)check(L);
	lua_pushvalue(L, 2);
	if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
		return 1;
	(void)lua_getiuservalue(L, 1, 1);
	lua_pushvalue(L, 2);
	lua_rawget(L, -2);
	return 1;
}

void record_open(lua_State *L)
{
	static const luaL_Reg methods[] = {
		{"pause", l_pause},   {"resume", l_resume}, {"mask", l_mask},
		{"unmask", l_unmask}, {"stop", l_stop},	    {NULL, NULL},
	};

	luaL_newmetatable(L, "moondial.recorder");
	luaL_newlib(L, methods);
	lua_pushcclosure(L, l_index, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushcfunction(L, l_stop);
	lua_setfield(L, -2, "__close");
	lua_pushliteral(L, "recorder");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void record_add_call(lua_State *L)
{
	static const luaL_Reg verbs[] = {{"record", l_record},
					 {"record_call", l_record_call},
					 {NULL, NULL}};

	luaL_setfuncs(L, verbs, 0);
}
