/* lock.h -- one engine a database
 *
 * <db>.lock is held with flock() as long as the engine runs and holds its
 * process id. The kernel lets go of it with the process, so that a file left
 * by a crash is harmless; it is never unlinked, since that would let two
 * engines hold two files of one name.
 */
#ifndef MOONDIAL_STORE_LOCK_H
#define MOONDIAL_STORE_LOCK_H

#include <stddef.h>

/* Take the lock of the database DB_PATH. 0 and the descriptor in FD; EBUSY
 * with the other's process id in ERR; errno of open(). */
int lock_take(int *fd, const char *db_path, char *err, size_t size);

void lock_release(int fd);

#endif
