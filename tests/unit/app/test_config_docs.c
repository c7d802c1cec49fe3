/* docs/configuration.md and the schema tell the same keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"

static char manual[65536];

static int setup(void **state)
{
	FILE *f = fopen(SOURCE_DIR "/docs/configuration.md", "r");
	(void)state;

	assert_non_null(f);
	assert_true(fread(manual, 1, sizeof(manual) - 1, f) > 1000);
	return fclose(f);
}

/* A row "| `path` | …" for each field that isn't a table of others. */
static unsigned fields_told(const struct schema *fields, const char *prefix)
{
	unsigned count = 0;

	for (; fields->name; fields++) {
		char path[128], row[160];

		(void)snprintf(path, sizeof(path), "%s%s", prefix,
			       fields->name);
		if ((fields->type == SCHEMA_TABLE && fields->fields) ||
		    (fields->item && fields->item->fields)) {
			(void)snprintf(row, sizeof(row), "%s.", path);
			count += fields_told(fields->fields
						     ? fields->fields
						     : fields->item->fields,
					     row);
			continue;
		}
		(void)snprintf(row, sizeof(row), "\n| `%s` | ", path);
		if (!strstr(manual, row))
			fail_msg("docs/configuration.md lacks %s", path);
		count++;
	}
	return count;
}

static void each_key_is_told_and_no_other(void **state)
{
	unsigned rows = 0;
	(void)state;

	for (const char *at = manual; (at = strstr(at, "\n| `")); at++)
		rows++;
	/* one row more: MOONDIAL_SHARE */
	assert_int_equal(fields_told(config_fields, "") + 1, rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_is_told_and_no_other),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
