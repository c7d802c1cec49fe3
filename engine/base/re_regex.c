/* re_regex.c -- libre's re_regex(), in a time that a peer can't stretch
 *
 * libre matches every header, URI and SDP line with it, and its own takes
 * quadratic time: one datagram of 60 KB, most of it one word, kept the loop
 * busy for many seconds. This one has the same results (re_fmt.h says which),
 * reads its pattern once, and gives up after so many steps for each byte.
 *
 * Defines the only function of libre's regex.o, so that the linker does not
 * take that.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include <re.h>

enum {
	ITEMS_MAX = 128,
	STEPS_BYTE = 16,
	STEPS_MIN = 4096,
	MANY = UINT32_MAX,
};

/* A character, or a class of them with its number of times. */
struct item {
	bool class;
	bool quotes; /* what is between quotes belongs to it ("[~…") */
	uint8_t chr;
	uint32_t min, max;
	struct pl *out;
	uint64_t set[4];
};

struct pattern {
	struct item items[ITEMS_MAX];
	size_t count;
};

static uint8_t lower(char c)
{
	return (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static void set_add(struct item *item, uint8_t from, uint8_t to)
{
	for (unsigned c = from; c <= to; c++)
		item->set[c >> 6] |= UINT64_C(1) << (c & 63);
}

static bool set_has(const struct item *item, char c)
{
	const uint8_t u = lower(c);

	return item->set[u >> 6] >> (u & 63) & 1;
}

/* What stands between brackets; P behind the first. NULL: no end. */
static const char *class_read(struct item *item, const char *p)
{
	bool escaped = false, negated = false, range = false, any = false;
	uint8_t last = 0;

	for (; *p; p++) {
		if (!escaped) {
			if (*p == '\\') {
				escaped = true;
				continue;
			}
			if (*p == ']')
				break;
			if (!any && (*p == '^' || *p == '~')) {
				negated = true;
				item->quotes |= *p == '~';
				continue;
			}
			if (*p == '-' && any && !range) {
				range = true;
				continue;
			}
		}
		escaped = false;
		if (range && last <= lower(*p))
			set_add(item, last, lower(*p));
		else
			set_add(item, lower(*p), lower(*p));
		range = false;
		any = true;
		last = lower(*p);
	}
	for (unsigned i = 0; negated && i < 4; i++)
		item->set[i] = ~item->set[i];
	return *p ? p + 1 : NULL;
}

static bool times_read(struct item *item, char c)
{
	item->min = c == '*' ? 0 : c == '+' ? 1 : (uint32_t)(c - '0');
	item->max = c == '*' || c == '+' ? (uint32_t)MANY : item->min;
	return c == '*' || c == '+' || (c >= '1' && c <= '9');
}

static bool pattern_read(struct pattern *pattern, const char *p, va_list ap)
{
	pattern->count = 0;
	while (*p) {
		struct item *item = &pattern->items[pattern->count++];

		if (pattern->count == ITEMS_MAX)
			return false;
		memset(item, 0, sizeof(*item));
		if (*p == '[') {
			item->class = true;
			p = class_read(item, p + 1);
			if (!p || !times_read(item, *p))
				return false;
			item->out = va_arg(ap, struct pl *);
		} else {
			if (*p == '\\' && p[1])
				p++;
			item->chr = lower(*p);
		}
		p++;
	}
	return true;
}

/* How many characters of P belong to ITEM. */
static size_t run(const struct item *item, const char *p, size_t len)
{
	bool quoted = false, escaped = false;
	size_t n = 0;

	if (len > item->max)
		len = item->max;
	for (; n < len; n++) {
		if (item->quotes) {
			if (escaped) {
				escaped = false;
				continue;
			}
			escaped = p[n] == '\\';
			if (escaped)
				continue;
			if (p[n] == '"') {
				quoted = !quoted;
				continue;
			}
			if (quoted)
				continue;
		}
		if (!set_has(item, p[n]))
			break;
	}
	return n;
}

static bool class_match(const struct item *item, const char *p, size_t n)
{
	struct pl text = {.p = p, .l = n};

	if (item->quotes && n > 1 && p[0] == '"' && p[n - 1] == '"') {
		text.p++;
		text.l -= 2;
	}
	if (text.l < item->min)
		return false;
	if (item->out)
		*item->out = text;
	return true;
}

/* From PTR on: 0; ENOENT; EAGAIN: perhaps from further on. *FIRST: the length
 * of what the first item has taken. */
static int match(const struct pattern *pattern, const char *ptr, size_t len,
		 size_t *first, size_t *steps)
{
	*first = 0;
	for (size_t i = 0; i < pattern->count; i++) {
		const struct item *item = &pattern->items[i];
		size_t n = 1;

		if (item->class) {
			n = run(item, ptr, len);
			*steps += n;
			if (!i)
				*first = n;
			if (!class_match(item, ptr, n))
				return EAGAIN;
		} else if (!len) {
			return ENOENT;
		} else if (lower(*ptr) != item->chr) {
			return EAGAIN;
		}
		ptr += n;
		len -= n;
	}
	return 0;
}

int re_regex(const char *ptr, size_t len, const char *expr, ...)
{
	const size_t limit = len * STEPS_BYTE + STEPS_MIN;
	struct pattern pattern;
	size_t steps = 0, first;
	va_list ap;
	bool ok;

	if (!ptr || !expr)
		return EINVAL;
	va_start(ap, expr);
	ok = pattern_read(&pattern, expr, ap);
	va_end(ap);
	if (!ok)
		return EINVAL;
	if (!pattern.count)
		return 0;

	while (len && steps++ < limit) {
		const struct item *item = &pattern.items[0];
		int err = match(&pattern, ptr, len, &first, &steps);

		if (err != EAGAIN)
			return err;
		/* From within the run of the first class all would come out the
		 * same: it ends where it ended. */
		if (first < 1 || item->quotes || item->max != (uint32_t)MANY)
			first = 1;
		ptr += first;
		len -= first;
	}
	return ENOENT;
}
