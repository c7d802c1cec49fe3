/* test_crowd.c -- many streams at random: each operation ends exactly once */
#include <sys/stat.h>
#include "line_fixture.h"

enum { STREAMS = 100, AT_ONCE = 25, OPS = 4 };

static const struct media_source sources[] = {
	{.type = MEDIA_TONE, .hz = {440}, .level_db = -10, .duration_ms = 60},
	{.type = MEDIA_TONE, .hz = {440, 480}, .level_db = -20},
	{.type = MEDIA_QUIET, .duration_ms = 100},
	{.type = MEDIA_FILE,
	 .paths = (const char *const[]){"there/is/none.wav"},
	 .path_count = 1},
};

struct caller {
	handle_t stream;
	struct peer peer;
	struct sa laddr;
	unsigned ops; /* begun */
	bool open;
};

static void begin_op(struct line *line, struct caller *caller, unsigned n)
{
	uint32_t op = ++caller->ops;
	char path[64];

	switch (rand() % 4) {
	case 0:
	case 1: {
		const struct media_play play = {
			.sources = &sources[(unsigned)rand() % 4],
			.source_count = 1,
			.mix = rand() % 2,
			.volume_db = rand() % 2 ? 0 : -6,
		};

		assert_int_equal(
			media_play(line->media, caller->stream, op, &play), 0);
		media_play_control(line->media, caller->stream, op,
				   (enum media_play_control)(rand() % 4), 20);
		break;
	}
	case 2: {
		const struct media_record record = {
			.path = path,
			.channels = (enum media_record_channels)(rand() % 3),
			.max_ms = rand() % 2 ? 60 : 0,
			.beep = rand() % 4 == 0,
		};

		snprintf(path, sizeof(path), "crowd/%u-%u.wav", n, op);
		assert_int_equal(
			media_record(line->media, caller->stream, op, &record),
			0);
		break;
	}
	default:
		assert_int_equal(media_send_digits(line->media, caller->stream,
						   op, "1w#", 40, 40),
				 0);
	}
	if (rand() % 3 == 0)
		media_stop(line->media, caller->stream, op);
}

/* Of each operation one end, of each stream one close, after the ends. */
static void count(const struct line *line, const struct caller *callers,
		  size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned ends[64] = {0}, closed = 0;

		for (size_t k = 0; k < line->event_count; k++) {
			const struct media_event *e = &line->events[k].e;

			if (e->stream != callers[i].stream)
				continue;
			assert_int_equal(closed, 0);
			if (e->type == MEDIA_CLOSED)
				closed++;
			else if (e->type <= MEDIA_DTMF_DONE)
				ends[e->op]++;
			if (e->result == MEDIA_FAILED)
				assert_true(line->events[k].text[0]);
		}
		assert_int_equal(closed, 1);
		for (unsigned op = 1; op <= callers[i].ops; op++)
			assert_int_equal(ends[op], 1);
	}
}

static void remove_recordings(void)
{
	for (unsigned n = 0; n < STREAMS; n++)
		for (unsigned op = 1; op <= OPS * 4; op++) {
			char path[64];

			snprintf(path, sizeof(path), "crowd/%u-%u.wav", n, op);
			unlink(path);
		}
	rmdir("crowd");
}

static void a_hundred_streams_at_random_end_each_operation_once(void **state)
{
	static struct caller callers[STREAMS];
	struct line line;
	size_t opened = 0, closed = 0;
	(void)state;

	srand(42);
	line_open(&line, 3, 21200, 21399);
	while (closed < STREAMS) {
		size_t pick = (size_t)rand() % STREAMS;
		struct caller *c = &callers[pick];

		if (opened < STREAMS && opened - closed < AT_ONCE) {
			c = &callers[opened++];
			peer_open(&c->peer, "127.0.0.1");
			c->stream = line_stream(&line, &c->peer, &c->laddr);
			c->open = true;
		}
		if (c->open && c->ops < OPS) {
			begin_op(&line, c, (unsigned)(c - callers));
			peer_send(&c->peer, &c->laddr, 160, 0x90);
			peer_send_event(&c->peer, &c->laddr, 3, true,
					c->peer.ts, 800);
		} else if (c->open && rand() % 4 == 0) {
			media_stream_close(line.media, c->stream);
			c->open = false;
			closed++;
		}
		if (rand() % 3 == 0)
			line_turn(&line, NULL);
	}
	line_until(&line, NULL, !media_stream_count(line.media));
	assert_int_equal(line_count(&line, MEDIA_CLOSED), STREAMS);
	count(&line, callers, STREAMS);
	for (size_t i = 0; i < STREAMS; i++)
		peer_close(&callers[i].peer);
	line_close(&line);
	remove_recordings();
}

/* The events of media_free() come while it runs. */
static void free_with_open_streams_reports_all_of_them(void **state)
{
	static struct caller callers[10];
	struct line line;
	(void)state;

	srand(43);
	line_open(&line, 2, 21200, 21399);
	for (unsigned i = 0; i < 10; i++) {
		struct caller *c = &callers[i];

		peer_open(&c->peer, "127.0.0.1");
		if (i < 7) {
			c->stream = line_stream(&line, &c->peer, &c->laddr);
		} else { /* opened, never begun */
			sa_set_str(&c->laddr, "127.0.0.1", 0);
			assert_int_equal(media_stream_open(line.media,
							   &c->laddr, NULL,
							   &c->stream),
					 0);
		}
		for (int k = 0; k < 6; k++)
			begin_op(&line, c, i);
	}
	line_turn(&line, NULL);
	media_free(line.media);
	assert_int_equal(line_count(&line, MEDIA_CLOSED), 10);
	count(&line, callers, 10);
	for (size_t i = 0; i < 10; i++)
		peer_close(&callers[i].peer);
	loop_free(line.loop);
	free(line.events);
	remove_recordings();
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* In which ms of the 20 a stream sends: the median over its packets. */
static unsigned slot_of(const struct peer *peer)
{
	enum { FIRST = 2, N = 15 };
	uint64_t at[N], base = peer->in[FIRST].at_ns;

	for (unsigned i = 0; i < N; i++) /* late by, from the first's grid */
		at[i] = peer->in[FIRST + i].at_ns - base + 1000000000ull -
			20000000ull * i;
	qsort(at, N, sizeof(*at), compare);
	return (unsigned)((base + at[N / 2] - 1000000000ull) / 1000000 % 20);
}

static void streams_are_spread_over_the_tick(void **state)
{
	enum { N = 20 };
	static struct caller callers[N];
	unsigned slots[20] = {0}, used = 0;
	struct line line;
	(void)state;

	line_open(&line, 1, 21200, 21399);
	for (unsigned i = 0; i < N; i++) {
		peer_open(&callers[i].peer, "127.0.0.1");
		callers[i].stream =
			line_stream(&line, &callers[i].peer, &callers[i].laddr);
	}
	for (unsigned i = 0; i < N; i++)
		line_until(&line, &callers[i].peer,
			   callers[i].peer.in_count >= 20);
	for (unsigned i = 0; i < N; i++) {
		line_hang_up(&line, &callers[i].peer, callers[i].stream);
		slots[slot_of(&callers[i].peer)]++;
		peer_close(&callers[i].peer);
	}
	/* All began within a moment. 20 streams, 20 slots, one in each; this
	 * machine's noise moves some into a neighbour's. */
	for (unsigned i = 0; i < 20; i++)
		used += slots[i] > 0;
	assert_true(used >= 12);
	line_close(&line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_hundred_streams_at_random_end_each_operation_once),
		cmocka_unit_test(free_with_open_streams_reports_all_of_them),
		cmocka_unit_test(streams_are_spread_over_the_tick),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
