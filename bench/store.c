/* store.c -- bench_store: CDRs a second through engine/store, durably
 *
 *   bench_store --db FILE [--seconds S] [--window N]
 *
 * As the engine does for each call: the row is inserted as the call begins,
 * and completed at its end, with the engine's own queries. N calls are open at
 * a time; one counts when the store has said that its end is on the disk.
 * CPU is this process's: the store's thread, and the loop that feeds it.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/loop.h"
#include "bench/net.h"
#include "bench/samples.h"
#include "store/store.h"

enum { BEGIN_VALUES = 17, FINISH_VALUES = 58, WINDOW = 2000 };

struct bench {
	struct loop *loop;
	struct store *store;
	uint64_t end_ns;
	size_t open;
	uint64_t count;
	struct samples durable_us; /* from the call's end to the answer */
};

struct record {
	struct bench *bench;
	char id[ID_SIZE];
	uint64_t ended_ns;
};

static void record_begin(struct bench *bench, struct record *record);

static struct store_value text(const char *s)
{
	return (struct store_value){
		.type = STORE_TEXT, .text = s, .size = strlen(s)};
}

static struct store_value number(int64_t n)
{
	return (struct store_value){.type = STORE_INTEGER, .integer = n};
}

static void send_row(struct record *record, const char *query,
		     const struct store_value *values, size_t count,
		     store_h *handler)
{
	const struct store_statement statement = {
		.sql = store_query(query),
		.values = values,
		.count = count,
	};

	if (!statement.sql ||
	    !store_record(record->bench->store, &statement, 1, handler, record))
		die("%s was not taken", query);
}

static void check(const struct store_result *result)
{
	if (result->error)
		die("the store says: %s", result->error);
}

static void finished(const struct store_result *result, void *arg)
{
	struct record *record = arg;
	struct bench *bench = record->bench;

	check(result);
	if (result->changes != 1)
		die("a record was not there to be completed");
	bench->count++;
	samples_add(&bench->durable_us,
		    (int32_t)((now_ns() - record->ended_ns) / 1000));
	if (now_ns() < bench->end_ns) {
		record_begin(bench, record);
		return;
	}
	free(record);
	if (!--bench->open)
		loop_stop(bench->loop);
}

static void begun(const struct store_result *result, void *arg)
{
	struct record *record = arg;
	struct store_value v[FINISH_VALUES];
	int64_t now = clock_wall_ms();

	check(result);
	/* Most of a record is numbers; what stands here is typical. */
	for (size_t i = 0; i < FINISH_VALUES; i++)
		v[i] = number(0);
	for (size_t i = 0; i < 9; i++) /* what is as it began */
		v[i] = (struct store_value){.type = STORE_NULL};
	v[3] = text(record->id);
	v[8] = text("192.0.2.1:5060");
	v[9] = number(now - 1000);
	v[10] = number(now - 900);
	v[11] = number(now);
	v[12] = number(1000);
	v[13] = number(900);
	v[14] = text("answered");
	v[15] = number(200);
	v[16] = text("OK");
	v[17] = number(16);
	v[18] = text("peer");
	v[19] = text("normal");
	v[20] = (struct store_value){.type = STORE_NULL};
	v[21] = text("PCMU");
	v[22] = text("1");
	for (size_t i = 34; i < FINISH_VALUES - 1; i++)
		v[i] = (struct store_value){.type = STORE_NULL};
	v[FINISH_VALUES - 1] = text(record->id);
	record->ended_ns = now_ns();
	send_row(record, "cdr_finish", v, FINISH_VALUES, finished);
}

static void record_begin(struct bench *bench, struct record *record)
{
	struct store_value v[BEGIN_VALUES];

	record->bench = bench;
	id_make(record->id);
	for (size_t i = 0; i < BEGIN_VALUES; i++)
		v[i] = (struct store_value){.type = STORE_NULL};
	v[0] = text(record->id);
	v[1] = text("in");
	v[4] = text(record->id);
	v[5] = text("sip:load@192.0.2.1");
	v[6] = text("load");
	v[8] = text("sip:bench@192.0.2.2");
	v[9] = text("bench");
	v[10] = text("192.0.2.1:5060");
	v[11] = number(clock_wall_ms());
	v[12] = text("bench.lua");
	send_row(record, "cdr_begin", v, BEGIN_VALUES, begun);
}

static double cpu_ms(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

static void run(struct bench *bench, double seconds, size_t window)
{
	uint64_t begin = now_ns();
	double cpu = cpu_ms(), span;

	bench->end_ns = begin + (uint64_t)(seconds * 1e9);
	for (; bench->open < window; bench->open++) {
		struct record *record = calloc(1, sizeof(*record));

		if (!record)
			die("out of memory");
		record_begin(bench, record);
	}
	(void)loop_run(bench->loop);
	span = (double)(now_ns() - begin) / 1e9;
	printf("{\"records\": %ju, \"seconds\": %.3f, \"cpu_ms\": %.1f, "
	       "\"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
	       (uintmax_t)bench->count, span, cpu_ms() - cpu,
	       samples_percentile(&bench->durable_us, 0.5) / 1e3,
	       samples_percentile(&bench->durable_us, 0.99) / 1e3);
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{"db", required_argument, NULL, 'd'},
		{"seconds", required_argument, NULL, 's'},
		{"window", required_argument, NULL, 'w'},
		{0},
	};
	struct bench bench = {.count = 0};
	const char *db = NULL;
	double seconds = 5;
	size_t window = WINDOW;
	char err[512] = "";
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'd')
			db = optarg;
		else if (opt == 's')
			seconds = atof(optarg);
		else if (opt == 'w')
			window = strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (!db || !window)
		die("--db FILE [--seconds S] [--window N]");
	log_set_level(LOG_WARN);
	if (loop_alloc(&bench.loop))
		die("out of memory");
	loop_enter(bench.loop);
	if (store_open(&bench.store, bench.loop, db, STORE_ENGINE, err,
		       sizeof(err)))
		die("%s", err);
	run(&bench, seconds, window);
	store_close(bench.store);
	samples_clear(&bench.durable_us);
	loop_free(bench.loop);
	return 0;
}
