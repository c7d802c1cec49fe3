/* openat2() where there is one; else component by component. */
#include "base/open_beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_folder(const char *path, size_t len)
{
	char name[PATH_MAX];

	if (len >= sizeof(name)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(name, path, len);
	name[len] = '\0';
	return open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void close_quietly(int fd)
{
	const int saved = errno;

	(void)close(fd);
	errno = saved;
}

/* Without openat2(): no symbolic link and no ".." at all. */
static int walk(int folder, const char *rest, int flags, mode_t mode)
{
	char name[NAME_MAX + 1];
	int fd = dup(folder);

	while (fd >= 0) {
		const size_t n = strcspn(rest, "/");
		const char *after = rest + n + strspn(rest + n, "/");
		const bool last = !*after;
		int next;

		if (n > NAME_MAX) {
			close_quietly(fd);
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, rest, n);
		name[n] = '\0';
		next = strcmp(name, "..") == 0
			       ? (errno = ELOOP, -1)
			       : openat(fd, name,
					(last ? flags : O_PATH | O_DIRECTORY) |
						O_NOFOLLOW | O_CLOEXEC,
					mode);
		/* A link where a folder is expected says ENOTDIR. */
		if (next < 0 && (errno == ELOOP || errno == ENOTDIR)) {
			char target[1];

			if (errno == ELOOP ||
			    readlinkat(fd, name, target, sizeof(target)) >= 0)
				errno = EXDEV;
			else
				errno = ENOTDIR;
		}
		close_quietly(fd);
		if (last)
			return next;
		fd = next;
		rest = after;
	}
	return -1;
}

int open_beneath(const char *path, size_t root, int flags, mode_t mode)
{
	const char *rest = path + root;
	struct open_how how = {
		.flags = (unsigned)flags | O_CLOEXEC,
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
	};
	int folder, fd;

	if (!root)
		return open(path, flags | O_CLOEXEC, mode);
	rest += strspn(rest, "/");
	folder = open_folder(path, root);
	if (folder < 0)
		return -1;
	if (!*rest)
		rest = ".";
	fd = (int)syscall(SYS_openat2, folder, rest, &how, sizeof(how));
	/* Filters of system calls that don't know it say EPERM. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = walk(folder, rest, flags, mode);
	close_quietly(folder);
	return fd;
}
