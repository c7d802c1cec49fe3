/* table.h -- rows of cells for people to read
 *
 * Columns are as wide as their cells, two spaces apart. Where the width is
 * known (a terminal's) the last cell of a row that doesn't fit goes below it,
 * indented; elsewhere a row is one line, for grep. Cells are UTF-8; a control
 * character is shown as '?', so that nothing a peer has sent reaches the
 * terminal. Used by one thread of a command.
 */
#ifndef MOONDIAL_APP_TABLE_H
#define MOONDIAL_APP_TABLE_H

#include <stddef.h>
#include <stdio.h>

enum { TABLE_COLUMNS = 10 };
struct table;

/* RIGHT: bits of the columns that are aligned to the right. NULL: no memory. */
struct table *table_alloc(size_t columns, unsigned right);
/* As many CELLS as there are columns, copied; NULL: empty. What there is no
 * memory for is left out. */
void table_row(struct table *table, const char *const *cells);
/* WIDTH 0: unlimited. */
void table_print(const struct table *table, FILE *out, size_t width);
void table_free(struct table *table);

/* Of the terminal that FILE is; 0: it is none. */
size_t table_width(FILE *file);

#endif
