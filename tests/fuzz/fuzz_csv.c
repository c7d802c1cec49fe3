/* fuzz_csv.c -- a file of leads, as records with their lines
 *
 * Records come in the order of their lines, each with fields or with what is
 * wrong with it, and one that was read, written again and read again is the
 * same.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "script/csv.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { RECORDS = 7 };

static void require(bool ok)
{
	if (!ok)
		abort();
}

static struct csv_reader *reader_of(const void *bytes, size_t size, int *fd)
{
	struct csv_reader *reader = NULL;
	char path[64];

	*fd = memfd_create("csv", MFD_CLOEXEC);
	require(*fd >= 0 && write(*fd, bytes, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	require(!csv_open_file(&reader, path));
	return reader;
}

/* RECORD by RFC 4180, every field in quotes. */
static size_t write_record(const struct csv_record *record, char **text)
{
	size_t room = 3, len = 0;

	for (size_t i = 0; i < record->count; i++)
		room += 2 * strlen(record->fields[i]) + 3;
	*text = malloc(room);
	require(*text != NULL);
	for (size_t i = 0; i < record->count; i++) {
		if (i)
			(*text)[len++] = ',';
		(*text)[len++] = '"';
		for (const char *p = record->fields[i]; *p; p++) {
			if (*p == '"')
				(*text)[len++] = '"';
			(*text)[len++] = *p;
		}
		(*text)[len++] = '"';
	}
	(*text)[len++] = '\r';
	(*text)[len++] = '\n';
	return len;
}

static void again(const struct csv_record *record)
{
	struct csv_record same = {.line = 0};
	struct csv_reader *reader;
	char *text;
	size_t len = write_record(record, &text);
	int fd, err = 0;

	/* Writing may take it over the limit of a record. */
	if (len <= CSV_RECORD_MAX / 2) {
		reader = reader_of(text, len, &fd);
		require(csv_read(reader, &same, 1, &err) == 1 && !err);
		require(!same.error && same.count == record->count);
		for (size_t i = 0; i < same.count; i++)
			require(!strcmp(same.fields[i], record->fields[i]));
		csv_record_clear(&same);
		csv_close(reader);
		close(fd);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct csv_record records[RECORDS] = {{.line = 0}};
	struct csv_reader *reader;
	unsigned long line = 0;
	int fd, err = 0;
	size_t n;

	reader = reader_of(bytes, size, &fd);
	while ((n = csv_read(reader, records, RECORDS, &err))) {
		for (size_t i = 0; i < n; i++) {
			require(records[i].line > line);
			line = records[i].line;
			require(records[i].error || records[i].count);
			if (!records[i].error)
				again(&records[i]);
			csv_record_clear(&records[i]);
		}
		require(!err);
	}
	require(!err);
	csv_close(reader);
	close(fd);
	return 0;
}
