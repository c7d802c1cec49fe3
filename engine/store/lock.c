#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include "store/lock.h"

static void read_pid(int fd, char *pid, size_t size)
{
	ssize_t n = pread(fd, pid, size - 1, 0);

	pid[n > 0 ? n : 0] = '\0';
	pid[strspn(pid, "0123456789")] = '\0';
	if (!*pid)
		snprintf(pid, size, "unknown");
}

int lock_take(int *fdp, const char *db_path, char *err, size_t size)
{
	char path[4096], pid[24];
	int fd, n, e;

	n = snprintf(path, sizeof(path), "%s.lock", db_path);
	if (n < 0 || (size_t)n >= sizeof(path)) {
		snprintf(err, size, "%s: the path is too long", db_path);
		return ENAMETOOLONG;
	}

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0) {
		e = errno;
		snprintf(err, size,
			 "%s: %s; the engine must be able to write there: give "
			 "it access, or another database (--db)",
			 path, strerror(e));
		return e;
	}

	if (flock(fd, LOCK_EX | LOCK_NB)) {
		e = errno;
		if (e == EWOULDBLOCK) {
			read_pid(fd, pid, sizeof(pid));
			snprintf(
				err, size,
				"%s is in use by another engine (process %s): "
				"stop that one first, or give this one another "
				"database (--db)",
				db_path, pid);
			e = EBUSY;
		} else {
			snprintf(err, size, "%s: flock: %s", path, strerror(e));
		}
		close(fd);
		return e;
	}

	n = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	/* The process id is for people; holding the lock is what counts. */
	if (ftruncate(fd, 0) || pwrite(fd, pid, (size_t)n, 0) != n)
		errno = 0;

	*fdp = fd;

	return 0;
}

void lock_release(int fd)
{
	if (fd < 0)
		return;
	if (ftruncate(fd, 0))
		errno = 0;
	close(fd);
}
