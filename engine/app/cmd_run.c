/* moondial run, check, version */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>
#include <lua.h>
#include <sndfile.h>
#include <sqlite3.h>

#include "app/check.h"
#include "app/cli.h"
#include "app/config.h"
#include "app/define.h"
#include "app/engine.h"
#include "base/log.h"
#include "script/script.h"

enum { OPT_SIP = 256, OPT_DB, OPT_SET, OPT_LOG, OPT_TRACE, LIST_MAX = 64 };

struct options {
	const char *config, *db, *log;
	const char *sip[LIST_MAX + 1], *sets[LIST_MAX + 1];
	size_t sip_count, set_count;
	bool trace;
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"sip", required_argument, NULL, OPT_SIP},
	{"db", required_argument, NULL, OPT_DB},
	{"set", required_argument, NULL, OPT_SET},
	{"log", required_argument, NULL, OPT_LOG},
	{"sip-trace", no_argument, NULL, OPT_TRACE},
	{"help", no_argument, NULL, 'h'},
	{0},
};

/* 0 with OPTIONS filled, or what getopt returned to stop at. */
static int options_parse(struct options *o, int argc, char *argv[])
{
	int opt;

	/* '+': what follows SCRIPT is the script's */
	while ((opt = getopt_long(argc, argv, "+c:h", long_options, NULL)) !=
	       -1) {
		switch (opt) {
		case 'c':
			o->config = optarg;
			break;
		case OPT_DB:
			o->db = optarg;
			break;
		case OPT_LOG:
			o->log = optarg;
			break;
		case OPT_TRACE:
			o->trace = true;
			break;
		case OPT_SIP:
			if (o->sip_count == LIST_MAX)
				return cli_fail('?', "too many --sip");
			o->sip[o->sip_count++] = optarg;
			break;
		case OPT_SET:
			if (o->set_count == LIST_MAX)
				return cli_fail('?', "too many --set");
			o->sets[o->set_count++] = optarg;
			break;
		default:
			return opt;
		}
	}
	return 0;
}

static bool config_of(struct config **config, const struct options *o,
		      char *err, size_t size)
{
	enum log_level level;
	bool ok = config_load(config, o->config, o->sets, err, size);

	if (ok && o->db)
		ok = config_set(*config, "db", o->db, err, size);
	if (ok && o->log)
		ok = config_set(*config, "log", o->log, err, size);
	if (ok && o->trace)
		ok = config_set(*config, "sip_trace", "true", err, size);
	if (ok && log_level_parse(&level, schema_string(config_root(*config),
							"log", "info")))
		log_set_level(level);
	return ok;
}

/* `moondial run SCRIPT --db x`: legal, and hardly ever meant. */
static void warn_misplaced(char *const args[])
{
	for (; *args; args++) {
		for (const struct option *o = long_options; o->name; o++) {
			const size_t n = strlen(o->name);

			if (!strncmp(*args, "--", 2) &&
			    !strncmp(*args + 2, o->name, n) &&
			    strchr("=", (*args)[2 + n]))
				log_warn(NULL,
					 "%s stands after the script, so it is "
					 "the script's: options of run go "
					 "before",
					 *args);
		}
	}
}

/* The script of that name or, where there is none, the one that comes along
 * (scripts/NAME.lua): it can be run from any folder. */
static const char *script_of(const char *name, char out[PATH_MAX])
{
	char path[PATH_MAX];

	if (strncmp(name, "scripts/", 8) != 0 || !access(name, F_OK) ||
	    !engine_share(name, path, sizeof(path)) || !realpath(path, out))
		return name;
	return out;
}

int cmd_run(int argc, char *argv[])
{
	struct options o = {0};
	struct config *config = NULL;
	struct engine *engine = NULL;
	struct engine_params params;
	char err[2048], script[PATH_MAX];
	int status = options_parse(&o, argc, argv);

	if (status)
		return cli_usage("run", status);
	if (optind >= argc)
		return cli_fail(CLI_USAGE,
				"run: which script? For example: moondial run "
				"scripts/auto_answer.lua");
	if (!config_of(&config, &o, err, sizeof(err))) {
		config_free(config);
		return cli_fail(CLI_FAILED, "%s", err);
	}
	log_capture_stderr();
	warn_misplaced(argv + optind + 1);
	params = (struct engine_params){
		.config = config,
		.sip = o.sip,
		.script = script_of(argv[optind], script),
		.argv = (const char *const *)(argv + optind + 1),
	};
	if (engine_start(&engine, &params, err, sizeof(err))) {
		status = engine_run(engine);
		engine_free(engine);
		log_info(NULL, "stopped");
	} else {
		log_error(NULL, "not started: %s", err);
		status = CLI_FAILED;
	}
	config_free(config);
	return status;
}

/* The options of campaigns are Lua's to check. False: it has said why not. */
static bool campaign_check(const cJSON *root)
{
	const cJSON *campaign =
		cJSON_GetObjectItemCaseSensitive(root, "campaign");
	cJSON *args;

	if (!campaign)
		return true;
	args = cJSON_CreateArray();
	cJSON_AddItemToArray(args, cJSON_Duplicate(campaign, true));
	return cli_tool(NULL, false, "moondial.campaign.options",
			"check_configuration", args) == CLI_OK;
}

int cmd_check(int argc, char *argv[])
{
	struct options o = {0};
	struct config *config = NULL;
	char err[2048], script[PATH_MAX];
	int status = options_parse(&o, argc, argv);
	bool good;

	if (status)
		return cli_usage("check", status);
	good = config_of(&config, &o, err, sizeof(err)) &&
	       define_check(config_root(config), err, sizeof(err));
	if (!good) {
		status = cli_fail(CLI_FAILED, "%s", err);
	} else if (!campaign_check(config_root(config))) {
		status = CLI_FAILED;
	} else if (o.config) {
		(void)printf("%s: ok\n", o.config);
	}
	for (int i = optind; i < argc; i++) {
		const char *file = script_of(argv[i], script);

		if (!scripts_check(file, err, sizeof(err)))
			status = cli_fail(CLI_FAILED, "%s", err);
		else if (!good)
			continue; /* what is in it may be what is missing */
		else if (check_script(config, o.config, file))
			(void)printf("%s: ok\n", argv[i]);
		else
			status = CLI_FAILED;
	}
	if (!o.config && !o.set_count && optind >= argc)
		status = cli_fail(CLI_USAGE, "check: give a configuration "
					     "(-c FILE) or scripts");
	config_free(config);
	return status;
}

int cmd_version(int argc, char *argv[])
{
	(void)argc;
	(void)argv;
	(void)printf("moondial %s\n%s, libevent %s, SQLite %s, %s, libre "
		     "1.1.0\n",
		     MOONDIAL_VERSION, LUA_RELEASE, event_get_version(),
		     sqlite3_libversion(), sf_version_string());
	return CLI_OK;
}
