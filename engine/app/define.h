/* define.h -- accounts, trunks and endpoints from configuration and scripts */
#ifndef MOONDIAL_APP_DEFINE_H
#define MOONDIAL_APP_DEFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <cjson/cJSON.h>

struct accounts;
struct endpoint_params;
struct endpoints;
struct trunks;

/* Where they go. */
struct define {
	struct accounts *accounts;
	struct trunks *trunks;
	struct endpoints *endpoints;
	const cJSON *root; /* of define_check() */
};

/* Apply a checked table ("account", "trunk" or "endpoint"). False with ERR. */
bool define_apply(const struct define *define, const char *kind,
		  const cJSON *table, char *err, size_t size);

/* Whether the accounts, trunks and endpoints of a configuration can be defined,
 * and have names of their own. False with ERR, which begins with a path. */
bool define_check(const cJSON *root, char *err, size_t size);

/* Whether ELEMENT, a checked table, can be defined beside those of ROOT. False
 * with ERR. */
bool define_can(const cJSON *root, const char *kind, const cJSON *element,
		char *err, size_t size);

/* A checked endpoint's table; the parameters borrow from it. */
void define_endpoint(struct endpoint_params *params, const cJSON *table);

/* A string or a list of strings → NULL-terminated vector of borrowed strings
 * (free the vector only), or NULL when VALUE is absent or empty. */
const char **define_strings(const cJSON *value);

/* The folders in which prompts are looked for after the script's own: those of
 * the configuration ROOT (or NULL), then the engine's own, whose path is put
 * into OWN. NULL-terminated, to be freed; NULL: out of memory. */
const char **define_prompts(const cJSON *root, char *own, size_t size);

#endif
