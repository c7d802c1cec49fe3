/* define.h -- accounts and trunks from configuration and scripts */
#ifndef MOONDIAL_APP_DEFINE_H
#define MOONDIAL_APP_DEFINE_H

#include <stdbool.h>
#include <stddef.h>
#include <cjson/cJSON.h>

struct accounts;
struct trunks;

/* Apply a checked table ("account" or "trunk"). False with ERR. */
bool define_apply(struct accounts *accounts, struct trunks *trunks,
		  const char *kind, const cJSON *table, char *err, size_t size);

/* A string or a list of strings → NULL-terminated vector of borrowed strings
 * (free the vector only), or NULL when VALUE is absent or empty. */
const char **define_strings(const cJSON *value);

#endif
