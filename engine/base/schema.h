/* schema.h -- what keys a table of options may hold
 *
 * One schema serves the configuration file, --set, and tables that scripts
 * give (moon.account{…}). It knows no telephony: rooms define the fields.
 */
#ifndef MOONDIAL_BASE_SCHEMA_H
#define MOONDIAL_BASE_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <cjson/cJSON.h>

enum schema_type {
	SCHEMA_STRING,
	SCHEMA_INTEGER,
	SCHEMA_NUMBER, /* seconds are numbers, fractions allowed */
	SCHEMA_BOOLEAN,
	SCHEMA_NUMBER_OR_BOOLEAN, /* true: by default; false: not at all */
	SCHEMA_TABLE,	       /* fields below it; without fields: any keys */
	SCHEMA_LIST,	       /* of ITEM */
	SCHEMA_STRING_OR_LIST, /* "a" or {"a", "b"}; choices and check are of
				* each string */
	SCHEMA_ANY,
};

struct schema {
	const char *name; /* NULL ends a list of fields */
	enum schema_type type;
	bool required;
	double min, max;	     /* when min < max */
	const char *const *choices;  /* NULL-terminated, or NULL */
	const struct schema *fields; /* of SCHEMA_TABLE; NULL: any keys */
	const struct schema *item;   /* of SCHEMA_LIST: one element */
	const char *unit;	     /* "s", "bytes", … for the manual */
	const char *def;	     /* default as shown in the manual */
	const char *help;	     /* a sentence for the manual */
	/* Says more than the type can (an address, a URI); false with ERR set.
	 */
	bool (*check)(const cJSON *value, char *err, size_t size);
};

/* Check VALUE (an object) against FIELDS. False with a message in ERR that
 * names the key's path below WHERE and, for an unknown key, the nearest:
 *   moondial.lua: accounts[2].registar: unknown key; did you mean 'registrar'?
 */
bool schema_check(const struct schema *fields, const cJSON *value,
		  const char *where, char *err, size_t size);

/* Set PATH ("rtp.port_min", "accounts.carrier.expires": in a list of tables
 * an element is found by its name, and made when there is none) in ROOT to
 * TEXT, converted to the field's type: a list is "a, b" or JSON, a table JSON.
 * Only this value is checked, not what else is required. False with ERR, and
 * ROOT as it was. */
bool schema_set(const struct schema *fields, cJSON *root, const char *path,
		const char *text, char *err, size_t size);

/* Values by path; the fallback when absent. Strings are borrowed from ROOT. */
const cJSON *schema_get(const cJSON *root, const char *path);
const char *schema_string(const cJSON *root, const char *path,
			  const char *fallback);
double schema_number(const cJSON *root, const char *path, double fallback);
bool schema_boolean(const cJSON *root, const char *path, bool fallback);

/* Merge FROM into INTO, key by key; lists of tables with a `name` merge
 * element by element. False when out of memory. */
bool schema_merge(cJSON *into, const cJSON *from);

#endif
