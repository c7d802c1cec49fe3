/* table.c -- rows of cells for people to read */
#include "app/table.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

enum {
	GAP = 2,
	INDENT = 12,
	CELL_MAX = 512,
	NAME = 1, /* the second column */
	NAME_MIN = 12,
	KIND_WIDTH = 8, /* of the first, at least: as other lines have it */
};

struct row {
	struct row *next;
	char *cells[TABLE_COLUMNS];
};

struct table {
	size_t columns;
	unsigned right;
	struct row *first, **last;
};

struct table *table_alloc(size_t columns, unsigned right)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->columns = columns < TABLE_COLUMNS ? columns : TABLE_COLUMNS;
	table->right = right;
	table->last = &table->first;
	return table;
}

void table_free(struct table *table)
{
	struct row *row = table ? table->first : NULL;

	while (row) {
		struct row *next = row->next;

		for (size_t i = 0; i < TABLE_COLUMNS; i++)
			free(row->cells[i]);
		free(row);
		row = next;
	}
	free(table);
}

static bool is_control(const unsigned char *p)
{
	return *p < ' ' || *p == 0x7f ||
	       (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0);
}

/* The C1 controls are two bytes of UTF-8, and one of Latin-1. */
static char *clean(const char *text)
{
	char *copy = strndup(text ? text : "", CELL_MAX);

	for (char *p = copy; p && *p; p++)
		if (is_control((const unsigned char *)p))
			*p = '?';
	return copy;
}

void table_row(struct table *table, const char *const *cells)
{
	struct row *row = table ? calloc(1, sizeof(*row)) : NULL;

	if (!row)
		return;
	for (size_t i = 0; i < table->columns; i++)
		row->cells[i] = clean(cells[i]);
	*table->last = row;
	table->last = &row->next;
}

/* Characters; each takes one place (of the scripts that names are in, all but
 * the Chinese, Japanese and Korean ones do). */
static size_t length(const char *text)
{
	size_t n = 0;

	for (; text && *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* Spaces are written before what follows them, never at the end of a line. */
struct line {
	FILE *out;
	size_t at, spaces;
};

static void write_text(struct line *line, const char *text)
{
	if (!text || !*text)
		return;
	(void)fprintf(line->out, "%*s%s", (int)line->spaces, "", text);
	line->at += line->spaces + length(text);
	line->spaces = 0;
}

static void write_cell(struct line *line, const char *text, size_t width,
		       bool right)
{
	const size_t n = length(text), space = width > n ? width - n : 0;

	line->spaces += right ? space : 0;
	write_text(line, text);
	line->spaces += right ? 0 : space;
}

static void go_below(struct line *line, size_t indent)
{
	(void)fputc('\n', line->out);
	line->at = 0;
	line->spaces = indent;
}

static bool has_more(const struct row *row, size_t i, size_t columns)
{
	while (i < columns && (!row->cells[i] || !*row->cells[i]))
		i++;
	return i < columns;
}

static void print_row(const struct table *table, const struct row *row,
		      const size_t *widths, FILE *out, size_t width)
{
	struct line line = {.out = out};
	size_t edge = 0;

	for (size_t i = 0; i < table->columns; i++) {
		const char *text = row->cells[i];
		const size_t n = length(text);

		if (i == NAME && width && n > widths[i] &&
		    has_more(row, i + 1, table->columns)) {
			/* a long name has a line of its own */
			write_text(&line, text);
			go_below(&line, edge + widths[i]);
		} else if (i + 1 == table->columns && i && width &&
			   edge + n > width && n) {
			go_below(&line, INDENT);
			write_text(&line, text);
		} else {
			write_cell(&line, text, widths[i],
				   table->right & 1u << i);
		}
		edge += widths[i] + GAP;
		line.spaces += GAP;
	}
	(void)fputc('\n', out);
}

/* On a terminal a name may be as wide as the columns behind it leave room for,
 * and the last column is left out of account. */
static void fit_name(const struct table *table, size_t *widths, size_t width)
{
	size_t others = 0;

	if (!width || table->columns <= NAME + 1)
		return;
	for (size_t i = 0; i + 1 < table->columns; i++)
		others += i == NAME ? GAP : widths[i] + GAP;
	if (widths[NAME] + others > width)
		widths[NAME] =
			others + NAME_MIN < width ? width - others : NAME_MIN;
}

void table_print(const struct table *table, FILE *out, size_t width)
{
	size_t widths[TABLE_COLUMNS] = {KIND_WIDTH};

	if (!table)
		return;
	for (const struct row *row = table->first; row; row = row->next) {
		for (size_t i = 0; i < table->columns; i++) {
			const size_t n = length(row->cells[i]);

			if (n > widths[i])
				widths[i] = n;
		}
	}
	fit_name(table, widths, width);
	for (const struct row *row = table->first; row; row = row->next)
		print_row(table, row, widths, out, width);
}

size_t table_width(FILE *file)
{
	const int fd = fileno(file);
	struct winsize size;

	return isatty(fd) && !ioctl(fd, TIOCGWINSZ, &size) ? size.ws_col : 0;
}
