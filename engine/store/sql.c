#include <stdint.h>
#include <string.h>
#include "store/sql.h"

bool sql_is_builtin(const char *sql)
{
	uintptr_t at = (uintptr_t)sql, first = (uintptr_t)sql_text;

	return at >= first && at < first + sql_text_size;
}

const char *sql_query(const char *name)
{
	size_t low = 0, high = sql_queries_count;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(name, sql_queries[mid].name);

		if (!order)
			return sql_queries[mid].text;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}

	return NULL;
}
