#include "app/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct config {
	char *file; /* for messages; NULL: defaults only */
	cJSON *root;
	char **sets; /* --set, in order, NULL-terminated */
	size_t set_count;
};

static const char *where(const struct config *config)
{
	return config->file ? config->file : "configuration";
}

/* "KEY=VALUE" → ROOT. */
static bool set_apply(cJSON *root, const char *set, char *err, size_t size)
{
	const char *eq = strchr(set, '=');
	char path[256], msg[512];

	if (!eq || eq == set || (size_t)(eq - set) >= sizeof(path)) {
		(void)snprintf(err, size,
			       "--set %s: expected KEY=VALUE, such as "
			       "rtp.port_min=20000",
			       set);
		return false;
	}
	memcpy(path, set, (size_t)(eq - set));
	path[eq - set] = '\0';
	if (schema_set(config_fields, root, path, eq + 1, msg, sizeof(msg)))
		return true;
	(void)snprintf(err, size, "--set %s: %s", set, msg);
	return false;
}

static bool sets_keep(struct config *config, const char *set)
{
	char **sets =
		realloc(config->sets, (config->set_count + 2) * sizeof(*sets));

	if (!sets)
		return false;
	config->sets = sets;
	sets[config->set_count] = strdup(set);
	sets[config->set_count + 1] = NULL;
	return sets[config->set_count++] != NULL;
}

bool config_load(struct config **cp, const char *file, const char *const *sets,
		 char *err, size_t size)
{
	struct config *config = calloc(1, sizeof(*config));
	bool ok = false;

	if (!config)
		goto oom;
	if (file) {
		config->file = strdup(file);
		if (!config_lua_read(file, &config->root, err, size))
			goto out;
	} else {
		config->root = cJSON_CreateObject();
	}
	if (!config->root)
		goto oom;
	if (!schema_check(config_fields, config->root, where(config), err,
			  size))
		goto out;
	for (; sets && *sets; sets++) {
		if (!set_apply(config->root, *sets, err, size))
			goto out;
		if (!sets_keep(config, *sets))
			goto oom;
	}
	ok = true;
	goto out;
oom:
	(void)snprintf(err, size, "out of memory");
out:
	if (ok)
		*cp = config;
	else
		config_free(config);
	return ok;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->set_count; i++)
		free(config->sets[i]);
	free(config->sets);
	cJSON_Delete(config->root);
	free(config->file);
	free(config);
}

const cJSON *config_root(const struct config *config)
{
	return config->root;
}

bool config_set(struct config *config, const char *path, const char *value,
		char *err, size_t size)
{
	return schema_set(config_fields, config->root, path, value, err, size);
}

static const cJSON *element_find(const cJSON *list, const char *name)
{
	const cJSON *e;

	cJSON_ArrayForEach(e, list)
	{
		const char *n = schema_string(e, "name", NULL);

		if (n && name && !strcmp(n, name))
			return e;
	}
	return NULL;
}

/* --set accounts.carrier.expires=60 must win over the script's table too:
 * apply those for this element to a root that holds just it. */
static cJSON *element_set(const struct config *config, const char *list,
			  cJSON *element, char *err, size_t size)
{
	const char *name = schema_string(element, "name", NULL);
	cJSON *root = cJSON_CreateObject();
	cJSON *array = cJSON_AddArrayToObject(root, list);
	char prefix[128];
	bool ok = true;

	(void)snprintf(prefix, sizeof(prefix), "%s.%s.", list,
		       name ? name : "");
	cJSON_AddItemToArray(array, element);
	for (size_t i = 0; ok && i < config->set_count; i++)
		if (!strncmp(config->sets[i], prefix, strlen(prefix)))
			ok = set_apply(root, config->sets[i], err, size);
	element = ok ? cJSON_DetachItemFromArray(array, 0) : NULL;
	cJSON_Delete(root);
	return element;
}

static cJSON *element_of(const struct config *config, const char *kind,
			 const char *list, const struct schema *fields,
			 const cJSON *table, char *err, size_t size)
{
	const cJSON *in_file = element_find(schema_get(config->root, list),
					    schema_string(table, "name", NULL));
	cJSON *element;
	char prefix[64];

	element =
		in_file ? cJSON_Duplicate(in_file, true) : cJSON_CreateObject();
	if (!element || (table && !schema_merge(element, table))) {
		(void)snprintf(err, size, "out of memory");
		cJSON_Delete(element);
		return NULL;
	}
	(void)snprintf(prefix, sizeof(prefix), "moon.%s", kind);
	if (!schema_check(fields, element, prefix, err, size)) {
		cJSON_Delete(element);
		return NULL;
	}
	return element_set(config, list, element, err, size);
}

cJSON *config_element(const struct config *config, const char *kind,
		      const cJSON *table, char *err, size_t size)
{
	static const struct {
		const char *kind, *list;
		const struct schema *fields;
	} kinds[] = {
		{"account", "accounts", config_account_fields},
		{"trunk", "trunks", config_trunk_fields},
		{"endpoint", "endpoints", config_endpoint_fields},
	};
	size_t k = 0;

	while (strcmp(kinds[k].kind, kind) != 0)
		k++;
	return element_of(config, kind, kinds[k].list, kinds[k].fields, table,
			  err, size);
}

static void secrets_remove(cJSON *list)
{
	cJSON *e;

	cJSON_ArrayForEach(e, list)
	{
		cJSON_DeleteItemFromObjectCaseSensitive(e, "password");
		cJSON_DeleteItemFromObjectCaseSensitive(e, "ha1");
		cJSON_DeleteItemFromObjectCaseSensitive(e, "ha1_sha256");
	}
}

cJSON *config_public(const struct config *config)
{
	cJSON *copy = cJSON_Duplicate(config->root, true);

	if (copy)
		secrets_remove(
			cJSON_GetObjectItemCaseSensitive(copy, "accounts"));
	if (copy)
		secrets_remove(
			cJSON_GetObjectItemCaseSensitive(copy, "endpoints"));
	return copy;
}
