#include "app/cli_report.h"

#include "app/cli.h"
#include "base/clock.h"

/* Later than any call; exact in a double. */
#define FOREVER_MS 9007199254740991.0

int cli_report_time(int64_t *ms, const char *command, const char *option,
		    const char *text)
{
	if (!clock_parse(ms, text))
		return CLI_OK;
	return cli_fail(CLI_USAGE,
			"%s: %s %s: no such time; give 2026-11-21, "
			"\"2026-11-21 09:25\", 10m, 2h, 7d or today",
			command, option, text);
}

int cli_report_run(const struct cli_report *report, const char *function)
{
	cJSON *list = cJSON_CreateArray(), *o = cJSON_CreateObject();

	if (report->campaign)
		cJSON_AddStringToObject(o, "campaign", report->campaign);
	if (report->by)
		cJSON_AddStringToObject(o, "by", report->by);
	cJSON_AddStringToObject(o, "format", report->format);
	cJSON_AddNumberToObject(o, "since_ms", (double)report->since_ms);
	cJSON_AddNumberToObject(o, "until_ms",
				report->until_ms ? (double)report->until_ms
						 : FOREVER_MS);
	cJSON_AddItemToArray(list, o);
	return cli_tool(report->db, false, "moondial.reports.tool", function,
			list);
}
