/* host.h -- private to script: the state, generations, coroutines, waits
 *
 *   call event, timer, database ─► script_wake(script, seq) ─► host->ready
 *   what starts a coroutine     ─► host_post(job)           ─► host->jobs
 *                                                                │ soon
 *                    scripts_drain(): jobs, then scripts ◄───────┘
 *                          script_step() ─► lua_resume
 *
 * All on the loop thread. Lua runs beneath scripts_drain() and scripts_load()
 * only: never below a libre frame, never below another script's frame.
 * Functions marked "raises" may leave by a Lua error.
 */
#ifndef MOONDIAL_SCRIPT_HOST_H
#define MOONDIAL_SCRIPT_HOST_H

#include <re.h>
#include <lauxlib.h>
#include <lua.h>
#include <time.h>

#include "base/loop.h"
#include "script/script.h"

enum {
	HOOK_COUNT = 10000, /* instructions between two looks at the clock */
	WHERE_SIZE = 128,
};

struct leg;
struct own_queries;
struct script;
struct route;
struct timer;

/* An event as wait, on and event name it. */
enum event_name {
	EVENT_DTMF,
	EVENT_HANGUP,
	EVENT_ANSWERED,
	EVENT_RINGING,
	EVENT_PROGRESS,
	EVENT_HOLD,
	EVENT_RESUME,
	EVENT_MEDIA_TIMEOUT,
	EVENT_KEEPALIVE_FAILED,
	EVENT_BRIDGE,
	EVENT_UNBRIDGE,
	EVENT_MACHINE,
	EVENT_SPEECH,
	EVENT_SILENCE,
	EVENT_BEEP,
	EVENT_TONE,
	EVENT_NONE,
};

/* One load of the scripts: an environment of its own. Counted by mem_ref;
 * freed when its last coroutine, timer, subscription and call have gone. */
struct generation {
	struct scripts *host;
	char *file;   /* the main script; NULL: none (a command's) */
	char *folder; /* of the file; NULL: none */
	int env_ref;  /* the table behind _G */
	int g_ref;    /* _G itself: a proxy */
	int loaded_ref;
	int args_ref;
	bool frozen;  /* loaded: _G can't be written any more */
	bool retired; /* a newer one is in force */
	unsigned number;
	struct list routes; /* struct route, on_call in order */
	int register_ref;   /* moon.on_register; LUA_NOREF: none */
	struct le le;	    /* host->generations */
};

struct scripts {
	struct scripts_config config;
	struct scripts_handlers handlers;
	void *arg;
	lua_State *L;
	struct generation *gen; /* in force; NULL: nothing loaded */
	struct list generations;
	struct list scripts;	   /* struct script, all that live */
	struct list ready;	   /* struct script, to be resumed */
	struct list jobs;	   /* struct job */
	struct list legs;	   /* struct leg */
	struct hash *ids;	   /* the same with a call, by its id */
	struct list conferences;   /* struct conference (lua_bridge.c) */
	struct list timers;	   /* struct timer, armed */
	struct list subscriptions; /* struct subscription: moon.on */
	struct list asked;	   /* struct asked: moon.qualify */
	struct soon soon;
	struct script *running;
	uint64_t errors;
	uint64_t stamp;		     /* order of things that become ready */
	unsigned wanted[EVENT_NONE]; /* subscriptions to a call's event */
	unsigned next_generation;
	int raise_mt;	/* registry: metatable of raised errors */
	int format_ref; /* registry: the stock string.format */
	struct own_queries *own_queries; /* own_query.c; freed with free() */

	/* ---- of the coroutine that runs now ---- */
	uint64_t slice_ns, spent_ns, looked_ns, slice_end_cpu_ns;
	volatile unsigned slice,
		slice_ticked;	       /* its number; at the last tick */
	lua_State *volatile innermost; /* the lua_State that runs, or NULL */
	timer_t ticks;
	bool ticking;
	bool exceeded;
	bool marked;  /* the yield under way is a wait's */
	bool stuck;   /* a resume below can't pass a yield outward */
	bool closing; /* <close> handlers of a closed coroutine run */

	/* ---- memory ---- */
	bool refusing;
	bool out_of_memory; /* an allocation was refused in this step */
	bool collects;	    /* a full collection around each callback */
	bool freeing;	    /* scripts_free() is under way */
	uint64_t bytes;
	struct tmr collect_tmr; /* scripts_collect() is at work */
	scripts_collected_h *collected;
	void *collected_arg;
	unsigned collect_cycles;
	struct tmr memory_tmr;	    /* refusing: collect, until it is enough */
	char oom_where[WHERE_SIZE]; /* "file:line", or "" */
};

static inline struct scripts *host_of(lua_State *L)
{
	struct scripts *host;

	(void)lua_getallocf(L, (void **)&host);
	return host;
}

/* ---- work to be done between callbacks ------------------------------- */

/* What starts a coroutine, or needs Lua otherwise: FN runs under protection
 * from scripts_drain(), in order; an error of it is logged. mem_zalloc with a
 * destructor; the list owns it. */
struct job {
	struct le le;
	void (*fn)(lua_State *L, struct job *job);
};
void host_post(struct scripts *host, struct job *job);
void host_kick(struct scripts *host); /* have scripts_drain() run soon */

/* FN under protection on the main state; an error is logged. */
typedef void(host_h)(lua_State *L, void *arg);
bool host_protect(struct scripts *host, host_h *fn, void *arg);

/* memory.c */
void *memory_alloc(void *ud, void *ptr, size_t osize, size_t nsize);
/* A frame of a call or room on a stack: granted beyond the ceiling, so that
 * finalizers can be called, which let go of what C holds. */
bool memory_is_reserved(const void *ptr, size_t osize, size_t nsize);
void memory_watch(struct scripts *host); /* refuse calls, or stop to */

/* ---- generations ------------------------------------------------------ */

/* *GP is set, and the caller's to release, also when it raises. */
void generation_new(lua_State *L, struct generation **gp, const char *file,
		    const char *const *argv);
/* Routes, timers, subscriptions and tasks that belong to no call end. */
void generation_retire(struct generation *gen);
/* A task of a retired generation that was kept for its call, which is over:
 * it may bring what it does to an end, but begin no call. */
bool script_is_left_over(const struct script *s);
/* Push the environment's proxy, or the function of FILE. raises: the message
 * of a file that can't be read or compiled. */
void generation_push_g(lua_State *L, const struct generation *gen);
void generation_load_file(lua_State *L, const struct generation *gen,
			  const char *path, const char *chunkname);
void generation_freeze(struct generation *gen);
/* sandbox.c: fill the environment at the top with what scripts may use. */
void sandbox_open(lua_State *L, struct generation *gen);
/* require.c: pushes `require`. */
void require_push(lua_State *L, struct generation *gen);
/* The generation of the script that runs. */
struct generation *generation_current(lua_State *L);

/* ---- a coroutine's life ------------------------------------------------ */

enum script_state {
	SCRIPT_NEW,
	SCRIPT_RUNNING,
	SCRIPT_WAITING,
	SCRIPT_CLOSING, /* to be closed by scripts_drain() */
	SCRIPT_DONE,
	SCRIPT_FAILED,
	SCRIPT_CANCELLED,
};

enum script_role {
	SCRIPT_MAIN,	/* the main chunk */
	SCRIPT_FLOW,	/* on_call, originate: its end ends the call */
	SCRIPT_HANDLER, /* an event, a timer */
	SCRIPT_TASK,
};

enum wake { WAKE_DONE, WAKE_TIMEOUT, WAKE_HANGUP };

/* One wait; embedded in the userdata of the verb that waits. */
struct waiter {
	struct script *script;
	uint32_t seq;
	enum wake wake;
	/* No event may reach it any more. */
	void (*disarm)(struct waiter *w);
	/* As disarm, and what was begun is stopped; NULL: disarm does. */
	void (*abort)(struct waiter *w);
	/* Result → Lua values; may raise. */
	int (*push)(lua_State *L, struct waiter *w);
};

/* Told of something in C; never touches Lua. EVENT is NULL for what is not a
 * call's. Unlinks itself as it likes. */
struct call_event;
struct watch {
	struct le le;
	void (*fire)(struct watch *watch, const struct call_event *event);
};
void watch_add(struct list *list, struct watch *watch);
void watch_fire(struct list *list, const struct call_event *event);

struct script {
	struct le le, ready_le;
	struct le leg_le; /* leg->scripts */
	struct scripts *host;
	struct generation *gen;
	lua_State *co; /* NULL: released */
	int ref;
	enum script_state state;
	enum script_role role;
	int nargs;
	struct waiter *wait;
	struct script *waits_for; /* in task:wait */
	uint32_t seq;
	bool woken;
	struct leg *leg;   /* the call it runs on, or NULL */
	struct list owned; /* struct leg: calls that end with it */
	struct timer *timer;
	lua_State *chain; /* own coroutines that pass a wait on: the outermost,
			   * linked inward by lua_coroutine.c */
	char where[WHERE_SIZE]; /* "flow.lua:3": where its function begins */
	char end[WHERE_SIZE];	/* where it ends */

	bool keep;	 /* somebody wants the results */
	int results_ref; /* a table with n */
	uint64_t stamp;	 /* order of its end */
	bool hung, failed;
	char *error, *traceback;
	struct list watches;
	scripts_done_h *done; /* with results as JSON */
	void *done_arg;
	cJSON *json;
};

/* The function and NARGS arguments at the top of L (popped) become a coroutine
 * that scripts_drain() starts. LEG may be NULL. A reference is not given:
 * mem_ref it. raises. */
struct script *script_new(lua_State *L, int nargs, struct generation *gen,
			  struct leg *leg, enum script_role role);
/* Where the function at INDEX stands is where S begins and ends. */
void script_describe(lua_State *L, struct script *s, int function);
/* The coroutine is put on this call (originate: on its answer). */
void script_set_leg(struct script *s, struct leg *leg);
/* Resume it now; from scripts_drain() and scripts_load() only. */
void script_step(struct script *s, uint64_t slice_ns);
/* Close it: its wait is aborted, <close> handlers run (soon). */
void script_close(struct script *s, enum script_state state);
/* Close it here and now; not beneath Lua. */
void script_kill(struct script *s);
bool script_alive(const struct script *s);
/* task.status */
const char *script_status(const struct script *s);
void scripts_drain(void *arg);
static inline uint64_t host_slice_ns(const struct scripts *host)
{
	return host->config.slice_ms * UINT64_C(1000000);
}
/* The script's id for log lines: its call's, or NULL. */
const char *script_log_id(const struct script *s);
/* lua_coroutine.c: the outermost of its own coroutines that wait, taken off
 * the chain; NULL: none is left. */
lua_State *script_chain_pop(struct script *s);

/* ---- waits ------------------------------------------------------------- */

/* Raises {code = "cannot_wait"} where no wait is possible. The first thing
 * that a waiting verb does. */
void script_can_wait(lua_State *L, const char *verb);
/* Before arming. */
void waiter_init(lua_State *L, struct waiter *w,
		 void (*disarm)(struct waiter *),
		 void (*abort)(struct waiter *),
		 int (*push)(lua_State *, struct waiter *));
/* The last thing: return script_wait(L, w). */
int script_wait(lua_State *L, struct waiter *w);
/* It is ready: disarms it, queues the script. A stale SEQ is dropped. */
void script_wake(struct script *s, uint32_t seq, enum wake wake);
static inline void waiter_wake(struct waiter *w, enum wake wake)
{
	script_wake(w->script, w->seq, wake);
}
/* A userdata of SIZE zeroed bytes; GC (may be NULL) is called with it once
 * when it is collected. Left on the stack. raises. */
typedef void(op_free_h)(void *op);
void *op_new(lua_State *L, size_t size, op_free_h *gc);

/* ---- budget (budget.c) --------------------------------------------------- */

/* Slices are those of this thread; without a timer for its CPU time each
 * script pays for looking at the clock. */
void budget_open(struct scripts *host);
void budget_close(struct scripts *host);
void budget_begin(struct scripts *host, uint64_t slice_ns);
/* So much of this slice is not the script's. */
void budget_spare(struct scripts *host, uint64_t ns);
void budget_arm(lua_State *co);
/* Raises when the slice is over: for C functions that can be slow. */
void budget_check(lua_State *L);
void budget_here(lua_State *L, char where[WHERE_SIZE]);

/* ---- errors (error.c) -----------------------------------------------------
 */

/* Raise {code, message, where}: where is the line that called the verb. */
int raise_error(lua_State *L, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
int raise_memory(lua_State *L) __attribute__((noreturn));
int raise_hangup(lua_State *L) __attribute__((noreturn));
int raise_errno(lua_State *L, const char *verb, int err);
/* nil, reason */
int push_reason(lua_State *L, const char *reason);
void error_open(lua_State *L);

/* ---- modules: each pushes its table or adds to the one at the top ----------
 */

/* Metatables, once a state. */
void json_open(lua_State *L);
void timer_open(lua_State *L);
void task_open(lua_State *L);
void event_open(lua_State *L);
void call_open(lua_State *L);
void playback_open(lua_State *L);
void record_open(lua_State *L);
void csv_open(lua_State *L);
void zone_open(lua_State *L);
void numbers_open_type(lua_State *L);
void leads_open(lua_State *L);
void trunk_open(lua_State *L);
void qualify_open(lua_State *L);
void account_open(lua_State *L);

/* Replace functions of the library's table at the top. */
void string_open(lua_State *L);
void table_open(lua_State *L);

/* Push a new table. */
void coroutine_open(lua_State *L);
void moon_push(lua_State *L, struct generation *gen);
void log_push(lua_State *L);
void json_table_push(lua_State *L);
void db_push(lua_State *L);
void cdr_push(lua_State *L);
void csv_push(lua_State *L);
void numbers_push(lua_State *L);
void leads_add_csv(lua_State *L);
void phone_push(lua_State *L);

/* Add functions to the table at the top: moon, or the methods of a call. */
void account_add_moon(lua_State *L);
/* moon.account{…} and the like: VERB's table to the configuration. raises */
int account_define(lua_State *L, const char *kind, const char *verb);
void endpoint_add_moon(lua_State *L);
void trunk_add_moon(lua_State *L);
void qualify_add_moon(lua_State *L);
void zone_add_moon(lua_State *L);
/* lua_trunk.c: moon.trunk(name) */
int trunk_push_named(lua_State *L, const char *name);
/* lua_qualify.c: what this generation asks (NULL: any); before the state is
 * closed. */
void qualifies_retire(struct scripts *host, const struct generation *gen);
void dial_add_moon(lua_State *L);
void detect_add_moon(lua_State *L);
void select_add_moon(lua_State *L);
void wait_add_call(lua_State *L);
void play_add_call(lua_State *L);
void playback_add_call(lua_State *L);
void dtmf_add_call(lua_State *L);
void gather_add_call(lua_State *L);
void record_add_call(lua_State *L);
void keepalive_add_call(lua_State *L);
void bridge_add_call(lua_State *L);
void opt_out_add_call(lua_State *L);
void detect_add_call(lua_State *L);
void message_add_call(lua_State *L);

/* Lua value at INDEX → JSON; NULL with a reason in ERR. JSON → Lua. raises */
cJSON *json_read(lua_State *L, int index, char *err, size_t size);
void json_push(lua_State *L, const cJSON *json);

#endif
