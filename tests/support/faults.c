/* faults.c -- preloaded into the engine: memory that runs out, a clock that
 * steps
 *
 * MOONDIAL_FAULTS names a file that a test maps into its memory too, and turns
 * the faults on and off in: struct control below, little-endian (faults.py).
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
	_Atomic uint64_t fail_each; /* every so manieth fails; 0: none */
	_Atomic uint64_t fail_min;  /* of those of so many bytes and more */
	_Atomic uint64_t requests;  /* asked for meanwhile */
	_Atomic uint64_t failed;
	_Atomic int64_t clock_s; /* added to CLOCK_REALTIME */
};

static struct control none, *control = &none;
static void *(*real_malloc)(size_t);
static void *(*real_calloc)(size_t, size_t);
static void *(*real_realloc)(void *, size_t);
static int (*real_clock_gettime)(clockid_t, struct timespec *);

static void set_up(void) __attribute__((constructor));

static void set_up(void)
{
	const char *path = getenv("MOONDIAL_FAULTS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *p;

	if (fd < 0)
		return;
	p = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		 0);
	close(fd);
	if (p != MAP_FAILED)
		control = p;
}

static void *next(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

static int fails(size_t size)
{
	uint64_t each = control->fail_each;

	if (!each || size < control->fail_min)
		return 0;
	if (++control->requests % each)
		return 0;
	control->failed++;
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size)
{
	if (!real_malloc)
		*(void **)&real_malloc = next("malloc");
	return fails(size) ? NULL : real_malloc(size);
}

/* dlsym() itself may ask for memory before we know whom to ask. */
static void *early(size_t size)
{
	static char room[4096] __attribute__((aligned(16)));
	static size_t used;
	void *p = room + used;

	used += (size + 15) / 16 * 16;
	if (used > sizeof(room))
		_exit(127);
	return p;
}

void *calloc(size_t n, size_t size)
{
	static int asking;

	if (!real_calloc) {
		if (asking)
			return early(n * size);
		asking = 1;
		*(void **)&real_calloc = next("calloc");
		asking = 0;
	}
	return fails(n * size) ? NULL : real_calloc(n, size);
}

void *realloc(void *p, size_t size)
{
	if (!real_realloc)
		*(void **)&real_realloc = next("realloc");
	return size && fails(size) ? NULL : real_realloc(p, size);
}

static int is_wall(clockid_t id)
{
	return id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int err;

	if (!real_clock_gettime)
		*(void **)&real_clock_gettime = next("clock_gettime");
	err = real_clock_gettime(id, ts);
	if (!err && is_wall(id))
		ts->tv_sec += control->clock_s;
	return err;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;
	(void)zone;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *t)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	if (t)
		*t = ts.tv_sec;
	return ts.tv_sec;
}
