/* From a call's events to those who wait for them. Nothing here touches Lua,
 * except to let go of references. */
#include "script/leg.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "call/bridge.h"
#include "call/cdr.h"
#include "script/event.h"
#include "script/timer.h"

struct event_job {
	struct job job;
	struct leg *leg;
	struct call_event event;
};

static void save_user(lua_State *L, void *arg)
{
	struct leg *leg = arg;
	char err[256];
	char *text;
	cJSON *json;

	lua_rawgeti(L, LUA_REGISTRYINDEX, leg->ref);
	if (lua_getiuservalue(L, -1, 1) != LUA_TTABLE)
		return;
	json = json_read(L, -1, err, sizeof(err));
	if (!json) {
		log_warn(leg_id(leg), "call.user is not saved: %s", err);
		return;
	}
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	if (text)
		call_set_user_json(leg->call, text);
	cJSON_free(text);
}

/* Closed, and nothing in Lua runs on it: only Lua objects may hold it now. */
static void retire(struct leg *leg)
{
	if (!leg->closed || leg->holds || !leg->le.list)
		return;
	list_unlink(&leg->le);
	hash_unlink(&leg->id_le);
	while (!list_isempty(&leg->handlers))
		subscription_stop(list_ledata(list_head(&leg->handlers)));
	if (leg->ref)
		luaL_unref(leg->host->L, LUA_REGISTRYINDEX, leg->ref);
	leg->ref = 0;
	mem_deref(leg);
}

static void leg_destroy(void *data)
{
	struct leg *leg = data;

	tmr_cancel(&leg->grace);
	list_unlink(&leg->owner_le);
	hash_unlink(&leg->id_le);
	free(leg->digits);
	mem_deref(leg->call);
	mem_deref(leg->gen);
}

int leg_alloc(struct leg **lp, struct scripts *host, struct generation *gen)
{
	struct leg *leg = mem_zalloc(sizeof(*leg), leg_destroy);

	if (!leg)
		return ENOMEM;
	leg->host = host;
	leg->gen = mem_ref(gen);
	tmr_init(&leg->grace);
	list_append(&host->legs, &leg->le, leg);
	*lp = leg;
	return 0;
}

void leg_set_call(struct leg *leg, struct call *call)
{
	leg->call = call;
	if (call)
		hash_append(leg->host->ids, hash_joaat_str(call_id(call)),
			    &leg->id_le, leg);
}

void leg_refused(struct leg *leg)
{
	if (leg->call)
		call_set_handler(leg->call, NULL, NULL);
	leg->ended = leg->closed = true;
	leg->ended_stamp = ++leg->host->stamp;
	retire(leg);
}

void leg_abandon(struct leg *leg)
{
	subscriptions_leg_ended(leg);
	if (leg->call)
		call_set_handler(leg->call, NULL, NULL);
	if (leg->begun)
		call_script_end(leg->call);
	leg->begun = false;
	leg->closed = true;
	leg->holds = 0;
	retire(leg);
}

const char *leg_id(const struct leg *leg)
{
	return leg->call ? call_id(leg->call) : NULL;
}

static bool has_id(struct le *le, void *arg)
{
	return !strcmp(leg_id(le->data), arg);
}

struct leg *leg_find(const struct scripts *host, const char *id)
{
	struct le *le = hash_lookup(host->ids, hash_joaat_str(id), has_id,
				    (void *)(uintptr_t)id);

	return le ? le->data : NULL;
}

/* ---- the CDR waits for scripts ---------------------------------------------
 */

void leg_hold(struct leg *leg)
{
	leg->holds++;
	if (!leg->begun && leg->call && !leg->late) {
		leg->begun = true;
		call_script_begin(leg->call);
	}
}

/* What scripts have left goes into the record; the call may complete it. */
static void complete(struct leg *leg)
{
	if (leg->ref && !leg->host->freeing)
		(void)host_protect(leg->host, save_user, leg);
	if (leg->begun) {
		leg->begun = false;
		call_script_end(leg->call);
	}
}

void leg_release(struct leg *leg)
{
	if (leg->holds > 0 && --leg->holds == 0) {
		complete(leg);
		retire(leg);
	}
}

void leg_flow_begin(struct leg *leg, struct script *s)
{
	if (leg->call)
		call_set_script(leg->call, s->where);
	list_unlink(&leg->owner_le);
	leg->owner = s;
	list_append(&s->owned, &leg->owner_le, leg);
}

void leg_set_owner(struct leg *leg, struct script *s)
{
	list_unlink(&leg->owner_le);
	leg->owner = s;
	if (s) {
		leg->orphan = false;
		list_append(&s->owned, &leg->owner_le, leg);
	}
	if (s && !leg->dialled) {
		leg->dialled = true;
		leg_hold(leg);
	} else if (!s && leg->dialled) {
		leg->dialled = false;
		leg_release(leg);
	}
}

static void end_call(struct leg *leg, const struct script *s)
{
	const enum call_state state = call_state(leg->call);

	if (leg->ended || state == CALL_ENDED)
		return;
	if (s->failed) {
		call_hangup(leg->call, CALL_ENGINE, "script_error");
		return;
	}
	call_set_hangup_line(leg->call, s->end[0] ? s->end : s->where);
	if (call_is_out(leg->call) || state == CALL_ANSWERED ||
	    call_reject(leg->call, 480, "Temporarily Unavailable"))
		call_hangup(leg->call, CALL_LOCAL, "normal");
}

void leg_no_flow(struct leg *leg)
{
	if (leg->ended || call_state(leg->call) == CALL_ENDED)
		return;
	call_set_script_error(leg->call, "not enough memory", NULL);
	call_hangup(leg->call, CALL_ENGINE, "script_error");
}

void leg_script_ended(struct script *s)
{
	struct leg *own = s->leg;
	struct le *le;

	if (s->failed && own && own->owner != s)
		call_set_script_error(own->call, s->error, s->traceback);
	while ((le = list_head(&s->owned))) {
		struct leg *leg = le->data;

		assert(leg);
		(void)mem_ref(leg);
		if (s->failed)
			call_set_script_error(leg->call, s->error,
					      s->traceback);
		/* One that it dialled, and that somebody talks to. */
		if (leg != own && call_bridge(leg->call))
			leg->orphan = true;
		else
			end_call(leg, s);
		leg_set_owner(leg, NULL);
		mem_deref(leg);
	}
	if (own) {
		/* An error in a handler ends the call too. */
		if (s->failed)
			end_call(own, s);
		leg_release(own);
	}
}

/* ---- events
 * ------------------------------------------------------------------ */

static void event_job_destroy(void *data)
{
	struct event_job *job = data;

	list_unlink(&job->job.le);
	if (!job->leg->host->freeing)
		leg_release(job->leg);
	mem_deref(job->leg);
}

static void event_job_run(lua_State *L, struct job *j)
{
	struct event_job *job = (struct event_job *)j;

	event_dispatch(L, job->leg, &job->event);
}

/* Handlers run later, in coroutines of their own. */
static void post(struct leg *leg, const struct call_event *event)
{
	struct event_job *job;

	if (!event_wanted(leg, event_of(event)))
		return;
	job = mem_zalloc(sizeof(*job), event_job_destroy);
	if (!job) {
		log_error(leg_id(leg), "an event is lost: out of memory");
		return;
	}
	job->job.fn = event_job_run;
	job->leg = mem_ref(leg);
	job->event = *event;
	job->event.file = job->event.text = NULL;
	job->event.msg = NULL;
	leg_hold(leg);
	host_post(leg->host, &job->job);
}

static bool accepts(const char *accept, char digit)
{
	return !accept || strchr(accept, digit);
}

/* Most calls leave none unread: memory is taken when one does. */
static void keep_digit(struct leg *leg, const struct digit *digit)
{
	if (leg->digit_count == leg->digit_size &&
	    leg->digit_size < LEG_DIGITS_MAX) {
		const size_t size = leg->digit_size ? 2 * leg->digit_size : 8;
		struct digit *more =
			realloc(leg->digits, size * sizeof(*leg->digits));

		if (more) {
			leg->digits = more;
			leg->digit_size = size;
		}
	}
	if (leg->digit_size == 0)
		return;
	if (leg->digit_count == leg->digit_size) {
		/* The oldest goes: nobody has read it for 255 digits. */
		memmove(leg->digits, leg->digits + 1,
			(leg->digit_size - 1) * sizeof(*leg->digits));
		leg->digit_count--;
	}
	leg->digits[leg->digit_count++] = *digit;
}

static void deliver_digit(struct leg *leg, const struct call_event *event)
{
	const struct digit digit = {.digit = event->digit,
				    .duration_ms = event->duration_ms,
				    .stamp = ++leg->host->stamp};
	struct le *le;

	LIST_FOREACH(&leg->readers, le)
	{
		struct reader *reader = le->data;

		if (accepts(reader->accept, digit.digit)) {
			list_unlink(&reader->le);
			reader->read(reader, &digit);
			return;
		}
	}
	keep_digit(leg, &digit);
}

const struct digit *leg_peek(const struct leg *leg, const char *accept)
{
	for (size_t i = 0; i < leg->digit_count; i++) {
		if (accepts(accept, leg->digits[i].digit))
			return &leg->digits[i];
	}
	return NULL;
}

bool leg_read(struct leg *leg, struct reader *reader)
{
	const struct digit *found = leg_peek(leg, reader->accept);
	struct digit digit;
	size_t i;

	if (!found) {
		list_append(&leg->readers, &reader->le, reader);
		return false;
	}
	digit = *found;
	i = (size_t)(found - leg->digits);
	memmove(leg->digits + i, leg->digits + i + 1,
		(leg->digit_count - i - 1) * sizeof(*leg->digits));
	leg->digit_count--;
	reader->read(reader, &digit);
	return true;
}

/* The time of grace is over. */
static void grace_handler(void *arg)
{
	struct leg *leg = arg;
	struct le *le;

	leg->late = true;
	LIST_FOREACH(&leg->scripts, le)
	script_close(le->data, SCRIPT_CANCELLED);
	/* The script that dialled it goes on with other things. */
	if (leg->owner && leg->owner->leg != leg)
		leg_set_owner(leg, NULL);
}

void leg_event(struct call *call, const struct call_event *event, void *arg)
{
	struct leg *leg = mem_ref(arg);

	if (event->type == CALL_EV_ENDED) {
		leg->ended = true;
		leg->ended_stamp = ++leg->host->stamp;
		tmr_start(&leg->grace, leg->host->config.grace_ms,
			  grace_handler, leg);
	}
	post(leg, event);
	if (event->type == CALL_EV_DIGIT)
		deliver_digit(leg, event);
	watch_fire(&leg->watches, event);
	if (event->type == CALL_EV_UNBRIDGED && leg->orphan)
		call_hangup(call, CALL_LOCAL, "normal");
	if (event->type == CALL_EV_ENDED) {
		subscriptions_leg_ended(leg);
		timers_leg_ended(leg);
	}
	if (event->type == CALL_EV_CLOSED) {
		leg->closed = true;
		leg->output = NULL;
		if (leg->holds == 0)
			retire(leg);
	}
	host_kick(leg->host);
	mem_deref(leg);
}
