/* moondial campaign ACTION …: which words and options each action takes, and
 * whether the running engine does it or this process, on the database. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli.h"
#include "app/cli_report.h"

enum option_id {
	OPT_DB = 256,
	OPT_JSON,
	OPT_CSV,
	OPT_LIST,
	OPT_REGION,
	OPT_PHONE,
	OPT_UNIQUE,
	OPT_STATE,
	OPT_DISPOSITION,
	OPT_LIMIT,
	OPT_AT,
	OPT_AGENT,
	OPT_BY,
	OPT_SINCE,
	OPT_UNTIL,
};

static const struct option long_options[] = {
	{"db", required_argument, NULL, OPT_DB},
	{"json", no_argument, NULL, OPT_JSON},
	{"csv", no_argument, NULL, OPT_CSV},
	{"list", required_argument, NULL, OPT_LIST},
	{"region", required_argument, NULL, OPT_REGION},
	{"phone", required_argument, NULL, OPT_PHONE},
	{"unique", no_argument, NULL, OPT_UNIQUE},
	{"state", required_argument, NULL, OPT_STATE},
	{"disposition", required_argument, NULL, OPT_DISPOSITION},
	{"limit", required_argument, NULL, OPT_LIMIT},
	{"at", required_argument, NULL, OPT_AT},
	{"agent", required_argument, NULL, OPT_AGENT},
	{"by", required_argument, NULL, OPT_BY},
	{"since", required_argument, NULL, OPT_SINCE},
	{"until", required_argument, NULL, OPT_UNTIL},
	{"help", no_argument, NULL, 'h'},
	{0},
};

enum how {
	BY_ENGINE,
	BY_ENGINE_OR_TOOL, /* live from the engine; else what is stored */
	BY_TOOL,
	BY_TOOL_THAT_WRITES,
	BY_REPORT, /* rows of moondial.reports.tool */
};

#define BIT(opt) (1u << ((opt)-OPT_DB))

static const struct action {
	const char *name;
	int min, max; /* words behind it */
	enum how how;
	unsigned options;   /* beside --db */
	const char *format; /* without an option; NULL: it has none */
	bool takes_options; /* as an object, its last argument */
} actions[] = {
	{"import", 2, 2, BY_TOOL_THAT_WRITES,
	 BIT(OPT_LIST) | BIT(OPT_REGION) | BIT(OPT_PHONE) | BIT(OPT_UNIQUE),
	 NULL, true},
	{"start", 1, 1, BY_ENGINE, 0, NULL, false},
	{"pause", 1, 1, BY_ENGINE, 0, NULL, false},
	{"set", 2, 100, BY_ENGINE, 0, NULL, false},
	{"next", 1, 2, BY_ENGINE, BIT(OPT_JSON), "table", false},
	{"dial", 2, 3, BY_ENGINE, 0, NULL, false},
	{"skip", 2, 2, BY_ENGINE, 0, NULL, false},
	{"status", 0, 1, BY_ENGINE_OR_TOOL, BIT(OPT_JSON), "table", false},
	{"report", 1, 1, BY_TOOL,
	 BIT(OPT_JSON) | BIT(OPT_CSV) | BIT(OPT_BY) | BIT(OPT_SINCE) |
		 BIT(OPT_UNTIL),
	 "table", false},
	{"audit", 1, 1, BY_REPORT,
	 BIT(OPT_JSON) | BIT(OPT_CSV) | BIT(OPT_SINCE) | BIT(OPT_UNTIL),
	 "table", false},
	{"leads", 1, 1, BY_TOOL,
	 BIT(OPT_JSON) | BIT(OPT_CSV) | BIT(OPT_STATE) | BIT(OPT_DISPOSITION) |
		 BIT(OPT_LIST) | BIT(OPT_LIMIT),
	 "table", true},
	{"export", 1, 1, BY_TOOL,
	 BIT(OPT_JSON) | BIT(OPT_CSV) | BIT(OPT_STATE) | BIT(OPT_DISPOSITION) |
		 BIT(OPT_LIST) | BIT(OPT_LIMIT),
	 "csv", true},
	{"why", 1, 2, BY_ENGINE_OR_TOOL, 0, NULL, false},
	{"recycle", 1, 1, BY_TOOL_THAT_WRITES,
	 BIT(OPT_DISPOSITION) | BIT(OPT_LIST), NULL, true},
	{"callback", 2, 2, BY_TOOL_THAT_WRITES, BIT(OPT_AT) | BIT(OPT_AGENT),
	 NULL, true},
};

static const char module[] = "moondial.campaign.tool";

/* What the command line says. */
struct line {
	const char *db, *format;
	cJSON *options;
	unsigned given; /* BIT of each option */
	const char *by;
	int64_t since_ms, until_ms;
};

/* A path that the engine can open from its own working directory. */
static void absolute_script(cJSON *args)
{
	const char *name = cJSON_GetArrayItem(args, 0)->valuestring;
	char *path = strchr(name, '/') || strstr(name, ".lua")
			     ? realpath(name, NULL)
			     : NULL;

	if (path)
		cJSON_ReplaceItemInArray(args, 0, cJSON_CreateString(path));
	free(path);
}

/* One more name of a list. */
static void add_name(cJSON *options, const char *list, const char *name)
{
	cJSON *array = cJSON_GetObjectItemCaseSensitive(options, list);

	if (!array)
		array = cJSON_AddArrayToObject(options, list);
	cJSON_AddItemToArray(array, cJSON_CreateString(name));
}

/* False: it is no option, or its value is wrong; it has been said. */
static bool take_option(struct line *line, int opt)
{
	char *end;
	long count;

	switch (opt) {
	case OPT_DB:
		line->db = optarg;
		return true;
	case OPT_JSON:
		line->format = "json";
		break;
	case OPT_CSV:
		line->format = "csv";
		break;
	case OPT_UNIQUE:
		cJSON_AddTrueToObject(line->options, "elsewhere");
		break;
	case OPT_PHONE:
		add_name(line->options, "numbers", optarg);
		break;
	case OPT_BY:
		line->by = optarg;
		break;
	case OPT_SINCE:
		if (cli_report_time(&line->since_ms, "campaign", "--since",
				    optarg))
			return false;
		break;
	case OPT_UNTIL:
		if (cli_report_time(&line->until_ms, "campaign", "--until",
				    optarg))
			return false;
		break;
	case OPT_LIMIT:
		count = strtol(optarg, &end, 10);
		if (*end || count <= 0) {
			(void)cli_fail(CLI_USAGE,
				       "campaign: --limit must be a number "
				       "above 0");
			return false;
		}
		cJSON_AddNumberToObject(line->options, "limit", (double)count);
		break;
	default:
		for (const struct option *o = long_options; o->name; o++) {
			if (o->val == opt)
				cJSON_AddStringToObject(line->options, o->name,
							optarg);
		}
		break;
	}
	line->given |= BIT(opt);
	return true;
}

/* Only options that ACTION knows. */
static bool options_fit(const struct action *action, const struct line *line)
{
	for (const struct option *o = long_options; o->name; o++) {
		if (o->val < OPT_DB || !(line->given & BIT(o->val)) ||
		    action->options & BIT(o->val))
			continue;
		(void)cli_fail(CLI_USAGE, "campaign %s: it has no option --%s",
			       action->name, o->name);
		return false;
	}
	return true;
}

/* Calls by WHAT, or the audit trail; ARGS: the campaign's name. */
static int run_report(const struct action *action, const struct line *line,
		      cJSON *args)
{
	const struct cli_report report = {
		.db = line->db,
		.campaign = cJSON_GetArrayItem(args, 0)->valuestring,
		.format = line->format ? line->format : action->format,
		.by = line->by,
		.since_ms = line->since_ms,
		.until_ms = line->until_ms,
	};
	const int status =
		cli_report_run(&report, line->by ? "calls" : "audit");

	cJSON_Delete(args);
	return status;
}

static int run(const struct action *action, struct line *line, cJSON *args)
{
	int err = 0, status;

	if (action->how == BY_REPORT || line->by)
		return run_report(action, line, args);
	if (line->since_ms || line->until_ms) {
		cJSON_Delete(args);
		return cli_fail(CLI_USAGE, "campaign report: --since and "
					   "--until go with --by");
	}
	if (action->format)
		cJSON_InsertItemInArray(
			args, 0,
			cJSON_CreateString(line->format ? line->format
							: action->format));
	if (action->takes_options)
		cJSON_AddItemToArray(args,
				     cJSON_Duplicate(line->options, true));
	switch (action->how) {
	case BY_ENGINE:
		if (!strcmp(action->name, "start"))
			absolute_script(args);
		return cli_do(line->db, "campaign", action->name, args, NULL);
	case BY_ENGINE_OR_TOOL:
		status = cli_do(line->db, "campaign", action->name,
				cJSON_Duplicate(args, true), &err);
		if (err == ENOENT || err == ECONNREFUSED)
			return cli_tool(line->db, false, module, action->name,
					args);
		cJSON_Delete(args);
		return status;
	case BY_TOOL:
	case BY_TOOL_THAT_WRITES:
	case BY_REPORT:
		break;
	}
	return cli_tool(line->db, action->how == BY_TOOL_THAT_WRITES, module,
			action->name, args);
}

static int dispatch(struct line *line, int argc, char *argv[])
{
	const char *name = argv[optind];
	const int count = argc - optind - 1;

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (strcmp(name, actions[i].name) != 0 ||
		    count < actions[i].min || count > actions[i].max)
			continue;
		if (!options_fit(&actions[i], line))
			return CLI_USAGE;
		return run(&actions[i], line,
			   cli_words(argc, argv, optind + 1));
	}
	(void)cli_fail(CLI_USAGE,
		       "campaign: '%s' with %d argument%s is none "
		       "of its commands",
		       name, count, count == 1 ? "" : "s");
	return cli_usage("campaign", '?');
}

int cmd_campaign(int argc, char *argv[])
{
	struct line line = {.db = "moondial.db",
			    .options = cJSON_CreateObject()};
	int opt, status = -1;

	while (status < 0 &&
	       (opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		if (opt == 'h' || opt == '?')
			status = cli_usage("campaign", opt);
		else if (!take_option(&line, opt))
			status = CLI_USAGE;
	}
	if (status < 0)
		status = optind >= argc ? cli_usage("campaign", '?')
					: dispatch(&line, argc, argv);
	cJSON_Delete(line.options);
	return status;
}
