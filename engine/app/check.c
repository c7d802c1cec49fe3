#include "app/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli.h"
#include "app/config.h"
#include "app/define.h"
#include "app/engine.h"
#include "base/schema.h"

struct check {
	const struct config *config;
	cJSON *root; /* the configuration, with what the script defines */
	bool ok;
};

/* In the list of its kind, in the place of the one of its name. */
static void put(cJSON *root, const char *kind, cJSON *element)
{
	char list[32];
	cJSON *array, *e;
	int i = 0;

	(void)snprintf(list, sizeof(list), "%ss", kind);
	array = cJSON_GetObjectItemCaseSensitive(root, list);
	if (!array)
		array = cJSON_AddArrayToObject(root, list);
	cJSON_ArrayForEach(e, array)
	{
		if (!strcmp(schema_string(e, "name", ""),
			    schema_string(element, "name", "")))
			break;
		i++;
	}
	if (e)
		cJSON_ReplaceItemInArray(array, i, element);
	else
		cJSON_AddItemToArray(array, element);
}

/* moon.account{…} and its kin: whether they could be defined. */
static bool define(const char *kind, const cJSON *table, char *err, size_t size,
		   void *arg)
{
	struct check *check = arg;
	cJSON *element = config_element(check->config, kind, table, err, size);
	bool ok = element && define_can(check->root, kind, element, err, size);

	if (ok)
		put(check->root, kind, element);
	else
		cJSON_Delete(element);
	return ok;
}

static void print(const cJSON *list, const char *what)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, list)
		cli_fail(CLI_FAILED, "%s%s", what, cJSON_GetStringValue(e));
}

static void checked(const cJSON *result, void *arg)
{
	struct check *check = arg;
	const cJSON *errors =
		cJSON_GetObjectItemCaseSensitive(result, "errors");

	print(errors, "");
	print(cJSON_GetObjectItemCaseSensitive(result, "warnings"),
	      "warning: ");
	check->ok = cJSON_GetArraySize(errors) == 0;
}

/* A path that means the same in every folder; or as it is. */
static cJSON *absolute(const char *file)
{
	char *path = realpath(file, NULL);
	cJSON *text = cJSON_CreateString(path ? path : file);

	free(path);
	return text;
}

bool check_script(const struct config *config, bool configured,
		  const char *file)
{
	struct check check = {.config = config};
	cJSON *shown = config_public(config), *args = cJSON_CreateArray();
	const struct cli_tool tool = {
		.module = "moondial.campaign.check",
		.function = "script",
		.args = args,
		.config = shown,
		.script = file,
		.define = define,
		.done = checked,
		.arg = &check,
	};
	int status;

	check.root = cJSON_Duplicate(config_root(config), true);
	cJSON_AddItemToArray(args, absolute(file));
	cJSON_AddItemToArray(args, cJSON_CreateBool(configured));
	status = cli_tool_run(&tool);
	cJSON_Delete(shown);
	cJSON_Delete(check.root);
	return status == CLI_OK && check.ok;
}
