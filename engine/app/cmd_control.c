/* moondial status, console, reload, drain, ban, unban: of a running engine */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "app/cli.h"
#include "app/status_print.h"
#include "base/clock.h"
#include "base/schema.h"

enum { OPT_DB = 256, OPT_JSON, OPT_FOR };

static const struct option long_options[] = {
	{"db", required_argument, NULL, OPT_DB},
	{"json", no_argument, NULL, OPT_JSON},
	{"for", required_argument, NULL, OPT_FOR},
	{"help", no_argument, NULL, 'h'},
	{0},
};

struct options {
	const char *db, *text, *seconds;
	bool json;
};

static int options_scan(struct options *o, int argc, char *argv[])
{
	int opt;

	o->db = "moondial.db";
	while ((opt = getopt_long(argc, argv, "e:h", long_options, NULL)) !=
	       -1) {
		switch (opt) {
		case OPT_DB:
			o->db = optarg;
			break;
		case OPT_JSON:
			o->json = true;
			break;
		case OPT_FOR:
			o->seconds = optarg;
			break;
		case 'e':
			o->text = optarg;
			break;
		default:
			return opt;
		}
	}
	return 0;
}

/* Options only, and none of `ban`. */
static int options_parse(struct options *o, int argc, char *argv[])
{
	const int opt = options_scan(o, argc, argv);

	if (opt)
		return opt;
	return optind < argc || o->seconds ? '?' : 0;
}

static int command(const struct options *o, const char *name, const char *text,
		   cJSON **result)
{
	cJSON *request = cJSON_CreateObject();
	int status;

	cJSON_AddStringToObject(request, "command", name);
	if (text)
		cJSON_AddStringToObject(request, "text", text);
	status = cli_ask(o->db, request, result, NULL);
	cJSON_Delete(request);
	return status;
}

static void print_json(const cJSON *value)
{
	char *text = cJSON_IsString(value) ? NULL : cJSON_Print(value);

	(void)printf("%s\n", text		     ? text
			     : cJSON_IsString(value) ? value->valuestring
						     : "null");
	cJSON_free(text);
}

static void print_ban(const cJSON *ban)
{
	char until[32] = "until unbanned";
	const time_t at = (time_t)schema_number(ban, "ends", 0);
	struct tm tm;

	if (at && localtime_r(&at, &tm))
		(void)strftime(until, sizeof(until), "until %Y-%m-%d %H:%M:%S",
			       &tm);
	(void)printf("banned    %-24s %s: %s; time %.0f, %.0f packets "
		     "dropped\n",
		     schema_string(ban, "address", "?"), until,
		     schema_string(ban, "reason", ""),
		     schema_number(ban, "times", 0),
		     schema_number(ban, "dropped", 0));
}

static void print_defence(const cJSON *s)
{
	const double source = schema_number(s, "calls.turned_away.source", 0),
		     late = schema_number(s, "calls.turned_away.overload", 0),
		     trouble = schema_number(s, "calls.turned_away.trouble", 0);
	const cJSON *e;

	if (source + late + trouble > 0)
		(void)printf("          turned away besides: %.0f beyond their "
			     "source's limit, %.0f in overload, %.0f for want "
			     "of the disk\n",
			     source, late, trouble);
	if (schema_boolean(s, "overload.active", false))
		(void)printf("overload  requests wait for %.0f ms: new calls "
			     "are held to %.0f a second\n",
			     schema_number(s, "overload.delay_ms", 0),
			     schema_number(s, "overload.rate", 0));
	cJSON_ArrayForEach(e, schema_get(s, "bans"))
	{
		print_ban(e);
	}
}

static void print_status(const cJSON *s)
{
	const double up = schema_number(s, "uptime_ms", 0) / 1000;
	const cJSON *e;

	(void)printf("moondial %s, %s for %.0f s: %s\n",
		     schema_string(s, "version", "?"),
		     schema_string(s, "state", "?"), up,
		     schema_string(s, "script", "?"));
	(void)printf("calls     %.0f now (%.0f in, %.0f out, %.0f ringing), "
		     "most %.0f, %.1f a second\n",
		     schema_number(s, "calls.active", 0),
		     schema_number(s, "calls.in", 0),
		     schema_number(s, "calls.out", 0),
		     schema_number(s, "calls.ringing", 0),
		     schema_number(s, "calls.peak", 0),
		     schema_number(s, "calls.rate", 0));
	(void)printf("          %.0f in all, %.0f answered, %.0f refused\n",
		     schema_number(s, "calls.total", 0),
		     schema_number(s, "calls.total_answered", 0),
		     schema_number(s, "calls.total_refused", 0));
	print_defence(s);
	(void)printf("scripts   %.0f coroutines, %.1f MiB, %.0f errors\n",
		     schema_number(s, "scripts.coroutines", 0),
		     schema_number(s, "scripts.memory_bytes", 0) / 1048576,
		     schema_number(s, "scripts.errors", 0));
	if (schema_get(s, "store_trouble"))
		(void)printf("database  new calls are refused: %s; %.0f "
			     "requests wait\n",
			     schema_string(s, "store_trouble", ""),
			     schema_number(s, "store_queued", 0));
	status_print_peers(s);
	cJSON_ArrayForEach(e, schema_get(s, "counters"))
	{
		if (e->valuedouble > 0)
			(void)printf("counter   %-28s %.0f\n", e->string,
				     e->valuedouble);
	}
}

int cmd_status(int argc, char *argv[])
{
	struct options o = {0};
	cJSON *result = NULL;
	int status = options_parse(&o, argc, argv);

	if (status)
		return cli_usage("status", status);
	status = command(&o, "status", NULL, &result);
	if (status == CLI_OK && o.json)
		print_json(result);
	else if (status == CLI_OK)
		print_status(result);
	cJSON_Delete(result);
	return status;
}

static int simple(int argc, char *argv[], const char *name)
{
	struct options o = {0};
	cJSON *result = NULL;
	int status = options_parse(&o, argc, argv);

	if (status)
		return cli_usage(name, status);
	status = command(&o, name, NULL, &result);
	if (status == CLI_OK)
		print_json(result);
	cJSON_Delete(result);
	return status;
}

int cmd_reload(int argc, char *argv[])
{
	return simple(argc, argv, "reload");
}

int cmd_drain(int argc, char *argv[])
{
	return simple(argc, argv, "drain");
}

static int ask_about(const struct options *o, const char *name,
		     const char *address, cJSON **result)
{
	cJSON *request = cJSON_CreateObject();
	int status;

	cJSON_AddStringToObject(request, "command", name);
	if (address)
		cJSON_AddStringToObject(request, "address", address);
	if (o->seconds)
		cJSON_AddNumberToObject(request, "seconds",
					strtod(o->seconds, NULL));
	status = cli_ask(o->db, request, result, NULL);
	cJSON_Delete(request);
	return status;
}

int cmd_ban(int argc, char *argv[])
{
	struct options o = {0};
	cJSON *result = NULL;
	const cJSON *e;
	int status = options_scan(&o, argc, argv);
	const char *address = status ? NULL : argv[optind];

	if (!status && (o.text || optind + 1 < argc || (o.seconds && !address)))
		status = '?';
	if (status)
		return cli_usage("ban", status);
	status = ask_about(&o, "ban", address, &result);
	if (status == CLI_OK && (address || o.json))
		print_json(result);
	else if (status == CLI_OK)
		cJSON_ArrayForEach(e, result)
		{
			print_ban(e);
		}
	cJSON_Delete(result);
	return status;
}

int cmd_unban(int argc, char *argv[])
{
	struct options o = {0};
	cJSON *result = NULL;
	int status = options_scan(&o, argc, argv);

	if (!status && (o.text || o.seconds || optind + 1 != argc))
		status = '?';
	if (status)
		return cli_usage("unban", status);
	status = ask_about(&o, "unban", argv[optind], &result);
	if (status == CLI_OK)
		print_json(result);
	cJSON_Delete(result);
	return status;
}

static int evaluate(const struct options *o, const char *text)
{
	cJSON *result = NULL;
	int status = command(o, "eval", text, &result);

	if (status == CLI_OK && !cJSON_IsNull(result))
		print_json(result);
	cJSON_Delete(result);
	return status;
}

int cmd_console(int argc, char *argv[])
{
	struct options o = {0};
	const bool person = isatty(STDIN_FILENO);
	char *line = NULL;
	size_t size = 0;
	int status = options_parse(&o, argc, argv);

	if (status)
		return cli_usage("console", status);
	if (o.text)
		return evaluate(&o, o.text);
	if (person)
		(void)printf("Lua in the running engine, a line at a time; "
			     "Ctrl-D leaves.\n");
	for (;;) {
		if (person)
			(void)fputs("> ", stdout);
		(void)fflush(stdout);
		if (getline(&line, &size, stdin) < 0)
			break;
		if (strspn(line, " \t\n") != strlen(line))
			status = evaluate(&o, line);
	}
	free(line);
	return person ? CLI_OK : status;
}
