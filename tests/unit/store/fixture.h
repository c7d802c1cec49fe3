/* fixture.h -- a folder of its own, a loop, a store, requests that wait */
#ifndef MOONDIAL_TEST_STORE_FIXTURE_H
#define MOONDIAL_TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/event.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sqlite3.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "store/store.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

struct fixture {
	char folder[64];
	char db[96];
	char err[512];
	struct loop *loop;
	struct store *store;
};

/* What a request was answered, copied out of the handler. */
struct outcome {
	unsigned answered;
	char error[256], code[32];
	int failed;
	int64_t changes;
	size_t rows, columns;
	int64_t integer; /* first value */
	double real;
	enum store_type type;
	char text[512];
	size_t size;
};

static inline void note_outcome(const struct store_result *res, void *arg)
{
	struct outcome *out = arg;

	++out->answered;
	snprintf(out->error, sizeof(out->error), "%s",
		 res->error ? res->error : "");
	snprintf(out->code, sizeof(out->code), "%s",
		 res->code ? res->code : "");
	out->failed = res->failed;
	out->changes = res->changes;
	out->rows = res->rows;
	out->columns = res->columns;
	if (res->rows) {
		const struct store_value *v = &res->values[0];

		out->type = v->type;
		out->integer = v->integer;
		out->real = v->real;
		if (v->type == STORE_TEXT) {
			out->size = v->size;
			assert_true(v->size < sizeof(out->text));
			memcpy(out->text, v->text, v->size);
			out->text[v->size] = '\0';
		}
	}
}

static inline struct store_value integer(int64_t n)
{
	return (struct store_value){.type = STORE_INTEGER, .integer = n};
}

static inline struct store_value text(const char *s)
{
	return (struct store_value){
		.type = STORE_TEXT, .text = s, .size = strlen(s)};
}

static inline struct store_value none(void)
{
	return (struct store_value){.type = STORE_NULL};
}

/* Run the loop until COUNT becomes N; a minute is long enough for anything
 * here, on a slow machine too. */
static inline void wait_until(struct fixture *f, const unsigned *count,
			      unsigned n)
{
	uint64_t end = clock_mono_ms() + 60000;

	while (*count < n && clock_mono_ms() < end)
		event_base_loop(loop_event_base(f->loop), EVLOOP_ONCE);
	assert_true(*count >= n);
}

static inline void ask(struct fixture *f, struct outcome *out, const char *sql,
		       const struct store_value *values, size_t count)
{
	struct store_statement s = {sql, values, count};

	memset(out, 0, sizeof(*out));
	assert_true(store_request(f->store, &s, 1, note_outcome, out) != 0);
	wait_until(f, &out->answered, 1);
}

static inline void must(struct fixture *f, struct outcome *out, const char *sql,
			const struct store_value *values, size_t count)
{
	ask(f, out, sql, values, count);
	assert_string_equal(out->error, "");
}

/* The number that SQL answers. */
static inline int64_t number(struct fixture *f, const char *sql)
{
	struct outcome out;

	must(f, &out, sql, NULL, 0);
	assert_int_equal(out.rows, 1);

	return out.integer;
}

static inline int open_store(struct fixture *f, enum store_mode mode)
{
	f->err[0] = '\0';

	return store_open(&f->store, f->loop, f->db, mode, f->err,
			  sizeof(f->err));
}

static inline void must_open(struct fixture *f, enum store_mode mode)
{
	int err = open_store(f, mode);

	if (err)
		fail_msg("%s", f->err);
}

static inline void close_store(struct fixture *f)
{
	store_close(f->store);
	f->store = NULL;
}

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	log_set_level(LOG_ERROR);
	strcpy(f->folder, "/tmp/moondial-store-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	snprintf(f->db, sizeof(f->db), "%s/calls.db", f->folder);
	assert_int_equal(loop_alloc(&f->loop), 0);
	loop_enter(f->loop);
	*state = f;

	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;
	char cmd[128];

	close_store(f);
	loop_free(f->loop);
	chmod(f->folder, 0700);
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", f->folder);
	assert_int_equal(system(cmd), 0);
	free(f);

	return 0;
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, set_up, tear_down)

#endif
