/* moondial agent list|login|ready|pause|logout|dispose: of a running engine */
#include <getopt.h>
#include <string.h>

#include "app/cli.h"

enum { OPT_DB = 256, OPT_JSON };

static const struct option long_options[] = {
	{"db", required_argument, NULL, OPT_DB},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, 'h'},
	{0},
};

/* How many words each takes behind its name. */
static const struct {
	const char *name;
	int min, max;
} actions[] = {
	{"login", 1, 1},  {"ready", 1, 1},   {"pause", 1, 2},
	{"logout", 1, 1}, {"dispose", 2, 2},
};

int cmd_agent(int argc, char *argv[])
{
	const char *db = "moondial.db", *format = "table", *action;
	int opt, count;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case OPT_DB:
			db = optarg;
			break;
		case OPT_JSON:
			format = "json";
			break;
		default:
			return cli_usage("agent", opt);
		}
	}
	if (optind >= argc)
		return cli_usage("agent", '?');
	action = argv[optind++];
	count = argc - optind;
	if (!strcmp(action, "list") && count == 0) {
		cJSON *args = cJSON_CreateArray();

		cJSON_AddItemToArray(args, cJSON_CreateString(format));
		return cli_do(db, "agent", action, args, NULL);
	}
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
		if (!strcmp(action, actions[i].name) &&
		    count >= actions[i].min && count <= actions[i].max)
			return cli_do(db, "agent", action,
				      cli_words(argc, argv, optind), NULL);
	}
	(void)cli_fail(CLI_USAGE,
		       "agent: '%s' with %d argument%s is none of its commands",
		       action, count, count == 1 ? "" : "s");
	return cli_usage("agent", '?');
}
