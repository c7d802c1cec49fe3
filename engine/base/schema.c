/* schema.c -- checking values against a schema */
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/nearest.h"
#include "base/schema.h"
#include "base/schema_path.h"

enum {
	TEXT_SIZE = 256,
	NAMES_MAX = 128, /* fields or choices of one table */
};

/* Where we are, for messages: a path that grows and shrinks in one buffer. */
struct place {
	const char *where;
	char path[TEXT_SIZE];
	char *err;
	size_t size;
};

static bool check_value(struct place *place, const struct schema *field,
			const cJSON *value);

static struct place begin(const char *where, char *err, size_t size)
{
	struct place place;

	place.where = where;
	place.path[0] = '\0';
	place.err = err;
	place.size = size;
	return place;
}

__attribute__((format(printf, 2, 3))) static bool
fail(const struct place *place, const char *fmt, ...)
{
	const char *where = place->where && *place->where ? place->where : NULL;
	va_list ap;
	int n;

	n = snprintf(place->err, place->size, "%s%s%s%s", where ? where : "",
		     where ? ": " : "", place->path, *place->path ? ": " : "");
	if (n < 0 || (size_t)n >= place->size)
		return false;
	va_start(ap, fmt);
	vsnprintf(place->err + n, place->size - (size_t)n, fmt, ap);
	va_end(ap);
	return false;
}

/* Lengthen the path; returns what to give to leave(). */
__attribute__((format(printf, 2, 3))) static size_t enter(struct place *place,
							  const char *fmt, ...)
{
	size_t n = strlen(place->path);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(place->path + n, sizeof(place->path) - n, fmt, ap);
	va_end(ap);
	return n;
}

static void leave(struct place *place, size_t n)
{
	place->path[n] = '\0';
}

static const char *separator(const struct place *place)
{
	return *place->path ? "." : "";
}

static const char *expected(enum schema_type type)
{
	switch (type) {
	case SCHEMA_STRING:
		return "a string";
	case SCHEMA_INTEGER:
		return "a whole number";
	case SCHEMA_NUMBER:
		return "a number";
	case SCHEMA_BOOLEAN:
		return "true or false";
	case SCHEMA_NUMBER_OR_BOOLEAN:
		return "true, false or a number";
	case SCHEMA_TABLE:
		return "a table";
	case SCHEMA_LIST:
		return "a list";
	case SCHEMA_STRING_OR_LIST:
		return "a string or a list of strings";
	case SCHEMA_ANY:
		break;
	}
	return "a value";
}

static const char *describe(const cJSON *value, char text[TEXT_SIZE])
{
	/* %.40s may hold a secret's beginning: a string's text is not shown */
	if (cJSON_IsString(value))
		return "a string";
	if (cJSON_IsBool(value))
		return cJSON_IsTrue(value) ? "true" : "false";
	if (cJSON_IsObject(value))
		return "a table";
	if (cJSON_IsArray(value))
		return "a list";
	if (cJSON_IsNumber(value)) {
		snprintf(text, TEXT_SIZE, "the number %.15g",
			 value->valuedouble);
		return text;
	}
	return "nothing";
}

static bool wrong_type(const struct place *place, const struct schema *field,
		       const cJSON *value)
{
	char text[TEXT_SIZE];

	return fail(place, "expected %s, got %s", expected(field->type),
		    describe(value, text));
}

static bool unknown_key(const struct place *place, const struct schema *fields,
			const char *key)
{
	const char *names[NAMES_MAX], *near;
	size_t n = 0;

	for (; fields->name && n < NAMES_MAX; fields++)
		names[n++] = fields->name;
	near = nearest_name(key, names, n);
	if (near)
		return fail(place, "unknown key; did you mean '%s'?", near);
	return fail(place, "unknown key");
}

static bool check_choice(const struct place *place, const struct schema *field,
			 const char *text)
{
	char list[TEXT_SIZE] = "";
	const char *near;
	size_t count, n = 0;

	for (count = 0; field->choices[count]; count++)
		if (!strcmp(field->choices[count], text))
			return true;
	for (size_t i = 0; i < count && n < sizeof(list); i++)
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s'%s'",
				      i ? ", " : "", field->choices[i]);
	near = nearest_name(text, field->choices, count);
	if (near)
		return fail(place, "'%s' is not one of %s; did you mean '%s'?",
			    text, list, near);
	return fail(place, "'%s' is not one of %s", text, list);
}

static bool check_more(const struct place *place, const struct schema *field,
		       const cJSON *value)
{
	char why[TEXT_SIZE] = "not a valid value";

	if (!field->check || field->check(value, why, sizeof(why)))
		return true;
	return fail(place, "%s", why);
}

static bool check_string(const struct place *place, const struct schema *field,
			 const cJSON *value)
{
	if (!cJSON_IsString(value))
		return wrong_type(place, field, value);
	if (field->choices && !check_choice(place, field, value->valuestring))
		return false;
	return check_more(place, field, value);
}

static bool check_number(const struct place *place, const struct schema *field,
			 const cJSON *value)
{
	const double number = value->valuedouble;
	const char *unit = field->unit ? field->unit : "";
	const char *space = field->unit ? " " : "";

	if (!cJSON_IsNumber(value) || !isfinite(number) ||
	    (field->type == SCHEMA_INTEGER && number != floor(number)))
		return wrong_type(place, field, value);
	if (field->min < field->max &&
	    (number < field->min || number > field->max)) {
		/* an end that is out of all reach says nothing */
		if (field->max >= DBL_MAX)
			return fail(place,
				    "must be at least %.15g%s%s, not %.15g",
				    field->min, space, unit, number);
		return fail(place, "must be from %.15g to %.15g%s%s, not %.15g",
			    field->min, field->max, space, unit, number);
	}
	return check_more(place, field, value);
}

/* An empty table of Lua is a list and a table at once. */
static bool is_empty(const cJSON *value)
{
	return (cJSON_IsObject(value) || cJSON_IsArray(value)) && !value->child;
}

static bool check_list(struct place *place, const struct schema *field,
		       const cJSON *value)
{
	const struct schema string = {
		.type = SCHEMA_STRING,
		.choices = field->choices,
		.check = field->check,
	};
	const struct schema *item = field->item;
	const cJSON *element;
	int i = 0;

	if (!cJSON_IsArray(value) && !is_empty(value))
		return wrong_type(place, field, value);
	if (!item && field->type == SCHEMA_STRING_OR_LIST)
		item = &string;
	cJSON_ArrayForEach(element, value)
	{
		size_t n = enter(place, "[%d]", ++i); /* as Lua counts */

		if (item && !check_value(place, item, element))
			return false;
		leave(place, n);
	}
	return field->type == SCHEMA_STRING_OR_LIST ||
	       check_more(place, field, value);
}

static const struct schema *find_field(const struct schema *fields,
				       const char *name)
{
	for (; fields->name; fields++)
		if (!strcmp(fields->name, name))
			return fields;
	return NULL;
}

static bool check_fields(struct place *place, const struct schema *fields,
			 const cJSON *value)
{
	const struct schema *field;
	const cJSON *member;

	cJSON_ArrayForEach(member, value)
	{
		size_t n = enter(place, "%s%s", separator(place),
				 member->string ? member->string : "?");

		field = find_field(fields,
				   member->string ? member->string : "");
		if (!field)
			return unknown_key(place, fields,
					   member->string ? member->string
							  : "");
		if (!check_value(place, field, member))
			return false;
		leave(place, n);
	}
	for (field = fields; field->name; field++) {
		if (!field->required ||
		    cJSON_GetObjectItemCaseSensitive(value, field->name))
			continue;
		enter(place, "%s%s", separator(place), field->name);
		return fail(place, "missing: %s is required",
			    expected(field->type));
	}
	return true;
}

static bool check_table(struct place *place, const struct schema *field,
			const cJSON *value)
{
	if (!cJSON_IsObject(value) && !is_empty(value))
		return wrong_type(place, field, value);
	if (field->fields && !check_fields(place, field->fields, value))
		return false;
	return check_more(place, field, value);
}

static bool check_value(struct place *place, const struct schema *field,
			const cJSON *value)
{
	switch (field->type) {
	case SCHEMA_STRING:
		return check_string(place, field, value);
	case SCHEMA_INTEGER:
	case SCHEMA_NUMBER:
		return check_number(place, field, value);
	case SCHEMA_BOOLEAN:
		return cJSON_IsBool(value) ? check_more(place, field, value)
					   : wrong_type(place, field, value);
	case SCHEMA_NUMBER_OR_BOOLEAN:
		return cJSON_IsBool(value) ? check_more(place, field, value)
					   : check_number(place, field, value);
	case SCHEMA_TABLE:
		return check_table(place, field, value);
	case SCHEMA_STRING_OR_LIST:
		if (cJSON_IsString(value))
			return check_string(place, field, value);
		return check_list(place, field, value);
	case SCHEMA_LIST:
		return check_list(place, field, value);
	case SCHEMA_ANY:
		return check_more(place, field, value);
	}
	return false;
}

bool schema_check(const struct schema *fields, const cJSON *value,
		  const char *where, char *err, size_t size)
{
	const struct schema root = {.type = SCHEMA_TABLE, .fields = fields};
	struct place place = begin(where, err, size);

	return check_value(&place, &root, value);
}

bool schema_check_field(const struct schema *field, const cJSON *value,
			const char *path, char *err, size_t size)
{
	struct place place = begin(NULL, err, size);

	enter(&place, "%s", path);
	return check_value(&place, field, value);
}

const struct schema *schema_find(const struct schema *fields, const char *name,
				 const char *path, char *err, size_t size)
{
	const struct schema *field = find_field(fields, name);
	struct place place = begin(NULL, err, size);

	if (!field) {
		enter(&place, "%s", path);
		unknown_key(&place, fields, name);
	}
	return field;
}
