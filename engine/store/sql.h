/* sql.h -- db/migrations and db/queries, built into the program
 *
 * Made by db/embed.cmake; constant, any thread.
 */
#ifndef MOONDIAL_STORE_SQL_H
#define MOONDIAL_STORE_SQL_H

#include <stdbool.h>
#include <stddef.h>

struct sql_entry {
	const char *name; /* file name without .sql */
	const char *text;
};

/* In order of their names: migration 0001_… is sql_migrations[0]. */
extern const struct sql_entry sql_migrations[];
extern const size_t sql_migrations_count;
extern const struct sql_entry sql_queries[];
extern const size_t sql_queries_count;

/* All texts, one after the other. */
extern const char sql_text[];
extern const size_t sql_text_size;

/* True when SQL is one of the built-in texts, not a copy. */
bool sql_is_builtin(const char *sql);

/* The built-in query NAME, or NULL. */
const char *sql_query(const char *name);

#endif
