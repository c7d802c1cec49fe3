/* Commands that a running engine's Lua side carries out. */
#include <stdio.h>
#include <string.h>

#include "app/cli.h"

cJSON *cli_words(int argc, char *argv[], int from)
{
	cJSON *list = cJSON_CreateArray();

	for (int i = from; i < argc; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(argv[i]));
	return list;
}

/* A text for a person, or, with --json, anything. */
static void print_result(const cJSON *result)
{
	char *text;

	if (cJSON_IsString(result)) {
		const char *s = result->valuestring;

		(void)fputs(s, stdout);
		if (*s && s[strlen(s) - 1] != '\n')
			(void)fputc('\n', stdout);
		return;
	}
	text = cJSON_Print(result);
	(void)printf("%s\n", text ? text : "null");
	cJSON_free(text);
}

int cli_do(const char *db, const char *command, const char *action, cJSON *args,
	   int *errp)
{
	cJSON *request = cJSON_CreateObject(), *result = NULL;
	int status;

	cJSON_InsertItemInArray(args, 0, cJSON_CreateString(action));
	cJSON_AddStringToObject(request, "command", command);
	cJSON_AddItemToObject(request, "args", args);
	status = cli_ask(db, request, &result, errp);
	if (status == CLI_OK)
		print_result(result);
	cJSON_Delete(result);
	cJSON_Delete(request);
	return status;
}
