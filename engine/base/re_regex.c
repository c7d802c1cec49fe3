/* re_regex.c -- libre's expressions, read once, in a time that a peer can't
 * stretch
 *
 * Every parser of libre is made of re_regex(), which reads its expression anew
 * at each position of the text: a quarter of a call's CPU time. And it takes
 * quadratic time: one datagram of 60 KB, most of it one word, kept the loop
 * busy for many seconds. This one has the same language and results, keeps the
 * expressions that it has read, and gives up after so many steps for each byte.
 * A test holds it against libre's own. Defined here, so that the linker leaves
 * regex.o out.
 *
 *   literal  "[" ["^" | "~"] {char | char "-" char | "\" char} "]"
 * ("*"|"+"|1-9)
 *
 * Letters match both cases. "~" negates like "^", and passes over what stands
 * in double quotes; quotes around the whole match are left out of it.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <re.h>
#include <stdarg.h>
#include <string.h>

enum {
	ITEMS_MAX = 64,
	STEPS_BYTE = 16,
	STEPS_MIN = 4096,
	CHARS_MAX = 64, /* libre's own limit of a class */
	/* What is kept compiled, on each thread. */
	EXPRS_KEPT = 128,
	EXPR_MAX = 100,
	ITEMS_KEPT = 24,
};

enum kind {
	LITERAL,
	ANY,	/* "[^]" */
	UNTIL,	/* all but one character that is no letter: "[^;]" */
	SET,	/* both cases of a letter are in it */
	QUOTED, /* the same, over what stands in quotes */
};

struct item {
	enum kind kind;
	uint8_t c; /* of LITERAL, in lower case, and of UNTIL */
	uint32_t min, max;
	uint64_t set[4];
};

static uint8_t lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : (uint8_t)c;
}

static bool in_set(const struct item *item, char c)
{
	const uint8_t b = (uint8_t)c;

	return item->set[b / 64] >> (b % 64) & 1;
}

struct range {
	uint8_t min, max;
};

/* The characters that a class names are in lower case, the text's are made so:
 * a capital is in where its small letter is, whatever the ranges say of it. */
static void fill_set(struct item *item, const struct range *ranges, size_t n,
		     bool negated)
{
	static const uint64_t capitals = ((UINT64_C(1) << 26) - 1)
					 << ('A' % 64);

	memset(item->set, 0, sizeof(item->set));
	for (size_t i = 0; i < n; i++) {
		for (unsigned c = ranges[i].min; c <= ranges[i].max; c++)
			item->set[c / 64] |= UINT64_C(1) << (c % 64);
	}
	item->set[1] = (item->set[1] & ~capitals) |
		       ((item->set[1] >> ('a' - 'A')) & capitals);
	for (size_t i = 0; negated && i < 4; i++)
		item->set[i] = ~item->set[i];
}

static void set_kind(struct item *item, const struct range *ranges, size_t n,
		     bool negated, bool quotes)
{
	item->kind = quotes ? QUOTED : SET;
	if (negated && !quotes && !n) {
		item->kind = ANY;
		return;
	}
	if (negated && !quotes && n == 1 && ranges->min == ranges->max &&
	    (ranges->min < 'a' || ranges->min > 'z')) {
		item->kind = UNTIL;
		item->c = ranges->min;
		return;
	}
	fill_set(item, ranges, n, negated);
}

/* From after the "[" to after the "]". NULL: more characters than libre takes,
 * or no end. */
static const char *read_class(struct item *item, const char *e)
{
	struct range ranges[CHARS_MAX];
	bool negated = false, quotes = false, range = false, escaped = false;
	size_t n = 0;

	for (; *e; e++) {
		if (*e == '\\' && !escaped) {
			escaped = true;
			continue;
		}
		if (!escaped) {
			if (*e == ']') {
				set_kind(item, ranges, n, negated, quotes);
				return e + 1;
			}
			if (!n && (*e == '^' || *e == '~')) {
				negated = true;
				quotes |= *e == '~';
				continue;
			}
			if (n && !range && *e == '-') {
				range = true;
				n--;
				continue;
			}
		}
		escaped = false;
		if (n == CHARS_MAX)
			return NULL;
		ranges[n].max = lower(*e);
		if (!range)
			ranges[n].min = lower(*e);
		range = false;
		n++;
	}
	return NULL;
}

static bool read_count(struct item *item, char c)
{
	if (c == '*' || c == '+') {
		item->min = c == '+';
		item->max = UINT32_MAX;
	} else if (c >= '1' && c <= '9') {
		item->min = item->max = (uint32_t)(c - '0');
	} else {
		return false;
	}
	return true;
}

static size_t run_over_quotes(const struct item *item, const char *p, size_t l)
{
	bool quoted = false, escaped = false;
	size_t n = 0;

	for (; n < l; n++) {
		if (escaped)
			escaped = false;
		else if (p[n] == '\\')
			escaped = true;
		else if (p[n] == '"')
			quoted = !quoted;
		else if (!quoted && !in_set(item, p[n]))
			break;
	}
	return n;
}

/* How much a class takes of the text at P: as much as it can. */
static size_t run(const struct item *item, const char *p, size_t l)
{
	const char *end;
	size_t n = 0;

	if (l > item->max)
		l = item->max;
	switch (item->kind) {
	case ANY:
		return l;
	case UNTIL:
		end = l ? memchr(p, item->c, l) : NULL;
		return end ? (size_t)(end - p) : l;
	case QUOTED:
		return run_over_quotes(item, p, l);
	default:
		while (n < l && in_set(item, p[n]))
			n++;
		return n;
	}
}

enum outcome { MATCHED, ENDED, NO_MATCH };

/* Hold all items against the text at P, from there on. *FIRST: what the first
 * has taken. */
static enum outcome match_at(const struct item *items, size_t n,
			     struct pl *const *matches, const char *p, size_t l,
			     size_t *first, size_t *steps)
{
	*first = 0;
	for (size_t i = 0; i < n; i++) {
		const struct item *item = &items[i];
		struct pl taken;
		size_t count;

		if (item->kind == LITERAL) {
			if (!l)
				return ENDED;
			if (lower(*p) != item->c)
				return NO_MATCH;
			p++;
			l--;
			continue;
		}
		count = run(item, p, l);
		*steps += count;
		if (!i)
			*first = count;
		taken.p = p;
		taken.l = count;
		p += count;
		l -= count;
		if (item->kind == QUOTED && count > 1 && taken.p[0] == '"' &&
		    taken.p[count - 1] == '"') {
			taken.p++;
			taken.l -= 2;
		}
		if (taken.l < item->min)
			return NO_MATCH;
		if (matches[i])
			*matches[i] = taken;
	}
	return MATCHED;
}

static int match(const struct item *items, size_t n, struct pl *const *matches,
		 const char *p, size_t l)
{
	const size_t limit = l * STEPS_BYTE + STEPS_MIN;
	size_t steps = 0, first;

	if (!n)
		return 0;
	while (l && steps++ < limit) {
		/* most begin with what the text does not have here */
		if (items[0].kind == LITERAL && lower(*p) != items[0].c) {
			p++;
			l--;
			continue;
		}
		switch (match_at(items, n, matches, p, l, &first, &steps)) {
		case MATCHED:
			return 0;
		case ENDED:
			return ENOENT;
		case NO_MATCH:
			break;
		}
		/* From within the run of the first class all would come out the
		 * same: it ends where it ended. */
		if (!first || items[0].kind == QUOTED ||
		    items[0].max != UINT32_MAX)
			first = 1;
		p += first;
		l -= first;
	}
	return ENOENT;
}

/* Read EXPR into at most MAX items. False: it can't be read. */
static bool compile(struct item *items, size_t max, size_t *count,
		    const char *expr)
{
	bool escaped = false;
	size_t n = 0;

	for (const char *e = expr; *e; e++) {
		struct item *item = &items[n];

		if (*e == '\\' && !escaped) {
			escaped = true;
			continue;
		}
		if (n == max)
			return false;
		if (*e == '[' && !escaped) {
			e = read_class(item, e + 1);
			if (!e || !read_count(item, *e))
				return false;
		} else {
			item->kind = LITERAL;
			item->c = lower(*e);
		}
		escaped = false;
		n++;
	}
	*count = n;
	return true;
}

/* The COUNT items of EXPR, in OWN or among those that are kept on each thread:
 * the expressions in use are few, and come again and again. NULL: EXPR can't be
 * read. */
static const struct item *items_of(const char *expr, struct item own[ITEMS_MAX],
				   size_t *count)
{
	static _Thread_local struct compiled {
		size_t count;
		char expr[EXPR_MAX];
		struct item items[ITEMS_KEPT];
	} cache[EXPRS_KEPT];
	const size_t size = strlen(expr) + 1;
	struct compiled *c = &cache[XXH3_64bits(expr, size) % EXPRS_KEPT];

	if (size > EXPR_MAX)
		return compile(own, ITEMS_MAX, count, expr) ? own : NULL;
	if (!c->count || memcmp(c->expr, expr, size) != 0) {
		c->count = 0;
		if (!compile(c->items, ITEMS_KEPT, count, expr))
			return compile(own, ITEMS_MAX, count, expr) ? own
								    : NULL;
		memcpy(c->expr, expr, size);
		c->count = *count;
	}
	*count = c->count;
	return c->items;
}

static void take_matches(struct pl **matches, const struct item *items,
			 size_t n, va_list ap)
{
	for (size_t i = 0; i < n; i++) {
		if (items[i].kind != LITERAL)
			matches[i] = va_arg(ap, struct pl *);
	}
}

/* Find EXPR in the LEN bytes at PTR; the classes' matches, in order, go to the
 * struct pl pointers that follow (NULL: not wanted). ENOENT; EINVAL for an
 * expression that can't be read. */
int re_regex(const char *ptr, size_t len, const char *expr, ...)
{
	struct item own[ITEMS_MAX];
	struct pl *matches[ITEMS_MAX];
	const struct item *items;
	size_t n = 0;
	va_list ap;

	if (!ptr || !expr)
		return EINVAL;
	items = items_of(expr, own, &n);
	if (!items)
		return EINVAL;
	va_start(ap, expr);
	take_matches(matches, items, n, ap);
	va_end(ap);
	return match(items, n, matches, ptr, len);
}
