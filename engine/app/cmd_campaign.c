/* moondial campaign: its commands */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli.h"

enum { OPT_DB = 256, OPT_JSON, OPT_CSV };

static const struct option long_options[] = {
	{"db", required_argument, NULL, OPT_DB},
	{"json", no_argument, NULL, OPT_JSON},
	{"csv", no_argument, NULL, OPT_CSV},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static const char module[] = "moondial.campaign.tool";

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

int cmd_campaign(int argc, char *argv[])
{
	const char *db = "moondial.db", *format = "table", *action;
	int opt, count, err = 0, status;
	cJSON *args;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case OPT_DB:
			db = optarg;
			break;
		case OPT_JSON:
			format = "json";
			break;
		case OPT_CSV:
			format = "csv";
			break;
		default:
			return cli_usage("campaign", opt);
		}
	}
	if (optind >= argc)
		return cli_usage("campaign", '?');
	action = argv[optind++];
	count = argc - optind;

	if (!strcmp(action, "import") && count == 2)
		return cli_tool(db, true, module, "import",
				cli_words(argc, argv, optind));
	if ((!strcmp(action, "start") || !strcmp(action, "pause")) &&
	    count == 1) {
		args = cli_words(argc, argv, optind);
		if (!strcmp(action, "start"))
			absolute_script(args);
		return cli_do(db, "campaign", action, args, NULL);
	}
	if ((!strcmp(action, "set") && count >= 2) ||
	    (!strcmp(action, "dial") && (count == 2 || count == 3)) ||
	    (!strcmp(action, "skip") && count == 2))
		return cli_do(db, "campaign", action,
			      cli_words(argc, argv, optind), NULL);
	if (!strcmp(action, "next") && (count == 1 || count == 2)) {
		args = cli_words(argc, argv, optind);
		cJSON_InsertItemInArray(args, 0, cJSON_CreateString(format));
		return cli_do(db, "campaign", action, args, NULL);
	}
	if (!strcmp(action, "status") && count <= 1) {
		args = cli_words(argc, argv, optind);
		cJSON_InsertItemInArray(args, 0, cJSON_CreateString(format));
		/* live figures from the engine; without one, what is stored */
		status = cli_do(db, "campaign", action,
				cJSON_Duplicate(args, true), &err);
		if (err == ENOENT || err == ECONNREFUSED)
			return cli_tool(db, false, module, "status", args);
		cJSON_Delete(args);
		return status;
	}
	if (!strcmp(action, "report") && count == 1) {
		args = cli_words(argc, argv, optind);
		cJSON_InsertItemInArray(args, 0, cJSON_CreateString(format));
		return cli_tool(db, false, module, "report", args);
	}
	(void)cli_fail(CLI_USAGE,
		       "campaign: '%s' with %d argument%s is none "
		       "of its commands",
		       action, count, count == 1 ? "" : "s");
	return cli_usage("campaign", '?');
}
