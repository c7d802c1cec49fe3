/* ebb.h -- after the tide: memory that the crowd has left is given back
 *
 * What calls need goes through malloc and Lua, and both keep what was freed:
 * after three thousand calls some tens of MB. So once a second we look how
 * many calls there were in the last 33 s (their transactions live so long,
 * RFC 3261 17). When they are half of what they were at most or fewer, Lua
 * collects its garbage, in slices of a millisecond, and then malloc gives its
 * free pages back, on the background thread. (It holds its lock meanwhile: for
 * 3,000 calls' memory some 10 ms, measured.) REGISTERs count, too: each leaves
 * a transaction.
 *
 * The database's threads do the same by themselves (writer.c, reader.c).
 * Loop thread.
 */
#ifndef MOONDIAL_APP_EBB_H
#define MOONDIAL_APP_EBB_H

#include <stdbool.h>
#include <stdint.h>

enum {
	EBB_SECONDS = 33,
	EBB_CALLS = 16, /* fewer leave nothing worth the while */
};

/* When it is time: a value; one call of ebb_due() a second. */
struct ebb {
	uint64_t totals[EBB_SECONDS];  /* calls begun up to then … */
	uint64_t actives[EBB_SECONDS]; /* … and those there were */
	unsigned at;
	uint64_t high; /* at most since the last time */
};

/* ACTIVE calls now, TOTAL begun until now. True: give back. */
bool ebb_due(struct ebb *ebb, uint64_t active, uint64_t total);

struct background;
struct calls;
struct ebb_watch;
struct registrar;
struct scripts;

/* Begin to look. ENOMEM. */
int ebb_watch_alloc(struct ebb_watch **wp, struct calls *calls,
		    const struct registrar *registrar, struct scripts *scripts,
		    struct background *background);

/* Before SCRIPTS, and after BACKGROUND has been freed. */
void ebb_watch_stop(struct ebb_watch *watch);
void ebb_watch_free(struct ebb_watch *watch);

#endif
