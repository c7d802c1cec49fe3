/* schema_path.c -- values by path: set, get, merge */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "base/schema.h"
#include "base/schema_path.h"

enum { PATH_SIZE = 256 };

static cJSON *find_named(const cJSON *list, const char *name)
{
	cJSON *element;

	cJSON_ArrayForEach(element, list)
	{
		const cJSON *own =
			cJSON_GetObjectItemCaseSensitive(element, "name");

		if (cJSON_IsString(own) && !strcmp(own->valuestring, name))
			return element;
	}
	return NULL;
}

static cJSON *find_child(const cJSON *parent, const char *name)
{
	if (cJSON_IsArray(parent))
		return find_named(parent, name);
	return cJSON_GetObjectItemCaseSensitive(parent, name);
}

/* Cuts the first name off *PATH into NAME. False when it is empty or long. */
static bool next_name(const char **path, char name[PATH_SIZE])
{
	size_t n = strcspn(*path, ".");

	if (!n || n >= PATH_SIZE)
		return false;
	memcpy(name, *path, n);
	name[n] = '\0';
	*path += n;
	if (**path == '.') {
		(*path)++;
		return **path != '\0';
	}
	return true;
}

static cJSON *parse_boolean(const char *text)
{
	static const char *const yes[] = {"true", "yes", "on", "1"};
	static const char *const no[] = {"false", "no", "off", "0"};

	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		if (!strcasecmp(text, yes[i]))
			return cJSON_CreateTrue();
		if (!strcasecmp(text, no[i]))
			return cJSON_CreateFalse();
	}
	return NULL;
}

static cJSON *parse_number(const char *text)
{
	char *end;
	double number = strtod(text, &end);

	if (end == text || *end || isspace((unsigned char)*text))
		return NULL;
	return cJSON_CreateNumber(number);
}

static cJSON *parse_json(const char *text)
{
	return cJSON_ParseWithOpts(text, NULL, true);
}

static cJSON *convert(const struct schema *field, const char *text);

/* "a, b": each converted as the list's element. */
static cJSON *split_list(const struct schema *field, const char *text)
{
	static const struct schema string = {.type = SCHEMA_STRING};
	const struct schema *item = field->item ? field->item : &string;
	cJSON *list = cJSON_CreateArray();

	while (list && *text) {
		size_t n = strcspn(text, ","), used = n;
		const char *next = text + n + (text[n] == ',');
		char *piece;
		cJSON *value;

		for (; n && isspace((unsigned char)*text); n--)
			text++;
		while (n && isspace((unsigned char)text[n - 1]))
			n--;
		piece = strndup(text, n);
		value = piece && used ? convert(item, piece) : NULL;
		free(piece);
		if (!value || !cJSON_AddItemToArray(list, value)) {
			cJSON_Delete(value);
			cJSON_Delete(list);
			return NULL;
		}
		text = next;
	}
	return list;
}

static cJSON *convert_list(const struct schema *field, const char *text)
{
	if (*text == '[')
		return parse_json(text);
	return split_list(field, text);
}

/* NULL when TEXT is not of the field's type (or memory is out). */
static cJSON *convert(const struct schema *field, const char *text)
{
	cJSON *value;

	switch (field->type) {
	case SCHEMA_STRING:
		return cJSON_CreateString(text);
	case SCHEMA_INTEGER:
	case SCHEMA_NUMBER:
		return parse_number(text);
	case SCHEMA_BOOLEAN:
		return parse_boolean(text);
	case SCHEMA_NUMBER_OR_BOOLEAN:
		value = parse_number(text);
		return value ? value : parse_boolean(text);
	case SCHEMA_TABLE:
		return parse_json(text);
	case SCHEMA_LIST:
		return convert_list(field, text);
	case SCHEMA_STRING_OR_LIST:
		if (!strpbrk(text, ",[") || *text == '\0')
			return cJSON_CreateString(text);
		return convert_list(field, text);
	case SCHEMA_ANY:
		value = parse_json(text);
		return value ? value : cJSON_CreateString(text);
	}
	return NULL;
}

/* TEXT as FIELD's value, checked; NULL with ERR. */
static cJSON *make_value(const struct schema *field, const char *path,
			 const char *text, char *err, size_t size)
{
	cJSON *value = convert(field, text);
	cJSON *as_text;

	if (!value) {
		/* Complain as for a string, which is what was given. */
		as_text = cJSON_CreateString(text);
		if (schema_check_field(field, as_text, path, err, size))
			snprintf(err, size, "%s: not a valid value", path);
		cJSON_Delete(as_text);
		return NULL;
	}
	if (!schema_check_field(field, value, path, err, size)) {
		cJSON_Delete(value);
		return NULL;
	}
	return value;
}

static bool put_child(cJSON *object, const char *name, cJSON *value)
{
	bool ok;

	if (!value)
		return false;
	if (cJSON_GetObjectItemCaseSensitive(object, name))
		ok = cJSON_ReplaceItemInObjectCaseSensitive(object, name,
							    value);
	else
		ok = cJSON_AddItemToObject(object, name, value);
	if (!ok)
		cJSON_Delete(value);
	return ok;
}

/* The child NAME of OBJECT, made with MAKE when absent or of another kind. */
static cJSON *need_child(cJSON *object, const char *name, cJSON *(*make)(void),
			 cJSON_bool (*is)(const cJSON *))
{
	cJSON *child = cJSON_GetObjectItemCaseSensitive(object, name);

	if (is(child))
		return child;
	child = make();
	return put_child(object, name, child) ? child : NULL;
}

static cJSON *need_named(cJSON *list, const char *name)
{
	cJSON *element = find_named(list, name);

	if (element)
		return element;
	element = cJSON_CreateObject();
	if (!element || !cJSON_AddStringToObject(element, "name", name) ||
	    !cJSON_AddItemToArray(list, element)) {
		cJSON_Delete(element);
		return NULL;
	}
	return element;
}

/* Of a table that takes any keys, at any depth. */
static const struct schema free_field = {.name = "", .type = SCHEMA_ANY};

/* Walks PATH down from ROOT, each name against its schema; tables on the way
 * are made. With a NULL root only the path is checked; with one that was
 * checked, only memory can be missing. */
static bool set_below(const struct schema *fields, cJSON *root,
		      const char *path, const cJSON *value,
		      const struct schema **fieldp, char *err, size_t size)
{
	const char *whole = path;
	const struct schema *field;
	char name[PATH_SIZE];
	cJSON *at = root;

	for (;;) {
		if (!next_name(&path, name)) {
			snprintf(err, size, "%s: not a path of names", whole);
			return false;
		}
		field = fields == &free_field
				? &free_field
				: schema_find(fields, name, whole, err, size);
		if (!field)
			return false;
		*fieldp = field;
		if (!*path)
			return !root ||
			       put_child(at, name, cJSON_Duplicate(value, 1));

		if (field->type == SCHEMA_LIST && field->item &&
		    field->item->type == SCHEMA_TABLE) {
			if (root)
				at = need_child(at, name, cJSON_CreateArray,
						cJSON_IsArray);
			if (!next_name(&path, name) || !*path) {
				snprintf(err, size,
					 "%s: expected the name of an element "
					 "and one of its keys",
					 whole);
				return false;
			}
			if (at)
				at = need_named(at, name);
			fields = field->item->fields ? field->item->fields
						     : &free_field;
		} else if (field->type == SCHEMA_TABLE ||
			   field == &free_field) {
			if (root)
				at = need_child(at, name, cJSON_CreateObject,
						cJSON_IsObject);
			fields = field->fields ? field->fields : &free_field;
		} else {
			fields = NULL;
		}
		if (!fields) {
			snprintf(err, size, "%s: '%s' has no keys", whole,
				 name);
			return false;
		}
		if (root && !at)
			return false;
	}
}

bool schema_set(const struct schema *fields, cJSON *root, const char *path,
		const char *text, char *err, size_t size)
{
	const struct schema *field;
	cJSON *value;
	bool ok;

	/* Nothing is changed unless path and value are right. */
	if (!set_below(fields, NULL, path, NULL, &field, err, size))
		return false;
	value = make_value(field, path, text, err, size);
	if (!value)
		return false;
	ok = set_below(fields, root, path, value, &field, err, size);
	if (!ok)
		snprintf(err, size, "out of memory");
	cJSON_Delete(value);
	return ok;
}

const cJSON *schema_get(const cJSON *root, const char *path)
{
	char name[PATH_SIZE];

	while (root && *path) {
		if (!next_name(&path, name))
			return NULL;
		root = find_child(root, name);
	}
	return root;
}

const char *schema_string(const cJSON *root, const char *path,
			  const char *fallback)
{
	const cJSON *value = schema_get(root, path);

	return cJSON_IsString(value) ? value->valuestring : fallback;
}

double schema_number(const cJSON *root, const char *path, double fallback)
{
	const cJSON *value = schema_get(root, path);

	return cJSON_IsNumber(value) ? value->valuedouble : fallback;
}

bool schema_boolean(const cJSON *root, const char *path, bool fallback)
{
	const cJSON *value = schema_get(root, path);

	return cJSON_IsBool(value) ? (bool)cJSON_IsTrue(value) : fallback;
}

/* A list, not empty, of tables that have a name each. */
static bool is_named_list(const cJSON *value)
{
	const cJSON *element;

	if (!cJSON_IsArray(value) || !value->child)
		return false;
	cJSON_ArrayForEach(element, value)
	{
		if (!cJSON_IsString(
			    cJSON_GetObjectItemCaseSensitive(element, "name")))
			return false;
	}
	return true;
}

static bool merge_list(cJSON *into, const cJSON *from)
{
	const cJSON *element;

	cJSON_ArrayForEach(element, from)
	{
		const cJSON *name =
			cJSON_GetObjectItemCaseSensitive(element, "name");
		cJSON *own = need_named(into, name->valuestring);

		if (!own || !schema_merge(own, element))
			return false;
	}
	return true;
}

bool schema_merge(cJSON *into, const cJSON *from)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, from)
	{
		cJSON *own =
			cJSON_GetObjectItemCaseSensitive(into, member->string);
		bool ok;

		if (cJSON_IsObject(own) && cJSON_IsObject(member))
			ok = schema_merge(own, member);
		else if (is_named_list(own) && is_named_list(member))
			ok = merge_list(own, member);
		else
			ok = put_child(into, member->string,
				       cJSON_Duplicate(member, 1));
		if (!ok)
			return false;
	}
	return true;
}
