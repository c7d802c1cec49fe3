/* numbers.c -- bench_numbers: a national register, imported and asked
 *
 *   bench_numbers --folder DIR [--numbers N] [--asked N]
 *
 * N random US numbers are imported from a text file, as the registry hands it
 * out; then numbers are looked up one by one, every second of them on the
 * list: with the file in the page cache, and from a disk, page by page
 * forgotten before.
 */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <re.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/numbers.h"
#include "bench/net.h"
#include "bench/samples.h"

enum { COLD = 2000 };

static uint64_t seed = 88172645463325252ULL;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* An area code and a number in it. */
static uint64_t us_number(uint64_t i)
{
	uint64_t x = i * 0x9e3779b97f4a7c15ULL;

	x ^= x >> 32;
	return UINT64_C(12000000000) + x % UINT64_C(7999999999);
}

static void write_source(const char *path, uint64_t count)
{
	FILE *f = fopen(path, "w");

	if (!f)
		die("%s can't be written", path);
	for (uint64_t i = 0; i < count; i++) {
		const uint64_t n = us_number(i) - UINT64_C(10000000000);

		fprintf(f, "%03" PRIu64 ",%07" PRIu64 "\r\n", n / 10000000,
			n % 10000000);
	}
	if (fclose(f))
		die("%s can't be written", path);
}

/* Ask as many, half of them on the list; times into NS. */
static uint64_t ask(const struct numbers *list, uint64_t numbers,
		    uint64_t asked, int cold_fd, struct samples *ns)
{
	uint64_t wrong = 0;

	for (uint64_t i = 0; i < asked; i++) {
		const bool on = i & 1;
		const uint64_t n = us_number(random64() % numbers);
		/* no area code begins with 1 */
		const uint64_t key = on ? n : n - UINT64_C(2000000000);
		uint64_t begin;
		bool has = false;

		if (cold_fd >= 0)
			(void)posix_fadvise(cold_fd, 0, 0, POSIX_FADV_DONTNEED);
		begin = now_ns();
		if (numbers_has(list, key, &has))
			die("the list can't be read");
		samples_add(ns, (int32_t)(now_ns() - begin));
		wrong += on && !has;
		wrong += !on && has && key < UINT64_C(12000000000);
	}
	return wrong;
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"folder", required_argument, NULL, 'f'},
		{"numbers", required_argument, NULL, 'n'},
		{"asked", required_argument, NULL, 'a'},
		{0},
	};
	uint64_t count = 10000000, asked = 1000000, begin, wrong;
	char source[512], path[512];
	struct numbers_import import = {
		.source = source, .path = path, .country = "1"};
	struct samples warm = {0}, cold = {0};
	struct numbers *list = NULL;
	const char *folder = NULL;
	double import_s;
	struct stat st;
	int opt, fd;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'f')
			folder = optarg;
		else if (opt == 'n')
			count = strtoull(optarg, NULL, 10);
		else if (opt == 'a')
			asked = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	if (!folder || !count || !asked)
		die("--folder DIR [--numbers N] [--asked N]");
	(void)snprintf(source, sizeof(source), "%s/register.txt", folder);
	(void)snprintf(path, sizeof(path), "%s/register.numbers", folder);
	write_source(source, count);
	begin = now_ns();
	if (numbers_build(&import))
		die("the list can't be made");
	import_s = (double)(now_ns() - begin) / 1e9;
	if (import.numbers + import.duplicates != count || import.bad ||
	    numbers_open(&list, path) || stat(path, &st))
		die("the list is not what was imported");
	wrong = ask(list, count, asked, -1, &warm);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	wrong += ask(list, count, COLD, fd, &cold);
	(void)close(fd);
	printf("{\"numbers\": %" PRIu64 ", \"import_s\": %.3f, \"file_mb\": "
	       "%.1f, \"asked\": %" PRIu64 ", \"wrong\": %" PRIu64 ", "
	       "\"p50_us\": %.3f, \"p99_us\": %.3f, \"cold_p50_us\": %.1f, "
	       "\"cold_p99_us\": %.1f}\n",
	       import.numbers, import_s, (double)st.st_size / 1e6, asked, wrong,
	       samples_percentile(&warm, 0.5) / 1e3,
	       samples_percentile(&warm, 0.99) / 1e3,
	       samples_percentile(&cold, 0.5) / 1e3,
	       samples_percentile(&cold, 0.99) / 1e3);
	mem_deref(list);
	samples_clear(&warm);
	samples_clear(&cold);
	(void)unlink(source);
	(void)unlink(path);
	return wrong != 0;
}
