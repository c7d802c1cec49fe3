/* moondial simulate: days of a campaign in virtual time */
#include <getopt.h>

#include "app/cli.h"

enum { OPT_JSON = 256, OPT_SET, OPT_WORD };

/* Options with a value, handed to Lua under their own names. */
static const struct option long_options[] = {
	{"agents", required_argument, NULL, OPT_WORD},
	{"mode", required_argument, NULL, OPT_WORD},
	{"seeds", required_argument, NULL, OPT_WORD},
	{"hours", required_argument, NULL, OPT_WORD},
	{"scenario", required_argument, NULL, OPT_WORD},
	{"svg", required_argument, NULL, OPT_WORD},
	{"json", no_argument, NULL, OPT_JSON},
	{"set", required_argument, NULL, OPT_SET},
	{"help", no_argument, NULL, 'h'},
	{0},
};

/* The options as a table for Lua; *OPTP: 0, or what was wrong. */
static cJSON *options(int argc, char *argv[], int *optp)
{
	cJSON *given = cJSON_CreateObject();
	cJSON *set = cJSON_AddArrayToObject(given, "set");
	int opt, index = 0;

	*optp = 0;
	while ((opt = getopt_long(argc, argv, "h", long_options, &index)) !=
	       -1) {
		if (opt == OPT_SET)
			cJSON_AddItemToArray(set, cJSON_CreateString(optarg));
		else if (opt == OPT_JSON)
			cJSON_AddTrueToObject(given, "json");
		else if (opt == OPT_WORD)
			cJSON_AddStringToObject(given, long_options[index].name,
						optarg);
		else
			*optp = opt;
	}
	if (!*optp && optind < argc) {
		(void)cli_fail(CLI_USAGE,
			       "simulate: '%s' is none of its options",
			       argv[optind]);
		*optp = '?';
	}
	return given;
}

int cmd_simulate(int argc, char *argv[])
{
	int opt;
	cJSON *args = cJSON_CreateArray();

	cJSON_AddItemToArray(args, options(argc, argv, &opt));
	if (opt) {
		cJSON_Delete(args);
		return cli_usage("simulate", opt);
	}
	return cli_tool(NULL, false, "moondial.simulator.tool", "simulate",
			args);
}
