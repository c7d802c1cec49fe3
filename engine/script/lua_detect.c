/* call:detect_machine, call.detection, moon.detect_settings. */
#include "script/detect.h"

#include <stdio.h>
#include <string.h>

#include "call/cdr.h"
#include "script/args.h"
#include "script/play.h"
#include "script/record_path.h"

#define container(ptr, type, member) \
	((type *)(void *)((char *)(ptr)-offsetof(type, member)))

enum { NAME_SIZE = 64, TEXT_SIZE = 64 };

/* ---- options ---------------------------------------------------------------
 */

static void set(lua_State *L, const char *verb, struct detect_options *o,
		const char *name, const char *text)
{
	char err[256];

	if (detect_set(&o->settings, name, text, err, sizeof(err)))
		(void)raise_error(L, "usage", "%s: %s", verb, err);
}

/* tones = { "us", "uk" } */
static void read_list(lua_State *L, const char *verb, struct detect_options *o,
		      const char *name)
{
	char text[TEXT_SIZE] = "";
	size_t used = 0;

	for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
		if (lua_type(L, -1) == LUA_TSTRING && used < sizeof(text))
			used += (size_t)snprintf(text + used,
						 sizeof(text) - used, "%s,",
						 lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	set(L, verb, o, name, text);
}

static void read_value(lua_State *L, const char *verb, struct detect_options *o,
		       const char *name)
{
	const int type = lua_type(L, -1);
	char text[TEXT_SIZE] = "";

	if (type == LUA_TNUMBER)
		(void)snprintf(text, sizeof(text), "%.9g", lua_tonumber(L, -1));
	else if (type == LUA_TSTRING)
		(void)snprintf(text, sizeof(text), "%s", lua_tostring(L, -1));
	else
		(void)snprintf(text, sizeof(text), "%s", luaL_typename(L, -1));
	set(L, verb, o, name, text);
}

/* Names within a table get its name in front: machine = { voice = 2 }. */
static void read_table(lua_State *L, const char *verb, struct detect_options *o,
		       const char *prefix)
{
	luaL_checkstack(L, 6, verb);
	for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
		char name[NAME_SIZE];

		if (lua_type(L, -2) != LUA_TSTRING)
			(void)raise_error(L, "usage",
					  "%s: options are named; found one "
					  "without a name",
					  verb);
		(void)snprintf(name, sizeof(name), "%s%s", prefix,
			       lua_tostring(L, -2));
		if (!strcmp(name, "keep")) {
			if (lua_type(L, -1) != LUA_TSTRING)
				(void)raise_error(L, "usage",
						  "%s: option 'keep' must be "
						  "the name of a file",
						  verb);
			o->keep = lua_tostring(L, -1);
		} else if (!strcmp(name, "tones") && lua_istable(L, -1)) {
			read_list(L, verb, o, name);
		} else if (*prefix || !lua_istable(L, -1)) {
			read_value(L, verb, o, name);
		} else {
			(void)strncat(name, ".",
				      sizeof(name) - strlen(name) - 1);
			read_table(L, verb, o, name);
		}
	}
}

void detect_read(lua_State *L, int index, const char *verb,
		 struct detect_options *o)
{
	static const struct cdr nobody;
	char path[PATH_MAX], err[256];
	const char *code;
	size_t root;

	o->keep = NULL;
	detect_defaults(&o->settings);
	if (lua_isnoneornil(L, index) ||
	    (lua_isboolean(L, index) && lua_toboolean(L, index)))
		return;
	if (!lua_istable(L, index))
		(void)raise_error(L, "usage",
				  "%s: a table of settings is expected, got %s",
				  verb, luaL_typename(L, index));
	lua_pushvalue(L, index);
	read_table(L, verb, o, "");
	lua_pop(L, 1);
	code = o->keep ? record_path(host_of(L), &nobody, o->keep, path, &root,
				     err, sizeof(err))
		       : NULL;
	if (code)
		(void)raise_error(L, code, "%s: keep: %s", verb, err);
}

/* moon.detect_settings([t]) → all settings by name */
static int l_settings(lua_State *L)
{
	struct detect_options o;
	double value = 0;
	const char *name;

	lua_settop(L, 1);
	detect_read(L, 1, "moon.detect_settings", &o);
	lua_createtable(L, 0, 24);
	for (unsigned i = 0; (name = detect_name(&o.settings, i, &value));
	     i++) {
		if (!strcmp(name, "tones"))
			continue;
		lua_pushnumber(L, value);
		lua_setfield(L, -2, name);
	}
	return 1;
}

/* ---- a verdict -------------------------------------------------------------
 */

static void set_number(lua_State *L, const char *name, double value)
{
	lua_pushnumber(L, value);
	lua_setfield(L, -2, name);
}

void detect_set_fields(lua_State *L, const struct detect_verdict *v)
{
	lua_pushstring(L, detect_kind_name(v->kind));
	lua_setfield(L, -2, "kind");
	lua_pushstring(L, v->cause ? v->cause : "");
	lua_setfield(L, -2, "cause");
	if (!v->decided_ms)
		return; /* a script said it */
	set_number(L, "confidence", (double)v->confidence);
	set_number(L, "greeting", v->greeting_ms / 1000.0);
	lua_pushinteger(L, v->words);
	lua_setfield(L, -2, "words");
	set_number(L, "silence", v->silence_ms / 1000.0);
	set_number(L, "noise", (double)v->noise_db);
	set_number(L, "decided", v->decided_ms / 1000.0);
}

void detect_push(lua_State *L, const struct leg *leg)
{
	const struct cdr *cdr = call_cdr(leg->call);

	if (cdr->detection.kind == DETECT_NONE) {
		lua_pushnil(L);
		return;
	}
	lua_createtable(L, 0, 7);
	detect_set_fields(L, &cdr->detection);
}

void detect_assign(lua_State *L, const struct leg *leg, int index)
{
	const char *name = lua_type(L, index) == LUA_TSTRING
				   ? lua_tostring(L, index)
				   : luaL_typename(L, index);
	const enum detect_kind kind = detect_kind_of(name);

	if (kind == DETECT_NONE)
		(void)raise_error(L, "usage",
				  "call.detection is set to human, machine, "
				  "fax, silence, unsure or screening, got "
				  "'%.40s'",
				  name);
	call_set_detection(leg->call, kind);
}

/* ---- listening -------------------------------------------------------------
 */

static bool is_detected(enum event_name name)
{
	return name == EVENT_SPEECH || name == EVENT_SILENCE ||
	       name == EVENT_BEEP || name == EVENT_TONE;
}

void leg_listen(struct leg *leg, enum event_name name)
{
	if (leg->call && is_detected(name))
		call_listen(leg->call);
}

void leg_unlisten(struct leg *leg, enum event_name name)
{
	if (leg->call && is_detected(name))
		call_unlisten(leg->call);
}

/* ---- detect_machine --------------------------------------------------------
 */

struct detection {
	struct waiter w;
	struct watch watch;
	struct leg *leg;
};

static void disarm(struct waiter *w)
{
	list_unlink(&((struct detection *)w)->watch.le);
}

static void detection_free(void *arg)
{
	struct detection *op = arg;

	disarm(&op->w);
	op->leg = mem_deref(op->leg);
}

static void on_event(struct watch *watch, const struct call_event *event)
{
	struct detection *op = container(watch, struct detection, watch);

	if (event->type == CALL_EV_DETECTED &&
	    event->detect.type == DETECT_EV_VERDICT)
		waiter_wake(&op->w, WAKE_DONE);
	else if (event->type == CALL_EV_ENDED || event->type == CALL_EV_CLOSED)
		waiter_wake(&op->w, WAKE_HANGUP);
}

static int push(lua_State *L, struct waiter *w)
{
	detect_push(L, ((const struct detection *)w)->leg);
	return 1;
}

static void keep(lua_State *L, const struct leg *leg, const char *file,
		 const char *verb)
{
	char path[PATH_MAX], err[256];
	size_t root;
	const char *code = record_path(leg->host, call_cdr(leg->call), file,
				       path, &root, err, sizeof(err));

	if (code)
		(void)raise_error(L, code, "%s: keep: %s", verb, err);
	if (call_detect_keep(leg->call, path, root))
		(void)raise_memory(L);
}

/* call:detect_machine([{…}]) → {kind, cause, confidence, greeting, words,
 * noise, decided} */
static int l_detect_machine(lua_State *L)
{
	static const char verb[] = "call:detect_machine";
	struct detect_options o;
	struct detection *op;
	struct leg *leg;
	int err = 0;

	script_can_wait(L, verb);
	leg = leg_live(L, 1);
	lua_settop(L, 2);
	detect_read(L, 2, verb, &o);
	play_need_audio(L, leg, verb);
	/* Begun by moon.dial, or before: that is what is asked for. */
	if (lua_isnil(L, 2) && call_cdr(leg->call)->detection.kind) {
		detect_push(L, leg);
		return 1;
	}
	op = op_new(L, sizeof(*op), detection_free);
	op->leg = mem_ref(leg);
	if (o.keep)
		keep(L, leg, o.keep, verb);
	if (!lua_isnil(L, 2) || !call_detecting(leg->call))
		err = call_detect(leg->call, &o.settings);
	if (err)
		return raise_errno(L, verb, err);
	waiter_init(L, &op->w, disarm, NULL, push);
	op->watch.fire = on_event;
	watch_add(&leg->watches, &op->watch);
	return script_wait(L, &op->w);
}

void detect_add_call(lua_State *L)
{
	lua_pushcfunction(L, l_detect_machine);
	lua_setfield(L, -2, "detect_machine");
}

void detect_add_moon(lua_State *L)
{
	lua_pushcfunction(L, l_settings);
	lua_setfield(L, -2, "detect_settings");
}
