/* ids.h -- time-ordered identifiers (ULID: 48 bits of ms, 80 random bits,
 * Crockford base 32, 26 characters). Monotonic within one process, so that
 * calls, CDRs, recordings and log lines sort in the order they were made. */
#ifndef MOONDIAL_BASE_IDS_H
#define MOONDIAL_BASE_IDS_H

enum { ID_SIZE = 27 };

/* Writes an id and a NUL to OUT. Any thread. */
void id_make(char out[ID_SIZE]);

#endif
