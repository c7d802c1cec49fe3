/* nearest.c -- the nearest name, by optimal string alignment: insertions,
 * deletions, replacements and swaps of neighbours count one each */
#include <ctype.h>
#include <string.h>
#include "base/nearest.h"

enum { LONGEST = 64 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

/* "Timeout" is as near to "timeout" as can be. */
static int fold(char c)
{
	return tolower((unsigned char)c);
}

static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned rows[3][LONGEST + 1];
	unsigned *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= nb; j++)
		above[j] = (unsigned)j;
	for (size_t i = 1; i <= na; i++) {
		unsigned *oldest = before;

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			int ca = fold(a[i - 1]), cb = fold(b[j - 1]);

			row[j] = min3(above[j] + 1, row[j - 1] + 1,
				      above[j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == fold(b[j - 2]) &&
			    cb == fold(a[i - 2]) && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = above;
		above = row;
		row = oldest;
	}
	return above[nb];
}

const char *nearest_name(const char *name, const char *const *names,
			 size_t count)
{
	const size_t len = strlen(name);
	const char *best = NULL;
	unsigned least = (unsigned)(len / 3 + 2); /* beyond what is allowed */

	if (!len || len > LONGEST)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const size_t n = strlen(names[i]);
		unsigned d;

		if (n > LONGEST)
			continue;
		d = distance(name, len, names[i], n);
		if (d < least) {
			least = d;
			best = names[i];
		}
	}
	return best;
}
