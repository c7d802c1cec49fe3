#include "app/cli.h"

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/control.h"
#include "base/nearest.h"

struct command {
	const char *name;
	int (*run)(int argc, char *argv[]);
	const char *summary;
	const char *usage; /* options, one a line */
};

#define DB_OPTION "  --db FILE          the database (default: moondial.db)\n"
#define CONFIG_OPTION \
	"  -c, --config FILE  configuration (Lua that returns a table)\n"

static const struct command commands[] = {
	{"run", cmd_run, "start the engine with a call flow or a campaign",
	 "[-c FILE] [--sip udp:ADDR:PORT]… [--db FILE] [--set KEY=VALUE]… "
	 "SCRIPT [ARGS…]\n\n" CONFIG_OPTION
	 "  --sip TP:ADDR:PORT listen here instead (udp or tcp; repeat for "
	 "more)\n" DB_OPTION
	 "  --set KEY=VALUE    set one key of the configuration (repeat for "
	 "more)\n"
	 "  --log LEVEL        debug, info, warn or error\n"
	 "  --sip-trace        log each SIP message, credentials masked\n\n"
	 "A script that comes along is found from any folder: "
	 "scripts/NAME.lua.\n"
	 "SIGINT or SIGTERM: no new calls, then stop; a second one stops at "
	 "once.\nSIGHUP: load the scripts again.\n"},
	{"check", cmd_check, "check configuration and scripts, no network",
	 "[-c FILE] [--set KEY=VALUE]… [SCRIPT…]\n\n" CONFIG_OPTION
	 "  --set KEY=VALUE    set one key of the configuration\n\n"
	 "Scripts are loaded with nothing to act on, and their campaigns are "
	 "looked at: leads,\ntrunks, agents and prompts that they name and "
	 "that there are not. Status 1: errors.\n"},
	{"cdr", cmd_cdr, "list call records",
	 "[--db FILE] [--json|--csv|--table] [FILTERS]\n\n" DB_OPTION
	 "  --since T          calls begun at or after T\n"
	 "  --until T          calls begun before T\n"
	 "                     T: 2026-11-21, \"2026-11-21 09:25\", 10m, 2h, "
	 "7d (ago), today\n"
	 "  --disposition D    answered, busy, no_answer, … or a flow's own\n"
	 "  --campaign NAME    calls of a campaign\n"
	 "  --list NAME        of leads of this list\n"
	 "  --trunk NAME       by this trunk\n"
	 "  --agent NAME       that this agent has talked to\n"
	 "  --recorded         that have a recording\n"
	 "  --number N         calls from or to this number or user\n"
	 "  --direction in|out\n"
	 "  --limit N          the newest N only (default: all)\n"
	 "  --table            (default) --csv  --json (one array, times in "
	 "ms)\n"},
	{"campaign", cmd_campaign, "import, start, pause, look at campaigns",
	 "import [--db FILE] [--list LIST] [--region XX] [--phone "
	 "COLUMN]… [--unique] NAME LEADS.csv\n"
	 "       moondial campaign start    [--db FILE] NAME|SCRIPT\n"
	 "       moondial campaign pause    [--db FILE] NAME\n"
	 "       moondial campaign set      [--db FILE] NAME KEY=VALUE…\n"
	 "       moondial campaign next     [--db FILE] [--json] NAME [AGENT]\n"
	 "       moondial campaign dial     [--db FILE] NAME LEAD [AGENT]\n"
	 "       moondial campaign skip     [--db FILE] NAME LEAD\n"
	 "       moondial campaign status   [--db FILE] [--json] [NAME]\n"
	 "       moondial campaign report   [--db FILE] [--json|--csv] "
	 "[--by WHAT [--since T] [--until T]] NAME\n"
	 "       moondial campaign audit    [--db FILE] [--json|--csv] "
	 "[--since T] [--until T] NAME\n"
	 "       moondial campaign why      [--db FILE] LEAD [NAME]\n"
	 "       moondial campaign leads    [--db FILE] [FILTERS] "
	 "[--json|--csv] NAME\n"
	 "       moondial campaign export   [--db FILE] [FILTERS] "
	 "[--json|--csv] NAME\n"
	 "       moondial campaign recycle  [--db FILE] --disposition D,D… "
	 "[--list LIST] NAME\n"
	 "       moondial campaign callback [--db FILE] --at T [--agent AGENT] "
	 "NAME LEAD\n\n" DB_OPTION
	 "  --list LIST        import: the list's name (default: the file's); "
	 "else: leads of it\n"
	 "  --region XX        country of numbers without + (US, DE, …): all "
	 "are checked, and made E.164\n"
	 "  --phone COLUMN     a column with numbers (repeat for more, in the "
	 "order in which they are tried)\n"
	 "  --unique           leave out numbers that another campaign has\n"
	 "  --state S          new, ready, scheduled, claimed, ringing, "
	 "talking "
	 "or done\n"
	 "  --disposition D    no_answer, busy, … or a flow's own\n"
	 "  --limit N          the first N only\n"
	 "  --at T             15:00, \"2026-11-28 15:00\" (in the lead's time "
	 "zone), 30m, 2h, 3d\n"
	 "  --agent AGENT      who calls back (default: anyone)\n"
	 "  --csv  --json      export: CSV is the default\n"
	 "  --by WHAT          calls by hour, trunk, caller_id, agent, list or "
	 "disposition\n"
	 "  --since T          from then on; T as moondial cdr takes it\n"
	 "  --until T          until then\n"
	 "\nLEAD is a phone number or the id of a lead. set changes pacing, "
	 "retry, timeout or\nfrom while the campaign runs (pacing.rate=5); "
	 "next, dial and skip are for agents who\nchoose whom to call "
	 "(pacing.mode preview and manual). These, start and pause speak\nto "
	 "the running engine of that database; status and why do when there "
	 "is one; the\nothers read or write the database themselves.\n"},
	{"amd", cmd_amd, "try answering machine detection on recordings",
	 "replay [--set NAME=VALUE]… [--csv|--json] FILE|FOLDER…\n"
	 "       moondial amd replay [--set NAME=VALUE]… [--csv|--json] --db "
	 "FILE [--campaign NAME]\n\n"
	 "  --set NAME=VALUE   a setting of call:detect_machine, such as "
	 "machine.voice=1.8\n"
	 "  --csv  --json      instead of tables\n\n"
	 "Prints the verdict on each recording and, where it is known what "
	 "they "
	 "are, how\noften they were taken for what. A recording's label comes "
	 "from the labels.csv\nbeside it (columns file, label), or is the name "
	 "of its folder: human, machine,\nfax, silence, unsure, screening. "
	 "With --db: the recordings that calls have kept, and\nwhat agents "
	 "have said of them.\n"},
	{"agent", cmd_agent, "who talks to whom; log agents in and out",
	 "list    [--db FILE] [--json]\n"
	 "       moondial agent login   [--db FILE] NAME\n"
	 "       moondial agent ready   [--db FILE] NAME\n"
	 "       moondial agent pause   [--db FILE] NAME [REASON]\n"
	 "       moondial agent logout  [--db FILE] NAME\n"
	 "       moondial agent dispose [--db FILE] NAME "
	 "DISPOSITION\n\n" DB_OPTION
	 "\nAn agent who has a call pauses or leaves after it; dispose says "
	 "what the last\ncall was about, and ends wrap-up.\n"},
	{"simulate", cmd_simulate,
	 "days of a campaign with agents, in virtual time",
	 "[--agents N,…] [--mode MODE] [--seeds N] [--hours H]\n"
	 "                [--scenario NAME] [--svg FILE] [--json] [--set "
	 "KEY=VALUE]…\n\n"
	 "  --agents N,…       numbers of agents, a line for each (default: "
	 "20)\n"
	 "  --mode MODE        predictive (default), progressive, power, "
	 "broadcast\n"
	 "  --seeds N          so many days, each with its own luck (default: "
	 "1)\n"
	 "  --hours H          of each day (default: 8)\n"
	 "  --scenario NAME    what happens at half of the day: jump, drop, "
	 "leave, slow,\n"
	 "                     congestion\n"
	 "  --svg FILE         a picture of the days\n"
	 "  --json             each day's figures\n"
	 "  --set KEY=VALUE    pacing.NAME as in a campaign; model.p, .talk, "
	 ".wrapup, .ring,\n"
	 "                     .within, .congestion of the world that is "
	 "simulated\n\n"
	 "The pacer is the one that campaigns run with. No engine, no "
	 "database.\n"},
	{"compliance", cmd_compliance, "what a regulator asks of a campaign",
	 "report [--db FILE] [--json|--csv] --campaign NAME [--from T] "
	 "[--to T]\n"
	 "       moondial compliance caller-ids [--db FILE] [--json|--csv]\n"
	 "       moondial compliance unpark [--db FILE] NUMBER\n\n" DB_OPTION
	 "  --campaign NAME    whose calls\n"
	 "  --from T           from then on (default: the beginning); T as "
	 "moondial cdr takes it\n"
	 "  --to T             until then (default: now)\n"
	 "\ncaller-ids lists those that rest since a carrier has blocked them; "
	 "unpark ends it.\n"},
	{"dnc", cmd_dnc, "numbers that must not be called",
	 "import [--db FILE] --list NAME [--country CODE] NUMBERS.txt\n"
	 "       moondial dnc add    [--db FILE] [--campaign NAME] "
	 "[--country CODE] [--reason TEXT] NUMBER…\n"
	 "       moondial dnc remove [--db FILE] [--campaign NAME] "
	 "[--country CODE] NUMBER…\n"
	 "       moondial dnc remove [--db FILE] --list NAME\n"
	 "       moondial dnc check  [--db FILE] [--json] [--country CODE] "
	 "NUMBER…\n"
	 "       moondial dnc lists  [--db FILE] [--json]\n\n" DB_OPTION
	 "  --list NAME        an imported list, replaced as a whole by the "
	 "next import\n"
	 "  --country CODE     calling code of numbers written without one: "
	 "1, 44, …\n"
	 "  --campaign NAME    the list of this campaign (default: the "
	 "internal one)\n\n"
	 "A running engine goes by a change within a second.\n"},
	{"status", cmd_status, "state of the running engine",
	 "[--db FILE] [--json]\n\n" DB_OPTION},
	{"console", cmd_console, "evaluate Lua in the running engine",
	 "[--db FILE] [-e TEXT]\n\n" DB_OPTION
	 "  -e TEXT            evaluate this and leave\n"},
	{"reload", cmd_reload, "load the scripts again, calls go on",
	 "[--db FILE]\n\n" DB_OPTION},
	{"drain", cmd_drain, "take no new calls, then stop",
	 "[--db FILE]\n\n" DB_OPTION},
	{"ban", cmd_ban, "who is not heard; ban an address",
	 "[--db FILE] [--json] [[--for SECONDS] ADDRESS]\n\n" DB_OPTION
	 "  --for SECONDS      so long (default: until it is unbanned, or the "
	 "engine stops)\n"
	 "  --json             the list, as it is\n\n"
	 "Without ADDRESS: the list of bans. An IPv6 address stands for its "
	 "/64.\n"},
	{"unban", cmd_unban, "lift a ban",
	 "[--db FILE] ADDRESS|all\n\n" DB_OPTION},
	{"version", cmd_version, "the version and those of its libraries",
	 "\n"},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

int cli_fail(int status, const char *fmt, ...)
{
	va_list ap;

	(void)fputs("moondial: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return status;
}

static int help(FILE *out)
{
	(void)fputs("moondial: SIP calls run by Lua scripts\n\n"
		    "Usage: moondial COMMAND [OPTIONS]\n\n",
		    out);
	for (size_t i = 0; i < COMMANDS; i++)
		(void)fprintf(out, "  %-10s %s\n", commands[i].name,
			      commands[i].summary);
	(void)fputs("\n'moondial COMMAND --help' tells the options of one.\n",
		    out);
	return out == stdout ? CLI_OK : CLI_USAGE;
}

int cli_usage(const char *command, int opt)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, command) != 0)
			continue;
		if (opt != 'h') {
			(void)fprintf(stderr, "Try 'moondial %s --help'.\n",
				      command);
			return CLI_USAGE;
		}
		(void)printf("%s\n\nUsage: moondial %s %s", commands[i].summary,
			     command, commands[i].usage);
		return CLI_OK;
	}
	return CLI_USAGE;
}

const char *cli_user(void)
{
	static char name[64];
	const struct passwd *user = getpwuid(getuid());

	if (user)
		(void)snprintf(name, sizeof(name), "%s", user->pw_name);
	else
		(void)snprintf(name, sizeof(name), "uid %u",
			       (unsigned)getuid());
	return name;
}

int cli_ask(const char *db, const cJSON *request, cJSON **result, int *errp)
{
	char path[1024], err[2048];
	cJSON *signed_request = cJSON_Duplicate(request, true);
	int e;

	/* for audit trails; the engine knows the user id itself */
	if (signed_request && !cJSON_HasObjectItem(signed_request, "user"))
		cJSON_AddStringToObject(signed_request, "user", cli_user());
	(void)snprintf(path, sizeof(path), "%s.sock", db);
	e = control_ask(path, signed_request, 60000, result, err, sizeof(err));
	cJSON_Delete(signed_request);
	if (errp)
		*errp = e;
	if (!e)
		return CLI_OK;
	if (errp && (e == ENOENT || e == ECONNREFUSED))
		return CLI_FAILED; /* the caller has another way */
	return cli_fail(CLI_FAILED, "%s", err);
}

int cli_main(int argc, char *argv[])
{
	const char *names[COMMANDS], *nearest;

	if (argc < 2)
		return help(stderr);
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    !strcmp(argv[1], "help"))
		return help(stdout);
	if (!strcmp(argv[1], "--version"))
		return cmd_version(argc - 1, argv + 1);

	for (size_t i = 0; i < COMMANDS; i++) {
		names[i] = commands[i].name;
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	}
	nearest = nearest_name(argv[1], names, COMMANDS);
	if (nearest)
		return cli_fail(CLI_USAGE,
				"unknown command '%s'; did you mean '%s'?",
				argv[1], nearest);
	(void)cli_fail(CLI_USAGE, "unknown command '%s'", argv[1]);
	return help(stderr);
}
