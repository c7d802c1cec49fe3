/* fuzz_leads.c -- a file of leads, as rows of their table
 *
 * The first byte says whether numbers have a region. Every row either says why
 * it is none, or has a number that is one, with its zones, and fields that are
 * JSON.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cjson/cJSON.h>
#include "script/leads/lead_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { LEADS = 5 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* phone,mobile,priority,timezone,name */
static void columns_of(struct lead_columns *columns)
{
	static const char *const names[] = {"phone", "mobile", "priority",
					    "timezone", "name"};
	static const enum lead_column what[] = {
		LEAD_NUMBER, LEAD_NUMBER, LEAD_PRIORITY, LEAD_ZONE, LEAD_FIELD};

	memset(columns, 0, sizeof(*columns));
	columns->count = 5;
	columns->names = calloc(5, sizeof(*columns->names));
	columns->what = calloc(5, sizeof(*columns->what));
	require(columns->names && columns->what);
	for (size_t i = 0; i < 5; i++) {
		columns->names[i] = strdup(names[i]);
		columns->what[i] = what[i];
		require(columns->names[i] != NULL);
	}
	columns->numbers[0] = 0;
	columns->numbers[1] = 1;
	columns->number_count = 2;
}

static void check(const struct lead *lead, bool region)
{
	cJSON *fields;
	size_t digits;

	require(lead->line > 0);
	if (lead->error) {
		require(*lead->error != '\0');
		return;
	}
	digits = strspn(lead->phone + (*lead->phone == '+'), "0123456789");
	require(digits >= 2 &&
		lead->phone[digits + (*lead->phone == '+')] == '\0');
	require(!region || (*lead->phone == '+' && lead->type));
	require(!lead->others ||
		(!strncmp(lead->others, lead->phone, strlen(lead->phone)) &&
		 strchr(lead->others, ',')));
	require(!lead->zones || *lead->zones);
	fields = cJSON_Parse(lead->fields);
	require(cJSON_IsObject(fields));
	cJSON_Delete(fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const bool region = size > 0 && bytes[0] % 2;
	struct lead_reader *reader = NULL;
	struct lead_columns columns;
	struct lead leads[LEADS];
	char path[64];
	size_t n;
	int fd, err;

	if (size == 0)
		return 0;
	fd = memfd_create("leads", MFD_CLOEXEC);
	require(fd >= 0 && write(fd, bytes + 1, size - 1) == (ssize_t)size - 1);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	columns_of(&columns);
	require(!lead_reader_open(&reader, path, region ? "US" : NULL,
				  &columns));
	while ((n = lead_reader_read(reader, leads, LEADS, &err)) > 0) {
		for (size_t i = 0; i < n; i++) {
			check(&leads[i], region);
			lead_clear(&leads[i]);
		}
	}
	require(!err);
	lead_reader_close(reader);
	(void)close(fd);
	return 0;
}
