/* moondial compliance report|caller-ids|unpark */
#include <getopt.h>
#include <string.h>

#include "app/cli.h"
#include "app/cli_report.h"

enum { OPT_DB = 256, OPT_JSON, OPT_CSV, OPT_CAMPAIGN, OPT_FROM, OPT_TO };

static const struct option long_options[] = {
	{"db", required_argument, NULL, OPT_DB},
	{"json", no_argument, NULL, OPT_JSON},
	{"csv", no_argument, NULL, OPT_CSV},
	{"campaign", required_argument, NULL, OPT_CAMPAIGN},
	{"from", required_argument, NULL, OPT_FROM},
	{"to", required_argument, NULL, OPT_TO},
	{"help", no_argument, NULL, 'h'},
	{0},
};

int cmd_compliance(int argc, char *argv[])
{
	struct cli_report report = {.db = "moondial.db", .format = "table"};
	int opt, status = CLI_OK;

	while (!status &&
	       (opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case OPT_DB:
			report.db = optarg;
			break;
		case OPT_JSON:
			report.format = "json";
			break;
		case OPT_CSV:
			report.format = "csv";
			break;
		case OPT_CAMPAIGN:
			report.campaign = optarg;
			break;
		case OPT_FROM:
			status = cli_report_time(&report.since_ms, "compliance",
						 "--from", optarg);
			break;
		case OPT_TO:
			status = cli_report_time(&report.until_ms, "compliance",
						 "--to", optarg);
			break;
		default:
			return cli_usage("compliance", opt);
		}
	}
	if (status)
		return status;
	if (argc - optind == 2 && !strcmp(argv[optind], "unpark"))
		return cli_tool(report.db, true, "moondial.reports.tool",
				"unpark", cli_words(argc, argv, optind + 1));
	if (argc - optind == 1 && !strcmp(argv[optind], "caller-ids"))
		return cli_report_run(&report, "parked");
	if (argc - optind != 1 || strcmp(argv[optind], "report") != 0)
		return cli_usage("compliance", '?');
	if (!report.campaign)
		return cli_fail(CLI_USAGE, "compliance report: --campaign NAME "
					   "is missing");
	return cli_report_run(&report, "compliance");
}
