/* numbers.h -- telephone numbers by the million, on disk
 *
 * A list of numbers that must not be called is sorted once, when it comes, and
 * then asked: of a list of ten million an index of 160 KB is in memory, and a
 * question costs one read of a page of 4 KB. The file never changes (a newer
 * list is another file), so it may be asked while a newer one is made.
 *
 *   "MOONNUM1" | numbers | pages | first number of each page | pages of 512
 *   all of it 64-bit little-endian, sorted; what is left of the last page is 0
 *
 * May wait for a disk. Any thread, one at a time for each object.
 */
#ifndef MOONDIAL_BASE_NUMBERS_H
#define MOONDIAL_BASE_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct numbers;

/* The digits of an E.164 number, with or without its +, as one integer. False:
 * it has other characters, no digit but 0, or more than 15 digits. */
bool numbers_key(const char *text, uint64_t *key);

/* Free with mem_deref(). errno value; EBADMSG: the file is none, or cut off. */
int numbers_open(struct numbers **np, const char *path);
uint64_t numbers_count(const struct numbers *numbers);
/* EIO and the like: it can't be read. */
int numbers_has(const struct numbers *numbers, uint64_t key, bool *has);

/* ---- making one -------------------------------------------------------- */

enum { NUMBERS_BAD_SHOWN = 20, NUMBERS_LINE_MAX = 1024 };

struct numbers_import {
	/* given */
	const char *source;  /* one number a line, or a CSV's first column */
	const char *path;    /* the file to be made; replaced as a whole */
	const char *country; /* calling code of numbers without one: "1", "44";
				NULL: all have theirs, and a + or 00 or at
				least 11 digits show it */
	/* counted */
	uint64_t lines, numbers, duplicates, bad;
	uint64_t bad_lines[NUMBERS_BAD_SHOWN]; /* the first ones */
};

/* errno value of what could not be read, written or allocated. */
int numbers_build(struct numbers_import *import);

/* One line of a source → its number. As people write them (spaces, dashes,
 * dots, brackets, quotes); an area code of three digits and a number of seven
 * in two columns, as the US registry gives them, are one. False: there is
 * none. */
bool numbers_line(const char *line, const char *country, uint64_t *key);

#endif
