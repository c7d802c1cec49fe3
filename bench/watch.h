/* watch.h -- CPU time and memory of the process that is measured, from /proc
 *
 * The load reads them itself, at the moments that its figures begin and end.
 */
#ifndef MOONDIAL_BENCH_WATCH_H
#define MOONDIAL_BENCH_WATCH_H

#include <stdint.h>
#include <sys/types.h>

struct watch {
	double cpu_ms; /* user and system time of all its threads */
	double rss_kb; /* resident */
	uint64_t at_ns;
};

/* PID 0: nobody is watched, all zero but the time. */
struct watch watch_read(pid_t pid);

#endif
