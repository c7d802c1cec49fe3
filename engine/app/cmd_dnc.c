/* moondial dnc import|add|remove|check|lists */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/cli.h"

enum {
	OPT_DB = 256,
	OPT_JSON,
	OPT_LIST,
	OPT_CAMPAIGN,
	OPT_COUNTRY,
	OPT_REASON
};

static const struct option long_options[] = {
	{"db", required_argument, NULL, OPT_DB},
	{"json", no_argument, NULL, OPT_JSON},
	{"list", required_argument, NULL, OPT_LIST},
	{"campaign", required_argument, NULL, OPT_CAMPAIGN},
	{"country", required_argument, NULL, OPT_COUNTRY},
	{"reason", required_argument, NULL, OPT_REASON},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static const char module[] = "moondial.compliance.dnc_tool";

struct dnc_options {
	const char *db, *list;
	cJSON *args; /* one object */
};

static void set(cJSON *args, const char *name, const char *value)
{
	cJSON_DeleteItemFromObject(args, name);
	cJSON_AddStringToObject(args, name, value);
}

static int run(const struct dnc_options *o, bool writes, const char *function)
{
	cJSON *list = cJSON_CreateArray();

	cJSON_AddItemToArray(list, cJSON_Duplicate(o->args, true));
	return cli_tool(o->db, writes, module, function, list);
}

/* The list's file, in a folder beside the database. */
static bool list_path(const struct dnc_options *o, bool make, char *path,
		      size_t size)
{
	char folder[PATH_MAX], full[PATH_MAX];
	int n;

	if (!o->list || !*o->list || strchr(o->list, '/') || *o->list == '.')
		return false;
	(void)snprintf(folder, sizeof(folder), "%s.dnc", o->db);
	if (make && mkdir(folder, 0700) && errno != EEXIST)
		return false;
	if (!realpath(folder, full))
		return false;
	n = snprintf(path, size, "%s/%s.numbers", full, o->list);
	return n > 0 && (size_t)n < size;
}

static int import(const struct dnc_options *o, const char *source)
{
	char path[PATH_MAX], full[PATH_MAX];

	if (!o->list)
		return cli_fail(CLI_USAGE, "dnc import: --list NAME is "
					   "missing");
	if (!realpath(source, full))
		return cli_fail(CLI_FAILED, "%s: %s", source, strerror(errno));
	if (!list_path(o, true, path, sizeof(path)))
		return cli_fail(CLI_FAILED,
				"dnc import: no file for the list '%s' can "
				"be made in %s.dnc",
				o->list, o->db);
	set(o->args, "source", full);
	set(o->args, "path", path);
	return run(o, true, "import");
}

static int drop(const struct dnc_options *o)
{
	char path[PATH_MAX];
	int status;

	if (!o->list)
		return cli_fail(CLI_USAGE, "dnc remove: a number or --list "
					   "NAME is missing");
	status = run(o, true, "drop");
	if (status == CLI_OK && list_path(o, false, path, sizeof(path)) &&
	    unlink(path) && errno != ENOENT)
		status = cli_fail(CLI_FAILED, "%s: %s", path, strerror(errno));
	return status;
}

static void add_numbers(cJSON *args, int argc, char *argv[], int from)
{
	cJSON *numbers = cJSON_AddArrayToObject(args, "numbers");

	for (int i = from; i < argc; i++)
		cJSON_AddItemToArray(numbers, cJSON_CreateString(argv[i]));
	set(args, "user", cli_user());
}

static int do_action(const struct dnc_options *o, const char *action, int count,
		     char *argv[])
{
	if (!strcmp(action, "import") && count == 1)
		return import(o, argv[0]);
	if (!strcmp(action, "add") && count > 0)
		return run(o, true, "add");
	if (!strcmp(action, "remove"))
		return count ? run(o, true, "remove") : drop(o);
	if (!strcmp(action, "check") && count > 0)
		return run(o, false, "check");
	if (!strcmp(action, "lists") && count == 0)
		return run(o, false, "lists");
	(void)cli_fail(CLI_USAGE,
		       "dnc: '%s' with %d argument%s is none of its commands",
		       action, count, count == 1 ? "" : "s");
	return cli_usage("dnc", '?');
}

int cmd_dnc(int argc, char *argv[])
{
	struct dnc_options o = {.db = "moondial.db",
				.args = cJSON_CreateObject()};
	int opt, status;

	while ((opt = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
		switch (opt) {
		case OPT_DB:
			o.db = optarg;
			break;
		case OPT_JSON:
			set(o.args, "format", "json");
			break;
		case OPT_LIST:
			o.list = optarg;
			set(o.args, "list", optarg);
			break;
		case OPT_CAMPAIGN:
			set(o.args, "campaign", optarg);
			break;
		case OPT_COUNTRY:
			set(o.args, "country", optarg);
			break;
		case OPT_REASON:
			set(o.args, "reason", optarg);
			break;
		default:
			cJSON_Delete(o.args);
			return cli_usage("dnc", opt);
		}
	}
	if (optind >= argc) {
		cJSON_Delete(o.args);
		return cli_usage("dnc", '?');
	}
	add_numbers(o.args, argc, argv, optind + 1);
	status = do_action(&o, argv[optind], argc - optind - 1,
			   argv + optind + 1);
	cJSON_Delete(o.args);
	return status;
}
