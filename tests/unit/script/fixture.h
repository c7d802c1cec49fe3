/* fixture.h -- an engine with scripts, and a far side that is not one
 *
 * Two real engines over loopback (see call_fixture.h): `b` runs the scripts,
 * `a` is the far side, moved by the test in C. Scripts report with
 * moon.emit-like `note(…)` lines: print() is theirs, so tests read moon.shared
 * through eval(). MOONDIAL_GC=1 makes a full collection at each drain.
 */
#ifndef MOONDIAL_TEST_SCRIPT_FIXTURE_H
#define MOONDIAL_TEST_SCRIPT_FIXTURE_H

#include "../call/call_fixture.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/background.h"
#include "script/script.h"
#include "store/store.h"

static struct scripts *scripts;
static struct store *store;
static struct background *background;
static char folder[64];
static char recordings[96];
static bool telephony;
static int stopped = -1;

static UNUSED bool incoming_script(struct engine *e, struct call *call)
{
	(void)e;
	return scripts_incoming(call, scripts);
}

static UNUSED void script_stop(int code, void *arg)
{
	(void)arg;
	stopped = code;
}

static UNUSED void write_file(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

static UNUSED const char *path_of(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* ---- the scripts of the engine b -------------------------------------- */

static struct scripts_config script_config;

static UNUSED void scripts_open(void)
{
	static const struct scripts_handlers handlers = {.stop = script_stop};
	static const char *dirs[2];

	dirs[0] = folder;
	script_config.loop = loop;
	script_config.calls = telephony ? b.calls : NULL;
	script_config.media = telephony ? b.media : NULL;
	script_config.store = store;
	script_config.background = background;
	script_config.lua_dir = SOURCE_DIR "/lua";
	script_config.prompt_dirs = dirs;
	script_config.recordings_dir = recordings;
	assert_int_equal(
		scripts_alloc(&scripts, &script_config, &handlers, NULL), 0);
}

static UNUSED int open_all(bool with_calls, bool with_store)
{
	char err[256], db[128];

	(void)snprintf(folder, sizeof(folder), "/tmp/moondial-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	(void)snprintf(recordings, sizeof(recordings), "%s/recordings", folder);
	memset(&script_config, 0, sizeof(script_config));
	/* Sanitizers and a busy machine are slow. */
	script_config.slice_ms = 200;
	script_config.grace_ms = 400;
	telephony = with_calls;
	stopped = -1;
	log_set_level(LOG_ERROR);
	if (with_calls) {
		(void)setup(NULL);
		b.incoming = incoming_script;
	} else {
		assert_int_equal(loop_alloc(&loop), 0);
		loop_enter(loop);
	}
	assert_int_equal(background_alloc(&background, loop), 0);
	if (with_store) {
		(void)snprintf(db, sizeof(db), "%s/test.db", folder);
		if (store_open(&store, loop, db, STORE_ENGINE, err,
			       sizeof(err)))
			fail_msg("%s", err);
	}
	scripts_open();
	return 0;
}

static UNUSED int script_setup(void **state)
{
	(void)state;
	return open_all(false, false);
}

static UNUSED int script_setup_store(void **state)
{
	(void)state;
	return open_all(false, true);
}

static UNUSED int script_setup_calls(void **state)
{
	(void)state;
	return open_all(true, false);
}

static UNUSED int script_teardown(void **state)
{
	char command[128];
	struct scripts_count count;

	if (telephony) {
		b.call = mem_deref(b.call);
		a.call = mem_deref(a.call);
		calls_drain(a.calls, 0);
		calls_drain(b.calls, 0);
		WAIT(a.drained && b.drained);
	}
	scripts_free(scripts);
	scripts = NULL;
	(void)count;
	background_free(background);
	if (store)
		store_close(store);
	store = NULL;
	if (telephony) {
		(void)teardown(state);
	} else {
		tmr_cancel(&patience);
		loop_free(loop);
	}
	(void)snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
	return 0;
}

/* Load TEXT as the script NAME. */
static UNUSED bool try_load(const char *name, const char *text, char *err,
			    size_t size)
{
	write_file(name, text);
	return scripts_load(scripts, path_of(name), NULL, err, size);
}

static UNUSED void load(const char *text)
{
	char err[512];

	if (!try_load("flow.lua", text, err, sizeof(err)))
		fail_msg("%s", err);
}

/* ---- eval -------------------------------------------------------------- */

static char answer[4096];
static bool answered;

static UNUSED void on_answer(const cJSON *result, const char *err, void *arg)
{
	char *text = result ? cJSON_PrintUnformatted(result) : NULL;

	(void)arg;
	(void)snprintf(answer, sizeof(answer), "%s",
		       err    ? err
		       : text ? text
			      : "null");
	cJSON_free(text);
	answered = true;
}

/* The value of TEXT as JSON, or its error's text. */
static UNUSED const char *eval(const char *text)
{
	answered = false;
	assert_int_equal(scripts_eval(scripts, text, on_answer, NULL), 0);
	WAIT(answered);
	return answer;
}

#define assert_eval(text_, expected_) \
	assert_string_equal(eval(text_), expected_)
#define assert_eval_has(text_, part_)                                      \
	do {                                                               \
		const char *got_ = eval(text_);                            \
		if (!strstr(got_, part_))                                  \
			fail_msg("%s gave: %s; expected: %s", text_, got_, \
				 part_);                                   \
	} while (0)

/* Until TEXT (an expression) is EXPECTED. */
#define WAIT_EVAL(text_, expected_)                                           \
	do {                                                                  \
		for (int n_ = 0; strcmp(eval(text_), expected_) != 0; n_++) { \
			if (n_ > 500)                                         \
				fail_msg("%s stays %s", text_, answer);       \
			pause_ms(20);                                         \
		}                                                             \
	} while (0)

static bool paused;

static UNUSED void unpause(void *arg)
{
	(void)arg;
	paused = false;
}

/* Between two looks at a condition that C can't see. */
static UNUSED void pause_ms(unsigned ms)
{
	struct tmr tmr;

	tmr_init(&tmr);
	paused = true;
	tmr_start(&tmr, ms, unpause, NULL);
	WAIT(!paused);
}

static UNUSED bool idle_but_for(unsigned coroutines)
{
	struct scripts_count count;

	scripts_count(scripts, &count);
	return count.coroutines <= coroutines;
}

#endif
