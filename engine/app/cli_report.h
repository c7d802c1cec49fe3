/* cli_report.h -- what reports have in common: a span of time, a format, rows
 * that lua/moondial/reports/tool.lua makes of the database */
#ifndef MOONDIAL_APP_CLI_REPORT_H
#define MOONDIAL_APP_CLI_REPORT_H

#include <stdint.h>

struct cli_report {
	const char *db;
	const char *campaign;	    /* NULL: all */
	const char *format;	    /* "table", "csv", "json" */
	const char *by;		    /* NULL: not said */
	int64_t since_ms, until_ms; /* 0: from the beginning, to the end */
};

/* TEXT of option OPTION → *MS. CLI_OK, or CLI_USAGE and a message. */
int cli_report_time(int64_t *ms, const char *command, const char *option,
		    const char *text);

/* Print what FUNCTION of the tool returns. */
int cli_report_run(const struct cli_report *report, const char *function);

#endif
