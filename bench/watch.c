/* watch.c -- CPU time and memory, from /proc */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "bench/net.h"
#include "bench/watch.h"

/* The name in parentheses may hold anything: the fields begin behind it. */
static void read_stat(struct watch *watch, pid_t pid)
{
	unsigned long long utime, stime;
	char path[64], text[1024], *fields;
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	if (!file)
		die("process %d has gone", (int)pid);
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	fields = strrchr(text, ')');
	/* fields 14 and 15 of proc(5) */
	if (!fields ||
	    sscanf(fields + 1,
		   " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
		   &utime, &stime) != 2)
		die("%s can't be read", path);
	watch->cpu_ms =
		(double)(utime + stime) * 1000 / (double)sysconf(_SC_CLK_TCK);
}

static void read_memory(struct watch *watch, pid_t pid)
{
	unsigned long pages = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%*u %lu", &pages) != 1)
		die("%s can't be read", path);
	fclose(file);
	watch->rss_kb = (double)pages * (double)sysconf(_SC_PAGESIZE) / 1024;
}

struct watch watch_read(pid_t pid)
{
	struct watch watch = {.at_ns = now_ns()};

	if (pid) {
		read_stat(&watch, pid);
		read_memory(&watch, pid);
	}
	return watch;
}
