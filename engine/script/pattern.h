/* pattern.h -- private to script: Lua patterns that end
 *
 * A pattern is compiled to nodes and matched without recursion, each step
 * counted, so that a match that would take for ever is an error instead.
 * Knows no Lua state; same results as Lua's own for each valid pattern, but a
 * malformed one is an error also where the match would not have got to it.
 */
#ifndef MOONDIAL_SCRIPT_PATTERN_H
#define MOONDIAL_SCRIPT_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PATTERN_CAPTURES = 32 };

struct node {
	uint8_t op, repeat; /* repeat: 0, '*', '+', '-', '?' */
	uint8_t a, b;
	uint32_t previous; /* while matching: the choice before this one */
	uint8_t set[32];   /* characters that it takes, as bits */
	const char *lo, *cur, *hi; /* while matching: the choice made here */
};

struct capture {
	const char *start;
	size_t size;
	bool position; /* "()": start only */
};

struct pattern {
	struct node *nodes;
	uint32_t count;
	unsigned captures;
	bool anchored;
	struct capture capture[PATTERN_CAPTURES];
	const char *subject, *end;
	uint64_t steps; /* left */
};

/* Room that nodes of a pattern of SIZE bytes may take. */
static inline size_t pattern_room(size_t size)
{
	return (size + 1) * sizeof(struct node);
}

/* Compile into NODES (pattern_room() bytes). ANCHOR: a leading ^ is one.
 * NULL, or what is wrong. */
const char *pattern_compile(struct pattern *p, struct node *nodes,
			    const char *text, size_t size, bool anchor);

enum pattern_result { PATTERN_NO, PATTERN_YES, PATTERN_STEPS };

/* Match at AT (within SUBJECT … END, set before). *STOP: end of the match. */
enum pattern_result pattern_match(struct pattern *p, const char *at,
				  const char **stop);

/* A pattern that scripts give for later use: is it valid? */
bool pattern_valid(const char *text, char *err, size_t size);
/* Does it match the whole of SUBJECT? False also when it takes too long. */
bool pattern_whole(const char *text, const char *subject, size_t size,
		   uint64_t steps);

#endif
