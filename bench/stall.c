/* stall.c -- preloaded into the engine: a disk that stands still
 *
 * When the file named by STALL_FILE appears, the next access to a disk takes
 * it away, and all of them wait until STALL_MS have passed: what is written
 * to regular files, their synchronizing, opening, truncating and closing, in
 * every thread, as with a disk or a network file system that hangs. Standard
 * output and error are left out.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static _Atomic uint64_t until_ns;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static void stall(void)
{
	const char *path = getenv("STALL_FILE"), *ms = getenv("STALL_MS");
	int saved = errno;
	uint64_t end;
	struct timespec ts;

	if (path && !unlink(path))
		until_ns = now_ns() +
			   strtoull(ms ? ms : "2000", NULL, 10) * 1000000;
	end = until_ns;
	ts.tv_sec = (time_t)(end / 1000000000);
	ts.tv_nsec = (long)(end % 1000000000);
	while (end > now_ns() &&
	       clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL))
		;
	errno = saved;
}

static void stall_fd(int fd)
{
	struct stat st;
	int saved = errno;

	if (fd > 2 && !fstat(fd, &st) && S_ISREG(st.st_mode))
		stall();
	errno = saved;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *buf, size_t n)
{
	static __typeof__(&write) real;

	if (!real)
		real = REAL(write);
	stall_fd(fd);
	return real(fd, buf, n);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at)
{
	static __typeof__(&pwrite) real;

	if (!real)
		real = REAL(pwrite);
	stall_fd(fd);
	return real(fd, buf, n, at);
}

ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t at)
{
	static __typeof__(&pwrite64) real;

	if (!real)
		real = REAL(pwrite64);
	stall_fd(fd);
	return real(fd, buf, n, at);
}

int fsync(int fd)
{
	static __typeof__(&fsync) real;

	if (!real)
		real = REAL(fsync);
	stall_fd(fd);
	return real(fd);
}

int fdatasync(int fd)
{
	static __typeof__(&fdatasync) real;

	if (!real)
		real = REAL(fdatasync);
	stall_fd(fd);
	return real(fd);
}

int ftruncate(int fd, off_t size)
{
	static __typeof__(&ftruncate) real;

	if (!real)
		real = REAL(ftruncate);
	stall_fd(fd);
	return real(fd, size);
}

int close(int fd)
{
	static __typeof__(&close) real;

	if (!real)
		real = REAL(close);
	stall_fd(fd);
	return real(fd);
}

int openat(int dir, const char *path, int flags, ...)
{
	static __typeof__(&openat) real;
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	va_end(ap);
	if (!real)
		real = REAL(openat);
	if (flags & O_CREAT)
		stall();
	return real(dir, path, flags, mode);
}
