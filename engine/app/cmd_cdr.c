/* moondial cdr */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli.h"
#include "base/clock.h"
#include "store/cdr_list.h"

enum {
	OPT_DB = 256,
	OPT_SINCE,
	OPT_UNTIL,
	OPT_DISPOSITION,
	OPT_CAMPAIGN,
	OPT_LIST,
	OPT_TRUNK,
	OPT_AGENT,
	OPT_RECORDED,
	OPT_NUMBER,
	OPT_DIRECTION,
	OPT_LIMIT,
	OPT_TABLE,
	OPT_CSV,
	OPT_JSON,
};

static const struct option long_options[] = {
	{"db", required_argument, NULL, OPT_DB},
	{"since", required_argument, NULL, OPT_SINCE},
	{"until", required_argument, NULL, OPT_UNTIL},
	{"disposition", required_argument, NULL, OPT_DISPOSITION},
	{"campaign", required_argument, NULL, OPT_CAMPAIGN},
	{"list", required_argument, NULL, OPT_LIST},
	{"trunk", required_argument, NULL, OPT_TRUNK},
	{"agent", required_argument, NULL, OPT_AGENT},
	{"recorded", no_argument, NULL, OPT_RECORDED},
	{"number", required_argument, NULL, OPT_NUMBER},
	{"direction", required_argument, NULL, OPT_DIRECTION},
	{"limit", required_argument, NULL, OPT_LIMIT},
	{"table", no_argument, NULL, OPT_TABLE},
	{"csv", no_argument, NULL, OPT_CSV},
	{"json", no_argument, NULL, OPT_JSON},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static int time_parse(int64_t *ms, const char *option, const char *text)
{
	if (!clock_parse(ms, text))
		return CLI_OK;
	return cli_fail(CLI_USAGE,
			"cdr: %s %s: no such time; give 2026-11-21, "
			"\"2026-11-21 09:25\", 10m, 2h, 7d or today",
			option, text);
}

static int limit_parse(uint64_t *limit, const char *text)
{
	char *end;
	const long long n = strtoll(text, &end, 10);

	if (*end || n < 1)
		return cli_fail(CLI_USAGE,
				"cdr: --limit %s: must be a whole number of "
				"at least 1",
				text);
	*limit = (uint64_t)n;
	return CLI_OK;
}

static int direction_parse(const char **direction, const char *text)
{
	if (strcmp(text, "in") != 0 && strcmp(text, "out") != 0)
		return cli_fail(CLI_USAGE,
				"cdr: --direction %s: must be in or out", text);
	*direction = text;
	return CLI_OK;
}

int cmd_cdr(int argc, char *argv[])
{
	struct cdr_filter filter = {0};
	enum cdr_format format = CDR_TABLE;
	const char *db = "moondial.db";
	char err[1024];
	int opt, status = CLI_OK;

	while (!status &&
	       (opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case OPT_DB:
			db = optarg;
			break;
		case OPT_SINCE:
			status =
				time_parse(&filter.since_ms, "--since", optarg);
			break;
		case OPT_UNTIL:
			status =
				time_parse(&filter.until_ms, "--until", optarg);
			break;
		case OPT_DISPOSITION:
			filter.disposition = optarg;
			break;
		case OPT_CAMPAIGN:
			filter.campaign = optarg;
			break;
		case OPT_LIST:
			filter.list = optarg;
			break;
		case OPT_TRUNK:
			filter.trunk = optarg;
			break;
		case OPT_AGENT:
			filter.agent = optarg;
			break;
		case OPT_RECORDED:
			filter.recorded = true;
			break;
		case OPT_NUMBER:
			filter.number = optarg;
			break;
		case OPT_DIRECTION:
			status = direction_parse(&filter.direction, optarg);
			break;
		case OPT_LIMIT:
			status = limit_parse(&filter.limit, optarg);
			break;
		case OPT_TABLE:
			format = CDR_TABLE;
			break;
		case OPT_CSV:
			format = CDR_CSV;
			break;
		case OPT_JSON:
			format = CDR_JSON;
			break;
		default:
			return cli_usage("cdr", opt);
		}
	}
	if (status)
		return status;
	if (optind < argc)
		return cli_fail(CLI_USAGE,
				"cdr: what is '%s'? Filters are "
				"options, such as --number %s",
				argv[optind], argv[optind]);
	if (cdr_list(db, &filter, format, stdout, err, sizeof(err)))
		return cli_fail(CLI_FAILED, "%s", err);
	return CLI_OK;
}
