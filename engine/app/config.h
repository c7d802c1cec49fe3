/* config.h -- the configuration: a Lua file, what scripts define, --set
 *
 * Three layers, the later ones win, field by field: the file (-c), tables that
 * scripts give (moon.account{…}), and --set KEY=VALUE of the command line. All
 * are checked against one schema (config_schema.c), which is also what
 * docs/configuration.md is checked against. Values are kept as a JSON tree.
 */
#ifndef MOONDIAL_APP_CONFIG_H
#define MOONDIAL_APP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <cjson/cJSON.h>

#include "base/schema.h"

struct config;

/* The fields of the whole file; of an element of `accounts`, `trunks` and
 * `endpoints`. */
extern const struct schema config_fields[];
extern const struct schema config_account_fields[];
extern const struct schema config_trunk_fields[];
extern const struct schema config_endpoint_fields[];

/* Read FILE (NULL: defaults only) and apply SETS ("rtp.port_min=20000", NULL-
 * terminated, or NULL). False with a message in ERR that names file and line,
 * or key path. *CP is given (config_free). */
bool config_load(struct config **cp, const char *file, const char *const *sets,
		 char *err, size_t size);
void config_free(struct config *config);

/* The tree of file and --set together. */
const cJSON *config_root(const struct config *config);

/* Set a path as --set does (for options such as --db). */
bool config_set(struct config *config, const char *path, const char *value,
		char *err, size_t size);

/* An element of list KIND ("account", "trunk", "endpoint") as it is in force
 * when a script gives TABLE: file, then TABLE, then --set. The caller deletes
 * it. NULL with ERR. TABLE NULL: as the file says. */
cJSON *config_element(const struct config *config, const char *kind,
		      const cJSON *table, char *err, size_t size);

/* A copy without passwords and HA1s, for moon.config and status. */
cJSON *config_public(const struct config *config);

/* A Lua file that returns a table → JSON. In it, env("NAME"[, default]) reads
 * the environment. False with "file:line: message". */
bool config_lua_read(const char *file, cJSON **tree, char *err, size_t size);

#endif
