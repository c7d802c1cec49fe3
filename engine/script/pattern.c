/* The nodes of a pattern follow each other without alternatives, so a path
 * through them is given by how much each repeated node took. A choice lives in
 * its node; trying the next one runs the later nodes again, which sets their
 * captures anew: nothing has to be undone. */
#include "script/pattern.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	OP_CHAR, /* one character: a */
	OP_SET,
	OP_OPEN,     /* capture a begins */
	OP_CLOSE,    /* capture a ends */
	OP_POSITION, /* capture a is a position */
	OP_BACK,     /* what capture a took */
	OP_BALANCE,  /* from a to its b */
	OP_FRONTIER,
	OP_END, /* $ */
};

static const uint32_t none = UINT32_MAX;

static void set_add(struct node *node, unsigned c)
{
	node->set[c >> 3] |= (uint8_t)(1u << (c & 7));
}

static bool set_has(const struct node *node, unsigned char c)
{
	return node->set[c >> 3] >> (c & 7) & 1;
}

static const struct {
	char letter;
	int (*is)(int);
} classes[] = {
	{'a', isalpha}, {'c', iscntrl},	 {'d', isdigit}, {'g', isgraph},
	{'l', islower}, {'p', ispunct},	 {'s', isspace}, {'u', isupper},
	{'w', isalnum}, {'x', isxdigit},
};

enum { CLASSES = sizeof(classes) / sizeof(classes[0]) };

/* Patterns are compiled at each use: most of that would be asking 256 times. */
static struct node class_sets[CLASSES];

__attribute__((constructor)) static void make_class_sets(void)
{
	for (size_t i = 0; i < CLASSES; i++)
		for (unsigned c = 0; c < 256; c++)
			if (classes[i].is((int)c))
				set_add(&class_sets[i], c);
}

/* What "%LETTER" stands for; a letter without meaning stands for itself. */
static void set_escape(struct node *node, unsigned char letter)
{
	const uint8_t flip = isupper(letter) ? 0xff : 0;
	size_t n = 0;

	while (n < CLASSES && classes[n].letter != tolower(letter))
		n++;
	if (n == CLASSES) {
		set_add(node, letter);
		return;
	}
	for (size_t i = 0; i < sizeof(node->set); i++)
		node->set[i] |= class_sets[n].set[i] ^ flip;
}

/* The ']' of the set that begins at P; the first character closes nothing, nor
 * does one behind '%'. NULL: there is none. */
static const char *set_end(const char *p, const char *end)
{
	for (bool first = true;; first = false) {
		if (p >= end)
			return NULL;
		if (*p == ']' && !first)
			return p;
		if (*p++ == '%' && p < end)
			p++;
	}
}

/* From after '[' to after ']'; NULL: there is none. */
static const char *set_parse(struct node *node, const char *p, const char *end)
{
	const bool negate = p < end && *p == '^';
	const char *close = set_end(negate ? p + 1 : p, end);

	if (!close)
		return NULL;
	for (p += negate; p < close; p++) {
		if (*p == '%') {
			set_escape(node, (unsigned char)*++p);
		} else if (p[1] == '-' && p + 2 < close) {
			for (unsigned c = (unsigned char)p[0];
			     c <= (unsigned char)p[2]; c++)
				set_add(node, c);
			p += 2;
		} else {
			set_add(node, (unsigned char)*p);
		}
	}
	if (negate) {
		for (unsigned i = 0; i < sizeof(node->set); i++)
			node->set[i] = (uint8_t)~node->set[i];
	}
	return close + 1;
}

/* ---- compile ------------------------------------------------------------ */

struct compiler {
	struct pattern *p;
	const char *at, *end;
	bool open[PATTERN_CAPTURES];
	const char *err;
};

static void repeat(struct compiler *c, struct node *node)
{
	if (c->at < c->end && strchr("*+-?", *c->at) && *c->at)
		node->repeat = (uint8_t)*c->at++;
}

static void parenthesis(struct compiler *c, struct node *node, bool open)
{
	struct pattern *p = c->p;
	int level = (int)p->captures;

	if (!open) {
		while (--level >= 0 && !c->open[level])
			;
		if (level < 0) {
			c->err = "invalid pattern capture";
			return;
		}
		c->open[level] = false;
		node->op = OP_CLOSE;
		node->a = (uint8_t)level;
		return;
	}
	if (level >= PATTERN_CAPTURES) {
		c->err = "too many captures";
		return;
	}
	node->op = OP_OPEN;
	node->a = (uint8_t)level;
	p->captures++;
	if (c->at < c->end && *c->at == ')') {
		c->at++;
		node->op = OP_POSITION;
	} else {
		c->open[level] = true;
	}
}

static void escape(struct compiler *c, struct node *node)
{
	unsigned char letter;

	if (c->at >= c->end) {
		c->err = "malformed pattern (ends with '%')";
		return;
	}
	letter = (unsigned char)*c->at++;
	if (letter == 'b') {
		if (c->end - c->at < 2) {
			c->err = "malformed pattern (missing arguments to "
				 "'%b')";
			return;
		}
		node->op = OP_BALANCE;
		node->a = (uint8_t)c->at[0];
		node->b = (uint8_t)c->at[1];
		c->at += 2;
	} else if (letter == 'f') {
		if (c->at >= c->end || *c->at != '[') {
			c->err = "missing '[' after '%f' in pattern";
			return;
		}
		node->op = OP_FRONTIER;
		c->at = set_parse(node, c->at + 1, c->end);
		if (!c->at)
			c->err = "malformed pattern (missing ']')";
	} else if (isdigit(letter)) {
		const int level = letter - '1';

		if (level < 0 || level >= (int)c->p->captures ||
		    c->open[level]) {
			c->err = "invalid capture index in pattern";
			return;
		}
		node->op = OP_BACK;
		node->a = (uint8_t)level;
	} else {
		node->op = OP_SET;
		set_escape(node, letter);
		repeat(c, node);
	}
}

static void compile_one(struct compiler *c, struct node *node)
{
	const char ch = *c->at++;

	switch (ch) {
	case '(':
	case ')':
		parenthesis(c, node, ch == '(');
		return;
	case '%':
		escape(c, node);
		return;
	case '[':
		node->op = OP_SET;
		c->at = set_parse(node, c->at, c->end);
		if (!c->at) {
			c->err = "malformed pattern (missing ']')";
			return;
		}
		break;
	case '.':
		node->op = OP_SET;
		memset(node->set, 0xff, sizeof(node->set));
		break;
	case '$':
		if (c->at == c->end) {
			node->op = OP_END;
			return;
		}
		/* fall through */
	default:
		node->op = OP_CHAR;
		node->a = (uint8_t)ch;
		set_add(node, node->a);
		break;
	}
	repeat(c, node);
}

const char *pattern_compile(struct pattern *p, struct node *nodes,
			    const char *text, size_t size, bool anchor)
{
	struct compiler c = {.p = p, .at = text, .end = text + size};

	memset(p, 0, sizeof(*p));
	p->nodes = nodes;
	if (anchor && size > 0 && *text == '^') {
		p->anchored = true;
		c.at++;
	}
	while (c.at < c.end) {
		struct node *node = &nodes[p->count++];

		memset(node, 0, sizeof(*node));
		compile_one(&c, node);
		if (c.err)
			return c.err;
	}
	for (unsigned i = 0; i < p->captures; i++) {
		if (c.open[i])
			return "unfinished capture";
	}
	return NULL;
}

/* ---- match -----------------------------------------------------------------
 */

static const char *balance(struct pattern *p, const struct node *node,
			   const char *s)
{
	int depth = 1;

	if (s >= p->end || (unsigned char)*s != node->a)
		return NULL;
	while (++s < p->end) {
		const unsigned char c = (unsigned char)*s;

		if (p->steps == 0)
			return NULL;
		p->steps--;
		if (c == node->b) {
			if (--depth == 0)
				return s + 1;
		} else if (c == node->a) {
			depth++;
		}
	}
	return NULL;
}

static const char *back_reference(struct pattern *p, const struct node *node,
				  const char *s)
{
	const struct capture *capture = &p->capture[node->a];
	/* A position capture takes no text that could come again. */
	const size_t n = capture->position ? (size_t)-1 : capture->size;

	if (!capture->start || (size_t)(p->end - s) < n)
		return NULL;
	p->steps -= n < p->steps ? n : p->steps;
	return memcmp(s, capture->start, n) == 0 ? s + n : NULL;
}

static bool frontier(const struct pattern *p, const struct node *node,
		     const char *s)
{
	const unsigned char before =
		s == p->subject ? '\0' : (unsigned char)s[-1];
	const unsigned char here = s < p->end ? (unsigned char)*s : '\0';

	return !set_has(node, before) && set_has(node, here);
}

/* The longest run that a repeated node can take. */
static const char *run(struct pattern *p, const struct node *node,
		       const char *s, size_t max)
{
	const size_t room = (size_t)(p->end - s);
	const char *stop = s + (room < max ? room : max);

	while (s < stop && p->steps > 0 && set_has(node, (unsigned char)*s)) {
		s++;
		p->steps--;
	}
	return s;
}

/* One node that isn't repeated: where it ends, or NULL. */
static const char *single(struct pattern *p, const struct node *node,
			  const char *s)
{
	struct capture *capture = &p->capture[node->a % PATTERN_CAPTURES];

	switch (node->op) {
	case OP_CHAR:
	case OP_SET:
		return s < p->end && set_has(node, (unsigned char)*s) ? s + 1
								      : NULL;
	case OP_OPEN:
	case OP_POSITION:
		capture->start = s;
		capture->size = 0;
		capture->position = node->op == OP_POSITION;
		return s;
	case OP_CLOSE:
		capture->size = (size_t)(s - capture->start);
		return s;
	case OP_BACK:
		return back_reference(p, node, s);
	case OP_BALANCE:
		return balance(p, node, s);
	case OP_FRONTIER:
		return frontier(p, node, s) ? s : NULL;
	case OP_END:
		return s == p->end ? s : NULL;
	default:
		return NULL;
	}
}

/* First choice of a repeated node at S; NULL: it can't match. */
static const char *choose(struct pattern *p, struct node *node, const char *s)
{
	switch (node->repeat) {
	case '*':
	case '?':
		node->lo = s;
		node->cur =
			run(p, node, s, node->repeat == '?' ? 1 : (size_t)-1);
		break;
	case '+':
		node->cur = run(p, node, s, (size_t)-1);
		if (node->cur == s)
			return NULL;
		node->lo = s + 1;
		break;
	default: /* '-' */
		node->cur = s;
		break;
	}
	return node->cur;
}

/* The next choice; NULL: there is none left. */
static const char *choose_next(const struct pattern *p, struct node *node)
{
	if (node->repeat == '-') {
		if (node->cur >= p->end ||
		    !set_has(node, (unsigned char)*node->cur))
			return NULL;
		return ++node->cur;
	}
	return node->cur > node->lo ? --node->cur : NULL;
}

enum pattern_result pattern_match(struct pattern *p, const char *at,
				  const char **stop)
{
	const char *s = at;
	uint32_t i = 0, top = none;

	while (i < p->count) {
		struct node *node = &p->nodes[i];

		if (p->steps == 0)
			return PATTERN_STEPS;
		p->steps--;
		if (node->repeat) {
			s = choose(p, node, s);
			if (s) {
				node->previous = top;
				top = i;
			}
		} else {
			s = single(p, node, s);
		}
		i++;
		while (!s) {
			if (p->steps == 0)
				return PATTERN_STEPS;
			if (top == none)
				return PATTERN_NO;
			p->steps--;
			node = &p->nodes[top];
			i = top + 1;
			s = choose_next(p, node);
			if (!s)
				top = node->previous;
		}
	}
	*stop = s;
	return PATTERN_YES;
}

bool pattern_valid(const char *text, char *err, size_t size)
{
	const size_t len = strlen(text);
	struct node *nodes = malloc(pattern_room(len));
	struct pattern p;
	const char *wrong = nodes ? pattern_compile(&p, nodes, text, len, true)
				  : "not enough memory";

	free(nodes);
	if (wrong)
		(void)snprintf(err, size, "%s", wrong);
	return !wrong;
}

bool pattern_whole(const char *text, const char *subject, size_t size,
		   uint64_t steps)
{
	const size_t len = strlen(text);
	struct node *nodes = malloc(pattern_room(len + 1));
	char *anchored = malloc(len + 2);
	const char *stop;
	struct pattern p;
	bool yes = false;

	/* "$" at the end makes the match go on looking for a whole one. */
	if (nodes && anchored) {
		memcpy(anchored, text, len);
		anchored[len] = '$';
		anchored[len + 1] = '\0';
		yes = !pattern_compile(&p, nodes, anchored, len + 1, true);
	}
	if (yes) {
		p.subject = subject;
		p.end = subject + size;
		p.steps = steps;
		yes = pattern_match(&p, subject, &stop) == PATTERN_YES &&
		      stop == p.end;
	}
	free(anchored);
	free(nodes);
	return yes;
}
