/* open_beneath.h -- open a file that must not leave a folder
 *
 * Names come from scripts, callers and lead lists, and a symbolic link in a
 * folder of prompts may lead anywhere: the kernel resolves the name and refuses
 * whatever leaves the folder, so nothing outside it is ever opened. The folder
 * itself may be, or lie behind, a symbolic link. Any thread; may wait for a
 * disk.
 */
#ifndef MOONDIAL_BASE_OPEN_BENEATH_H
#define MOONDIAL_BASE_OPEN_BENEATH_H

#include <stddef.h>
#include <sys/types.h>

/* The first ROOT characters of PATH name the folder, the rest is looked up
 * beneath it; 0: as open(). FLAGS and MODE as open()'s; O_CLOEXEC is added.
 * A descriptor, or -1 with errno: EXDEV when it leads out of the folder (on
 * kernels before 5.6 at any symbolic link or ".." beneath it). */
int open_beneath(const char *path, size_t root, int flags, mode_t mode);

#endif
