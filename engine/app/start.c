/* Making the rooms in the order of dependence, and connecting them by handlers:
 * what one tells another goes through here. */
#include "app/engine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/control.h"
#include "app/cdr_writer.h"
#include "app/config.h"
#include "app/define.h"
#include "app/ebb.h"
#include "app/endpoint_ask.h"
#include "app/endpoint_tell.h"
#include "app/endpoint_writer.h"
#include "app/engine_private.h"
#include "app/reachability.h"
#include "app/registration.h"
#include "base/background.h"
#include "base/log.h"
#include "base/netwatch.h"
#include "call/call.h"
#include "call/endpoint.h"
#include "call/trunk.h"
#include "media/media.h"
#include "script/script.h"
#include "sip/account/account.h"
#include "sip/stack.h"
#include "store/store.h"

enum {
	LISTEN_MAX = 32,
	TRUSTED_MAX = 256,
	GATE_BYTES = 16 << 20, /* of records that wait: no more for refusals */
};

static const char *const default_listen[] = {"udp:0.0.0.0:5060",
					     "tcp:0.0.0.0:5060", NULL};

/* ---- what the rooms tell each other through us ----------------------- */

static bool incoming(struct call *call, void *arg)
{
	struct engine *engine = arg;

	return engine->scripts && scripts_incoming(call, engine->scripts);
}

static void cdr_begun(const struct cdr *cdr, void *arg)
{
	struct engine *engine = arg;

	cdr_write_begun(engine->store, cdr);
}

static void cdr_ended(const struct cdr *cdr, void *arg)
{
	struct engine *engine = arg;

	cdr_write_ended(engine->store, cdr);
}

static const char *trouble(void *arg)
{
	const struct engine *engine = arg;

	return store_trouble(engine->store);
}

static void invite(struct session *session, const struct sip_msg *msg,
		   void *arg)
{
	struct engine *engine = arg;

	calls_incoming(session, msg, engine->calls);
}

static bool gate(void *arg)
{
	const struct engine *engine = arg;

	return store_queued_bytes(engine->store) > GATE_BYTES &&
	       store_trouble(engine->store);
}

static void banned(const struct source_ban *ban, void *arg)
{
	struct engine *engine = arg;
	cJSON *o = status_ban(ban);

	if (engine->scripts && o)
		scripts_event(engine->scripts, "ban", o);
	cJSON_Delete(o);
}

static void media_event(const struct media_event *event, void *arg)
{
	struct engine *engine = arg;

	calls_media_event(event, engine->calls);
}

static void account_changed(struct account *account, void *arg)
{
	struct engine *engine = arg;

	cJSON *event;

	calls_account_changed(engine->calls, account);
	/* calls of trunks that are this account's may go another way now */
	trunks_account_set(engine->trunks, account_params(account)->name);
	registration_write(engine->store, account);
	event = registration_event(account);
	if (engine->scripts && event)
		scripts_event(engine->scripts, "registration", event);
	cJSON_Delete(event);
}

static void binding_changed(struct binding *binding, enum binding_event event,
			    void *arg)
{
	struct engine *engine = arg;

	endpoint_write(engine->store, binding, event);
	endpoint_tell(engine->scripts, binding, event);
}

static void endpoint_restarted(const struct registrar_restart *restart,
			       unsigned ended, void *arg)
{
	struct engine *engine = arg;

	endpoint_write_restart(engine->store, restart, ended);
	endpoint_tell_restart(engine->scripts, restart, ended);
}

/* moon.on_register() */
static bool registers(void *arg)
{
	const struct engine *engine = arg;

	return engine->scripts && scripts_registers(engine->scripts);
}

static bool ask(const struct registrar_query *query, void *arg)
{
	const struct engine *engine = arg;

	return endpoint_ask(engine, query);
}

static void network_changed(void *arg)
{
	struct engine *engine = arg;
	unsigned accounts, calls;

	stack_network_changed(engine->stack);
	accounts = accounts_network_changed(engine->accounts);
	calls = calls_network_changed(engine->calls);
	if (accounts + calls)
		log_info(NULL,
			 "our addresses have changed: %u accounts register "
			 "anew, %u calls move",
			 accounts, calls);
}

static bool define(const char *kind, const cJSON *table, char *err, size_t size,
		   void *arg)
{
	struct engine *engine = arg;
	const struct define where = {
		.accounts = engine->accounts,
		.trunks = engine->trunks,
		.endpoints = engine->endpoints,
	};
	cJSON *element = config_element(engine->config, kind, table, err, size);
	bool ok = element && define_apply(&where, kind, element, err, size);

	if (ok && !strcmp(kind, "trunk"))
		reachability_recall(engine, schema_string(element, "name", ""));

	cJSON_Delete(element);
	return ok;
}

/* ---- one room after the other ------------------------------------------ */

/* The schema has looked at each; without any, this machine is trusted. */
static bool read_trusted(const cJSON *root, struct network *out, size_t *count,
			 char *err, size_t size)
{
	static const char *const default_trusted[] = {"127.0.0.0/8", "::1",
						      NULL};
	const cJSON *value = schema_get(root, "trusted");
	const char **configured = define_strings(value);
	const char *const *texts = value ? configured : default_trusted;
	bool ok = true;

	*count = 0;
	for (; ok && texts && *texts; texts++) {
		if (*count == TRUSTED_MAX) {
			(void)snprintf(err, size, "trusted: more than %d",
				       TRUSTED_MAX);
			ok = false;
		} else {
			ok = network_parse(&out[(*count)++], *texts, err, size);
		}
	}
	free(configured);
	return ok;
}

static bool start_sip(struct engine *engine, const char *const *sip, char *err,
		      size_t size)
{
	const cJSON *root = config_root(engine->config);
	const char **configured = define_strings(schema_get(root, "listen"));
	const char *const *texts =
		sip && *sip ? sip : (configured ? configured : default_listen);
	struct stack_listen listens[LISTEN_MAX];
	struct network trusted[TRUSTED_MAX];
	struct stack_config config = {
		.listen = listens,
		.user_agent = schema_string(root, "user_agent",
					    "moondial/" MOONDIAL_VERSION),
		.trace = schema_boolean(root, "sip_trace", false),
		.sources =
			{
				.invites = (unsigned)schema_number(
					root, "sources.rate", 100),
				.requests = (unsigned)schema_number(
					root, "sources.requests", 100),
				.faults = (unsigned)schema_number(
					root, "sources.faults", 120),
				.ban_ms =
					(uint32_t)(1000 *
						   schema_number(root,
								 "sources.ban",
								 300)),
				.trusted = trusted,
			},
		.delay_ms =
			(uint32_t)(1000 *
				   schema_number(root, "limits.delay", 0.05)),
		.source_connections = (unsigned)schema_number(
			root, "sources.connections", 32),
		.connections = (unsigned)schema_number(
			root, "limits.connections", 1000),
		.gateh = gate,
		.banh = banned,
	};
	bool ok = false;

	if (!read_trusted(root, trusted, &config.sources.trusted_count, err,
			  size))
		goto out;

	for (; *texts; texts++) {
		char msg[256];

		if (config.listen_count == LISTEN_MAX) {
			(void)snprintf(err, size,
				       "more than %d listen addresses",
				       LISTEN_MAX);
			goto out;
		}
		if (!stack_listen_parse(&listens[config.listen_count++], *texts,
					msg, sizeof(msg))) {
			(void)snprintf(err, size, "listen %s: %s", *texts, msg);
			goto out;
		}
	}
	ok = !stack_alloc(&engine->stack, &config, invite, engine, err, size);
out:
	free(configured);
	return ok;
}

static bool start_endpoints(struct engine *engine, char *err, size_t size)
{
	static const struct endpoints_handlers handlers = {
		.asks = registers,
		.ask = ask,
		.binding = binding_changed,
		.restarted = endpoint_restarted,
		.reached = reachability_of_endpoint,
	};
	const cJSON *root = config_root(engine->config);
	const char **domains =
		define_strings(schema_get(root, "registrar.domains"));
	char secret[MACHINE_SECRET_SIZE];
	const struct endpoints_config config = {
		.realm = schema_string(root, "registrar.realm", "moondial"),
		.domains = domains,
		.secret = secret,
	};
	int e;

	registration_secret(secret, engine->db);
	e = endpoints_alloc(&engine->endpoints, engine->stack, engine->accounts,
			    engine->trunks, &config, &handlers, engine);
	free(domains);
	if (e)
		(void)snprintf(err, size, "endpoints: %s", strerror(e));
	return !e;
}

static bool start_elements(struct engine *engine, const char *list,
			   const char *kind, char *err, size_t size)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, schema_get(config_root(engine->config), list))
	{
		if (!define(kind, e, err, size, engine))
			return false;
	}
	return true;
}

/* The trunk for bare numbers: as configured, or the only one. */
static const char *default_trunk(const cJSON *root)
{
	const cJSON *trunks = schema_get(root, "trunks");

	return schema_string(
		root, "default_trunk",
		cJSON_GetArraySize(trunks) == 1
			? schema_string(cJSON_GetArrayItem(trunks, 0), "name",
					NULL)
			: NULL);
}

/* The schema has let no other name pass. */
static enum media_latch latch(const char *name)
{
	return !strcmp(name, "any")	    ? MEDIA_LATCH_ANY
	       : !strcmp(name, "signalled") ? MEDIA_LATCH_SIGNALLED
					    : MEDIA_LATCH_NAT;
}

static enum media_opening opening(const char *name)
{
	return !strcmp(name, "crlf")	? MEDIA_OPENING_CRLF
	       : !strcmp(name, "empty") ? MEDIA_OPENING_EMPTY
					: MEDIA_OPENING_RTP;
}

static bool start_calls(struct engine *engine, char *err, size_t size)
{
	static const struct calls_handlers handlers = {
		.incoming = incoming,
		.cdr_begun = cdr_begun,
		.cdr_ended = cdr_ended,
		.drained = engine_drained,
		.trouble = trouble,
	};
	const cJSON *root = config_root(engine->config);
	const char **codecs = define_strings(schema_get(root, "codecs"));
	const char **allow = define_strings(schema_get(root, "outbound.allow"));
	const char **deny = define_strings(schema_get(root, "outbound.deny"));
	const struct calls_config config = {
		.max_calls = (unsigned)schema_number(root, "limits.calls", 0),
		.max_cps = (unsigned)schema_number(root, "limits.rate", 0),
		.ring_timeout_ms =
			(uint32_t)(1000 * schema_number(root,
							"limits.ring_timeout",
							180)),
		.max_duration_ms =
			(uint32_t)(1000 * schema_number(root, "limits.duration",
							14400)),
		.ptime_ms = (uint16_t)(1000 * schema_number(root, "rtp.ptime",
							    0.02) +
				       0.5),
		.latch = latch(schema_string(root, "rtp.latch", "nat")),
		.opening_packets =
			(uint8_t)schema_number(root, "rtp.opening_packets", 0),
		.opening_kind =
			opening(schema_string(root, "rtp.opening_kind", "rtp")),
		.media_timeout_ms =
			(uint32_t)(1000 *
				   schema_number(root, "rtp.timeout", 30)),
		.media_hangup_ms =
			(uint32_t)(1000 * schema_number(root,
							"rtp.timeout_hangup",
							300)),
		.codecs = codecs,
		.outbound_allow = allow,
		.outbound_deny = deny,
		.outbound_rate =
			(unsigned)schema_number(root, "outbound.rate", 0),
		.outbound_concurrent =
			(unsigned)schema_number(root, "outbound.concurrent", 0),
		.default_trunk = default_trunk(root),
	};
	int e = calls_alloc(&engine->calls, engine->loop, engine->stack,
			    engine->media, engine->accounts, engine->trunks,
			    &config, &handlers, engine);

	free(codecs);
	free(allow);
	free(deny);
	if (e)
		(void)snprintf(err, size, "calls: %s", strerror(e));
	return !e;
}

static bool start_media(struct engine *engine, char *err, size_t size)
{
	const cJSON *root = config_root(engine->config);
	const struct media_config config = {
		.workers = (unsigned)schema_number(root, "rtp.workers", 0),
		.realtime = schema_boolean(root, "rtp.realtime", true),
		.port_min =
			(uint16_t)schema_number(root, "rtp.port_min", 10000),
		.port_max =
			(uint16_t)schema_number(root, "rtp.port_max", 19999),
		.cache_max_bytes =
			(uint64_t)schema_number(root, "rtp.cache", 256) << 20,
		.jitter_min_ms =
			(uint32_t)(1000 * schema_number(root, "rtp.jitter.min",
							0.02) +
				   0.5),
		.jitter_max_ms =
			(uint32_t)(1000 * schema_number(root, "rtp.jitter.max",
							0.2) +
				   0.5),
	};
	int e;

	if (config.jitter_min_ms > config.jitter_max_ms) {
		(void)snprintf(err, size,
			       "rtp.jitter.min %g is more than rtp.jitter.max "
			       "%g",
			       config.jitter_min_ms / 1000.0,
			       config.jitter_max_ms / 1000.0);
		return false;
	}
	e = media_alloc(&engine->media, engine->loop, &config, media_event,
			engine);
	if (e == EINVAL)
		(void)snprintf(err, size,
			       "rtp.port_min %u and rtp.port_max %u leave no "
			       "pair of ports; set a range such as 10000-19999",
			       config.port_min, config.port_max);
	else if (e)
		(void)snprintf(err, size, "audio: %s", strerror(e));
	return !e;
}

static bool start_scripts(struct engine *engine, char *err, size_t size)
{
	static const struct scripts_handlers handlers = {
		.define = define,
		.stop = engine_script_stop,
		.drain = engine_script_drain,
		.qualified = reachability_of_uri,
	};
	const cJSON *root = config_root(engine->config);
	struct scripts_config config = {
		.loop = engine->loop,
		.calls = engine->calls,
		.store = engine->store,
		.background = engine->background,
		.accounts = engine->accounts,
		.endpoints = engine->endpoints,
		.trunks = engine->trunks,
		.media = engine->media,
		.qualifier = stack_qualifier(engine->stack),
		.config = engine->config_public,
		.lua_dir = engine_share("lua", engine->lua_dir,
					sizeof(engine->lua_dir)),
		.recordings_dir =
			schema_string(root, "recordings", "recordings"),
		.slice_ms =
			(uint32_t)(1000 *
				   schema_number(root, "scripts.slice", 0.02)),
		.grace_ms = (uint32_t)(1000 *
				       schema_number(root, "scripts.grace", 5)),
		.memory_soft = (uint64_t)schema_number(
				       root, "scripts.memory_soft", 256)
			       << 20,
		.memory_hard =
			(uint64_t)schema_number(root, "scripts.memory", 512)
			<< 20,
		.pattern_steps = (uint64_t)schema_number(
			root, "scripts.pattern_steps", 1e6),
	};
	int e = ENOMEM;

	if (!config.lua_dir) {
		(void)snprintf(err, size,
			       "the runtime modules (lua/moondial) are not "
			       "where the program was built or installed; set "
			       "MOONDIAL_SHARE to the folder that has lua/");
		return false;
	}
	engine->prompt_dirs = define_prompts(root, engine->own_prompts,
					     sizeof(engine->own_prompts));
	if (engine->prompt_dirs) {
		config.prompt_dirs = engine->prompt_dirs;
		e = scripts_alloc(&engine->scripts, &config, &handlers, engine);
	}
	if (e)
		(void)snprintf(err, size, "scripts: %s", strerror(e));
	return !e;
}

static bool start_control(struct engine *engine, char *err, size_t size)
{
	char path[1024];

	(void)snprintf(path, sizeof(path), "%s.sock", engine->db);
	return !control_alloc(&engine->control, engine->loop, path,
			      engine_command, engine, err, size);
}

static bool start_ebb(struct engine *engine, char *err, size_t size)
{
	if (!ebb_watch_alloc(&engine->ebb, engine->calls,
			     endpoints_registrar(engine->endpoints),
			     engine->scripts, engine->background))
		return true;
	(void)snprintf(err, size, "out of memory");
	return false;
}

static void configure_accounts(const struct engine *engine)
{
	char id[INSTANCE_ID_SIZE];

	registration_instance_id(id, engine->db);
	accounts_set_instance(engine->accounts, id);
	accounts_set_rate(engine->accounts,
			  (unsigned)schema_number(config_root(engine->config),
						  "register_rate", 200));
}

/* A script may define it later; but most likely it is misspelt. */
static void say_default_trunk(const struct engine *engine)
{
	const char *name = schema_string(config_root(engine->config),
					 "default_trunk", NULL);

	if (name && !trunk_find(engine->trunks, name))
		log_warn(NULL, "default_trunk: there is no trunk '%s'", name);
}

bool engine_start_rooms(struct engine *engine,
			const struct engine_params *params, char *err,
			size_t size)
{
	int e;

	/* before anything is bound or made: most mistakes are in these */
	if (!define_check(config_root(engine->config), err, size) ||
	    !scripts_check(params->script, err, size))
		return false;
	if (store_open(&engine->store, engine->loop, engine->db, STORE_ENGINE,
		       err, size))
		return false;
	e = background_alloc(&engine->background, engine->loop);
	if (!e)
		e = trunks_alloc(&engine->trunks);
	if (e) {
		(void)snprintf(err, size, "%s", strerror(e));
		return false;
	}
	if (!start_media(engine, err, size) ||
	    !start_sip(engine, params->sip, err, size))
		return false;
	e = accounts_alloc(&engine->accounts, engine->stack, account_changed,
			   engine);
	if (e) {
		(void)snprintf(err, size, "accounts: %s", strerror(e));
		return false;
	}
	trunks_watch(engine->trunks, engine->stack, engine->accounts,
		     reachability_of_trunk, engine);
	configure_accounts(engine);
	if (!start_endpoints(engine, err, size) ||
	    !start_calls(engine, err, size))
		return false;
	calls_set_endpoints(engine->calls, engine->endpoints);
	if (!start_elements(engine, "accounts", "account", err, size) ||
	    !start_elements(engine, "trunks", "trunk", err, size) ||
	    !start_elements(engine, "endpoints", "endpoint", err, size) ||
	    !start_scripts(engine, err, size) ||
	    !start_control(engine, err, size) ||
	    !start_ebb(engine, err, size) ||
	    !scripts_load(engine->scripts, params->script, params->argv, err,
			  size))
		return false;
	say_default_trunk(engine);
	e = netwatch_alloc(&engine->netwatch, network_changed, engine);
	if (e)
		log_warn(NULL,
			 "changes of this machine's addresses won't be "
			 "noticed: %s",
			 strerror(e));
	/* whom the script has defined is known now */
	endpoint_read(engine->store, &engine->endpoints);
	engine_agents(engine);
	return true;
}
