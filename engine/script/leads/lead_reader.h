/* lead_reader.h -- leads out of a CSV file, ready for their table
 *
 * Numbers are normalised, zones looked up, the other columns made JSON here, so
 * that a million of them cost no Lua. One thread at a time.
 */
#ifndef MOONDIAL_SCRIPT_LEADS_LEAD_READER_H
#define MOONDIAL_SCRIPT_LEADS_LEAD_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LEAD_NUMBERS_MAX = 10, LEAD_COLUMNS_MAX = 1000 };

/* What a column is. A number's column is a field of its own, too, unless it is
 * the first: the flow sees what the file says. */
enum lead_column { LEAD_FIELD, LEAD_NUMBER, LEAD_PRIORITY, LEAD_ZONE };

struct lead_columns {
	size_t count;
	char **names;		/* of the header, in lower case */
	enum lead_column *what; /* NUMBER: see order */
	/* columns with numbers, in the order in which they are tried */
	size_t numbers[LEAD_NUMBERS_MAX], number_count;
};

struct lead {
	unsigned long line;
	char *error; /* why it is left out; the rest is empty then */
	char *note;  /* what of it is left out; NULL: nothing */
	char phone[24];
	char *others;	  /* numbers to be tried, the first one too, comma-
			     separated; NULL: there is one only */
	const char *type; /* of the first number; NULL: not known */
	char *zones;	  /* IANA names, comma-separated; NULL: not known */
	int64_t priority;
	char *fields; /* JSON: an object of texts */
};

struct lead_reader;

/* PATH begins with a header, which is skipped. REGION: "US"; NULL: numbers stay
 * as they are, but for what stands between their digits. COLUMNS is taken over,
 * also on failure: its names and kinds are freed. errno of opening PATH. */
int lead_reader_open(struct lead_reader **rp, const char *path,
		     const char *region, struct lead_columns *columns);
void lead_reader_close(struct lead_reader *reader);

/* Up to MAX leads into LEADS; how many. 0: the end, or a read error in *ERR
 * (errno). Clear each when done. */
size_t lead_reader_read(struct lead_reader *reader, struct lead *leads,
			size_t max, int *err);
void lead_clear(struct lead *lead);

/* TEXT without what stands between digits (RFC 3966 5.1.1), where no region is
 * given. EINVAL with the reason in WHY. */
int lead_plain_number(char out[24], const char *text, char *why, size_t size);

/* Whether the system knows the time zone NAME. */
bool lead_zone_known(const char *name);

#endif
