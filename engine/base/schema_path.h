/* schema_path.h -- private to base: what schema.c does for schema_path.c */
#ifndef MOONDIAL_BASE_SCHEMA_PATH_H
#define MOONDIAL_BASE_SCHEMA_PATH_H

#include "base/schema.h"

/* Check the one VALUE of FIELD; PATH names it in ERR. */
bool schema_check_field(const struct schema *field, const cJSON *value,
			const char *path, char *err, size_t size);

/* The field NAME of FIELDS; NULL with ERR, in which PATH names it. */
const struct schema *schema_find(const struct schema *fields, const char *name,
				 const char *path, char *err, size_t size);

#endif
